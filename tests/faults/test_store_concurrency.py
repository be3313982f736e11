"""Many processes and threads on one store: faults S-3, S-4, S-5 and S-16."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from hivebase.digest import Digest
from hivebase.errors import NotFoundError
from hivebase.locks import FileLock
from hivebase.oci.model import LAYER_TAR, Descriptor, ImageConfig, RootFS
from hivebase.oci.store import Store

PROCESSES = 20
BLOB = bytes(range(256)) * 2048
FORK = multiprocessing.get_context("fork")


def _together(target, *arguments) -> None:
    """Run ``target(number, barrier, *arguments)`` in many processes that start at once."""
    barrier = FORK.Barrier(PROCESSES)
    processes = [FORK.Process(target=target, args=(n, barrier, *arguments)) for n in range(PROCESSES)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)
    assert [process.exitcode for process in processes] == [0] * PROCESSES


def _write_the_same(_number, barrier, root) -> None:
    store = Store(root)
    with store.ingest() as ingest:
        ingest.write(BLOB)
        barrier.wait(20)
        ingest.commit(Digest.of(BLOB), len(BLOB))
    store.read(Digest.of(BLOB))


def test_s3_many_processes_write_the_same_blob(tmp_path) -> None:
    """All succeed, there is one copy, it is right, and no writer left anything."""
    store = Store.open(tmp_path / "store")
    _together(_write_the_same, store.root)
    assert list(store.blobs.digests()) == [Digest.of(BLOB)]
    assert store.read(Digest.of(BLOB)) == BLOB
    assert list((store.state / "ingest").iterdir()) == []
    assert list((store.state / "quarantine").iterdir()) == []


def test_s3_the_place_of_a_blob_is_locked(tmp_path) -> None:
    """Looking and renaming are one act: a writer waits while another process is in between."""
    store = Store.open(tmp_path / "store")
    lock = FileLock(store.state / "locks/blobs")
    lock.acquire()
    writer = threading.Thread(target=store.put, args=(BLOB,))
    writer.start()
    time.sleep(0.1)
    assert writer.is_alive()
    assert not store.has(Digest.of(BLOB))
    lock.release()
    writer.join(10)
    assert store.has(Digest.of(BLOB))


def _make_the_store(_number, barrier, root) -> None:
    barrier.wait(20)
    Store.open(root)


def test_s3_many_processes_make_the_store(tmp_path) -> None:
    """Starting at once on a fresh machine is no race."""
    _together(_make_the_store, tmp_path / "a/b/store")
    assert Store.open(tmp_path / "a/b/store").check() == []


def _tag(number, barrier, root) -> None:
    store = Store(root)
    image = store.put_image(ImageConfig(architecture="amd64", os="linux", author=str(number)), [])
    barrier.wait(20)
    store.tag(f"app-{number}:1", image)
    store.tag("shared:1", image)


def test_s4_many_processes_name_images(tmp_path) -> None:
    """No name is lost, and the one that all fought for names one of them."""
    store = Store.open(tmp_path / "store")
    _together(_tag, store.root)
    assert {f"app-{number}:1" for number in range(PROCESSES)} | {"shared:1"} == set(store.refs())
    assert store.check() == []


def _build(number, root, until) -> None:
    store, round_ = Store(root), 0
    while time.monotonic() < until:
        round_ += 1
        with store.lease():
            found = []
            for layer in range(3):
                # Some layers are shared between rounds and builders, as cached ones are.
                data = b"layer %d %d" % (layer, round_ % 2 if layer else number * 1000 + round_)
                digest = store.put(data)
                found.append(Descriptor(LAYER_TAR, digest, len(data)))
                time.sleep(0.001)
            config = ImageConfig(
                architecture="amd64", os="linux", rootfs=RootFS(diff_ids=tuple(d.digest for d in found))
            )
            image = store.put_image(config, found)
            if round_ % 3:
                store.tag(f"app-{number}:1", image)
            else:
                store.untag(f"app-{number}:1")
            for descriptor in found:
                store.read(descriptor.digest)
            store.image(image.digest)


def _collect(root, until) -> None:
    store, removed = Store(root), 0
    while time.monotonic() < until:
        removed += len(store.collect().digests)
    assert removed > 0


def test_s5_collection_while_builds_run(tmp_path) -> None:
    """A collector in a loop takes nothing that a build writes, finds or names."""
    store = Store.open(tmp_path / "store")
    until = time.monotonic() + 1.5
    builders = [FORK.Process(target=_build, args=(number, store.root, until)) for number in range(4)]
    collector = FORK.Process(target=_collect, args=(store.root, until))
    for process in (*builders, collector):
        process.start()
    for process in (*builders, collector):
        process.join(30)
    assert [process.exitcode for process in (*builders, collector)] == [0] * 5
    assert store.check() == []
    for ref in store.refs():
        store.image(ref)


def test_s5_a_build_that_was_killed_holds_nothing(tmp_path) -> None:
    """The lease of a dead process does not keep its blobs."""
    store = Store.open(tmp_path / "store")
    reader, writer = os.pipe()

    def hold() -> None:
        with store.lease():
            store.put(BLOB)
            os.write(writer, b"x")
            time.sleep(60)

    process = FORK.Process(target=hold)
    process.start()
    os.read(reader, 1)
    os.close(reader)
    os.close(writer)
    assert store.collect().digests == ()
    process.kill()
    process.join()
    assert store.collect().digests == (Digest.of(BLOB),)


def test_s5_a_name_is_not_given_to_what_a_collector_takes(tmp_path) -> None:
    """Naming waits for a collection that runs, and then sees what is left."""
    store = Store.open(tmp_path / "store")
    image = store.put_image(ImageConfig(architecture="amd64", os="linux"), [])
    lock = store.lock("collect")
    lock.acquire()
    errors: list[BaseException] = []

    def tag() -> None:
        try:
            store.tag("app:1", image)
        except NotFoundError as error:
            errors.append(error)

    thread = threading.Thread(target=tag)
    thread.start()
    time.sleep(0.1)
    assert store.refs() == {}
    store.blobs.forget(image.digest)
    lock.release()
    thread.join(10)
    assert len(errors) == 1
    assert store.refs() == {}


_MANY = """
import resource, sys, threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from hivebase.errors import SystemFaultError
from hivebase.oci.store import Store
store = Store.open(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
barrier = threading.Barrier(60)
def work(number):
    with store.ingest() as ingest:
        barrier.wait(20)
        ingest.write(b"%d" % number)
        ingest.commit()
def job(number):
    try:
        work(number)
    except SystemFaultError as error:
        barrier.abort()
        return str(error)
    except threading.BrokenBarrierError:
        return "stopped"
with ThreadPoolExecutor(60) as pool:
    results = list(pool.map(job, range(60)))
failed = [result for result in results if result and result != "stopped"]
assert failed and all("Too many open files" in text and "ulimit -n" in text for text in failed), failed
assert store.put(b"after")
print("done")
"""


def test_s16_running_out_of_descriptors_is_reported(tmp_path) -> None:
    """Workers beyond the limit fail in our words, the pool ends, and the store works afterwards."""
    result = subprocess.run(
        [sys.executable, "-c", _MANY, str(tmp_path / "store")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")},
    )
    assert (result.returncode, result.stdout) == (0, "done\n"), result.stderr
    store = Store.open(tmp_path / "store")
    assert list((store.state / "ingest").iterdir()) == []
    assert store.check() == []


def test_s3_threads_of_one_process(tmp_path) -> None:
    """One Store object serves many threads."""
    threads = 8
    store = Store.open(tmp_path / "store")
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            with store.lease():
                for shared in range(10):
                    store.read(store.put(b"shared %d" % shared))
                    store.read(store.put(b"own %d %d" % (number, shared)))
        except BaseException as error:  # noqa: BLE001 -- reported below
            errors.append(error)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    while any(worker.is_alive() for worker in workers):
        store.collect(dry_run=True)
    assert errors == []
    assert len(list(store.blobs.digests())) == 10 + threads * 10
