"""What is asked of a worker that makes layers, and what it answers: plain values that cross a pipe."""

from __future__ import annotations

import msgspec

from hivebase.layers.wheels.scheme import Scheme  # noqa: TC001 -- msgspec reads it at run time
from hivebase.oci.model import Descriptor  # noqa: TC001 -- the same


class Place(msgspec.Struct, array_like=True, frozen=True):
    """A directory of the image that is not as an installation would make it, or a link in its place.

    Attributes:
        path: relative to the root, links above it followed.
        mode: permission bits.
        uid: owner.
        gid: group.
        link: path that it leads to, links followed; '' for a directory.
    """

    path: str
    mode: int = 0o755
    uid: int = 0
    gid: int = 0
    link: str = ""


class WheelJob(msgspec.Struct, array_like=True, frozen=True):
    """One wheel to lay out.

    Attributes:
        path: of the file, verified.
        file: its proper name.
        name: of the distribution as headers' directories have it; '' for the wheel's own.
        bytecode: path of the compiled modules (:mod:`hivebase.layers.wheels.bytecode`), '' for none.
    """

    path: str
    file: str
    name: str = ""
    bytecode: str = ""


class Requested(msgspec.Struct, array_like=True, frozen=True):
    """Who asked for a wheel.

    Attributes:
        itself: it was asked for itself, and so has a file ``REQUESTED`` (PEP 376).
        direct_url: content of ``direct_url.json`` (PEP 610), empty for what came from an index.
    """

    itself: bool
    direct_url: bytes = b""


class LayerJob(msgspec.Struct, array_like=True, frozen=True):
    """One layer to make of one or several wheels.

    Attributes:
        wheels: in the order in which they come in the layer.
        scheme: where they go.
        places: what of the image's directories counts.
        epoch: modification time of everything, seconds since 1970.
        receipts: for each wheel, to write its receipt into the same layer; none to leave that to others.
    """

    wheels: tuple[WheelJob, ...]
    scheme: Scheme
    places: tuple[Place, ...]
    epoch: int
    receipts: tuple[Requested, ...] = ()


class WheelFacts(msgspec.Struct, array_like=True, frozen=True):
    """What is known of a wheel once it was laid out.

    Attributes:
        name: normalised.
        version: as in its metadata.
        dist_info: absolute path of its metadata directory.
        record: text of RECORD with a line for ``REQUESTED``.
        requested: offset and length of that line.
        remarks: for people.
    """

    name: str
    version: str
    dist_info: str
    record: bytes
    requested: tuple[int, int]
    remarks: tuple[str, ...] = ()


class LayerMade(msgspec.Struct, array_like=True, frozen=True):
    """A finished layer.

    Attributes:
        descriptor: of the blob in the store.
        diff_id: of the layer.
        size: bytes of the uncompressed layer.
        wheels: in the order of the job.
    """

    descriptor: Descriptor
    diff_id: str
    size: int
    wheels: tuple[WheelFacts, ...]
