"""What planning knows of the Python in a base: looked up once, by looking alone."""

from __future__ import annotations

import pytest
from tests import archives as make
from tests.layers.wheels.pythons import DEBIAN
from tests.oci.images import put_image

from hivebase.build import pythons
from hivebase.layers.indexed_cache import Indexes
from hivebase.oci.store import Store


@pytest.fixture
def store(tmp_path):
    """An empty store."""
    return Store.open(tmp_path)


def _site(store, *parts):
    image = store.image(put_image(store, make.archive(*parts)).digest)
    return pythons.site_of(store, Indexes(store), image)


def test_the_interpreter_of_pip(store):
    """With what is installed for it."""
    site = _site(store, *DEBIAN)
    assert site.python is not None
    assert site.python.version == "3.11.2"
    assert dict(site.installed) == {"pip": "23.0.1"}


def test_without_pip_the_interpreter_on_the_path(store):
    """uv installs for it."""
    site = _site(store, *(part for part in DEBIAN if not part.startswith(b"usr/bin/pip\0")))
    assert site.python is not None


def test_no_python(store):
    """Is known too."""
    site = _site(store, make.file("bin/sh"))
    assert (site.python, dict(site.installed)) == (None, {})


def test_it_is_looked_up_once(store, monkeypatch):
    """A damaged record is looked up again."""
    first = _site(store, *DEBIAN)

    def fail(*_, **__):
        raise AssertionError("looked again")

    monkeypatch.setattr(pythons, "probe", fail)
    assert _site(store, *DEBIAN) == first
