"""What uninstalling deletes: what pip deletes, and what uv deletes."""

from __future__ import annotations

import pytest
from tests.layers.wheels.laying import SITE, scheme

from hivebase.layers.tree import StackedTree
from hivebase.layers.wheels.installed import Distribution
from hivebase.layers.wheels.jobs import Place
from hivebase.layers.wheels.probe import NotComposableError
from hivebase.layers.wheels.replace import owned, removal

LIBRARY = SITE.lstrip("/")
OLD = Distribution("old", "1", f"{SITE}/old-1.dist-info", removable=True)


@pytest.fixture
def image(tmp_path):
    """Return what writes files and the RECORD of ``old``, and looks at the tree."""

    def write(listed, others=(), directories=()):
        rows = [*listed, "old-1.dist-info/RECORD"]
        for name in (*rows, *others):
            path = (tmp_path / LIBRARY / name).resolve()
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("12345")
        for name in directories:
            (tmp_path / LIBRARY / name).mkdir(parents=True)
        record = "".join(f'"{name}",,\n' for name in rows)
        (tmp_path / LIBRARY / "old-1.dist-info/RECORD").write_text(record)
        return StackedTree([tmp_path])

    return write


def _removed(tree, profile):
    return [path.removeprefix(f"{LIBRARY}/") for path in removal(tree, [OLD], scheme(profile)).paths]


@pytest.mark.parametrize("profile", ["pip", "uv"])
def test_a_directory_with_nothing_else_goes_whole(image, profile):
    """With the bytecode beside its modules."""
    tree = image(["old/a.py", "old/b/c.py"], ["old/__pycache__/a.cpython-311.pyc"])
    assert _removed(tree, profile) == ["old", "old-1.dist-info"]


@pytest.mark.parametrize("profile", ["pip", "uv"])
def test_what_others_put_there_stays(image, profile):
    """And so do the directories above it."""
    tree = image(["old/a.py", "ns/mine.py"], ["old/theirs", "ns/theirs.py"])
    assert _removed(tree, profile) == ["ns/mine.py", "old-1.dist-info", "old/a.py"]


def test_pip_takes_a_directory_of_a_file_and_uv_all_above_it(image):
    """``deep`` has no file of its own: pip leaves it behind empty."""
    tree = image(["old/a.py", "old/deep/er/b.py"], ["old/theirs"])
    assert _removed(tree, "pip") == ["old-1.dist-info", "old/a.py", "old/deep/er"]
    assert _removed(tree, "uv") == ["old-1.dist-info", "old/a.py", "old/deep"]


def test_empty_directories_elsewhere_stay(image):
    """The prefix is full of them, and they are the image's."""
    tree = image(["../../../share/old/data", "old.py"], ["keep.py"], ["../../../share/man", "../../../etc"])
    gone = removal(tree, [OLD], scheme("pip")).paths
    assert "usr/local/share/old" in gone
    assert "usr/local/share" not in gone
    assert "usr/local/etc" not in gone


def test_uv_leaves_directories_outside_of_site_packages(image):
    """Also when they are empty then."""
    tree = image(["../../../share/old/data"])
    assert "usr/local/share/old/data" in removal(tree, [OLD], scheme("uv")).paths


def test_bytecode(image):
    """pip takes that of its interpreter alone, uv all that is beside a file of the package but not at the top."""
    others = [
        "old/__pycache__/a.cpython-311.pyc",
        "old/__pycache__/a.cpython-312.pyc",
        "old/__pycache__/theirs.cpython-311.pyc",
        "old/theirs.py",
        "__pycache__/top.cpython-311.pyc",
    ]
    tree = image(["old/a.py", "top.py"], others)
    assert _removed(tree, "pip") == [
        "__pycache__",
        "old-1.dist-info",
        "old/__pycache__/a.cpython-311.pyc",
        "old/a.py",
        "top.py",
    ]
    assert _removed(tree, "uv") == ["old-1.dist-info", "old/__pycache__", "old/a.py", "top.py"]


def test_size_and_remaining_places(image):
    """The bytes that stay below, and the directories that no longer count."""
    tree = image(["old/a.py", "old/b.py"], ["keep.py"])
    found = removal(tree, [OLD], scheme())
    assert found.size == 10 + len('"old/a.py",,\n"old/b.py",,\n"old-1.dist-info/RECORD",,\n')
    stays, goes = Place(f"{LIBRARY}/older", 0o700), Place(f"{LIBRARY}/old", 0o700)
    assert found.remaining([stays, goes]) == (stays,)


def test_owned_names_everything(image):
    """Files that are there, with the bytecode of all interpreters."""
    tree = image(["old/a.py"], ["old/__pycache__/a.cpython-312.pyc", "old/__pycache__/ab.cpython-311.pyc"])
    assert [path.removeprefix(f"{LIBRARY}/") for path in owned(tree, OLD)] == [
        "old/a.py",
        "old/__pycache__/a.cpython-312.pyc",
        "old-1.dist-info/RECORD",
    ]


def test_without_record_nothing_is_known(tmp_path):
    """As pip says then, too."""
    with pytest.raises(NotComposableError, match=r"old 1 has no RECORD"):
        removal(StackedTree([tmp_path]), [OLD], scheme())
