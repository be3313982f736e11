"""Small facts beside the blobs, such as "this step made that layer": a cache that may be lost at any time.

A record carries a version and a checksum. Whatever is not exactly as it was written (half a file, flipped
bits, another version) counts as not there.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any

from hivebase import fs
from hivebase.digest import Digest
from hivebase.errors import HivebaseError
from hivebase.locks import FileLock
from hivebase.oci import strict_json
from hivebase.oci.model import canonical_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_VERSION = 1
_NAMESPACE = re.compile(r"[a-z][a-z0-9-]{0,63}\Z", re.ASCII)


class Records:
    """The records of one store.

    Args:
        directory: ``.hivebase/records``.
        lock: path of the lock that tells temporary files of the living from those of the dead.
    """

    def __init__(self, directory: Path, lock: Path) -> None:
        self._directory = directory
        self._lock = lock

    def get(self, namespace: str, key: Digest) -> dict[str, object] | None:
        """Return the record, or None if there is none that is intact."""
        path = self._path(namespace, key)
        try:
            data = path.read_bytes()
            document = strict_json.loads(data, what="the record")
        except (OSError, HivebaseError):
            return None
        if not isinstance(document, dict) or document.get("version") != _VERSION:
            return None
        value = document.get("value")
        if not isinstance(value, dict) or document.get("sum") != _checksum(namespace, key, value):
            return None
        return value

    def put(self, namespace: str, key: Digest, value: dict[str, Any]) -> None:
        """Write the record, in place of an older one.

        Args:
            namespace: lower-case letters, digits and hyphens.
            key: what it is found by.
            value: anything that is JSON.

        Raises:
            SystemFaultError: it cannot be written.
        """
        path = self._path(namespace, key)
        try:
            for directory in (path.parent.parent, path.parent):  # mkdir(parents=True) would forget the mode
                directory.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise fs.system_fault(error, "cannot write the record", where=path) from error
        document = {"version": _VERSION, "sum": _checksum(namespace, key, value), "value": value}
        with FileLock(self._lock, shared=True):
            fs.atomic_write(path.parent, path.name, canonical_json(document))

    def drop(self, namespace: str, key: Digest) -> None:
        """Remove the record, if there is one."""
        self._path(namespace, key).unlink(missing_ok=True)

    def clean(self) -> None:
        """Remove the temporary files that killed writers left."""
        with FileLock(self._lock):
            for path in self._directory.glob("*/??/.*.tmp"):
                path.unlink(missing_ok=True)

    def all(self, namespace: str) -> Iterator[tuple[Digest, dict[str, object]]]:
        """Yield all intact records of a namespace with their keys, in the order of the keys."""
        for path in sorted((self._directory / _checked(namespace)).glob("??/*")):
            with contextlib.suppress(HivebaseError):
                key = Digest.parse(f"sha256:{path.name}")
                if (value := self.get(namespace, key)) is not None:
                    yield key, value

    def _path(self, namespace: str, key: Digest) -> Path:
        name = Digest.parse(key).hex
        return self._directory / _checked(namespace) / name[:2] / name


def _checked(namespace: str) -> str:
    if not _NAMESPACE.match(namespace):
        raise ValueError(f"not a namespace of records: {namespace!r}")
    return namespace


def _checksum(namespace: str, key: str, value: dict[str, Any]) -> str:
    # Namespace and key belong to it: a record that was moved or copied says nothing about its new place.
    return Digest.of(canonical_json([namespace, key, value]))
