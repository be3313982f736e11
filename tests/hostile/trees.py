"""Layers unpacked by us and by others, as lists of lines that can be compared."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import subprocess
from typing import TYPE_CHECKING

from hivebase.layers.apply import apply
from hivebase.layers.tree import StackedTree

if TYPE_CHECKING:
    from pathlib import Path

    from hivebase.layers.tree import Tree


def unpack(where: Path, *layers: bytes) -> tuple[StackedTree, list[Path]]:
    """Unpack the archives, lowest first, each into a directory of its own; return what they show together."""
    directories: list[Path] = []
    for number, raw in enumerate(layers):
        target = where / f"layer-{number}"
        target.mkdir(parents=True)
        apply(io.BytesIO(raw), target, lower=StackedTree(directories), where="test layer")
        directories.append(target)
    return StackedTree(directories), directories


def rows(tree: Tree, path: str = "", *, times: bool = True) -> list[str]:
    """Describe everything below ``path``, one line each, sorted."""
    found = []
    for name in tree.listdir(path):
        here = f"{path}/{name}" if path else name
        entry = tree.lstat(here)
        if entry is None:
            continue  # a socket
        line = f"{entry.kind} {entry.mode:04o} {entry.uid}:{entry.gid} {here!r}"
        if times:
            line += f" @{entry.mtime}"
        if entry.kind == "file":
            with tree.open(here) as file:
                data = file.read()
            line += f" {data!r}" if len(data) < 40 else f" {hashlib.sha256(data).hexdigest()}"
        elif entry.kind == "symlink":
            line += f" -> {entry.link!r}"
        elif entry.kind in {"char", "block"}:
            line += f" {entry.major}:{entry.minor}"
        found.append("".join([line, *(f" {key}={value!r}" for key, value in entry.xattrs)]))
        if entry.kind == "dir":
            found += rows(tree, here, times=times)
    return found


def umoci(where: Path, *layers: bytes) -> StackedTree:
    """Unpack the archives with umoci, the reference implementation of the image-spec."""
    blobs = where / "layout" / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def put(data: bytes, media_type: str) -> dict[str, object]:
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return {
            "mediaType": f"application/vnd.oci.image.{media_type}",
            "digest": f"sha256:{digest}",
            "size": len(data),
        }

    diff_ids = [f"sha256:{hashlib.sha256(raw).hexdigest()}" for raw in layers]
    config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids}}
    manifest = {
        "schemaVersion": 2,
        "config": put(json.dumps({**config, "config": {}, "history": []}).encode(), "config.v1+json"),
        "layers": [put(gzip.compress(raw, mtime=0), "layer.v1.tar+gzip") for raw in layers],
    }
    top = put(json.dumps(manifest).encode(), "manifest.v1+json")
    index = {
        "schemaVersion": 2,
        "manifests": [{**top, "annotations": {"org.opencontainers.image.ref.name": "x"}}],
    }
    (where / "layout" / "index.json").write_text(json.dumps(index))
    (where / "layout" / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    image, rootfs = where / "layout", where / "rootfs"
    subprocess.run(
        ["umoci", "raw", "unpack", "--image", f"{image}:x", rootfs], check=True, capture_output=True
    )
    return StackedTree([rootfs])
