"""Layers of wheels that were made before, by what they were made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hivebase.errors import CorruptContentError, HivebaseError, NotFoundError
from hivebase.fs import atomic_write_unsynced, system_fault
from hivebase.layers.wheels import passthrough
from hivebase.layers.wheels.jobs import LayerMade
from hivebase.plan.keys import fingerprint
from hivebase.seal import seal, unseal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from hivebase.digest import Digest
    from hivebase.layers.wheels.jobs import Place, Requested
    from hivebase.layers.wheels.scheme import Scheme
    from hivebase.oci.store import Store

FORMAT = 3
"""Raise it whenever the same wheels would give other layers."""

_MAGIC = b"hivebase wheel layer 1\n"


def layer_key(
    wheels: Sequence[tuple[str, str]],
    scheme: Scheme,
    places: Sequence[Place],
    epoch: int,
    receipts: Sequence[Requested] = (),
    *,
    compiled: bool,
) -> Digest:
    """Return what a layer of wheels depends on.

    Args:
        wheels: sha256 of the file, and the name for its headers, in order.
        scheme: where they go.
        places: of the image's directories.
        epoch: the time of everything.
        receipts: that are in the layer.
        compiled: whether there is bytecode; only then the build of the interpreter counts.
    """
    python = scheme.python
    return fingerprint(
        FORMAT,
        passthrough.FORMAT,
        [list(wheel) for wheel in wheels],
        [scheme.profile, scheme.executable, scheme.purelib, scheme.platlib, scheme.scripts, scheme.data],
        [scheme.headers, scheme.template, python.minor],
        [[place.path, place.mode, place.uid, place.gid, place.link] for place in places],
        epoch,
        [python.version, python.build] if compiled else None,
        *([[item.itself, item.direct_url] for item in receipts]),
    )


class KeptLayers:
    """The cache of one store. Safe between threads and processes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._directory = store.state / "cache" / "wheel-layers"

    def get(self, key: Digest) -> LayerMade | None:
        """Return the layer made for ``key``, if its blob is there and intact."""
        made = self._read(self._directory / key.hex)
        if made is None:
            return None
        try:
            self._store.verify(made.descriptor.digest)
        except (NotFoundError, CorruptContentError):
            return None
        return made

    def put(self, key: Digest, made: LayerMade) -> None:
        """Remember a layer.

        Raises:
            SystemFaultError: it cannot be written.
        """
        data = msgspec.msgpack.encode(made)
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._store.lock("wheel-layers", shared=True):
                atomic_write_unsynced(self._directory, key.hex, seal(_MAGIC, data))
        except OSError as error:
            raise system_fault(error, "cannot remember a layer", where=self._directory) from error

    def blobs(self) -> Iterator[str]:
        """Yield the digests of all blobs that are remembered."""
        for path in sorted(self._directory.glob("*")):
            made = self._read(path)
            if made is not None:
                yield made.descriptor.digest

    def clear(self, *, dry_run: bool = False) -> int:
        """Forget everything; return how many layers that were."""
        count = 0
        with self._store.lock("wheel-layers"):
            for path in sorted(self._directory.glob("*")):
                count += 1
                if not dry_run:
                    path.unlink()
        return count

    def _read(self, path: Path) -> LayerMade | None:
        try:
            body = unseal(_MAGIC, path.read_bytes())
        except OSError:
            return None
        if body is None:
            return None
        try:
            return msgspec.msgpack.decode(body, type=LayerMade)
        except (msgspec.MsgspecError, HivebaseError):
            return None
