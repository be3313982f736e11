"""Two image configurations field by field, and their histories line by line."""

from __future__ import annotations

import difflib
import json
import re
from typing import TYPE_CHECKING

import msgspec

from hivebase.inspect.comparison.difference import Difference

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hivebase.oci.model import History, ImageConfig, RunConfig

COMPOSED = "hivebase: "
"""What the history of a layer begins with that one installation left beside others; no other builder has its like."""

_ARGS = re.compile(r"^RUN \|\d+ .*? (?=/bin/|\[?\S*sh )", re.DOTALL)
_FLAGS = re.compile(r"^(COPY|ADD)(?: --\S+)*")


def compare_configurations(ours: ImageConfig, theirs: ImageConfig) -> list[Difference]:
    """Return the differences of two configurations and their histories; times are left out."""
    found = []
    for field, one, two in _fields(ours, theirs):
        if isinstance(one, dict) and isinstance(two, dict):
            found += [
                _difference(f"{field}.{key}", one.get(key), two.get(key))
                for key in sorted(one.keys() | two.keys())
                if one.get(key) != two.get(key)
            ]
        elif one != two:
            found.append(_difference(field, one, two))
    return [*found, *_history(ours.history, theirs.history)]


def words(created_by: str) -> str:
    """Return a line of history without what is worded differently by versions of BuildKit and by buildah.

    That are: ``/bin/sh -c #(nop)`` of what runs nothing; the comment at its end; the list of build args; the flags of
    COPY and ADD with what was copied (buildah tells digests), and those of RUN; quotes and order of what LABEL, ENV,
    EXPOSE and HEALTHCHECK set, which the configuration has in full.
    """
    text = re.sub(r"\s+# buildkit\s*$", "", created_by)
    text = re.sub(r"^/bin/sh -c #\(nop\)\s+", "", text)
    if re.match(
        r"(?:LABEL|ENV|EXPOSE|HEALTHCHECK|ARG|CMD|ENTRYPOINT|SHELL|VOLUME|ONBUILD|STOPSIGNAL|USER)\b", text
    ):
        return text.split(" ", 1)[0]
    if _FLAGS.match(text):
        return text.split(" ", 1)[0]
    text = _ARGS.sub("RUN ", text)
    text = re.sub(r"^\|\d+ .*? (?=/bin/)", "RUN ", text, flags=re.DOTALL)
    if text.startswith("/bin/sh -c "):
        text = f"RUN {text}"
    text = re.sub(r"^(RUN /bin/sh -c )(?:--(?:mount|network|security)=\S+\s+)+", r"\1", text)
    return " ".join(text.split())


def _fields(ours: ImageConfig, theirs: ImageConfig) -> Iterator[tuple[str, object, object]]:
    for field in ("architecture", "os", "variant", "author"):
        yield field, getattr(ours, field), getattr(theirs, field)
    one, two = _plain(ours.config), _plain(theirs.config)
    for field in sorted(one.keys() | two.keys()):
        if field == "env":
            yield "env", ours.config.environment(), theirs.config.environment()
        else:
            # No member and no mapping are the same.
            empty: dict[str, object] | None = {} if isinstance(one.get(field, two.get(field)), dict) else None
            yield field, one.get(field, empty), two.get(field, empty)
    order = [[entry.partition("=")[0] for entry in side.config.env] for side in (ours, theirs)]
    # What differs in its members was told; the order of equal ones matters to nobody but is part of the document.
    if sorted(order[0]) == sorted(order[1]):
        yield "env order", order[0], order[1]


def _plain(config: RunConfig) -> dict[str, object]:
    """Return the fields; what is absent and what is empty is the same to every runtime, but for an empty command."""
    made = {}
    for field in config.__struct_fields__:
        value = getattr(config, field)
        if value or (field in {"cmd", "entrypoint"} and value is not None and len(value)):
            made[field] = msgspec.to_builtins(value)
    return made


def _difference(field: str, one: object, two: object) -> Difference:
    return Difference(field, "configuration", _shown(one), _shown(two))


def _shown(value: object) -> str:
    return json.dumps(value, sort_keys=True) if value is not None and value not in ("", {}, []) else ""


def _history(ours: Sequence[History], theirs: Sequence[History]) -> Iterator[Difference]:
    one = [words(entry.created_by) for entry in ours if not entry.created_by.startswith(COMPOSED)]
    two = [words(entry.created_by) for entry in theirs if not entry.created_by.startswith(COMPOSED)]
    matcher = difflib.SequenceMatcher(None, one, two, autojunk=False)
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag != "equal":
            yield Difference(f"line {a + 1}", "history", " | ".join(one[a:b]), " | ".join(two[c:d]))
