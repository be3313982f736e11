"""Images into Docker's daemon, through its command line.

A daemon with the classic image store takes a docker-archive. While it reads one (``image/tarexport``), it looks for
each layer by its ChainID and opens the layer's file only if it has none: files of layers that it has can be missing.
It has the ChainIDs that begin the chains of its images.

A daemon with the containerd image store takes an OCI archive, whose blobs it adds to those that it has. Which these are
it does not tell; but its images have the digests of their manifests, and the blobs of those that are in our store too
are known.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Literal

import msgspec

from hivebase.build.load.asking import answer, refusal
from hivebase.errors import HivebaseError
from hivebase.oci.archive import oci_name, write_docker, write_oci
from hivebase.reference import Reference

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from hivebase.build.engines.commands import Command
    from hivebase.oci.archive import Told
    from hivebase.oci.store import Image, Store

_ImageStore = Literal["classic", "containerd", "unknown"]


class DockerTarget:
    """A daemon (:class:`~hivebase.build.load.transfer.Target`).

    Args:
        command: its client.
        store: where images come from.
    """

    title = "docker"

    def __init__(self, command: Command, store: Store) -> None:
        self._command = command
        self._store = store
        self._image_store: _ImageStore = "unknown"

    def held(self, image: Image, /) -> AbstractSet[str]:
        """Return DiffIDs or digests of blobs, as the daemon's image store has it."""
        ids = answer(
            self._command, "image", "ls", "--quiet", "--no-trunc", hint="start it, or set DOCKER_HOST"
        )
        self._image_store = _image_store(self._command)
        if self._image_store == "containerd":
            ours = {layer.digest for layer in image.manifest.layers}
            return ours.intersection(digest for held in ids for digest in self._blobs(held))
        if self._image_store == "classic":
            return held_chain(image.config.rootfs.diff_ids, layers_of(self._command, ids))
        return frozenset()  # podman under Docker's name: it needs all

    def send(self, image: Image, refs: Sequence[str], without: AbstractSet[str], told: Told, /) -> None:
        """Stream the archive into ``docker load``."""
        with refusal(self.title, refs):
            if self._image_store == "containerd":
                names = [oci_name(ref) for ref in refs]
                self._command.run(
                    "load",
                    "--quiet",
                    feed=lambda pipe: write_oci(self._store, image, names, pipe, without=without, told=told),
                )
            else:
                self._command.run(
                    "load",
                    "--quiet",
                    feed=lambda pipe: write_docker(
                        self._store, image, refs, pipe, without=without, told=told
                    ),
                )

    def names(self, refs: Sequence[str], /) -> tuple[str, ...]:
        """Return them as people write them."""
        return tuple(Reference.parse(ref).familiar for ref in refs)

    def _blobs(self, digest: str) -> Iterator[str]:
        try:
            if self._store.has(digest):
                yield from (layer.digest for layer in self._store.image(digest).manifest.layers)
        except HivebaseError:
            return  # damaged, or an index for other machines: as good as unknown


def layers_of(command: Command, ids: Sequence[str]) -> list[list[str]]:
    """Return the DiffIDs of images, lowest first; those that are gone by now, or tell none, are left out."""
    if not ids:
        return []
    printed = command.attempt("image", "inspect", "--format", "{{json .RootFS.Layers}}", *ids).stdout
    found = []
    for line in printed.splitlines():
        with contextlib.suppress(msgspec.MsgspecError):
            found.append(msgspec.json.decode(line, type=list[str]))
    return found


def held_chain(diff_ids: Sequence[str], images: Sequence[Sequence[str]]) -> frozenset[str]:
    """Return those of ``diff_ids`` that need not be sent to who has the layers of ``images``.

    Only a common beginning counts: a layer upon others has another ChainID.
    """
    common = 0
    for layers in images:
        length = 0
        for ours, theirs in zip(diff_ids, layers, strict=False):
            if ours != theirs:
                break
            length += 1
        common = max(common, length)
    return frozenset(diff_ids[:common]) - frozenset(diff_ids[common:])


def _image_store(command: Command) -> _ImageStore:
    done = command.attempt("info", "--format", "{{json .DriverStatus}}")
    try:
        rows = msgspec.json.decode(done.stdout, type=list[tuple[str, str]])
    except msgspec.MsgspecError:
        return "unknown"
    kind = dict(rows).get("driver-type", "")
    return "containerd" if kind.startswith("io.containerd.snapshotter.") else "classic"
