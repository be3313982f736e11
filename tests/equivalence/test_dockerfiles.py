"""The same Dockerfiles built by Docker and by hivebase: same files, same configuration, same history.

``HIVEBASE_TEST_DOCKER=26.1`` compares with a current Docker, and then with all cases; see
docs/reference/equivalence.md.
"""

from __future__ import annotations

import pytest
from tests.equivalence.dockerfiles.corpus import known_to
from tests.equivalence.dockerfiles.decisions import DECISIONS, unexplained
from tests.equivalence.dockerfiles.docker import asked_for
from tests.equivalence.dockerfiles.sides import arena, compare

pytestmark = [pytest.mark.root, pytest.mark.server]

VERSION = asked_for()
CASES = known_to(VERSION)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """What Docker and hivebase made of every case, in this order: an image, or what was said."""
    with arena(tmp_path_factory.mktemp("dockerfiles")) as sides:
        return sides.build(CASES, "corpus")


@pytest.fixture(scope="module")
def found(built):
    """All differences by case."""
    theirs, ours = built
    return {name: compare(theirs[name], ours[name]) for name in CASES}


@pytest.mark.parametrize("name", CASES)
def test_docker_makes_the_same(built, found, name):
    """Files with kind, mode, owner, attributes, content and links; the configuration; the history."""
    left = unexplained(name, found[name], VERSION)
    assert not left, "\n".join([CASES[name].dockerfile, *map(str, left)])
    both = [isinstance(side[name], str) for side in built]
    assert not any(both) or CASES[name].fails or found[name], f"neither side builds it:\n{built[0][name]}"
    assert not CASES[name].fails or all(both) or found[name], "both sides build what is expected to fail"


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda item: item.cases)
def test_what_is_decided_still_shows(found, decision):
    """A decision that makes no difference any more is not to be listed."""
    if decision.only in {"", VERSION}:
        assert any(decision.covers(name, item, VERSION) for name, items in found.items() for item in items)
