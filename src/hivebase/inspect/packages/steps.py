"""Which step of a Dockerfile made each layer of an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hivebase.inspect.packages.model import Origin

if TYPE_CHECKING:
    from hivebase.build.stage import Built

LONGEST = 300
"""Characters of a step that are told."""

_PART = "hivebase: "


def origins(built: Built) -> list[Origin]:
    """Return what made each layer, lowest first.

    Of a step that left several layers, the history tells the step itself with the last of them, and of the others
    what they hold (``hivebase.build.stage``).
    """
    told = [entry.created_by or entry.comment for entry in built.history if not entry.empty_layer]
    steps, step = [], ""
    for text in reversed(told):
        if not text.startswith(_PART):
            step = text
        steps.append(step or text)
    return [
        Origin(layer.descriptor.digest, at + 1, _line(text))
        for at, (layer, text) in enumerate(zip(built.layers, reversed(steps), strict=True))
    ]


def _line(text: str) -> str:
    line = "".join(character if character.isprintable() else " " for character in text)
    line = " ".join(line.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
