"""Opens what the verbs that speak to registries need: hive, store, client, and the place to publish to."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import msgspec

from hivebase.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from hivebase.build.workspace import Workspace
    from hivebase.oci.store import Store
    from hivebase.plan.hive import Hive
    from hivebase.plan.settings import Profile
    from hivebase.progress import Listener
    from hivebase.registry.client import RegistryClient
    from hivebase.release.target import Target


class Place(msgspec.Struct, frozen=True):
    """Where images are published to, and which.

    Attributes:
        workspace: the hive's directory.
        hive: at the wanted version.
        images: name in the hive and reference in the store, parents before children.
        prepare: makes what the registry needs before anything is sent.
    """

    workspace: Workspace
    hive: Hive
    store: Store
    client: RegistryClient
    profile: Profile
    target: Target
    images: tuple[tuple[str, str], ...]
    prepare: Callable[[], object]

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
        groups = {image.name for image in hive.images if image.group == group}
        if not groups:
            known = ", ".join(sorted({image.group for image in hive.images if image.group})) or "none"
            raise UsageError(
                f"no images are in the group {group!r}", hint=f"groups of hivebase.toml: {known}"
            )
        wanted &= groups
    return tuple(node.name for node in build_graph(hive).nodes if node.name in wanted)


@contextlib.contextmanager
def open_client(directory: Path, listener: Listener) -> Iterator[RegistryClient]:
    """Yield a client with the settings of the hive in ``directory``, if there is one.

    Raises:
        UsageError: hivebase.toml is wrong.
    """
    from hivebase.build.workspace import find_root, read_settings  # noqa: PLC0415 -- verbs load what they use
    from hivebase.registry.client import RegistryClient  # noqa: PLC0415
    from hivebase.registry.settings import RegistrySettings  # noqa: PLC0415

    root = find_root(directory)
    settings = RegistrySettings.parse(read_settings(root).registry, root)
    with RegistryClient(settings, listener=listener) as client:
        yield client


@contextlib.contextmanager
def open_place(directory: Path, words: Mapping[str, Any], listener: Listener) -> Iterator[Place]:
    """Yield the place that the words of a command line name.

    Args:
        directory: in the hive.
        words: ``to``, ``version``, ``images``, ``group``.
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
    target = Target.parse(profile.to, f"[profile.{name}]" if name else "--to")
    store = Store.open()
    images = tuple((n, hive.reference(n)) for n in selected(workspace, words["images"], words["group"]))
    with open_client(directory, listener) as client, store.lease():
        yield Place(workspace, hive, store, client, profile, target, images, lambda: None)
