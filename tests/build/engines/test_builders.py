"""Images of a hive built by Docker and by buildah: same plan, same references, equal trees, no traces."""

from __future__ import annotations

import json
import re
import signal
import subprocess

import pytest

from hivebase.oci.store import Store

pytestmark = [pytest.mark.root, pytest.mark.server]


def _secret(tmp_path) -> str:
    return f"--secret=id=token,src={tmp_path / 'token'}"


def test_a_hive_is_built_and_nothing_stays_behind(hive, engine, tmp_path):
    """Parents are those of this run, under our references; the engine has no name more than before."""
    before = engine.names()
    built = hive.build("--engine", engine.name, _secret(tmp_path))
    assert {name: item["status"] for name, item in built.items()} == dict.fromkeys(built, "built")
    assert hive.cat("team/child:1.2.3", "/opt/user") == "0\n"
    assert hive.cat("team/grandchild:1.2.3", "/length") == f"{len('secret-of-a-test')}\n"
    assert engine.names() == before
    store = Store.open(hive.store)
    images = {name: store.image(item["digest"]) for name, item in built.items()}
    parent, child = (images[name].config.rootfs.diff_ids for name in ("parent", "child"))
    assert child[: len(parent)] == parent
    shared = images["child"].manifest.layers[: len(parent)]
    assert shared == images["parent"].manifest.layers
    labels = images["child"].config.config.labels
    assert labels["version"] == "1.2.3"
    base = images["child"].manifest.annotations["org.opencontainers.image.base.name"]
    assert base == "team/parent:1.2.3"
    for image in images.values():
        text = json.dumps([store.read(image.manifest.config.digest).decode(), image.config.config.env])
        assert "hivebase-host" not in text
        assert "hivebase: settings" not in text


def test_what_one_engine_built_is_up_to_date_for_another(hive, engine, tmp_path):
    """The plan and its reasons do not depend on who builds."""
    hive.build("--engine", engine.name, "parent")
    again = hive.build("--engine", engine.name, "parent")["parent"]
    ours = hive.build("parent")["parent"]
    assert (again["status"], ours["status"]) == ("cached", "cached")
    hive.write(
        {"images/parent/Dockerfile": (hive.root / "images/parent/Dockerfile").read_text() + "LABEL a=b\n"}
    )
    changed = hive.build("--engine", engine.name, "parent")["parent"]
    assert [reason["code"] for reason in changed["reasons"]] == ["DOCKERFILE_CHANGED"]
    # A parent that our own engine built is handed over.
    hive.write(
        {"images/parent/Dockerfile": (hive.root / "images/parent/Dockerfile").read_text() + "LABEL c=d\n"}
    )
    hive.build("parent")
    child = hive.build("--engine", engine.name, "child")
    assert (child["parent"]["status"], child["child"]["status"]) == ("cached", "built")
    config = Store.open(hive.store).image(child["child"]["digest"]).config.config
    assert (config.labels["a"], config.labels["c"]) == ("b", "d")


def test_what_an_engine_cannot_do_is_told_before_it_starts(hive, engine):
    """And the other images are not begun."""
    hive.write({"images/new/Dockerfile": "FROM team/parent:1.2.3\nCOPY --parents greeting /x/\n"})
    failed = hive.run("build", "--engine", engine.name, "new", code=2)
    assert "images/new/Dockerfile:2:1" in failed.stderr
    assert "--engine embedded" in failed.stderr
    assert Store.open(hive.store).resolve("team/parent:1.2.3") is None


def test_a_step_that_fails_is_told_and_names_are_put_back(hive, engine):
    """What it printed is there; the exit code is that of a build."""
    before = engine.names()
    hive.write({"images/parent/Dockerfile": "FROM busybox:1\nRUN echo as-it-printed && false\n"})
    failed = hive.run("build", "--engine", engine.name, "parent", code=1)
    assert "as-it-printed" in failed.stderr
    assert engine.names() == before


def test_verify_shows_equal_trees(hive, engine, tmp_path):
    """With all images, each built twice; every difference is an allowed one."""
    shown = hive.json("verify", "--against", engine.name, _secret(tmp_path))
    assert {item["name"]: (item["same"], item["differences"]) for item in shown["images"]} == {
        name: (True, []) for name in ("parent", "child", "grandchild")
    }


def test_verify_tells_of_a_difference(hive, engine):
    """Path, what differs, both values; exit code 1."""
    hive.write(
        {
            "images/parent/Dockerfile": "FROM busybox:1\nRUN head -c 8 /dev/urandom | od > /random; id -u > /u\n"
        }
    )
    shown = hive.json("verify", "--against", engine.name, "parent", code=1)
    (found,) = shown["images"]
    assert [(item["path"], item["aspect"]) for item in found["differences"]] == [("random", "content")]
    assert "parent: random: content" in hive.run("verify", "--against", engine.name, "parent", code=1).stdout


def test_an_interrupted_build_leaves_nothing_running(hive, engine):
    """Neither the command of the engine nor a name; the exit code is that of an interruption."""
    before = engine.names()
    hive.write({"images/parent/Dockerfile": "FROM busybox:1\nRUN echo it-began && sleep 300\n"})
    command = hive.command("build", "--engine", engine.name, "-v", "parent")
    with subprocess.Popen(
        command, env=hive.environment(), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stderr is not None
        # The line that the step prints, not the one that tells of the step.
        assert any(re.search(r"it-began$", line) for line in process.stderr)
        process.send_signal(signal.SIGINT)
        process.stderr.read()
        assert process.wait(60) == 130
    assert engine.names() == before
    assert Store.open(hive.store).resolve("team/parent:1.2.3") is None
    running = subprocess.run(["ps", "-e", "-o", "args"], capture_output=True, text=True, check=True).stdout
    assert str(hive.root) not in running


def test_an_engine_that_is_not_there_is_a_fault_of_the_machine(hive, engine):
    """Exit code 3, and what to do."""
    hive.env |= {"PATH": "/nowhere"}
    failed = hive.run("build", "--engine", engine.name, "parent", code=3)
    assert "apt-get install" in failed.stderr
