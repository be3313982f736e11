"""entry_points.txt: the commands that an installer generates (PyPA: entry points specification; fault A-14)."""

from __future__ import annotations

import re
from typing import NamedTuple

from hivebase.layers.wheels.paths import MAX_COMPONENT, objection
from hivebase.layers.wheels.refuse import refused, shown

CONSOLE, GUI = "console_scripts", "gui_scripts"

# Readers split lines at some of these, too, or do not.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029]")
_VALUE = re.compile(r"([\w.]+)\s*:\s*([\w.]+)\s*(?:\[[^\[\]]*\]\s*)?\Z")
_NAME = re.compile(r"[^\s=/\\\[;#][^\s=/\\]*\Z")


class Script(NamedTuple):
    """A command to generate: its file name, and the function it calls."""

    name: str
    module: str
    attr: str


def read(text: str, where: str) -> dict[str, tuple[Script, ...]]:
    """Return the commands of the groups :data:`CONSOLE` and :data:`GUI`, in the order of the file.

    Other groups generate nothing and are not looked at.

    Raises:
        CorruptContentError: a name that is not one plain file name, a value that is not ``module:function``, or
            a line that readers do not read alike.
    """
    if _CONTROL.search(text):
        raise refused(where, "its entry_points.txt has control characters")
    found: dict[str, dict[str, Script]] = {CONSOLE: {}, GUI: {}}
    group: dict[str, Script] | None = None
    for line in map(str.strip, re.split(r"\r\n|\r|\n", text)):
        if line.startswith("[") and line.endswith("]"):
            group = found.get(line[1:-1].strip())
        elif group is not None and line and not line.startswith("#"):
            name, equals, value = (part.strip() for part in line.partition("="))
            if not equals:
                raise refused(where, f"a line of its entry_points.txt means nothing: {shown(line)}")
            if name in group:
                raise refused(where, f"its entry_points.txt names {shown(name)} twice")
            group[name] = _script(name, value, where)
    return {key: tuple(scripts.values()) for key, scripts in found.items()}


def _script(name: str, value: str, where: str) -> Script:
    if not _NAME.match(name) or objection(name) or len(name.encode("utf-8", "replace")) > MAX_COMPONENT:
        raise refused(where, f"its script {shown(name)} is not a plain file name")
    match = _VALUE.match(value)
    if match is None or not all(part.isidentifier() for group in match.groups() for part in group.split(".")):
        raise refused(where, f"its script {shown(name)} does not name a function: {shown(value)}")
    return Script(name, match[1], match[2])
