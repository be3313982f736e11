"""An installation as a value: what ``pip install`` or ``uv pip install`` was asked to do."""

from __future__ import annotations

from typing import Literal

import msgspec


class Install(msgspec.Struct, frozen=True):
    """One ``pip install``, ``uv pip install`` or ``uv pip sync``, every option of it understood.

    Paths are absolute in the image. What the command leaves open is open here too: which interpreter it
    means is found in the tree (``hivebase.layers.wheels.probe``).

    Attributes:
        tool: whose ways of writing files count.
        text: the command as written, for people.
        program: what is executed: ``pip``, ``pip3.11`` or a path for pip's own script; with ``module`` the
            interpreter; for uv the interpreter of ``--python`` or ``VIRTUAL_ENV``, or empty for the first on
            ``PATH`` (``--system``).
        module: pip is started as ``program -m pip``.
        sync: remove what is installed and not asked for (``uv pip sync``).
        requirements: as written on the command line (PEP 508), paths and URLs of wheels included.
        files: of ``-r``, in order.
        constraints: of ``-c``, in order.
        editables: directories of ``-e``.
        paths: directories and wheel files named as requirements, ``[extra]`` behind them where it was written.
            A wheel's may hold wildcards (``/wheels/*``), which the shell would have resolved: all they match
            has to be wheels.
        unmatched: absolute patterns that must match no file. ``uvicorn[standard]`` without quotes is a pattern
            for the shell, which leaves it as it is only while no file has such a name.
        deps: whether dependencies are installed too.
        upgrade: ``all`` for ``--upgrade``; ``none`` keeps what is installed and satisfies.
        eager: with ``upgrade``, dependencies are upgraded too (``--upgrade-strategy eager``).
        upgrade_packages: of uv's ``--upgrade-package``.
        compile: whether bytecode is written.
        require_hashes: every requirement must have a hash.
        index_url: of ``--index-url`` or ``--default-index``; empty for the host's.
        extra_index_urls: further ones.
        no_index: only ``find_links`` count.
        find_links: directories (absolute) and URLs.
        pre: pre-releases count.
        isolated_build: whether a source tree is built in an environment of its own.
        break_system: an interpreter that belongs to the distribution may be changed.
    """

    tool: Literal["pip", "uv"]
    text: str
    program: str = "pip"
    module: bool = False
    sync: bool = False
    requirements: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    editables: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    unmatched: tuple[str, ...] = ()
    deps: bool = True
    upgrade: Literal["none", "all"] = "none"
    eager: bool = False
    upgrade_packages: tuple[str, ...] = ()
    compile: bool = True
    require_hashes: bool = False
    index_url: str = ""
    extra_index_urls: tuple[str, ...] = ()
    no_index: bool = False
    find_links: tuple[str, ...] = ()
    pre: bool = False
    isolated_build: bool = True
    break_system: bool = False


class Command(msgspec.Struct, frozen=True):
    """A part of a RUN that is run as it is: shell text that stands alone."""

    text: str


class Impure(msgspec.Struct, frozen=True):
    """An installation that has to be run, and why.

    Attributes:
        code: stable, kebab-case: ``shell-state``, ``option``, ``setting``, ``vcs``, ``user``, ``not-shell`` …
        why: one line for people. It holds no value of a variable, which may be a secret.
    """

    code: str
    why: str


class RefusedError(Exception):
    """Raised while an installation is read, at the first thing that makes it impure."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(why)
        self.impure = Impure(code, why)


class Recognition(msgspec.Struct, frozen=True):
    """What a RUN consists of.

    Attributes:
        parts: in order; one part after the other, each only if the one before succeeded, is the same as the
            whole. Empty when there is no installation that can be composed.
        impure: why an installation that was seen is run; None when all were understood or none was seen.
    """

    parts: tuple[Install | Command, ...] = ()
    impure: Impure | None = None


NOTHING = Recognition()
"""There is no installation of Python packages."""
