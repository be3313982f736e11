"""Properties of the whole front end: nothing crashes, and what is written comes back."""

from __future__ import annotations

import contextlib
import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from hivebase.dockerfile.ast import Copy, Env, Run
from hivebase.dockerfile.expand import expand
from hivebase.dockerfile.instructions import READERS
from hivebase.dockerfile.parser import parse, parse_trigger
from hivebase.errors import DockerfileError

KEYWORDS = st.sampled_from([*READERS, "run", "From", "# escape=`\n#", "# syntax=x\n#", "#", "NOPE", ""])
SCRAPS = st.sampled_from(
    [
        " ", "\n", "\\\n", "`\n", "\r\n", "\t", "=", "a=b", "--", "--mount=", "type=", "cache,", "--from=x",
        "--link", "[", "]", '"', "'", ",", '["a"]', "<<", "<<-", "<<E", "<<'E'", "\nE\n", "$", "${", "}",
        ":-", "#", "AS", "CMD", "NONE", "--interval=1s", "é", "\x00", "\x1b", "\u2028", "\ud800", "x" * 40,
    ]
)  # fmt: skip
FILES = st.lists(
    st.tuples(KEYWORDS, st.lists(SCRAPS, max_size=8).map("".join)).map(" ".join), max_size=8
).map("\n".join)


@settings(max_examples=400)
@given(FILES)
def test_d16_parse_raises_nothing_but_dockerfile_errors(text):
    """Any file is parsed or refused at a place that exists in it."""
    for beginning in ("", "FROM a\n"):
        line, column = 0, 1
        try:
            assert parse(beginning + text, "Dockerfile").stages
        except DockerfileError as error:
            line, column = error.line, error.column
        lines = (beginning + text).split("\n")
        assert 0 <= line <= len(lines)
        assert 1 <= column <= (len(lines[line - 1]) + 2 if line else 1)


@given(st.text())
def test_arbitrary_text_raises_nothing_but_dockerfile_errors(text):
    """The same for text that looks like nothing at all."""
    for reader in (parse, parse_trigger):
        with contextlib.suppress(DockerfileError):
            reader(text, "Dockerfile")


@given(FILES)
def test_spans_are_in_order_and_inside_the_file(text):
    """Instructions follow each other without overlap."""
    try:
        found = parse("FROM a\n" + text, "Dockerfile")
    except DockerfileError:
        return
    spans = [
        span for stage in found.stages for span in (stage.from_.span, *(i.span for i in stage.instructions))
    ]
    assert all(span.line <= span.end_line for span in spans)
    assert all(one.end_line < two.line for one, two in itertools.pairwise(spans) if one.line > 1)
    assert spans[-1].end_line <= text.count("\n") + 2


LINE = st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]))


@given(st.lists(LINE), st.booleans())
def test_the_body_of_a_heredoc_comes_back(lines, quoted):
    """Whatever stands in a body, comments and escapes included, is kept to the letter."""
    lines = [line for line in lines if line != "END"]
    body = "".join(f"{line}\n" for line in lines)
    marker = "'END'" if quoted else "END"
    stage = parse(f"FROM a\nRUN cat <<{marker}\n{body}END\nCOPY <<{marker} /x\n{body}END\n", "D").stages[0]
    run, copy = stage.instructions
    assert isinstance(run, Run)
    assert isinstance(copy, Copy)
    assert body == run.command.heredocs[0].content == copy.heredocs[0].content
    assert (not quoted) is copy.heredocs[0].expand


@given(st.lists(LINE.filter(str.strip), min_size=1))
def test_values_in_single_quotes_come_back(values):
    """ENV values that are quoted survive splitting and expansion together."""
    words = " ".join("N='" + value.replace("'", "'\\''") + "'" for value in values)
    (env,) = parse(f"FROM a\nENV {words}\n#", "D").stages[0].instructions
    assert isinstance(env, Env)
    assert values == [expand(value, lambda _name: None) for _, value in env.pairs]


@given(st.lists(st.text("ab \t", min_size=1), min_size=1))
def test_continuations_only_join(pieces):
    """Cutting a command into continued lines with comments between gives the same command."""
    whole = parse(f"FROM a\nRUN x{''.join(pieces)}y", "D").stages[0].instructions[0]
    cut = parse(
        "FROM a\nRUN x" + "".join(f"\\\n# c\n{piece}" for piece in pieces if piece.strip()) + "y", "D"
    )
    kept = "".join(piece for piece in pieces if piece.strip())
    assert isinstance(whole, Run)
    expected = parse(f"FROM a\nRUN x{kept}y", "D").stages[0].instructions[0]
    found = cut.stages[0].instructions[0]
    assert isinstance(expected, Run)
    assert isinstance(found, Run)
    assert expected.command == found.command
