"""``uv pip install`` and ``uv pip sync``: their options, and the variables ``UV_*`` that stand for them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hivebase.plan.installs import requirement
from hivebase.plan.installs.model import Install, RefusedError
from hivebase.plan.installs.options import ARGUMENT, Draft, Option, effects, table
from hivebase.plan.installs.words import Word

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

GENERAL = table(
    """
    -q --quiet
    -v --verbose
    -n --no-cache --no-cache-dir
    --cache-dir=
    --no-progress
    --color=
    --native-tls --system-certs
    --allow-insecure-host= --trusted-host=
    --no-config
    --no-python-downloads
    """
)
"""Options of uv itself, which may stand in front of ``pip`` and of ``install`` too."""

_COMMON = GENERAL | table(
    """
    -c= --constraint= --constraints=: constraint
    --require-hashes: require-hashes
    --no-verify-hashes
    --system: system
    --no-system: no-system
    --break-system-packages: break-system
    --no-break-system-packages: no-break-system
    -p= --python=: python
    --no-build
    --only-binary=
    --strict
    -i= --index-url=: index_url
    --default-index=: default_index
    --extra-index-url=: extra_index_urls
    --index=: indexes
    -f= --find-links=: find-links
    --no-index: no-index
    --link-mode=: link-mode
    --compile-bytecode --compile: compile
    --no-compile-bytecode --no-compile: no-compile
    --no-build-isolation: no-build-isolation
    --disable-pip-version-check
    """
)
_SYNC = _COMMON
_INSTALL = _COMMON | table(
    """
    -r= --requirement= --requirements=: file
    -e= --editable=: editable
    --no-deps: no-deps
    -U --upgrade: upgrade
    -P= --upgrade-package=: upgrade_packages
    --prerelease=: prerelease
    --pre: pre
    """
)

_TRUE = frozenset({"y", "yes", "t", "true", "on", "1"})
_FALSE = frozenset({"n", "no", "f", "false", "off", "0"})

# Which option a variable stands for; an option on the command line makes uv forget its variable.
_VARIABLES = {
    "UV_SYSTEM_PYTHON": "--system",
    "UV_PYTHON": "--python",
    "UV_BREAK_SYSTEM_PACKAGES": "--break-system-packages",
    "UV_COMPILE_BYTECODE": "--compile-bytecode",
    "UV_LINK_MODE": "--link-mode",
    "UV_NO_CACHE": "--no-cache",
    "UV_CACHE_DIR": "--cache-dir",
    "UV_NO_PROGRESS": "--no-progress",
    "UV_NATIVE_TLS": "--native-tls",
    "UV_SYSTEM_CERTS": "--system-certs",
    "UV_INSECURE_HOST": "--allow-insecure-host",
    "UV_NO_CONFIG": "--no-config",
    "UV_INDEX_URL": "--index-url",
    "UV_DEFAULT_INDEX": "--default-index",
    "UV_EXTRA_INDEX_URL": "--extra-index-url",
    "UV_INDEX": "--index",
    "UV_FIND_LINKS": "--find-links",
    "UV_CONSTRAINT": "--constraint",
    "UV_REQUIRE_HASHES": "--require-hashes",
    "UV_NO_VERIFY_HASHES": "--no-verify-hashes",
    "UV_PRERELEASE": "--prerelease",
    "UV_NO_BUILD_ISOLATION": "--no-build-isolation",
}
# What says nothing about what ``uv pip`` installs: settings of the network, of projects and of tools.
_HARMLESS = frozenset(
    [
        "UV_CONCURRENT_BUILDS",
        "UV_CONCURRENT_DOWNLOADS",
        "UV_CONCURRENT_INSTALLS",
        "UV_FROZEN",
        "UV_HTTP_RETRIES",
        "UV_HTTP_TIMEOUT",
        "UV_LOCKED",
        "UV_NO_DEV",
        "UV_NO_SYNC",
        "UV_PROJECT_ENVIRONMENT",
        "UV_PYTHON_DOWNLOADS",
        "UV_REQUEST_TIMEOUT",
        "UV_TOOL_BIN_DIR",
        "UV_TOOL_DIR",
        "UV_VERSION",
    ]
)
_SEPARATORS = {"find-links": ",", "constraint": " ", "extra_index_urls": " ", "indexes": " "}
_INDEX_NAME = re.compile(r"[A-Za-z0-9_.-]+=", re.ASCII)
# pip reads only requirements from a file; uv takes these apart as the descriptions of projects.
_PROJECTS = ("pyproject.toml", "setup.py", "setup.cfg", ".py", "pylock.toml", ".toml")


def uv_pip(words: Sequence[Word], *, env: Mapping[str, str], workdir: str, text: str, sync: bool) -> Install:
    """Return what ``uv pip install`` or ``uv pip sync`` installs.

    Args:
        words: all but ``uv``, ``pip`` and the name of the command.
        env: its environment.
        workdir: absolute.
        text: the command as written.
        sync: it is ``sync``.

    Raises:
        RefusedError: an option or a setting is not understood, or cannot be composed.
    """
    draft = Draft(workdir, compile=False, deps=not sync)
    known = _SYNC if sync else _INSTALL
    given = list(effects(words, known))
    said = {known[name] for _, name, _ in given if name}
    for name, value in env.items():
        if name.startswith("UV_") and name not in _HARMLESS:
            _setting(draft, name, value, said)
    for effect, _, word in given:
        _apply(draft, "file" if sync and effect == ARGUMENT else effect, word)
    if any(path.endswith(_PROJECTS) for path in (*draft.files, *draft.constraints)):
        raise RefusedError("option", "it reads its requirements from the description of a project")
    return draft.install("uv", text, _interpreter(draft, env), sync=sync)


def _apply(draft: Draft, effect: str, word: Word) -> None:
    """Take one option or argument; several values in one word are cut where uv cuts them."""
    separator = _SEPARATORS.get(effect)
    values = word.text.split(separator) if separator else [word.text]
    for value in values:
        if separator and not value:
            continue
        draft.apply(
            effect, Word(_INDEX_NAME.sub("", value, count=1) if effect == "indexes" else value, word.pattern)
        )


def _setting(draft: Draft, name: str, value: str, said: set[Option]) -> None:
    option = _INSTALL.get(_VARIABLES.get(name, ""))
    if option is None:
        raise RefusedError("setting", f"{name} is set, which cannot be composed")
    if option in said and option.effect:
        return
    if option.takes:
        _apply(draft, option.effect, Word(value))
    elif value.lower() in _TRUE:
        draft.apply(option.effect, Word(""))
    elif value.lower() not in _FALSE:
        raise RefusedError("setting", f"{name} is neither yes nor no")


def _interpreter(draft: Draft, env: Mapping[str, str]) -> str:
    """Return the interpreter whose packages are meant, empty for the first on ``PATH``.

    ``--python`` counts more than ``--system``, and that more than ``VIRTUAL_ENV``.
    """
    if draft.python:
        is_path = "/" in draft.python
        return requirement.absolute(draft.python, draft.workdir) if is_path else draft.python
    if draft.system:
        return ""
    if env.get("VIRTUAL_ENV"):
        return requirement.absolute(env["VIRTUAL_ENV"], draft.workdir) + "/bin/python"
    raise RefusedError(
        "interpreter", "it says neither --system nor which interpreter; uv looks for .venv directories"
    )
