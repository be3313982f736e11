"""Locks exclude, and go with who holds them."""

from __future__ import annotations

import multiprocessing
import threading
import time
from typing import TYPE_CHECKING

import pytest

from hivebase.errors import SystemFaultError
from hivebase.locks import FileLock

if TYPE_CHECKING:
    from pathlib import Path


def test_locks_exclude_within_a_process(tmp_path) -> None:
    """Two lock objects on one file are two holders."""
    path = tmp_path / "lock"
    with FileLock(path):
        assert not FileLock(path).try_acquire()
        assert not FileLock(path, shared=True).try_acquire()
    again = FileLock(path)
    assert again.try_acquire()
    again.release()
    again.release()


def test_shared_locks_do_not_exclude_each_other(tmp_path) -> None:
    """Readers share; a writer waits for all of them."""
    path = tmp_path / "lock"
    with FileLock(path, shared=True), FileLock(path, shared=True):
        assert not FileLock(path).try_acquire()


def test_a_lock_object_is_one_holder(tmp_path) -> None:
    """Taking a lock twice through one object is a mistake of the program."""
    lock = FileLock(tmp_path / "lock")
    with lock, pytest.raises(RuntimeError):
        lock.acquire()


def test_waiting_is_told_and_ends(tmp_path) -> None:
    """Who must wait says so once, and gets the lock when it is free."""
    path, waiting = tmp_path / "lock", threading.Event()
    first = FileLock(path)
    first.acquire()

    def take() -> None:
        with FileLock(path, on_wait=waiting.set):
            pass

    thread = threading.Thread(target=take)
    thread.start()
    assert waiting.wait(5)
    first.release()
    thread.join(5)
    assert not thread.is_alive()


def _hold_and_die(path: Path, ready) -> None:
    FileLock(path).acquire()
    ready.set()
    time.sleep(60)


def test_a_killed_holder_lets_go(tmp_path) -> None:
    """A lock dies with its process: no stale locks."""
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    process = context.Process(target=_hold_and_die, args=(tmp_path / "lock", ready))
    process.start()
    assert ready.wait(10)
    assert not FileLock(tmp_path / "lock").try_acquire()
    process.kill()
    process.join()
    with FileLock(tmp_path / "lock"):
        pass


def test_releasing_does_not_wait_for_a_forked_child(tmp_path) -> None:
    """A child that inherited the descriptor does not keep the lock."""
    lock = FileLock(tmp_path / "lock")
    lock.acquire()
    child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
    child.start()
    try:
        lock.release()
        again = FileLock(tmp_path / "lock")
        assert again.try_acquire()
        again.release()
    finally:
        child.kill()
        child.join()


def test_a_lock_that_cannot_be_made_is_told(tmp_path) -> None:
    """No directory, or a planted link: an error that says where."""
    with pytest.raises(SystemFaultError):
        FileLock(tmp_path / "nothing/lock").acquire()
    (tmp_path / "link").symlink_to("target")
    with pytest.raises(SystemFaultError):
        FileLock(tmp_path / "link").acquire()
    assert not (tmp_path / "target").exists()
