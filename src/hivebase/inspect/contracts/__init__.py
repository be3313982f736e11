"""Contract tests of images, in the YAML of container-structure-test (schema 2.0.0), inherited by children."""
