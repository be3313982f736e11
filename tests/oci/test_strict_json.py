"""Strict JSON (fault R-16): one meaning, or none."""

from __future__ import annotations

import contextlib
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hivebase.errors import CorruptContentError
from hivebase.oci import strict_json

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NUMBERS = st.integers(-(2**63) + 1, 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(DOCUMENTS)
def test_ordinary_documents_are_read(document) -> None:
    """What any encoder writes is read back, escaped or not."""
    assert document == strict_json.loads(json.dumps(document).encode(), what="it")
    assert document == strict_json.loads(json.dumps(document, ensure_ascii=False).encode(), what="it")


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":1}',
        b'{"a":{"b":1,"c":2,"b":3}}',
        b'{"a":1,"\\u0061":2}',
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        b"1e400",
        b"-1e400",
        b"1" * 400,
        b"9223372036854775808",
        b"-9223372036854775808",
        b"[" * 65 + b"]" * 65,
        b'{"a":' * 65 + b"1" + b"}" * 65,
        b"[" * 100_000 + b"]" * 100_000,
        b'"\xff"',
        b'"\xc0\x80"',
        b'"\xed\xa0\x80"',
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{\0}\0",
        b'"\\ud800"',
        b'{"\\ud800":1}',
        b"",
        b"{",
        b"{}{}",
        b"{} x",
        b"{'a':1}",
        b'{"a":1,}',
        b"// x\n{}",
        b'"\t"',
        b"01",
        b"\x00",
    ],
)
def test_r16_what_readers_disagree_about_is_refused(data) -> None:
    """Duplicate keys, numbers beyond 64 bits, depth, other encodings and sloppy syntax are refused."""
    with pytest.raises(CorruptContentError) as raised:
        strict_json.loads(data, what="the manifest")
    assert raised.value.what.startswith("the manifest")


def test_r16_depth_just_inside_the_limit_is_read() -> None:
    """The limit itself is allowed."""
    depth = strict_json.MAX_DEPTH
    assert strict_json.loads(b"[" * depth + b"]" * depth, what="it")


def test_r9_a_long_document_is_refused_before_it_is_parsed() -> None:
    """Size has a limit with a name, and the caller may lower it."""
    with pytest.raises(CorruptContentError):
        strict_json.loads(b" " * strict_json.MAX_BYTES + b"1", what="it")
    with pytest.raises(CorruptContentError):
        strict_json.loads(b"[1]", what="it", limit=2)


@given(st.binary(max_size=60))
def test_r16_any_bytes_are_read_or_refused(data) -> None:
    """No input makes the parser fail in another way."""
    with contextlib.suppress(CorruptContentError):
        strict_json.loads(data, what="it")


class Thing(msgspec.Struct, frozen=True):
    """Something to decode into."""

    name: str
    tags: tuple[str, ...] = ()
    inner: dict[str, str] = {}


def test_null_members_count_as_absent() -> None:
    """Docker writes null for empty lists and maps."""
    data = b'{"name":"x","tags":null,"inner":{"a":"b","c":null},"more":null}'
    assert Thing("x", (), {"a": "b"}) == strict_json.decode(data, Thing, what="it")


@pytest.mark.parametrize("data", [b"{}", b'{"name":1}', b'{"name":"x","tags":[1]}', b"[]", b'{"name":null}'])
def test_another_form_is_refused(data) -> None:
    """Missing members and wrong types are told, not passed on."""
    with pytest.raises(CorruptContentError):
        strict_json.decode(data, Thing, what="it")
