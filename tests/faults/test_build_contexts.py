"""Rows D-1 to D-4 and D-13: what a Dockerfile reads, tried from the outside: nothing of the host gets in."""

from __future__ import annotations

import gzip
import os
import signal
import socket
import time

import pytest
from tests.faults.builds import check, end, errors, eventually, leftovers, marker, pids_with, started

pytestmark = pytest.mark.root


def _everything(hive):
    """Return all bytes of the store, layers unpacked."""
    found = []
    for path in sorted(hive.store.rglob("*")):
        if path.is_file() and not path.is_symlink():
            data = path.read_bytes()
            found.append(gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data)
    return b"\0".join(found)


@pytest.fixture
def canary(tmp_path):
    """A file of the host, outside every context, with a text that nothing else has."""
    path = tmp_path / "host-secret"
    path.write_text(f"canary-{marker()}")
    return path


def test_d1_no_source_leads_to_the_host(hive, canary):
    """Climbing names, absolute names, links, linked directories and loops: refused or resolved inside."""
    context = hive.root / "app"
    context.mkdir()
    (context / "file").write_text("x")
    (context / "absolute").symlink_to(canary)
    (context / "climbing").symlink_to("../../" + canary.name)
    (context / "directory").symlink_to(canary.parent)
    (context / "loop").symlink_to("loop")
    (context / "chain").symlink_to("directory/..")
    for source in (
        f"../../{canary.name}",
        "absolute",
        "climbing",
        f"directory/{canary.name}",
        "loop",
        f"chain/{canary.parent.name}/{canary.name}",
    ):
        hive.write({"app/Dockerfile": f"FROM busybox:1\nCOPY {source} /got\n"})
        done = hive.run("build", code=2)
        assert len(errors(done.stderr)) == 1
    hive.write({"app/Dockerfile": "FROM busybox:1\nCOPY . /all\nRUN cat /all/* > /seen || true\n"}).build()
    assert hive.run(
        "run", "--network", "none", "app", "--", "readlink", "/all/absolute"
    ).stdout.strip() == str(canary)
    assert canary.read_bytes() not in _everything(hive)


def test_d2_an_ignore_file_cannot_reach_out_nor_take_for_ever(hive, canary):
    """A link out of the context is refused, exceptions for outside names do nothing, many patterns are quick."""
    hive.write({"app/Dockerfile": "FROM busybox:1\nCOPY . /all\n", "app/file": "x"})
    ignore = hive.root / "app/.dockerignore"
    ignore.symlink_to(canary)
    assert errors(hive.run("build", code=2).stderr) == [
        "error[usage]: .dockerignore: cannot use the ignore file"
    ]
    ignore.unlink()
    ignore.write_text(f"!../../{canary.name}\n" + "**/a**b**/c?[d-f]**\n" * 20_000)
    before = time.monotonic()
    hive.build()
    assert time.monotonic() - before < 15
    assert hive.run("run", "app", "--", "ls", "/all").stdout.split() == ["Dockerfile", "file"]
    assert canary.read_bytes() not in _everything(hive)


def test_d3_a_file_that_changes_during_the_build_is_an_error(hive):
    """It was hashed for the plan and is another one when it is copied: no image has the wrong key."""
    sleep = marker()
    dockerfile = f"FROM busybox:1\nRUN sleep {sleep} || true\nCOPY file /file\n"
    hive.write({"app/Dockerfile": dockerfile, "app/file": "before\n"})
    with started(hive, "build") as process:
        assert eventually(lambda: pids_with(sleep))
        hive.write({"app/file": "after!\n"})
        end(sleep)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 2
    assert errors(err) == ["error[usage]: app, line 3: 'file' changed while it was being read"]
    assert set(check(hive).refs()) == {"busybox:1"}
    hive.build()
    assert hive.cat("app", "/file") == "after!\n"


@pytest.mark.parametrize("kind", ["fifo", "device", "setuid", "socket", "sparse"])
def test_d4_odd_files_never_block(hive, monkeypatch, kind):
    """By rule: an error by name, or left out; asked for or not, nothing is waited for."""
    hive.write({"app/Dockerfile": "FROM busybox:1\nCOPY file /file\n", "app/file": "x"})
    odd = hive.root / "app/odd"
    if kind == "fifo":
        os.mkfifo(odd)
    elif kind == "device":
        os.mknod(odd, 0o20644, os.makedev(1, 3))
    elif kind == "socket":
        monkeypatch.chdir(odd.parent)  # the path of a socket must be short
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("odd")
    else:
        odd.write_text("x")
        if kind == "setuid":
            odd.chmod(0o4755)
        else:
            os.truncate(odd, 1 << 40)
    hive.build()
    hive.write({"app/Dockerfile": "FROM busybox:1\nCOPY . /all\n"})
    if kind == "sparse":
        with started(hive, "build") as process:
            # A terabyte is read in earnest, and can be interrupted.
            time.sleep(0.5)
            process.send_signal(signal.SIGINT)
            assert process.wait(10) == 130
    elif kind == "socket":
        hive.build()
        assert hive.run("run", "app", "--", "ls", "/all").stdout.split() == ["Dockerfile", "file"]
    else:
        (error,) = errors(hive.run("build", code=2).stderr)
        assert "'odd' is a" in error
    assert leftovers(hive) == []


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("http://169.254.169.254/latest/meta-data /x", None),
        ("file:///etc/passwd /x", 2),
        ("--checksum=sha256:" + "0" * 64 + " http://{server}/file /x", 1),
        ("http://{server}/elsewhere /x", None),
        ("git@127.0.0.1:--upload-pack=touch${{IFS}}{canary}.git /x", None),
        ("ext::sh${{IFS}}-c${{IFS}}touch${{IFS}}{canary} /x", None),
    ],
)
def test_d13_add_is_no_way_to_the_machine(hive, tmp_path, web_server, source, code):
    """Metadata addresses, redirects to them, local files, wrong checksums and commands for git: refused."""
    canary = tmp_path / "touched"
    line = source.format(server=web_server.address, canary=canary)
    hive.write({"app/Dockerfile": f"FROM busybox:1\nADD {line}\n"})
    with started(hive, "build") as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode in ({code} if code else {1, 2, 3, 4}), err
    assert len(errors(err)) == 1
    assert not canary.exists()
    assert set(check(hive).refs()) == {"busybox:1"}
    assert "/etc/passwd" not in out
