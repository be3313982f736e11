"""``hivebase import``: what it leaves in the store beside the image."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from tests.hives import BASE, TestHive, busybox_tar

from hivebase.build import pythons
from hivebase.cli.import_ import command
from hivebase.digest import Digest
from hivebase.errors import CorruptContentError
from hivebase.oci.store import Store


@pytest.fixture
def hive(tmp_path):
    """No Dockerfiles, and an image in a file."""
    (tmp_path / "base.tar").write_bytes(busybox_tar())
    return TestHive(tmp_path, tmp_path / "store")


def test_what_builds_ask_of_a_base_is_known_once_it_is_imported(hive, tmp_path):
    """Else the first build on it reads all of its layers again, before anything else can begin."""
    hive.run("import", str(tmp_path / "base.tar"), BASE)
    store = Store.open(tmp_path / "store")
    assert store.record(pythons.PYTHONS, Digest.parse(store.image(BASE).descriptor.digest)) is not None


def test_an_image_that_cannot_be_looked_into_is_imported_all_the_same(hive, tmp_path, monkeypatch):
    """Its layers are whole, or it would have been refused; a build on it tells what is wrong with them."""

    def damaged(*_):
        raise CorruptContentError("a layer cannot be read")

    monkeypatch.setattr(pythons, "site_of", damaged)
    done = CliRunner().invoke(command, [str(tmp_path / "base.tar"), BASE], env=hive.environment())
    assert (done.exit_code, BASE in done.output) == (0, True)
    assert Store.open(tmp_path / "store").resolve(BASE) is not None
