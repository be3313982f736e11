"""Which variables a line of a Dockerfile sees, and what they are worth.

* An ARG before the first FROM is seen by FROM lines, and by a stage only after it declares the name again.
* A build arg counts only where an ARG declares it.
* Of an ENV and an ARG with one name, the later counts. The reference says that ENV always does, and the builder
  before BuildKit did so; BuildKit does not, from its first release to its latest (``dispatchArg`` adds to the
  environment of the steps). The environment of the image is what ENV says in any case, and so a stage that
  starts from another stage begins with that.
* The platform and proxy arguments are known without a value being given.

Source: the Dockerfile reference ("Understand how ARG and FROM interact", "Using ARG variables").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hivebase.dockerfile.ast import Arg, Env
from hivebase.dockerfile.expand import ExpandError, expand, expand_words, references
from hivebase.errors import DockerfileError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hivebase.dockerfile.ast import Dockerfile, Instruction

PROXY_ARGS = frozenset(
    f(name)
    for name in ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy")
    for f in (str.lower, str.upper)
)
"""Build args that every RUN sees without declaration and that no cache key or history contains."""


def platform_args(platform: str, target: str = "") -> dict[str, str]:
    """Return BUILD… and TARGET… for ``os/architecture[/variant]``; both are the machine that builds."""
    system, _, rest = platform.partition("/")
    architecture, _, variant = rest.partition("/")
    facts = {"PLATFORM": platform, "OS": system, "ARCH": architecture, "VARIANT": variant}
    both = {side + key: value for side in ("BUILD", "TARGET") for key, value in facts.items()}
    return {**both, "TARGETSTAGE": target or "default"}


class Expander:
    """Expands words of one Dockerfile and tells errors with their line."""

    def __init__(self, document: Dockerfile) -> None:
        self._document = document
        self._lines: list[str] | None = None

    def __call__(
        self,
        word: str,
        lookup: Callable[[str], str | None],
        at: Instruction,
        *,
        plain: bool = False,
    ) -> str:
        """Expand ``word``; ``plain`` leaves quotes alone, as in the body of a heredoc.

        Raises:
            DockerfileError: the word cannot be expanded.
        """
        try:
            if plain:
                return expand(word, lookup, keep_quotes=True)
            return expand(word, lookup, escape=self._document.escape)
        except ExpandError as error:
            raise self.error(error.what, at, why=error.why or f"in {word!r}", hint=error.hint) from error

    def words(self, word: str, lookup: Callable[[str], str | None], at: Instruction) -> list[str]:
        """Expand ``word`` and split the result at its spaces.

        Raises:
            DockerfileError: the word cannot be expanded.
        """
        try:
            return expand_words(word, lookup, escape=self._document.escape)
        except ExpandError as error:
            raise self.error(error.what, at, why=error.why or f"in {word!r}", hint=error.hint) from error

    def names(self, word: str) -> tuple[str, ...]:
        """Return the variables that ``word`` mentions."""
        return references(word, escape=self._document.escape)

    def error(self, what: str, at: Instruction, *, why: str = "", hint: str = "") -> DockerfileError:
        """Return an error at the instruction ``at``."""
        if self._lines is None:
            self._lines = self._document.text.splitlines()
        line = at.span.line
        source = self._lines[line - 1] if 0 < line <= len(self._lines) else ""
        return DockerfileError(
            what,
            path=self._document.path,
            line=line,
            column=at.span.column,
            source_line=source,
            why=why,
            hint=hint,
        )


def meta_variables(
    document: Dockerfile,
    build_args: Mapping[str, str],
    platform: str,
    target: str = "",
    *,
    failed: Callable[[DockerfileError], object] | None = None,
) -> dict[str, str]:
    """Return what FROM lines see: platform arguments and the ARGs before the first FROM.

    Raises:
        DockerfileError: a default cannot be expanded, and there is no ``failed`` to be told so.
    """
    expander = Expander(document)
    known = platform_args(platform, target)
    known.update((name, build_args[name]) for name in known.keys() & build_args.keys())
    for arg in document.meta_args:
        for name, default in arg.pairs:
            if name in build_args:
                known[name] = build_args[name]
            elif default is not None:
                try:
                    known[name] = expander(default, known.get, arg)
                except DockerfileError as error:
                    if failed is None:
                        raise
                    failed(error)
    return known


class Scope:
    """The variables of one stage at one line; grows as its instructions are read.

    Attributes:
        env: the image's environment so far.
        args: the ARGs declared so far, in order; None for one without a value.
        variables: what a line sees of both, and a RUN as its environment.
    """

    def __init__(
        self,
        meta: Mapping[str, str],
        build_args: Mapping[str, str],
        env: Mapping[str, str] | None = None,
        args: Mapping[str, str | None] | None = None,
    ) -> None:
        self._meta = meta
        self._build_args = build_args
        self.env: dict[str, str] = dict(env or {})
        self.args: dict[str, str | None] = dict(args or {})
        inherited = {name: value for name, value in self.args.items() if value is not None}
        self.variables: dict[str, str] = {**inherited, **self.env}

    def get(self, name: str) -> str | None:
        """Return the value of ``name``, or None when it is unset."""
        return self.variables.get(name)

    def read(self, instruction: Arg | Env, expander: Expander) -> tuple[tuple[str, str | None], ...]:
        """Take an ARG or ENV; return its names and values as they came out.

        Raises:
            DockerfileError: a value cannot be expanded.
        """
        if isinstance(instruction, Arg):
            return tuple(
                self._declare(name, default, instruction, expander) for name, default in instruction.pairs
            )
        # ENV a=1 b=$a: every value of the line sees what was before the line.
        before = dict(self.variables).get
        pairs = tuple(
            (expander(name, before, instruction), expander(value, before, instruction))
            for name, value in instruction.pairs
        )
        self.env.update(pairs)
        self.variables.update(pairs)
        return pairs

    def _declare(self, name: str, default: str | None, at: Arg, expander: Expander) -> tuple[str, str | None]:
        if name in self._build_args:
            value: str | None = self._build_args[name]
        elif default is not None:
            value = expander(default, self.get, at)
        else:
            value = self._meta.get(name)
        # A second ARG of the same name keeps the place that history lists it at, and without a value changes nothing.
        if value is not None or name not in self.args:
            self.args[name] = value
        if value is not None:
            self.variables[name] = value
        return name, value
