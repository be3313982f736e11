"""Whether a bill of materials says what an image holds: nothing missing, nothing more, no other version or hash.

Both formats are read for what they have in common: package URLs, SHA-256 of archives, and the number of files that a
package owns, where the document has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from hivebase.errors import CorruptContentError
from hivebase.inspect.packages.texts import line
from hivebase.inspect.sbom.parts import FILES, parts
from hivebase.oci import strict_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hivebase.inspect.packages.model import Inventory

LONGEST = 64 << 20
"""Bytes of a document; one of the largest hive image has half a million."""

_IMAGE = "oci"
"""Type of the package URL of the image itself."""


class Named(msgspec.Struct, frozen=True, order=True):
    """One package of a document or of an image.

    Attributes:
        kind: type of the package URL.
        name: with its namespace, as the URL has it.
        version: the same.
        architecture: of a Debian package, or empty.
        sha256: of its archive, or empty.
        files: how many it owns, or empty.
    """

    kind: str
    name: str
    version: str
    architecture: str = ""
    sha256: str = ""
    files: str = ""

    @property
    def subject(self) -> tuple[str, str]:
        """What there is one version of, as a rule."""
        return self.kind, self.name

    def __str__(self) -> str:
        return line(f"{self.name} {self.version} ({self.kind})")


def differences(document: bytes, inventory: Inventory) -> list[str]:
    """Return what differs, one sentence each, sorted by package."""
    try:
        read = strict_json.loads(document, what="the bill of materials", limit=LONGEST)
        subject, theirs = _read(read)
    except CorruptContentError as error:
        return [f"{error.what}: {error.why}" if error.why else error.what]
    ours = [
        named
        for part in parts(inventory)
        if (named := _named(part.purl, part.sha256, dict(part.properties).get(FILES, ""))) is not None
    ]
    found = []
    if subject != inventory.digest:
        found.append(f"it is about {line(subject) or 'no image'}, not about {inventory.digest}")
    return [*found, *_compared(ours, theirs)]


def _compared(ours: Iterable[Named], theirs: Iterable[Named]) -> Iterator[str]:
    image, document = _grouped(ours), _grouped(theirs)
    for subject in sorted(image.keys() | document.keys()):
        mine, other = image.get(subject, []), document.get(subject, [])
        rest, missing = list(other), []
        for item in mine:
            same = next((one for one in rest if _fits(item, one)), None)
            if same is not None:
                rest.remove(same)
            else:
                missing.append(item)
        yield from _told(missing, rest)


def _told(missing: list[Named], rest: list[Named]) -> Iterator[str]:
    for item in missing:
        like = next((one for one in rest if one.version == item.version), None)
        other = like or next(iter(rest), None)
        if other is None:
            yield f"{item} is in the image and not in the document"
            continue
        rest.remove(other)
        if like is None:
            yield f"{item.name} ({item.kind}) is {item.version} in the image and {line(other.version)} in the document"
        elif item.architecture != like.architecture and like.architecture:
            yield f"{item} is for {item.architecture} in the image and for {line(like.architecture)} in the document"
        elif item.sha256 and like.sha256 and item.sha256 != like.sha256:
            yield f"{item} came in an archive with sha256 {item.sha256}, the document says {line(like.sha256)}"
        else:
            yield f"{item} owns {item.files} files in the image and {line(like.files)} in the document"
    yield from (f"{item} is in the document and not in the image" for item in rest)


def _fits(mine: Named, other: Named) -> bool:
    """Tell whether ``other`` says nothing that is not so; what it leaves out is no difference."""
    return mine.version == other.version and all(
        not theirs or not known or theirs == known
        for known, theirs in (
            (mine.architecture, other.architecture),
            (mine.sha256, other.sha256),
            (mine.files, other.files),
        )
    )


def _grouped(named: Iterable[Named]) -> dict[tuple[str, str], list[Named]]:
    found: dict[tuple[str, str], list[Named]] = {}
    for item in sorted(named):
        found.setdefault(item.subject, []).append(item)
    return found


def _read(document: Any) -> tuple[str, list[Named]]:
    """Return the digest of the image that a document is about, and its packages.

    Raises:
        CorruptContentError: it is neither CycloneDX nor SPDX 2.
    """
    try:
        if isinstance(document, dict) and document.get("bomFormat") == "CycloneDX":
            return _cyclonedx(msgspec.convert(document, _Bom))
        if isinstance(document, dict) and str(document.get("spdxVersion", "")).startswith("SPDX-2."):
            return _spdx(msgspec.convert(document, _Spdx))
    except msgspec.ValidationError as error:
        raise CorruptContentError(
            "the bill of materials has not the form of its format", why=str(error)
        ) from error
    raise CorruptContentError("the bill of materials is neither CycloneDX nor SPDX 2")


class _Struct(msgspec.Struct, frozen=True, rename="camel"):
    """Of other members there may be any."""


class _Hash(_Struct, frozen=True):
    alg: str
    content: str


class _Property(_Struct, frozen=True):
    name: str
    value: str = ""


class _Component(_Struct, frozen=True):
    purl: str = ""
    version: str = ""
    hashes: tuple[_Hash, ...] = ()
    properties: tuple[_Property, ...] = ()
    components: tuple[_Component, ...] = ()


class _Metadata(_Struct, frozen=True):
    component: _Component | None = None


class _Bom(_Struct, frozen=True):
    metadata: _Metadata = _Metadata()
    components: tuple[_Component, ...] = ()


class _Checksum(_Struct, frozen=True):
    algorithm: str
    value: str = msgspec.field(name="checksumValue")


class _Reference(_Struct, frozen=True):
    type: str = msgspec.field(name="referenceType")
    locator: str = msgspec.field(name="referenceLocator")


class _Package(_Struct, frozen=True):
    checksums: tuple[_Checksum, ...] = ()
    references: tuple[_Reference, ...] = msgspec.field(name="externalRefs", default=())
    comment: str = ""


class _Spdx(_Struct, frozen=True):
    packages: tuple[_Package, ...] = ()


def _cyclonedx(document: _Bom) -> tuple[str, list[Named]]:
    image = document.metadata.component
    subject = ""
    if image is not None:
        named = _named(image.purl, "", "", image=True)
        hashes = [f"sha256:{item.content}" for item in image.hashes if item.alg == "SHA-256"]
        # Other tools have the digest as the version.
        subject = next(iter([*([named.version] if named else []), *hashes]), image.version)
    found, pending = [], list(document.components)
    while pending:
        item = pending.pop()
        pending += item.components
        sha256 = next((one.content for one in item.hashes if one.alg == "SHA-256"), "")
        files = next((one.value for one in item.properties if one.name == FILES), "")
        one = _named(item.purl, sha256, files)
        if one is not None:
            found.append(one)
    return subject, found


def _spdx(document: _Spdx) -> tuple[str, list[Named]]:
    subject, found = "", []
    for package in document.packages:
        purl = next((item.locator for item in package.references if item.type == "purl"), "")
        image = _named(purl, "", "", image=True)
        if image is not None:
            subject = image.version
            continue
        sha256 = next((item.value for item in package.checksums if item.algorithm == "SHA256"), "")
        lines = (row.partition("=") for row in package.comment.split("\n"))
        one = _named(purl, sha256, next((value for name, _, value in lines if name == FILES), ""))
        if one is not None:
            found.append(one)
    return subject, found


def _named(purl: str, sha256: str, files: str, *, image: bool = False) -> Named | None:
    """Return the package of a URL; None for no URL, and for an image unless one is asked for.

    Raises:
        CorruptContentError: it is no package URL.
    """
    from packageurl import PackageURL  # noqa: PLC0415 -- only bills of materials have them

    if not purl:
        return None
    try:
        read = PackageURL.from_string(purl)
    except ValueError as error:
        raise CorruptContentError(f"{line(purl)} is not a package URL", why=line(str(error))) from error
    if (read.type == _IMAGE) is not image:
        return None
    name = f"{read.namespace}/{read.name}" if read.namespace else read.name
    architecture = dict(read.qualifiers).get("arch", "") if read.type == "deb" else ""
    return Named(read.type, name, read.version or "", architecture, sha256.lower(), files)
