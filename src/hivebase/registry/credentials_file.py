"""One file of credentials as docker, podman and skopeo write it: how it is read, and how one entry is changed.

``config.json`` (Docker) and ``auth.json`` (containers-auth.json(5)) are the same for us: ``auths`` has an entry for
each registry, ``credHelpers`` names a program for single registries, ``credsStore`` one for all others.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from hivebase import fs
from hivebase.errors import CorruptContentError, SystemFaultError, UsageError
from hivebase.reference import DEFAULT_REGISTRY
from hivebase.registry.settings import HUB_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

HUB_KEY = "https://index.docker.io/v1/"
"""What Docker calls Docker Hub, in its file and when it asks a helper."""

_MOST = 4 << 20


def load(path: Path) -> dict[str, Any]:
    """Return the document in ``path``; an empty or absent file is an empty document.

    Raises:
        UsageError: it cannot be understood; what it says is not repeated.
        SystemFaultError: it cannot be read.
    """
    from hivebase.oci import strict_json  # noqa: PLC0415 -- only where a registry is asked

    try:
        with path.open("rb") as stream:
            data = stream.read(_MOST + 1)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise SystemFaultError(
            "the file with registry credentials cannot be read",
            where=str(path),
            why=error.strerror or str(error),
        ) from error
    try:
        document = strict_json.loads(data, what="the file with registry credentials") if data.strip() else {}
    except CorruptContentError as error:
        raise UsageError(error.what, where=str(path), why=error.why) from None
    if not isinstance(document, dict):
        raise UsageError("not a JSON object", where=str(path))
    return document


def table(document: Mapping[str, Any], key: str, path: Path) -> dict[str, Any]:
    """Return the object ``key`` of a document, empty if there is none.

    Raises:
        UsageError: it is something else.
    """
    found = document.get(key)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise UsageError(f"{key} is not a JSON object", where=str(path))
    return found


def lookup(entries: Mapping[str, Any], key: str) -> tuple[str, Any] | None:
    """Return the entry for ``key``, with the spelling it was found under."""
    if key in entries:
        return key, entries[key]
    return next(((spelling, entries[spelling]) for spelling in spellings(entries, key)), None)


def spellings(entries: Mapping[str, Any], key: str) -> list[str]:
    """Return the keys of ``entries`` that mean ``key``."""
    return [spelling for spelling in entries if spelling == key or _plain(spelling) == key]


def store_key(registry: str) -> str:
    """Return what a registry is called where ``credsStore`` is asked."""
    return HUB_KEY if registry == DEFAULT_REGISTRY else registry


def helper_for(document: Mapping[str, Any], registry: str, path: Path) -> tuple[str, str] | None:
    """Return the helper that keeps the credentials for a registry, and what the registry is called there; or None.

    Raises:
        UsageError: the document names something else than a helper.
    """
    if named := lookup(table(document, "credHelpers", path), registry):
        return helper_name(named[1], path), named[0]
    if store := document.get("credsStore"):
        return helper_name(store, path), store_key(registry)
    return None


def helper_name(name: object, path: Path) -> str:
    """Return the name of a helper as a document has it.

    Raises:
        UsageError: it is no string.
    """
    if not isinstance(name, str):
        raise UsageError("the name of a credential helper must be a string", where=str(path))
    return name


def put(path: Path, registry: str, entry: Mapping[str, str]) -> None:
    """Make ``entry`` the only one for ``registry`` in the file; whatever else it has stays.

    Args:
        path: the file; it and its directory are made where they are missing.
        registry: as in references, Docker Hub as ``docker.io``.
        entry: of ``auths``; empty where a helper keeps the credentials, as Docker marks that.

    Raises:
        UsageError: the file cannot be understood, so it is left alone.
        SystemFaultError: it cannot be written.
    """
    # Docker finds its Hub under its own key alone, and podman removes it under its plain name alone.
    key = store_key(registry) if path.name == "config.json" else registry

    def edit(auths: dict[str, Any]) -> bool:
        if spellings(auths, registry) == [key] and auths[key] == entry:
            return False
        _drop(auths, registry)
        auths[key] = dict(entry)
        return True

    _change(path, edit)


def remove(path: Path, registry: str) -> bool:
    """Remove what the file itself has for ``registry``; tell whether there was a credential.

    Raises:
        UsageError: the file cannot be understood.
        SystemFaultError: it cannot be written.
    """
    if not spellings(table(load(path), "auths", path), registry):
        return False
    found: list[bool] = []

    def edit(auths: dict[str, Any]) -> bool:
        found.extend(bool(entry) for entry in _drop(auths, registry))
        return bool(found)

    _change(path, edit)
    return any(found)


def _drop(auths: dict[str, Any], registry: str) -> list[Any]:
    return [auths.pop(spelling) for spelling in spellings(auths, registry)]


def _change(path: Path, edit: Callable[[dict[str, Any]], bool]) -> None:
    """Let ``edit`` change the ``auths`` of a file, and write it if it says so; readers see the old file or the new one.

    The file is its user's alone (0600), whatever it was. A link to it stays a link.
    """
    import json  # noqa: PLC0415 -- only where a file is changed

    path = path.resolve()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _alone(path.parent):
            document = load(path)
            auths = dict(table(document, "auths", path))
            if not edit(auths):
                return
            document["auths"] = auths
            owner = path.stat() if path.exists() else None
            text = json.dumps(document, indent="\t", ensure_ascii=False) + "\n"
            fs.atomic_write(path.parent, path.name, text.encode(), mode=0o600)
            if owner is not None and owner.st_uid != os.geteuid():
                with suppress(PermissionError):  # then it was not ours to begin with
                    os.chown(path, owner.st_uid, owner.st_gid)
    except OSError as error:
        raise fs.system_fault(
            error, "the file with registry credentials cannot be written", where=path
        ) from error


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Keep other logins of ours out meanwhile, or two of them would write each what the other does not know."""
    with fs.Directory.open(directory) as held:
        fcntl.flock(held.fd, fcntl.LOCK_EX)  # ends with the descriptor, and leaves no file behind
        yield


def _plain(key: str) -> str:
    """Return a key without what Docker once wrote around hosts."""
    scheme, separator, rest = key.partition("://")
    host, _, path = (rest if separator else key).partition("/")
    if separator or path.rstrip("/") in {"v1", "v2"}:
        path = "" if scheme in {"http", "https"} or not separator else path
    host = DEFAULT_REGISTRY if host in HUB_NAMES else host
    return f"{host}/{path}" if path.strip("/") else host
