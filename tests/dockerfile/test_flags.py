"""Flags behind a keyword."""

from __future__ import annotations

import pytest

from hivebase.dockerfile.flags import Flag, Kind, check_flags, cut_flags
from hivebase.errors import DockerfileError

ALLOWED: dict[str, Kind] = {"chown": "text", "exclude": "repeated", "link": "boolean"}


def fail(what: str, offset: int, *, why: str = "", hint: str = "") -> DockerfileError:
    """Make an error at column ``offset``."""
    return DockerfileError(what, path="D", line=1, column=offset, why=why, hint=hint)


@pytest.mark.parametrize(
    ("text", "flags", "rest"),
    [
        ("a b", [], "a b"),
        ("--a=b c", [("a", "b")], "c"),
        ("  --a --b=  c", [("a", None), ("b", "")], "c"),
        ("--a='x y' c", [("a", "x y")], "c"),
        ('--a="x \' y"z c', [("a", "x ' yz")], "c"),
        (r"--a=x\ y c", [("a", "x y")], "c"),
        (r'--a="x\"y" c', [("a", 'x"y')], "c"),
        ("--a=$X ${Y} c", [("a", "$X")], "${Y} c"),
        ("-- --a", [], "--a"),
        ("--a -- --b", [("a", None)], "--b"),
        ("-a --b", [], "-a --b"),
        ("c --a", [], "c --a"),
        ("--a=b=c d", [("a", "b=c")], "d"),
        ("--a", [("a", None)], ""),
        ("--a='open d", [("a", "open d")], ""),
        ("--a=b\\", [("a", "b")], ""),
        ("", [], ""),
    ],
)
def test_cut_flags(text, flags, rest):
    """Flags come before everything else; their quotes go, their variables stay."""
    found, end = cut_flags(text, 0)
    assert flags == [(flag.name, flag.value) for flag in found]
    assert rest == text[end:]


def test_flags_know_where_they_stand():
    """The offset is that of the two dashes in the whole line."""
    assert (Flag("a", None, 5), Flag("b", "1", 9)) == cut_flags("COPY --a --b=1 x", 4)[0]


def test_values():
    """A repeated flag keeps its order, a boolean may go without a value."""
    flags = cut_flags("--exclude=a --link --exclude=b --chown=1:$G x", 0)[0]
    values = check_flags("COPY", flags, ALLOWED, fail)
    assert [flag.value for flag in values.repeated("exclude")] == ["a", "b"]
    assert values.boolean("link") is True
    assert values.text("chown") == "1:$G"
    assert values.text("absent") == ""
    assert values.boolean("absent") is None


@pytest.mark.parametrize(("written", "expected"), [("true", True), ("FALSE", False), ("False", False)])
def test_boolean_values(written, expected):
    """True and false in any case."""
    values = check_flags("COPY", cut_flags(f"--link={written} x", 0)[0], ALLOWED, fail)
    assert expected is values.boolean("link")


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        ("--chow=1 x", 'COPY has no flag "--chow"', "did you mean --chown?"),
        ("--zzz x", 'COPY has no flag "--zzz"', "it knows --chown, --exclude, --link"),
        ("--chown=1 --chown=2 x", "the flag --chown is given twice", "keep one of them"),
        ("--link --link x", "the flag --link is given twice", "keep one of them"),
        ("--chown x", "the flag --chown needs a value", "write --chown=VALUE"),
        ("--exclude x", "the flag --exclude needs a value", "write --exclude=VALUE"),
        ("--link= x", 'the flag --link is either true or false, not ""', None),
        ("--link=1 x", 'the flag --link is either true or false, not "1"', None),
        ("--Chown=1 x", 'COPY has no flag "--Chown"', "did you mean --chown?"),
    ],
)
def test_bad_flags(text, what, hint):
    """Unknown, repeated and wrongly valued flags are refused with a suggestion."""
    with pytest.raises(DockerfileError) as caught:
        check_flags("COPY", cut_flags(text, 0)[0], ALLOWED, fail)
    assert what == caught.value.what
    assert hint in {None, caught.value.hint}


def test_an_instruction_without_flags_says_so():
    """The hint for an instruction that takes no flags is to remove it."""
    with pytest.raises(DockerfileError) as caught:
        check_flags("USER", cut_flags("--x y", 0)[0], {}, fail)
    assert caught.value.hint == "remove it; USER takes no flags"
