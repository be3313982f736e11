"""From wheels to one layer: each file checked, hashed and written once, its compressed bytes passed through."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from hivebase.layers.indexed_record import Recorder
from hivebase.layers.wheels import bytecode
from hivebase.layers.wheels.archive import Archive
from hivebase.layers.wheels.checked import verified
from hivebase.layers.wheels.jobs import LayerMade, WheelFacts
from hivebase.layers.wheels.layout import lay_out, record_text, row_of
from hivebase.layers.wheels.metadata import read_contents
from hivebase.layers.wheels.passthrough import PassthroughWriter
from hivebase.layers.wheels.places import Places
from hivebase.layers.wheels.receipt import receipt_files
from hivebase.tar import Entry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hivebase.layers.indexed_cache import Indexes
    from hivebase.layers.wheels.jobs import LayerJob, Requested, WheelJob
    from hivebase.layers.wheels.layout import Layout, Row
    from hivebase.layers.wheels.metadata import WheelContents
    from hivebase.layers.wheels.scheme import Scheme
    from hivebase.oci.store import Store

_DEFLATED = 8


def make_layer(job: LayerJob, store: Store, indexes: Indexes) -> LayerMade:
    """Write the layer of ``job`` to the store, with its index.

    Raises:
        CorruptContentError: a wheel is not acceptable; the message names it.
        SystemFaultError: the store cannot be written.
    """
    recorder = Recorder()
    with store.ingest() as blob:
        writer = PassthroughWriter(blob, recorder.add)
        composer = _Composer(job, writer, Places(job.places), set())
        facts = tuple(
            composer.wheel(wheel, requested) for wheel, requested in zip_longest(job.wheels, job.receipts)
        )
        for item, requested in zip(facts, job.receipts, strict=False):
            composer.receipt(item, requested)
        layer = writer.finish()
    indexes.keep(layer, recorder.finish(str(layer.diff_id)))
    return LayerMade(layer.descriptor, str(layer.diff_id), writer.size, facts)


@dataclass(slots=True)
class _Composer:
    """Lays wheels out into one layer.

    Attributes:
        seen: real paths that the layer has.
    """

    job: LayerJob
    writer: PassthroughWriter
    places: Places
    seen: set[str]

    def wheel(self, wheel: WheelJob, requested: Requested | None) -> WheelFacts:
        """Add one wheel, without its receipt; return what is known of it then."""
        scheme = self.job.scheme
        with Archive.open(Path(wheel.path), where=wheel.file) as archive:
            contents = read_contents(archive, wheel.file)
            layout = lay_out(archive, contents, scheme, wheel.name or contents.name)
            compiled = bytecode.read(Path(wheel.bytecode)) if wheel.bytecode else {}
            compiled = {source: compiled[source] for source in _sources(layout, scheme) if source in compiled}
            # What a wheel brings and an installer writes over: bytecode and receipts.
            over = {bytecode.place(source, scheme.python.minor) for source in compiled}
            if requested is not None:
                names = (["REQUESTED"] * requested.itself) + (
                    ["direct_url.json"] * bool(requested.direct_url)
                )
                over.update(f"{layout.library}/{layout.dist_info}/{name}" for name in names)
            files = {
                file.member.name: file
                for file in layout.files
                if file.member is not None and file.path not in over
            }
            for directory in sorted(layout.directories):
                for parent in self.places.entries(self.places.real(directory), self.seen, self.job.epoch):
                    self.writer.add(parent)
            for member, raw, data in verified(archive, contents):
                file = files.get(member.name)
                if file is None:
                    continue
                entry = self._entry(file.path, file.mode, member.size)
                if entry is None:
                    continue
                if member.method == _DEFLATED:
                    self.writer.add_deflated(entry, data, raw, member.crc)
                else:
                    self.writer.add(entry, data)
        for file in sorted(
            (file for file in layout.files if file.member is None), key=lambda file: file.path
        ):
            self._write(file.path, file.mode, file.data)
        for source, data in compiled.items():
            self._write(bytecode.place(source, scheme.python.minor), 0o644, data)
        rows = [*layout.rows, *_bytecode_rows(layout, compiled, scheme)]
        return _facts(contents, layout, rows, scheme)

    def receipt(self, facts: WheelFacts, requested: Requested) -> None:
        """Add the receipt of one wheel."""
        for name, data in sorted(receipt_files(facts, requested, self.job.scheme).items()):
            self._write(f"{facts.dist_info}/{name}", 0o644, data)

    def _write(self, path: str, mode: int, data: bytes) -> None:
        entry = self._entry(path, mode, len(data))
        if entry is not None:
            self.writer.add(entry, data)

    def _entry(self, path: str, mode: int, size: int) -> Entry | None:
        """Return the entry of a file after adding the directories above it; None if the layer has the file."""
        directory, _, name = path.rpartition("/")
        real = self.places.real(directory)
        where = f"{real}/{name}"
        # Two wheels of a group that own one file were compared before: it is the same.
        if where in self.seen:
            return None
        for parent in self.places.entries(real, self.seen, self.job.epoch):
            self.writer.add(parent)
        self.seen.add(where)
        uid, gid = self.places.owner(real)
        return Entry(where, "file", mode, uid, gid, size, self.job.epoch)


def _sources(layout: Layout, scheme: Scheme) -> list[str]:
    """Return the paths of the modules to compile, sorted as pip compiles them: by their path relative to site-packages.

    pip compiles every module that it installs, uv what is in site-packages.
    """
    prefix = layout.library + "/"
    below = (f"{scheme.purelib}/", f"{scheme.platlib}/") if scheme.profile == "uv" else "/"
    return sorted(
        (file.path for file in layout.files if file.path.endswith(".py") and file.path.startswith(below)),
        key=lambda path: path.removeprefix(prefix),
    )


def _bytecode_rows(layout: Layout, compiled: Mapping[str, bytes], scheme: Scheme) -> list[Row]:
    if scheme.profile == "uv":
        return []  # uv does not list what it compiled
    places = [bytecode.place(source, scheme.python.minor) for source in compiled]
    return [(posixpath.relpath(place, layout.library), "", "") for place in places]


def _facts(contents: WheelContents, layout: Layout, rows: list[Row], scheme: Scheme) -> WheelFacts:
    requested = row_of(f"{layout.dist_info}/REQUESTED", b"")
    plain, full = record_text(rows, scheme), record_text([*rows, requested], scheme)
    # The line is where the two texts part ways.
    line = record_text([requested], scheme)
    at = full.index(line)
    while full[:at] + full[at + len(line) :] != plain:
        at = full.index(line, at + 1)
    remarks = (*layout.remarks, *contents.remarks())
    where = f"{layout.library}/{layout.dist_info}"
    return WheelFacts(contents.file.name, contents.version, where, full, (at, len(line)), remarks)
