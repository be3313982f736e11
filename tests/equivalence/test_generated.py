"""Random Dockerfiles built by Docker and by hivebase.

By default the same 200 cases every time. ``HIVEBASE_SOAK=5000`` tries so many others, ``HIVEBASE_SOAK_SEED`` says
which ones; ``HIVEBASE_TEST_DOCKER`` as for test_dockerfiles.py. What is found here becomes a case of the corpus.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest
from tests.equivalence.dockerfiles.decisions import unexplained
from tests.equivalence.dockerfiles.sides import arena
from tests.equivalence.generated import Generated, examples

if TYPE_CHECKING:
    from tests.equivalence.dockerfiles.compare import Difference
    from tests.equivalence.dockerfiles.sides import Arena

pytestmark = [pytest.mark.root, pytest.mark.server]

COUNT = 200
_SEED = 1
_SHRUNK = 2
_ROUNDS = 12


def test_random_dockerfiles(tmp_path):
    """No difference that is not decided; what differs is told with as few lines as it takes."""
    wanted = int(os.environ.get("HIVEBASE_SOAK") or COUNT)
    first = int(os.environ.get("HIVEBASE_SOAK_SEED") or _SEED)
    told: list[str] = []
    done = built = 0
    with arena(tmp_path) as sides:
        while done < wanted:
            number = first + done // COUNT
            cases = examples(min(COUNT, wanted - done), number, sides.client.version)
            assert cases
            names = {f"g{number}-{position}": case for position, case in enumerate(cases)}
            theirs, found = _differences(sides, names, f"g{number}")
            done, built = done + len(cases), built + theirs
            if found:
                told += [_told(sides, names[name], name, found[name]) for name in list(found)[:_SHRUNK]]
                told += [
                    "\n".join([name, str(names[name]), *map(str, found[name])])
                    for name in list(found)[_SHRUNK:]
                ]
            print(f"{done} cases, {built} built, {len(told)} differ", file=sys.stderr, flush=True)  # noqa: T201
    # A generator of what cannot be built would find nothing.
    assert built > done // 2
    assert not told, "\n\n".join(told)


def _differences(
    sides: Arena, cases: dict[str, Generated], directory: str
) -> tuple[int, dict[str, list[Difference]]]:
    """Return how many cases Docker built, and what differs."""
    theirs, found = sides.differences({name: item.case for name, item in cases.items()}, directory)
    left = {name: unexplained(name, items, sides.client.version) for name, items in found.items()}
    return theirs, {name: items for name, items in left.items() if items}


def _told(sides: Arena, case: Generated, name: str, last: list[Difference]) -> str:
    """Return the smallest case that differs in one of the facts in which the first one does, and how."""
    facts = {item.fact for item in last}
    for turn in range(_ROUNDS):
        tries = {f"{name}-{turn}-{number}": item for number, item in enumerate(case.smaller())}
        _, found = _differences(sides, tries, f"{name}-{turn}")
        alike = [one for one, items in found.items() if facts & {item.fact for item in items}]
        if not alike:
            break
        case, last = tries[alike[0]], found[alike[0]]
    return "\n".join([name, str(case), *map(str, last)])
