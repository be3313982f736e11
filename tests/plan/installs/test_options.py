import pytest

from hivebase.plan.installs.model import RefusedError
from hivebase.plan.installs.options import effects, table
from hivebase.plan.installs.words import Word

KNOWN = table(
    """
    -r= --requirement=: file
    -q --quiet
    -U --upgrade: upgrade
    """
)


def read(*words: str) -> list[tuple[str, str, str]]:
    return [
        (effect, name, value.text) for effect, name, value in effects([Word(word) for word in words], KNOWN)
    ]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["-r", "a"], [("file", "-r", "a")]),
        (["-ra"], [("file", "-r", "a")]),
        (["--requirement", "a"], [("file", "--requirement", "a")]),
        (["--requirement=a"], [("file", "--requirement", "a")]),
        (["--requirement="], [("file", "--requirement", "")]),
        (["-r", "-q"], [("file", "-r", "-q")]),
        (["-qU"], [("", "-q", ""), ("upgrade", "-U", "")]),
        (
            ["-qUr", "a", "b"],
            [("", "-q", ""), ("upgrade", "-U", ""), ("file", "-r", "a"), ("argument", "", "b")],
        ),
        (["-qra"], [("", "-q", ""), ("file", "-r", "a")]),
        (["-qqq"], [("", "-q", "")] * 3),
        (["a", "-U", "b"], [("argument", "", "a"), ("upgrade", "-U", ""), ("argument", "", "b")]),
        (["--", "-U"], [("argument", "", "-U")]),
        (["-"], [("argument", "", "-")]),
        ([], []),
    ],
)
def test_the_ways_to_write_an_option(words, expected):
    """Long and short, apart and together, with the value attached or behind."""
    assert expected == read(*words)


@pytest.mark.parametrize(
    "words", [["-x"], ["--x=1"], ["-qx"], ["-r"], ["-qr"], ["--quiet=1"], ["-r=a"], ["--upg"]]
)
def test_what_is_not_understood_is_refused(words):
    """Unknown options, values where there are none, missing values and abbreviations."""
    with pytest.raises(RefusedError) as error:
        read(*words)
    assert error.value.impure.code == "option"


def test_a_pattern_is_no_value():
    """The shell may put several words in its place."""
    with pytest.raises(RefusedError):
        list(effects([Word("--requirement=*.txt", pattern=True)], KNOWN))


def test_a_refusal_does_not_show_values():
    """What stands behind an option may be a secret from a variable."""
    with pytest.raises(RefusedError) as error:
        read("--token=hunter2")
    assert "hunter2" not in error.value.impure.why
    assert "--token" in error.value.impure.why
