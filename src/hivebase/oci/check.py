"""The store's check: every byte is read and hashed, every pointer followed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hivebase.digest import Digest
from hivebase.errors import CorruptContentError, HivebaseError, NotFoundError, UsageError
from hivebase.oci import documents, strict_json
from hivebase.oci.model import REF_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hivebase.oci.model import Descriptor
    from hivebase.oci.store import Store


def check(store: Store) -> list[str]:
    """Return one sentence for each thing that is wrong; damaged blobs are put aside. See ``Store.check``.

    Raises:
        SystemFaultError: something cannot be read.
    """
    problems = [*_blobs(store)]
    try:
        entries = store.names.entries()
    except CorruptContentError as error:
        return [*problems, " ".join(str(error).split())]
    seen: set[str] = set()
    for entry in entries:
        problems.extend(_tree(store, entry.annotations.get(REF_NAME, entry.digest), entry, seen))
    return problems


def _blobs(store: Store) -> Iterator[str]:
    for path in sorted(store.blobs.directory.iterdir()):
        try:
            digest = Digest.parse(f"sha256:{path.name}")
        except UsageError:
            yield f"{path} is not a blob"
            continue
        try:
            store.blobs.rehash(digest)
        except NotFoundError:  # collected meanwhile
            continue
        except CorruptContentError as error:
            yield f"{error.what}: {error.why}; it has been put aside"


def _tree(store: Store, name: str, descriptor: Descriptor, seen: set[str]) -> Iterator[str]:
    """Yield what is wrong with the blob that ``descriptor`` points to, and with all below it."""
    if descriptor.digest in seen:
        return
    seen.add(descriptor.digest)
    size = store.blobs.size(descriptor.digest)
    if size is None:
        yield f"{name}: the blob {descriptor.digest} is missing"
        return
    if size != descriptor.size:
        yield f"{name}: the blob {descriptor.digest} has {size} bytes, not {descriptor.size}"
    what = f"the document {descriptor.digest}"
    try:
        if descriptor.media_type in documents.MANIFEST_TYPES:
            data = store.blobs.read(descriptor.digest, limit=strict_json.MAX_BYTES)
            manifest = documents.parse_manifest(data, what=what, announced=descriptor.media_type)
            below = (manifest.config, *manifest.layers)
        elif descriptor.media_type in documents.INDEX_TYPES:
            data = store.blobs.read(descriptor.digest, limit=strict_json.MAX_BYTES)
            below = documents.parse_index(data, what=what, announced=descriptor.media_type).manifests
        else:
            return
    except HivebaseError as error:
        yield f"{name}: {error.what}: {error.why}"
        return
    for child in below:
        yield from _tree(store, name, child, seen)
