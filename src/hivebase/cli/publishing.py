"""Opens a publication for the verbs that publish: hive, store, target, client, keys."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import msgspec

from hivebase.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from hivebase.build.workspace import Workspace
    from hivebase.progress import Listener
    from hivebase.registry.repository import Repository
    from hivebase.release.publish import Publication, Release
    from hivebase.release.target import Target


class Opened(msgspec.Struct):
    """A publication and what belongs to it.

    Attributes:
        prepare: makes what the registry needs before anything is sent.
        prove: attaches proof to one image; None attaches none.
    """

    publication: Publication
    target: Target
    prepare: Callable[[], object]
    prove: Callable[[Release, Repository], object] | None


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
def open_publication(directory: Path, words: Mapping[str, Any], listener: Listener) -> Iterator[Opened]:
    """Yield a publication of what the words of a command line say.

    Raises:
        HivebaseError: as `releases`, `find_profile` and the client.
    """
    from hivebase.build.workspace import find_root, open_workspace  # noqa: PLC0415 -- verbs load what they use
    from hivebase.oci.store import Store  # noqa: PLC0415
    from hivebase.registry.client import RegistryClient  # noqa: PLC0415
    from hivebase.registry.settings import RegistrySettings  # noqa: PLC0415
    from hivebase.release.publish import Publication, Rules, releases  # noqa: PLC0415
    from hivebase.release.target import Target, find_profile  # noqa: PLC0415

    workspace = open_workspace(find_root(directory))
    settings = workspace.hive.settings
    hive = workspace.hive.with_version(words["version"]) if words["version"] else workspace.hive
    profile, name = find_profile(words["to"], settings.profile)
    target = Target.parse(profile.to, f"[profile.{name}]" if name else "--to")
    store = Store.open()
    names = selected(workspace, words["images"], words["group"])
    images = releases(store, [(name, hive.reference(name)) for name in names], target, hive.version)
    rules = Rules(words["floating"] or profile.floating, words["allow_stand_ins"])
    with (
        RegistryClient(
            RegistrySettings.parse(settings.registry, workspace.root), listener=listener
        ) as client,
        store.lease(),
    ):
        publication = Publication(client, store, images, rules, listener)
        yield Opened(publication, target, lambda: None, None)
