"""The file that the compiling sandbox hands over; nothing in it is trusted."""

from __future__ import annotations

import pytest

from hivebase.errors import BuildError
from hivebase.layers.wheels.bytecode import place, read


def _file(tmp_path, *fields):
    path = tmp_path / "file"
    path.write_bytes(b"".join(len(field).to_bytes(4, "little") + field for field in fields))
    return path


def test_records_are_read(tmp_path):
    """Path and content, content empty or not, names of any bytes."""
    path = _file(tmp_path, b"/a.py", b"one", b"/b\xff.py", b"")
    assert read(path) == {"/a.py": b"one", "/b\udcff.py": b""}


def test_an_empty_file_is_a_wheel_without_modules(tmp_path):
    """Nothing was compiled."""
    assert read(_file(tmp_path)) == {}


@pytest.mark.parametrize("cut", range(1, 16))
def test_a_cut_file_is_refused(tmp_path, cut):
    """Wherever it was cut, but between two records."""
    path = _file(tmp_path, b"/a.py", b"one")
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(BuildError, match="did not compile"):
        read(path)


def test_places():
    """As PEP 3147 has them."""
    assert place("/a/b.py", "3.11") == "/a/__pycache__/b.cpython-311.pyc"
    assert place("/a/no-module.x.py", "3.9") == "/a/__pycache__/no-module.x.cpython-39.pyc"
