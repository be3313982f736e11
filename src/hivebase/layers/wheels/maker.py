"""Makes the layers of wheels: each once, whoever asks, from the cache where it can."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol, Self

import msgspec

from hivebase.errors import HivebaseError
from hivebase.layers.wheels.jobs import LayerJob, LayerMade, WheelJob
from hivebase.layers.wheels.kept import KeptLayers, layer_key
from hivebase.layers.wheels.kept_bytecode import KeptBytecode, bytecode_key
from hivebase.layers.wheels.made_of import remember
from hivebase.layers.wheels.workers import Workers
from hivebase.plan.resolve_pins import normalise

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from hivebase.digest import Digest
    from hivebase.layers.indexed_cache import Indexes
    from hivebase.layers.wheels.compiler import Compiler
    from hivebase.layers.wheels.groups import Group
    from hivebase.layers.wheels.jobs import Place, Requested
    from hivebase.layers.wheels.scheme import Scheme
    from hivebase.oci.store import Store
    from hivebase.plan.wheels import LockedWheel

_HERE = 1 << 20
"""Bytes of wheels below which starting a worker costs more than it saves."""

_THREADS = 16  # they wait: for downloads, for the compiler, for workers

_Task = tuple["Digest", "Group", LayerJob]
"""A layer to make: its key, its wheels, where they go."""


def _work(group: Group) -> int:
    """Return what laying out a group takes, in no unit: small wheels have many files for their size."""
    size = sum(wheel.size for wheel in group.wheels)
    return size * 5 if len(group.wheels) > 1 else size


def _shares(group: Group) -> bool:
    """Tell whether the bytecode of ``group`` is kept: when one of its wheels changes, the others do not."""
    return len(group.wheels) > 1


def _fits(made: LayerMade, group: Group, job: LayerJob) -> bool:
    """Tell whether what is said of a layer can be true of these wheels: receipts are written where it says."""
    if len(made.wheels) != len(group.wheels):
        return False
    for facts, wheel in zip(made.wheels, group.wheels, strict=True):
        library, _, directory = facts.dist_info.rpartition("/")
        distribution, _, rest = directory.partition("-")
        at, length = facts.requested
        if not (
            normalise(facts.name) == normalise(distribution) == wheel.name
            and rest.endswith(".dist-info")
            and library in {job.scheme.purelib, job.scheme.platlib}
            and 0 <= at <= at + length <= len(facts.record)
        ):
            return False
    return True


def _answer(promise: Future[LayerMade], made: LayerMade) -> None:
    with contextlib.suppress(InvalidStateError):  # closed meanwhile
        promise.set_result(made)


def _start(compiler: Callable[[], Compiler]) -> None:
    with contextlib.suppress(HivebaseError):  # told to whoever needs it
        compiler().start()


class Files(Protocol):
    """Where wheel files come from: :class:`hivebase.layers.wheels.files.WheelFiles`."""

    def get(self, wheel: LockedWheel, /) -> Path:
        """Return the verified file, fetching it if need be."""

    def prefetch(self, wheels: Sequence[LockedWheel], /) -> None:
        """Begin to fetch what is not here."""


class Elsewhere(Protocol):
    """Layers that other machines made: :class:`hivebase.build.shared_cache.SharedResults`."""

    def layer(self, key: Digest, /) -> LayerMade | None:
        """Return the layer made for ``key``, now in the store and what its DiffID says; None if there is none."""

    def made(self, key: Digest, made: LayerMade, /) -> None:
        """Share a layer."""

    def refuse(self, key: Digest, why: str, /) -> None:
        """Take back what :meth:`layer` returned."""


class _Search(msgspec.Struct):
    """Layers that are looked for elsewhere: how many are not answered yet, and which are not there."""

    left: int
    compiler: Callable[[], Compiler] | None
    missing: list[_Task] = []


class LayerMaker:
    """See the module. Safe between threads; close it, or use it as a context manager.

    Args:
        store: where layers go.
        indexes: of the store.
        files: where wheels come from.
        workers: processes at most; 0 for one per processor.
        elsewhere: layers of other machines; None if there are none.
    """

    def __init__(
        self,
        store: Store,
        indexes: Indexes,
        files: Files,
        workers: int = 0,
        *,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self.kept = KeptLayers(store)
        self._bytecode = KeptBytecode(store)
        self._store = store
        self._indexes = indexes
        self._files = files
        self._elsewhere = elsewhere
        self._workers = Workers(store, workers)
        self._pool: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()
        self._made: dict[Digest, Future[LayerMade]] = {}

    def make(
        self,
        groups: Sequence[Group],
        scheme: Scheme,
        places: Sequence[Place],
        epoch: int,
        compiler: Callable[[], Compiler] | None,
        receipts: Mapping[str, Requested],
    ) -> list[Future[LayerMade]]:
        """Start making the layers of ``groups``, unless they are there or on their way; in their order.

        Args:
            groups: the wheels of each.
            scheme: where they go.
            places: of the image's directories.
            epoch: the time of everything.
            compiler: for bytecode; called when a wheel has to be compiled. None for no bytecode.
            receipts: by name of the wheel, to have the receipts in the same layers; empty to leave them to others.
        """
        coming: list[Future[LayerMade]] = []
        missing: list[_Task] = []
        with self._lock:
            for group in groups:
                wheels = [(wheel.sha256, wheel.name) for wheel in group.wheels]
                asked = tuple(receipts[wheel.name] for wheel in group.wheels) if receipts else ()
                key = layer_key(wheels, scheme, places, epoch, asked, compiled=compiler is not None)
                if key not in self._made:
                    self._made[key] = Future()
                    kept = self.kept.get(key)
                    if kept is not None:
                        remember(self._store, kept.descriptor.digest, group.wheels)
                        self._made[key].set_result(kept)
                    else:
                        missing.append((key, group, LayerJob((), scheme, tuple(places), epoch, asked)))
                coming.append(self._made[key])
            if missing:
                self._pool = self._pool or ThreadPoolExecutor(_THREADS, thread_name_prefix="layers")
                if self._elsewhere is None:
                    self._begin(self._pool, missing, compiler)
                else:
                    search = _Search(len(missing), compiler)
                    for task in missing:
                        self._pool.submit(self._look, self._pool, self._elsewhere, search, task)
        return coming

    def _begin(
        self,
        pool: ThreadPoolExecutor,
        missing: Sequence[_Task],
        compiler: Callable[[], Compiler] | None,
    ) -> None:
        self._files.prefetch([wheel for _, group, _ in missing for wheel in group.wheels])
        if compiler is not None and any(self._to_compile(group, job) for _, group, job in missing):
            pool.submit(_start, compiler)
        for key, group, job in sorted(missing, key=lambda item: -_work(item[1])):
            pool.submit(self._fulfil, self._made[key], key, group, job, compiler)

    def _look(self, pool: ThreadPoolExecutor, elsewhere: Elsewhere, search: _Search, task: _Task) -> None:
        """Look for one layer elsewhere; whoever looks last begins to make what is not there."""
        key, group, job = task
        promise, found = self._made[key], None
        try:
            found = elsewhere.layer(key)
            if found is not None and not _fits(found, group, job):
                elsewhere.refuse(key, "what it says of its wheels is of others")
                found = None
            if found is not None:
                remember(self._store, found.descriptor.digest, group.wheels)
                self.kept.put(key, found)
                _answer(promise, found)
        except BaseException as error:  # noqa: BLE001 -- whoever waits is told
            with contextlib.suppress(InvalidStateError):
                promise.set_exception(error)
        with self._lock:
            if not promise.done():
                search.missing.append(task)
            search.left -= 1
            last = search.left == 0
        if last and search.missing:
            with contextlib.suppress(RuntimeError):  # closed meanwhile, and all promises with it
                self._begin(pool, search.missing, search.compiler)

    def close(self) -> None:
        """End everything that is still going on."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
        for future in list(self._made.values()):
            future.cancel()  # nobody is left who would fulfil it
        self._workers.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _fulfil(
        self,
        promise: Future[LayerMade],
        key: Digest,
        group: Group,
        job: LayerJob,
        compiler: Callable[[], Compiler] | None,
    ) -> None:
        try:
            made = self._make(key, group, job, compiler)
        except BaseException as error:  # noqa: BLE001 -- whoever waits is told
            with contextlib.suppress(InvalidStateError):
                promise.set_exception(error)
        else:
            _answer(promise, made)

    def _make(
        self, key: Digest, group: Group, job: LayerJob, compiler: Callable[[], Compiler] | None
    ) -> LayerMade:
        paths = [self._files.get(wheel) for wheel in group.wheels]
        compiled: list[str] = [""] * len(paths)
        if compiler is not None:
            compiled = self._compiled(group, paths, job, compiler)
        jobs = [
            WheelJob(str(path), wheel.file, wheel.name, bytecode)
            for wheel, path, bytecode in zip(group.wheels, paths, compiled, strict=True)
        ]
        job = msgspec.structs.replace(job, wheels=tuple(jobs))
        if sum(wheel.size for wheel in group.wheels) < _HERE:
            from hivebase.layers.wheels.compose import make_layer  # noqa: PLC0415 -- nothing else here needs it

            made = make_layer(job, self._store, self._indexes)
        else:
            made = self._workers.run(job)
        remember(self._store, made.descriptor.digest, group.wheels)
        self.kept.put(key, made)
        if self._elsewhere is not None:
            self._elsewhere.made(key, made)
        return made

    def _to_compile(self, group: Group, job: LayerJob) -> bool:
        keys = (bytecode_key(wheel.sha256, job.scheme, wheel.name, job.epoch) for wheel in group.wheels)
        return not _shares(group) or not all(map(self._bytecode.has, keys))

    def _compiled(
        self, group: Group, paths: Sequence[Path], job: LayerJob, compiler: Callable[[], Compiler]
    ) -> list[str]:
        """Return the bytecode of each wheel; that of wheels which share a layer is kept."""
        keep = _shares(group)
        coming: list[tuple[Digest, Path | Future[Path]]] = []
        for wheel, path in zip(group.wheels, paths, strict=True):
            key = bytecode_key(wheel.sha256, job.scheme, wheel.name, job.epoch)
            kept = self._bytecode.get(key) if keep else None
            coming.append((key, kept or compiler().compile(key, path, job.scheme, wheel.name, job.epoch)))
        found = []
        for key, item in coming:
            if isinstance(item, Future):
                path = item.result()
                if keep:
                    self._bytecode.put(key, path)
            else:
                path = item
            found.append(str(path))
        return found
