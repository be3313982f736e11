"""Scratch directories: private, gone afterwards, and swept when their owner was killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading

import pytest

from hivebase import fs
from hivebase.build import scratch as module
from hivebase.build.scratch import scratch, sweep
from hivebase.oci.store import Store


@pytest.fixture
def store(tmp_path):
    """An empty store."""
    return Store.open(tmp_path / "store")


def _left(store):
    return sorted(path.name for path in (store.state / "work").glob("*"))


def test_a_directory_is_private_and_goes(store):
    """Also what is in it, and also after a failure."""
    with scratch(store) as directory:
        assert directory.stat().st_mode & 0o777 == 0o700
        (directory / "a/b").mkdir(parents=True)
    assert _left(store) == []
    with pytest.raises(FileNotFoundError), scratch(store) as directory:
        (directory / "a/b").rmdir()
    assert _left(store) == []


def test_a_directory_in_use_is_not_swept(store):
    """Two owners at once, and a sweep in between."""
    with scratch(store) as one, scratch(store) as two:
        (one / "file").write_text("x")
        assert one != two
        assert sweep(store) == 0
        assert (one / "file").exists()
    assert sweep(store) == 0
    assert _left(store) == []


def test_b1_what_a_killed_build_left_is_swept(store):
    """Its lock died with it."""
    program = (
        "import os, sys; from pathlib import Path; from hivebase.oci.store import Store;"
        "from hivebase.build.scratch import scratch\n"
        "with scratch(Store.open(Path(sys.argv[1]))) as directory:\n"
        " (directory / 'file').write_text('x'); os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(store.root)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(_left(store)) == 2
    assert sweep(store) == 1
    assert _left(store) == []


def test_a_lock_without_its_directory_is_swept(store):
    """Its owner was killed between the two removals."""
    with scratch(store) as directory:
        name = directory.name
    (store.state / "work" / f"{name}.lock").touch()
    assert sweep(store) == 0
    assert _left(store) == []


def test_s5_a_sweep_during_the_removal_leaves_it_to_the_owner(store, monkeypatch):
    """The directory is still locked while it is being removed: two removals of one tree would trip over each other."""
    removing, swept = threading.Event(), threading.Event()
    remove = fs.remove_tree

    def slowly(path):
        removing.set()
        assert swept.wait(10)
        remove(path)

    def own():
        with scratch(store) as directory:
            for number in range(10):
                (directory / str(number)).mkdir()

    monkeypatch.setattr(module, "remove_tree", slowly)
    owner = threading.Thread(target=own)
    owner.start()
    assert removing.wait(10)
    assert sweep(store) == 0
    swept.set()
    owner.join()
    assert _left(store) == []


@pytest.mark.root
def test_a_directory_that_cannot_be_removed_is_told(store):
    """The error is not swallowed, and the lock does not stay taken."""

    with pytest.raises(OSError, match="mounted"), scratch(store) as directory:
        subprocess.run(["mount", "-t", "tmpfs", "none", str(directory)], check=True)
    subprocess.run(["umount", str(directory)], check=True)
    assert sweep(store) == 1
