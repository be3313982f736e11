"""Whole files: directives, continuations, heredocs, stages, messages."""

from __future__ import annotations

from typing import Any

import pytest

from hivebase.dockerfile.ast import Command, Env, Heredoc, Onbuild, Run, Span
from hivebase.dockerfile.parser import parse, parse_trigger
from hivebase.dockerfile.source import MAX_CHARACTERS
from hivebase.errors import DockerfileError


def instructions(text: str) -> tuple[Any, ...]:
    """Return the instructions of the first stage that follow ``FROM scratch``."""
    return parse(f"FROM scratch\n{text}", "Dockerfile").stages[0].instructions


def only(text: str) -> Any:
    """Return the single instruction in ``text``."""
    (instruction,) = instructions(text)
    return instruction


def error(text: str) -> DockerfileError:
    """Return the error that ``text`` ends in."""
    with pytest.raises(DockerfileError) as caught:
        parse(text, "Dockerfile")
    return caught.value


# --- parser directives -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "directives", "escape"),
    [
        ("FROM a", (), "\\"),
        ("# escape=`\nFROM a", (("escape", "`"),), "`"),
        ("#escape=`\nFROM a", (("escape", "`"),), "`"),
        ("#  EsCaPe  =  `  \nFROM a", (("escape", "`"),), "`"),
        ("  # escape=`\nFROM a", (("escape", "`"),), "`"),
        ("# escape=\\\nFROM a", (("escape", "\\"),), "\\"),
        (
            "# syntax=docker/dockerfile:1\n# escape=`\n# check=skip=all\nFROM a",
            (("syntax", "docker/dockerfile:1"), ("escape", "`"), ("check", "skip=all")),
            "`",
        ),
        ("# a comment\n# escape=`\nFROM a", (), "\\"),
        ("\n# escape=`\nFROM a", (), "\\"),
        ("# unknown=x\n# escape=`\nFROM a", (), "\\"),
        ("FROM a\n# escape=`\n", (), "\\"),
        ("# escape=\nFROM a", (), "\\"),
        ("# escape `\nFROM a", (), "\\"),
        ("\ufeff# escape=`\nFROM a", (("escape", "`"),), "`"),
        ("# escape=`\r\nFROM a\r\n", (("escape", "`"),), "`"),
        (
            "#!/usr/bin/env x\n# syntax=docker/dockerfile:1\nFROM a",
            (("syntax", "docker/dockerfile:1"),),
            "\\",
        ),
        ("#!/usr/bin/env x\n# escape=`\nFROM a", (("escape", "`"),), "\\"),
    ],
)
def test_directives(text, directives, escape):
    """Directives are found at the very top only, whatever their case and spaces."""
    found = parse(text, "Dockerfile")
    assert directives == found.directives
    assert escape == found.escape


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "# escape=x\nFROM a",
            (
                'Dockerfile:1:10: the escape character cannot be "x"\n'
                "    # escape=x\n"
                "             ^\n"
                "  because only a backslash and a backtick are allowed\n"
                "  try: write # escape=` or remove the line"
            ),
        ),
        (
            "# syntax=docker/dockerfile:1\n#SYNTAX=docker/dockerfile:1\nFROM a",
            (
                "Dockerfile:2:1: the parser directive syntax is given twice\n"
                "    #SYNTAX=docker/dockerfile:1\n"
                "    ^\n"
                "  try: keep one of them"
            ),
        ),
    ],
)
def test_bad_directives(text, message):
    """A repeated directive and a strange escape character are errors."""
    assert message == str(error(text))


@pytest.mark.parametrize(
    "frontend",
    ["evil/frontend", "example.com/docker/dockerfile", "docker/dockerfile.evil", "docker/dockerfileX:1"],
)
def test_d12_a_foreign_front_end_is_never_executed(frontend):
    """``# syntax=`` of somebody else is ignored, and that is said."""
    found = parse(f"# syntax={frontend}\nFROM a", "Dockerfile")
    expected = f"# syntax={frontend} is ignored: foreign front ends are never executed"
    assert ((1, expected),) == found.warnings


@pytest.mark.parametrize(
    "frontend",
    [
        "docker/dockerfile:1",
        "docker/dockerfile",
        "docker.io/docker/dockerfile:1.7-labs",
        "docker/dockerfile@sha256:0",
    ],
)
def test_the_usual_front_end_needs_no_warning(frontend):
    """The language of docker/dockerfile is the one that is read here."""
    assert parse(f"# syntax={frontend}\nFROM a", "Dockerfile").warnings == ()


# --- continuations ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("RUN a b", "a b"),
        ("run a b", "a b"),
        ("  \t RUN\ta b  ", "a b"),
        ("RUN a \\\n b", "a  b"),
        ("RUN a\\\nb", "ab"),
        ("RUN a \\  \t\n b", "a  b"),
        ("RUN \\\na \\\n\\\nb", "a b"),
        ("\\\nRUN a", "a"),
        ("R\\\nUN a", "a"),
        ("RUN a \\\n# comment\n b", "a  b"),
        ("RUN a \\\n   # comment \\\n b", "a  b"),
        ("RUN a \\\n\n\n b", "a  b"),
        ("RUN a \\\n # one\n\n # two\n b", "a  b"),
        ("RUN a # no comment", "a # no comment"),
        ("RUN a \\", "a"),
        ("RUN a \\\n\n", "a"),
        ("RUN a \\\n# only a comment", "a"),
        ("RUN a\\\\", "a\\\\"),
        ("RUN a \\\r\n b\r\n", "a  b"),
        ("RUN a\n# comment \\\n", "a"),
        ("RUN a\\ b", "a\\ b"),
    ],
)
def test_continuations(text, expected):
    """The escape character at the end of a line continues it; comments and blank lines inside vanish."""
    assert Command("shell", (expected,)) == only(text).command


@pytest.mark.parametrize(
    ("text", "expected"), [("RUN a `\n b", "a  b"), ("RUN a``", "a``"), ("RUN dir C:\\", "dir C:\\")]
)
def test_continuations_with_the_backtick(text, expected):
    """``# escape=`` moves the continuation, too."""
    (run,) = parse(f"# escape=`\nFROM a\n{text}", "Dockerfile").stages[0].instructions
    assert isinstance(run, Run)
    assert Command("shell", (expected,)) == run.command


def test_blank_lines_in_continuations_are_remarked():
    """BuildKit wants to make them errors one day."""
    found = parse("FROM a\nRUN b \\\n\n  c \\\n\n  d\nRUN e \\\n  # fine\n  f\n", "Dockerfile")
    assert found.warnings == ((3, "a blank line inside a continued instruction; it was skipped"),)


def test_positions():
    """Spans count lines from one and include continuations and heredoc bodies."""
    text = "\n# c\nFROM a\n  RUN b \\\n  # c\n  d\nCOPY <<X <<Y /\nx\nX\nY\nUSER u\n"
    stage = parse(text, "Dockerfile").stages[0]
    assert Span(3, 3, 1) == stage.from_.span
    assert [Span(4, 6, 3), Span(7, 10, 1), Span(11, 11, 1)] == [i.span for i in stage.instructions]


def test_the_text_of_an_instruction_is_one_line():
    """It is what history and progress show."""
    run, copy = instructions("run --network=none a \\\n # c\n && b  \nCOPY <<X /x\nbody\nX\n")
    assert run.text == "run --network=none a  && b"
    assert run.keyword == "RUN"
    assert copy.text == "COPY <<X /x"


# --- heredocs --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("RUN <<A\nA", [Heredoc("A", "", True)]),
        ("RUN <<A\none\ntwo\nA", [Heredoc("A", "one\ntwo\n", True)]),
        ("RUN <<'A'\n$x\nA", [Heredoc("A", "$x\n", False)]),
        ('RUN <<"A"\n$x\nA', [Heredoc("A", "$x\n", False)]),
        ("RUN <<A'b'\n$x\nAb", [Heredoc("Ab", "$x\n", False)]),
        ("RUN <<A\\'b\n$x\nA'b", [Heredoc("A'b", "$x\n", True)]),
        ("RUN <<'one two'\nx\none two", [Heredoc("one two", "x\n", False)]),
        ("RUN <<-A\n\t\tx\n\ty\n\tA", [Heredoc("A", "x\ny\n", True, True)]),
        ("RUN <<-'A'\n\tx\nA", [Heredoc("A", "x\n", False, True)]),
        ("RUN <<A\n\tA\nA", [Heredoc("A", "\tA\n", True)]),
        ("RUN <<A\nA \n A\nA", [Heredoc("A", "A \n A\n", True)]),
        ("RUN << A\nx\nA", [Heredoc("A", "x\n", True)]),
        ("RUN <<- A\n\tx\n\tA", None),
        ("RUN 3<<A cat <&3\nx\nA", [Heredoc("A", "x\n", True)]),
        ("RUN <<A cat >/x && <<B cat\n1\nA\n2\nB", [Heredoc("A", "1\n", True), Heredoc("B", "2\n", True)]),
        ("RUN <<A <<B\nB\nA\nA\nB", [Heredoc("A", "B\n", True), Heredoc("B", "A\n", True)]),
        ("RUN <<$A\nx\n$A", [Heredoc("$A", "x\n", True)]),
        ("RUN <<A\n# kept\n\n  x \\\ny\nA", [Heredoc("A", "# kept\n\n  x \\\ny\n", True)]),
        ("RUN a && \\\n <<A cat\nx\nA", [Heredoc("A", "x\n", True)]),
        ("RUN --mount=type=tmpfs,target=/a <<A\nx\nA", [Heredoc("A", "x\n", True)]),
        ("RUN <<file.txt\nx\nfile.txt", [Heredoc("file.txt", "x\n", True)]),
        ("RUN <<A\r\nx\r\nA\r\n", [Heredoc("A", "x\r\n", True)]),
        ("RUN echo '<<A'", []),
        ('RUN echo "<<A"', []),
        ("RUN cat <<<A", []),
        ("RUN echo <<", []),
        ("RUN echo <<-", []),
        ("RUN echo \\<<A", []),
        ("RUN echo it's <<A", []),
        ("RUN echo $((1<<2))\n2", None),
        ('RUN ["<<A"]', []),
        ("CMD <<A", []),
        ("ENTRYPOINT cat <<A", []),
    ],
)
def test_heredocs(text, expected):
    """Bodies belong to RUN in shell form, in the order of their markers; quotes turn expansion off."""
    if expected is None:
        with pytest.raises(DockerfileError):
            instructions(text)
        return
    assert expected == list(only(text).command.heredocs)


def test_instructions_go_on_after_a_heredoc():
    """The line after the delimiter is an instruction again."""
    assert [i.keyword for i in instructions("RUN <<A\nUSER x\nA\nUSER y")] == ["RUN", "USER"]


def test_heredocs_in_a_trigger_belong_to_its_text():
    """ONBUILD keeps the body, so that the child can read it."""
    trigger = only("ONBUILD RUN <<-A cat\n\tx\n\tA").trigger
    assert trigger == "RUN <<-A cat\nx\nA"
    run = parse_trigger(trigger, "base")
    assert isinstance(run, Run)
    assert (Heredoc("A", "x\n", True, True),) == run.command.heredocs


# --- stages ----------------------------------------------------------------------------------------------


def test_stages():
    """Each FROM begins a stage; names are lower-cased, and ARGs may come before."""
    found = parse("ARG A=1\nARG B\nFROM x AS Base\nRUN a\nfrom --platform=$P base as other\nFROM z", "D")
    assert [arg.pairs for arg in found.meta_args] == [(("A", "1"),), (("B", None),)]
    assert [(stage.name, stage.from_.image, stage.from_.platform) for stage in found.stages] == [
        ("base", "x", ""),
        ("other", "base", "$P"),
        ("2", "z", ""),
    ]
    assert [stage.index for stage in found.stages] == [0, 1, 2]
    assert [len(stage.instructions) for stage in found.stages] == [1, 0, 0]


def test_a_stage_name_given_twice_is_remarked():
    """BuildKit allows it; the later one counts."""
    found = parse("FROM a AS x\nFROM b AS X\nFROM c AS scratch", "D")
    assert found.warnings == (
        (2, "the stage x was already defined in line 1"),
        (3, "scratch is a reserved word; give the stage another name"),
    )


def test_d15_ten_thousand_stages():
    """Many stages are only a long list."""
    text = "".join(f"FROM s{n - 1} AS s{n}\n" for n in range(1, 10_001))
    assert len(parse(text, "D").stages) == 10_000


# --- triggers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ONBUILD RUN a", "RUN a"),
        ("onbuild   copy a \\\n  b", "copy a   b"),
        ("ONBUILD ENV A=1 B=2", "ENV A=1 B=2"),
        ("ONBUILD NONSENSE x", "NONSENSE x"),
    ],
)
def test_onbuild_keeps_the_text(text, expected):
    """The trigger is not judged before a child builds."""
    found = only(text)
    assert isinstance(found, Onbuild)
    assert expected == found.trigger


def test_parse_trigger():
    """A trigger is one instruction."""
    env = parse_trigger("ENV A=1", "base:1")
    assert isinstance(env, Env)
    assert env.pairs == (("A", "1"),)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "an ONBUILD trigger is one instruction, not 0"),
        ("RUN a\nRUN b", "an ONBUILD trigger is one instruction, not 2"),
        ("FROM a", "FROM is not allowed as an ONBUILD trigger"),
        ("ONBUILD RUN a", "ONBUILD is not allowed as an ONBUILD trigger"),
        ("MAINTAINER a", "MAINTAINER is not allowed as an ONBUILD trigger"),
        ("NONSENSE", 'unknown instruction "NONSENSE"'),
    ],
)
def test_d14_bad_triggers(text, what):
    """A trigger of a base image cannot start a stage, chain another trigger, or be two."""
    with pytest.raises(DockerfileError) as caught:
        parse_trigger(text, "base:1")
    assert what == caught.value.what
    assert caught.value.path == "base:1"


# --- messages --------------------------------------------------------------------------------------------

MESSAGES = [
    (
        "",
        "Dockerfile: the file has no instructions\n  try: begin with FROM and the image to start from",
    ),
    (
        "# only a comment\n\n",
        "Dockerfile: the file has no instructions\n  try: begin with FROM and the image to start from",
    ),
    ("ARG A\n", "Dockerfile: there is no FROM\n  try: begin with FROM and the image to start from"),
    (
        "ARG A\nRUN a",
        (
            "Dockerfile:2:1: RUN before the first FROM\n"
            "    RUN a\n"
            "    ^\n"
            "  because only ARG may stand there\n"
            "  try: begin with FROM, or move this instruction below it"
        ),
    ),
    (
        "FROM a\n  COPPY a b",
        'Dockerfile:2:3: unknown instruction "COPPY"\n      COPPY a b\n      ^\n  try: did you mean COPY?',
    ),
    (
        "FROM a\nRUN apt-get update\n  && apt-get upgrade",
        (
            'Dockerfile:3:3: unknown instruction "&&"\n'
            "      && apt-get upgrade\n"
            "      ^\n"
            "  try: begin with a keyword, or end the line before with the escape character"
        ),
    ),
    (
        "FROM a AS 1st",
        (
            'Dockerfile:1:11: "1st" cannot be the name of a stage\n'
            "    FROM a AS 1st\n"
            "              ^\n"
            "  because a name begins with a letter and holds only letters, digits, - _ and ."
        ),
    ),
    (
        "FROM a\nCOPY --chwon=1 a b",
        (
            'Dockerfile:2:6: COPY has no flag "--chwon"\n'
            "    COPY --chwon=1 a b\n"
            "         ^\n"
            "  try: did you mean --chown?"
        ),
    ),
    (
        "FROM a\nRUN --mount=type=cache,target=/a \\\n\t--mount=type=bnd,target=/b \\\n\tls",
        (
            'Dockerfile:3:2: there is no mount type "bnd"\n'
            "    \t--mount=type=bnd,target=/b \\\n"
            "    \t^\n"
            "  try: did you mean bind?"
        ),
    ),
    (
        "FROM a\nENV A=1 \\\n    B C=2",
        (
            'Dockerfile:3:5: "B" has no =\n'
            "        B C=2\n"
            "        ^\n"
            "  because after NAME=VALUE every word of ENV is another NAME=VALUE\n"
            "  try: put a value with spaces in double quotes"
        ),
    ),
    (
        "FROM a\nRUN cat <<EOF <<'E F'\nx\nEOF\ny",
        (
            'Dockerfile:2:15: the heredoc "E F" is never closed\n'
            "    RUN cat <<EOF <<'E F'\n"
            "                  ^\n"
            '  because no line below is "E F" and nothing else\n'
            "  try: end the body with that word at the start of a line of its own"
        ),
    ),
    (
        "FROM a\nHEALTHCHECK --interval=5 CMD x",
        (
            'Dockerfile:2:13: --interval is not a duration: "5"\n'
            "    HEALTHCHECK --interval=5 CMD x\n"
            "                ^\n"
            "  try: write for example 1m30s"
        ),
    ),
    (
        "FROM a\nUSER",
        (
            "Dockerfile:2:5: USER needs an argument\n"
            "    USER\n"
            "        ^\n"
            "  try: write USER NAME or USER NAME:GROUP"
        ),
    ),
    (
        "FROM a\nONBUILD  FROM b",
        (
            "Dockerfile:2:10: ONBUILD FROM is not allowed\n"
            "    ONBUILD  FROM b\n"
            "             ^\n"
            "  because a trigger runs inside the stage of the child"
        ),
    ),
]


@pytest.mark.parametrize(("text", "message"), MESSAGES)
def test_messages(text, message):
    """A message has the place, the line, a caret, and what to do."""
    found = error(text)
    assert message == str(found)
    assert found.exit_code == 2


def test_control_characters_of_a_file_do_not_reach_the_terminal():
    """Escape sequences are shown as replacement characters, one for one."""
    found = error("FROM a\nFOO\x1b]52;c;x\x07 y")
    assert "\x1b" not in str(found)
    assert "\x07" not in str(found)
    assert found.source_line == "FOO\N{REPLACEMENT CHARACTER}]52;c;x\N{REPLACEMENT CHARACTER} y"


def test_a_very_long_line_is_not_printed_whole():
    """The message stays short whatever the line."""
    assert len(str(error("FROM a\nFOO " + "x" * 100_000))) < 1000
    assert len(str(error("FROM a\nENV A=" + "x" * 100_000 + " B"))) < 1000


# --- size ------------------------------------------------------------------------------------------------


def test_d16_a_file_of_a_hundred_megabytes_is_refused():
    """The limit is told before any of it is read."""
    found = error("x" * 100_000_000)
    assert found.what == "the file is too large (100,000,000 characters)"
    assert f"{MAX_CHARACTERS:,}" in found.why


def test_d16_a_million_continuations():
    """A long chain of continued lines takes linear time."""
    (run,) = instructions("RUN a" + " \\\n" * 1_000_000 + "b")
    assert Command("shell", ("a" + " " * 1_000_000 + "b",)) == run.command


@pytest.mark.parametrize(
    "text",
    [
        "RUN <<A\n" + "x\n" * 500_000 + "A",
        "RUN " + "<<A " * 100_000 + "\n" + "A\n" * 100_000,
        "RUN <<" + " " * 1_000_000 + "a<b",
        "ENV " + "A=1 " * 200_000,
        'ENV A="' + '\\"' * 1_000_000 + '"',
        "ENV A=" + "'\"" * 500_001,
        "LABEL " + 'a="b" ' * 200_000,
        "COPY " + "a " * 300_000,
        "COPY [" + '"a",' * 300_000 + '"b"]',
        "RUN " + "\\  " * 500_000,
        "RUN a" + " \\\n# c\n\n" * 100_000,
        "RUN --mount=target=/" + '""' * 500_000 + " x",
        "RUN --mount='\"" + '""' * 500_000 + "' x",
        "RUN " + "--network=none " * 100_000,
        "HEALTHCHECK --interval=" + "1s" * 500_000 + " CMD x",
        "HEALTHCHECK --retries=" + "9" * 1_000_000 + " CMD x",
        "ARG " + "A " * 300_000,
        "EXPOSE " + "1\t" * 500_000,
        "FROM a AS " + "x" * 1_000_000,
        "X" * 2_000_000,
        "# c\n" * 500_000,
        "\n" * 2_000_000,
        "RUN " + "[" * 1_000_000,
        "ONBUILD " * 200_000,
    ],
    ids=lambda text: repr(text[:24]),
)
def test_d16_long_input_takes_linear_time(text):
    """Whatever is long ends within seconds: in a result, or in an error that points somewhere."""
    line = 1
    try:
        parse(f"FROM scratch\n{text}", "Dockerfile")
    except DockerfileError as found:
        line = found.line
    assert line > 0


def test_d16_a_long_directive_takes_linear_time():
    """Spaces in the value of a directive are scanned once."""
    parse("# check=a" + " " * 1_000_000 + "b\nFROM x", "Dockerfile")
    parse("#" + " " * 1_000_000 + "escape" + " " * 1_000_000 + "x\nFROM x", "Dockerfile")


def test_d16_an_open_heredoc_is_reported_at_its_beginning():
    """The place of the error is the marker, however long the file is."""
    found = error("FROM a\nRUN ls\nRUN true \\\n  && cat <<-END > /x\n" + "x\n" * 100_000)
    assert (found.line, found.column) == (4, 10)
