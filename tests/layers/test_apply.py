"""Unpacking an ordinary layer. Hostile ones are in tests/hostile."""

from __future__ import annotations

import io
import os
import stat
import subprocess

import pytest
from tests import archives as make

from hivebase.errors import SystemFaultError
from hivebase.layers.apply import Applied, apply
from hivebase.layers.tree import OPAQUE_XATTR

pytestmark = pytest.mark.root


def test_deletions_take_the_form_that_overlayfs_knows(tmp_path):
    """A whiteout is a character device 0:0, an emptied directory has the attribute."""
    raw = make.archive(make.directory("d"), make.file("d/.wh..wh..opq"), make.file(".wh.x"))
    assert apply(io.BytesIO(raw), tmp_path) == Applied(3, self_contained=True)
    status = (tmp_path / "x").lstat()
    assert (stat.S_ISCHR(status.st_mode), status.st_rdev) == (True, 0)
    assert os.getxattr(tmp_path / "d", OPAQUE_XATTR) == b"y"


def test_a_whiteout_does_not_touch_its_own_layer(tmp_path):
    """The image-spec: a whiteout hides what is below only, wherever it stands in the archive."""
    raw = make.archive(
        make.directory("d"), make.file("d/x"), make.file(".wh.d"), make.file("f", b"x"), make.file(".wh.f")
    )
    apply(io.BytesIO(raw), tmp_path)
    assert (tmp_path / "d" / "x").exists()
    assert os.getxattr(tmp_path / "d", OPAQUE_XATTR) == b"y"
    assert (tmp_path / "f").read_bytes() == b"x"


def test_the_umask_has_no_say(tmp_path):
    """Modes are the archive's, whatever the shell that started the build was set to (row P-1)."""
    raw = make.archive(make.directory("d", 0o777), make.file("d/f", mode=0o666), make.fifo("p", mode=0o666))
    before = os.umask(0o077)
    try:
        apply(io.BytesIO(raw), tmp_path)
    finally:
        os.umask(before)
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("d", "d/f", "p")] == [
        0o777,
        0o666,
        0o666,
    ]


def test_group_of_a_setgid_directory_is_not_inherited(tmp_path):
    """Owners are the archive's also where the kernel would give the directory's group."""
    raw = make.archive(make.directory("d", 0o2755, gid=7), make.file("d/f"), make.directory("d/e"))
    apply(io.BytesIO(raw), tmp_path)
    assert [(tmp_path / name).stat().st_gid for name in ("d", "d/f", "d/e")] == [7, 0, 0]
    assert stat.S_IMODE((tmp_path / "d/e").stat().st_mode) == 0o755


def test_the_stream_is_read_to_its_end(tmp_path):
    """Whoever hashes the stream sees every byte, also those after the end marker."""
    stream = io.BytesIO(make.archive(make.file("a")) + b"tail" * 1000)
    apply(stream, tmp_path)
    assert stream.read() == b""


def test_s10_a_full_disk_is_the_machines_fault(tmp_path):
    """The message says what to do, and it is not called a damaged layer."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", tmp_path], check=True)
    try:
        with pytest.raises(SystemFaultError) as caught:
            apply(io.BytesIO(make.archive(make.file("big", bytes(2 << 20)))), tmp_path)
    finally:
        subprocess.run(["umount", tmp_path], check=True)
    assert "space" in caught.value.hint
