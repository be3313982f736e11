"""Images that look as if they had a Python, to those who only look: a few files of a few bytes, nothing to execute."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from tests.archives import archive, directory, file, symlink

if TYPE_CHECKING:
    from pathlib import Path

X86_64 = 62
"""``e_machine`` of the System V ABI."""

TEMPLATE = (
    "SCRIPT_TEMPLATE = r'''import sys\nfrom %(module)s import %(import_name)s\nsys.exit(%(func)s())\n'''\n"
)


def binary(text: bytes, machine: int = X86_64) -> bytes:
    """Return the beginning of an ELF file for ``machine``, and ``text`` somewhere in it."""
    return b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 3, machine) + bytes(40) + text


def debian_python(version: str = "3.11.2", glibc: str = "2.36") -> bytes:
    """Return a root file system, as a tar archive, with the files of a Debian Python that are looked at."""
    minor = version.rpartition(".")[0]
    pip = "usr/lib/python3/dist-packages/pip"
    libc = f"GNU C Library (Debian GLIBC {glibc}-9) stable release version {glibc}.\n"
    return archive(
        *map(directory, ("usr", "usr/bin", "usr/lib", f"usr/lib/python{minor}", "usr/lib/python3")),
        file(f"usr/bin/python{minor}", binary(b"\0" + version.encode() + b"\0"), mode=0o755),
        symlink("usr/bin/python3", f"python{minor}"),
        file("usr/bin/pip", b"#!/usr/bin/python3\nimport pip\n", mode=0o755),
        file(f"usr/lib/python{minor}/os.py", b"#\n"),
        file(f"{pip}/_vendor/distlib/scripts.py", TEMPLATE.encode()),
        file(f"{pip}/_internal/operations/install/wheel.py", b"#\n"),
        file("lib/x86_64-linux-gnu/libc.so.6", binary(libc.encode())),
    )


def write_debian_python(path: Path) -> Path:
    """Write :func:`debian_python` to ``path``; return it."""
    path.write_bytes(debian_python())
    return path
