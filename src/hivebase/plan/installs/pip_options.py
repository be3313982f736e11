"""``pip install``: its options, and the variables ``PIP_*`` that are options by another name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hivebase.plan.installs.model import Install, RefusedError
from hivebase.plan.installs.options import Draft, effects, table
from hivebase.plan.installs.words import Word

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# ``--no-cache`` is what many write; pip takes it as the start of --no-cache-dir. Other short cuts of this
# kind are not understood, since a new version of pip may give them another meaning.
GENERAL = table(
    """
    -q --quiet
    -v --verbose
    --no-input
    --proxy=
    --retries=
    --timeout= --default-timeout=
    --exists-action=
    --trusted-host=
    --cert=
    --cache-dir=
    --no-cache-dir --no-cache
    --disable-pip-version-check
    --no-color
    --no-python-version-warning
    --resume-retries=
    """
)
"""Options of pip itself, which may stand in front of ``install`` too."""

_INSTALL = GENERAL | table(
    """
    -r= --requirement=: file
    -c= --constraint=: constraint
    -e= --editable=: editable
    --no-deps --no-dependencies: no-deps
    -U --upgrade: upgrade
    --upgrade-strategy=: upgrade-strategy
    --pre: pre
    --require-hashes: require-hashes
    --compile: compile
    --no-compile: no-compile
    --no-warn-script-location
    --no-warn-conflicts
    --progress-bar=
    --root-user-action=
    -i= --index-url= --pypi-url=: index_url
    --extra-index-url=: extra_index_urls
    --no-index: no-index
    -f= --find-links=: find-links
    --prefer-binary
    --only-binary=
    --no-build-isolation: no-build-isolation
    --check-build-dependencies
    --break-system-packages: break-system
    --no-clean
    """
)

_TRUE = frozenset({"y", "yes", "t", "true", "on", "1"})
_FALSE = frozenset({"n", "no", "f", "false", "off", "0"})

# pip stores the truth of a setting as it is given, so that for options that switch something off
# PIP_NO_COMPILE=1 compiles and PIP_NO_COMPILE=0 does not. Nobody means what they get: it is run. PIP_NO_CACHE
# is no setting at all, since there are no short cuts here.
_TRAPS = frozenset({"no-compile", "no-build-isolation", "no-cache"})
# Options that cannot be composed; a variable that says no to one of them says nothing.
_OFF = frozenset(
    {"user", "require-virtualenv", "force-reinstall", "ignore-installed", "dry-run", "isolated", "debug"}
)
# pip ignores these two; an image's ARG PIP_VERSION is for its Dockerfile.
_IGNORED = frozenset({"version", "help"})
# Several values in one variable, with spaces.
_MANY = frozenset({"extra-index-url", "find-links", "constraint", "requirement"})


def pip_install(
    words: Sequence[Word], *, env: Mapping[str, str], workdir: str, text: str, program: str, module: bool
) -> Install:
    """Return what ``pip install`` with ``words`` behind it installs.

    Args:
        words: all but ``install`` itself.
        env: its environment.
        workdir: absolute.
        text: the command as written.
        program: what is executed.
        module: the program is an interpreter, called with ``-m pip``.

    Raises:
        RefusedError: an option or a setting is not understood, or cannot be composed.
    """
    draft = Draft(workdir)
    for name, value in env.items():
        if name.startswith("PIP_"):
            _setting(draft, name, value)
    for effect, _, word in effects(words, _INSTALL):
        draft.apply(effect, word)
    return draft.install("pip", text, program, module=module)


def _setting(draft: Draft, name: str, value: str) -> None:
    """Take one variable as pip does: its name is that of a long option, an empty one does not count."""
    key = name[4:].lower().replace("_", "-")
    if not value or key in _IGNORED or (key in _OFF and value.lower() in _FALSE):
        return
    if key == "config-file" and value == "/dev/null":
        return
    option = _INSTALL.get(f"--{key}")
    if option is None or key in _TRAPS:
        raise RefusedError("setting", f"{name} is set, which cannot be composed")
    if not option.effect:
        return
    if option.takes:
        for each in value.split() if key in _MANY else [value]:
            draft.apply(option.effect, Word(each))
    else:
        _switch(draft, name, option.effect, value.lower())


def _switch(draft: Draft, name: str, effect: str, value: str) -> None:
    if value in _TRUE:
        draft.apply(effect, Word(""))
    elif value not in _FALSE:
        raise RefusedError("setting", f"{name} is neither yes nor no")
    elif effect == "compile":
        draft.apply("no-compile", Word(""))
