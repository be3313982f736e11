"""Images to files, and back: the OCI archive (a tar of an image layout) and Docker's ``docker save`` format.

Both are deterministic: one image and one name, one file, byte for byte.
"""

from __future__ import annotations

import contextlib
import secrets
import stat
from typing import TYPE_CHECKING, BinaryIO

from hivebase import fs
from hivebase.digest import Digest
from hivebase.errors import CorruptContentError
from hivebase.oci.imports import import_path
from hivebase.oci.inflate import inflated
from hivebase.oci.model import INDEX, REF_NAME, Descriptor, Index, canonical_json
from hivebase.oci.sizes import content_size
from hivebase.reference import Reference
from hivebase.tar import Entry, Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping, Sequence
    from pathlib import Path
    from typing import TypeAlias

    from hivebase.oci.store import Image, Store

    Told: TypeAlias = Callable[[str, int], object]
    """Takes a layer's digest (in a docker-archive its DiffID) and the bytes that it has in the archive."""

__all__ = ["export_docker", "export_oci", "import_path", "oci_name", "write_docker", "write_oci"]

_CONTAINERD_NAME = "io.containerd.image.name"


def _nobody(_digest: str, _size: int) -> None:
    """Take no notice."""


def export_oci(store: Store, image: Image, ref: str, file: Path) -> None:
    """Write ``image``, named ``ref``, to ``file`` as an OCI archive.

    Raises:
        CorruptContentError: a blob of the image is damaged; ``file`` is left as it was.
        SystemFaultError: the file cannot be written.
    """
    _to_file(file, lambda stream: write_oci(store, image, [oci_name(ref)], stream))


def export_docker(store: Store, image: Image, ref: str, file: Path) -> None:
    """Write ``image``, named ``ref``, to ``file`` as a docker-archive, for ``docker load``.

    Raises:
        CorruptContentError: a blob of the image is damaged; ``file`` is left as it was.
        SystemFaultError: the file cannot be written.
    """
    _to_file(file, lambda stream: write_docker(store, image, [ref], stream))


def oci_name(ref: str) -> dict[str, str]:
    """Return the annotations by which all readers of an OCI archive know an image as ``ref``."""
    return {REF_NAME: ref, _CONTAINERD_NAME: Reference.parse(ref).canonical}


def write_oci(
    store: Store,
    image: Image,
    names: Sequence[Mapping[str, str]],
    stream: BinaryIO,
    *,
    without: Container[str] = (),
    told: Told = _nobody,
) -> None:
    """Write an OCI archive to ``stream``.

    Args:
        store: holds the image.
        image: what is written.
        names: the annotations of its entries in the index, one entry for each name (:func:`oci_name`).
        stream: anything that can be written to; not closed.
        without: digests of layers that the reader has; their blobs are left out.
        told: of every layer before it is written.

    Raises:
        CorruptContentError: a blob of the image is damaged.
        OSError: as of ``stream``.
    """
    top = image.descriptor
    entries = tuple(Descriptor(top.media_type, top.digest, top.size, dict(name)) for name in names)
    index = Index(schema_version=2, media_type=INDEX, manifests=entries)
    writer = Writer(stream.write)
    _add(writer, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
    _add(writer, "index.json", canonical_json(index))
    for name in ("blobs", "blobs/sha256"):
        writer.add(Entry(name, "dir", 0o755))
    layers = {layer.digest: layer for layer in image.manifest.layers if layer.digest not in without}
    blobs = {d.digest: d for d in (top, image.manifest.config)} | layers
    for digest, descriptor in sorted(blobs.items()):
        if digest in layers:
            told(digest, descriptor.size)
        with store.open_blob(digest) as blob:
            entry_of_blob = Entry(
                f"blobs/sha256/{Digest.parse(digest).hex}", "file", 0o644, size=descriptor.size
            )
            writer.add(entry_of_blob, blob)
            _expect_end(blob, digest)
    writer.close()


def write_docker(
    store: Store,
    image: Image,
    refs: Sequence[str],
    stream: BinaryIO,
    *,
    without: Container[str] = (),
    told: Told = _nobody,
) -> None:
    """Write a docker-archive to ``stream``: ``manifest.json``, the configuration, uncompressed layers.

    Args:
        store: holds the image.
        image: what is written.
        refs: names for it; those with a digest have no place in the format and are left out.
        stream: anything that can be written to; not closed.
        without: DiffIDs of layers that the reader has; their files are left out.
        told: of every layer before it is written.

    Raises:
        CorruptContentError: a blob is damaged, or a layer is not what its DiffID says (fault A-10).
        SystemFaultError: a layer has a compression that is not read.
        OSError: as of ``stream``.
    """
    parsed = [Reference.parse(ref) for ref in refs]
    diff_ids = [Digest.parse(diff_id) for diff_id in image.config.rootfs.diff_ids]
    config = store.read(image.manifest.config.digest)
    config_name = f"{Digest.parse(image.manifest.config.digest).hex}.json"
    manifest = {
        "Config": config_name,
        "Layers": [f"{diff_id.hex}.tar" for diff_id in diff_ids],
        "RepoTags": [ref.familiar for ref in parsed if ref.digest is None],
    }
    # Before the first byte is written: half an archive in a pipe is worth less than an error.
    layers = {
        diff_id: (layer.digest, content_size(store, layer.digest, diff_id))
        for diff_id, layer in zip(diff_ids, image.manifest.layers, strict=True)
        if diff_id not in without
    }
    writer = Writer(stream.write)
    _add(writer, "manifest.json", canonical_json([manifest]))
    _add(writer, config_name, config)
    for diff_id, (digest, size) in layers.items():
        told(diff_id, size)
        with store.open_blob(digest) as blob, inflated(blob, where=digest) as content:
            writer.add(Entry(f"{diff_id.hex}.tar", "file", 0o644, size=size), content)
            _expect_end(content, digest)
            _expect_end(blob, digest)
    writer.close()


def _add(writer: Writer, name: str, data: bytes) -> None:
    writer.add(Entry(name, "file", 0o644, size=len(data)), data)


def _expect_end(stream: BinaryIO, digest: str) -> None:
    """Read to the end, which the store's streams reach only if the digest was right."""
    if stream.read(1):
        raise CorruptContentError(f"the blob {digest} is longer than its descriptor says")


def _to_file(file: Path, write: Callable[[BinaryIO], None]) -> None:
    """Let ``write`` fill a new file that takes the place of ``file`` when it is whole."""
    try:
        if file.exists() and not stat.S_ISREG(file.stat().st_mode):  # /dev/stdout, a fifo
            with file.open("wb") as stream:
                write(stream)
            return
        temporary = file.with_name(f".{file.name[:100]}.{secrets.token_hex(8)}.tmp")
        try:
            with temporary.open("xb") as stream:
                write(stream)
                stream.flush()
                fs.sync(stream.fileno())
            temporary.replace(file)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
    except OSError as error:
        raise fs.system_fault(error, "cannot write the archive", where=file) from error
