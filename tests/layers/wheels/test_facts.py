"""What files of an image say is read once per layer that holds them."""

from __future__ import annotations

import pytest
from tests import archives as make
from tests.layers.wheels.laying import stacked

from hivebase.layers.indexed_cache import Indexes
from hivebase.layers.wheels.facts import FileFacts
from hivebase.oci.store import Store


@pytest.fixture
def store(tmp_path):
    """An empty store."""
    return Store.open(tmp_path)


def _ask(store, layers, path, answers, question="text"):
    def answer(content):
        answers.append(content)
        return content.decode()

    with Indexes(store).tree(layers) as tree:
        return FileFacts(store, layers, tree).ask(path, question, answer)


def test_the_answer_is_remembered(store):
    """Also for another image with the same layer, and not for another question."""
    below, above = stacked(store, make.archive(make.file("a", b"one")), make.archive(make.file("b", b"two")))
    asked: list[bytes] = []
    assert _ask(store, [below], "/a", asked) == "one"
    assert _ask(store, [below, above], "a", asked) == "one"
    assert asked == [b"one"]
    _ask(store, [below], "/a", asked, "other")
    assert len(asked) == 2


def test_a_file_in_its_place_is_another(store):
    """The layer that holds it counts."""
    layers = stacked(store, make.archive(make.file("a", b"one")), make.archive(make.file("a", b"two")))
    asked: list[bytes] = []
    assert [_ask(store, layers[:count], "/a", asked) for count in (1, 2)] == ["one", "two"]


def test_links_are_followed_and_what_is_no_file_has_no_answer(store):
    """Nor what is not there."""
    layers = stacked(
        store, make.archive(make.directory("d"), make.file("d/a", b"x"), make.symlink("s", "d/a"))
    )
    asked: list[bytes] = []
    assert _ask(store, layers, "/s", asked) == "x"
    assert _ask(store, layers, "/d", asked) is None
    assert _ask(store, layers, "/none", asked) is None
