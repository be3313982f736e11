"""Recognise the installations of packages in a RUN, and part them from its other commands."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from hivebase.plan.installs.calls import find, simple_install
from hivebase.plan.installs.model import NOTHING, Recognition, RefusedError
from hivebase.plan.installs.shell import descendants, read_script
from hivebase.plan.installs.split import Split
from hivebase.plan.installs.words import Simple, Word, simple_command

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tree_sitter import Node

    from hivebase.plan.installs.model import Command, Install
    from hivebase.plan.installs.shell import Operand, Script

_TOOL = re.compile(r"(?<![\w.-])(?:pip[0-9.]*|uv)(?![\w-])|-mpip\b", re.ASCII)
_LIKE_AN_INSTALL = re.compile(
    r"(?<![\w.-])(?:pip[0-9.]*|uv[\"']?\s+(?:[^\s;&|]+\s+){0,4}?pip)[\"']?\s+(?:[^\s;&|]+\s+){0,8}?(?:install|sync)(?!\S)",
    re.ASCII,
)
_SHELL = re.compile(r"(?:.*/)?(sh|ash|dash|bash)", re.DOTALL)
_FLAGS = re.compile(r"-[euxv]*[euxv]\Z")
_FLAGS_WITH_O = re.compile(r"-[euxv]*o\Z")
_SHELL_OPTIONS = {"errexit": True, "pipefail": False, "nounset": False, "xtrace": False, "verbose": False}
_USER = re.compile(r"(?:root|0+)?(?::(?:root|0+)?)?")


def recognise(
    text: str, *, shell: tuple[str, ...], env: Mapping[str, str], user: str, workdir: str
) -> Recognition:
    """Return what the shell form of a RUN consists of.

    Args:
        text: what the shell is given.
        shell: the shell and its options, ``-c`` last.
        env: the whole environment of the step.
        user: as in the configuration.
        workdir: absolute.
    """
    if not _mentions(text):
        return NOTHING
    try:
        parts = _parts(text, shell, env, workdir)
        if parts:
            _check_surroundings(env, user)
    except RefusedError as refused:
        return Recognition((), refused.impure)
    return Recognition(parts) if parts else NOTHING


def recognise_exec(argv: Sequence[str], *, env: Mapping[str, str], user: str, workdir: str) -> Recognition:
    """Return what the exec form of a RUN is; no shell reads its words."""
    if not _mentions("\n".join(argv)):
        return NOTHING
    try:
        found = simple_install(Simple({}, [Word(word) for word in argv]), shlex.join(argv), env, workdir)
        if found:
            _check_surroundings(env, user)
    except RefusedError as refused:
        return Recognition((), refused.impure)
    return Recognition((found,)) if found else NOTHING


def _mentions(text: str) -> bool:
    """Whether ``text`` may hold an installation; cheap, since most RUNs do not."""
    if ("pip" not in text and "uv" not in text) or ("install" not in text and "sync" not in text):
        return False
    return _TOOL.search(text) is not None


def _check_surroundings(env: Mapping[str, str], user: str) -> None:
    if not _USER.fullmatch(user):
        raise RefusedError("user", "it is not root who installs")
    for name in env:
        if name in {"BASH_ENV", "BASHOPTS", "SHELLOPTS"} or name.startswith("BASH_FUNC_"):
            raise RefusedError("setting", f"{name} is set, which may change what a command means")


def _parts(
    text: str, shell: tuple[str, ...], env: Mapping[str, str], workdir: str
) -> tuple[Install | Command, ...]:
    """Return the parts of a script, none when there is no installation in it.

    Raises:
        RefusedError: an installation in it has to be run.
    """
    try:
        errexit = _shell_errexit(shell)
        script = read_script(text)
    except RefusedError:
        if _LIKE_AN_INSTALL.search(text):
            raise
        return ()
    front, errexit = _front(script, env, errexit=errexit)
    installs = {
        number: found
        for number in range(front, len(script.operands))
        if (found := _install(script, script.operands[number], env, workdir))
    }
    if not installs:
        return ()
    split = Split(script, front, installs, errexit=errexit, bash=shell[0].endswith("bash"))
    split.check()
    return split.parts()


def _shell_errexit(shell: tuple[str, ...]) -> bool:
    """Return whether the shell stops at the first failure.

    Raises:
        RefusedError: it is no shell that is known, or reads files of its own first.
    """
    if len(shell) < 2 or not _SHELL.fullmatch(shell[0]) or not re.fullmatch(r"-[euxv]*c", shell[-1]):
        raise RefusedError("not-shell", "the shell of this RUN is none that is understood")
    options = list(shell[1:-1]) + ([shell[-1][:-1]] if shell[-1] != "-c" else [])
    errexit = _errexit(options)
    if errexit is None:
        raise RefusedError(
            "not-shell", "the shell of this RUN has options that may change what commands mean"
        )
    return errexit


def _errexit(options: Sequence[str]) -> bool | None:
    """Return whether options of a shell, or of ``set``, contain ``-e``; None when one of them is not known."""
    errexit = False
    rest = iter(options)
    for option in rest:
        if _FLAGS_WITH_O.match(option):
            meaning = _SHELL_OPTIONS.get(next(rest, ""))
            if meaning is None:
                return None
            errexit = errexit or meaning
        elif not _FLAGS.match(option):
            return None
        errexit = errexit or "e" in option
    return errexit


def _front(script: Script, env: Mapping[str, str], *, errexit: bool) -> tuple[int, bool]:
    """Return how many operands are ``set -e`` and the like at the very start, and whether ``-e`` is on."""
    number = 0
    for number, operand in enumerate(script.operands):
        try:
            words = (
                simple_command(script.text_of(operand), env).words if operand.node.type == "command" else []
            )
        except RefusedError:
            words = []
        options = [word.text for word in words[1:]]
        found = _errexit(options) if options and words[0].text == "set" else None
        if found is None:
            return number, errexit
        errexit = errexit or found
    return number + 1, errexit


def _install(script: Script, operand: Operand, env: Mapping[str, str], workdir: str) -> Install | None:
    """Return the installation that an operand is, None when it is something else.

    Raises:
        RefusedError: it is, or holds, an installation that has to be run.
    """
    text = script.text_of(operand)
    if not _TOOL.search(text):
        return None
    simple = Simple()
    try:
        simple_command(text, env, simple)
    except RefusedError:
        # A word, a redirection or a pipe that cannot be worked out; what stands before it tells what it is.
        kind = operand.node.type
        if (kind == "command" and _LIKE_AN_INSTALL.search(text)) or (
            kind in _REDIRECTED and _is_install(simple)
        ):
            raise
    else:
        if operand.node.type == "command":
            return simple_install(simple, text, env, workdir)
    commands = (node for node in descendants(operand.node) if node.type == "command")
    if any(_holds_install(script, command, env) for command in commands):
        raise RefusedError("nested", f"it is part of {_KINDS.get(operand.node.type, 'a larger command')}")
    return None


_REDIRECTED = frozenset({"command", "redirected_statement", "pipeline"})
_KINDS = {
    "if_statement": "an if",
    "for_statement": "a loop",
    "while_statement": "a loop",
    "list": "an alternative (||)",
    "subshell": "a subshell",
    "pipeline": "a pipe",
    "negated_command": "a negation (!)",
    "function_definition": "a function",
}


def _holds_install(script: Script, command: Node, env: Mapping[str, str]) -> bool:
    """Whether a command somewhere in an operand is an installation."""
    text = script.text(command.start_byte, command.end_byte)
    if not _LIKE_AN_INSTALL.search(text):
        return False
    simple = Simple()
    try:
        simple_command(text, env, simple)
    except RefusedError:
        return True
    return _is_install(simple)


def _is_install(simple: Simple) -> bool:
    try:
        return find(simple.words) is not None
    except RefusedError:
        return True
