"""Schemes, trees and kept wheels for tests of laying out."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from tests.oci.images import put_layer

from hivebase.layers.layer import Layer
from hivebase.layers.wheels.archive import Archive
from hivebase.layers.wheels.layout import lay_out
from hivebase.layers.wheels.metadata import read_contents
from hivebase.layers.wheels.names import parse
from hivebase.layers.wheels.scheme import Scheme
from hivebase.oci.model import Descriptor
from hivebase.plan.pythons import Python
from hivebase.plan.wheels import LockedWheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.wheels import Wheel

    from hivebase.layers.wheels.layout import Layout
    from hivebase.oci.store import Store

PYTHON = Python("3.11.2", "glibc", (2, 36), "x86_64", "build")
SITE = "/usr/local/lib/python3.11/dist-packages"
TEMPLATE = "from %(module)s import %(import_name)s\n%(func)s()\n"


def scheme(profile="pip", **fields) -> Scheme:
    """Return the scheme of Debian's interpreter."""
    said = {
        "profile": profile,
        "python": PYTHON,
        "executable": "/usr/bin/python3",
        "purelib": SITE,
        "platlib": SITE,
        "scripts": "/usr/local/bin",
        "data": "/usr/local",
        "headers": "/usr/include/python3.11",
        "template": TEMPLATE,
    }
    return Scheme(**(said | fields))


def laid_out(wheel: Wheel, where: Scheme, path: Path) -> Layout:
    """Return the layout of a wheel that is written to the directory ``path``."""
    file = path / wheel.file
    file.write_bytes(wheel.bytes())
    with Archive.open(file, where=wheel.file) as archive:
        return lay_out(archive, read_contents(archive, wheel.file), where, parse(wheel.file).name)


def kept(wheel: Wheel, directory: Path) -> LockedWheel:
    """Write a wheel as the cache of wheel files has it."""
    data = wheel.bytes()
    digest = hashlib.sha256(data).hexdigest()
    directory.mkdir(exist_ok=True)
    (directory / f"{digest}.whl").write_bytes(data)
    name = parse(wheel.file)
    return LockedWheel(name.name, name.version, wheel.file, digest, len(data))


class Kept:
    """Wheel files that are there: :class:`hivebase.layers.wheels.maker.Files`, and a little more."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.asked: list[str] = []

    def get(self, wheel: LockedWheel, /) -> Path:
        self.asked.append(wheel.name)
        return self.directory / f"{wheel.sha256}.whl"

    def held(self, wheel: LockedWheel) -> Path | None:
        path = self.directory / f"{wheel.sha256}.whl"
        return path if path.exists() else None

    def prefetch(self, wheels) -> None:
        pass


def stacked(store: Store, *tars: bytes) -> list[Layer]:
    """Store tars as layers."""
    pairs = [put_layer(store, tar) for tar in tars]
    return [Layer(Descriptor(one.media_type, str(one.digest), one.size), diff_id) for one, diff_id in pairs]
