"""Leases: what a living process holds, and nobody else's."""

from __future__ import annotations

import os
import threading

import pytest

from hivebase.digest import Digest
from hivebase.errors import UsageError
from hivebase.oci.leases import Leases, create_locked, remove_dead

A, B = Digest.of(b"a"), Digest.of(b"b")


@pytest.fixture
def leases(tmp_path) -> Leases:
    """Return the leases of one process."""
    (tmp_path / "leases").mkdir()
    return Leases(tmp_path / "leases", tmp_path / "lock")


def test_pins_last_as_long_as_the_lease(leases, tmp_path) -> None:
    """What is pinned is seen by others until the lease ends."""
    other = Leases(tmp_path / "leases", tmp_path / "lock")
    with leases.hold():
        leases.pin([A])
        leases.pin([A, B])
        assert other.pinned() == {A, B}
    assert other.pinned() == set()
    assert list((tmp_path / "leases").iterdir()) == []


def test_without_a_lease_nothing_is_pinned(leases) -> None:
    """Pinning is free for commands that hold no lease."""
    leases.pin([A])
    assert leases.pinned() == set()


def test_leases_nest_over_threads(leases) -> None:
    """The lease lasts until its last holder is done."""
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with leases.hold():
            leases.pin([A])
            inside.set()
            leave.wait(5)

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait(5)
    with leases.hold():
        leases.pin([B])
    assert leases.pinned() == {A, B}
    leave.set()
    thread.join()
    assert leases.pinned() == set()


def test_a_dead_lease_is_removed(leases, tmp_path) -> None:
    """A file that nobody keeps locked, whatever is in it, holds nothing."""
    (tmp_path / "leases/dead").write_text(A.hex)
    with leases.hold():
        assert leases.pinned() == set()
        assert len(list((tmp_path / "leases").iterdir())) == 1


def test_s10_a_line_cut_short_does_not_spoil_the_next(leases) -> None:
    """Half a digest in a lease, left by a full disk, is passed over."""
    with leases.hold():
        os.write(leases._fd, b"\n" + A.hex[:10].encode())
        leases.pin([B])
        assert leases.pinned() == {B}


def test_s14_only_digests_are_pinned(leases) -> None:
    """A hostile string does not get into the file."""
    with leases.hold(), pytest.raises(UsageError):
        leases.pin(["sha256:x\n" + B.hex])


def test_a_file_is_dead_when_its_maker_closes_it(tmp_path) -> None:
    """The lock, not a clock, tells who lives."""
    fd, path = create_locked(tmp_path)
    assert remove_dead(tmp_path) == [path]
    os.close(fd)
    assert remove_dead(tmp_path) == []
    assert not path.exists()


def test_s5_a_lease_that_ends_while_a_collector_reads_is_no_error(leases, tmp_path, monkeypatch) -> None:
    """Between listing the leases and reading one, its holder may have finished."""
    monkeypatch.setattr("hivebase.oci.leases.remove_dead", lambda _directory: [tmp_path / "leases/gone"])
    assert leases.pinned() == set()
