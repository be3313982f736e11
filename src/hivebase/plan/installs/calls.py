"""Whether the words of a command call pip or uv to install, and what they install."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hivebase.plan.installs import pip_options, requirement, uv_options
from hivebase.plan.installs.model import Install, RefusedError
from hivebase.plan.installs.options import effects

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hivebase.plan.installs.options import Option
    from hivebase.plan.installs.words import Simple, Word

_PIP = re.compile(r"(?:.*/)?pip(?:3(?:\.[0-9]+)?)?", re.ASCII | re.DOTALL)
_PYTHON = re.compile(r"(?:.*/)?python(?:3(?:\.[0-9]+)?)?", re.ASCII | re.DOTALL)
_OTHER_PYTHON = re.compile(r"(?:python|pypy|pip)[0-9.]*[a-z]?", re.ASCII)
_UV = re.compile(r"(?:.*/)?uv", re.DOTALL)
_SETTLING = frozenset({"install", "sync"})

# Commands that start another one, in an environment or as a user of their own.
_STARTERS_TEXT = """
bash busybox chroot command conda doas env exec gosu ionice micromamba mamba nice nohup pdm pipenv poetry
retry runuser setpriv setsid stdbuf strace su su-exec sudo time timeout tini unbuffer uv xargs
"""
_STARTERS = frozenset(_STARTERS_TEXT.split())
_DEEPEST = 16

# Variables that change what Python, and with it pip, reads or writes. PYTHONDONTWRITEBYTECODE is not among
# them: pip and uv compile in so many words, whatever it says.
_PYTHONS_TEXT = """
PYTHONHOME PYTHONNODEBUGRANGES PYTHONOPTIMIZE PYTHONPATH PYTHONPLATLIBDIR PYTHONPYCACHEPREFIX
PYTHONUSERBASE
"""
_PYTHONS = frozenset(_PYTHONS_TEXT.split())
# uv runs the interpreter apart from these, but for the compiler of bytecode.
_UV_HEEDS = frozenset({"PYTHONHOME", "PYTHONNODEBUGRANGES", "PYTHONOPTIMIZE", "PYTHONPYCACHEPREFIX"})
_ASSIGNABLE = re.compile(r"(?:PIP|UV)_.*|PYTHON[A-Z]*|VIRTUAL_ENV|DEBIAN_FRONTEND", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Call:
    """A command that installs packages.

    Attributes:
        tool: pip or uv.
        program: as written.
        module: the program is an interpreter, called with ``-m pip``.
        sync: it is ``uv pip sync``.
        words: options and arguments behind ``install``; those in front of it have no effect.
    """

    tool: str
    program: str
    words: tuple[Word, ...]
    module: bool = False
    sync: bool = False


def find(words: Sequence[Word]) -> Call | None:
    """Return the installation that a command is; None when it is something else.

    Raises:
        RefusedError: it is one, called in a way that is not understood.
    """
    if not words:
        return None
    call = _direct(words)
    if call is None:
        _refuse_started(words)
    return call


def _direct(words: Sequence[Word]) -> Call | None:
    """Return the installation of a command that is pip, Python or uv itself."""
    name = words[0].text
    if _PIP.fullmatch(name):
        return _pip(words[1:], name, module=False)
    if _PYTHON.fullmatch(name):
        return _python(words)
    return _uv(words) if _UV.fullmatch(name) else None


def _refuse_started(words: Sequence[Word]) -> None:
    """Raise ``RefusedError`` when one command starts another one, and that one installs."""
    texts = [word.text for word in words[:_DEEPEST]]
    name = texts[0].rpartition("/")[2]
    if _OTHER_PYTHON.fullmatch(name) and "install" in texts and ("pip" in texts or "pip" in name):
        if not _PIP.fullmatch(name) and not _PYTHON.fullmatch(name):
            raise RefusedError("program", f"{name[:40]} is no pip or Python that is known")
    elif name in _STARTERS and any(_is_install(words[start:]) for start in range(1, len(texts))):
        raise RefusedError("wrapper", f"it is started by {name}")


def _is_install(words: Sequence[Word]) -> bool:
    try:
        return _direct(words) is not None
    except RefusedError:
        return True


def _python(words: Sequence[Word]) -> Call | None:
    """Take ``python -m pip``; options in front of ``-m`` that change what Python reads are refused."""
    strange = ""
    for position, word in enumerate(words[1:], start=1):
        if word.text in {"-m", "-mpip"}:
            module = words[position + 1 : position + 2] if word.text == "-m" else ()
            if module and module[0].text == "uv" and _uv(words[position + 1 :]):
                raise RefusedError("wrapper", "uv is started by Python")
            if word.text == "-m" and not (module and module[0].text == "pip"):
                return None
            call = _pip(words[position + 1 + len(module) :], words[0].text, module=True)
            if call and strange:
                raise RefusedError("option", f"Python is called with {strange}")
            return call
        if not word.text.startswith("-"):
            # The value of -W or -X, or a script, which then is no pip.
            if not strange:
                return None
        elif word.text not in {"-B", "-u"}:
            strange = strange or word.text[:2]
    return None


def _pip(words: Sequence[Word], program: str, *, module: bool) -> Call | None:
    front = _front(words, pip_options.GENERAL, _SETTLING - {"sync"})
    if front is None:
        return None
    return Call("pip", program, tuple(words[front + 1 :]), module=module)


def _uv(words: Sequence[Word]) -> Call | None:
    pip = _front(words[1:], uv_options.GENERAL, frozenset({"pip"}))
    if pip is None:
        return None
    behind = words[pip + 2 :]
    front = _front(behind, uv_options.GENERAL, _SETTLING)
    if front is None:
        return None
    return Call("uv", words[0].text, tuple(behind[front + 1 :]), sync=behind[front].text == "sync")


def _front(words: Sequence[Word], known: Mapping[str, Option], wanted: frozenset[str]) -> int | None:
    """Return where a subcommand in ``wanted`` stands behind general options; None for another one."""
    position = 0
    while position < len(words):
        text = words[position].text
        if not text.startswith("-"):
            return position if text in wanted else None
        option = known.get(text)
        if option is None and not _understood(words[position], known):
            if any(word.text in wanted for word in words[position:]):
                raise RefusedError(
                    "option", "there is an option in front of its command that is not understood"
                )
            return None
        position += 2 if option and option.takes else 1
    return None


def _understood(word: Word, known: Mapping[str, Option]) -> bool:
    """Whether ``word`` is an option, or several, with all that belongs to them."""
    try:
        return bool(list(effects([word], known)))
    except RefusedError:
        return False


def install(
    call: Call, text: str, assignments: Mapping[str, str], env: Mapping[str, str], workdir: str
) -> Install:
    """Return what ``call`` installs.

    Args:
        call: the command.
        text: as written.
        assignments: those in front of the command.
        env: the environment without them.
        workdir: absolute.

    Raises:
        RefusedError: it has to be run.
    """
    for name in assignments:
        if not _ASSIGNABLE.fullmatch(name):
            raise RefusedError("setting", f"{name} is set for it alone, which cannot be composed")
    env = {**env, **assignments}
    _check_python(env, _UV_HEEDS if call.tool == "uv" else _PYTHONS)
    if call.tool == "uv":
        return uv_options.uv_pip(call.words, env=env, workdir=workdir, text=text, sync=call.sync)
    program = requirement.absolute(call.program, workdir) if "/" in call.program else call.program
    return pip_options.pip_install(
        call.words, env=env, workdir=workdir, text=text, program=program, module=call.module
    )


def _check_python(env: Mapping[str, str], heeded: frozenset[str]) -> None:
    for name in heeded:
        if env.get(name) and (name, env[name]) != ("PYTHONOPTIMIZE", "0"):
            raise RefusedError("setting", f"{name} is set, which changes what Python reads or writes")
    for name in env:
        if name.startswith("_PYTHON_") or name == "DEB_PYTHON_INSTALL_LAYOUT":
            raise RefusedError("setting", f"{name} is set, which changes where packages go")


def simple_install(simple: Simple, text: str, env: Mapping[str, str], workdir: str) -> Install | None:
    """Return what a simple command installs, or None when it is no installation.

    Raises:
        RefusedError: it is one, and it has to be run.
    """
    call = find(simple.words)
    return install(call, text, simple.assignments, env, workdir) if call else None
