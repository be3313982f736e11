"""Taking a wheel into the directory of wheel files."""

from __future__ import annotations

import hashlib
import io

import pytest
from tests.wheels import wheel

from hivebase.errors import CorruptContentError
from hivebase.layers.wheels.keep import keep


def test_it_is_named_by_its_hash(tmp_path):
    """And what is known of it comes from its file name."""
    made = wheel("Some.Name", "1.0")
    data = made.bytes()
    found = keep(tmp_path / "new", io.BytesIO(data), made.file)
    assert (found.name, found.version, found.file, found.size) == ("some-name", "1.0", made.file, len(data))
    assert found.sha256 == hashlib.sha256(data).hexdigest()
    assert [path.name for path in (tmp_path / "new").iterdir()] == [f"{found.sha256}.whl"]
    assert (tmp_path / "new" / f"{found.sha256}.whl").read_bytes() == data


def test_a_failure_leaves_nothing(tmp_path):
    """Half a file would have a wrong name."""

    class Broken(io.BytesIO):
        def read(self, *_):
            raise OSError("no more")

    with pytest.raises(Exception, match="no more"):
        keep(tmp_path, Broken(), "x-1-py3-none-any.whl")
    assert list(tmp_path.iterdir()) == []


def test_what_is_called_otherwise_is_refused(tmp_path):
    """Before anything is written."""
    with pytest.raises(CorruptContentError):
        keep(tmp_path, io.BytesIO(b""), "x.zip")
    assert list(tmp_path.iterdir()) == []
