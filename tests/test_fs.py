"""Files: untrusted names stay inside, writes are whole, removal follows nothing."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import threading
import time
from pathlib import Path

import pytest

from hivebase import fs
from hivebase.errors import SystemFaultError

READ = os.O_RDONLY


@pytest.fixture(params=["openat2", "walk"])
def way(request, monkeypatch):
    """Resolve by the kernel, and by the walk for old kernels."""
    if request.param == "walk":
        monkeypatch.setattr(fs, "_openat2", lambda: None)
    elif fs._openat2() is None:
        pytest.skip("this kernel has no openat2")
    return request.param


@pytest.fixture
def tree(tmp_path):
    """Return an open directory with links of all kinds in it, and a secret beside it."""
    (tmp_path / "secret").write_text("outside")
    root = tmp_path / "root"
    (root / "a/b").mkdir(parents=True)
    (root / "a/b/file").write_text("inside")
    (root / "secret").write_text("inside")
    links = {
        "absolute": "/a/b",
        "up": "../../../../a/b",
        "chain": "absolute",
        "loop": "loop",
        "out": "/secret",
        "out2": "../secret",
        "a/deep": "../../secret",
        "a/b/top": "/secret",
        "dangling": "/nowhere",
        "slash": "a/b/",
        "fileslash": "a/b/file/",
        "host": str(tmp_path / "secret"),
    }
    for name, target in links.items():
        (root / name).symlink_to(target)
    with fs.Directory.open(root) as directory:
        yield directory


def _read(fd: int) -> str:
    with os.fdopen(fd) as stream:
        return stream.read()


@pytest.mark.parametrize(
    "name",
    [
        "a/b/file",
        "/a/b/file",
        "absolute/file",
        "up/file",
        "chain/file",
        "out",
        "out2",
        "a/deep",
        "a/b/top",
        "../secret",
        "../../../secret",
        "a/../../secret",
        "./a/./b//file",
        "slash/file",
        "a/b/../../secret",
    ],
)
def test_names_in_root_stay_inside(way, tree, name) -> None:
    """Links and dots resolve as in a chroot: the secret outside is never what is opened."""
    assert _read(tree.open_in_root(name, READ)) == "inside"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("loop", errno.ELOOP),
        ("loop/x", errno.ELOOP),
        ("dangling", errno.ENOENT),
        ("host", errno.ENOENT),
        ("a/b/file/", errno.ENOTDIR),
        ("fileslash", errno.ENOTDIR),
        ("a/b/file/..", errno.ENOTDIR),
        ("a\0b", errno.EINVAL),
        ("x" * 300, errno.ENAMETOOLONG),
    ],
)
def test_names_that_do_not_resolve(way, tree, name, code) -> None:
    """What a chroot would not find is not found, with the same error both ways."""
    with pytest.raises(OSError) as raised:
        tree.open_in_root(name, READ)
    assert code == raised.value.errno


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("absolute", errno.ELOOP),
        ("absolute/file", errno.ELOOP),
        ("a/deep", errno.ELOOP),
        ("loop", errno.ELOOP),
        ("/a", errno.EXDEV),
        ("..", errno.EXDEV),
        ("a/../../secret", errno.EXDEV),
        ("nothing", errno.ENOENT),
    ],
)
def test_names_beneath_refuse_links_and_escapes(way, tree, name, code) -> None:
    """Beneath a directory no link is followed, not even a good one."""
    with pytest.raises(OSError) as raised:
        tree.open_beneath(name, READ)
    assert code == raised.value.errno


def test_names_beneath_may_go_up_inside(way, tree) -> None:
    """Dots that stay inside are names like others."""
    assert _read(tree.open_beneath("a/../a/b/file", READ)) == "inside"


@pytest.mark.parametrize("name", ["", "/", ".", "..", "a/.."])
def test_the_root_itself(way, tree, name) -> None:
    """The root can be opened by any of its names."""
    fd = tree.open_in_root(name, READ)
    assert os.fstat(tree.fd).st_ino == os.fstat(fd).st_ino
    os.close(fd)


def test_a_link_can_be_opened_as_itself(way, tree) -> None:
    """O_PATH with O_NOFOLLOW means the link, in both manners."""
    for open_it in (tree.open_in_root, tree.open_beneath):
        fd = open_it("absolute", os.O_PATH | os.O_NOFOLLOW)
        assert os.readlink("", dir_fd=fd) == "/a/b"
        os.close(fd)


def test_a_path_descriptor_follows_links_unless_told(way, tree) -> None:
    """O_PATH alone resolves the last link."""
    fd = tree.open_in_root("absolute", os.O_PATH)
    assert os.fstat(fd).st_ino == (Path(tree.path) / "a/b").stat().st_ino
    os.close(fd)


def test_files_are_created_inside(way, tree) -> None:
    """A link that dangles outside makes the file inside, and O_EXCL follows no link."""
    (Path(tree.path) / "new").symlink_to("/a/made")
    os.close(tree.open_in_root("new", os.O_WRONLY | os.O_CREAT, 0o600))
    assert (Path(tree.path) / "a/made").exists()
    with pytest.raises(FileExistsError):
        tree.open_in_root("dangling", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)


def test_parent_in_root(way, tree) -> None:
    """The parent is resolved inside; the last component is left alone, even if it is a link."""
    fd, last = tree.parent_in_root("/up/../b/file/")
    assert last == "file"
    assert os.fstat(fd).st_ino == (Path(tree.path) / "a/b").stat().st_ino
    os.close(fd)
    for name in ("", "/", "a/..", "a/.", ".."):
        with pytest.raises(OSError) as raised:
            tree.parent_in_root(name)
        assert raised.value.errno == errno.EINVAL


def test_proc_magic_links_do_not_lead_out(way) -> None:
    """The links in /proc that jump anywhere are not followed out of the directory."""
    with fs.Directory.open(f"/proc/{os.getpid()}") as proc, pytest.raises(OSError):
        proc.open_in_root("root/etc/passwd", READ)


def test_a11_a_directory_swapped_for_a_link_stays_inside(way, tree) -> None:
    """While another thread flips a directory and a link to the outside, only inside files are opened."""
    root = Path(tree.path)
    (root / "dir").mkdir()
    (root / "dir/secret").write_text("inside")
    (root / "link").symlink_to("..")
    stop = threading.Event()

    def flip() -> None:
        while not stop.is_set():
            for source, target in (("dir", "flip"), ("link", "dir"), ("dir", "link"), ("flip", "dir")):
                (root / source).rename(root / target)

    thread = threading.Thread(target=flip)
    thread.start()
    try:
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                assert _read(tree.open_in_root("dir/secret", READ)) == "inside"
            with contextlib.suppress(OSError):
                assert _read(tree.open_beneath("dir/secret", READ)) == "inside"
    finally:
        stop.set()
        thread.join()


def test_a11_a_link_that_appears_between_two_looks_is_refused(tree, monkeypatch) -> None:
    """The walk takes no path descriptor of a link that was none a moment ago."""
    monkeypatch.setattr(fs, "_openat2", lambda: None)
    monkeypatch.setattr(fs, "_link_target", lambda _part, _here: None)
    for flags in (os.O_PATH, READ):
        with pytest.raises(OSError) as raised:
            tree.open_in_root("absolute", flags)
        assert raised.value.errno == errno.ELOOP


def test_the_walk_leaks_no_descriptors(way, tree) -> None:
    """Neither success nor failure leaves a descriptor open."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    for name in ("chain/file", "loop", "a/b/nothing", "a/b/file/x", "up/../../a/b/file"):
        with contextlib.suppress(OSError):
            os.close(tree.open_in_root(name, READ))
        with contextlib.suppress(OSError):
            os.close(tree.open_beneath(name, READ))
    assert before == len(list(Path("/proc/self/fd").iterdir()))


def test_atomic_write_replaces_the_file_and_sets_its_mode(tmp_path) -> None:
    """The new content is there with the asked mode, whatever the umask, and nothing else is."""
    old = os.umask(0o077)
    try:
        fs.atomic_write(tmp_path, "x", b"old")
        fs.atomic_write(tmp_path, "x", b"new", mode=0o644)
    finally:
        os.umask(old)
    assert (tmp_path / "x").read_bytes() == b"new"
    assert (tmp_path / "x").stat().st_mode & 0o7777 == 0o644
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_atomic_write_replaces_a_link_instead_of_following_it(tmp_path) -> None:
    """A planted link loses its place; its target stays as it was."""
    (tmp_path / "target").write_text("kept")
    (tmp_path / "x").symlink_to("target")
    fs.atomic_write(tmp_path, "x", b"new")
    assert (tmp_path / "target").read_text() == "kept"
    assert not (tmp_path / "x").is_symlink()


def test_s11_a_failed_sync_leaves_the_old_file_and_no_temporary(tmp_path, monkeypatch) -> None:
    """When the kernel cannot write, the old content stays and the error says why."""
    fs.atomic_write(tmp_path, "x", b"old")

    def fail(_fd: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(SystemFaultError) as raised:
        fs.atomic_write(tmp_path, "x", b"new")
    assert raised.value.why == "Input/output error"
    assert raised.value.hint
    assert (tmp_path / "x").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_sync_can_be_turned_off_for_tests(tmp_path, monkeypatch) -> None:
    """Only the exact value turns it off."""
    calls: list[int] = []
    monkeypatch.setattr(os, "fsync", calls.append)
    for value in ("1", "0", ""):
        monkeypatch.setenv(fs.UNSAFE_NO_SYNC, value)
        fs.fsync_directory(tmp_path)
    assert len(calls) == 2


def test_fsync_of_a_missing_directory_is_told(tmp_path) -> None:
    """A person reads the error, so it is one of ours."""
    with pytest.raises(SystemFaultError):
        fs.fsync_directory(tmp_path / "nothing")


def test_remove_tree_removes_everything_and_follows_nothing(tmp_path) -> None:
    """Links, fifos, read-only and unreadable directories go; what links point to stays."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("x")
    top = tmp_path / "top"
    (top / "a/b/c").mkdir(parents=True)
    (top / "a/b/c/file").write_text("x")
    (top / "a/link").symlink_to(outside)
    (top / "a/empty").mkdir()
    os.mkfifo(top / "fifo")
    (top / "a/b").chmod(0o500)
    (top / "a").chmod(0)
    fs.remove_tree(top)
    assert not top.exists()
    assert (outside / "kept").exists()


def test_remove_tree_of_a_link_a_file_and_nothing(tmp_path) -> None:
    """What is no directory is unlinked; what is not there is fine."""
    (tmp_path / "dir").mkdir()
    (tmp_path / "link").symlink_to("dir")
    (tmp_path / "file").write_text("x")
    for name in ("link", "file", "nothing"):
        fs.remove_tree(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["dir"]


def test_remove_tree_is_not_limited_by_depth(tmp_path) -> None:
    """A chain far deeper than a path may be long, and than the recursion limit, is removed."""
    top = fd = os.open(tmp_path, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("d", dir_fd=fd)
        below = os.open("d", os.O_RDONLY, dir_fd=fd)
        if fd != top:
            os.close(fd)
        fd = below
    os.close(fd)
    os.close(top)
    fs.remove_tree(tmp_path / "d")
    assert [path.name for path in tmp_path.iterdir()] == []


@pytest.mark.root
@pytest.mark.parametrize("where", ["top", "top/sub", "top/sub/deeper"])
def test_remove_tree_does_not_empty_a_mount(tmp_path, where) -> None:
    """What is mounted somewhere inside, even from the same file system, keeps its files."""
    host = tmp_path / "host"
    host.mkdir()
    (host / "canary").write_text("x")
    point = tmp_path / where
    point.mkdir(parents=True)
    subprocess.run(["mount", "--bind", host, point], check=True)
    try:
        with pytest.raises(OSError) as raised:
            fs.remove_tree(tmp_path / "top")
        assert raised.value.errno == errno.EBUSY
        assert (host / "canary").exists()
    finally:
        subprocess.run(["umount", host, "--all-targets", "-l"], check=False, stderr=subprocess.DEVNULL)
        subprocess.run(["umount", "-l", point], check=False, stderr=subprocess.DEVNULL)


def test_hints_fit_the_error() -> None:
    """A full disk, a read-only one and too many files each get their own advice."""
    hints = {
        fs.system_fault(OSError(code, os.strerror(code)), "cannot write").hint
        for code in (errno.ENOSPC, errno.EROFS, errno.EMFILE, errno.EIO)
    }
    assert len(hints) == 4
    assert all(hints)
