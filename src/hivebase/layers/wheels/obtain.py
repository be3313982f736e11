"""One wheel from one address, verified, with errors that name the wheel."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from hivebase.digest import CHUNK, Digest
from hivebase.errors import CorruptContentError, NotFoundError, UsageError
from hivebase.fs import system_fault
from hivebase.transport import HttpFetcher, redact

if TYPE_CHECKING:
    from collections.abc import Callable

    from hivebase.plan.wheels import LockedWheel
    from hivebase.transport import Transport


def obtain(wheel: LockedWheel, address: str, sink: Callable[[bytes], object], transport: Transport) -> None:
    """Pass the bytes of ``wheel`` to ``sink``, which must not trust them before this returns.

    Args:
        wheel: what is wanted; its hash decides, and its size where the lock knows it.
        address: ``http(s)``, ``file:`` or a path.
        sink: takes the bytes in order.
        transport: for what is not on this machine.

    Raises:
        NotFoundError: nothing is there.
        CorruptContentError: something else is there.
        UnreachableError: the server does not answer.
        SystemFaultError: it cannot be read, or the server refused.
    """
    path = local_path(address)
    try:
        if path is not None:
            _copy(wheel, path, sink)
        else:
            HttpFetcher(transport).fetch(address, sink, digest=wheel.digest, size=wheel.size or None)
    except CorruptContentError as error:
        raise CorruptContentError(
            f"{wheel.file} is not the wheel that was locked",
            where=redact(address),
            why=error.what,
            hint=f"if its publisher replaced it: hivebase lock --upgrade-package {wheel.name}; else do not trust "
            "this index",
        ) from error
    except NotFoundError as error:
        raise NotFoundError(
            f"{wheel.file} is not where the index says", where=redact(address), why=error.why, hint=_HINT
        ) from error
    except UsageError as error:
        raise UsageError(
            f"{wheel.file} cannot be fetched", where=redact(address), why=error.what, hint=_HINT
        ) from error


_HINT = "check the index configuration of this machine (uv.toml, pip.conf, UV_* and PIP_* variables)"


def not_found(wheel: LockedWheel) -> NotFoundError:
    """Return the error for a wheel that nobody has."""
    return NotFoundError(
        f"no index has {wheel.file}",
        why=f"the lock wants the file with sha256 {wheel.sha256}, and no index of this machine lists it",
        hint=f"{_HINT}, or hivebase lock --upgrade-package {wheel.name}",
    )


def local_path(address: str) -> Path | None:
    """Return the path that ``address`` means, None if it is not on this machine."""
    if address.startswith("/"):
        return Path(address)
    url = urlsplit(address)
    if url.scheme == "file" and url.netloc in {"", "localhost"}:
        return Path(unquote(url.path))
    return None


def _copy(wheel: LockedWheel, path: Path, sink: Callable[[bytes], object]) -> None:
    """Copy a local file; a copy, because what lies in a directory of packages may change."""
    state, size = hashlib.sha256(), 0
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                state.update(chunk)
                size += len(chunk)
                sink(chunk)
    except FileNotFoundError as error:
        raise NotFoundError(f"{path} does not exist", why="there is no such file") from error
    except OSError as error:
        # An error of the sink is about our own disk, and says so itself.
        raise system_fault(error, f"cannot copy {wheel.file}", where=path) from error
    actual = Digest.from_hash(state)
    if actual != wheel.digest or (wheel.size and size != wheel.size):
        raise CorruptContentError(f"it has {size} bytes and digest {actual}, expected {wheel.digest}")
