"""The receipt: REQUESTED, direct_url.json and RECORD with their lines."""

from __future__ import annotations

import csv

import pytest
from tests.layers.wheels.laying import scheme

from hivebase.layers.indexed_cache import Indexes
from hivebase.layers.wheels.jobs import Requested, WheelFacts
from hivebase.layers.wheels.layout import record_text, row_of
from hivebase.layers.wheels.receipt import receipt_files, write_receipt
from hivebase.oci.store import Store

LINE = row_of("x-1.dist-info/REQUESTED", b"")
ROWS = [("x-1.dist-info/RECORD", "", ""), ("x.py", "sha256=z", "1"), ('q"uo,te', "", "")]


def _facts(profile):
    full, line = record_text([*ROWS, LINE], scheme(profile)), record_text([LINE], scheme(profile))
    return WheelFacts("x", "1", "/site/x-1.dist-info", full, (full.index(line), len(line)))


@pytest.mark.parametrize("profile", ["pip", "uv"])
@pytest.mark.parametrize("itself", [True, False])
def test_record_knows_who_asked(profile, itself):
    """REQUESTED is a file, and has a line, if the wheel was asked for itself."""
    files = receipt_files(_facts(profile), Requested(itself), scheme(profile))
    rows = [*ROWS, LINE] if itself else ROWS
    assert files == {"RECORD": record_text(rows, scheme(profile)), **({"REQUESTED": b""} if itself else {})}


def test_record_lists_where_it_came_from():
    """In its sorted place, and lines with quotes stay whole."""
    files = receipt_files(_facts("pip"), Requested(itself=True, direct_url=b"{}"), scheme())
    rows = list(csv.reader(files["RECORD"].decode().splitlines()))
    assert rows == sorted(rows)
    assert ["x-1.dist-info/direct_url.json", *row_of("", b"{}")[1:]] in rows
    assert ['q"uo,te', "", ""] in rows
    assert files["direct_url.json"] == b"{}"


def test_the_layer(tmp_path):
    """Has the files of all receipts with the directories above them, and an index."""
    store = Store.open(tmp_path)
    indexes = Indexes(store)
    layer = write_receipt([(_facts("pip"), Requested(itself=True))], scheme(), (), 7, store, indexes)
    with indexes.tree([layer]) as tree:
        assert sorted(tree.listdir("site/x-1.dist-info")) == ["RECORD", "REQUESTED"]
        entry = tree.lstat("site/x-1.dist-info/RECORD")
        assert entry is not None
        assert (entry.mode, entry.uid, entry.mtime) == (0o644, 0, 7)
