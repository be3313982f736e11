"""Faults D-1, D-3, D-4 and A-3: a build context that tries to bring in more than its own files."""

from __future__ import annotations

import os
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest
from tests.layers.copying import Image, Link, do, make

if TYPE_CHECKING:
    from pathlib import Path

from hivebase.errors import HivebaseError, UsageError
from hivebase.layers.context import Context
from hivebase.plan.select import select

CANARY = "host-secret-canary"


@pytest.fixture
def host(tmp_path):
    """Return a directory of the host, beside the context, that holds a secret."""
    directory = tmp_path / "host"
    directory.mkdir()
    (directory / "shadow").write_text(CANARY)
    return directory


def held(image: Image) -> bytes:
    """Return all that the layers hold."""
    return b"".join(
        entry.name.encode() + entry.link.encode() + content
        for layer in image.entries
        for entry, content in layer
    )


@pytest.mark.parametrize(
    ("links", "line"),
    [
        ({}, "COPY ../host/shadow /x"),
        ({}, "COPY ../../../../../{host}/shadow /x"),
        ({}, "COPY {host}/shadow /x"),
        ({"l": Link("{host}/shadow")}, "COPY l /x"),
        ({"l": Link("../host/shadow")}, "COPY l /x"),
        ({"l": Link("{host}")}, "COPY l /x"),
        ({"l": Link("../host")}, "COPY l/shadow /x"),
        ({"l": Link("../host")}, "COPY --parents l/shadow /x/"),
        ({"d/l": Link("../../host"), "d/m": Link("l/shadow")}, "COPY d/m /x"),
        ({"l": Link("l")}, "COPY l /x"),
        ({"l": Link("m"), "m": Link("l")}, "COPY l/x /x"),
    ],
)
def test_d1_no_name_and_no_link_leads_out_of_the_context(tmp_path, host, links, line):
    """The source is looked up inside the context, where there is no such file."""
    files = {name: Link(link.target.format(host=host)) for name, link in links.items()}
    context = make(tmp_path, {"a": "A", **files})

    with pytest.raises(HivebaseError):
        do(context, line.format(host=host))


def test_d1_a_wildcard_behind_a_link_matches_nothing_outside(tmp_path, host):
    """The directory of the host is not there for it, and a link behind a wildcard is not looked into."""
    assert (host / "shadow").exists()
    context = make(tmp_path, {"a": "A", "l": Link("../host"), "d/l": Link("../../host")})

    with pytest.raises(UsageError, match=r"l/\*"):
        do(context, "COPY l/* /x/")
    image = do(context, "COPY */l/* /x/")

    assert CANARY.encode() not in held(image)
    assert not any("shadow" in row for row in image.rows())


@pytest.mark.parametrize("target", ["../host/shadow", "{host}/shadow", "/etc/shadow", "../host"])
def test_d1_links_in_a_directory_are_copied_as_links(tmp_path, host, target):
    """Whoever runs the image sees its own files behind them; the host's content is nowhere."""
    target = target.format(host=host)
    context = make(tmp_path, {"d/l": Link(target), "d/a": "A"})

    image = do(context, "COPY d /x")

    assert f"l 0777 0:0 x/l -> {target}" in image.rows()
    assert CANARY.encode() not in held(image)


def test_d1_a_named_link_is_followed_inside_the_context(tmp_path):
    """An absolute one starts at the context's root."""
    context = make(
        tmp_path, {"etc/shadow": "mine", "l": Link("/etc/shadow"), "m": Link("../../../etc/shadow")}
    )

    assert do(context, "COPY l /x").rows() == ["f 0644 0:0 x [mine]"]
    assert do(context, "COPY m /x").rows() == ["f 0644 0:0 x [mine]"]


def test_d1_a_hard_link_to_a_file_of_the_host_is_a_file(tmp_path, host):
    """Whoever could make the link owns or could read the file: it is content like any other."""
    context = make(tmp_path, {"a": "A"})
    os.link(host / "shadow", context / "hard")

    assert [f"f 0644 0:0 x [{CANARY[:12]}]"] == do(context, "COPY hard /x").rows()


def test_d1_a_directory_that_becomes_a_link_during_the_build_is_not_followed(tmp_path, host):
    """A swap between listing and reading is an error, and the secret is not read."""
    context = make(tmp_path, {"d/shadow": "mine"})
    with Context.at(context) as opened:
        chosen = select(opened, ["d"])
        (context / "d").rename(context / "moved")
        (context / "d").symlink_to(host)
        with pytest.raises(UsageError, match="changed"):
            opened.digest(chosen[1].source)


def test_d1_a_race_of_swaps_never_reads_the_host(tmp_path, host):
    """While another process swaps the directory for a link, copies fail or hold the context's file."""
    context = make(tmp_path, {"d/shadow": "mine"})
    (context / "other").symlink_to(host)
    stop = threading.Event()

    def swap():
        while not stop.is_set():
            for old, new in (("d", "t"), ("other", "d"), ("d", "other"), ("t", "d")):
                (context / old).rename(context / new)

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        deadline = time.monotonic() + 0.7
        while time.monotonic() < deadline:
            try:
                assert CANARY.encode() not in held(do(context, "COPY d/shadow /x"))
            except HivebaseError:
                continue
    finally:
        stop.set()
        swapper.join()


@pytest.mark.parametrize("change", ["grow", "shrink", "rewrite", "replace", "touch", "remove"])
@pytest.mark.parametrize("when", ["listed", "hashed"])
def test_d3_a_file_that_changes_after_it_was_listed_is_an_error(tmp_path, change, when):
    """Size, inode or times tell, before hashing and before copying."""
    context = make(tmp_path, {"a": "AAAA"})
    with Context.at(context) as opened:
        opened.get("a")
        if when == "hashed":
            opened.digest("a")
        time.sleep(0.01)
        disturb(context / "a", change)
        with pytest.raises(UsageError, match="changed"):
            do(opened, "COPY a /x")


def disturb(path: Path, change: str) -> None:
    """Change the file in one of six ways."""
    if change == "grow":
        path.write_text("AAAAA")
    elif change == "shrink":
        path.write_text("A")
    elif change == "rewrite":
        path.write_text("BBBB")
    elif change == "touch":
        path.touch()
    else:
        path.unlink()
        if change == "replace":
            path.write_text("AAAA")


def test_d3_a_file_that_changes_while_it_is_read_is_an_error(tmp_path):
    """Checked after the last byte, too."""
    context = make(tmp_path, {"a": "A" * 100})
    with Context.at(context) as opened, opened.open("a") as stream:
        stream.read(10)
        time.sleep(0.01)
        (context / "a").write_text("B" * 100)
        with pytest.raises(UsageError, match="changed"):
            stream.read(1000)


def test_d3_a_writer_in_another_thread_is_noticed(tmp_path):
    """Every copy is whole and consistent, or an error; an error comes soon."""
    context = make(tmp_path, {"a": "0" * 200_000})
    stop = threading.Event()

    def write():
        number = 0
        while not stop.wait(0.004):
            number += 1
            (context / "a").write_text(str(number % 10) * 200_000)

    writer = threading.Thread(target=write)
    writer.start()
    outcomes = set()
    try:
        deadline = time.monotonic() + 10
        while "error" not in outcomes and time.monotonic() < deadline:
            try:
                content = do(context, "COPY a /x").entries[0][0][1]
                assert len(set(content)) <= 1  # the writer empties the file first
                outcomes.add("whole")
            except UsageError:
                outcomes.add("error")
    finally:
        stop.set()
        writer.join()

    assert "error" in outcomes


def test_d4_a_socket_is_left_out_with_a_note(tmp_path):
    """Nobody means to copy one; running services leave them in working trees."""
    context = make(tmp_path, {"d/a": "A"})
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.getcwd()  # noqa: PTH109 -- a socket's path must be short
        os.chdir(context / "d")
        try:
            listener.bind("s")
        finally:
            os.chdir(here)
        with Context.at(context) as opened:
            assert do(opened, "COPY d /x").rows() == ["d 0755 0:0 x", "f 0644 0:0 x/a [A]"]
            assert [note.partition(":")[0] for note in opened.notes] == ["d/s"]


def test_d4_a_fifo_never_blocks(tmp_path):
    """Unless it is asked for, it may lie around; then it is an error by name."""
    context = make(tmp_path, {"d/a": "A", "e/b": "B"})
    os.mkfifo(context / "d/p")

    assert do(context, "COPY e /x").rows() == ["d 0755 0:0 x", "f 0644 0:0 x/b [B]"]
    with pytest.raises(UsageError, match="'d/p' is a fifo"):
        do(context, "COPY d /x")
    with Context.at(context) as opened, pytest.raises(UsageError, match="'d/p' is a fifo"):
        opened.digest("d/p")


def test_d4_a_file_that_becomes_a_fifo_never_blocks(tmp_path):
    """It is opened without waiting, and found to be another inode."""
    context = make(tmp_path, {"a": "A"})
    with Context.at(context) as opened:
        opened.get("a")
        (context / "a").unlink()
        os.mkfifo(context / "a")
        with pytest.raises(UsageError, match="changed"):
            opened.digest("a")


@pytest.mark.root
def test_d4_a_device_is_an_error_by_name(tmp_path):
    """``/dev/zero`` in a context would never end."""
    context = make(tmp_path, {"d/a": "A"})
    os.mknod(context / "d/zero", 0o20644, os.makedev(1, 5))

    with pytest.raises(UsageError, match="'d/zero' is a character device"):
        do(context, "COPY d /x")


def test_d4_a_huge_sparse_file_costs_nothing_until_it_is_asked_for(tmp_path):
    """A terabyte of nothing beside the sources."""
    context = make(tmp_path, {"a": "A"})
    with (context / "huge").open("wb") as file:
        file.truncate(1 << 40)

    started = time.monotonic()

    assert do(context, "COPY a /x").rows() == ["f 0644 0:0 x [A]"]
    assert time.monotonic() - started < 20


def test_d4_a_sparse_file_is_copied_with_its_zeros(tmp_path):
    """Holes are zeros."""
    context = make(tmp_path, {})
    with (context / "hole").open("wb") as file:
        file.truncate(3 << 20)
        file.seek(1 << 20)
        file.write(b"x")

    content = do(context, "COPY hole /x").entries[0][0][1]

    assert (len(content), content.strip(b"\0")) == (3 << 20, b"x")


@pytest.mark.root
@pytest.mark.parametrize("name", ["d/a", "d"])
def test_d4_what_cannot_be_read_is_an_error_by_name(tmp_path, name):
    """The message says what to do; root reads everything, so this runs as nobody."""
    context = make(tmp_path, {"d/a": "A"})
    (context / name).chmod(0)
    with Context.at(context) as opened:
        os.seteuid(65534)
        try:
            with pytest.raises(UsageError, match="readable"):
                do(opened, "COPY d /x")
        finally:
            os.seteuid(0)


def test_a3_setuid_from_a_context_is_refused(tmp_path):
    """Git does not keep the bit, so it came from elsewhere; copying it would be a privilege by accident."""
    context = make(tmp_path, {"d/tool": "T", "d/dir/x": "X"})
    (context / "d/dir").chmod(0o2775)
    (context / "d/tool").chmod(0o2755)

    with pytest.raises(UsageError, match="'d/tool' is a file with setuid or setgid bits"):
        do(context, "COPY d /x")
    (context / "d/tool").chmod(0o755)
    assert "d 0755 0:0 x/dir" in do(context, "COPY d /x").rows()
