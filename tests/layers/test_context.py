"""The build context: what it lists, and that checkouts of one commit are equal."""

from __future__ import annotations

import os
import time

import pytest
from tests.layers.copying import Content, Link, do, make

from hivebase.digest import Digest
from hivebase.errors import UsageError
from hivebase.layers import context as module
from hivebase.layers.context import Context
from hivebase.layers.hashing import RACY_NS, HashCache
from hivebase.plan.files import FileFact
from hivebase.plan.select import select

FILES: dict[str, Content] = {"b": "BB", "a": "A", "dir/c": "C", "dir/l": Link("../a"), "empty": None}


@pytest.fixture
def root(tmp_path):
    """Return a small context's directory."""
    return make(tmp_path, FILES)


def test_facts(root):
    """Kind, size, link; the root is a directory, and nothing is nothing."""
    with Context.at(root) as context:
        assert context.get("") == FileFact("dir", 0o755)
        assert context.get("b") == FileFact("file", 0o644, 2)
        assert context.get("dir") == FileFact("dir", 0o755)
        assert context.get("dir/l") == FileFact("symlink", 0o777, 0, "../a")
        assert context.get("dir/none") is None
        assert context.get("a/below") is None
        assert context.get("none/below") is None


def test_names_are_sorted(root):
    """Whatever order the file system has."""
    with Context.at(root) as context:
        assert list(context.children("")) == ["a", "b", "dir", "empty"]
        assert list(context.children("dir")) == ["c", "l"]
        assert list(context.children("empty")) == []


def test_digests_are_those_of_the_content(root):
    """Of an empty file as well."""
    (root / "none").touch()
    with Context.at(root) as context:
        assert Digest.of(b"BB") == context.digest("b")
        assert Digest.of(b"") == context.digest("none")


def test_a_file_is_read_whole_or_in_pieces(root):
    """In every way in which a stream can be read."""
    with Context.at(root) as context:
        with context.open("b") as stream:
            assert stream.read() == b"BB"
            assert stream.read(1) == b""
        with context.open("b") as stream:
            assert [stream.read(1), stream.read(5), stream.read(5)] == [b"B", b"B", b""]
        buffer = bytearray(5)
        with context.open("b") as stream:
            assert (stream.readinto(buffer), bytes(buffer[:2])) == (2, b"BB")  # type: ignore[attr-defined]


def test_there_must_be_a_directory(tmp_path):
    """The path is named."""
    with pytest.raises(UsageError, match="nowhere"):
        Context.at(tmp_path / "nowhere")


@pytest.mark.parametrize("path", ["dir", "dir/l", "none"])
def test_only_files_have_content(root, path):
    """Links and directories have none."""
    with Context.at(root) as context, pytest.raises(UsageError, match=path):
        context.digest(path)


def test_ignored_files_do_not_exist(tmp_path):
    """Nor can they be read by name."""
    root = make(tmp_path, FILES | {".dockerignore": "a\ndir\n"})
    with Context.at(root) as context:
        assert context.get("a") is None
        assert context.get("dir/c") is None
        assert list(context.children("")) == [".dockerignore", "b", "empty"]
        with pytest.raises(UsageError):
            context.open("dir/c")


def test_an_ignored_directory_exists_for_what_is_taken_back(tmp_path):
    """And only then, as far as it is needed."""
    root = make(
        tmp_path, {".dockerignore": "d\n!d/e/x\n!q/none\nq\n", "d/e/x": "", "d/f/y": "", "d/g": "", "q/z": ""}
    )
    with Context.at(root) as context:
        assert list(context.children("d")) == ["e"]
        assert list(context.children("d/e")) == ["x"]
        assert context.get("d/f/y") is None
        assert context.get("q") is None


def test_ignored_directories_are_not_even_opened(tmp_path, monkeypatch):
    """A large or unreadable directory that is ignored costs nothing."""
    root = make(tmp_path, FILES | {".dockerignore": "dir\n"})
    with Context.at(root) as context:
        opened: list[str] = []
        real = context._directory.open_beneath

        class Watched:
            def open_beneath(self, name, flags):
                opened.append(name)
                return real(name, flags)

        monkeypatch.setattr(context, "_directory", Watched())
        select(context, ["."])
        monkeypatch.undo()

        assert opened == ["", "empty"]


@pytest.mark.parametrize(
    ("on_disk", "mode"),
    [
        (0o644, 0o644),
        (0o600, 0o644),
        (0o664, 0o644),
        (0o755, 0o755),
        (0o700, 0o755),
        (0o775, 0o755),
        (0o654, 0o644),
    ],
)
def test_only_the_owners_execute_bit_of_a_file_counts(root, on_disk, mode):
    """It is the one bit that git keeps."""
    (root / "a").chmod(on_disk)

    with Context.at(root) as context:
        assert FileFact("file", mode, 1) == context.get("a")


@pytest.mark.parametrize("on_disk", [0o700, 0o777, 0o2775, 0o1777])
def test_directories_are_equal(root, on_disk):
    """Umask and shared places do not matter."""
    (root / "dir").chmod(on_disk)

    with Context.at(root) as context:
        assert context.get("dir") == FileFact("dir", 0o755)


def test_two_checkouts_give_the_same_layer(tmp_path):
    """Directory, date, umask and order of creation differ; files do not."""
    layers = []
    for number, (umask, names) in enumerate([(0o022, ["x", "a/y"]), (0o077, ["a/y", "x"])]):
        before = os.umask(umask)
        try:
            root = tmp_path / str(number)
            (root / "a").mkdir(parents=True)
            for name in names:
                (root / name).write_text(name)
                os.utime(root / name, (number, number))
        finally:
            os.umask(before)
        layers.append(do(root, "COPY . /x").layers)

    assert layers[0] == layers[1]


def test_a_second_run_reads_no_content(root, tmp_path, monkeypatch):
    """An unchanged context costs a look at its inodes."""
    now = time.time_ns()
    monkeypatch.setattr(module, "now_ns", lambda: now + 2 * RACY_NS)
    with Context.at(root, hashes=HashCache(tmp_path / "hashes")) as context:
        digests = [context.digest("a"), context.digest("dir/c")]
        context.save()
    with Context.at(root, hashes=HashCache(tmp_path / "hashes")) as again:
        monkeypatch.setattr(again, "open", None)

        assert digests == [again.digest("a"), again.digest("dir/c")]


def test_a_changed_file_is_read_again(root, tmp_path, monkeypatch):
    """Even when size and modification time are put back: the change time tells."""
    os.utime(root / "a", ns=(10, 10))
    now = time.time_ns()
    monkeypatch.setattr(module, "now_ns", lambda: now + 2 * RACY_NS)
    with Context.at(root, hashes=HashCache(tmp_path / "hashes")) as context:
        context.digest("a")
        context.save()
    time.sleep(0.02)
    (root / "a").write_text("Z")
    os.utime(root / "a", ns=(10, 10))

    with Context.at(root, hashes=HashCache(tmp_path / "hashes")) as again:
        assert Digest.of(b"Z") == again.digest("a")


def test_names_that_are_not_utf8_are_files_like_others(tmp_path):
    """They keep their bytes on the way into the layer."""
    root = make(tmp_path, {})
    (root / os.fsdecode(b"caf\xe9")).write_text("x")

    assert do(root, "COPY . /x").entries[0][1][0].name == "x/caf\udce9"


def test_a_context_has_an_end(tmp_path, monkeypatch):
    """A directory tree deeper than any honest one is an error, not a crash."""
    monkeypatch.setattr(module, "MAX_DEPTH", 3)
    root = make(tmp_path, {"1/2/3/4/5": ""})

    with Context.at(root) as context, pytest.raises(UsageError, match="deep"):
        select(context, ["."])
