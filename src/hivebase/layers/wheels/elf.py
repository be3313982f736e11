"""What the binaries of an image say of it: its machine, its C library, its interpreter's version."""

from __future__ import annotations

import re
import struct

_MACHINES = {
    3: "i686",
    20: "ppc",
    21: "ppc64le",
    22: "s390x",
    40: "armv7l",
    62: "x86_64",
    183: "aarch64",
    243: "riscv64",
}
"""``e_machine`` (System V ABI) to the name in wheel tags."""

_GLIBC = re.compile(rb"GNU C Library [^\n]{0,200}? version (\d+)\.(\d+)")
_MUSL = re.compile(rb"(?<![\d.])1\.(\d+)\.\d+\0")


def machine(binary: bytes) -> str:
    """Return the machine that an ELF file is for, or '' if it is none or for an unknown one."""
    if binary[:4] != b"\x7fELF" or len(binary) < 20:
        return ""
    order = "<" if binary[5] == 1 else ">"
    return _MACHINES.get(struct.unpack_from(f"{order}H", binary, 18)[0], "")


def glibc_version(binary: bytes) -> str:
    """Return ``2.36`` from the text that ``libc.so.6`` prints when it is executed, or ''."""
    found = _GLIBC.search(binary)
    return f"{int(found[1])}.{int(found[2])}" if found else ""


def musl_version(binary: bytes) -> str:
    """Return ``1.2`` from a musl loader, or ''."""
    found = _MUSL.search(binary)
    return f"1.{int(found[1])}" if found else ""


def python_version(binary: bytes, minor: str) -> str:
    """Return the full version that an interpreter of version ``minor`` (``3.11``) has compiled in, or ''.

    ``PY_VERSION`` stands by itself in the binary, in front of a NUL (``Include/patchlevel.h``).
    """
    pattern = rb"(?<![\w.])" + re.escape(minor.encode()) + rb"\.\d+(?:(?:a|b|rc)\d+)?\+?(?=[\0 ])"
    found = sorted({match.decode() for match in re.findall(pattern, binary)})
    return found[0].rstrip("+") if len(found) == 1 else ""
