"""Where the builder gets the external images that a hive stands on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hivebase.build.bases import BaseFinder
from hivebase.errors import NotFoundError, UsageError
from hivebase.plan.planner import PlanInputs, needed_bases
from hivebase.plan.sources import split_external

if TYPE_CHECKING:
    from hivebase.build.session import Session
    from hivebase.oci.store import Store
    from hivebase.reference import Reference


def inputs_of(session: Session) -> PlanInputs:
    """Return what a bake file depends on: as ``session`` would plan, without its contexts and its store."""
    return PlanInputs(
        names=tuple(session.options.images),
        args=session.options.args,
        epoch=session.epoch,
        platform=str(session.platform),
        stand_ins="never" if session.mode == "registry" else "auto",
    )


def base_contexts(session: Session, *, everything: bool) -> dict[str, str]:
    """Return what stands for external images, by reference; nothing is fetched.

    A stand-in, which no registry has, comes from the store, and an image that hivebase.lock pins from its registry
    by digest. The rest is left to the builder.

    Args:
        session: gives hive, store and selection.
        everything: all of them come from the store.

    Raises:
        UsageError: as for a plan; the store's path cannot be written in a bake file.
        NotFoundError: ``everything`` is wanted, and the store does not have it.
    """
    hive, inputs = session.workspace.hive, inputs_of(session)
    pins = hive.lock.for_platform(inputs.platform)
    finder = BaseFinder(session.store, session.mode, session.platform, pins, None, None)
    found: dict[str, str] = {}
    for needed in needed_bases(hive, inputs):
        reference, platform = split_external(needed.key, inputs.platform)
        base = finder.held(reference.shortest) if platform == inputs.platform else None
        pin = pins.get(reference.canonical)
        if base is not None and (everything or base.stand_ins):
            found[needed.written] = layout_context(session.store, reference, base.image.descriptor.digest)
        elif everything:
            raise NotFoundError(
                f"base image {needed.written} is not in the store"
                + (f" for {platform}" if platform != inputs.platform else ""),
                where=", ".join(needed.users),
                hint=f"hivebase build fetches it, 'hivebase import FILE {reference.shortest}' brings it; "
                "without --with-bases the builder asks the registry",
            )
        elif pin is not None and not reference.digest and platform == inputs.platform:
            pinned = msgspec.structs.replace(reference, digest=pin)
            found[needed.written] = f"docker-image://{pinned.shortest}"
    return found


def layout_context(store: Store, reference: Reference, digest: str) -> str:
    """Return the context that stands for an image of ``store``.

    Args:
        store: holds the image.
        reference: as which it is read.
        digest: of its manifest.

    Raises:
        UsageError: the store's path cannot be written in a bake file.
    """
    path = str(store.root.absolute())
    if ":" in path or "@" in path:
        raise UsageError(
            "the store cannot be named in a bake file",
            where=path,
            why="the sign that parts a path from its tag or digest is in it",
            hint="set HIVEBASE_STORE to a path without ':' and '@'",
        )
    # The digest alone decides. The tag is there because buildx 0.33 refuses a layout without one (docker/buildx#3793).
    return f"oci-layout://{path}:{reference.tag or 'latest'}@{digest}"
