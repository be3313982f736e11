"""Caches that outlive a build, and the mounts in the helper's words."""

from __future__ import annotations

import socket
import stat
import threading

import pytest
from tests.layers.sandbox.box import Box, busybox, perl

from hivebase.errors import InterruptedByUserError
from hivebase.layers.sandbox.mounts import (
    BindMount,
    CacheMount,
    Caches,
    SshMount,
    TmpfsMount,
    Tree,
    as_request,
    check_target,
)


def _no_pause() -> None:
    raise InterruptedByUserError("would wait")


def test_a_cache_is_one_directory_per_identity(tmp_path):
    """Id, owner, mode and seed name the cache; target and sharing do not."""
    base = CacheMount("/a", "id")
    same = {base.key, CacheMount("/b", "id", sharing="locked").key}
    other = {
        CacheMount("/a", "other").key,
        CacheMount("/a", "id", uid=1).key,
        CacheMount("/a", "id", gid=1).key,
        CacheMount("/a", "id", mode=0o700).key,
        CacheMount("/a", "id", seed=Tree([tmp_path]), seed_id="x").key,
        CacheMount("/a", "id", seed=Tree([tmp_path]), seed_id="y").key,
        CacheMount("/a", "id", seed=Tree([tmp_path], "sub"), seed_id="y").key,
    }

    assert same == {base.key}
    assert len(other - same) == 7


def test_a_cache_can_be_shown_without_letting_the_step_write(tmp_path):
    """It is the same cache; a step with ``ro`` sees what others wrote."""
    mount = CacheMount("/c", "id", writable=False)
    assert mount.key == CacheMount("/c", "id").key
    with Caches(tmp_path / "caches", _no_pause) as caches:
        caches.hold([mount])
        request = as_request(mount, caches)
        assert request is not None
        assert request["kind"] == "tree"
        assert request["writes"] == "no"


def test_a_new_cache_has_the_asked_owner_and_mode(tmp_path):
    """The directory is made before the step starts."""
    mount = CacheMount("/c", "id", mode=0o2770)
    with Caches(tmp_path / "caches", _no_pause) as caches:
        caches.hold([mount])

        assert stat.S_IMODE(caches.directory(mount).stat().st_mode) == 0o2770


def test_a_shared_cache_is_used_by_two_at_once(tmp_path):
    """Both see the same directory, without waiting."""
    mount = CacheMount("/c", "id")
    with Caches(tmp_path, _no_pause) as first, Caches(tmp_path, _no_pause) as second:
        first.hold([mount])
        second.hold([mount])

        assert first.directory(mount) == second.directory(mount)


def test_a_private_cache_is_never_used_by_two_at_once(tmp_path):
    """The second gets another directory, and the first one's is used again later."""
    mount = CacheMount("/c", "id", sharing="private")
    with Caches(tmp_path, _no_pause) as first:
        first.hold([mount])
        with Caches(tmp_path, _no_pause) as second:
            second.hold([mount])
            both = {first.directory(mount), second.directory(mount)}
    with Caches(tmp_path, _no_pause) as third:
        third.hold([mount])

        assert len(both) == 2
        assert third.directory(mount) in both


@pytest.mark.parametrize(
    ("held", "wanted"), [("locked", "locked"), ("locked", "shared"), ("shared", "locked")]
)
def test_a_locked_cache_is_waited_for(tmp_path, held, wanted):
    """Nobody else uses it, however the other asks for it."""
    with Caches(tmp_path, _no_pause) as first:
        first.hold([CacheMount("/c", "id", sharing=held)])
        with Caches(tmp_path, _no_pause) as second, pytest.raises(InterruptedByUserError):
            second.hold([CacheMount("/c", "id", sharing=wanted)])
    with Caches(tmp_path, _no_pause) as third:
        third.hold([CacheMount("/c", "id", sharing=wanted)])


def test_two_caches_are_locked_in_one_order(tmp_path, monkeypatch):
    """Two steps that name the same caches in other orders cannot wait for each other for ever."""
    tried: list[str] = []
    monkeypatch.setattr(Caches, "_hold", lambda _caches, mount: tried.append(mount.key))
    mounts = [CacheMount(f"/{name}", name, sharing="locked") for name in "abcdef"]
    for order in (mounts, mounts[::-1]):
        with Caches(tmp_path, _no_pause) as caches:
            caches.hold(order)

    assert tried[:6] == tried[6:]


@pytest.mark.parametrize(
    ("target", "plain"),
    [("/a", "/a"), ("//a/./b/", "/a/b"), ("/a/../b", "/b"), ("/dev/pipes/x", "/dev/pipes/x")],
)
def test_targets_are_made_plain(target, plain):
    """Dots and double slashes mean nothing."""
    assert check_target(target) == plain


@pytest.fixture
def box(tmp_path) -> Box:
    return Box(tmp_path / "box")


@pytest.mark.root
def test_what_a_step_puts_into_a_cache_is_there_for_the_next(box):
    """And neither step's layer has it."""
    mount = CacheMount("/c", "id", uid=3, mode=0o700)

    first = box.run("echo kept > /c/file; stat -c '%u %a' /c", mounts=[mount])
    second = box.run("cat /c/file", mounts=[mount])

    assert (first.text, first.changes) == ("3 700\n", [])
    assert (second.text, second.changes) == ("kept\n", [])


@pytest.mark.root
def test_a_cache_starts_with_its_seed(box, tmp_path):
    """Content, owners, modes and links of the source are copied once; the source never changes."""
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    (source / "sub/file").write_text("seed")
    (source / "sub/file").chmod(0o640)
    (source / "sub/link").symlink_to("/etc/passwd")
    mount = CacheMount("/c", "id", seed=Tree([source], "sub"), seed_id="digest")

    first = box.run("cat /c/file; stat -c %a /c/file; readlink /c/link; echo more >> /c/file", mounts=[mount])
    second = box.run("cat /c/file", mounts=[mount])

    assert first.text == "seed640\n/etc/passwd\n"
    assert second.text == "seedmore\n"
    assert (source / "sub/file").read_text() == "seed"


@pytest.mark.root
def test_a_tmpfs_is_empty_writable_by_all_and_limited(box):
    """Its size is what was asked for."""
    ran = box.run(
        "stat -c %a /t; ls -A /t; dd if=/dev/zero of=/t/x bs=1M count=3 2>&1 | grep -c 'No space'",
        mounts=[TmpfsMount("/t", size=2 << 20)],
        uid=1000,
    )

    assert ran.text == "1777\n1\n"


@pytest.mark.root
def test_a_mount_inside_a_mount_works(box, tmp_path):
    """A later target may be below an earlier one."""
    (tmp_path / "file").write_text("content")

    ran = box.run(
        "cat /t/deep/file; touch /t/x",
        mounts=[TmpfsMount("/t"), BindMount("/t/deep/file", Tree([tmp_path], "file"))],
    )

    assert (ran.text, ran.changes) == ("content", [])


@pytest.mark.root
def test_the_agents_socket_is_shown(box, tmp_path):
    """A step can talk to the agent through the socket."""
    box.lowers = [busybox(), perl()]
    place = tmp_path / "agent"
    connect = 'socket(my $s, 1, 1, 0) or die; connect($s, pack("S a*", 1, "/run/agent.sock\\0")) or die $!; print <$s>'
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(place))
        server.listen()
        server.settimeout(10)
        thread = threading.Thread(target=_answer, args=(server,))
        thread.start()
        ran = box.run(argv=["perl", "-e", connect], mounts=[SshMount("/run/agent.sock", place)])
        thread.join()

    assert (ran.text, ran.changes) == ("agent", [])


def _answer(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        connection.sendall(b"agent")
