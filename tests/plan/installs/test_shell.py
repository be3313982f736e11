import contextlib
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hivebase.plan.installs.model import RefusedError
from hivebase.plan.installs.shell import Script, read_script


def operands(text: str) -> list[tuple[int, str]]:
    script = read_script(text)
    return [(operand.statement, script.text_of(operand)) for operand in script.operands]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", [(0, "a")]),
        ("a b && c", [(0, "a b"), (0, "c")]),
        ("a&&b&&c", [(0, "a"), (0, "b"), (0, "c")]),
        ("a \\\n && b", [(0, "a"), (0, "b")]),
        ("a &&\n# why\n b", [(0, "a"), (0, "b")]),
        ("a; b\nc # d\n", [(0, "a"), (1, "b"), (2, "c")]),
        ("a > f && b 2>&1 && c", [(0, "a > f"), (0, "b 2>&1"), (0, "c")]),
        ("a && b > f", [(0, "a"), (0, "b > f")]),
        ("a && b > f 2>&1 && c", [(0, "a"), (0, "b > f 2>&1"), (0, "c")]),
        ("a || b && c", [(0, "a || b"), (0, "c")]),
        ("a && b || c", [(0, "a && b || c")]),
        ("a | b && c", [(0, "a | b"), (0, "c")]),
        ("a && b | c", [(0, "a"), (0, "b | c")]),
        ("! a && b", [(0, "! a"), (0, "b")]),
        ("(a && b) && c", [(0, "(a && b)"), (0, "c")]),
        ("{ a && b; } && c", [(0, "{ a && b; }"), (0, "c")]),
        ("if a && b; then c; fi && d", [(0, "if a && b; then c; fi"), (0, "d")]),
        ("a && cat > f <<E\nx && y\nE\n", [(0, "a"), (0, "cat > f <<E\nx && y\nE")]),
        ("cat <<E > f && a\nx\nE\nb", [(0, "cat <<E > f && a\nx\nE"), (1, "b")]),
        ("echo 'a && b' \"c && d\" && e", [(0, "echo 'a && b' \"c && d\""), (0, "e")]),
        ("echo é && b", [(0, "echo é"), (0, "b")]),
        ("echo \udcff && b", [(0, "echo \udcff"), (0, "b")]),
        ("", []),
        ("# a", []),
    ],
)
def test_operands_of_chains(text, expected):
    """Chains are split at ``&&`` where the shell splits them, whatever the parser thinks of redirections."""
    assert expected == operands(text)


@pytest.mark.parametrize(
    "text", ["a &&", "a 'b", "if a; then b", "a; ; b", "(a", "a\r\nb", "a\0", "a\u00a0&& b", "\ud800"]
)
def test_what_is_no_script_is_refused(text):
    """Syntax errors, and letters that the parser takes for blanks."""
    with pytest.raises(RefusedError) as error:
        read_script(text)
    assert error.value.impure.code == "shell-syntax"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a && b; c # d\n# e\n\nf", True),
        ("a \\\n  && \\\n b", True),
        ("\\ a", False),
        ("a;& b", False),
        ("a;&> b", False),
        ("a & b", False),
        ("[[ 1 == 1 ]]# a", False),
    ],
)
def test_between_operands_there_are_separators_alone(text, expected):
    """Anything else would be lost with a split."""
    try:
        script = read_script(text)
    except RefusedError:
        assert not expected
        return
    assert expected == script.is_gapless()


@given(
    st.lists(
        st.sampled_from(["a", "b 'c && d'", "e > f", "( g; h )", "if i; then j; fi", "k | l"]), min_size=1
    )
)
def test_a_chain_is_split_into_what_it_was_joined_from(commands):
    """Joining and splitting keep every command."""
    assert [(0, command) for command in commands] == operands(" && ".join(commands))


@given(st.text())
def test_any_text_is_read_or_refused(text):
    """There is no third way."""
    reason = "read"
    try:
        assert isinstance(read_script(text), Script)
    except RefusedError as refused:
        reason = refused.impure.why
    assert reason


@pytest.mark.parametrize(
    "text",
    [
        "(" * 100_000, "a|" * 60_000, "<" * 100_000, "a && " * 20_000 + "a", "$(" * 50_000, "))" * 50_000,
        "\ncase " * 20_000, "x" * 1_000_000, "{ " * 60_000, "(" * 480 + "a" + ")" * 480, "a && " * 480 + "a",
    ],
)  # fmt: skip
def test_no_script_takes_long(text):
    """The parser is quadratic in what does not fit together; it never gets much of it."""
    start = time.perf_counter()
    with contextlib.suppress(RefusedError):
        read_script(text)
    assert time.perf_counter() - start < 5


def test_characters_beyond_the_tables_of_c():
    """The parser's scanner must not see them: it crashed, half of the times."""
    program = "import sys; from hivebase.plan.installs.shell import read_script; read_script(sys.argv[1])"
    for _ in range(8):
        done = subprocess.run(
            [sys.executable, "-c", program, "pip install \u00c3{\U0010003c"],
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert done.returncode >= 0
    assert operands("a \U0010003c && b") == [(0, "a \U0010003c"), (0, "b")]
