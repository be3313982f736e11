"""A hive as a file for ``docker buildx bake``: one target per image, linked by named contexts."""
