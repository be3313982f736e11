"""What RECORD may look like in honest wheels."""

from __future__ import annotations

import base64
import hashlib

import pytest
from tests import wheels as make

from hivebase.errors import CorruptContentError
from hivebase.layers.wheels import record
from hivebase.layers.wheels.directory import Member

INFO = "x-1.dist-info"


def members(*names: str, size: int = 3) -> tuple[Member, ...]:
    return tuple(Member(name.rstrip("/"), 0, 0, size, size, 0, 0, name.endswith("/"), True) for name in names)


def read(text: str, *names: str) -> dict[str, record.Recorded]:
    return record.read(text, INFO, members(*names), "x.whl")


ABC = record.Recorded("sha256", hashlib.sha256(b"abc").digest(), 3)
HASH = make.row("", b"abc")[1]


@pytest.mark.parametrize(
    "text",
    [
        f"a,{HASH},3\n",
        f"a,{HASH},3",
        f"a,{HASH},3\r\n",
        f"a,{HASH},3\n\n",
        f'"a",{HASH},"3"\n',
        f"a,{HASH}=,3\n",
        f"{INFO}/RECORD,,\na,{HASH},3\n",
        f"{INFO}/RECORD,{HASH},3\na,{HASH},3\n",
        f"a,{HASH},3\n{INFO}/,,\nd/,,\n",
    ],
)
def test_forms_of_one_row(text):
    """Line endings, quotes, padding, its own row, rows of directories: none of it says anything else."""
    assert read(text, "a", f"{INFO}/RECORD", "d/") == {"a": ABC}


def test_a_size_may_be_missing():
    """The archive has another, and the hash decides."""
    assert read(f"a,{HASH},\n", "a") == {"a": ABC._replace(size=None)}


def test_names_with_commas_quotes_and_strange_letters():
    """As csv writes them."""
    names = ["a,b", 'a"b', "é", " a "]
    text = make.record([(name, HASH, "3") for name in names]).decode()
    assert list(read(text, *names)) == names


@pytest.mark.parametrize("algorithm", record.ALGORITHMS)
def test_other_strong_hashes(algorithm):
    """The digest is kept as it is; only a sha256 is offered as one."""
    digest = hashlib.new(algorithm, b"abc").digest()
    found = read(f"a,{algorithm}={base64.urlsafe_b64encode(digest).decode()},3\n", "a")["a"]
    assert found.digest == digest
    assert found.sha256 == (digest if algorithm == "sha256" else None)


def test_signatures_need_no_row():
    """They sign RECORD, so RECORD cannot know them."""
    assert read("", *record.unhashed(INFO)) == {}
    assert read(f"{INFO}/RECORD.jws,,\n{INFO}/RECORD.p7s,{HASH},3\n", *record.unhashed(INFO)) == {
        f"{INFO}/RECORD.p7s": ABC
    }


def test_a_row_of_a_directory_with_a_hash_is_a_row_of_nothing():
    """A directory has no content to hash."""
    with pytest.raises(CorruptContentError, match="does not contain"):
        read(f"d/,{HASH},3\n", "d/")
