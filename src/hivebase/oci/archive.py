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
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from hivebase.oci.store import Image, Store

__all__ = ["export_docker", "export_oci", "import_path", "write_docker", "write_oci"]

_CONTAINERD_NAME = "io.containerd.image.name"


def export_oci(store: Store, image: Image, ref: str, file: Path) -> None:
    """Write ``image``, named ``ref``, to ``file`` as an OCI archive.

    Raises:
        CorruptContentError: a blob of the image is damaged; ``file`` is left as it was.
        SystemFaultError: the file cannot be written.
    """
    _to_file(file, lambda stream: write_oci(store, image, ref, stream))


def export_docker(store: Store, image: Image, ref: str, file: Path) -> None:
    """Write ``image``, named ``ref``, to ``file`` as a docker-archive, for ``docker load``.

    Raises:
        CorruptContentError: a blob of the image is damaged; ``file`` is left as it was.
        SystemFaultError: the file cannot be written.
    """
    _to_file(file, lambda stream: write_docker(store, image, [ref], stream))


def write_oci(store: Store, image: Image, ref: str, stream: BinaryIO) -> None:
    """Write an OCI archive to ``stream``.

    Raises:
        CorruptContentError: a blob of the image is damaged.
        OSError: as of ``stream``.
    """
    annotations = {REF_NAME: ref, _CONTAINERD_NAME: Reference.parse(ref).canonical}
    entry = Descriptor(
        image.descriptor.media_type, image.descriptor.digest, image.descriptor.size, annotations
    )
    index = Index(schema_version=2, media_type=INDEX, manifests=(entry,))
    writer = Writer(stream.write)
    _add(writer, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
    _add(writer, "index.json", canonical_json(index))
    for name in ("blobs", "blobs/sha256"):
        writer.add(Entry(name, "dir", 0o755))
    blobs = {d.digest: d for d in (image.descriptor, image.manifest.config, *image.manifest.layers)}
    for digest, descriptor in sorted(blobs.items()):
        with store.open_blob(digest) as blob:
            entry_of_blob = Entry(
                f"blobs/sha256/{Digest.parse(digest).hex}", "file", 0o644, size=descriptor.size
            )
            writer.add(entry_of_blob, blob)
            _expect_end(blob, digest)
    writer.close()


def write_docker(store: Store, image: Image, refs: Sequence[str], stream: BinaryIO) -> None:
    """Write a docker-archive to ``stream``: ``manifest.json``, the configuration, uncompressed layers.

    Args:
        store: holds the image.
        image: what is written.
        refs: names for it; those with a digest have no place in the format and are left out.
        stream: anything that can be written to; not closed.

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
    }
    writer = Writer(stream.write)
    _add(writer, "manifest.json", canonical_json([manifest]))
    _add(writer, config_name, config)
    for diff_id, (digest, size) in layers.items():
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
