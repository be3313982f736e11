"""One step to one layer: RUN in a sandbox, COPY and ADD, deterministic tar, snapshots."""
