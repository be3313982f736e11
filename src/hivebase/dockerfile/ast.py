"""The instructions of a Dockerfile as values. Words are as written: nothing here is expanded yet.

Source: the Dockerfile reference of BuildKit's ``dockerfile/1`` front end. How each field becomes its
value (``expand`` and ``expand_words`` are those of ``expand.py``, with ``escape=Dockerfile.escape``):

- ``expand``, which removes quotes too: names and values of ENV and LABEL; defaults of ARG (only where no
  build argument replaces them; the names stay as written, and each default sees the ARGs before it); sources,
  destination, ``chown``, ``chmod``, ``checksum`` and ``exclude`` of COPY and ADD; USER; WORKDIR; VOLUME;
  STOPSIGNAL; option values of mounts. Image and platform of FROM likewise, but seeing only the ARGs that
  precede the first FROM.
- ``expand_words``, which splits after expanding: each port of EXPOSE.
- ``expand(…, keep_quotes=True)`` with the backslash: bodies of COPY and ADD heredocs with ``expand``.
- taken as they stand: commands in either form (the shell expands), bodies of RUN heredocs, SHELL, MAINTAINER,
  ONBUILD, ``network``, ``security``, stage names, and ``from_`` (BuildKit takes no variables there).

All values of one ENV or LABEL see the variables from before that instruction.
"""

from __future__ import annotations

from typing import Literal

import msgspec


class Span(msgspec.Struct, frozen=True):
    """Where an instruction stands: 1-based first and last line, 1-based column of its keyword."""

    line: int
    end_line: int
    column: int = 1


class Heredoc(msgspec.Struct, frozen=True):
    """One here-document.

    Attributes:
        name: the delimiter word without quotes.
        content: the body, tabs already stripped for ``<<-``, each line ending in a newline.
        expand: whether variables in the body are expanded (false when the delimiter was quoted).
        chomp: whether it was written ``<<-``.
    """

    name: str
    content: str
    expand: bool
    chomp: bool = False


class Command(msgspec.Struct, frozen=True):
    """The command of RUN, CMD, ENTRYPOINT or HEALTHCHECK.

    ``shell`` form has one element in ``argv``: the text for the shell, continuation lines joined, with the
    opening line of each heredoc kept and its body in ``heredocs`` (``heredocs.shell_text`` joins the two;
    it is empty for a bare ``RUN`` or ``CMD``). ``exec`` form is the parsed JSON array, possibly empty.
    """

    form: Literal["shell", "exec"]
    argv: tuple[str, ...]
    heredocs: tuple[Heredoc, ...] = ()


class Mount(msgspec.Struct, frozen=True):
    """One ``RUN --mount=``, checked by ``mounts.check`` except for values with a ``$``.

    ``options`` are the pairs without ``type``, names lower-cased; ``readonly`` alone is ``("readonly", "")``.
    """

    type: Literal["bind", "cache", "tmpfs", "secret", "ssh"]
    options: tuple[tuple[str, str], ...]

    def get(self, *names: str) -> str | None:
        """Return the last value given under any of ``names`` (``target``, ``dst``, …), else None."""
        return next((value for key, value in reversed(self.options) if key in names), None)


class Instruction(msgspec.Struct, frozen=True):
    """What every instruction has.

    Attributes:
        span: its position.
        text: the instruction as one line, continuation lines joined, comments and heredoc bodies dropped.
    """

    span: Span
    text: str

    @property
    def keyword(self) -> str:
        """The upper-case keyword."""
        return type(self).__name__.upper()


class From(Instruction, frozen=True):
    """``FROM [--platform=] image [AS alias]``; ``alias`` is lower-cased."""

    image: str
    alias: str = ""
    platform: str = ""


class Arg(Instruction, frozen=True):
    """``ARG name[=default] …``; the default is None when absent, which differs from empty."""

    pairs: tuple[tuple[str, str | None], ...]


class Env(Instruction, frozen=True):
    """``ENV key=value …`` or the old ``ENV key value`` (one pair; the value is the rest of the line)."""

    pairs: tuple[tuple[str, str], ...]


class Label(Instruction, frozen=True):
    """``LABEL key=value …``; keys are expanded too."""

    pairs: tuple[tuple[str, str], ...]


class Run(Instruction, frozen=True):
    """``RUN [--mount=…] [--network=…] [--security=…] command``; ``network`` is default, none or host."""

    command: Command
    mounts: tuple[Mount, ...] = ()
    network: str = "default"
    security: str = "sandbox"


class Copy(Instruction, frozen=True):
    """``COPY [flags] source… destination``; ``from_`` is empty for the build context.

    ``heredocs`` are inline files: a source that equals ``"<<" + heredoc.name`` takes its content from there
    (quotes, dash and digits of the marker are dropped). ``link`` is None when the flag was not given.
    """

    sources: tuple[str, ...]
    destination: str
    from_: str = ""
    chown: str = ""
    chmod: str = ""
    link: bool | None = None
    parents: bool = False
    exclude: tuple[str, ...] = ()
    heredocs: tuple[Heredoc, ...] = ()


class Add(Copy, frozen=True):
    """``ADD``: COPY from the context, local archives unpacked, and URLs or git repositories fetched."""

    checksum: str = ""
    keep_git_dir: bool = False
    unpack: bool | None = None


class Cmd(Instruction, frozen=True):
    """``CMD``."""

    command: Command


class Entrypoint(Instruction, frozen=True):
    """``ENTRYPOINT``."""

    command: Command


class Shell(Instruction, frozen=True):
    """``SHELL ["…"]``."""

    argv: tuple[str, ...]


class User(Instruction, frozen=True):
    """``USER user[:group]``."""

    user: str


class Workdir(Instruction, frozen=True):
    """``WORKDIR path``."""

    path: str


class Expose(Instruction, frozen=True):
    """``EXPOSE port[/protocol] …``, as written."""

    ports: tuple[str, ...]


class Volume(Instruction, frozen=True):
    """``VOLUME``, either form."""

    paths: tuple[str, ...]


class Stopsignal(Instruction, frozen=True):
    """``STOPSIGNAL``."""

    signal: str


class Maintainer(Instruction, frozen=True):
    """``MAINTAINER`` (deprecated, still part of the language)."""

    name: str


class Healthcheck(Instruction, frozen=True):
    """``HEALTHCHECK``; ``command`` is None for ``NONE``. Durations in nanoseconds, 0 when not given."""

    command: Command | None
    interval: int = 0
    timeout: int = 0
    start_period: int = 0
    start_interval: int = 0
    retries: int = 0


class Onbuild(Instruction, frozen=True):
    """``ONBUILD <instruction>``.

    ``trigger`` is the text of the instruction with its heredocs; ``parse_trigger`` reads it for a child.
    """

    trigger: str


class Stage(msgspec.Struct, frozen=True):
    """One ``FROM`` and what follows it. ``name`` is the alias, or the index as text."""

    index: int
    from_: From
    instructions: tuple[Instruction, ...]

    @property
    def name(self) -> str:
        """The lower-cased alias, or the position as decimal text."""
        return self.from_.alias or str(self.index)


class Dockerfile(msgspec.Struct, frozen=True):
    r"""A parsed file.

    Attributes:
        path: the name used in messages.
        text: the source, for carets and for hashing.
        escape: the escape character, ``\`` or `````.
        directives: parser directives found (``syntax``, ``escape``, ``check``), lower-cased keys.
        meta_args: the ARGs before the first FROM.
        stages: at least one.
        warnings: remarks of the parser with a line number, for example an ignored ``# syntax=``.
    """

    path: str
    text: str
    escape: str
    directives: tuple[tuple[str, str], ...]
    meta_args: tuple[Arg, ...]
    stages: tuple[Stage, ...]
    warnings: tuple[tuple[int, str], ...] = ()
