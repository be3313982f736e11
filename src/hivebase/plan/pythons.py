"""An interpreter in an image, as far as planning must know it: which wheels it takes, which markers are true."""

from __future__ import annotations

import msgspec


class Python(msgspec.Struct, frozen=True):
    """A CPython on Linux.

    Attributes:
        version: ``3.11.2``.
        libc: ``glibc`` or ``musl``.
        libc_version: ``(2, 36)``.
        machine: as ``uname -m`` and wheel tags say it: ``x86_64``, ``aarch64``.
        build: digest of what executes bytecode, hex: another build may compile to other bytes.
    """

    version: str
    libc: str
    libc_version: tuple[int, int]
    machine: str
    build: str

    @property
    def minor(self) -> str:
        """``3.11``."""
        return ".".join(self.version.split(".")[:2])

    @property
    def platform(self) -> str:
        """The platform as uv's ``--python-platform`` names it: ``x86_64-manylinux_2_36``."""
        kind = "manylinux" if self.libc == "glibc" else "musllinux"
        return f"{self.machine}-{kind}_{self.libc_version[0]}_{self.libc_version[1]}"
