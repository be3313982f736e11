"""WORKDIR makes directories as BuildKit does, and none outside."""

from __future__ import annotations

import pytest
from tests.layers.copying import Content, Link, do, make

from hivebase.errors import BuildError

FILES: dict[str, Content] = {
    "a": "A",
    "lnk/lib": Link("usr/lib"),
    "lnk/usr/lib/z": "z",
    "lnk/out": Link("../../../../var/q"),
    "lnk/root": Link("/"),
    "lnk/round": Link("round"),
    "p/etc/passwd": "root:x:0:0:::\nbob:x:1000:1001:::\n",
}


def test_missing_directories_belong_to_the_user(tmp_path):
    """Mode 0755, owner and primary group of USER, for every directory that is made."""
    rows = do(make(tmp_path, FILES), "COPY p /", "USER bob", "WORKDIR /a/b").rows()

    assert rows == ["d 0755 1000:1001 a", "d 0755 1000:1001 a/b"]


def test_an_existing_directory_leaves_no_layer(tmp_path):
    """Whoever owns it; the root exists always."""
    image = do(make(tmp_path, FILES), "COPY lnk /", "USER 5", "WORKDIR /usr/lib", "WORKDIR /lib", "WORKDIR /")

    assert image.layers[1:] == [None, None, None]


def test_existing_parents_keep_their_owner(tmp_path):
    """Parents in the layer have the image's metadata, not the new one; the group of a number is that number."""
    rows = do(
        make(tmp_path, FILES), "COPY --chown=5:6 --chmod=700 lnk /x", "USER 9", "WORKDIR /x/usr/new"
    ).rows()

    assert rows == ["d 0755 5:6 x", "d 0700 5:6 x/usr", "d 0755 9:9 x/usr/new"]


@pytest.mark.parametrize("line", ["WORKDIR /a", "WORKDIR /a/b"])
def test_a_file_in_the_way_is_an_error(tmp_path, line):
    """The message names it."""
    with pytest.raises(BuildError, match="/a"):
        do(make(tmp_path, FILES), "COPY a /", line)


@pytest.mark.parametrize(
    ("line", "made"),
    [
        ("WORKDIR /lib/x", "usr/lib/x"),
        ("WORKDIR /out/y", "var/q/y"),
        ("WORKDIR /root/x", "x"),
        ("WORKDIR /proc/self/fd/8", "proc/self/fd/8"),
        ("WORKDIR /../../x", "x"),
    ],
)
def test_d9_workdir_stays_inside_the_image(tmp_path, line, made):
    """Links and dots lead to a directory of the image, whatever they say."""
    image = do(make(tmp_path, FILES), "COPY lnk /", line)

    assert made == image.entries[-1][-1][0].name


def test_d9_a_link_in_a_circle_is_an_error(tmp_path):
    """It ends, with a message."""
    with pytest.raises(BuildError, match="round"):
        do(make(tmp_path, FILES), "COPY lnk /", "WORKDIR /round/x")


@pytest.mark.parametrize("user", ["4294967296", "0x0", "nobody-here"])
def test_d9_users_that_are_none_are_refused(tmp_path, user):
    """A directory of root for an unknown user would be a surprise."""
    with pytest.raises(BuildError):
        do(make(tmp_path, FILES), "COPY p /", f"USER {user}", "WORKDIR /new")
