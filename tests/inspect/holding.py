"""Small images that hold packages: layers as mappings, and the files by which installers say what is there."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from tests.oci.images import put_layer
from tests.wheels import record, row

from hivebase.oci.model import History, ImageConfig, RootFS, RunConfig
from hivebase.tar import Entry, Writer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hivebase.oci.store import Image, Store

SITE = "usr/local/lib/python3.11/site-packages"
STATUS = "var/lib/dpkg/status"
OS_RELEASE = (
    'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n'
)

Content = bytes | str | Entry
"""Of a file, or an entry without content that is given the name."""


def layer(files: Mapping[str, Content]) -> bytes:
    """Return a layer as a tar."""
    parts: list[bytes] = []
    writer = Writer(parts.append)
    for name, content in files.items():
        if isinstance(content, Entry):
            writer.add(content)
            continue
        data = content.encode() if isinstance(content, str) else content
        writer.add(Entry(name, "file", 0o644, size=len(data)), data)
    writer.close()
    return b"".join(parts)


def link(name: str, target: str) -> dict[str, Content]:
    """Return a symbolic link as part of a layer."""
    return {name: Entry(name, "symlink", 0o777, link=target)}


def image(
    store: Store,
    *layers: Mapping[str, Content],
    steps: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
    created: str = "2024-05-06T07:08:09Z",
    ref: str = "held:1",
) -> Image:
    """Store an image under ``ref``; by default, the steps of its layers are ``RUN 1``, ``RUN 2`` …"""
    pairs = [put_layer(store, layer(files)) for files in layers]
    told = steps or [f"RUN {number + 1}" for number in range(len(layers))]
    config = ImageConfig(
        architecture="amd64",
        os="linux",
        created=created,
        config=RunConfig(labels=dict(labels or {})),
        rootfs=RootFS(diff_ids=tuple(str(diff_id) for _, diff_id in pairs)),
        history=tuple(History(created_by=step) for step in told),
    )
    store.tag(ref, store.put_image(config, [descriptor for descriptor, _ in pairs]))
    return store.image(ref)


def distribution(
    name: str,
    version: str = "1.0",
    files: Mapping[str, Content] | None = None,
    *,
    fields: Sequence[str] = (),
    more: Mapping[str, bytes | str] | None = None,
    site: str = SITE,
) -> dict[str, Content]:
    """Return an installed distribution as part of a layer.

    Args:
        name: as in METADATA and in the name of the directory.
        version: the same.
        files: relative to ``site``; by default one module.
        fields: more lines of METADATA.
        more: files of the metadata directory.
        site: where it is installed.
    """
    info = f"{name}-{version}.dist-info"
    own: dict[str, Content] = dict({f"{name}.py": "x = 1\n"} if files is None else files)
    head = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *fields]
    own[f"{info}/METADATA"] = "\n".join(head) + "\n\nA description.\n"
    own |= {f"{info}/{path}": content for path, content in (more or {}).items()}
    contents = {path: data.encode() if isinstance(data, str) else data for path, data in own.items()}
    rows = [row(path, data) for path, data in contents.items() if isinstance(data, bytes)]
    own.setdefault(f"{info}/RECORD", record([*rows, (f"{info}/RECORD", "", "")]))
    return {posixpath.normpath(f"{site}/{path}"): content for path, content in own.items()}


def stanza(name: str, version: str = "1-1", *lines: str, architecture: str = "amd64") -> str:
    """Return one package of dpkg's status."""
    head = [
        f"Package: {name}",
        "Status: install ok installed",
        f"Architecture: {architecture}",
        f"Version: {version}",
    ]
    return "\n".join([*head, *lines]) + "\n"


def status(*stanzas: str) -> dict[str, Content]:
    """Return dpkg's status as part of a layer."""
    return {STATUS: "\n".join(stanzas)}


def listing(package: str, *paths: str) -> dict[str, Content]:
    """Return the list of a Debian package's files as part of a layer."""
    return {f"var/lib/dpkg/info/{package}.list": "".join(f"{path}\n" for path in ("/.", *paths))}
