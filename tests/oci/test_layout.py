"""Opening a store: where it is, whose it is, which version it has."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hivebase.errors import CorruptContentError, SystemFaultError
from hivebase.oci.layout import default_root
from hivebase.oci.store import Store


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"HIVEBASE_STORE": "/a", "XDG_DATA_HOME": "/b"}, "/a"),
        ({"XDG_DATA_HOME": "/b"}, "/b/hivebase"),
        ({"XDG_DATA_HOME": "relative", "HOME": "/home/x"}, "/home/x/.local/share/hivebase"),
        ({"HOME": "/home/x"}, "/home/x/.local/share/hivebase"),
    ],
)
def test_where_the_store_is(monkeypatch, environment, expected) -> None:
    """Our own variable, then the XDG base directory specification."""
    for name in ("HIVEBASE_STORE", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert Path(expected) == default_root()


def test_a_new_store_is_an_oci_layout(store) -> None:
    """The files that other tools look for are there, and valid."""
    assert json.loads((store.root / "oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}
    assert json.loads((store.root / "index.json").read_bytes())["manifests"] == []
    assert (store.root / "blobs/sha256").is_dir()


def test_opening_again_changes_nothing(store) -> None:
    """A store that is whole is left as it is."""
    before = {path: path.lstat().st_mtime_ns for path in store.root.rglob("*")}
    Store.open(store.root)
    assert before == {path: path.lstat().st_mtime_ns for path in store.root.rglob("*")}


def test_a_relative_or_linked_path_is_made_absolute(tmp_path, monkeypatch) -> None:
    """The store does not move with the working directory."""
    monkeypatch.chdir(tmp_path)
    assert Store.open(Path("a/b")).root == tmp_path / "a/b"
    (tmp_path / "link").symlink_to("a/b")
    assert Store.open(tmp_path / "link").root == tmp_path / "a/b"


def test_an_existing_layout_is_taken_over(tmp_path) -> None:
    """A layout made by another tool becomes a store, with its names."""
    (tmp_path / "blobs/sha256").mkdir(parents=True)
    (tmp_path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    entry = {"mediaType": "a", "digest": "sha256:" + "0" * 64, "size": 1}
    entry["annotations"] = {"org.opencontainers.image.ref.name": "x:1"}
    (tmp_path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    assert list(Store.open(tmp_path).refs()) == ["x:1"]


def test_a_directory_with_other_things_is_refused(tmp_path) -> None:
    """A mistyped path does not fill somebody's directory."""
    (tmp_path / "thesis.txt").write_text("x")
    with pytest.raises(SystemFaultError) as raised:
        Store.open(tmp_path)
    assert "thesis.txt" in raised.value.why
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_is_refused(tmp_path) -> None:
    """The store must be a directory."""
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file", tmp_path / "file/below"):
        with pytest.raises(SystemFaultError):
            Store.open(path)


@pytest.mark.parametrize(
    ("name", "content"),
    [("oci-layout", b'{"imageLayoutVersion":"2.0.0"}'), (".hivebase/version", b'{"version":2}')],
)
def test_s9_a_store_of_a_newer_version_is_refused(store, name, content) -> None:
    """A newer store is not touched by an older program, and the message says so."""
    (store.root / name).write_bytes(content)
    with pytest.raises(SystemFaultError) as raised:
        Store.open(store.root)
    assert "newer" in raised.value.hint
    assert (store.root / name).read_bytes() == content


@pytest.mark.parametrize("name", ["oci-layout", ".hivebase/version"])
@pytest.mark.parametrize("content", [b"", b"garbage", b"[]", b'{"imageLay'])
def test_s9_damaged_version_files_are_told(store, name, content) -> None:
    """Garbage in the files that make the store is an error with a way out, which works."""
    (store.root / name).write_bytes(content)
    with pytest.raises(CorruptContentError) as raised:
        Store.open(store.root)
    assert str(store.root / name) == raised.value.where
    (store.root / name).unlink()
    Store.open(store.root)


def test_s9_a_missing_index_is_not_taken_for_an_empty_one(store) -> None:
    """Losing all names silently would be losing the images."""
    (store.root / "index.json").unlink()
    with pytest.raises(CorruptContentError) as raised:
        Store.open(store.root)
    (store.root / "index.json").write_text(raised.value.hint.partition("list: ")[2])
    assert Store.open(store.root).refs() == {}


@pytest.mark.parametrize("name", ["blobs", "blobs/sha256", ".hivebase", ".hivebase/snapshots"])
def test_s8_directories_of_the_store_are_no_links(store, tmp_path, name) -> None:
    """A planted link does not redirect what is written."""
    (tmp_path / "elsewhere").mkdir()
    (store.root / name).rename(tmp_path / "moved")
    (store.root / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SystemFaultError):
        Store.open(store.root)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_s1_leftovers_of_a_killed_run_are_removed(store) -> None:
    """What an interrupted write left is gone after the next start; what is being written is not."""
    (store.state / "ingest/leftover").write_bytes(b"half")
    with store.ingest() as ingest:
        ingest.write(b"data")
        Store.open(store.root)
        assert len(list((store.state / "ingest").iterdir())) == 1
        digest, _ = ingest.commit()
    assert store.read(digest) == b"data"


@pytest.mark.parametrize("name", [".index.json.0123456789abcdef.tmp", ".oci-layout.0123456789abcdef.tmp"])
def test_s3_a_file_that_another_process_is_writing_is_no_stranger(tmp_path, name) -> None:
    """Two processes may make the same store at once; each sees what the other has half done."""
    (tmp_path / name).touch()
    assert Store.open(tmp_path).refs() == {}
