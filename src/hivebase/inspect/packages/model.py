"""What an image holds, as values: packages, where each came from, and who owns which file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hivebase.plan.wheels import LockedWheel  # noqa: TC001 -- msgspec reads it at run time

if TYPE_CHECKING:
    from collections.abc import Mapping


class Origin(msgspec.Struct, frozen=True):
    """What brought a package into the image.

    Attributes:
        layer: digest of the blob.
        number: of the layer, the lowest is 1.
        step: of the Dockerfile, in one line; cut where it is long.
    """

    layer: str
    number: int
    step: str


class Licence(msgspec.Struct, frozen=True):
    """What a package says of its licence.

    Attributes:
        expression: of SPDX; empty unless it is one beyond doubt.
        names: what else it says, for people.
    """

    expression: str = ""
    names: tuple[str, ...] = ()


class Model(msgspec.Struct, frozen=True):
    """What makes a distribution a trained pipeline (spaCy's ``meta.json``)."""

    language: str
    pipeline: tuple[str, ...] = ()


class Interpreter(msgspec.Struct, frozen=True):
    """A CPython that no Debian package brought.

    Attributes:
        id: unique in the inventory.
        version: ``3.11.9``.
        prefix: what its own ``sys.base_prefix`` is, relative to the root.
        files: how many it owns.
    """

    id: str
    version: str
    prefix: str
    origin: Origin
    files: int = 0


class PythonPackage(msgspec.Struct, frozen=True, kw_only=True):
    """An installed Python distribution.

    Attributes:
        id: unique in the inventory.
        name: as its metadata has it.
        version: the same.
        path: of its metadata directory or file, relative to the root.
        licence: what it says.
        wheel: the file that it was installed from, where the build knows it.
        direct_url: where it came from if not from an index (PEP 610), without credentials.
        local: it was made of a project directory, so no index knows it.
        editable: its code is not in site-packages, but where the project is.
        within: id of what it came in: the distribution that bundles it, or the Debian package; else empty.
        model: what trained pipeline it is, if any.
        stand_in: it is not the official content of that name.
        needs: ids of what it says it needs and the image has.
        files: how many it owns.
    """

    id: str
    name: str
    version: str
    path: str
    origin: Origin
    licence: Licence = Licence()
    wheel: LockedWheel | None = None
    direct_url: str = ""
    local: bool = False
    editable: bool = False
    within: str = ""
    model: Model | None = None
    stand_in: bool = False
    needs: tuple[str, ...] = ()
    files: int = 0


class DebianPackage(msgspec.Struct, frozen=True, kw_only=True):
    """An installed Debian package.

    Attributes:
        id: unique in the inventory.
        source: name of the source package.
        source_version: its version.
        needs: ids of what it depends on and the image has.
        files: how many it owns.
    """

    id: str
    name: str
    version: str
    architecture: str
    source: str
    source_version: str
    origin: Origin
    needs: tuple[str, ...] = ()
    files: int = 0


class System(msgspec.Struct, frozen=True):
    """The distribution, as ``os-release`` has it: ``debian``, ``12``, ``bookworm``, ``Debian GNU/Linux 12 …``."""

    id: str
    version: str = ""
    codename: str = ""
    title: str = ""


class Inventory(msgspec.Struct, frozen=True, kw_only=True):
    """What an image holds. A function of the image, but for the wheels, which only who built it knows.

    Attributes:
        digest: of the manifest.
        name: what the image calls itself (label ``org.opencontainers.image.title``), or ``image``.
        version: the same (label ``org.opencontainers.image.version``), or empty.
        created: RFC 3339, whole seconds, UTC; 1970 where the image does not say it.
        platform: ``linux/amd64``.
        stand_ins: what in it is not the official content.
        system: None where it does not say it.
        python: sorted by normalised name, version and path.
        debian: sorted by name, architecture and version.
        interpreters: sorted by prefix.
        files: how many names of regular files the tree has.
        owners: id of the owner by path of a file, relative to the root; who is not in it has none.
        remarks: what could not be read or believed, one sentence each.
    """

    digest: str
    name: str
    version: str
    created: str
    platform: str
    stand_ins: tuple[str, ...] = ()
    system: System | None = None
    python: tuple[PythonPackage, ...] = ()
    debian: tuple[DebianPackage, ...] = ()
    interpreters: tuple[Interpreter, ...] = ()
    files: int = 0
    owners: Mapping[str, str] = {}
    remarks: tuple[str, ...] = ()

    @property
    def unowned(self) -> int:
        """How many files belong to no package."""
        return self.files - len(self.owners)
