"""The errors of this library."""

from __future__ import annotations


class ConfigurationError(Exception):
    """The environment does not describe a valid configuration; the message names every wrong variable."""
