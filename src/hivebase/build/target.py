"""Where an installation goes, as the tree shows it, and whether the tree is the one that it was planned for."""

from __future__ import annotations

import fnmatch
import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hivebase.digest import Digest
from hivebase.layers.tree import resolve
from hivebase.layers.wheels import templates
from hivebase.layers.wheels.facts import FileFacts
from hivebase.layers.wheels.installed import Distribution, installed
from hivebase.layers.wheels.places import exceptions
from hivebase.layers.wheels.probe import (
    Environment,
    NotComposableError,
    configured,
    externally_managed,
    first_python,
    probe,
)
from hivebase.plan.config import DEFAULT_PATH
from hivebase.values import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from hivebase.build.visible import Visible
    from hivebase.layers.indexed import IndexedTree
    from hivebase.layers.layer import Layer
    from hivebase.layers.wheels.jobs import Place
    from hivebase.oci.store import Store
    from hivebase.plan.steps import ComposeStep
    from hivebase.plan.wheels import LockedWheel

_MOST_SETTINGS = 1 << 20


@dataclass(frozen=True, slots=True)
class Target:
    """Where an installation goes.

    Attributes:
        environment: the interpreter.
        places: what of the image's directories counts.
        present: what is installed, by name.
        layers: how many of the lowest layers hold the interpreter.
    """

    environment: Environment
    places: tuple[Place, ...]
    present: Mapping[str, Distribution]
    layers: int

    def later(self, before: Sequence[LockedWheel], path_of: Callable[[LockedWheel], Path]) -> Target:
        """Return what this will be when ``before`` is installed."""
        environment, scheme = self.environment, self.environment.scheme
        present = dict(self.present)
        for wheel in before:
            present[wheel.name] = Distribution(wheel.name, wheel.version, "", removable=False)
            if wheel.name == "pip" and scheme.profile == "pip":
                template = templates.of_wheel(path_of(wheel), wheel.file)
                environment = replace(environment, scheme=replace(scheme, template=template))
        return replace(self, environment=environment, present=present)


def target_of(store: Store, step: ComposeStep, layers: Sequence[Layer], tree: IndexedTree) -> Target:
    """Return where ``step`` installs to.

    Raises:
        NotComposableError: there is no interpreter, or none that is known.
        HivebaseError: the image cannot be read.
    """
    install = step.install
    facts = FileFacts(store, layers, tree)
    path = dict(step.run.env).get("PATH") or DEFAULT_PATH
    program, module = install.program, install.module
    if install.tool == "uv" and not program:
        program = first_python(tree, path) or "python"
    environment = probe(facts, program, module=module, path=path, profile=install.tool)
    holder = tree.inode(resolve(tree, environment.binary))
    return Target(
        environment,
        exceptions(tree, environment.scheme),
        {item.name: item for item in installed(tree, environment)},
        holder[0] + 1 if holder is not None else len(layers),
    )


def check(step: ComposeStep, tree: IndexedTree, target: Target, visible: Visible) -> None:
    """Make sure that the plan was made for this tree.

    Raises:
        NotComposableError: it was not.
    """
    scheme = target.environment.scheme
    if scheme.python != step.python:
        raise NotComposableError(
            f"the interpreter is Python {scheme.python.version}, and the plan is for {step.python.version}"
        )
    if not scheme.template:
        raise NotComposableError("this pip writes scripts in a way that hivebase does not know")
    if externally_managed(tree, target.environment) and not step.install.break_system:
        raise NotComposableError("the distribution does not let pip install here (EXTERNALLY-MANAGED)")
    if scheme.profile == "pip":
        if found := configured(tree, target.environment):
            raise NotComposableError(f"the image has a pip configuration of its own, {found}")
    elif found := _uv_configuration(step, visible):
        raise NotComposableError(f"uv reads settings from {found}")
    for pattern in step.install.unmatched:
        if found := _match(tree, pattern):
            raise NotComposableError(f"the shell takes {pattern} for the file {found}")
    _check_files(step, tree)


def _check_files(step: ComposeStep, tree: IndexedTree) -> None:
    for file in step.files:
        real = resolve(tree, file.path)
        entry = tree.lstat(real)
        if entry is None or entry.kind != "file":
            raise NotComposableError(f"{file.path} is not the file that the plan was made with")
        with tree.open(real) as stream:
            if Digest.of_stream(stream)[0] != file.digest:
                raise NotComposableError(f"an earlier step has changed {file.path}")


def _uv_configuration(step: ComposeStep, visible: Visible) -> str:
    """Return a file with settings that uv would read: its own, or one in the working directory or above; or ''."""
    env = dict(step.run.env)
    if env.get("UV_NO_CONFIG"):
        return ""
    own = env.get("XDG_CONFIG_HOME") or f"{env.get('HOME') or '/root'}/.config"
    for path in ("/etc/uv/uv.toml", f"{own}/uv/uv.toml"):
        if _content(visible, path) is not None:
            return path
    directory = posixpath.normpath(posixpath.join("/", step.run.workdir))
    while True:
        if _content(visible, path := posixpath.join(directory, "uv.toml")) is not None:
            return path
        if b"tool.uv" in (_content(visible, path := posixpath.join(directory, "pyproject.toml")) or b""):
            return path
        if directory == posixpath.dirname(directory):
            return ""
        directory = posixpath.dirname(directory)


def _content(visible: Visible, path: str) -> bytes | None:
    source, real, _ = visible.find(path)
    fact = source.get(real)
    if fact is None or fact.kind != "file":
        return None
    with source.open(real) as stream:
        return stream.read(_MOST_SETTINGS)


def _match(tree: IndexedTree, pattern: str) -> str:
    """Return a file that an absolute shell pattern matches in its last part, or ''."""
    directory, _, name = pattern.rpartition("/")
    place = resolve(tree, directory)
    entry = tree.lstat(place)
    names = tree.listdir(place) if entry is not None and entry.kind == "dir" else []
    found = next((item for item in names if fnmatch.fnmatchcase(item, name)), "")
    return f"{directory}/{found}" if found else ""
