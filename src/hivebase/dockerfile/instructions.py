"""Statements to instructions: what each keyword accepts. Source: BuildKit's Dockerfile reference."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from hivebase.dockerfile.ast import (
    Add,
    Arg,
    Cmd,
    Copy,
    Entrypoint,
    Env,
    Expose,
    From,
    Healthcheck,
    Heredoc,
    Instruction,
    Label,
    Maintainer,
    Onbuild,
    Run,
    Shell,
    Stopsignal,
    User,
    Volume,
    Workdir,
)
from hivebase.dockerfile.durations import nanoseconds
from hivebase.dockerfile.heredocs import marker
from hivebase.dockerfile.mounts import MountError, parse_mount
from hivebase.dockerfile.source import SPACES, did_you_mean, quoted
from hivebase.dockerfile.statement import Statement
from hivebase.dockerfile.words import first_gap, plain_words, quoted_words

if TYPE_CHECKING:
    from collections.abc import Callable

    from hivebase.dockerfile.ast import Mount
    from hivebase.dockerfile.flags import Flag, Kind, Values

_STAGE_NAME = re.compile(r"[a-z][a-z0-9\-_.]*")
_MILLISECOND: Final = 10**6

_COPY_FLAGS: Final[dict[str, Kind]] = {
    "from": "text", "chown": "text", "chmod": "text", "link": "boolean", "parents": "boolean",
    "exclude": "repeated",
}  # fmt: skip
_ADD_FLAGS: Final[dict[str, Kind]] = {
    "chown": "text", "chmod": "text", "link": "boolean", "exclude": "repeated", "checksum": "text",
    "keep-git-dir": "boolean", "unpack": "boolean",
}  # fmt: skip
_RUN_FLAGS: Final[dict[str, Kind]] = {"mount": "repeated", "network": "text", "security": "text"}
_HEALTH_FLAGS: Final[dict[str, Kind]] = {
    "interval": "text", "timeout": "text", "start-period": "text", "start-interval": "text",
    "retries": "text",
}  # fmt: skip


def read_from(statement: Statement) -> From:
    """``FROM [--platform=P] image [AS name]``."""
    platform = statement.check_flags({"platform": "text"}).text("platform")
    words = plain_words(statement.rest)
    if len(words) not in {1, 3}:
        raise statement.fail_in_rest(
            f"FROM takes an image, or an image AS a name, not {len(words)} words",
            words[1][0] if len(words) > 1 else len(statement.rest),
            hint="write FROM IMAGE or FROM IMAGE AS NAME",
        )  # fmt: skip
    alias = ""
    if len(words) == 3:
        if words[1][1].lower() != "as":
            raise statement.fail_in_rest(
                f"expected AS, not {quoted(words[1][1])}", words[1][0], hint="write FROM IMAGE AS NAME"
            )
        alias = words[2][1].lower()
        if not _STAGE_NAME.fullmatch(alias):
            raise statement.fail_in_rest(
                f"{quoted(words[2][1])} cannot be the name of a stage", words[2][0],
                why="a name begins with a letter and holds only letters, digits, - _ and .",
            )  # fmt: skip
    return From(statement.span, statement.text, words[0][1], alias, platform)


def read_arg(statement: Statement) -> Arg:
    """``ARG name[=default] …``."""
    statement.check_flags()
    statement.require_rest("ARG NAME or ARG NAME=DEFAULT")
    pairs: list[tuple[str, str | None]] = []
    for offset, word in quoted_words(statement.rest, statement.escape):
        name, equals, value = word.partition("=")
        if not name:
            raise statement.fail_in_rest("an ARG without a name", offset, hint="write ARG NAME=DEFAULT")
        pairs.append((name, value if equals else None))
    return Arg(statement.span, statement.text, tuple(pairs))


def read_env(statement: Statement) -> Env:
    """``ENV name=value …`` or ``ENV name value``."""
    return Env(statement.span, statement.text, _pairs(statement))


def read_label(statement: Statement) -> Label:
    """``LABEL name=value …`` or ``LABEL name value``."""
    return Label(statement.span, statement.text, _pairs(statement))


def _pairs(statement: Statement) -> tuple[tuple[str, str], ...]:
    keyword = statement.keyword
    statement.check_flags()
    statement.require_rest(f"{keyword} NAME=VALUE")
    words = quoted_words(statement.rest, statement.escape)
    if words and "=" not in words[0][1]:
        old = first_gap(statement.rest)
        if not old:
            raise statement.fail_in_rest(
                f"{keyword} needs a value for {quoted(statement.rest)}", len(statement.rest),
                hint=f"write {keyword} NAME=VALUE",
            )  # fmt: skip
        return ((old[0], old[1]),)
    pairs: list[tuple[str, str]] = []
    for offset, word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise statement.fail_in_rest(
                f"{quoted(word)} has no =", offset,
                why=f"after NAME=VALUE every word of {keyword} is another NAME=VALUE",
                hint="put a value with spaces in double quotes",
            )  # fmt: skip
        if not name:
            raise statement.fail_in_rest(f"a name is missing before = in {keyword}", offset)
        pairs.append((name, value))
    return tuple(pairs)


def read_run(statement: Statement) -> Run:
    """``RUN [--mount=…]… [--network=…] [--security=…] command``."""
    values = statement.check_flags(_RUN_FLAGS)
    network = _choice(statement, values, "network", ("default", "none", "host"))
    security = _choice(statement, values, "security", ("sandbox", "insecure"))
    mounts = tuple(_mount(statement, flag) for flag in values.repeated("mount"))
    command = statement.command()
    if not command.argv:
        raise statement.fail_in_rest("RUN needs a command", 0, hint='write RUN command or RUN ["command"]')
    return Run(statement.span, statement.text, command, mounts, network, security)


def _choice(statement: Statement, values: Values, name: str, choices: tuple[str, ...]) -> str:
    value = values.text(name)
    if value and value not in choices:
        raise statement.fail(
            f"--{name} cannot be {quoted(value)}", values.offset(name),
            hint=did_you_mean(value, choices, otherwise=f"it is one of {', '.join(choices)}"),
        )  # fmt: skip
    return value or choices[0]


def _mount(statement: Statement, flag: Flag) -> Mount:
    try:
        return parse_mount(flag.value or "")
    except MountError as error:
        raise statement.fail(str(error), flag.offset, hint=error.hint) from None


def read_copy(statement: Statement) -> Copy:
    """``COPY [flags] source… destination``, either form."""
    values = statement.check_flags(_COPY_FLAGS)
    sources, destination, heredocs = _sources(statement)
    return Copy(
        statement.span, statement.text, sources, destination,
        from_=values.text("from"), chown=values.text("chown"), chmod=values.text("chmod"),
        link=values.boolean("link"), parents=bool(values.boolean("parents")),
        exclude=tuple(flag.value or "" for flag in values.repeated("exclude")), heredocs=heredocs,
    )  # fmt: skip


def read_add(statement: Statement) -> Add:
    """``ADD [flags] source… destination``, either form."""
    values = statement.check_flags(_ADD_FLAGS)
    sources, destination, heredocs = _sources(statement)
    return Add(
        statement.span, statement.text, sources, destination,
        chown=values.text("chown"), chmod=values.text("chmod"), link=values.boolean("link"),
        exclude=tuple(flag.value or "" for flag in values.repeated("exclude")), heredocs=heredocs,
        checksum=values.text("checksum"), keep_git_dir=bool(values.boolean("keep-git-dir")),
        unpack=values.boolean("unpack"),
    )  # fmt: skip


def _sources(statement: Statement) -> tuple[tuple[str, ...], str, tuple[Heredoc, ...]]:
    """Return sources, destination, and the heredocs that are sources (named ``<<NAME`` among them)."""
    keyword = statement.keyword
    words = statement.json()
    if words is None:
        words = tuple(word for _, word in plain_words(statement.rest))
    if len(words) < 2:
        raise statement.fail_in_rest(
            f"{keyword} needs a source and a destination", len(statement.rest),
            hint=f"write {keyword} SOURCE DESTINATION",
        )  # fmt: skip
    *written, destination = words
    if marker(destination):
        raise statement.fail_in_rest(
            f"the destination of {keyword} cannot be a heredoc", statement.rest.rfind(destination),
            hint=f"write {keyword} {quoted(destination)[1:-1]} /path/of/the/file",
        )  # fmt: skip
    bodies = {doc.name: doc for doc in statement.heredocs}
    sources: list[str] = []
    used: dict[str, Heredoc] = {}
    for source in written:
        found = marker(source)
        if found:
            # In JSON form no body follows: BuildKit makes an empty file then.
            used[found.name] = bodies.get(found.name) or Heredoc(found.name, "", found.expand, found.chomp)
        sources.append(f"<<{found.name}" if found else source)
    return tuple(sources), destination, tuple(used.values())


def read_cmd(statement: Statement) -> Cmd:
    """``CMD command``, either form."""
    statement.check_flags()
    return Cmd(statement.span, statement.text, statement.command())


def read_entrypoint(statement: Statement) -> Entrypoint:
    """``ENTRYPOINT command``, either form."""
    statement.check_flags()
    return Entrypoint(statement.span, statement.text, statement.command())


def read_shell(statement: Statement) -> Shell:
    """``SHELL ["program", "argument", …]``."""
    statement.check_flags()
    words = statement.json()
    if not words:
        raise statement.fail_in_rest(
            "SHELL needs a JSON array of at least one string", 0, hint='write SHELL ["/bin/bash", "-c"]'
        )
    return Shell(statement.span, statement.text, words)


def read_user(statement: Statement) -> User:
    """``USER name[:group]``."""
    statement.check_flags()
    return User(statement.span, statement.text, statement.require_rest("USER NAME or USER NAME:GROUP"))


def read_workdir(statement: Statement) -> Workdir:
    """``WORKDIR path``."""
    statement.check_flags()
    return Workdir(statement.span, statement.text, statement.require_rest("WORKDIR /path"))


def read_expose(statement: Statement) -> Expose:
    """``EXPOSE port[/protocol] …``."""
    statement.check_flags()
    words = plain_words(statement.require_rest("EXPOSE 8080 or EXPOSE 53/udp"))
    return Expose(statement.span, statement.text, tuple(word for _, word in words))


def read_volume(statement: Statement) -> Volume:
    """``VOLUME path …``, either form."""
    statement.check_flags()
    paths = statement.json()
    if paths is None:
        paths = tuple(word for _, word in plain_words(statement.rest))
    stripped = tuple(path.strip(SPACES) for path in paths)
    if not stripped or not all(stripped):
        raise statement.fail_in_rest(
            "VOLUME needs a path, and none may be empty", 0, hint="write VOLUME /path"
        )
    return Volume(statement.span, statement.text, stripped)


def read_stopsignal(statement: Statement) -> Stopsignal:
    """``STOPSIGNAL signal``."""
    statement.check_flags()
    return Stopsignal(statement.span, statement.text, statement.require_rest("STOPSIGNAL SIGTERM"))


def read_maintainer(statement: Statement) -> Maintainer:
    """``MAINTAINER name``."""
    statement.check_flags()
    return Maintainer(statement.span, statement.text, statement.require_rest("MAINTAINER name"))


def read_healthcheck(statement: Statement) -> Healthcheck:
    """``HEALTHCHECK [flags] CMD command`` or ``HEALTHCHECK NONE``."""
    rest = statement.require_rest("HEALTHCHECK CMD command or HEALTHCHECK NONE")
    kind = rest.split(maxsplit=1)[0]
    start = len(rest) - len(rest[len(kind) :].lstrip(SPACES))
    if kind.upper() == "NONE":
        if start < len(rest):
            raise statement.fail_in_rest("HEALTHCHECK NONE takes no arguments", start)
        return Healthcheck(statement.span, statement.text, None)
    values = statement.check_flags(_HEALTH_FLAGS)
    if kind.upper() != "CMD":
        raise statement.fail_in_rest(
            f"HEALTHCHECK is followed by CMD or NONE, not {quoted(kind)}",
            0,
            hint="write HEALTHCHECK CMD command",
        )
    command = statement.command(start)
    if not command.argv or not command.argv[0]:
        raise statement.fail_in_rest("HEALTHCHECK CMD needs a command", len(rest))
    return Healthcheck(
        statement.span, statement.text, command,
        interval=_duration(statement, values, "interval"),
        timeout=_duration(statement, values, "timeout"),
        start_period=_duration(statement, values, "start-period"),
        start_interval=_duration(statement, values, "start-interval"),
        retries=_retries(statement, values),
    )  # fmt: skip


def _duration(statement: Statement, values: Values, name: str) -> int:
    text = values.text(name)
    try:
        value = nanoseconds(text) if text else 0
    except ValueError:
        raise statement.fail(
            f"--{name} is not a duration: {quoted(text)}", values.offset(name), hint="write for example 1m30s"
        ) from None
    if value and value < _MILLISECOND:
        raise statement.fail(f"--{name} cannot be shorter than 1ms", values.offset(name))
    return value


def _retries(statement: Statement, values: Values) -> int:
    text = values.text("retries")
    if not text:
        return 0
    if not re.fullmatch(r"\+?0*[0-9]{1,10}", text) or int(text) >= 2**31:
        raise statement.fail(
            f"--retries is not a number: {quoted(text)}", values.offset("retries"),
            hint="write a whole number from 0 to 2147483647",
        )  # fmt: skip
    return int(text)


def read_onbuild(statement: Statement) -> Onbuild:
    """``ONBUILD instruction``; the instruction is read for good when a child builds."""
    statement.check_flags()
    statement.require_rest("ONBUILD INSTRUCTION")
    inner = Statement.of(statement.source, statement.line, statement.escape, statement.rest_start)
    if inner.keyword in {"ONBUILD", "FROM", "MAINTAINER"}:
        raise inner.fail(
            f"ONBUILD {inner.keyword} is not allowed", why="a trigger runs inside the stage of the child"
        )
    bodies = "".join(f"\n{doc.content}{doc.name}" for doc in statement.heredocs)
    return Onbuild(statement.span, statement.text, inner.text + bodies)


READERS: Final[dict[str, Callable[[Statement], Instruction]]] = {
    "ADD": read_add,
    "ARG": read_arg,
    "CMD": read_cmd,
    "COPY": read_copy,
    "ENTRYPOINT": read_entrypoint,
    "ENV": read_env,
    "EXPOSE": read_expose,
    "FROM": read_from,
    "HEALTHCHECK": read_healthcheck,
    "LABEL": read_label,
    "MAINTAINER": read_maintainer,
    "ONBUILD": read_onbuild,
    "RUN": read_run,
    "SHELL": read_shell,
    "STOPSIGNAL": read_stopsignal,
    "USER": read_user,
    "VOLUME": read_volume,
    "WORKDIR": read_workdir,
}
"""Every keyword of the language."""


def read_instruction(statement: Statement) -> Instruction:
    """Return what ``statement`` means.

    Raises:
        DockerfileError: an unknown keyword, or anything that the keyword does not accept.
    """
    reader = READERS.get(statement.keyword)
    if reader is None:
        raise statement.fail(
            f"unknown instruction {quoted(statement.keyword)}",
            hint=did_you_mean(
                statement.keyword, READERS,
                otherwise="begin with a keyword, or end the line before with the escape character",
            ),
        )  # fmt: skip
    return reader(statement)
