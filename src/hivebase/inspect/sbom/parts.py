"""An inventory as a flat list of what a bill of materials names: the same facts for both formats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from hivebase.inspect.packages.model import Licence
from hivebase.inspect.packages.texts import line, shown
from hivebase.plan.resolve_pins import normalise

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hivebase.inspect.packages.model import DebianPackage, Interpreter, Inventory, Origin, PythonPackage

PREFIX = "hivebase:"
"""Of the names of properties."""

FILES = f"{PREFIX}files"
"""Property: how many files a package owns."""

Kind = Literal["library", "model", "interpreter", "debian", "system"]
Properties = tuple[tuple[str, str], ...]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that the image holds.

    Attributes:
        id: as in the inventory.
        purl: package URL; empty for the distribution of Linux itself.
        properties: name and value; one name may be there several times.
        sha256: of the archive that it was installed from, or empty.
        archive: name of that file, or empty.
        cpe: of the vulnerability database, where that is what scanners go by.
        needs: ids of other parts.
    """

    id: str
    kind: Kind
    name: str
    version: str
    purl: str = ""
    properties: Properties = ()
    licence: Licence = Licence()
    sha256: str = ""
    archive: str = ""
    cpe: str = ""
    description: str = ""
    needs: tuple[str, ...] = ()


def image_purl(inventory: Inventory) -> str:
    """Return the package URL of the image itself."""
    from packageurl import PackageURL  # noqa: PLC0415 -- only bills of materials have them

    os, _, architecture = inventory.platform.partition("/")
    name = inventory.name.rpartition("/")[2] or "image"
    qualifiers = {"arch": architecture, "os": os}
    return PackageURL("oci", None, name, inventory.digest, qualifiers).to_string()


def image_properties(inventory: Inventory) -> Properties:
    """Return what is said of the image itself."""
    return (
        (f"{PREFIX}platform", inventory.platform),
        *((f"{PREFIX}stand-in", name) for name in inventory.stand_ins),
        (FILES, str(inventory.files)),
        (f"{FILES}:unowned", str(inventory.unowned)),
        *((f"{PREFIX}remark", text) for text in inventory.remarks),
    )


def parts(inventory: Inventory) -> Iterator[Part]:
    """Yield everything that the image holds, in the order of the inventory."""
    system = inventory.system
    if system is not None:
        yield Part(
            id=f"os:{system.id}@{system.version}",
            kind="system",
            name=system.id,
            version=system.version,
            description=system.title,
        )
    yield from map(_interpreter, inventory.interpreters)
    for package in inventory.debian:
        yield _debian(package, inventory)
    yield from map(_python, inventory.python)


def _interpreter(item: Interpreter) -> Part:
    from packageurl import PackageURL  # noqa: PLC0415 -- only bills of materials have them

    return Part(
        id=item.id,
        kind="interpreter",
        name="python",
        version=item.version,
        purl=PackageURL("generic", None, "python", item.version).to_string(),
        cpe=f"cpe:2.3:a:python:python:{item.version}:*:*:*:*:*:*:*",
        properties=(
            *_origin(item.origin),
            (f"{PREFIX}path", f"/{shown(item.prefix)}"),
            (FILES, str(item.files)),
        ),
    )


def _debian(item: DebianPackage, inventory: Inventory) -> Part:
    from packageurl import PackageURL  # noqa: PLC0415 -- only bills of materials have them

    system = inventory.system
    qualifiers = {"arch": item.architecture}
    if system is not None and system.version:
        qualifiers["distro"] = f"{system.id}-{system.version}"
    source = item.source if item.source_version == item.version else f"{item.source}@{item.source_version}"
    if source != item.name:
        qualifiers["upstream"] = source
    namespace = system.id if system is not None else "debian"
    return Part(
        id=item.id,
        kind="debian",
        name=item.name,
        version=item.version,
        purl=PackageURL("deb", namespace, item.name, item.version, qualifiers).to_string(),
        properties=(
            *_origin(item.origin),
            (f"{PREFIX}source", f"{item.source} {item.source_version}"),
            (FILES, str(item.files)),
        ),
        needs=item.needs,
    )


def _python(item: PythonPackage) -> Part:
    from packageurl import PackageURL  # noqa: PLC0415 -- only bills of materials have them

    # A local project is on no index. Under the name that it would have there, a scanner would take somebody else's
    # project for it.
    kind = "generic" if item.local else "pypi"
    properties = [*_origin(item.origin), (f"{PREFIX}path", f"/{item.path}"), (FILES, str(item.files))]
    if item.within:
        properties.append((f"{PREFIX}within", item.within))
    if item.direct_url:
        properties.append((f"{PREFIX}direct-url", item.direct_url))
    if item.editable:
        properties.append((f"{PREFIX}editable", "true"))
    if item.stand_in:
        properties.append((f"{PREFIX}stand-in", "true"))
    if item.model is not None:
        properties.append((f"{PREFIX}model:language", item.model.language))
        properties.append((f"{PREFIX}model:pipeline", ", ".join(item.model.pipeline)))
    return Part(
        id=item.id,
        kind="model" if item.model is not None else "library",
        name=item.name,
        version=item.version,
        purl=PackageURL(kind, None, normalise(item.name), item.version).to_string(),
        properties=tuple((name, line(value, 1000)) for name, value in properties if value),
        licence=item.licence,
        sha256=item.wheel.sha256 if item.wheel is not None else "",
        archive=item.wheel.file if item.wheel is not None else "",
        needs=item.needs,
    )


def _origin(origin: Origin) -> Properties:
    found = [(f"{PREFIX}layer", origin.layer), (f"{PREFIX}layer:number", str(origin.number))]
    return (*found, (f"{PREFIX}step", origin.step)) if origin.step else tuple(found)
