"""Opens what the verbs that speak to registries need: hive, store, client, and the place to publish to."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from hivebase.progress import Event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from hivebase.build.workspace import Workspace
    from hivebase.oci.store import Store
    from hivebase.plan.hive import Hive
    from hivebase.plan.settings import Profile
    from hivebase.progress import Listener
    from hivebase.registry.client import RegistryClient
    from hivebase.registry.ecr.target import EcrTarget
    from hivebase.release.target import Target


_F = TypeVar("_F", bound="Callable[..., object]")


def place_options(command: _F) -> _F:
    """Give a verb the options that say where to publish, which version, and which images."""
    options = (
        click.option(
            "--to",
            metavar="REGISTRY/PREFIX|PROFILE",
            default="",
            help="Where to: an address, a profile of hivebase.toml, or 'ecr' (default: the profile 'default').",
        ),
        click.option(
            "--version", metavar="X.Y.Z", help="Version to publish, instead of the one in hivebase.toml."
        ),
        click.option("--group", default="", help="Only the images of this group of hivebase.toml."),
    )
    for option in reversed(options):
        command = option(command)
    return command


class Place(msgspec.Struct, frozen=True):
    """Where images are published to, and which.

    Attributes:
        workspace: the hive's directory.
        hive: at the wanted version.
        images: name in the hive and reference in the store, parents before children.
        prepare: makes what the registry needs before anything is sent.
        keeps: tells of a repository and a tag whether the registry lets nobody move it.
        missing: repositories that `prepare` would make.
    """

    workspace: Workspace
    hive: Hive
    store: Store
    client: RegistryClient
    profile: Profile
    target: Target
    images: tuple[tuple[str, str], ...]
    prepare: Callable[[], object]
    keeps: Callable[[str, str], bool]
    missing: tuple[str, ...] = ()

    @staticmethod
    def repository(ref: str) -> str:
        """Return what the image with this reference in the store is called below the target."""
        return ref.rpartition(":")[0].partition("/")[2]


def selected(workspace: Workspace, names: tuple[str, ...], group: str) -> tuple[str, ...]:
    """Return the names of the wanted images, parents before children.

    Raises:
        UsageError: an image or the group does not exist.
    """
    from hivebase.plan.graph import build_graph  # noqa: PLC0415 -- verbs load what they use

    hive = workspace.hive
    wanted = {hive.image(name).name for name in names} or {image.name for image in hive.images}
    if group:
        wanted &= set(hive.of_group(group))
    return tuple(node.name for node in build_graph(hive).nodes if node.name in wanted)


@contextlib.contextmanager
def open_client(
    directory: Path, listener: Listener, ecr: EcrTarget | None = None
) -> Iterator[RegistryClient]:
    """Yield a client with the settings of the hive in ``directory``, if there is one.

    Args:
        directory: in the hive.
        listener: told of notes and progress.
        ecr: a registry of Amazon ECR, whose tokens are used besides the user's credentials.

    Raises:
        UsageError: hivebase.toml is wrong.
    """
    from hivebase.cli.session import registry_settings  # noqa: PLC0415 -- verbs load what they use
    from hivebase.registry.client import RegistryClient  # noqa: PLC0415
    from hivebase.registry.credentials import Keychain  # noqa: PLC0415

    with RegistryClient(
        registry_settings(directory),
        keychain=ecr.keychain(Keychain()) if ecr is not None else None,
        traits=ecr.traits if ecr is not None else None,
        listener=listener,
    ) as client:
        yield client


@contextlib.contextmanager
def open_place(directory: Path, words: Mapping[str, Any], listener: Listener) -> Iterator[Place]:
    """Yield the place that the words of a command line name.

    Args:
        directory: in the hive.
        words: ``to``, ``version``, ``images``, ``group``, and perhaps ``no_create``.
        listener: told of the progress.

    Raises:
        HivebaseError: the hive, the profile or an image is wrong.
    """
    from hivebase.build.workspace import find_root, open_workspace  # noqa: PLC0415 -- verbs load what they use
    from hivebase.oci.store import Store  # noqa: PLC0415
    from hivebase.release.target import Target, find_profile  # noqa: PLC0415

    workspace = open_workspace(find_root(directory))
    hive = workspace.hive.with_version(words["version"]) if words["version"] else workspace.hive
    profile, name = find_profile(words["to"], hive.settings.profile)
    images = tuple((n, hive.reference(n)) for n in selected(workspace, words["images"], words["group"]))
    where = f"[profile.{name}]" if name else "--to"
    target = Target.parse(profile.to, where) if profile.to or profile.kind != "ecr" else Target("")
    ready = None
    if profile.kind == "ecr":
        ready = _survey(profile, target, images, create=not words.get("no_create"))
        target = Target(ready.registry, ready.prefix)
        planned = ready.missing if words.get("dry_run") else ()
        _tell([*ready.notes, *(f"would make the repository {name}" for name in planned)], target, listener)
    store = Store.open()

    def prepare() -> None:
        if ready is not None:
            _make(ready, target, listener)

    def keeps(repository: str, tag: str) -> bool:
        return ready is not None and ready.keeps(repository, tag)

    missing = ready.missing if ready is not None else ()
    with open_client(directory, listener, ready) as client, store.lease():
        yield Place(workspace, hive, store, client, profile, target, images, prepare, keeps, missing)


def _make(ready: EcrTarget, target: Target, listener: Listener) -> None:
    """Make the repositories that are missing, and tell of each."""
    told = len(ready.notes)
    try:
        ready.make()
    finally:
        made = [f"made the repository {name}" for name in ready.created]
        _tell([*made, *ready.notes[told:]], target, listener)


def _tell(notes: Sequence[str], target: Target, listener: Listener) -> None:
    for note in notes:
        listener(Event(str(target), "note", note))


def _survey(
    profile: Profile, target: Target, images: Sequence[tuple[str, str]], *, create: bool
) -> EcrTarget:
    from hivebase.registry.ecr.settings import EcrSettings  # noqa: PLC0415 -- only for Amazon ECR
    from hivebase.registry.ecr.target import survey  # noqa: PLC0415 -- same

    table = {"registry": target.registry, "prefix": target.prefix}
    settings = EcrSettings.of(os.environ, {**table, "region": profile.region, "account": profile.account})
    return survey(settings, [settings.repository(Place.repository(ref)) for _, ref in images], create=create)
