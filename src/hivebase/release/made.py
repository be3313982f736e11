"""Finds out how an image in the store was made: what its build remembered, what it holds, and the tree beside it.

Only what is certain is told. A Dockerfile or a lock that was edited since the build is not the one that it was made
with, and is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from hivebase.build.images import made_from
from hivebase.digest import Digest
from hivebase.errors import HivebaseError, NotFoundError, UsageError
from hivebase.inspect.sbom.parts import parts
from hivebase.oci.annotations import BASE_DIGEST, BASE_NAME, stand_ins_of
from hivebase.plan.checks import looks_secret
from hivebase.plan.inputs import part
from hivebase.plan.keys import fingerprint
from hivebase.plan.lockfile import FILE_NAME, parse_lock
from hivebase.plan.sources import split_external
from hivebase.reference import DEFAULT_REGISTRY, Reference
from hivebase.release.provenance import Made, Material
from hivebase.transport import redact

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from hivebase.build.images import ImageRecord
    from hivebase.build.workspace import Workspace
    from hivebase.inspect.packages.model import Inventory
    from hivebase.oci.store import Image, Store
    from hivebase.plan.hive import HiveImage

_DIGITS = 64


def made(store: Store, image: Image, inventory: Inventory, workspace: Workspace, name: str) -> Made:
    """Return how ``image`` was made.

    Args:
        store: that has it and what it stands on.
        image: found by its reference in the hive.
        inventory: what it holds.
        workspace: the hive.
        name: of the image in it.

    Raises:
        NotFoundError: the store remembers no build of this image.
        HivebaseError: a file of the hive cannot be read.
    """
    record = made_from(store, image.ref, image.descriptor.digest)
    if record is None:
        raise NotFoundError(
            f"it is not known how {image.ref} was made",
            why="the store remembers no build of this very image",
            hint=f"hivebase build {name}",
        )
    source = workspace.hive.image(name)
    args = part(record.inputs, "arg")
    return Made(
        image=source.name,
        version=Reference.parse(image.ref).tag,
        dockerfile=source.dockerfile,
        context=source.context or ".",
        platform=str(image.config.platform),
        args={key: redact(value) for key, value in args.items() if not looks_secret(key)},
        secret_args=tuple(key for key in args if looks_secret(key)),
        key=record.key,
        format=record.inputs.get("format", ""),
        epoch=int(record.inputs.get("created", "0")),
        stand_ins=stand_ins_of(image.config.config.labels),
        materials=tuple(_materials(store, image, inventory, workspace, source, record)),
    )


def _materials(
    store: Store,
    image: Image,
    inventory: Inventory,
    workspace: Workspace,
    source: HiveImage,
    record: ImageRecord,
) -> Iterator[Material]:
    platform = str(image.config.platform)
    bases = part(record.inputs, "base")
    for key, digest in bases.items():
        reference, where = split_external(key, platform)
        pinned = _index(reference, image.manifest.annotations)
        notes = {"index": pinned} if pinned not in {"", digest} else {}
        yield Material(image_uri(reference, where), reference.canonical, digest, annotations=notes)
    for ref, digest in record.parents.items():
        yield Material(image_uri(Reference.parse(ref), platform), ref, digest)
    if len(files := record.inputs.get("files", "")) == _DIGITS:
        yield Material(name=f"context {source.context or '.'}", fingerprint=files)
    text = source.document.text if source.document is not None else ""
    if fingerprint(text, "", platform).short == record.inputs.get("dockerfile"):
        yield Material(name=source.dockerfile, digest=Digest.of(text.encode("utf-8", "surrogateescape")))
    below = _layers_below(store, image, [*record.parents.values(), *bases.values()])
    own = {item.id for item in inventory.python if item.origin.number > below}
    own |= {item.id for item in inventory.debian if item.origin.number > below}
    for item in parts(inventory):
        if item.id in own and (item.sha256 or item.kind == "debian"):
            digest = f"sha256:{item.sha256}" if item.sha256 else ""
            yield Material(item.purl, item.archive or f"{item.name} {item.version}", digest)
    wheels = {item.wheel.sha256 for item in inventory.python if item.wheel is not None and item.id in own}
    yield from _lock(workspace, wheels)


def _index(reference: Reference, annotations: Mapping[str, str]) -> str:
    """Return the digest of the index that an external base was taken from, as far as the image says it."""
    name = annotations.get(BASE_NAME, "")
    if name and Reference.parse(name).canonical == reference.canonical:
        return annotations.get(BASE_DIGEST, "")
    return ""


def _lock(workspace: Workspace, wheels: set[str]) -> Iterator[Material]:
    """Yield the lock if it names all the wheels of the image; else it is another one by now, or none was needed."""
    if not wheels:
        return
    try:
        data = workspace.lock_file.read_bytes()
        known = parse_lock(data.decode()).wheels
    except (OSError, UnicodeDecodeError, UsageError):
        return
    if wheels <= known.keys():
        yield Material(name=FILE_NAME, digest=Digest.of(data))


def _layers_below(store: Store, image: Image, digests: Iterable[str]) -> int:
    """Return how many of the lowest layers are those of an image that it stands on."""
    most, layers = 0, image.manifest.layers
    for digest in digests:
        try:
            below = store.image(digest).manifest.layers
        except HivebaseError:
            continue
        same = all(one.digest == other.digest for one, other in zip(below, layers, strict=False))
        if same and len(below) <= len(layers):
            most = max(most, len(below))
    return most


def image_uri(reference: Reference, platform: str) -> str:
    """Return the package URL of an image, in the form that BuildKit gives images in provenance."""
    full = reference.normalised()
    path = (
        full.repository.removeprefix("library/")
        if full.registry == DEFAULT_REGISTRY
        else (f"{full.registry}/{full.repository}")
    )
    return f"pkg:docker/{quote(path)}@{quote(full.tag or 'latest')}?platform={quote(platform, safe='')}"
