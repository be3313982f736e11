"""Why an image is built: two records of inputs compared, each difference told with a stable code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hivebase.plan.inputs import part
from hivebase.plan.steps import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SHOWN = 10
"""Most names in one detail."""


def compare(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[Reason, ...]:
    """Return what differs between two records, the cause that lies deepest first."""
    return tuple(_differences(before, now))


def _differences(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Reason]:
    if before.get("format") != now.get("format"):
        yield Reason("FIRST_BUILD", "hivebase now builds layers in another way")
        return
    if before.get("dockerfile") != now.get("dockerfile"):
        yield Reason("DOCKERFILE_CHANGED", "the Dockerfile, the target or the platform is another one")
    for ref, (old, new) in _changed(part(before, "base"), part(now, "base")).items():
        yield Reason("BASE_DIGEST_MOVED", f"{ref}: {_digest(old)} -> {_digest(new)}")
    if before.get("lock") != now.get("lock"):
        yield Reason("LOCK_CHANGED", "hivebase.lock resolves to something else")
    args = _changed(part(before, "arg"), part(now, "arg"))
    told = [f"{name}: {_value(old)} -> {_value(new)}" for name, (old, new) in args.items()]
    if not args and before.get("created") != now.get("created"):
        told = [f"SOURCE_DATE_EPOCH: {before.get('created')} -> {now.get('created')}"]
    if told:
        yield Reason("ARG_CHANGED", _some(told, "; "))
    yield from _files(before, now)


def _files(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Reason]:
    if before.get("files") == now.get("files"):
        return
    old, new = part(before, "file"), part(now, "file")
    if not old or not new:
        yield Reason("CONTEXT_CHANGED", "files of the build context")
        return
    signs = {
        path: "+" if there is None else "-" if here is None else ""
        for path, (there, here) in _changed(old, new).items()
    }
    # A directory is listed for its mode; that it appeared or went is told by its files.
    named = [f"{sign}{path}" for path, sign in signs.items()]
    yield Reason("CONTEXT_CHANGED", _some(named, ", ") if named else "the same files, copied differently")


def _changed(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, tuple[str | None, str | None]]:
    return {
        name: (before.get(name), now.get(name))
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    }


def _digest(text: str | None) -> str:
    return "none" if text is None else text.removeprefix("sha256:")[:12]


def _value(text: str | None) -> str:
    return "unset" if text is None else repr(text) if not text or len(text) > 60 else text


def _some(names: list[str], separator: str) -> str:
    more = len(names) - _SHOWN
    return separator.join(names[:_SHOWN]) + (f"{separator}and {more} more" if more > 0 else "")
