"""Text to instructions with source positions; variable expansion; ``.dockerignore``. No I/O, no images."""
