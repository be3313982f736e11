"""Every keyword: what it accepts, what comes out, what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from hivebase.dockerfile.ast import (
    Add,
    Cmd,
    Command,
    Copy,
    Entrypoint,
    Expose,
    Healthcheck,
    Heredoc,
    Instruction,
    Label,
    Maintainer,
    Run,
    Shell,
    Stopsignal,
    User,
    Volume,
    Workdir,
)
from hivebase.dockerfile.instructions import READERS
from hivebase.dockerfile.parser import parse
from hivebase.errors import DockerfileError


def only(text: str) -> Any:
    """Return the single instruction in ``text``."""
    (instruction,) = parse(f"FROM scratch\n{text}", "Dockerfile").stages[0].instructions
    return instruction


def refused(text: str) -> str:
    """Return what is said against ``text``."""
    with pytest.raises(DockerfileError) as caught:
        parse(f"FROM scratch\n{text}", "Dockerfile")
    assert caught.value.line > 1
    return caught.value.what


# --- FROM ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM a", ("a", "", "")),
        ("from a:1@sha256:0", ("a:1@sha256:0", "", "")),
        ("FROM a AS b", ("a", "b", "")),
        ("FROM a as B", ("a", "b", "")),
        ("FROM a As b.c-d_e1", ("a", "b.c-d_e1", "")),
        ("FROM\ta\tAS\tb", ("a", "b", "")),
        ("FROM --platform=linux/arm64 a AS b", ("a", "b", "linux/arm64")),
        ("FROM --platform=$BUILDPLATFORM ${A:-x}", ("${A:-x}", "", "$BUILDPLATFORM")),
        ("FROM \\\n a \\\n # c\n AS b", ("a", "b", "")),
    ],
)
def test_from(text, expected):
    """Image, alias and platform are taken as written, the alias in lower case."""
    found = parse(text, "D").stages[0].from_
    assert expected == (found.image, found.alias, found.platform)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("FROM", "FROM takes an image, or an image AS a name, not 0 words"),
        ("FROM a b", "FROM takes an image, or an image AS a name, not 2 words"),
        ("FROM a AS", "FROM takes an image, or an image AS a name, not 2 words"),
        ("FROM a AS b c", "FROM takes an image, or an image AS a name, not 4 words"),
        ("FROM a # comment", 'expected AS, not "#"'),
        ("FROM a IS b", 'expected AS, not "IS"'),
        ("FROM a AS -b", '"-b" cannot be the name of a stage'),
        ("FROM a AS b/c", '"b/c" cannot be the name of a stage'),
        ("FROM a AS $B", '"$B" cannot be the name of a stage'),
        (
            "FROM a AS \N{CYRILLIC SMALL LETTER A}",
            '"\N{CYRILLIC SMALL LETTER A}" cannot be the name of a stage',
        ),
        ("FROM --platform a", "the flag --platform needs a value"),
        ("FROM --platfrom=x a", 'FROM has no flag "--platfrom"'),
    ],
)
def test_bad_from(text, what):
    """A stage has one image and at most one name of plain letters."""
    assert what == refused(text)


# --- ARG, ENV, LABEL -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ARG A", [("A", None)]),
        ("ARG A=", [("A", "")]),
        ("ARG A=b", [("A", "b")]),
        ("ARG A=b=c", [("A", "b=c")]),
        ('ARG A="b c" D', [("A", '"b c"'), ("D", None)]),
        ("ARG A=$B C=${D:-e f}", [("A", "$B"), ("C", "${D:-e"), ("f}", None)]),
        ("ARG A=b\\ c", [("A", "b\\ c")]),
        ("ARG A \\\n  # c\n  B=1 \\\n  C", [("A", None), ("B", "1"), ("C", None)]),
    ],
)
def test_arg(text, expected):
    """A default that is absent differs from an empty one; quotes stay for the expansion."""
    assert expected == list(only(text).pairs)


PAIRS = [
    ("A=b", [("A", "b")]),
    ("A=b C=d", [("A", "b"), ("C", "d")]),
    ("A=", [("A", "")]),
    ("A=\"b c\" D='e f'", [("A", '"b c"'), ("D", "'e f'")]),
    ("A=b\\ c", [("A", "b\\ c")]),
    ("A=b=c", [("A", "b=c")]),
    ("A=$B:${C}", [("A", "$B:${C}")]),
    ('"a b"=c', [('"a b"', "c")]),
    ("A b", [("A", "b")]),
    ("A  b  c ", [("A", "b  c")]),
    ("A b=c", [("A", "b=c")]),
    ('A "b c"', [("A", '"b c"')]),
    ("A \\\n  b", [("A", "b")]),
    ("A=b \\\n\n  # c\n  C=d", [("A", "b"), ("C", "d")]),
    ("a.b-c/d=e", [("a.b-c/d", "e")]),
    ("A='", [("A", "'")]),
]


@pytest.mark.parametrize("keyword", ["ENV", "LABEL", "env"])
@pytest.mark.parametrize(("text", "expected"), PAIRS)
def test_env_and_label(keyword, text, expected):
    """The first word decides: with a = all are pairs, without it the rest of the line is the value."""
    assert expected == list(only(f"{keyword} {text}").pairs)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("ARG", "ARG needs an argument"),
        ("ARG =a", "an ARG without a name"),
        ("ARG A =b", "an ARG without a name"),
        ("ARG --x A", 'ARG has no flag "--x"'),
        ("ENV", "ENV needs an argument"),
        ("ENV A", 'ENV needs a value for "A"'),
        ("ENV =b", "a name is missing before = in ENV"),
        ("ENV A=b C", '"C" has no ='),
        ("ENV A=b =c", "a name is missing before = in ENV"),
        ("ENV --x A=b", 'ENV has no flag "--x"'),
        ("LABEL", "LABEL needs an argument"),
        ("LABEL a", 'LABEL needs a value for "a"'),
        ("LABEL a=b c", '"c" has no ='),
    ],
)
def test_bad_pairs(text, what):
    """Names and values have to be there."""
    assert what == refused(text)


def test_labels_are_labels():
    """LABEL and ENV share their grammar, not their type."""
    assert isinstance(only("LABEL a=b"), Label)


BAD_OPTION = 'a mount of type bind has no option "bind-propagation"'

# --- commands --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("keyword", "kind"), [("RUN", Run), ("CMD", Cmd), ("ENTRYPOINT", Entrypoint)])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b", Command("shell", ("a b",))),
        ('a "b  c" $D', Command("shell", ('a "b  c" $D',))),
        ('["a", "b c"]', Command("exec", ("a", "b c"))),
        ('[ "a" , "$B" ]', Command("exec", ("a", "$B"))),
        ('["a", \\\n # c\n "b"]', Command("exec", ("a", "b"))),
        ("['a']", Command("shell", ("['a']",))),
        ('["a"', Command("shell", ('["a"',))),
        ('["a"] && b', Command("shell", ('["a"] && b',))),
        ("[ -f /a ] && b", Command("shell", ("[ -f /a ] && b",))),
        ("", Command("shell", ("",))),
    ],
)
def test_commands(keyword, kind, text, expected):
    """A JSON array is exec form; whatever does not parse as one is shell form, untouched."""
    found = only(f"{keyword} {text}")
    assert isinstance(found, kind)
    assert expected == found.command


@pytest.mark.parametrize("keyword", ["CMD", "ENTRYPOINT"])
def test_an_empty_array_resets(keyword):
    """``CMD []`` and ``ENTRYPOINT []`` are commands of no words."""
    assert Command("exec", ()) == only(f"{keyword} []").command


def test_run_flags():
    """Mounts repeat; network and security have defaults."""
    run = only(
        "RUN --mount=type=cache,target=/a --network=none \\\n --mount=type=secret,id=x --security=insecure ls"
    )
    assert [mount.type for mount in run.mounts] == ["cache", "secret"]
    assert (run.network, run.security, run.command.argv[0]) == ("none", "insecure", "ls")
    plain = only("RUN ls --network=none")
    assert (plain.mounts, plain.network, plain.security) == ((), "default", "sandbox")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("RUN []", "RUN needs a command"),
        ("RUN [1]", "the JSON array of RUN holds something else than strings"),
        ('CMD ["a", null]', "the JSON array of CMD holds something else than strings"),
        ("RUN --network=bridge x", '--network cannot be "bridge"'),
        ("RUN --security=full x", '--security cannot be "full"'),
        ("RUN --network=none --network=host x", "the flag --network is given twice"),
        ("RUN --mount x", "the flag --mount needs a value"),
        ("RUN --mount= x", "the mount is empty"),
        ("RUN --mount=type=bind,bind-propagation=shared x", BAD_OPTION),
        ("RUN --privileged x", 'RUN has no flag "--privileged"'),
        ("CMD --x y", 'CMD has no flag "--x"'),
        ("ENTRYPOINT --x y", 'ENTRYPOINT has no flag "--x"'),
        ("SHELL", "SHELL needs a JSON array of at least one string"),
        ("SHELL []", "SHELL needs a JSON array of at least one string"),
        ("SHELL /bin/sh -c", "SHELL needs a JSON array of at least one string"),
    ],
)
def test_bad_commands(text, what):
    """Wrong arrays, flags and choices are refused."""
    assert what == refused(text)


def test_shell():
    """SHELL is an array."""
    assert isinstance(only('SHELL ["bash", "-c"]'), Shell)
    assert only('SHELL ["bash", "-c"]').argv == ("bash", "-c")


# --- COPY and ADD ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("keyword", "kind"), [("COPY", Copy), ("ADD", Add)])
@pytest.mark.parametrize(
    ("text", "sources", "destination"),
    [
        ("a b", ("a",), "b"),
        ("a b c/", ("a", "b"), "c/"),
        ("a* $B ${C:-d} /e", ("a*", "$B", "${C:-d}"), "/e"),
        ('["a b", "c"]', ("a b",), "c"),
        ('["a", "b", "c d/"]', ("a", "b"), "c d/"),
        ('"a b" c', ('"a', 'b"'), "c"),
        ("a\\ b c", ("a\\", "b"), "c"),
        ("['a'] b", ("['a']",), "b"),
        ("a \\\n  b", ("a",), "b"),
    ],
)
def test_copy_and_add(keyword, kind, text, sources, destination):
    """The last word is the destination; spaces in names need the JSON form."""
    found = only(f"{keyword} {text}")
    assert kind is type(found)
    assert (sources, destination) == (found.sources, found.destination)


def test_copy_flags():
    """Everything that COPY knows, as written."""
    copy = only("COPY --from=Base --chown=$U:g --chmod=0755 --link --parents --exclude=*.a --exclude=b c d")
    assert (
        copy.from_, copy.chown, copy.chmod, copy.link, copy.parents, copy.exclude,
    ) == ("Base", "$U:g", "0755", True, True, ("*.a", "b"))  # fmt: skip
    plain = only("COPY c d")
    assert (
        plain.from_, plain.chown, plain.chmod, plain.link, plain.parents, plain.exclude,
    ) == ("", "", "", None, False, ())  # fmt: skip
    assert only("COPY --link=false c d").link is False


def test_add_flags():
    """ADD has its own three, and no --from."""
    add = only("ADD --checksum=sha256:0 --keep-git-dir=true --unpack=false --chown=1 --link a b")
    assert (
        add.checksum, add.keep_git_dir, add.unpack, add.chown, add.link,
    ) == ("sha256:0", True, False, "1", True)  # fmt: skip
    assert only("ADD a b").unpack is None
    assert refused("ADD --from=x a b") == 'ADD has no flag "--from"'
    assert refused("COPY --checksum=x a b") == 'COPY has no flag "--checksum"'


@pytest.mark.parametrize(
    ("text", "sources", "heredocs"),
    [
        ("COPY <<A /x\n1\nA", ("<<A",), [Heredoc("A", "1\n", True)]),
        ("COPY <<'A' /x\n1\nA", ("<<A",), [Heredoc("A", "1\n", False)]),
        ('ADD <<-"A" /x\n\t1\n\tA', ("<<A",), [Heredoc("A", "1\n", False, True)]),
        (
            "COPY <<A f <<B /x/\n1\nA\n2\nB",
            ("<<A", "f", "<<B"),
            [Heredoc("A", "1\n", True), Heredoc("B", "2\n", True)],
        ),
        ("COPY <<A <<A /x/\n1\nA\n2\nA", ("<<A", "<<A"), [Heredoc("A", "2\n", True)]),
        ("COPY --chmod=755 <<run.sh /\n#!x\nrun.sh", ("<<run.sh",), [Heredoc("run.sh", "#!x\n", True)]),
        ('COPY ["<<A", "/x"]', ("<<A",), [Heredoc("A", "", True)]),
    ],
)
def test_inline_files(text, sources, heredocs):
    """A heredoc among the sources is a file with that name."""
    found = only(text)
    assert sources == found.sources
    assert heredocs == list(found.heredocs)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("COPY", "COPY needs a source and a destination"),
        ("COPY a", "COPY needs a source and a destination"),
        ("ADD a", "ADD needs a source and a destination"),
        ('COPY ["a"]', "COPY needs a source and a destination"),
        ("COPY []", "COPY needs a source and a destination"),
        ("COPY --link a", "COPY needs a source and a destination"),
        ("COPY [1, 2]", "the JSON array of COPY holds something else than strings"),
        ("COPY a <<B\nx\nB", "the destination of COPY cannot be a heredoc"),
        ("COPY --from a b", "the flag --from needs a value"),
    ],
)
def test_bad_copies(text, what):
    """A source and a destination are needed, and the destination is a path."""
    assert what == refused(text)


# --- the others ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind", "field", "expected"),
    [
        ("USER app", User, "user", "app"),
        ("USER $U:${G:-0}", User, "user", "$U:${G:-0}"),
        ("user 1000:1000 ", User, "user", "1000:1000"),
        ("WORKDIR /a b", Workdir, "path", "/a b"),
        ('WORKDIR "/a b"', Workdir, "path", '"/a b"'),
        ("WORKDIR a/$B", Workdir, "path", "a/$B"),
        ("STOPSIGNAL SIGINT", Stopsignal, "signal", "SIGINT"),
        ("STOPSIGNAL $S", Stopsignal, "signal", "$S"),
        ("MAINTAINER A B <a@b>", Maintainer, "name", "A B <a@b>"),
        ("EXPOSE 80", Expose, "ports", ("80",)),
        ("EXPOSE 80/tcp  53/udp $P 7000-7010", Expose, "ports", ("80/tcp", "53/udp", "$P", "7000-7010")),
        ("VOLUME /a", Volume, "paths", ("/a",)),
        ("VOLUME /a /b", Volume, "paths", ("/a", "/b")),
        ('VOLUME ["/a b", "$C"]', Volume, "paths", ("/a b", "$C")),
        ("VOLUME ['/a']", Volume, "paths", ("['/a']",)),
    ],
)
def test_simple_instructions(text, kind, field, expected):
    """Their argument is kept as written."""
    found = only(text)
    assert kind is type(found)
    assert expected == getattr(found, field)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("USER", "USER needs an argument"),
        ("WORKDIR", "WORKDIR needs an argument"),
        ("STOPSIGNAL", "STOPSIGNAL needs an argument"),
        ("MAINTAINER", "MAINTAINER needs an argument"),
        ("EXPOSE", "EXPOSE needs an argument"),
        ("VOLUME", "VOLUME needs a path, and none may be empty"),
        ('VOLUME ["/a", " "]', "VOLUME needs a path, and none may be empty"),
        ("VOLUME []", "VOLUME needs a path, and none may be empty"),
        ("ONBUILD", "ONBUILD needs an argument"),
        ("ONBUILD onbuild RUN a", "ONBUILD ONBUILD is not allowed"),
        ("ONBUILD from a", "ONBUILD FROM is not allowed"),
        ("ONBUILD MAINTAINER a", "ONBUILD MAINTAINER is not allowed"),
        ("ONBUILD --x RUN a", 'ONBUILD has no flag "--x"'),
        ("USER --x a", 'USER has no flag "--x"'),
        ("FRM a", 'unknown instruction "FRM"'),
        ("\\", 'unknown instruction ""'),
    ],
)
def test_bad_simple_instructions(text, what):
    """An argument is needed."""
    assert what == refused(text)


SECOND = 10**9


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("NONE", (None, 0, 0, 0, 0, 0)),
        ("none", (None, 0, 0, 0, 0, 0)),
        ("CMD a b", (Command("shell", ("a b",)), 0, 0, 0, 0, 0)),
        ('cmd ["a", "b"]', (Command("exec", ("a", "b")), 0, 0, 0, 0, 0)),
        (
            "--interval=1m --timeout=3s --start-period=5s --start-interval=1s --retries=4 CMD a",
            (Command("shell", ("a",)), 60 * SECOND, 3 * SECOND, 5 * SECOND, SECOND, 4),
        ),
        ("--interval=0 --retries=0 CMD a", (Command("shell", ("a",)), 0, 0, 0, 0, 0)),
        ("--interval=1ms \\\n  CMD \\\n  a", (Command("shell", ("a",)), 10**6, 0, 0, 0, 0)),
    ],
)
def test_healthcheck(text, expected):
    """Durations are nanoseconds, zero stands for not given."""
    found = only(f"HEALTHCHECK {text}")
    assert isinstance(found, Healthcheck)
    assert expected == (
        found.command, found.interval, found.timeout, found.start_period, found.start_interval, found.retries,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "HEALTHCHECK needs an argument"),
        ("NONE x", "HEALTHCHECK NONE takes no arguments"),
        ("CMD", "HEALTHCHECK CMD needs a command"),
        ("CMD []", "HEALTHCHECK CMD needs a command"),
        ("curl x", 'HEALTHCHECK is followed by CMD or NONE, not "curl"'),
        ("--interval=1 CMD a", '--interval is not a duration: "1"'),
        ("--timeout=1us CMD a", "--timeout cannot be shorter than 1ms"),
        ("--timeout=-1s CMD a", "--timeout cannot be shorter than 1ms"),
        ("--retries=-1 CMD a", '--retries is not a number: "-1"'),
        ("--retries=2147483648 CMD a", '--retries is not a number: "2147483648"'),
        ("--retries=x CMD a", '--retries is not a number: "x"'),
        ("--intervall=1s CMD a", 'HEALTHCHECK has no flag "--intervall"'),
    ],
)
def test_bad_healthchecks(text, what):
    """Durations need a unit and a millisecond, retries are a count."""
    assert what == refused(f"HEALTHCHECK {text}")


def test_every_instruction_of_the_language_has_a_reader():
    """The AST and the readers know the same keywords."""

    def leaves(kind: type[Instruction]) -> set[type[Instruction]]:
        return {kind, *(leaf for child in kind.__subclasses__() for leaf in leaves(child))}

    assert set(READERS) == {kind.__name__.upper() for kind in leaves(Instruction)} - {"INSTRUCTION"}
