"""Images into containerd, through its ``ctr``: an OCI archive without the blobs that the namespace has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hivebase.build.load.asking import answer, refusal
from hivebase.errors import BuildError
from hivebase.oci.archive import oci_name, write_oci
from hivebase.reference import Reference

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from hivebase.build.engines.commands import Command
    from hivebase.oci.archive import Told
    from hivebase.oci.store import Image, Store


class ContainerdTarget:
    """One namespace of a containerd (:class:`~hivebase.build.load.transfer.Target`).

    Args:
        command: its ``ctr``, with the namespace.
        store: where images come from.
    """

    title = "containerd"

    def __init__(self, command: Command, store: Store) -> None:
        self._command = command
        self._store = store

    def held(self, image: Image, /) -> AbstractSet[str]:
        """Return digests of blobs."""
        hint = "start it, be root, or name its socket in CONTAINERD_ADDRESS"
        held = answer(self._command, "content", "ls", "--quiet", hint=hint)
        return {layer.digest for layer in image.manifest.layers}.intersection(held)

    def send(self, image: Image, refs: Sequence[str], without: AbstractSet[str], told: Told, /) -> None:
        """Stream the archive into ``ctr images import``."""
        names = [oci_name(ref) for ref in refs]
        with refusal(self.title, refs):
            self._command.run(
                "images",
                "import",
                "-",
                feed=lambda pipe: write_oci(self._store, image, names, pipe, without=without, told=told),
            )
            # It unpacks nothing that is unpacked already, and does not miss the blob then.
            if without - self.held(image):
                raise BuildError("incomplete", why="blobs that it had are gone")

    def names(self, refs: Sequence[str], /) -> tuple[str, ...]:
        """Return them in full, as Kubernetes asks for them."""
        return tuple(Reference.parse(ref).canonical for ref in refs)
