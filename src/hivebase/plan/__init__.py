"""Instructions, a hive and content digests to a build plan: graph, cache keys, coded reasons. Pure: no I/O."""
