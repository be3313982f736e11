"""Options of pip and uv: a table says what each one means, a draft collects what they say."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from hivebase.plan.installs import requirement
from hivebase.plan.installs.model import Install, RefusedError
from hivebase.plan.installs.words import Word

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Option:
    """An option that is understood.

    Attributes:
        effect: what it does to the draft, a name that ``Draft.apply`` knows; empty when it does nothing to
            what is installed.
        takes: it has a value.
    """

    effect: str = ""
    takes: bool = False


ARGUMENT = "argument"
"""The effect of what is no option."""


def table(text: str) -> dict[str, Option]:
    """Read a table: on each line the names of one option, ``=`` if it has a value, ``: effect`` if it has one."""
    found: dict[str, Option] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        names, _, effect = line.partition(":")
        option = Option(effect.strip(), takes="=" in names)
        found.update(dict.fromkeys(names.replace("=", " ").split(), option))
    return found


def effects(words: Sequence[Word], known: Mapping[str, Option]) -> Iterator[tuple[str, str, Word]]:
    """Yield effect, name and value of each word, in order; the name is empty for an argument.

    Raises:
        RefusedError: an option is not known, or used in a way that is not its own.
    """
    rest = iter(words)
    for word in rest:
        if word.text == "--":
            yield from ((ARGUMENT, "", word) for word in rest)
        elif word.text == "-" or not word.text.startswith("-"):
            yield ARGUMENT, "", word
        elif word.text.startswith("--"):
            name, equals, attached = word.text.partition("=")
            value = Word(attached, word.pattern) if equals else None
            yield _option(name, value, rest, known)
        else:
            yield from _bundle(word, rest, known)


def _bundle(word: Word, rest: Iterator[Word], known: Mapping[str, Option]) -> Iterator[tuple[str, str, Word]]:
    """Take short options that share a dash: ``-qU``, ``-rfile``."""
    for position, letter in enumerate(word.text[1:], start=2):
        name = f"-{letter}"
        option = known.get(name)
        attached = word.text[position:]
        if option is None or not option.takes or not attached:
            yield _option(name, None, rest, known)
            if option and option.takes:
                return
            continue
        if attached.startswith("="):
            raise RefusedError("option", f"the option {name} is written in an unusual way")
        yield _option(name, Word(attached, word.pattern), rest, known)
        return


def _option(
    name: str, value: Word | None, rest: Iterator[Word], known: Mapping[str, Option]
) -> tuple[str, str, Word]:
    option = known.get(name)
    if option is None:
        raise RefusedError("option", f"the option {_shown(name)} is not one that can be composed")
    if value is not None and not option.takes:
        raise RefusedError("option", f"the option {name} has no value, and one is given")
    if value is not None and value.pattern:
        raise RefusedError("shell-syntax", f"the value of {name} has a wildcard without quotes")
    if option.takes and value is None:
        value = next(rest, None)
        if value is None:
            raise RefusedError("option", f"the option {name} has no value")
    return option.effect, name, value or Word("")


def _shown(name: str) -> str:
    """Return the name of an option without anything that a variable may have put behind it."""
    match = re.match(r"--?[A-Za-z0-9-]*", name)
    return match[0][:40] if match else "-"


@dataclass(slots=True)
class Draft:
    """An installation while its options are read; the fields are those of ``Install``.

    Attributes:
        default_index: of uv's newer ``--default-index``, which counts more than ``--index-url``.
        indexes: of uv's newer ``--index``, which come before those of ``--extra-index-url``.
        python: of uv's ``--python``. system: of its ``--system``.
    """

    workdir: str
    requirements: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    editables: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    unmatched: list[str] = field(default_factory=list)
    deps: bool = True
    upgrade: bool = False
    eager: bool = False
    upgrade_packages: list[str] = field(default_factory=list)
    compile: bool = True
    require_hashes: bool = False
    index_url: str = ""
    default_index: str = ""
    indexes: list[str] = field(default_factory=list)
    extra_index_urls: list[str] = field(default_factory=list)
    no_index: bool = False
    find_links: list[str] = field(default_factory=list)
    pre: bool = False
    isolated_build: bool = True
    break_system: bool = False
    python: str = ""
    system: bool = False

    def apply(self, effect: str, value: Word) -> None:
        """Take one option or argument.

        Raises:
            RefusedError: its value cannot be composed.
        """
        if effect in _SWITCHES:
            setattr(self, *_SWITCHES[effect])
        elif effect in _PLACES:
            self._place(effect, value)
        elif effect in _TEXTS:
            _no_pattern(value)
            setattr(self, effect, value.text)
        elif effect in _LISTS:
            _no_pattern(value)
            getattr(self, effect).append(value.text)
        elif effect:
            self._choice(effect, value.text)

    def _place(self, effect: str, word: Word) -> None:
        """Take a value that may be a path."""
        if effect == ARGUMENT:
            kind, text = requirement.requirement(word, self.workdir)
            (self.requirements if kind == "requirement" else self.paths).append(text)
            if word.pattern and (kind == "requirement" or text.endswith("]")):
                self.unmatched.append(requirement.unmatched(word, self.workdir))
        elif effect == "editable":
            self.editables.append(requirement.directory(word, self.workdir))
            if word.pattern:
                self.unmatched.append(requirement.unmatched(word, self.workdir))
        elif effect == "find-links":
            self.find_links.append(requirement.location(word, self.workdir))
        else:
            files = self.files if effect == "file" else self.constraints
            files.append(requirement.file(word, self.workdir))

    def _choice(self, effect: str, value: str) -> None:
        """Take one of several words; all but the usual ones are refused."""
        usual, meaning = _CHOICES[effect]
        if value in meaning:
            setattr(self, *meaning[value])
        elif value not in usual:
            raise RefusedError("option", f"--{effect} has a value that cannot be composed")

    def install(self, tool: Literal["pip", "uv"], text: str, program: str, **more: bool) -> Install:
        """Return the installation.

        Raises:
            RefusedError: it installs nothing.
        """
        if not (self.requirements or self.files or self.editables or self.paths):
            raise RefusedError("option", "it names nothing to install")
        return Install(
            tool=tool,
            text=text,
            program=program,
            requirements=tuple(self.requirements),
            files=tuple(self.files),
            constraints=tuple(self.constraints),
            editables=tuple(self.editables),
            paths=tuple(self.paths),
            unmatched=tuple(self.unmatched),
            deps=self.deps,
            upgrade="all" if self.upgrade else "none",
            eager=self.eager and self.upgrade,
            upgrade_packages=tuple(self.upgrade_packages),
            compile=self.compile,
            require_hashes=self.require_hashes,
            index_url=self.default_index or self.index_url,
            extra_index_urls=(*self.indexes, *self.extra_index_urls),
            no_index=self.no_index,
            find_links=tuple(self.find_links),
            pre=self.pre,
            isolated_build=self.isolated_build,
            break_system=self.break_system,
            **more,
        )


def _no_pattern(value: Word) -> None:
    if value.pattern:
        raise RefusedError("shell-syntax", "the value of an option has a wildcard without quotes")


_SWITCHES: dict[str, tuple[str, bool]] = {
    "no-deps": ("deps", False),
    "upgrade": ("upgrade", True),
    "compile": ("compile", True),
    "no-compile": ("compile", False),
    "require-hashes": ("require_hashes", True),
    "no-require-hashes": ("require_hashes", False),
    "no-index": ("no_index", True),
    "pre": ("pre", True),
    "no-build-isolation": ("isolated_build", False),
    "break-system": ("break_system", True),
    "no-break-system": ("break_system", False),
    "system": ("system", True),
    "no-system": ("system", False),
}
_PLACES = frozenset({ARGUMENT, "editable", "find-links", "file", "constraint"})
_TEXTS = frozenset({"index_url", "default_index", "python"})
_LISTS = frozenset({"extra_index_urls", "indexes", "upgrade_packages"})
# Of each option with words for values: those that change nothing, and what the others set.
_CHOICES: dict[str, tuple[frozenset[str], dict[str, tuple[str, bool]]]] = {
    "upgrade-strategy": (frozenset(), {"eager": ("eager", True), "only-if-needed": ("eager", False)}),
    "prerelease": (frozenset({"if-necessary-or-explicit"}), {"allow": ("pre", True)}),
    "link-mode": (frozenset({"copy", "hardlink", "clone"}), {}),
}
