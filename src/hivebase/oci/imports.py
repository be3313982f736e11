"""Images from files: an OCI layout (directory or tar), a docker-archive, or a tar of a root file system.

Nothing in the file decides under which name the image is stored (CVE-2026-50195), and every byte is checked
against the digest that names it.
"""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING, BinaryIO, TypeVar

import msgspec

from hivebase import fs, tar
from hivebase.digest import CHUNK, Digest
from hivebase.errors import CorruptContentError, UsageError
from hivebase.oci import documents, strict_json
from hivebase.oci.inflate import inflated, is_gzip
from hivebase.oci.model import (
    CONFIG,
    LAYER_GZIP,
    LAYER_TAR,
    MANIFEST,
    REF_NAME,
    Descriptor,
    History,
    ImageConfig,
    Manifest,
    RootFS,
    RunConfig,
    canonical_json,
)
from hivebase.oci.platforms import host_platform, select
from hivebase.oci.refs import canonical
from hivebase.oci.sources import DirectorySource, Source, TarSource, read, seekable_tar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from _typeshed import WriteableBuffer

    from hivebase.oci.store import Store

# What Docker gives an image made of nothing but files.
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_MAX_INDEX_DEPTH = 4

_T = TypeVar("_T")


class SavedImage(msgspec.Struct, frozen=True, rename="pascal"):
    """One element of ``manifest.json`` (moby ``image/tarexport``)."""

    config: str
    layers: tuple[str, ...] = ()
    repo_tags: tuple[str, ...] = ()


class _Stored(msgspec.Struct, frozen=True):
    """A layer that has been stored; ``entries`` counts what it holds."""

    descriptor: Descriptor
    diff_id: Digest
    entries: int


def import_path(store: Store, path: Path, ref: str) -> Descriptor:
    """Read the image at ``path`` into ``store`` and name it ``ref``.

    A file that holds several images must have one that is named ``ref`` itself. Of an image for several
    platforms, the one for this machine is taken.

    Returns:
        The descriptor of the image's manifest.

    Raises:
        UsageError: there is no image at ``path``, or several and none of that name.
        CorruptContentError: it is damaged.
        NotFoundError: a part of it is missing, or it is not for this platform.
        SystemFaultError: it cannot be read, or the store cannot be written.
    """
    with store.lease():
        descriptor = _from_directory(store, path, ref) if path.is_dir() else _from_file(store, path, ref)
        store.tag(ref, descriptor)
    return descriptor


def _from_directory(store: Store, path: Path, ref: str) -> Descriptor:
    try:
        directory = fs.Directory.open(path)
    except OSError as error:
        raise fs.system_fault(error, "cannot read the directory", where=path) from error
    with directory:
        source = DirectorySource(directory)
        if not _is_layout(source):
            raise UsageError(
                "the directory is not an OCI image layout",
                where=str(path),
                why="it has no oci-layout and index.json",
            )
        return _import_layout(store, source, ref)


def _from_file(store: Store, path: Path, ref: str) -> Descriptor:
    with seekable_tar(path, store.state / "work") as stream:
        source = TarSource(stream, str(path))
        if _is_layout(source):
            return _import_layout(store, source, ref)
        if source.has("manifest.json"):
            return _import_docker(store, source, ref)
    return _import_rootfs(store, path)


def _is_layout(source: Source) -> bool:
    return source.has("oci-layout") and source.has("index.json")


def _import_layout(store: Store, source: Source, ref: str) -> Descriptor:
    data = read(source, "index.json", strict_json.MAX_BYTES)
    index = documents.parse_index(data, what="index.json")
    names = [entry.annotations.get(REF_NAME, "") for entry in index.manifests]
    descriptor = _choose(names, index.manifests, ref)
    for _ in range(_MAX_INDEX_DEPTH):
        data = read(source, _blob_name(descriptor.digest), strict_json.MAX_BYTES)
        what = f"the document {descriptor.digest}"
        Digest(descriptor.digest).check(data, what)
        if documents.kind(data, what=what, announced=descriptor.media_type) in documents.MANIFEST_TYPES:
            manifest = documents.parse_manifest(data, what=what)
            for part in (manifest.config, *manifest.layers):
                with source.open(_blob_name(part.digest)) as stream:
                    _ingest(store, stream, Digest(part.digest), part.size)
            store.config(manifest)
            return Descriptor(descriptor.media_type or MANIFEST, store.put(data), len(data))
        descriptor = select(documents.parse_index(data, what=what), host_platform(), what=what)
    raise CorruptContentError(f"{ref} is an index nested deeper than {_MAX_INDEX_DEPTH} levels")


def saved_images(source: Source) -> tuple[SavedImage, ...]:
    """Return the images of a docker-archive.

    Raises:
        CorruptContentError: its list is damaged.
        NotFoundError: it has none.
    """
    data = read(source, "manifest.json", strict_json.MAX_BYTES)
    return strict_json.decode(data, tuple[SavedImage, ...], what="manifest.json")


def saved_layers(image: SavedImage, config: ImageConfig) -> list[tuple[str, str]]:
    """Return the file and the DiffID of each layer, lowest first.

    Raises:
        CorruptContentError: the archive has another number of layers than the configuration.
    """
    diff_ids = config.rootfs.diff_ids
    if len(diff_ids) != len(image.layers):
        raise CorruptContentError(
            f"{image.config} names {len(diff_ids)} layers, manifest.json {len(image.layers)}"
        )
    return list(zip(image.layers, diff_ids, strict=True))


def _import_docker(store: Store, source: Source, ref: str) -> Descriptor:
    images = saved_images(source)
    names = [tag for image in images for tag in image.repo_tags or ("",)]
    owners = [image for image in images for _ in image.repo_tags or ("",)]
    image = _choose(names, owners, ref) if len(images) != 1 else images[0]
    config = read(source, image.config, strict_json.MAX_BYTES)
    layers = []
    for name, diff_id in saved_layers(image, documents.parse_config(config, what=image.config)):
        with source.open(name) as stream:
            layer = _ingest_layer(store, stream, name)
        if layer.diff_id != diff_id:  # fault A-10
            raise CorruptContentError(f"the layer {name} has DiffID {layer.diff_id}, expected {diff_id}")
        layers.append(layer.descriptor)
    manifest = Manifest(
        schema_version=2,
        media_type=MANIFEST,
        # The configuration stays as it is, byte for byte: its digest is the image's id in Docker.
        config=Descriptor(CONFIG, store.put(config), len(config)),
        layers=tuple(layers),
    )
    document = canonical_json(manifest)
    return Descriptor(MANIFEST, store.put(document), len(document))


def _import_rootfs(store: Store, path: Path) -> Descriptor:
    try:
        with path.open("rb") as stream:
            layer = _ingest_layer(store, stream, str(path))
    except OSError as error:
        raise fs.system_fault(error, "cannot read the archive", where=path) from error
    if not layer.entries:
        raise UsageError("there is nothing in the file", where=str(path))
    platform = host_platform()
    config = ImageConfig(
        architecture=platform.architecture,
        os=platform.os,
        variant=platform.variant,
        config=RunConfig(env=(_PATH,)),
        rootfs=RootFS(diff_ids=(layer.diff_id,)),
        history=(History(created_by="hivebase import", comment="a root file system"),),
    )
    return store.put_image(config, [layer.descriptor])


def _choose(names: Sequence[str], images: Sequence[_T], ref: str) -> _T:
    """Return the image that is named like ``ref``, or the only one."""
    for name, image in zip(names, images, strict=True):
        if name and canonical(name) == canonical(ref):
            return image
    if len(images) != 1:
        raise UsageError(
            f"the file holds {len(images)} images, and none is named {ref}",
            why=f"their names are {', '.join(sorted(filter(None, names))[:10]) or 'not told'}",
            hint="import it under one of these names",
        )
    return images[0]


def _blob_name(digest: str) -> str:
    return f"blobs/sha256/{Digest.parse(digest).hex}"


def _ingest(store: Store, stream: BinaryIO, expected: Digest, size: int) -> None:
    if store.size(expected) == size:
        store.verify(expected)
        return
    with store.ingest() as ingest:
        while chunk := stream.read(CHUNK):
            ingest.write(chunk)
        ingest.commit(expected, size)


def _ingest_layer(store: Store, stream: BinaryIO, where: str) -> _Stored:
    """Store the tar in ``stream`` as it is, compressed or not, and see that it is a tar."""
    with store.ingest() as ingest:
        copied = _Through(stream, ingest.write)
        state = hashlib.sha256()
        with inflated(io.BufferedReader(copied, CHUNK), where=where) as content:
            hashed = io.BufferedReader(_Through(content, state.update), CHUNK)
            entries = sum(1 for _ in tar.Reader(hashed, where=where))
        digest, size = ingest.commit()
    media_type = LAYER_GZIP if is_gzip(copied.head) else LAYER_TAR
    return _Stored(Descriptor(media_type, digest, size), Digest.from_hash(state), entries)


class _Through(io.RawIOBase):
    """A stream that shows all that is read from it to ``see``, and remembers how it started."""

    def __init__(self, stream: BinaryIO, see: Callable[[bytes], object]) -> None:
        self._stream = stream
        self._see = see
        self.head = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer)
        data = self._stream.read(len(view))
        self.head = self.head or data[:2]
        self._see(data)
        view[: len(data)] = data
        return len(data)
