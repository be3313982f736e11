"""The compiled modules of one wheel in one file: what the compiling sandbox hands over.

A series of records: four bytes of length and the absolute path of the source, four bytes of length and the ``.pyc``
(PEP 552, checked by time). The file comes from inside a sandbox, so nothing in it is trusted but its bytes as bytes.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from hivebase.errors import BuildError
from hivebase.seal import seal, unseal

if TYPE_CHECKING:
    from pathlib import Path

_LENGTH = struct.Struct("<I")


_SEAL = b"hivebase bytecode 1\n"


def sealed(data: bytes) -> bytes:
    """Return ``data`` with its hash in front."""
    return seal(_SEAL, data)


def unsealed(data: bytes) -> bytes | None:
    """Return what was sealed, None if it has changed since; what has no seal comes back as it is."""
    if not data.startswith(_SEAL):
        return data
    content = unseal(_SEAL, data)
    return None if content is None else bytes(content)


def read(path: Path) -> dict[str, bytes]:
    """Return bytecode by path of the source.

    Raises:
        BuildError: it is not such a file.
    """
    data = unsealed(path.read_bytes())
    if data is None:
        raise BuildError("kept bytecode is damaged", where=str(path), hint="hivebase prune --all forgets it")
    found: dict[str, bytes] = {}
    at = 0
    while at < len(data):
        fields = []
        for _ in range(2):
            end = at + _LENGTH.size
            length = _LENGTH.unpack_from(data, at)[0] if end <= len(data) else -1
            if length < 0 or end + length > len(data):
                raise BuildError("the interpreter of the image did not compile the modules as asked")
            fields.append(data[end : end + length])
            at = end + length
        found[fields[0].decode("utf-8", "surrogateescape")] = fields[1]
    return found


def place(source: str, minor: str) -> str:
    """Return where the bytecode of ``source`` belongs (PEP 3147): ``a/b.py`` to ``a/__pycache__/b.cpython-311.pyc``."""
    directory, _, name = source.rpartition("/")
    return f"{directory}/__pycache__/{name.removesuffix('.py')}.cpython-{minor.replace('.', '')}.pyc"
