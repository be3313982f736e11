"""Instructions, a hive and content digests to a build plan: graph, cache keys, reasons. Pure: no I/O."""
