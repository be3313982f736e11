"""Unpacked layers, kept to be mounted: a cache below the store's private directory.

::

    snapshots/                    0700: holds setuid files of images (fault S-13)
    └── diff-<hex>/               named by DiffID: the same for every image that has this layer
        ├── tree/                 the layer in overlayfs' format
        └── complete              what was put there, and during which boot of the machine

A layer whose unpacked form depends on the layers below it (:class:`~hivebase.layers.apply.Applied`) is kept
as ``chain-<hex>`` by its ChainID instead.

Nothing here is synced, since everything can be unpacked again. A directory gets its final name last, so a
killed process leaves no half snapshot under it. A power cut may, because the name can reach the disk before
the files: a snapshot made during another boot is therefore compared with its fingerprint once before it is
used.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self, cast

import msgspec

from hivebase.digest import Digest
from hivebase.errors import CorruptContentError, SystemFaultError
from hivebase.fs import Directory, remove_tree, system_fault
from hivebase.layers.apply import apply
from hivebase.layers.tree import StackedTree, is_opaque
from hivebase.layers.walk import walk
from hivebase.oci.inflate import inflated
from hivebase.oci.model import chain_ids

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hivebase.oci.model import Descriptor
    from hivebase.oci.store import Store

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_TREE, _MARKER = "tree", "complete"
_UNFINISHED = ".tmp"


class _Marker(msgspec.Struct, frozen=True):
    """The file that makes a snapshot complete."""

    boot: str
    fingerprint: str
    size: int


@dataclass(frozen=True, slots=True)
class Usage:
    """One snapshot: name, bytes on the disk, and time of the last use in seconds since 1970."""

    name: str
    size: int
    used: int


class InUseError(SystemFaultError):
    """Something cannot be removed now, because another process works with it."""


class Snapshots:
    """The unpacked layers of a store. Safe between threads and processes.

    From the first use until :meth:`close`, or the end of the process, no other process removes a snapshot.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._root = store.state / "snapshots"
        self._in_use = store.lock("snapshots", shared=True)
        self._holding = False
        self._threads = threading.Lock()

    def directories(self, layers: Sequence[Descriptor], diff_ids: Sequence[str]) -> list[Path]:
        """Return the directories of layers, lowest first, unpacking what is not there yet.

        Layers below one that hides everything (an opaque root) are left out, because the kernel ignores that
        mark on a root. A layer that an image has twice is there once, at the higher place.

        Raises:
            NotFoundError: the store does not have a layer.
            CorruptContentError: a layer is damaged, is not what its DiffID says (fault A-10), or cannot be
                unpacked as it is.
            SystemFaultError: the machine cannot unpack it.
        """
        self._hold()
        directories: list[Path] = []
        for layer, diff_id, chain_id in zip(layers, diff_ids, chain_ids(tuple(diff_ids)), strict=True):
            names = _names(diff_id, chain_id)
            found = next(filter(None, map(self._find, names)), None)
            if found is None:
                found = self._unpack(layer, Digest.parse(diff_id), names, directories)
            # The kernel refuses a stack that has one directory twice. The lower one shows nowhere: all that it has,
            # and all that it hides, the upper one has and hides as well.
            below = [path for path in directories if path != found]
            with Directory.open(found) as directory:
                directories = [found] if is_opaque(directory.fd) else [*below, found]
        return directories

    def unpacked(self, diff_ids: Sequence[str]) -> list[Path | None]:
        """Return where each layer of a chain is unpacked, lowest first; None for one that is not."""
        if not self._root.is_dir():
            return [None] * len(diff_ids)
        self._hold()
        return [
            next(filter(None, map(self._find, _names(diff_id, chain_id))), None)
            for diff_id, chain_id in zip(diff_ids, chain_ids(tuple(diff_ids)), strict=True)
        ]

    def adopt(self, upper: Path, diff_id: Digest) -> Path:
        """Keep ``upper`` as the unpacked form of the layer that was made of it.

        Args:
            upper: as :func:`~hivebase.layers.diff.layer_from_upper` left it, on the file system of the store;
                it is gone afterwards.
            diff_id: of the layer.

        Raises:
            SystemFaultError: it cannot be moved there.
        """
        self._hold()
        name = f"diff-{diff_id.hex}"
        try:
            with self._store.lock(f"snapshot-{name}"):
                found = self._find(name)
                if found is not None:
                    remove_tree(upper)
                    return found
                work = self._start(name)
                upper.rename(work / _TREE)
                return self._finish(work, name)
        except OSError as error:
            raise system_fault(error, "cannot keep the unpacked layer", where=self._root) from error

    def usage(self) -> list[Usage]:
        """Return all complete snapshots, sorted by name."""
        found = []
        for path in sorted(self._root.iterdir()) if self._root.is_dir() else []:
            marker = _read_marker(path)
            if marker is not None and not path.name.endswith(_UNFINISHED):
                with suppress(FileNotFoundError):  # removed meanwhile
                    used = int((path / _MARKER).stat().st_mtime)
                    found.append(Usage(path.name, marker.size, used))
        return found

    def remove(self, *names: str) -> None:
        """Remove snapshots, and whatever killed processes left unfinished.

        Raises:
            InUseError: another process uses snapshots.
            SystemFaultError: something cannot be removed.
        """
        alone = self._store.lock("snapshots")
        if not alone.try_acquire():
            raise InUseError(
                "unpacked layers are in use",
                where=str(self._root),
                why="another hivebase process is building or running an image",
                hint="try again when it has finished",
            )
        try:
            for path in sorted(self._root.iterdir()):
                if path.name in names or path.name.endswith(_UNFINISHED):
                    (path / _MARKER).unlink(missing_ok=True)  # so that a half removed snapshot is none
                    remove_tree(path)
        except OSError as error:
            raise system_fault(error, "cannot remove the unpacked layer", where=self._root) from error
        finally:
            alone.release()

    def close(self) -> None:
        """Let other processes remove snapshots again."""
        with self._threads:
            self._in_use.release()
            self._holding = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _hold(self) -> None:
        with self._threads:
            if not self._holding:
                self._root.mkdir(mode=0o700, exist_ok=True)
                self._in_use.acquire()
                self._holding = True

    def _find(self, name: str) -> Path | None:
        """Return the tree of a snapshot that is complete, and note that it was used."""
        path = self._root / name
        marker = _read_marker(path)
        if marker is None:
            return None
        if marker.boot != _boot():
            if _fingerprint(path / _TREE)[0] != marker.fingerprint:
                return None
            _write_marker(path, msgspec.structs.replace(marker, boot=_boot()))
        with suppress(OSError):
            os.utime(path / _MARKER)
        return path / _TREE

    def _unpack(
        self, layer: Descriptor, diff_id: Digest, names: tuple[str, str], below: Sequence[Path]
    ) -> Path:
        where = f"layer {diff_id.short}"
        try:
            # Whether the layer stands alone is known only when it is unpacked; until then its DiffID is
            # locked.
            with self._store.lock(f"snapshot-{names[0]}"):
                found = next(filter(None, map(self._find, names)), None)
                if found is not None:
                    return found
                work = self._start(names[0])
                tree = work / _TREE
                tree.mkdir()
                tree.chmod(0o755)  # this is / for every user of the image
                try:
                    with self._store.open_blob(layer.digest) as blob:
                        stream = _Hashed(inflated(blob, where=where))
                        applied = apply(cast("BinaryIO", stream), tree, lower=StackedTree(below), where=where)
                    _check_diff_id(stream.digest, diff_id, where)
                except BaseException:
                    remove_tree(work)
                    raise
                return self._finish(work, names[not applied.self_contained])
        except OSError as error:
            raise system_fault(error, "cannot unpack the layer", where=where) from error

    def _start(self, name: str) -> Path:
        """Return a new directory to fill; the caller holds the lock, so an old one is a killed process's."""
        work = self._root / (name + _UNFINISHED)
        remove_tree(work)
        work.mkdir(mode=0o700)
        return work

    def _finish(self, work: Path, name: str) -> Path:
        """Give a filled directory its name."""
        fingerprint, size = _fingerprint(work / _TREE)
        _write_marker(work, _Marker(_boot(), fingerprint, size))
        final = self._root / name
        remove_tree(final)  # there only if it was found damaged
        work.rename(final)
        return final / _TREE


def _names(diff_id: str, chain_id: Digest) -> tuple[str, str]:
    return f"diff-{Digest.parse(diff_id).hex}", f"chain-{chain_id.hex}"


def _check_diff_id(actual: Digest, expected: Digest, where: str) -> None:
    if actual != expected:
        raise CorruptContentError(
            f"the layer is not what the image says: its DiffID is {actual}",
            where=where,
            why=f"the configuration lists {expected}",
        )


class _Hashed:
    """Passes a stream on and hashes it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()

    @property
    def digest(self) -> Digest:
        return Digest.from_hash(self._hash)

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._hash.update(data)
        return data


def _boot() -> str:
    return _BOOT.read_text(encoding="ascii").strip()


def _read_marker(path: Path) -> _Marker | None:
    try:
        return msgspec.json.decode((path / _MARKER).read_bytes(), type=_Marker)
    except (OSError, msgspec.DecodeError):
        return None


def _write_marker(path: Path, marker: _Marker) -> None:
    temporary = path / f"{_MARKER}.{secrets.token_hex(8)}{_UNFINISHED}"
    temporary.write_bytes(msgspec.json.encode(marker))
    temporary.rename(path / _MARKER)


def _fingerprint(tree: Path) -> tuple[str, int]:
    """Return a digest over names, modes, sizes and times of a tree, and the bytes it takes on the disk.

    Contents are left out: after a power cut, what was not written is missing or has another size.
    """
    state, size = hashlib.sha256(), 0
    with Directory.open(tree) as root:
        for visit in walk(root):
            if visit.leaving:
                continue
            status = visit.status
            length = 0 if stat.S_ISDIR(status.st_mode) else status.st_size
            state.update(
                f"{visit.path}\0{status.st_mode}\0{length}\0{status.st_mtime_ns}\0".encode(
                    "utf-8", "surrogateescape"
                )
            )
            size += status.st_blocks * 512
    return state.hexdigest(), size
