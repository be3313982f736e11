"""An inventory as a CycloneDX 1.6 bill of materials in JSON (ECMA-424)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.dependency import Dependency
from cyclonedx.model.license import DisjunctiveLicense, LicenseAcknowledgement, LicenseExpression
from cyclonedx.model.tool import ToolRepository
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.spdx import is_supported_id
from packageurl import PackageURL

from hivebase import __version__
from hivebase.inspect.sbom.parts import PREFIX, image_properties, image_purl, parts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from cyclonedx.model.license import License

    from hivebase.inspect.packages.model import Inventory, Licence
    from hivebase.inspect.sbom.parts import Kind, Part

_TYPES: dict[Kind, ComponentType] = {
    "debian": ComponentType.LIBRARY,
    "interpreter": ComponentType.APPLICATION,
    "library": ComponentType.LIBRARY,
    "model": ComponentType.MACHINE_LEARNING_MODEL,
    "system": ComponentType.OPERATING_SYSTEM,
}
_IMAGE = "image"


def document(inventory: Inventory, serial: UUID) -> str:
    """Return the document as text: of equal inventories, equal text.

    Args:
        inventory: what the image holds.
        serial: of the document.
    """
    image = Component(
        bom_ref=_IMAGE,
        type=ComponentType.CONTAINER,
        name=inventory.name,
        version=inventory.version or None,
        purl=PackageURL.from_string(image_purl(inventory)),
        hashes=[_sha256(inventory.digest.removeprefix("sha256:"))],
        properties=[Property(name=name, value=value) for name, value in image_properties(inventory)],
    )
    found = list(parts(inventory))
    components = {part.id: _component(part) for part in found}
    dependencies = [
        Dependency(components[part.id].bom_ref, [Dependency(components[id_].bom_ref) for id_ in part.needs])
        for part in found
    ]
    every = [Dependency(component.bom_ref) for component in components.values()]
    bom = Bom(
        serial_number=serial,
        metadata=BomMetaData(
            timestamp=datetime.fromisoformat(inventory.created),
            component=image,
            tools=ToolRepository(
                components=[Component(type=ComponentType.APPLICATION, name="hivebase", version=__version__)]
            ),
        ),
        components=components.values(),
        dependencies=[Dependency(image.bom_ref, every), *dependencies],
    )
    # Without an indent each bill would be one line, which nobody can compare.
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"


def _component(part: Part) -> Component:
    properties = [Property(name=name, value=value) for name, value in part.properties]
    if part.archive:
        properties.append(Property(name=f"{PREFIX}archive", value=part.archive))
    return Component(
        bom_ref=part.id,
        type=_TYPES[part.kind],
        name=part.name,
        version=part.version or None,
        description=part.description or None,
        purl=PackageURL.from_string(part.purl) if part.purl else None,
        cpe=part.cpe or None,
        hashes=[_sha256(part.sha256)] if part.sha256 else None,
        licenses=_licences(part.licence),
        properties=properties,
    )


def _licences(licence: Licence) -> Iterator[License]:
    declared = LicenseAcknowledgement.DECLARED
    if licence.expression and is_supported_id(licence.expression):
        yield DisjunctiveLicense(id=licence.expression, acknowledgement=declared)
    elif licence.expression:
        yield LicenseExpression(licence.expression, acknowledgement=declared)
    else:
        for name in licence.names:
            yield DisjunctiveLicense(name=name, acknowledgement=declared)


def _sha256(hex_digits: str) -> HashType:
    return HashType(alg=HashAlgorithm.SHA_256, content=hex_digits)
