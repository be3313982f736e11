"""``RUN --mount`` with every name resolved: what the caller asks of the sandbox, and the caches behind it.

The caller maps the plan's mounts to these classes, because it knows where stages, images, the context,
secrets and agents are.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

from hivebase.errors import UsageError
from hivebase.locks import FileLock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from hivebase.layers.sandbox.protocol import AnyMount, TreeMount, TreeSource

SECRET_MODE = 0o400
CACHE_MODE = 0o755

_NEVER_WHOLE = frozenset({"/", "/dev"})
_NEVER_BELOW = ("/proc", "/sys")


@dataclass(frozen=True, slots=True)
class Tree:
    """Unpacked layers, or one plain directory, and a path inside.

    Attributes:
        stack: directories, lowest first; none for an empty tree.
        path: of a file or directory, resolved inside the stack as in a chroot.
    """

    stack: Sequence[Path]
    path: str = "/"


@dataclass(frozen=True, slots=True)
class BindMount:
    """``type=bind``: a part of the context, of a stage or of an image.

    Attributes:
        target: absolute path in the image.
        source: what is shown.
        writable: the step may write; what it writes is thrown away.
    """

    target: str
    source: Tree
    writable: bool = False


@dataclass(frozen=True, slots=True)
class CacheMount:
    """``type=cache``: a directory that outlives the build.

    Attributes:
        target: absolute path in the image.
        id: names the cache; any text. Builders use the target when none is given.
        sharing: ``shared``: used by several steps at once; ``locked``: one after the other; ``private``: each
            of several concurrent steps gets one of its own.
        uid, gid, mode: of a new cache's directory.
        seed: what a new cache starts with.
        seed_id: names the seed, which is part of the cache's identity (a digest, say).
        writable: whether the step may write; the cache is the same one in either case.
    """

    target: str
    id: str
    sharing: Literal["shared", "private", "locked"] = "shared"
    uid: int = 0
    gid: int = 0
    mode: int = CACHE_MODE
    seed: Tree | None = None
    seed_id: str = ""
    writable: bool = True

    @property
    def key(self) -> str:
        """File name of the cache: every id becomes 64 hex digits, so none is a path (CVE-2024-9675)."""
        seed = [self.seed_id, self.seed.path] if self.seed else []
        identity = [self.id, self.uid, self.gid, self.mode, *seed]
        return hashlib.sha256(json.dumps(identity).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class TmpfsMount:
    """``type=tmpfs``: an empty file system in memory, of ``size`` bytes at most (0: half the machine's)."""

    target: str
    size: int = 0


@dataclass(frozen=True, slots=True)
class FileMount:
    """A file whose content exists in memory alone, such as the script of a heredoc."""

    target: str
    content: bytes
    uid: int = 0
    gid: int = 0
    mode: int = 0o444


@dataclass(frozen=True, slots=True, repr=False)
class SecretMount:
    """``type=secret``: as a file, as an environment variable, or both. Its value is masked in the output.

    Attributes:
        value: the secret; never written to a disk.
        target: absolute path in the image, or empty for none.
        env: name of a variable, or empty for none. The value must then be text without NUL.
    """

    value: bytes
    target: str = ""
    env: str = ""
    uid: int = 0
    gid: int = 0
    mode: int = SECRET_MODE

    def __repr__(self) -> str:
        return f"SecretMount(value=***, target={self.target!r}, env={self.env!r})"


@dataclass(frozen=True, slots=True)
class SshMount:
    """``type=ssh``: the user's agent, at ``target``; the caller sets ``SSH_AUTH_SOCK`` in the step.

    The agent's own socket is shown, so its owner and mode are the host's: a step of another user than root
    cannot use it.
    """

    target: str
    socket: Path


BoundMount = BindMount | CacheMount | TmpfsMount | FileMount | SecretMount | SshMount


def check_target(target: str) -> str:
    """Return ``target`` in plain form.

    Raises:
        UsageError: it is not absolute, or is a place that the sandbox itself needs.
    """
    plain = posixpath.normpath(target)
    if not target.startswith("/") or "\0" in target:
        raise UsageError(f"a mount target must be an absolute path, not {target!r}")
    plain = "/" + plain.strip("/")
    if plain in _NEVER_WHOLE or any(plain == top or plain.startswith(top + "/") for top in _NEVER_BELOW):
        raise UsageError(
            f"nothing can be mounted at {plain}",
            why="the container itself needs it",
            hint="choose another target",
        )
    return plain


class Caches:
    """The cache directories of one step, locked while it runs. Use as a context manager.

    Args:
        root: where caches live (``<root>/<key>/<number>``), made if missing.
        pause: waits a moment for a lock; raises to give up.
    """

    def __init__(self, root: Path | None, pause: Callable[[], object]) -> None:
        self._root = root
        self._pause = pause
        self._locks = contextlib.ExitStack()
        self._held: dict[tuple[str, str], Path] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._locks.close()

    def hold(self, mounts: Sequence[BoundMount]) -> None:
        """Lock the caches among ``mounts``, in one order for all steps, so that no two wait for each other.

        Raises:
            SystemFaultError: a lock file cannot be made.
        """
        wanted = {(mount.key, mount.sharing): mount for mount in mounts if isinstance(mount, CacheMount)}
        for identity in sorted(wanted):
            self._held[identity] = self._hold(wanted[identity])

    def directory(self, mount: CacheMount) -> Path:
        """Return where the content of ``mount`` is; it may not exist yet if the mount has a seed."""
        return self._held[mount.key, mount.sharing]

    def _hold(self, mount: CacheMount) -> Path:
        if self._root is None:
            raise ValueError("a cache mount needs a place for caches")
        home = self._root / mount.key
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        number = 0
        while True:
            # Each private cache beside the first has its own number; the other kinds all use the first.
            lock = FileLock(home / f"{number}.lock", shared=mount.sharing == "shared")
            if lock.try_acquire():
                break
            if mount.sharing == "private":
                number += 1
            else:
                self._pause()
        self._locks.callback(lock.release)
        place = home / str(number)
        if mount.seed is None and not place.exists():
            self._make(place, mount)
        return place

    @staticmethod
    def _make(place: Path, mount: CacheMount) -> None:
        temporary = place.with_name(f"{place.name}.{os.getpid()}.new")
        temporary.mkdir(exist_ok=True)
        os.chown(temporary, mount.uid, mount.gid)
        temporary.chmod(mount.mode)
        try:
            temporary.rename(place)
        except OSError:  # another step of a shared cache was faster, and has filled it
            temporary.rmdir()


def as_request(mount: BoundMount, caches: Caches) -> AnyMount | None:
    """Return ``mount`` in the helper's words, or None for a secret that is a variable alone.

    Raises:
        UsageError: its target is refused.
    """
    if isinstance(mount, SecretMount) and not mount.target:
        return None
    target = check_target(mount.target)
    if isinstance(mount, TmpfsMount):
        return {"kind": "tmpfs", "target": target, "size": mount.size}
    if isinstance(mount, SshMount):
        return {"kind": "socket", "target": target, "path": str(mount.socket)}
    if isinstance(mount, BindMount):
        writes: Literal["discard", "no"] = "discard" if mount.writable else "no"
        return {"kind": "tree", "target": target, "source": _source(mount.source), "writes": writes}
    if isinstance(mount, CacheMount):
        place: TreeSource = {"stack": [str(caches.directory(mount))], "path": "/"}
        kept: Literal["keep", "no"] = "keep" if mount.writable else "no"
        cache: TreeMount = {"kind": "tree", "target": target, "source": place, "writes": kept}
        if mount.seed is not None:
            cache["seed"] = _source(mount.seed)
        return cache
    content = mount.value if isinstance(mount, SecretMount) else mount.content
    return {
        "kind": "file",
        "target": target,
        "content": base64.b64encode(content).decode(),
        "mode": mount.mode,
        "uid": mount.uid,
        "gid": mount.gid,
    }


def _source(tree: Tree) -> TreeSource:
    return {"stack": [str(path) for path in tree.stack], "path": tree.path}
