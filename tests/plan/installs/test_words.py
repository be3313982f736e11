import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hivebase.plan.installs.model import RefusedError
from hivebase.plan.installs.words import Simple, Word, simple_command

ENV = {
    "X": "a b",
    "Y": "one",
    "E": "",
    "S": "  lead and trail ",
    "V": "1.2",
    "Q": 'it\'s "quoted"',
    "D": "$Y",
}

WORDS = [
    "pip install x",
    "a  b\tc",
    "'a b' c",
    '"a b" c',
    "a\\ b",
    "a'b'\"c\"d",
    "''",
    '""',
    "a '' b",
    "'a''b'",
    '"it\'s"',
    "'say \"hi\"'",
    '"a\\"b"',
    '"a\\\\b"',
    '"a\\nb"',
    '"a\\$Y"',
    "'$Y'",
    "$Y",
    "${Y}",
    "$Y$Y",
    "x==$V",
    "x==${V}.0",
    '"x==$V"',
    "$X",
    '"$X"',
    "p$X",
    "${X}s",
    "p${X}s",
    "$S",
    "p${S}s",
    '"$S"',
    "$E",
    "$E$E a",
    '"$E"',
    "$E''",
    "p${E}s",
    "$X$S$X",
    '"$Q"',
    "$Q",
    "$D",
    "a\\\nb",
    "a \\\n  b",
    '"a\\\nb"',
    "\\a\\b",
    "a=b c=d",
    "x~=1.0",
    "a#b",
    "a!=b",
    "'x>=1,<2'",
    "x@y",
    "--opt=value -rf",
    "a'$Y'b",
    "\"a'$Y'b\"",
    "é 'ü'",
    "a%b^c,d:e+f",
    "'*' \"[a]\"",
    "\\*",
]


def by_shell(shell: str, text: str, env: dict[str, str]) -> list[str]:
    script = f'set -f; for_each() {{ for w in "$@"; do printf \'%s\\0\' "$w"; done; }}; for_each {text}'
    out = subprocess.run([shell, "-c", script], env=env, capture_output=True, check=True)
    return out.stdout.decode().split("\0")[:-1]


def texts(text: str, env: dict[str, str]) -> list[str]:
    return [word.text for word in simple_command(text, env).words]


@pytest.mark.parametrize("shell", ["sh", "bash"])
@pytest.mark.parametrize("text", WORDS)
def test_words_are_those_of_the_shell(text, shell):
    """Quotes go, variables are replaced and cut into words, exactly as sh and bash do it."""
    assert by_shell(shell, text, ENV) == texts(f"for_each {text}", ENV)[1:]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from([*"ab'\"\\ $#=~:[*", "$X", "${Y}", "$S", "$E", "\\\n", "''", '"$X"']), max_size=9
    )
)
def test_what_is_not_refused_is_what_the_shell_makes_of_it(tokens):
    """Either a text is refused, or its words are those of sh and bash."""
    text = "for_each " + "".join(tokens)
    try:
        words = texts(text, ENV)
    except RefusedError:
        return
    for shell in ("sh", "bash"):
        assert by_shell(shell, text.removeprefix("for_each"), ENV) == words[1:]


@given(st.text())
def test_no_text_is_too_strange(text):
    """Any text has words or is refused."""
    found = Simple()
    reason = "read"
    try:
        assert simple_command(text, ENV, found) is found
    except RefusedError as refused:
        reason = refused.impure.why
    assert reason


@pytest.mark.parametrize(
    "text",
    [
        "a $(b)", "a `b`", 'a "$(b)"', 'a "`b`"', "a ${Y:-z}", "a ${#Y}", "a $1", "a $@", "a $?", "a $$", "a $",
        "a $'b'", 'a $"b"', "a | b", "a & b", "a; b", "a > b", "a < b", "a <<E", "(a)", "a {b,c}", "a ~", "a ~/b",
        "a b=~/c", "a b:~c", "a 'b", 'a "b', "a \\", "a # b", "a\nb", "a $NONE", "a $PWD", "a $RANDOM", "A+=1 b",
        "A[0]=1 b", "A=1 B=$A c", "a 'b\tc'", "a *'[x]'", "a\rb", "a\u00a0b", "a $B", "a 'b\nc'",
        "a $Y\\\nb", 'a "$Y\\\nb"',
    ],
)  # fmt: skip
def test_what_cannot_be_worked_out_is_refused(text):
    """Nothing is guessed: expansions, redirections, braces, home directories, variables of the shell itself."""
    with pytest.raises(RefusedError):
        simple_command(text, {**ENV, "PWD": "/", "RANDOM": "1", "B": "a\\b"})


def test_a_variable_is_not_cut_when_the_separators_are_not_the_usual_ones():
    """With IFS in the environment nobody knows where words end."""
    with pytest.raises(RefusedError):
        simple_command("a $X", {**ENV, "IFS": ":"})


def test_assignments_in_front():
    """They belong to the command, their values stay whole; behind the first word they are words."""
    simple = simple_command("A=$X B='c d' E= pip F=1", ENV)
    assert simple.assignments == {"A": "a b", "B": "c d", "E": ""}
    assert [Word("pip"), Word("F=1")] == simple.words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x[y]", Word("x[y]", pattern=True)),
        ("'x[y]'", Word("x[y]")),
        ("x==1.*", Word("x==1.*", pattern=True)),
        ("x\\*", Word("x*")),
        ("$P", Word("p*", pattern=True)),
        ('"$P"', Word("p*")),
    ],
)
def test_wildcards(text, expected):
    """Without quotes they make a word a pattern; in quotes they are letters."""
    assert [Word("a"), expected] == simple_command(f"a {text}", {"P": "p*"}).words


def test_what_was_read_before_the_refusal_is_kept():
    """The words in front of a redirection tell what command it is."""
    found = Simple()
    with pytest.raises(RefusedError):
        simple_command("A=1 pip install x > y", {}, found)
    assert [word.text for word in found.words] == ["pip", "install", "x"]
