"""The names of a store's images: ``index.json``, read without a lock and changed under one.

A name is the annotation ``org.opencontainers.image.ref.name`` of an entry, as skopeo and podman read it. What
another tool wrote into the file (entries without a name, members we do not know) stays as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from hivebase import fs
from hivebase.digest import Digest
from hivebase.errors import CorruptContentError, HivebaseError, UsageError
from hivebase.oci import strict_json
from hivebase.oci.layout import INDEX_NAME, remove_leftovers
from hivebase.oci.model import REF_NAME, Descriptor, Index, canonical_json
from hivebase.reference import Reference

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hivebase.locks import FileLock

_WHAT = "the store's list of images"
_MAX_BYTES = 64 << 20  # some hundred thousand names


class Refs:
    """The names in one store.

    Args:
        root: of the store.
        lock: makes the lock for changes.
    """

    def __init__(self, root: Path, lock: Callable[[], FileLock]) -> None:
        self._root = root
        self._lock = lock

    def entries(self) -> tuple[Descriptor, ...]:
        """Return all entries, also those without a name.

        Raises:
            CorruptContentError: the file is damaged.
            SystemFaultError: it cannot be read.
        """
        return self._decode(self._load())

    def named(self) -> dict[str, Descriptor]:
        """Return the entries by name; of two with one name the first counts, as in skopeo."""
        names: dict[str, Descriptor] = {}
        for entry in self.entries():
            if name := entry.annotations.get(REF_NAME):
                names.setdefault(name, entry)
        return dict(sorted(names.items()))

    def resolve(self, ref: str) -> Descriptor | None:
        """Return what ``ref`` names: exactly as written, else as the same reference written otherwise."""
        names = self.named()
        if ref in names:
            return names[ref]
        wanted = canonical(ref)
        return next((entry for name, entry in names.items() if wanted and canonical(name) == wanted), None)

    def tag(self, ref: str, descriptor: Descriptor) -> None:
        """Let ``ref`` name ``descriptor``, and nothing else any more.

        Raises:
            UsageError: ``ref`` is no reference.
            CorruptContentError: the file is damaged; it is left as it is.
            SystemFaultError: it cannot be written; it is left as it is.
        """
        name = Reference.parse(ref).familiar
        entry = msgspec.structs.replace(descriptor, annotations={**descriptor.annotations, REF_NAME: name})
        self._replace(name, [msgspec.json.decode(canonical_json(entry))])

    def untag(self, ref: str) -> bool:
        """Remove the name; tell whether there was one. The blobs stay until they are collected.

        Raises:
            CorruptContentError: the file is damaged; it is left as it is.
            SystemFaultError: it cannot be written; it is left as it is.
        """
        return self._replace(ref, [])

    def _replace(self, name: str, entries: list[dict[str, Any]]) -> bool:
        with self._lock():
            document = self._load()
            manifests: list[dict[str, Any]] = document["manifests"]
            kept = [manifest for manifest in manifests if not _is_named(manifest, name)]
            removed = len(kept) < len(manifests)
            if removed or entries:
                remove_leftovers(self._root)
                document["manifests"] = sorted([*kept, *entries], key=_order)
                fs.atomic_write(self._root, INDEX_NAME, canonical_json(document), mode=0o644)
            return removed

    def _load(self) -> dict[str, Any]:
        path = self._root / INDEX_NAME
        try:
            document: dict[str, Any] = strict_json.loads(path.read_bytes(), what=_WHAT, limit=_MAX_BYTES)
            self._decode(document)
        except OSError as error:
            raise fs.system_fault(error, f"cannot read {_WHAT}", where=path) from error
        except CorruptContentError as error:
            raise CorruptContentError(
                error.what,
                where=str(path),
                why=error.why,
                hint='put a copy back, or remove its content and keep \'{"schemaVersion":2,"manifests":[]}\''
                " (what was built is found again by the next build)",
            ) from error
        return document

    @staticmethod
    def _decode(document: object) -> tuple[Descriptor, ...]:
        try:
            index = msgspec.convert(document, Index)
            for entry in index.manifests:
                Digest.parse(entry.digest)
        except (msgspec.ValidationError, UsageError) as error:
            raise CorruptContentError(f"{_WHAT} is not an image index", why=str(error)) from error
        return index.manifests


def canonical(ref: str) -> str:
    """Return ``ref`` with all defaults spelled out, or an empty string if it is no reference."""
    try:
        return Reference.parse(ref).canonical
    except HivebaseError:
        return ""


def _is_named(manifest: dict[str, Any], ref: str) -> bool:
    name: str = (manifest.get("annotations") or {}).get(REF_NAME) or ""
    return name != "" and (name == ref or (canonical(name) or name) == canonical(ref))


def _order(manifest: dict[str, Any]) -> tuple[str, str]:
    return (manifest.get("annotations") or {}).get(REF_NAME) or "", str(manifest.get("digest"))
