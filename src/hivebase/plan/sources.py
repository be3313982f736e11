"""What the names in FROM, ``--from`` and ``from=`` mean: a stage, an image of the hive, an external image."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

import msgspec

from hivebase.dockerfile.ast import Copy, Run
from hivebase.errors import NotFoundError, UsageError
from hivebase.plan.installs.site import Site
from hivebase.plan.scope import Expander, meta_variables
from hivebase.plan.steps import ImageSource
from hivebase.reference import Reference

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hivebase.digest import Digest
    from hivebase.dockerfile.ast import Dockerfile, Instruction, Stage
    from hivebase.oci.model import ImageConfig


class BaseFact(msgspec.Struct, frozen=True):
    """What planning knows of an image that something stands on or copies from.

    Attributes:
        digest: of its content: the digest of an external image's manifest, the tree key of a hive's image.
        config: its configuration.
        image: the image key of a hive's image, which changes with labels and history too; None for others.
        site: its Python and its packages.
    """

    digest: Digest
    config: ImageConfig
    image: Digest | None = None
    site: Site = msgspec.field(default_factory=Site)


class UnknownBaseError(NotFoundError):
    """A base image is needed whose configuration is not known yet.

    Attributes:
        ref: as in ``StagePlan.needs_external``, or the name of an image of the hive.
    """

    code = "unknown-base"

    def __init__(self, ref: str) -> None:
        super().__init__(f"base image {ref} is not known yet", hint="build, or pull it first")
        self.ref = ref


def external_key(reference: Reference, platform: str, default: str) -> str:
    """Return the name under which an external image is listed in ``needs_external`` and ``bases``."""
    return f"{reference.canonical} {platform}" if platform and platform != default else reference.canonical


def split_external(key: str, default: str) -> tuple[Reference, str]:
    """Take a name of ``needs_external`` apart: reference and platform."""
    ref, _, platform = key.partition(" ")
    return Reference.parse(ref), platform or default


class Sources:
    """The names of one Dockerfile under given build args.

    Args:
        document: the Dockerfile.
        args: build args.
        platform: of the build.
        find: returns the hive's image that a reference means, or None.
        target: stage to build; empty for the last one.
    """

    def __init__(
        self,
        document: Dockerfile,
        args: Mapping[str, str],
        platform: str,
        find: Callable[[Reference], str | None],
        target: str = "",
    ) -> None:
        self.document = document
        self.expander = Expander(document)
        self.meta = meta_variables(document, args, platform, target)
        self.target = self._target(target)
        self._platform = platform
        self._find = find
        self._bases: dict[int, ImageSource] = {}
        self._positions: dict[str, list[int]] = {}
        for stage in document.stages:
            if stage.from_.alias:
                self._positions.setdefault(stage.from_.alias, []).append(stage.index)

    def _target(self, target: str) -> int:
        stages = self.document.stages
        if not target:
            return len(stages) - 1
        for stage in reversed(stages):
            if stage.from_.alias == target.lower():
                return stage.index
        if target.isdecimal() and len(target) < 10 and int(target) < len(stages):
            return int(target)
        names = [stage.from_.alias for stage in stages if stage.from_.alias]
        close = difflib.get_close_matches(target.lower(), names, n=1)
        raise UsageError(
            f"there is no stage {target!r}",
            where=self.document.path,
            hint=f"did you mean {close[0]!r}?" if close else f"the stages are {', '.join(names) or '0'}",
        )

    def base(self, stage: Stage) -> ImageSource:
        """Return what ``stage`` starts from.

        Raises:
            DockerfileError: no value, no reference, or a bad platform.
        """
        if stage.index not in self._bases:
            self._bases[stage.index] = self._base(stage)
        return self._bases[stage.index]

    def _base(self, stage: Stage) -> ImageSource:
        at = stage.from_
        written = self.expander(at.image, self.meta.get, at)
        platform = self.expander(at.platform, self.meta.get, at) if at.platform else ""
        if at.platform and not platform:
            raise self.expander.error("the platform of FROM is empty", at, why=self._unset(at.platform))
        if platform and not _is_platform(platform):
            raise self.expander.error(
                f"{platform!r} is not a platform", at, hint="write linux/amd64, linux/arm64 or linux/arm/v7"
            )
        index = self._earlier(written, stage.index)
        if index is not None:
            return ImageSource("stage", str(index), platform, written)
        return self._image(written, at.image, platform, at)

    def _earlier(self, name: str, current: int) -> int | None:
        """Return the last stage called ``name`` before ``current``."""
        positions = self._positions.get(name.lower(), [])
        return next((index for index in reversed(positions) if index < current), None)

    def other(self, written: str, at: Instruction, current: int) -> ImageSource:
        """Return what ``--from`` or ``from=`` names in stage ``current``.

        Raises:
            DockerfileError: a variable, a stage that is not built before, or no reference.
        """
        if "$" in written:
            raise self.expander.error(
                f"--from={written} contains a variable",
                at,
                why="variables are not expanded there",
                hint="name a stage: FROM $IMAGE AS tools, then --from=tools",
            )
        index = self._earlier(written, current)
        if index is None and written.isdecimal():
            index = int(written) if len(written) < 10 else len(self.document.stages)
            if index >= len(self.document.stages):
                raise self.expander.error(f"there is no stage {written}", at, hint="the first stage is 0")
        elif index is None and written.lower() in self._positions:
            index = self._positions[written.lower()][0]
        if index is None:
            return self._image(written, written, "", at)
        if index >= current:
            what = "itself" if index == current else f"stage {written!r}, which is built after it"
            raise self.expander.error(
                f"a stage cannot copy from {what}", at, hint="put that stage before this one"
            )
        return ImageSource("stage", str(index), "", written)

    def _image(self, text: str, written: str, platform: str, at: Instruction) -> ImageSource:
        if text == "scratch":
            return ImageSource("scratch", "", platform, text)
        try:
            reference = Reference.parse(text)
        except UsageError as error:
            why = self._unset(written) or error.why
            raise self.expander.error(
                f"{text!r} is not an image reference", at, why=why, hint=error.hint
            ) from error
        name = self._find(reference)
        if name is not None:
            return ImageSource("image", name, platform, text)
        return ImageSource("external", external_key(reference, platform, self._platform), platform, text)

    def _unset(self, written: str) -> str:
        unset = [name for name in self.expander.names(written) if not self.meta.get(name)]
        if not unset:
            return ""
        return f"{' and '.join(unset)} has no value; an ARG before the first FROM or --build-arg gives it one"

    def used_by(self, stage: Stage) -> list[tuple[ImageSource, Instruction]]:
        """Return what ``stage`` uses by its own lines, its base first; triggers of the base are not seen."""
        found: list[tuple[ImageSource, Instruction]] = [(self.base(stage), stage.from_)]
        for instruction in stage.instructions:
            found += [
                (self.other(name, instruction, stage.index), instruction) for name in froms(instruction)
            ]
        return found

    def needed(self, start: int) -> list[int]:
        """Return the stages that ``start`` needs, itself included, in an order in which they can be built."""
        wanted: set[int] = set()
        pending = [start]
        while pending:
            index = pending.pop()
            if index in wanted:
                continue
            wanted.add(index)
            for source, _at in self.used_by(self.document.stages[index]):
                if source.kind == "stage":
                    pending.append(int(source.ref))
        return sorted(wanted)

    def images(self) -> tuple[set[str], dict[str, str]]:
        """Return the hive's images and the external images that the target needs.

        The external ones come with the reference as written; both without what triggers may add.
        """
        names: set[str] = set()
        external: dict[str, str] = {}
        for index in self.needed(self.target):
            for source, _at in self.used_by(self.document.stages[index]):
                if source.kind == "image":
                    names.add(source.ref)
                elif source.kind == "external":
                    external.setdefault(source.ref, source.written)
        return names, external


def froms(instruction: Instruction) -> list[str]:
    """Return the names after ``--from=`` or ``from=`` in an instruction."""
    if isinstance(instruction, Copy):
        return [instruction.from_] if instruction.from_ else []
    if isinstance(instruction, Run):
        return [
            name
            for mount in instruction.mounts
            if mount.type in {"bind", "cache"} and (name := mount.get("from"))
        ]
    return []


def _is_platform(text: str) -> bool:
    parts = text.split("/")
    return 2 <= len(parts) <= 3 and all(part.replace("_", "").replace(".", "").isalnum() for part in parts)
