"""Digests: the grammar is the image-spec's, and nothing else gets through."""

from __future__ import annotations

import hashlib
import io
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hivebase.digest import Digest
from hivebase.errors import CorruptContentError, UsageError

EMPTY = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_digest_of_nothing_is_the_known_one() -> None:
    """The digest of no bytes is the published constant."""
    assert Digest.of(b"") == EMPTY


@given(st.binary())
def test_all_ways_to_compute_agree(data: bytes) -> None:
    """Bytes, a stream and a hash state give one digest, which is its own parse."""
    whole = Digest.of(data)
    assert Digest.of_stream(io.BytesIO(data)) == (whole, len(data))
    assert Digest.from_hash(hashlib.sha256(data)) == whole
    assert Digest.parse(str(whole)) == whole
    assert f"sha256:{whole.hex}" == whole
    assert whole.hex[:12] == whole.short
    assert whole.check(data, "it") == data


@given(st.text())
def test_s14_text_that_is_not_canonical_is_refused(text: str) -> None:
    """Whatever is accepted has exactly the canonical form."""
    try:
        digest = Digest.parse(text)
    except UsageError:
        return
    assert digest.startswith("sha256:")
    assert set(digest.hex) <= set("0123456789abcdef")
    assert len(digest.hex) == 64


@given(st.text(string.hexdigits, min_size=60, max_size=70))
def test_s14_only_64_lower_case_digits_are_accepted(digits: str) -> None:
    """Length and case decide about hexadecimal text."""
    good = len(digits) == 64 and digits == digits.lower()
    try:
        Digest.parse("sha256:" + digits)
    except UsageError:
        assert not good
    else:
        assert good


@pytest.mark.parametrize(
    "text",
    [
        "sha256:../../etc/passwd",
        "sha256:" + "../" * 21 + "x",
        EMPTY.upper(),
        EMPTY.replace("e3b0", "E3B0"),
        "md5:d41d8cd98f00b204e9800998ecf8427e",
        "sha512:" + "a" * 128,
        EMPTY[:-1],
        EMPTY + "0",
        EMPTY + "\n",
        " " + EMPTY,
        EMPTY.replace("4", "\u0664"),
        "",
        "sha256:",
    ],
)
def test_s14_hostile_digests_are_refused(text: str) -> None:
    """Paths, other algorithms, other cases, other lengths and other scripts' digits are no digests."""
    with pytest.raises(UsageError):
        Digest.parse(text)


def test_check_names_both_digests() -> None:
    """A mismatch tells what came and what was expected."""
    with pytest.raises(CorruptContentError) as raised:
        Digest.of(b"a").check(b"b", "the layer")
    assert f"the layer has digest {Digest.of(b'b')}, expected {Digest.of(b'a')}" == raised.value.what
