"""The pages of a package index over a directory of wheels: PEP 503 (HTML), PEP 691 (JSON), PEP 658 (metadata)."""

from __future__ import annotations

import hashlib
import html
import json
import re
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.variants import Wheel

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

JSON_TYPE = "application/vnd.pypi.simple.v1+json"
HTML_TYPE = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Entry:
    """A wheel as the index lists it.

    Attributes:
        wheel: its name and digest.
        metadata: its METADATA, which installers ask for before they fetch the whole wheel.
        requires_python: from there, or empty.
    """

    wheel: Wheel
    metadata: bytes
    requires_python: str = ""

    @property
    def metadata_sha256(self) -> str:
        """The digest of the metadata."""
        return hashlib.sha256(self.metadata).hexdigest()


def read_entry(path: Path) -> Entry:
    """Return the entry of the wheel at ``path``.

    Raises:
        ValueError: it is not a wheel.
    """
    parts = path.name.removesuffix(".whl").split("-")
    if len(parts) not in {5, 6}:
        raise ValueError(f"{path.name} is not the name of a wheel")
    project = re.sub(r"[-_.]+", "-", parts[0]).lower()
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    with zipfile.ZipFile(path) as archive:
        metadata = archive.read(f"{parts[0]}-{parts[1]}.dist-info/METADATA")
    match = re.search(rb"(?m)^Requires-Python: ([^\r\n]+)", metadata.partition(b"\n\n")[0])
    requires = match[1].decode() if match else ""
    return Entry(Wheel(project, parts[1], path.name, digest), metadata, requires)


def by_project(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """Return ``entries`` by the normalised name of their project."""
    found: dict[str, list[Entry]] = {}
    for entry in sorted(entries, key=lambda entry: entry.wheel.file_name):
        found.setdefault(entry.wheel.project, []).append(entry)
    return found


def html_page(entries: Iterable[Entry]) -> bytes:
    """Return the page of one project."""
    links = []
    for entry in entries:
        python = (
            f' data-requires-python="{html.escape(entry.requires_python)}"' if entry.requires_python else ""
        )
        metadata = f"sha256={entry.metadata_sha256}"
        links.append(
            f'<a href="/files/{entry.wheel.file_name}#sha256={entry.wheel.sha256}"{python}'
            f' data-dist-info-metadata="{metadata}" data-core-metadata="{metadata}">{entry.wheel.file_name}</a><br>'
        )
    return ("<!DOCTYPE html>\n<html><body>\n" + "\n".join(links) + "\n</body></html>\n").encode()


def json_page(project: str, entries: Iterable[Entry]) -> bytes:
    """Return the same as JSON."""
    files = [
        {
            "filename": entry.wheel.file_name,
            "url": f"/files/{entry.wheel.file_name}",
            "hashes": {"sha256": entry.wheel.sha256},
            "core-metadata": {"sha256": entry.metadata_sha256},
            **({"requires-python": entry.requires_python} if entry.requires_python else {}),
        }
        for entry in entries
    ]
    return json.dumps({"meta": {"api-version": "1.0"}, "name": project, "files": files}).encode()


def accepts_json(accept: str) -> bool:
    """Return whether a client that sends ``Accept`` reads the JSON page."""
    return JSON_TYPE in accept
