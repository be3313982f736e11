"""Every named fault has a test that carries its name, so that none is lost when tests are moved or rewritten."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
ROWS = {
    "s": range(1, 17),
    "b": range(1, 9),
    "d": range(1, 18),
    # Not 11: it is about user namespaces, which no step runs in.
    "x": (*range(1, 11), *range(12, 15)),
    "c": range(1, 8),
    "p": range(1, 3),
}
"""By the letter of each family: store, build, Dockerfile and context, sandbox, credentials, proof."""


def test_every_row_has_a_test():
    """A name like ``test_s1_…``, or ``test_a2_a4_…`` for several rows at once."""
    found = set()
    for path in TESTS.rglob("test_*.py"):
        for rows in re.findall(r"def test_((?:[a-z]\d+_)+)", path.read_text()):
            found.update(rows.rstrip("_").split("_"))
    wanted = {f"{letter}{number}" for letter, numbers in ROWS.items() for number in numbers}
    assert sorted(wanted - found) == []
