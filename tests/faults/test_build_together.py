"""Rows S-4 and S-5: several builds, and builds and prunes, in one store at the same time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from tests.faults.builds import (
    check,
    digests,
    end,
    eventually,
    leftovers,
    marker,
    pids_with,
    run,
    started,
    statuses,
)

if TYPE_CHECKING:
    import subprocess

pytestmark = pytest.mark.root

_STAMP = "cat /proc/sys/kernel/random/uuid > /stamp"
HIVE = {
    "base/Dockerfile": f"FROM busybox:1\nRUN {_STAMP}\n",
    "child/Dockerfile": "FROM base\nRUN cp /stamp /copy\n",
}


def _at_once(hive, *commands):
    """Run several command lines at the same time; all must end well."""
    with ThreadPoolExecutor(len(commands)) as pool:
        done = list(pool.map(lambda words: run(hive, hive.command(*words)), commands))
    assert [(item.returncode, item.stderr) for item in done if item.returncode] == []


def test_s4_builds_of_different_images_all_get_their_names(hive):
    """Six processes name an image each, in one list of names, and none is lost."""
    names = [f"image{number}" for number in range(6)]
    hive.write({f"{name}/Dockerfile": f"FROM busybox:1\nRUN echo {name} > /name\n" for name in names})
    _at_once(hive, *(("build", name) for name in names))
    assert set(check(hive).refs()) == {"busybox:1", *(f"hive/{name}:latest" for name in names)}
    assert set(statuses(hive.build()).values()) == {"cached"}
    assert leftovers(hive) == []


def test_s4_builds_of_the_same_image_agree_with_themselves(hive):
    """Each process makes another base; whoever names last, no image is half of one and half of another."""
    hive.write(HIVE)
    _at_once(hive, *(("build", "--no-cache"),) * 4)
    store = check(hive)
    assert set(store.refs()) == {"busybox:1", "hive/base:latest", "hive/child:latest"}
    assert hive.cat("child", "/copy") == hive.cat("child", "/stamp")
    # The last child may stand on the base of another process: then, and only then, it is built once more.
    layers = store.image("hive/base:latest").manifest.layers
    fits = store.image("hive/child:latest").manifest.layers[: len(layers)] == layers
    assert statuses(hive.build()) == {"base": "cached", "child": "cached" if fits else "built"}
    assert hive.cat("child", "/copy") == hive.cat("base", "/stamp")
    assert set(statuses(hive.build()).values()) == {"cached"}
    assert leftovers(hive) == []


def test_s5_pruning_takes_nothing_from_running_builds(hive):
    """Builds end well, images are whole, and prunes end well too, however the two meet."""
    hive.write(HIVE)
    stop = threading.Event()
    prunes: list[subprocess.CompletedProcess[str]] = []

    def prune():
        while not stop.is_set():
            prunes.extend(run(hive, hive.command("prune", *words)) for words in ((), ("--all",)))

    thread = threading.Thread(target=prune)
    thread.start()
    try:
        for _ in range(3):
            _at_once(hive, ("build", "--no-cache"), ("build",))
            check(hive)
    finally:
        stop.set()
        thread.join()
    assert [(done.returncode, done.stderr) for done in prunes if done.returncode] == []
    assert len(prunes) >= 4
    assert hive.cat("child", "/copy") == hive.cat("child", "/stamp")
    made = digests(hive.build())
    assert digests(hive.build()) == made
    hive.run("prune", "--all")
    check(hive)
    assert leftovers(hive) == []


def test_s5_a_prune_says_what_a_running_build_keeps(hive):
    """Unpacked layers stay and are told; the rest is removed; the exit code is 0, and the build is not disturbed."""
    sleep = marker()
    hive.write(HIVE).build()
    hive.build("--no-cache")
    hive.write({"slow/Dockerfile": f"FROM base\nRUN sleep {sleep} || true\nRUN cp /stamp /copy\n"})
    with started(hive, "build", "slow") as process:
        assert eventually(lambda: pids_with(sleep))
        done = hive.run("prune", "--all")
        assert "unpacked layers: another hivebase process is building or running an image" in done.stderr
        assert "unused blobs" in done.stderr
        end(sleep)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    assert out.split()[:2] == ["cached", "hive/base:latest"]
    assert hive.cat("slow", "/copy") == hive.cat("base", "/stamp")
    check(hive)
    assert "kept" not in hive.run("prune").stderr
