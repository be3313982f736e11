"""The store's directories: an OCI image layout (image-spec, "Image Layout") and, inside, our private state.

::

    oci-layout, index.json, blobs/sha256/     the layout, as any OCI tool reads it
    .hivebase/version                         of the private state
    .hivebase/{ingest,leases,locks,quarantine,verified}   see the modules of those names, and blobs
    .hivebase/{records,snapshots,work,cache}  of the packages that build
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

import msgspec

from hivebase import fs
from hivebase.errors import CorruptContentError, SystemFaultError, UsageError
from hivebase.locks import FileLock

LAYOUT_VERSION = "1.0.0"
STATE_VERSION = 1
INDEX_NAME = "index.json"

_PRIVATE = ("cache", "ingest", "leases", "locks", "quarantine", "records", "snapshots", "verified", "work")
_OURS = frozenset({"oci-layout", INDEX_NAME, "blobs", ".hivebase", "ingest", "lost+found"})
_EMPTY_INDEX = b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}'


def default_root() -> Path:
    """Return ``$HIVEBASE_STORE``, else ``hivebase`` in the XDG data directory.

    Raises:
        UsageError: there is no home directory to derive it from.
    """
    if chosen := os.environ.get("HIVEBASE_STORE"):
        return Path(chosen)
    data = os.environ.get("XDG_DATA_HOME", "")
    if data.startswith("/"):  # the XDG specification says to ignore a relative one
        return Path(data) / "hivebase"
    try:
        return Path.home() / ".local/share/hivebase"
    except RuntimeError as error:
        raise UsageError(
            "there is no home directory to keep the store in", hint="set HIVEBASE_STORE"
        ) from error


def prepare(root: Path) -> Path:
    """Make sure that ``root`` is a store that this user can write; return its absolute path.

    Raises:
        SystemFaultError: it cannot be made or written, belongs to somebody else, is of a newer hivebase, or
            is a directory with other things in it.
        CorruptContentError: what makes it a store is damaged.
    """
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        root = root.resolve()
        _check_ours(root)
        state = root / ".hivebase"
        for directory in (
            root,
            state,
            root / "blobs",
            root / "blobs/sha256",
            *(state / name for name in _PRIVATE),
        ):
            _private_directory(directory)
    except FileExistsError as error:
        raise SystemFaultError(
            "the store is not a directory", where=str(error.filename or root), hint="move it away"
        ) from error
    except OSError as error:
        raise _unusable(error, root) from error
    if not _complete(root, state):
        with FileLock(state / "locks" / "refs"):
            _initialise(root, state)
    return root


def _is_ours(name: str) -> bool:
    # Another process may be making the same store at this moment: its half-written files are no strangers.
    return name in _OURS or (name.startswith((f".{INDEX_NAME}.", ".oci-layout.")) and name.endswith(".tmp"))


def _check_ours(root: Path) -> None:
    if root.stat().st_uid != os.geteuid():
        raise SystemFaultError(
            "the store belongs to another user",
            where=str(root),
            why=f"its owner has the user id {root.stat().st_uid}, this process {os.geteuid()}",
            hint="run as its owner, or set HIVEBASE_STORE to a directory of your own",
        )
    if not os.access(root, os.W_OK | os.X_OK, effective_ids=True):
        # access(2) says EACCES for a read-only file system too; creating a name tells them apart.
        read_only = bool(os.statvfs(root).f_flag & os.ST_RDONLY)
        code = errno.EROFS if read_only else errno.EACCES
        raise OSError(code, os.strerror(code))
    if not (root / ".hivebase").exists() and not (root / "oci-layout").exists():
        strange = sorted(entry.name for entry in root.iterdir() if not _is_ours(entry.name))
        if strange:
            raise SystemFaultError(
                "the directory for the store has other things in it",
                where=str(root),
                why=f"it holds for example {strange[0]!r}",
                hint="set HIVEBASE_STORE to an empty or a new directory",
            )


def _private_directory(directory: Path) -> None:
    """Make ``directory``, or make it private: unpacked images hold set-user-id files (CVE-2021-41091)."""
    directory.mkdir(mode=0o700, exist_ok=True)
    facts = directory.lstat()
    if not directory.is_dir() or directory.is_symlink() or facts.st_uid != os.geteuid():
        raise SystemFaultError(
            "a directory of the store is a link or belongs to another user",
            where=str(directory),
            hint="remove it",
        )
    if facts.st_mode & 0o777 != 0o700:
        directory.chmod(0o700)


def _complete(root: Path, state: Path) -> bool:
    """Check the versions; tell whether all files are there."""
    layout, version = _read(root / "oci-layout"), _read(state / "version")
    if layout is not None and layout.get("imageLayoutVersion") != LAYOUT_VERSION:
        raise _newer(root / "oci-layout", layout.get("imageLayoutVersion"), LAYOUT_VERSION)
    if version is not None and version.get("version") != STATE_VERSION:
        raise _newer(state / "version", version.get("version"), STATE_VERSION)
    has_index = (root / INDEX_NAME).exists()
    if version is not None and not has_index:
        raise CorruptContentError(
            "the store's list of images is missing",
            where=str(root / INDEX_NAME),
            hint=f"put a copy back, or start with an empty list: {_EMPTY_INDEX.decode()}",
        )
    return layout is not None and version is not None


def remove_leftovers(directory: Path) -> None:
    """Remove the temporary files of killed writers; for those who hold the lock that writers hold."""
    for leftover in directory.glob(".*.tmp"):
        leftover.unlink(missing_ok=True)


def _initialise(root: Path, state: Path) -> None:
    remove_leftovers(root)
    remove_leftovers(state)
    if not (root / INDEX_NAME).exists():
        fs.atomic_write(root, INDEX_NAME, _EMPTY_INDEX, mode=0o644)
    if not (root / "oci-layout").exists():
        document = msgspec.json.encode({"imageLayoutVersion": LAYOUT_VERSION})
        fs.atomic_write(root, "oci-layout", document, mode=0o644)
    for directory in (root / "blobs", root, state):
        fs.fsync_directory(directory)
    # Last, so that a store that has it has the rest.
    fs.atomic_write(state, "version", msgspec.json.encode({"version": STATE_VERSION}))


def _read(path: Path) -> dict[str, object] | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, object])
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, OSError) as error:
        raise CorruptContentError(
            "a file that makes the store is damaged",
            where=str(path),
            why=str(error),
            hint="remove it; it is written anew",
        ) from error


def _newer(path: Path, found: object, known: object) -> SystemFaultError:
    return SystemFaultError(
        "the store is of another version of hivebase",
        where=str(path),
        why=f"it says {str(found)[:40]!r}, this version knows {str(known)!r}",
        hint="use a newer hivebase, or another store (HIVEBASE_STORE)",
    )


def _unusable(error: OSError, root: Path) -> SystemFaultError:
    return fs.system_fault(
        error,
        "the store cannot be used",
        where=root,
        hint="make it writable for this user, or set HIVEBASE_STORE to another directory",
    )
