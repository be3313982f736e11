"""The version of this library; a test holds it equal to pyproject.toml."""

__version__ = "1.0.0"
