"""Jobs run after what they need; a failure takes down only what depends on it."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hivebase.build import scheduler
from hivebase.build.scheduler import Job, run_jobs
from hivebase.errors import BuildError, InterruptedByUserError, SystemFaultError


def test_results_reach_those_who_need_them():
    """A job is called with the results of the jobs it names, and with no others."""
    seen = {}

    def last(results):
        seen.update(results)
        return 3

    jobs = {"a": Job((), lambda _: 1), "b": Job(("a",), lambda r: r["a"] + 1), "c": Job(("b",), last)}
    outcomes = run_jobs(jobs, 2, threading.Event())
    assert seen == {"b": 2}
    assert {name: outcome.result for name, outcome in outcomes.items()} == {"a": 1, "b": 2, "c": 3}


@pytest.mark.parametrize("failing", ["root", "left", "right", "leaf"])
def test_b5_a_failure_cancels_only_descendants(failing):
    """Whichever node fails, exactly its descendants are skipped and name it as the cause."""

    def work(name):
        def run(_):
            if name == failing:
                raise BuildError(f"{name} broke")
            return 1

        return run

    needs = {"root": (), "left": ("root",), "right": ("root",), "leaf": ("left",), "other": ()}
    outcomes = run_jobs({n: Job(d, work(n)) for n, d in needs.items()}, 2, threading.Event())
    descendants = {"root": {"left", "right", "leaf"}, "left": {"leaf"}, "right": set(), "leaf": set()}[
        failing
    ]
    assert {n for n, o in outcomes.items() if o.status == "skipped"} == descendants
    assert {outcomes[n].blame for n in descendants} <= {failing}
    assert outcomes[failing].status == "failed"
    assert {n for n, o in outcomes.items() if o.status == "done"} == set(needs) - descendants - {failing}


def test_independent_jobs_run_at_the_same_time():
    """Two jobs that wait for each other can only end when both are running."""
    barrier = threading.Barrier(2, timeout=10)
    outcomes = run_jobs({n: Job((), lambda _: barrier.wait() >= 0) for n in "ab"}, 2, threading.Event())
    assert {o.status for o in outcomes.values()} == {"done"}


def test_no_more_workers_than_asked_for():
    """With one worker jobs run one after the other."""
    now, most = [0], [0]
    lock = threading.Lock()

    def run(_):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.005)
        with lock:
            now[0] -= 1

    run_jobs({str(n): Job((), run) for n in range(8)}, 1, threading.Event())
    assert most[0] == 1


def test_b2_cancel_starts_nothing_more():
    """A job that sets the cancel event is the last one that starts."""
    cancel = threading.Event()
    started = []

    def run(name):
        def go(_):
            started.append(name)
            cancel.set()

        return go

    before = time.monotonic()
    with pytest.raises(InterruptedByUserError):
        run_jobs({"a": Job((), run("a")), "b": Job(("a",), run("b"))}, 2, cancel)
    assert started == ["a"]
    assert time.monotonic() - before < 2  # what has ended is not waited for


def test_b2_what_does_not_end_is_left_behind(monkeypatch):
    """A job that cannot be asked to stop delays the end by the patience, and no longer."""
    monkeypatch.setattr(scheduler, "_PATIENCE", 0.3)
    cancel, never = threading.Event(), threading.Event()

    def hang(_):
        cancel.set()
        never.wait(30)

    before = time.monotonic()
    with pytest.raises(InterruptedByUserError):
        run_jobs({"a": Job((), hang)}, 1, cancel)
    assert 0.2 < time.monotonic() - before < 20
    never.set()


def test_s16_a_thread_that_cannot_start_fails_its_job_alone(monkeypatch):
    """The machine's limit is told as an error of that job; the others, and the whole run, come to their end."""
    start = threading.Thread.start

    def refuse(thread):
        if thread.name == "hivebase-b":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    jobs = {name: Job((), lambda _: 1) for name in "abc"} | {"d": Job(("b",), lambda _: 1)}
    outcomes = run_jobs(jobs, 2, threading.Event())
    assert {n: o.status for n, o in outcomes.items()} == {
        "a": "done",
        "b": "failed",
        "c": "done",
        "d": "skipped",
    }
    assert isinstance(outcomes["b"].error, SystemFaultError)


def test_an_exception_of_any_kind_is_an_outcome():
    """Nothing that a job raises gets past the outcome of that job."""
    kinds = {"key": KeyError("k"), "exit": SystemExit(3), "memory": MemoryError()}

    def work(error):
        def run(_):
            raise error

        return run

    outcomes = run_jobs({n: Job((), work(e)) for n, e in kinds.items()}, 2, threading.Event())
    assert {n: o.error for n, o in outcomes.items()} == kinds


@given(st.data())
def test_any_acyclic_graph_is_run_in_order(data):
    """Every job of a random acyclic graph runs once, after all that it needs."""
    size = data.draw(st.integers(1, 12))
    needs = {
        str(n): tuple(str(m) for m in data.draw(st.sets(st.integers(0, n - 1), max_size=3))) if n else ()
        for n in range(size)
    }
    order: list[str] = []
    lock = threading.Lock()

    def work(name):
        def run(_):
            with lock:
                order.append(name)

        return run

    run_jobs({n: Job(d, work(n)) for n, d in needs.items()}, 3, threading.Event())
    assert sorted(order, key=int) == [str(n) for n in range(size)]
    assert all(order.index(d) < order.index(n) for n, ds in needs.items() for d in ds)
