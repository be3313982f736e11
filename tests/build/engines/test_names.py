"""Names in another builder's store are put back."""

from __future__ import annotations

from hivebase.build.engines.names import BorrowedNames


class _Images:
    """A store of names alone."""

    def __init__(self, **names):
        self.names = dict(names)

    def find(self, name, /):
        return self.names.get(name, "")

    def by_configuration(self, digest, /):
        return digest if digest in self.names.values() else ""

    def tag(self, image, name, /):
        self.names[name] = image

    def untag(self, name, /):
        del self.names[name]


def test_names_mean_afterwards_what_they_meant_before():
    """One that was there, one that was not, and one that the build gave to something else."""
    images = _Images(base="old", result="yesterday")
    names = BorrowedNames(images)
    names.give("new", "base")
    names.give("new", "other")
    names.remember("result")
    images.names["result"] = "today"
    assert images.names == {"base": "new", "other": "new", "result": "today"}
    names.put_back()
    assert images.names == {"base": "old", "result": "yesterday"}


def test_what_is_right_already_is_not_touched():
    """Nor is it taken away."""
    images = _Images(base="same")
    names = BorrowedNames(images)
    names.give("same", "base")
    names.put_back()
    assert images.names == {"base": "same"}


def test_a_name_that_is_given_twice_goes_back_to_the_beginning():
    """Not to what it meant in between."""
    images = _Images(base="old")
    names = BorrowedNames(images)
    names.give("one", "base")
    names.give("two", "base")
    names.put_back()
    assert images.names == {"base": "old"}
