"""``hivebase inspect`` of images that others have made."""

from __future__ import annotations

import os
import subprocess

import msgspec
import pytest
from tests.hives import BASE, TestHive, busybox_tar

from hivebase.oci.store import Store


@pytest.mark.parametrize("told", [0, 3])
def test_a_history_that_does_not_fit_is_no_obstacle(told, tmp_path):
    """Tools leave it out, or tell of more layers than there are."""
    (tmp_path / "base.tar").write_bytes(busybox_tar())
    hive = TestHive(tmp_path, tmp_path / "store")
    hive.run("import", str(tmp_path / "base.tar"), BASE)
    store = Store.open(hive.store)
    image = store.image(BASE)
    config = msgspec.structs.replace(image.config, history=image.config.history * told)
    store.tag("other:1", store.put_image(config, image.manifest.layers))
    assert len(hive.json("inspect", "other:1")["layer_details"]) == 1


def test_a_reader_that_has_gone_is_no_failure(tmp_path):
    """As ``| head`` or ``| less`` is one."""
    (tmp_path / "base.tar").write_bytes(busybox_tar())
    hive = TestHive(tmp_path, tmp_path / "store")
    hive.run("import", str(tmp_path / "base.tar"), BASE)
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            hive.command("inspect", BASE),
            env=hive.environment(),
            stdout=write,
            stderr=subprocess.PIPE,
            check=False,
        )
    finally:
        os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")
