"""Compiled modules of small wheels, kept: such a wheel shares its layer, and is laid out again when another changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hivebase.fs import atomic_write_unsynced, system_fault
from hivebase.layers.wheels.bytecode import sealed, unsealed
from hivebase.plan.keys import fingerprint

if TYPE_CHECKING:
    from pathlib import Path

    from hivebase.digest import Digest
    from hivebase.layers.wheels.scheme import Scheme
    from hivebase.oci.store import Store

FORMAT = 2
"""Raise it whenever the same wheel would be compiled to other bytes."""


def bytecode_key(sha256: str, scheme: Scheme, name: str, epoch: int) -> Digest:
    """Return what the bytecode of a wheel depends on.

    Args:
        sha256: of the wheel.
        scheme: where its modules will be; the paths are in the code.
        name: of the distribution, for its headers.
        epoch: the modification time that the sources will have.
    """
    roots = [scheme.root(key, name) for key in ("purelib", "platlib", "scripts", "data", "headers")]
    python = scheme.python
    return fingerprint(FORMAT, sha256, roots, scheme.executable, epoch, python.version, python.build)


class KeptBytecode:
    """The kept files of one store."""

    def __init__(self, store: Store) -> None:
        self._directory = store.state / "cache" / "bytecode"

    def get(self, key: Digest) -> Path | None:
        """Return the file for ``key`` if it is there and whole."""
        path = self._directory / key.hex
        try:
            return path if unsealed(path.read_bytes()) is not None else None
        except OSError:
            return None

    def has(self, key: Digest) -> bool:
        """Tell whether there is a file for ``key``, whole or not."""
        return (self._directory / key.hex).exists()

    def put(self, key: Digest, compiled: Path) -> None:
        """Keep a copy of ``compiled``, sealed.

        Raises:
            SystemFaultError: it cannot be written.
        """
        try:
            data = compiled.read_bytes()
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            atomic_write_unsynced(self._directory, key.hex, sealed(data))
        except OSError as error:
            raise system_fault(error, "cannot keep bytecode", where=self._directory) from error

    def clear(self, *, dry_run: bool = False) -> int:
        """Remove everything; return how many files that were."""
        paths = sorted(self._directory.glob("*"))
        for path in () if dry_run else paths:
            path.unlink(missing_ok=True)
        return len(paths)
