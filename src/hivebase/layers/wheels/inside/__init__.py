"""Programs for the interpreters of images: they run in a sandbox, never in this process."""

from __future__ import annotations

from pathlib import Path


def program(name: str) -> bytes:
    """Return the text of the program ``name``.

    By its path: ``importlib.resources`` loads a dozen modules for the same, while a sandbox waits.
    """
    return Path(__file__).with_name(name).read_bytes()
