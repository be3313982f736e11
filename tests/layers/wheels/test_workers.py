"""Processes that make layers: they give what this process would, tell its errors, and may be killed."""

from __future__ import annotations

import io
import os
import signal
import threading

import pytest
from tests.layers.wheels.laying import kept, scheme
from tests.wheels import wheel

from hivebase.errors import CorruptContentError, SystemFaultError
from hivebase.layers.indexed_cache import Indexes
from hivebase.layers.wheels.compose import make_layer
from hivebase.layers.wheels.jobs import LayerJob, WheelJob
from hivebase.layers.wheels.worker import receive, send
from hivebase.layers.wheels.workers import Workers
from hivebase.oci.store import Store


@pytest.fixture
def store(tmp_path):
    """An empty store, in use."""
    made = Store.open(tmp_path / "store")
    with made.lease():
        yield made


def _job(tmp_path, made):
    locked = kept(made, tmp_path / "wheels")
    path = tmp_path / "wheels" / f"{locked.sha256}.whl"
    return LayerJob((WheelJob(str(path), made.file, locked.name),), scheme(), (), 7)


def test_a_worker_makes_what_we_would(store, tmp_path):
    """The same layer, in the same store; the second job goes to the same process."""
    job = _job(tmp_path, wheel("x", "1", {"x.py": "1" * 3000}))
    with Workers(store, 2) as workers:
        made = workers.run(job)
        workers.run(_job(tmp_path, wheel("y")))
        assert len(workers._all) == 1
    assert made == make_layer(job, store, Indexes(store))
    store.verify(made.descriptor.digest)


def test_its_errors_are_ours(store, tmp_path):
    """With all that they say; the worker goes on."""
    bad = wheel("x", "1", {"x.py": "1"}).replacing("x.py", data=b"2")
    with Workers(store, 1) as workers:
        with pytest.raises(CorruptContentError, match="RECORD") as caught:
            workers.run(_job(tmp_path, bad))
        assert caught.value.where == bad.file
        assert workers.run(_job(tmp_path, wheel("y"))).wheels[0].name == "y"


def test_a_worker_that_is_killed_is_replaced(store, tmp_path):
    """The job fails with a reason, the next one does not."""
    with Workers(store, 1) as workers:
        workers.run(_job(tmp_path, wheel("x")))
        (process,) = workers._all
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        with pytest.raises(SystemFaultError, match="ended from outside"):
            workers.run(_job(tmp_path, wheel("y")))
        assert workers.run(_job(tmp_path, wheel("y"))).wheels[0].name == "y"


def test_no_more_than_asked_for(store, tmp_path):
    """Others wait."""
    made = []
    with Workers(store, 1) as workers:
        jobs = [_job(tmp_path, wheel(name)) for name in "abc"]
        threads = [threading.Thread(target=lambda job=job: made.append(workers.run(job))) for job in jobs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(workers._all) == 1
    assert sorted(layer.wheels[0].name for layer in made) == ["a", "b", "c"]


def test_closed_workers_have_ended(store, tmp_path):
    """And no new one starts."""
    workers = Workers(store, 1)
    workers.run(_job(tmp_path, wheel("x")))
    (process,) = workers._all
    workers.close()
    assert process.poll() == 0
    with pytest.raises(SystemFaultError, match="closed"):
        workers._start()


def test_messages():
    """Come through a pipe whole or not at all."""
    stream = io.BytesIO()
    send(stream, {"a": b"1"})
    data = stream.getvalue()
    assert receive(io.BytesIO(data)) == data[4:]
    for length in range(len(data)):
        assert receive(io.BytesIO(data[:length])) is None
