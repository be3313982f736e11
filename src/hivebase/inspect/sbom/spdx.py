"""An inventory as an SPDX 2.3 document in JSON (ISO/IEC 5962, as extended by 2.3).

SPDX 2.3 has no properties: what CycloneDX has as such stands in the ``comment`` of a package, one ``name=value`` in a
line.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import msgspec

from hivebase import __version__
from hivebase.inspect.sbom.parts import image_properties, image_purl, parts

if TYPE_CHECKING:
    from uuid import UUID

    from hivebase.inspect.packages.model import Inventory, Licence
    from hivebase.inspect.sbom.parts import Kind, Part, Properties

_DOCUMENT = "SPDXRef-DOCUMENT"
_IMAGE = "SPDXRef-image"
_UNKNOWN = "NOASSERTION"
_PURPOSES: dict[Kind, str] = {
    "debian": "LIBRARY",
    "interpreter": "APPLICATION",
    "library": "LIBRARY",
    "model": "OTHER",  # 2.3 has no word for it
    "system": "OPERATING-SYSTEM",
}


class _Struct(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Fields in SPDX's spelling; what is empty is left out."""


class _Checksum(_Struct, frozen=True):
    algorithm: str
    value: str = msgspec.field(name="checksumValue")


class _Reference(_Struct, frozen=True):
    category: str = msgspec.field(name="referenceCategory")
    type: str = msgspec.field(name="referenceType")
    locator: str = msgspec.field(name="referenceLocator")


class _Package(_Struct, frozen=True, kw_only=True):
    id: str = msgspec.field(name="SPDXID")
    name: str
    version_info: str = ""
    package_file_name: str = ""
    download_location: str
    files_analyzed: bool
    checksums: tuple[_Checksum, ...] = ()
    license_concluded: str
    license_declared: str
    license_comments: str = ""
    copyright_text: str
    summary: str = ""
    external_refs: tuple[_Reference, ...] = ()
    primary_package_purpose: str = ""
    comment: str = ""


class _Relationship(_Struct, frozen=True):
    element: str = msgspec.field(name="spdxElementId")
    type: str = msgspec.field(name="relationshipType")
    related: str = msgspec.field(name="relatedSpdxElement")


class _Creation(_Struct, frozen=True):
    created: str
    creators: tuple[str, ...]


class _Document(_Struct, frozen=True):
    version: str = msgspec.field(name="spdxVersion")
    data_license: str
    id: str = msgspec.field(name="SPDXID")
    name: str
    namespace: str = msgspec.field(name="documentNamespace")
    creation_info: _Creation
    packages: tuple[_Package, ...]
    relationships: tuple[_Relationship, ...]


def document(inventory: Inventory, serial: UUID) -> str:
    """Return the document as text: of equal inventories, equal text.

    Args:
        inventory: what the image holds.
        serial: makes the namespace of the document.
    """
    found = list(parts(inventory))
    ids = _ids(found)
    image = _package(
        _IMAGE,
        inventory.name,
        inventory.version,
        purl=image_purl(inventory),
        sha256=inventory.digest.removeprefix("sha256:"),
        purpose="CONTAINER",
        properties=image_properties(inventory),
    )
    contained = (_Relationship(element=_IMAGE, type="CONTAINS", related=ids[part.id]) for part in found)
    needed = (
        _Relationship(element=ids[part.id], type="DEPENDS_ON", related=ids[need])
        for part in found
        for need in part.needs
    )
    whole = _Document(
        version="SPDX-2.3",
        data_license="CC0-1.0",
        id=_DOCUMENT,
        name=f"{inventory.name} {inventory.version}".strip(),
        namespace=serial.urn,
        creation_info=_Creation(created=inventory.created, creators=(f"Tool: hivebase-{__version__}",)),
        packages=(image, *(_of(part, ids[part.id]) for part in found)),
        relationships=(
            _Relationship(element=_DOCUMENT, type="DESCRIBES", related=_IMAGE),
            *contained,
            *needed,
        ),
    )
    return json.dumps(msgspec.to_builtins(whole), indent=2) + "\n"


def _ids(found: list[Part]) -> dict[str, str]:
    """Return the SPDX identifier of each part: letters, digits, ``.`` and ``-`` alone, and each once."""
    ids: dict[str, str] = {}
    taken = {_DOCUMENT, _IMAGE}
    for part in found:
        name = f"SPDXRef-{re.sub(r'[^A-Za-z0-9.]+', '-', part.id)}"
        unique, number = name, 2
        while unique in taken:
            unique, number = f"{name}-{number}", number + 1
        taken.add(unique)
        ids[part.id] = unique
    return ids


def _of(part: Part, id_: str) -> _Package:
    return _package(
        id_,
        part.name,
        part.version,
        purl=part.purl,
        cpe=part.cpe,
        sha256=part.sha256,
        file=part.archive,
        purpose=_PURPOSES[part.kind],
        licence=part.licence,
        summary=part.description,
        properties=part.properties,
    )


def _package(  # noqa: PLR0913 -- each under its name
    id_: str,
    name: str,
    version: str,
    *,
    purl: str,
    sha256: str,
    purpose: str,
    properties: Properties,
    cpe: str = "",
    file: str = "",
    licence: Licence | None = None,
    summary: str = "",
) -> _Package:
    references = []
    if purl:
        references.append(_Reference(category="PACKAGE-MANAGER", type="purl", locator=purl))
    if cpe:
        references.append(_Reference(category="SECURITY", type="cpe23Type", locator=cpe))
    said = "; ".join(licence.names) if licence is not None else ""
    return _Package(
        id=id_,
        name=name,
        version_info=version,
        package_file_name=file,
        download_location=_UNKNOWN,
        files_analyzed=False,
        checksums=(_Checksum(algorithm="SHA256", value=sha256),) if sha256 else (),
        license_concluded=_UNKNOWN,
        license_declared=(licence.expression if licence is not None else "") or _UNKNOWN,
        license_comments=f"The package says: {said}" if said else "",
        copyright_text=_UNKNOWN,
        summary=summary,
        external_refs=tuple(references),
        primary_package_purpose=purpose,
        comment="\n".join(f"{key}={value}" for key, value in properties),
    )
