"""The receipt of an installation: what depends on who asked and not on the wheels, in one small layer."""

from __future__ import annotations

import csv
import hashlib
import io
from typing import TYPE_CHECKING

from hivebase.digest import Digest
from hivebase.layers.indexed_record import Recorder
from hivebase.layers.layer import Layer
from hivebase.layers.wheels import passthrough
from hivebase.layers.wheels.collisions import refuse_collisions
from hivebase.layers.wheels.jobs import LayerMade
from hivebase.layers.wheels.kept import KeptLayers
from hivebase.layers.wheels.layout import record_text, row_of
from hivebase.layers.wheels.passthrough import PassthroughWriter
from hivebase.layers.wheels.places import Places
from hivebase.plan.keys import fingerprint
from hivebase.tar import Entry

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hivebase.layers.indexed_cache import Indexes
    from hivebase.layers.wheels.jobs import Place, Requested, WheelFacts
    from hivebase.layers.wheels.scheme import Scheme
    from hivebase.oci.store import Store


def receipt_files(facts: WheelFacts, requested: Requested, scheme: Scheme) -> dict[str, bytes]:
    """Return the files of a receipt by name in the metadata directory."""
    at, length = facts.requested
    record = facts.record if requested.itself else facts.record[:at] + facts.record[at + length :]
    files = {"REQUESTED": b""} if requested.itself else {}
    if requested.direct_url:
        files["direct_url.json"] = requested.direct_url
        name = f"{facts.dist_info.rpartition('/')[2]}/direct_url.json"
        text = record.decode("utf-8", "surrogateescape")
        rows = [(row[0], row[1], row[2]) for row in csv.reader(io.StringIO(text, newline=""))]
        record = record_text([*rows, row_of(name, requested.direct_url)], scheme)
    return {**files, "RECORD": record}


def write_receipt(
    receipts: Iterable[tuple[WheelFacts, Requested]],
    scheme: Scheme,
    places: Sequence[Place],
    epoch: int,
    store: Store,
    indexes: Indexes,
) -> Layer:
    """Write the layer with all ``receipts`` to the store, with its index; one that was written before is found.

    Raises:
        BuildError: two of the wheels install different files under one name.
        SystemFaultError: it cannot be written.
    """
    receipts, kept = list(receipts), KeptLayers(store)
    key = _key(receipts, scheme, places, epoch)
    before = kept.get(key)
    if before is not None:
        return Layer(before.descriptor, Digest.parse(before.diff_id))
    refuse_collisions([facts for facts, _ in receipts])
    where, recorder, seen = Places(places), Recorder(), set[str]()
    with store.ingest() as blob:
        writer = PassthroughWriter(blob, recorder.add)
        for facts, requested in sorted(receipts, key=lambda item: item[0].dist_info):
            real = where.real(facts.dist_info)
            uid, gid = where.owner(real)
            for parent in where.entries(real, seen, epoch):
                writer.add(parent)
            for name, data in sorted(receipt_files(facts, requested, scheme).items()):
                writer.add(Entry(f"{real}/{name}", "file", 0o644, uid, gid, len(data), epoch), data)
        layer = writer.finish()
    indexes.keep(layer, recorder.finish(str(layer.diff_id)))
    kept.put(key, LayerMade(layer.descriptor, str(layer.diff_id), writer.size, ()))
    return layer


def _key(
    receipts: Iterable[tuple[WheelFacts, Requested]], scheme: Scheme, places: Sequence[Place], epoch: int
) -> Digest:
    parts = [
        [facts.dist_info, hashlib.sha256(facts.record).hexdigest(), asked.itself, asked.direct_url]
        for facts, asked in receipts
    ]
    around = [[place.path, place.mode, place.uid, place.gid, place.link] for place in places]
    return fingerprint("receipt", passthrough.FORMAT, parts, scheme.profile, around, epoch)
