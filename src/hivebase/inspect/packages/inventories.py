"""Makes inventories of images of a store, without unpacking them."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hivebase.build.stage import Built
from hivebase.errors import CorruptContentError
from hivebase.inspect.packages import debian, installed
from hivebase.inspect.packages.dpkg import Dpkg
from hivebase.inspect.packages.interpreters import files_of, interpreters
from hivebase.inspect.packages.model import DebianPackage, Interpreter, Inventory
from hivebase.inspect.packages.owners import Owners
from hivebase.inspect.packages.reading import Reader
from hivebase.inspect.packages.scan import scan
from hivebase.inspect.packages.steps import origins
from hivebase.inspect.packages.system import MOST_READ, PLACES, system_of
from hivebase.inspect.packages.texts import line, shown
from hivebase.inspect.packages.view import View
from hivebase.layers.indexed_cache import Indexes
from hivebase.layers.wheels.facts import FileFacts
from hivebase.oci.annotations import TITLE, VERSION, stand_ins_of
from hivebase.values import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hivebase.inspect.packages.debian import Key, Stanza
    from hivebase.oci.store import Image, Store

MOST_PACKAGES = 100_000
"""Of one image; the largest real ones have a few thousand."""

_MOST_REMARKS = 100
_VERSION = re.compile(r"(?:[0-9]+:)?(3\.[0-9]+\.[0-9]+)", re.ASCII)
_DEBIAN_PYTHON = re.compile(r"python3(?P<minor>\.[0-9]+)?-minimal\Z", re.ASCII)
_GUESS = "3.13.0"
"""The interpreter of distributions for which there is none in the image: most markers ask for what is older."""


class Inventories:
    """Makes inventories; what images have in common is read once.

    Args:
        store: has the images.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._indexes = Indexes(store)
        self._reader = Reader()

    def of(self, image: Image) -> Inventory:
        """Return what ``image`` holds.

        Raises:
            CorruptContentError: a layer is damaged, or lists of packages are larger than any image's are.
            HivebaseError: a layer cannot be read.
        """
        built = Built.of_image(image)
        with self._indexes.tree(built.layers) as tree:
            found = scan(tree)
            owners = Owners(tree, found.files)
            architecture = image.config.architecture
            view = View(self._store, built.layers, origins(built), tree, found, owners, architecture)
            return self._made(view, image)

    def _made(self, view: View, image: Image) -> Inventory:
        dpkg = Dpkg.find(view.tree, view.scan.files, len(view.layers))
        if len(view.scan.metadata) + len(dpkg.single) > MOST_PACKAGES:
            raise CorruptContentError(
                "the image has more packages than are listed", why=f"more than {MOST_PACKAGES}"
            )
        metadata = installed.parts(view)
        release = next(filter(None, map(view.locate, PLACES)), None)
        limits = {**dpkg.limits(), **installed.limits(view, metadata)}
        limits |= {release: MOST_READ} if release is not None else {}
        states = view.read(self._reader, limits, dpkg.status)
        debians = _debian(view, dpkg, states)
        own = _interpreters(view)
        stand_ins = stand_ins_of(image.config.config.labels)
        pythons = installed.distributions(view, metadata, _versions(debians, own), stand_ins)
        for item in own:  # after the distributions, some of which install headers beside those of CPython
            view.owners.claim(item.id, files_of(item.prefix, item.version, view.scan.files))
        view.owners.bytecode(view.scan.files)
        counts = Counter(view.owners.found.values())
        labels = image.config.config.labels
        return Inventory(
            digest=image.descriptor.digest,
            name=line(labels.get(TITLE, "")) or "image",
            version=line(labels.get(VERSION, "")),
            created=_instant(image.config.created),
            platform=line(str(image.config.platform)),
            stand_ins=tuple(line(name) for name in stand_ins),
            system=system_of(view.contents[release]) if release is not None else None,
            python=tuple(replace(item, files=counts[item.id]) for item in pythons),
            debian=tuple(replace(item, files=counts[item.id]) for item in debians),
            interpreters=tuple(replace(item, files=counts[item.id]) for item in own),
            files=len(view.scan.files),
            owners=dict(sorted(view.owners.found.items())),
            remarks=tuple(line(text, 1000) for text in view.remarks[:_MOST_REMARKS]),
        )


def _debian(view: View, dpkg: Dpkg, states: list[bytes]) -> list[DebianPackage]:
    """Return the Debian packages, after giving them their files."""
    found: dict[str, tuple[Stanza, int]] = {}
    ids: dict[Key, str] = {}
    for stanza, layer in dpkg.packages(states, view.contents, view.scan.files, view.remarks):
        id_ = f"deb:{stanza.name}:{stanza.architecture}@{stanza.version}"
        if found.setdefault(id_, (stanza, layer))[0] is stanza:
            ids.setdefault(stanza.key, id_)
            ids.setdefault((stanza.name, ""), id_)
    if len(found) > MOST_PACKAGES:
        raise CorruptContentError(
            "the image has more packages than are listed", why=f"more than {MOST_PACKAGES}"
        )
    dpkg.claim(ids, view.contents, view.owners)
    met = debian.needs((id_, stanza) for id_, (stanza, _) in found.items())
    packages = (
        DebianPackage(
            id=id_,
            name=stanza.name,
            version=stanza.version,
            architecture=stanza.architecture,
            source=stanza.source,
            source_version=stanza.source_version,
            origin=view.origins[layer],
            needs=met[id_],
        )
        for id_, (stanza, layer) in found.items()
    )
    return sorted(packages, key=lambda item: (item.name, item.architecture, item.version))


def _interpreters(view: View) -> list[Interpreter]:
    facts = FileFacts(view.store, view.layers, view.tree)
    found = []
    for prefix, version, file in interpreters(view.scan, view.owners.found, facts):
        origin = view.origins[view.scan.files[file].layer]
        found.append(Interpreter(f"cpython:{shown(prefix)}@{version}", version, prefix, origin))
    return sorted(found, key=lambda item: item.prefix)


def _versions(debians: Iterable[DebianPackage], own: Iterable[Interpreter]) -> Callable[[str], str]:
    """Return what knows the full version of an interpreter by its minor one; '' is for that of Debian."""
    known = {item.version.rpartition(".")[0]: item.version for item in own}
    for package in debians:
        match = _DEBIAN_PYTHON.match(package.name)
        version = _VERSION.match(package.version)
        if match and version:
            known.setdefault(f"3{match['minor']}" if match["minor"] else "", version[1])
    guess = next(iter(known.values()), _GUESS)
    return lambda minor: known.get(minor) or (f"{minor}.0" if minor else guess)


def _instant(created: str) -> str:
    """Return a time of RFC 3339 in whole seconds and UTC; 1970 for what is none."""
    try:
        said = datetime.fromisoformat(created)
        instant = said.replace(tzinfo=said.tzinfo or UTC, microsecond=0).astimezone(UTC)
    except (ValueError, OverflowError):
        instant = datetime.fromtimestamp(0, UTC)
    return instant.isoformat().replace("+00:00", "Z")
