"""JSON from outside, read so that no two readers can disagree about it.

RFC 8259 leaves to each parser what duplicate keys, huge numbers, ``NaN``, a byte order mark or unpaired
surrogates mean, and a document that means one thing to us and another to a registry is an attack. All of them
are refused, and so is what only wastes memory: too many bytes, too deep a nesting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from hivebase.errors import CorruptContentError

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_BYTES = 4 << 20
"""Of one document: what registries accept as a manifest at most."""

MAX_DEPTH = 64
"""Of arrays and objects within each other; real documents need eight."""

_MAX_INTEGER = (1 << 63) - 1
_MAX_DIGITS = 20  # of any integer in range, with its sign

_T = TypeVar("_T")


def loads(data: bytes, *, what: str, limit: int = MAX_BYTES) -> Any:
    """Parse ``data`` into dicts, lists, strings, numbers, booleans and None.

    Args:
        data: one UTF-8 JSON document.
        what: what the document is, for messages (``the manifest of …``).
        limit: size in bytes.

    Raises:
        CorruptContentError: it is too long, or not JSON that every reader understands alike.
    """
    import json  # noqa: PLC0415 -- only commands that read documents pay for it

    if len(data) > limit:
        raise CorruptContentError(
            f"{what} is too long", why=f"it has {len(data)} bytes; at most {limit} are read"
        )
    if data.startswith(b"\xef\xbb\xbf"):
        raise _bad(what, "it starts with a byte order mark")
    problem = ""
    try:
        document = json.loads(
            data.decode(),
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_int=_integer,
            parse_float=_float,
        )
    except UnicodeDecodeError as error:
        problem = f"it is not UTF-8 at byte {error.start}"
    except RecursionError:
        problem = f"it is nested deeper than {MAX_DEPTH} levels"
    except ValueError as error:
        problem = str(error)
    if problem:
        # Not from within: those errors carry the whole document, which may be a token, or a file of passwords.
        raise _bad(what, problem)
    # What is not escaped came through the decoding of UTF-8, which knows no half pairs.
    _refuse_deep(document, what)
    if b"\\u" in data:
        _refuse_half_pairs(document, what)
    return document


def decode(data: bytes, kind: type[_T], *, what: str, limit: int = MAX_BYTES) -> _T:
    """Parse ``data`` into ``kind``, a msgspec type; a member that is ``null`` counts as absent, as in Go.

    Raises:
        CorruptContentError: as :func:`loads`, or the document does not have the form of ``kind``.
    """
    try:
        document = loads(data, what=what, limit=limit)
        return msgspec.convert(_without_nulls(document) if b"null" in data else document, kind)
    except msgspec.ValidationError as error:
        raise _bad(what, str(error)) from error


def _bad(what: str, why: str) -> CorruptContentError:
    return CorruptContentError(f"{what} is not usable JSON", why=why)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {twice[:100]!r} is there twice")
    return members


def _constant(text: str) -> Any:
    raise ValueError(f"{text} is not a number of JSON")


def _integer(text: str) -> int:
    # int() takes quadratic time, so the length is looked at first.
    if len(text) > _MAX_DIGITS or not -_MAX_INTEGER <= (value := int(text)) <= _MAX_INTEGER:
        raise ValueError(f"the number {text[:40]} does not fit 64 bits")
    return value


def _float(text: str) -> float:
    value = float(text)
    if value in {float("inf"), float("-inf")}:
        raise ValueError(f"the number {text[:40]} is too large")
    return value


def _refuse_deep(document: object, what: str) -> None:
    level = _containers([document])
    for _ in range(MAX_DEPTH - 1):
        if not level:
            return
        level = _containers(
            value for item in level for value in (item.values() if isinstance(item, dict) else item)
        )
    if any(level):
        raise _bad(what, f"it is nested deeper than {MAX_DEPTH} levels")


def _containers(values: Iterable[object]) -> list[dict[str, object] | list[object]]:
    return [value for value in values if isinstance(value, dict | list)]


def _refuse_half_pairs(document: object, what: str) -> None:
    """Refuse unpaired surrogates, which JSON can spell but UTF-8 cannot."""
    level: list[object] = [document]
    while level:
        below: list[object] = []
        for value in level:
            strings: Iterable[object] = (value,)
            if isinstance(value, dict):
                strings = value
                below.extend(value.values())
            elif isinstance(value, list):
                strings = ()
                below.extend(value)
            if any(isinstance(text, str) and not _is_text(text) for text in strings):
                raise _bad(what, "a string has half a surrogate pair")
        level = below


def _is_text(text: str) -> bool:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return False
    return True


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(member) for key, member in value.items() if member is not None}
    if isinstance(value, list):
        return [_without_nulls(member) for member in value]
    return value
