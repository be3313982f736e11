"""A Dockerfile with everything it depends on, turned into stages of steps with cache keys. Pure.

What is not known (the configuration of a base that nobody has fetched yet) stops it with
:class:`~hivebase.plan.sources.UnknownBaseError`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hivebase.errors import PolicyError
from hivebase.oci.model import ImageConfig, RunConfig
from hivebase.plan import keys
from hivebase.plan.config import ConfigDraft, sanitised
from hivebase.plan.files import EmptyListing
from hivebase.plan.installs.site import Site
from hivebase.plan.scope import Scope
from hivebase.plan.sources import BaseFact, Sources, UnknownBaseError
from hivebase.plan.stages import StageDraft
from hivebase.plan.steps import CopyStep, ImageSource, StagePlan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hivebase.digest import Digest
    from hivebase.dockerfile.ast import Dockerfile, Instruction, Stage
    from hivebase.plan.files import FileListing
    from hivebase.plan.installs.compositions import Compositions
    from hivebase.reference import Reference

MAX_TRIGGERS = 200
"""Most ONBUILD instructions that a base may bring in; nobody has a tenth of that."""


def _nobody(_reference: Reference) -> str | None:
    return None


def _as_written(source: str, _checksum: str, _keep_git_dir: bool) -> str:  # noqa: FBT001 -- as RemoteKey says
    return source


class EvaluateInputs(msgspec.Struct, frozen=True):
    """All that a Dockerfile's meaning depends on besides its text.

    Attributes:
        platform: of the build, ``linux/amd64``.
        args: build args, the ones that hivebase gives by itself included.
        epoch: seconds since 1970 that the image says it was created at.
        layer_time: seconds since 1970 that files made by the build get; None means ``epoch``.
        bases: external images by their name in ``needs_external``.
        images: images of the hive by name.
        context: the build context, ignore file applied.
        find: returns the hive's image that a reference means, or None.
        remote: returns what identifies the content of an ADD from a network, given the URL or repository, its
            checksum, and whether the repository's own directory is kept; by default the name stands for it.
        target: stage to build, empty for the last.
        onbuild: whether triggers of bases are run; a base with triggers is refused otherwise.
        compositions: decides which installations are composed; None to compose nothing.
    """

    platform: str = "linux/amd64"
    args: Mapping[str, str] = {}
    epoch: int = 0
    layer_time: int | None = None
    bases: Mapping[str, BaseFact] = {}
    images: Mapping[str, BaseFact] = {}
    context: FileListing = msgspec.field(default_factory=EmptyListing)
    find: Callable[[Reference], str | None] = _nobody
    remote: Callable[[str, str, bool], str] = _as_written
    target: str = ""
    onbuild: bool = True
    compositions: Compositions | None = None


class Evaluation(msgspec.Struct, frozen=True):
    """What came out.

    Attributes:
        stages: the needed ones in the order in which they can be built; the last one is the image.
        warnings: remarks, ``Dockerfile:line: text``.
        files: facts of all context files that are read, by path.
        args: the build args that the Dockerfile declares in a needed stage, with their values.
        site: Python and its packages at the end of the last stage.
    """

    stages: tuple[StagePlan, ...]
    warnings: tuple[str, ...]
    files: dict[str, str]
    args: dict[str, str]
    site: Site = msgspec.field(default_factory=Site)


def evaluate(document: Dockerfile, inputs: EvaluateInputs) -> Evaluation:
    """Evaluate ``document``.

    Raises:
        DockerfileError: a word, value or name in it is wrong under these inputs.
        UnknownBaseError: a needed base is in neither ``bases`` nor ``images``.
        PolicyError: a base has triggers and ``inputs.onbuild`` forbids them.
    """
    evaluator = _Evaluator(document, inputs)
    evaluator.build(evaluator.names.target)
    return Evaluation(
        tuple(evaluator.plans[index] for index in sorted(evaluator.plans)),
        tuple(evaluator.warnings),
        evaluator.files,
        evaluator.declared,
        evaluator.sites[evaluator.names.target],
    )


class _Evaluator:
    """The ``Surroundings`` of all stages of one Dockerfile."""

    def __init__(self, document: Dockerfile, inputs: EvaluateInputs) -> None:
        self.document = document
        self.names = Sources(document, inputs.args, inputs.platform, inputs.find, inputs.target)
        self.expander = self.names.expander
        self.context = inputs.context
        self.args = inputs.args
        self.compositions = inputs.compositions
        self.sites: dict[int, Site] = {}
        self.plans: dict[int, StagePlan] = {}
        self.warnings = [f"{document.path}:{line}: {text}" for line, text in document.warnings]
        self.files: dict[str, str] = {}
        meta = {name for arg in document.meta_args for name, _ in arg.pairs}
        self.declared = {name: self.names.meta[name] for name in sorted(meta & self.names.meta.keys())}
        self._inputs = inputs
        self._scopes: dict[int, Scope] = {}

    def build(self, index: int) -> None:
        """Plan the stage ``index`` and what it needs."""
        for needed in self.names.needed(index):
            if needed not in self.plans:
                self.plans[needed] = self._stage(self.document.stages[needed])

    def source(self, name: str, at: Instruction, stage: int) -> ImageSource:
        """Return what ``--from=name`` means; a stage that only a trigger needs is planned now."""
        source = self.names.other(name, at, stage)
        if source.kind == "stage":
            self.build(int(source.ref))
        return source

    def content(self, source: ImageSource) -> Digest:
        """Return what stands for the files of ``source`` in keys."""
        if source.kind == "scratch":
            return keys.fingerprint("scratch")
        if source.kind == "stage":
            return self.plans[int(source.ref)].tree_key
        return self._fact(source).digest

    def remote(self, source: str, step: CopyStep) -> str:
        """Return what identifies the content of a URL or repository."""
        return self._inputs.remote(source, step.checksum, step.keep_git_dir)

    def warn(self, line: int, text: str) -> None:
        """Take a remark."""
        message = f"{self.document.path}:{line}: {text}"
        if message not in self.warnings:
            self.warnings.append(message)

    def uses(self, path: str, fact: str) -> None:
        """Take note of a context file."""
        self.files[path] = fact

    def _fact(self, source: ImageSource) -> BaseFact:
        table = self._inputs.images if source.kind == "image" else self._inputs.bases
        if source.ref not in table:
            raise UnknownBaseError(source.ref)
        return table[source.ref]

    def _site(self, source: ImageSource) -> Site:
        if source.kind == "stage":
            return self.sites[int(source.ref)]
        return Site() if source.kind == "scratch" else self._fact(source).site

    def _start(self, source: ImageSource) -> tuple[ImageConfig, Digest, Digest]:
        """Return configuration, content and image key of what a stage starts from."""
        if source.kind == "stage":
            plan = self.plans[int(source.ref)]
            return plan.config, plan.tree_key, plan.key
        if source.kind == "scratch":
            system, _, rest = (source.platform or self._inputs.platform).partition("/")
            architecture, _, variant = rest.partition("/")
            empty = keys.fingerprint("scratch")
            start = RunConfig(working_dir="/")  # as BuildKit's empty image
            return (
                ImageConfig(architecture=architecture, os=system, variant=variant, config=start),
                empty,
                empty,
            )
        fact = self._fact(source)
        return fact.config, fact.digest, fact.image or fact.digest

    def _stage(self, stage: Stage) -> StagePlan:
        inputs, source = self._inputs, self.names.base(stage)
        base, content, base_image = self._start(source)
        run, remarks = sanitised(base.config, source.written or source.kind)
        for remark in remarks:
            self.warn(stage.from_.span.line, remark)
        run, triggers = msgspec.structs.replace(run, on_build=()), run.on_build
        inherited = self._scopes[int(source.ref)].args if source.kind == "stage" else None
        scope = Scope(self.names.meta, inputs.args, run.environment(), inherited)
        platform = source.platform or inputs.platform
        layer_time = inputs.epoch if inputs.layer_time is None else inputs.layer_time
        start = keys.start_key(source.kind, content, platform, layer_time)
        draft = StageDraft(self, stage.index, ConfigDraft(run, base.author), scope, start, self._site(source))
        self._run_triggers(draft, triggers, source, stage)
        for instruction in stage.instructions:
            draft.take(instruction)
        self._scopes[stage.index] = scope
        self.sites[stage.index] = draft.site
        self.declared.update((name, value) for name, value in scope.args.items() if value is not None)
        config = msgspec.structs.replace(
            base, created="", author=draft.draft.author, config=draft.draft.config
        )
        used = [source, *draft.sources]
        return StagePlan(
            index=stage.index,
            name=stage.name,
            base=source,
            base_key=start,
            steps=tuple(draft.steps),
            config=config,
            tree_key=draft.tree,
            key=keys.image_key(
                keys.fingerprint(base_image, draft.tree),
                config,
                [step.created_by for step in draft.steps],
                inputs.epoch,
            ),
            needs=frozenset(int(item.ref) for item in used if item.kind == "stage"),
            needs_images=frozenset(item.ref for item in used if item.kind == "image"),
            needs_external=frozenset(item.ref for item in used if item.kind == "external"),
        )

    def _run_triggers(
        self, draft: StageDraft, triggers: tuple[str, ...], source: ImageSource, stage: Stage
    ) -> None:
        if not triggers:
            return
        origin = source.written or source.kind
        at = stage.from_
        if not self._inputs.onbuild:
            raise PolicyError(
                f"{origin} has {len(triggers)} ONBUILD instructions",
                where=f"{self.document.path}:{at.span.line}",
                why="policy.onbuild is false in hivebase.toml",
            )
        if len(triggers) > MAX_TRIGGERS:
            raise self.expander.error(f"{origin} has more than {MAX_TRIGGERS} ONBUILD instructions", at)
        for text in triggers:
            self.warn(at.span.line, f"{origin} adds by ONBUILD: {text.splitlines()[0] if text else text}")
        draft.triggers(triggers, origin, at)
