"""What a foreign engine is asked for: one image, as its Dockerfile says it, on parents that we name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from hivebase.plan.steps import ImageSource, sources_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from hivebase.build.secrets import Secrets
    from hivebase.oci.model import Descriptor
    from hivebase.oci.store import Image
    from hivebase.plan.steps import ImagePlan
    from hivebase.progress import Listener


class Read(msgspec.Struct, frozen=True):
    """One image that a Dockerfile reads.

    Attributes:
        written: the reference as in ``FROM``, ``--from`` or a mount, expanded.
        image: what it means, in our store.
        name: of the image in the hive; empty for an external one.
        base: whether a stage starts from it.
    """

    written: str
    image: Image
    name: str = ""
    base: bool = False


class Order(msgspec.Struct, frozen=True):
    """One image to build.

    Attributes:
        name: of the image in the hive.
        ref: its reference.
        dockerfile: absolute path.
        context: directory of the build context.
        args: build args that the Dockerfile declares.
        reads: the images that its needed stages read.
        secrets: for mounts of that type.
        use_cache: whether what the engine remembers counts.
    """

    name: str
    ref: str
    dockerfile: Path
    context: Path
    args: Mapping[str, str]
    reads: tuple[Read, ...]
    secrets: Secrets
    use_cache: bool = True

    def known(self) -> dict[str, Descriptor]:
        """Return the layers of the images that it reads, by DiffID."""
        return {
            diff_id: descriptor
            for read in self.reads
            for diff_id, descriptor in zip(
                read.image.config.rootfs.diff_ids, read.image.manifest.layers, strict=True
            )
        }

    def words(self, secrets: Mapping[str, Path]) -> list[str | Path]:
        """Return the options of ``docker build`` that buildah has under the same names.

        Args:
            secrets: the file of each, by its id.
        """
        words: list[str | Path] = ["--file", self.dockerfile, *([] if self.use_cache else ["--no-cache"])]
        for name, value in self.args.items():
            words += ["--build-arg", f"{name}={value}"]
        for name, file in secrets.items():
            words += ["--secret", f"id={name},src={file}"]
        for name, socket in self.secrets.agents.items():
            words += ["--ssh", f"{name}={socket}"]
        return words


class Builder(Protocol):
    """A foreign engine."""

    name: str
    version: str

    @property
    def title(self) -> str:
        """Name and version, for people."""

    def build(self, order: Order, listener: Listener, /) -> Image:
        """Build one image; return it as an image of our store, without a name and without anything of this machine.

        Raises:
            BuildError: a step failed; its output went to the listener.
            SystemFaultError: the engine cannot be reached.
            InterruptedByUserError: the build was stopped.
        """

    def close(self) -> None:
        """Put back what names meant before."""


def images_read(plan: ImagePlan) -> Iterator[tuple[ImageSource, bool]]:
    """Yield every image that the stages of ``plan`` read, and whether a stage starts from it; each once."""
    found: dict[ImageSource, bool] = {}
    for stage in plan.stages:
        others = [(source, False) for step in stage.steps for source in sources_of(step)]
        for source, base in [(stage.base, True), *others]:
            if source.kind in {"external", "image"}:
                found[source] = found.get(source, False) or base
    yield from found.items()
