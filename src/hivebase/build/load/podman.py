"""Images into podman, through its command line: the local one, a rootless one, or a service somewhere else.

``podman load`` reads a blob of an OCI archive only if its storage has no layer that was made from it, so blobs of
layers that it has can be missing. It tells the DiffIDs of layers, not the blobs that they came from: a layer that came
in another form (uncompressed, from a docker-archive) is found missing, and then all are sent.

``podman pull oci:STORE:REF`` would read the store itself, but not from another machine, and up to podman 4 it names the
image after the directory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hivebase.build.load.asking import answer, refusal
from hivebase.build.load.docker import layers_of
from hivebase.build.scratch import scratch
from hivebase.oci.archive import write_oci
from hivebase.oci.model import REF_NAME
from hivebase.reference import Reference
from hivebase.values import replace

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from hivebase.build.engines.commands import Command
    from hivebase.oci.archive import Told
    from hivebase.oci.store import Image, Store


class PodmanTarget:
    """A podman (:class:`~hivebase.build.load.transfer.Target`).

    Args:
        command: its command.
        store: where images come from.
    """

    title = "podman"

    def __init__(self, command: Command, store: Store) -> None:
        self._command = command
        self._store = store

    def held(self, image: Image, /) -> AbstractSet[str]:
        """Return digests of blobs."""
        ids = answer(
            self._command,
            "image",
            "ls",
            "--quiet",
            "--no-trunc",
            hint="see what 'podman info' says",
        )
        theirs = {diff_id for layers in layers_of(self._command, ids) for diff_id in layers}
        pairs = zip(image.config.rootfs.diff_ids, image.manifest.layers, strict=True)
        return {layer.digest for diff_id, layer in pairs if diff_id in theirs}

    def send(self, image: Image, refs: Sequence[str], without: AbstractSet[str], told: Told, /) -> None:
        """Stream the archive into ``podman load``; it takes one name, the others are tags."""
        first, *others = self.names(refs)
        names = [{REF_NAME: first}]
        # It keeps the archive in several forms meanwhile, and leaves them where they are if it is ended.
        with refusal(self.title, refs), scratch(self._store) as work:
            command = replace(self._command, env={**self._command.env, "TMPDIR": str(work)})
            command.run(
                "load",
                "--quiet",
                feed=lambda pipe: write_oci(self._store, image, names, pipe, without=without, told=told),
            )
        if others:
            self._command.output("tag", first, *others)

    def names(self, refs: Sequence[str], /) -> tuple[str, ...]:
        """Return them with the ``localhost/`` that podman puts before a name without registry."""
        return tuple(local_name(ref) for ref in refs)


def local_name(written: str) -> str:
    """Return the name under which podman and buildah keep and find a reference without asking a registry."""
    reference = Reference.parse(written)
    return reference.familiar if reference.registry else f"localhost/{reference.familiar}"
