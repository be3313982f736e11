"""RUN in a sandbox: an OCI runtime (runc or crun) on an overlay of unpacked layers, without a daemon."""
