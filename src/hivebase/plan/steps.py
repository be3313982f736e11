"""The unit of building: a stage as a list of steps, everything expanded, each with its cache key.

A step says what is to be done in words that need no Dockerfile knowledge, so that any engine can do it.
``key`` of a step is the *tree key* after it: a digest over the tree key before it and all that its layer
depends on. Steps that make no layer leave it as it is (see ``hivebase.plan.keys``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from hivebase.digest import Digest
    from hivebase.oci.model import ImageConfig
    from hivebase.plan.installs.model import Install
    from hivebase.plan.pythons import Python
    from hivebase.plan.wheels import Request, Resolution


class ImageSource(msgspec.Struct, frozen=True):
    """Where a stage starts or a file comes from.

    Attributes:
        kind: ``scratch``; ``external`` (``ref`` is a reference outside the hive); ``image`` (``ref`` names an
            image of the hive, built or found in this run); ``stage`` (``ref`` is the index of a stage of the
            same Dockerfile, as decimal text); ``context`` (the build context; only for files).
        platform: as asked for by ``--platform``, or empty.
        written: the reference as expanded from the Dockerfile.
    """

    kind: Literal["scratch", "external", "image", "stage", "context"]
    ref: str = ""
    platform: str = ""
    written: str = ""


CONTEXT = ImageSource("context")


class InlineFile(msgspec.Struct, frozen=True):
    """A file given in the Dockerfile itself (heredoc of COPY or ADD)."""

    name: str
    content: bytes


class MountSpec(msgspec.Struct, frozen=True):
    """One mount of a RUN, expanded and checked.

    Attributes:
        type: bind, cache, tmpfs, secret or ssh.
        target: absolute path in the image ("" for a secret given only as ``env``).
        source: where bind and cache mounts take their content from (``CONTEXT`` or another source), or None.
        source_path: path inside ``source``.
        id: of cache, secret and ssh mounts.
        read_only: bind is read-only unless ``rw``; such writes are thrown away.
        required: a missing secret or agent is an error.
        sharing: of cache mounts: shared, private or locked.
        uid, gid, mode: of cache, secret and ssh mounts; mode None means the type's default.
        env: the variable that takes a secret's value, or empty.
        size: tmpfs limit in bytes, 0 for none.
    """

    type: Literal["bind", "cache", "tmpfs", "secret", "ssh"]
    target: str
    source: ImageSource | None = None
    source_path: str = "/"
    id: str = ""
    read_only: bool = True
    required: bool = False
    sharing: Literal["shared", "private", "locked"] = "shared"
    uid: int = 0
    gid: int = 0
    mode: int | None = None
    env: str = ""
    size: int = 0


class RunStep(msgspec.Struct, frozen=True):
    """Run ``argv`` in the tree built so far; what it changes becomes a layer.

    Attributes:
        argv: complete, the shell included.
        env: the whole environment (image ENV plus visible build ARGs), ``(name, value)``.
        user: as in the config (``user[:group]``, names or numbers), empty for root.
        workdir: absolute.
        text: the instruction as written, for people.
        line: of the Dockerfile.
        inline: files to be seen read-only, mode 0755, in ``/dev/pipes`` during the run (a heredoc that begins
            with ``#!`` is executed from there).
        proxies: more environment, from proxy build args that the Dockerfile does not declare; part of neither
            key nor history.
        secrets: names in ``env`` that look like secrets; their values are to be masked in logs.
        why: why an installation in it is run and not composed; empty when there is none.
    """

    key: Digest
    created_by: str
    text: str
    line: int
    argv: tuple[str, ...]
    env: tuple[tuple[str, str], ...]
    user: str
    workdir: str
    mounts: tuple[MountSpec, ...] = ()
    network: Literal["default", "none", "host"] = "default"
    privileged: bool = False
    inline: tuple[InlineFile, ...] = ()
    proxies: tuple[tuple[str, str], ...] = ()
    secrets: tuple[str, ...] = ()
    why: str = ""


class ReadFile(msgspec.Struct, frozen=True):
    """A file of the image whose text planning read where it comes from: ``path`` is absolute in the image."""

    path: str
    digest: Digest


class ComposeStep(msgspec.Struct, frozen=True):
    """Install wheels by adding their layers.

    Attributes:
        install: what was asked for.
        python: the interpreter that the plan expects.
        request: what has to be resolved; None when everything that is installed lies in the image or a mount.
        resolution: the answer; None as long as nobody has given one.
        files: what the request was read from; composed only if the image has these very files.
        run: does the same by running the command; its key is the same.
    """

    key: Digest
    created_by: str
    text: str
    line: int
    install: Install
    python: Python
    request: Request | None
    resolution: Resolution | None
    files: tuple[ReadFile, ...]
    run: RunStep


class CopyStep(msgspec.Struct, frozen=True):
    """Copy files into the tree; the layer holds them and the directories made for them.

    Attributes:
        sources: expanded source patterns (paths in ``source``; Go ``filepath.Match`` globs), or URLs for ADD.
        destination: absolute; ends with ``/`` when a directory is meant.
        chown: ``user[:group]`` or empty (0:0). chmod: octal or symbolic text, or empty.
        add: ADD semantics (archives unpacked, URLs fetched).
    """

    key: Digest
    created_by: str
    text: str
    line: int
    source: ImageSource
    sources: tuple[str, ...]
    destination: str
    inline: tuple[InlineFile, ...] = ()
    chown: str = ""
    chmod: str = ""
    link: bool = False
    parents: bool = False
    exclude: tuple[str, ...] = ()
    add: bool = False
    unpack: bool | None = None
    checksum: str = ""
    keep_git_dir: bool = False


class WorkdirStep(msgspec.Struct, frozen=True):
    """Make sure the directory ``path`` (absolute) exists; a layer only if it did not."""

    key: Digest
    created_by: str
    text: str
    line: int
    path: str
    user: str


class ConfigStep(msgspec.Struct, frozen=True):
    """A step that changes the configuration alone: a line of history without a layer."""

    key: Digest
    created_by: str
    text: str
    line: int


Step = RunStep | ComposeStep | CopyStep | WorkdirStep | ConfigStep


def mounts_of(step: Step) -> tuple[MountSpec, ...]:
    """Return the mounts of a step; an installation has those of its command."""
    command = step.run if isinstance(step, ComposeStep) else step
    return command.mounts if isinstance(command, RunStep) else ()


def sources_of(step: Step) -> tuple[ImageSource, ...]:
    """Return what a step reads from besides the tree that it stands on, the context included."""
    if isinstance(step, CopyStep):
        return (step.source,)
    return tuple(mount.source for mount in mounts_of(step) if mount.source is not None)


class StagePlan(msgspec.Struct, frozen=True):
    """One stage to build.

    Attributes:
        index: position in the Dockerfile.
        name: alias or index.
        base: what it starts from.
        base_key: tree key of the start.
        steps: in order.
        config: the configuration after the last step, history and DiffIDs of this stage's own steps excluded.
        tree_key: after the last step; what a child or a COPY --from depends on.
        key: the image key: tree, configuration and history.
        needs: indices of the stages of this Dockerfile that it uses (FROM, COPY --from, mounts).
        needs_images: names of hive images that it uses, the base included.
        needs_external: external references that it uses, the base included; canonical, with a space and the
            platform behind them when that is another one than the build's.
    """

    index: int
    name: str
    base: ImageSource
    base_key: Digest
    steps: tuple[Step, ...]
    config: ImageConfig
    tree_key: Digest
    key: Digest
    needs: frozenset[int] = frozenset()
    needs_images: frozenset[str] = frozenset()
    needs_external: frozenset[str] = frozenset()


class Reason(msgspec.Struct, frozen=True):
    """Why an image is built: a stable code and what it means here."""

    code: Literal[
        "FIRST_BUILD",
        "DOCKERFILE_CHANGED",
        "CONTEXT_CHANGED",
        "PARENT_CHANGED",
        "BASE_DIGEST_MOVED",
        "ARG_CHANGED",
        "LOCK_CHANGED",
        "FORCED",
        "UP_TO_DATE",
    ]
    detail: str = ""


class ImagePlan(msgspec.Struct, frozen=True):
    """What is to be done for one image.

    Attributes:
        name: of the image in its hive.
        action: build or cached.
        reasons: at least one; ``UP_TO_DATE`` alone for cached.
        stages: the stages that are needed, in dependency order; the last one is the image. Empty when the
            base is not known yet (its configuration decides the keys), in which case the action is build.
        key: of the image, or None when not known yet.
        inputs: named digests that the reasons are computed from and the record of the build keeps.
        warnings: remarks for the user.
    """

    name: str
    action: Literal["build", "cached"]
    reasons: tuple[Reason, ...]
    stages: tuple[StagePlan, ...] = ()
    key: Digest | None = None
    inputs: dict[str, str] = {}
    warnings: tuple[str, ...] = ()
