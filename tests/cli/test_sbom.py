"""``hivebase sbom``: where the document goes, and what is told beside it."""

from __future__ import annotations

import json
import os

import pytest
from tests.hives import TestHive
from tests.inspect.sbom.bills import everything

from hivebase.oci.store import Store


@pytest.fixture
def hive(tmp_path):
    """A store with one image."""
    made = TestHive(tmp_path, tmp_path / "store")
    everything(Store.open(made.store))
    return made


def test_to_stdout(hive):
    """The document and nothing else; what was odd goes to stderr."""
    done = hive.run("sbom", "held")
    assert json.loads(done.stdout)["bomFormat"] == "CycloneDX"
    assert done.stderr.startswith("note: usr/local/lib")
    assert len(done.stderr.splitlines()) == 1
    assert json.loads(hive.run("sbom", "held:1", "--format", "spdx").stdout)["spdxVersion"] == "SPDX-2.3"


def test_to_a_file(hive, tmp_path):
    """The same bytes, in the place of an older file."""
    file = tmp_path / "bill.json"
    file.write_text("old")
    done = hive.run("sbom", "held:1", "-o", str(file))
    assert done.stdout == ""
    assert f"wrote 10 packages of held:1 to {file}" in done.stderr
    assert file.read_text() == hive.run("sbom", "held:1").stdout
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_to_what_is_no_file(hive, tmp_path):
    """A pipe stays one."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        hive.run("sbom", "held:1", "-o", str(pipe))
        assert os.read(reader, 9) == b'{\n  "comp'
    finally:
        os.close(reader)
    assert pipe.is_fifo()


def test_what_cannot_be_done(hive, tmp_path):
    """One message each."""
    done = hive.run("sbom", "hold:1", code=2)
    assert "the store has no image 'hold:1'" in done.stderr
    done = hive.run("sbom", "held:1", "-o", str(tmp_path / "no" / "bill.json"), code=3)
    assert "error[environment]" in done.stderr
    assert done.stdout == ""
