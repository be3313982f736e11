"""B-4 and D-5: what a step prints is bounded, cannot command the terminal, and shows no secret."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hivebase.layers.sandbox.output import MAX_LINE, Lines, Masker, clean_line


def _lines(*chunks: bytes) -> list[str]:
    found: list[str] = []
    lines = Lines(found.append)
    for chunk in chunks:
        lines.feed(chunk)
    lines.close()
    return found


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("plain\ttext ä 漢", "plain\ttext ä 漢"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]52;c;Y2xpcGJvYXJk\x1b\\after", "after"),
        ("\x1bP1$r0m\x1b\\after", "after"),
        ("\x9b31mred", "red"),
        ("\x1b(Bx\x1b=y\x1bcz", "xyz"),
        ("bell\x07", "bell\\x07"),
        ("back\x08\x7f", "back\\x08\\x7f"),
        ("\x1b]0;never ends", "0;never ends"),
        ("abc\u202edef", "abc\\u202edef"),
        ("lone \x1b", "lone \\x1b"),
    ],
)
def test_b4_escape_sequences_and_controls_are_neutralised(text, clean):
    """Sequences vanish, single control characters become visible, ordinary text stays."""
    assert clean_line(text) == clean


@given(st.text())
def test_b4_no_control_character_survives(text):
    """Whatever comes in, a terminal gets printable characters and tabs alone."""
    assert not any((ord(c) < 32 and c != "\t") or 127 <= ord(c) < 160 for c in clean_line(text))


@given(st.binary(), st.integers(1, 7))
def test_b4_lines_do_not_depend_on_the_chunks(data, size):
    """The same bytes in other chunks give the same lines."""
    assert _lines(*(data[i : i + size] for i in range(0, len(data), size))) == _lines(data)


def test_b4_lines_end_at_newlines_of_either_kind():
    """Both line ends work, and a last line without one counts."""
    assert _lines(b"a\r\n\nb\r", b"\nc") == ["a", "", "b", "c"]


def test_b4_of_a_progress_bar_the_last_state_remains():
    """What a carriage return overwrites is not shown."""
    assert _lines(b" 10%\r 50%", b"\r100%\n", b"next") == ["100%", "next"]


def test_b4_a_line_without_end_is_cut_and_not_collected():
    """A gigabyte without a newline is given out in pieces while it comes."""
    found: list[str] = []
    lines = Lines(found.append)
    for _ in range(100):
        lines.feed(b"x" * MAX_LINE)
        assert len(lines._pending) <= MAX_LINE
    lines.close()

    assert max(map(len, found)) <= MAX_LINE
    assert sum(map(len, found)) == 100 * MAX_LINE


def test_b4_bytes_that_are_no_text_are_replaced():
    """Binary output shows replacement characters, also where a character is cut by a chunk."""
    assert _lines(b"\xff\xfe", b"\xc3", b"\xa4") == ["\ufffd\ufffdä"]


@given(
    secret=st.binary(min_size=4, max_size=12).filter(lambda s: s == s.strip() and len(s.splitlines()) == 1),
    before=st.binary(max_size=20),
    after=st.binary(max_size=20),
    size=st.integers(1, 9),
)
def test_d5_a_secret_is_masked_however_it_is_cut(secret, before, after, size):
    """No chunking lets a secret through."""
    masker = Masker([secret])
    data = before + secret + after
    shown = b"".join(masker.feed(data[i : i + size]) for i in range(0, len(data), size)) + masker.close()

    assert shown == data.replace(secret, b"***")


def test_d5_nothing_is_held_back_without_need():
    """Output that cannot be the start of a secret is given out at once."""
    masker = Masker([b"token-123"])

    assert masker.feed(b"progress 10%") == b"progress 10%"
    assert masker.feed(b"tok") == b""
    assert masker.feed(b"yo") == b"tokyo"


def test_d5_each_line_of_a_long_secret_is_masked():
    """A key of several lines is masked also when a tool indents its lines."""
    masker = Masker([b"-----BEGIN-----\nabcdef\nghijkl\n"])

    assert masker.feed(b"  abcdef\n  ghijkl\n") == b"  ***\n  ***\n"


def test_d5_very_short_values_are_not_masked():
    """Masking "1" would make output unreadable and tell the value."""
    assert Masker([b"1", b"", b"abc"]).feed(b"1 abc") == b"1 abc"
