"""The sides of the comparison: each can build, push and forget the hive."""
