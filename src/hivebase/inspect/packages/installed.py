"""The Python distributions of an image: from what each says of itself to what they are together."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from hivebase.inspect.packages import python
from hivebase.inspect.packages.model import PythonPackage
from hivebase.inspect.packages.requirements import needs
from hivebase.inspect.packages.texts import shown
from hivebase.layers.wheels.made_of import made_of
from hivebase.plan.resolve_pins import normalise, same_version
from hivebase.plan.wheels import LockedWheel

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from hivebase.inspect.packages.model import Model, Origin
    from hivebase.inspect.packages.python import Found
    from hivebase.inspect.packages.view import View

_MINOR = re.compile(r"/python(3\.[0-9]+)(?:/|\Z)")
_MODEL = "meta.json"


Parts = dict[str, dict[str, str]]
"""Where the metadata of a distribution is: real path by name of the file, by path of the directory."""


def parts(view: View) -> Parts:
    """Return the metadata of all distributions, each once: links to it count where it is nowhere by itself."""
    found: Parts = {}
    seen = set()
    for path in sorted(view.scan.metadata, key=view.scan.links.__contains__):
        files = python.parts_of(path, view.locate)
        main = files.get("METADATA") or files.get("PKG-INFO")
        if main is not None and main not in seen:
            seen.add(main)
            found[path] = files
    return found


def limits(view: View, metadata: Parts) -> dict[str, int]:
    """Return which files are to be read, and how much of each."""
    found: dict[str, int] = {}
    for files in metadata.values():
        found |= python.limits(files)
    libraries = {posixpath.dirname(path) for path in metadata}
    for path in view.scan.files:
        if path.endswith(f"/{_MODEL}") and posixpath.dirname(posixpath.dirname(path)) in libraries:
            found[path] = python.MOST_JSON
    return found


def distributions(
    view: View, metadata: Parts, versions: Callable[[str], str], stand_ins: Collection[str]
) -> tuple[PythonPackage, ...]:
    """Return all distributions of an image, after giving them their files.

    Args:
        view: with what :func:`limits` asks for read.
        metadata: of all of them.
        versions: returns the full version of the interpreter of a minor one, or of Debian's own for ''.
        stand_ins: names of what is not the official content.

    Raises:
        HivebaseError: what is known of a layer cannot be read.
    """
    found = _found(view, metadata)
    ids = _ids(found)
    bundled = _claim(view, found, ids)
    met = needs(
        [
            (id_, item.name, item.library, item.requires, versions(_minor(item.library)))
            for id_, item in zip(ids, found, strict=True)
            if id_ not in bundled
        ],
        view.architecture,
    )
    models = _models(view)
    odd = {normalise(name) for name in stand_ins}
    wheels = _Wheels(view)
    packages = []
    for id_, item in zip(ids, found, strict=True):
        origin = view.origins[view.scan.files[item.main].layer]
        owner = view.owners.found.get(item.main, "")
        packages.append(
            PythonPackage(
                id=id_,
                name=item.name,
                version=item.version,
                path=shown(item.path),
                origin=origin,
                licence=item.licence,
                wheel=None if id_ in bundled else wheels.of(item, origin),
                direct_url=item.direct_url,
                local=item.local,
                editable=item.editable,
                within=bundled.get(id_) or (owner if owner.startswith("deb:") else ""),
                model=models.get(id_),
                stand_in=normalise(item.name) in odd,
                needs=met.get(id_, ()),
            )
        )
        view.remarks += item.remarks
    return tuple(sorted(packages, key=lambda item: (normalise(item.name), item.version, item.path)))


def _found(view: View, metadata: Parts) -> list[Found]:
    """Return the distributions in the order in which they may claim files: who is installed before what it bundles."""
    read = (python.read(path, files, view.contents, view.whole) for path, files in metadata.items())
    return sorted(
        (item for item in read if item is not None),
        key=lambda item: (item.library.count("/"), normalise(item.name), item.version, item.path),
    )


def _ids(found: Sequence[Found]) -> list[str]:
    taken: set[str] = set()
    ids = []
    for item in found:
        id_ = f"pypi:{normalise(item.name)}@{item.version}"
        if id_ in taken:
            id_ = f"{id_}#{shown(item.path)}"
        while id_ in taken:  # two paths that differ in what is not UTF-8
            id_ += "+"
        taken.add(id_)
        ids.append(id_)
    return ids


def _claim(view: View, found: Sequence[Found], ids: Sequence[str]) -> dict[str, str]:
    """Give the distributions their files; return in which one each bundled one is."""
    mains = {item.main: (id_, item) for id_, item in zip(ids, found, strict=True)}
    bundled: dict[str, str] = {}
    for id_, item in zip(ids, found, strict=True):
        view.owners.claim(id_, item.listed)
        for path in item.listed:
            real = view.owners.real(path) if path.endswith(("/METADATA", "/PKG-INFO", ".egg-info")) else None
            inner, other = mains.get(real or "", ("", item))
            if inner and other.library.startswith(f"{item.library}/"):
                bundled.setdefault(inner, id_)
    return bundled


def _models(view: View) -> dict[str, Model]:
    """Return what is a trained pipeline, by id of the distribution that has its description."""
    found: dict[str, Model] = {}
    for path in sorted(view.contents):
        owner = view.owners.found.get(path, "")
        if path.endswith(f"/{_MODEL}") and owner.startswith("pypi:"):
            model = python.model_of(view.contents[path])
            if model is not None:
                found.setdefault(owner, model)
    return found


def _minor(library: str) -> str:
    match = _MINOR.search(f"/{library}")
    return match[1] if match else ""


class _Wheels:
    """Knows the wheels of the layers of one image."""

    def __init__(self, view: View) -> None:
        self._store = view.store
        self._known: dict[str, dict[str, list[LockedWheel]]] = {}

    def of(self, item: Found, origin: Origin) -> LockedWheel | None:
        """Return the wheel that ``item`` was installed from."""
        if origin.layer not in self._known:
            self._known[origin.layer] = _by_name(made_of(self._store, origin.layer))
        for wheel in self._known[origin.layer].get(normalise(item.name), ()):
            if same_version(wheel.version, item.version):
                return wheel
        file = item.direct_url.rpartition("/")[2]
        said = LockedWheel(normalise(item.name), item.version, file, item.sha256)
        return said if said.well_formed else None


def _by_name(wheels: Iterable[LockedWheel]) -> dict[str, list[LockedWheel]]:
    found: dict[str, list[LockedWheel]] = {}
    for wheel in wheels:
        found.setdefault(wheel.name, []).append(wheel)
    return found
