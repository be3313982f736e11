"""Users and groups out of an image."""

from __future__ import annotations

import pytest
from tests import archives as make
from tests.hostile.trees import unpack

from hivebase.errors import BuildError
from hivebase.layers.accounts import MAX_FILE, MAX_ID, owner_ids, user_ids

pytestmark = pytest.mark.root

PASSWD = b"""\
root:x:0:0:root:/root:/bin/sh
bob:x:1000:1001:Bob:/home/bob:/bin/sh
1234:x:0:0:a name of digits:/:/bin/sh
0x0:x:5:5::/:
broken:x:abc:0::/:
huge:x:4294967296:0::/:
negative:x:-1:0::/:
short:x
bob:x:0:0:a second bob:/:/bin/sh
"""
GROUP = b"""\
root:x:0:
wheel:x:10:root,bob
staff:x:50:bob
staff:x:0:the second staff
99:x:0:
"""


@pytest.fixture
def tree(tmp_path):
    raw = make.archive(make.directory("etc"), make.file("etc/passwd", PASSWD), make.file("etc/group", GROUP))
    return unpack(tmp_path, raw)[0]


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("", (0, 0, (0, 10))),
        ("root", (0, 0, (0, 10))),
        ("0", (0, 0, (0, 10))),
        ("bob", (1000, 1001, (1001, 10, 50))),
        ("1000", (1000, 1001, (1001, 10, 50))),
        ("bob:staff", (1000, 50, (50,))),
        ("bob:7", (1000, 7, (7,))),
        ("7", (7, 0, (0,))),
        ("7:8", (7, 8, (8,))),
        ("0007", (7, 0, (0,))),
        (":staff", (0, 50, (50,))),
        (str(MAX_ID), (MAX_ID, 0, (0,))),
    ],
)
def test_user_words(tree, user, expected):
    """Names, numbers and groups mean what they mean to docker run, supplementary groups included."""
    assert tuple(user_ids(tree, user)) == expected


@pytest.mark.parametrize(
    ("owner", "expected"),
    [
        ("bob", (1000, 1001)),
        ("1000", (1000, 1000)),
        ("bob:0", (1000, 0)),
        ("5:staff", (5, 50)),
        (":staff", (0, 50)),
        ("0x0", (5, 5)),
    ],
)
def test_owner_words(tree, owner, expected):
    """A number without a group in --chown is also the group's number."""
    assert owner_ids(tree, owner) == expected


@pytest.mark.parametrize(
    "user",
    [
        "4294967296",
        "2147483648",
        "9" * 5000,
        "-1",
        "+5",
        "1e3",
        "nobody",
        "broken",
        "huge",
        "negative",
        "bob:no",
    ],
)
def test_d9_nobody_becomes_root_by_surprise(tree, user):
    """Numbers out of range, signs, and lines that do not parse are errors, not user 0."""
    for lookup in (user_ids, owner_ids):
        with pytest.raises(BuildError):
            lookup(tree, user)


def test_d9_a_number_is_never_a_name(tree):
    """An account whose name is a number cannot take that number's place."""
    assert user_ids(tree, "1234").uid == 1234
    assert user_ids(tree, "5:99").gid == 99


def test_an_image_without_accounts(tmp_path):
    """FROM scratch knows numbers and root."""
    tree, _ = unpack(tmp_path, make.archive(make.file("bin")))
    assert tuple(user_ids(tree, "")) == (0, 0, (0,))
    assert tuple(user_ids(tree, "7:8")) == (7, 8, (8,))
    with pytest.raises(BuildError, match="no user 'bob'"):
        user_ids(tree, "bob")


HOSTILE = {
    "fifo": make.fifo("etc/passwd"),
    "device": make.device("etc/passwd", 1, 5),
    "directory": make.directory("etc/passwd"),
    "too large": make.file("etc/passwd", b"bob:x:7:8::/:\n" + b"x" * MAX_FILE),
    "circle of links": make.symlink("etc/passwd", "passwd"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_d10_hostile_account_files_are_refused(tmp_path, name):
    """Reading who bob is neither waits, nor fills the memory, nor follows forever."""
    tree, _ = unpack(tmp_path, make.archive(make.directory("etc"), HOSTILE[name]))
    with pytest.raises(BuildError):
        user_ids(tree, "bob")


def test_d10_links_lead_to_files_of_the_image(tmp_path):
    """An absolute link is followed inside the image: the host's accounts are not read."""
    raw = make.archive(
        make.directory("etc"),
        make.symlink("etc/passwd", "/usr/etc/passwd"),
        make.directory("usr/etc"),
        make.file("usr/etc/passwd", b"bob:x:7:8::/:\n"),
        make.symlink("etc/group", "../../outside/group"),
    )
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "group").write_text("host:x:9:bob\n")
    tree, _ = unpack(tmp_path / "layers", raw)
    assert tuple(user_ids(tree, "bob")) == (7, 8, (8,))
