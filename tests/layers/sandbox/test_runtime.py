"""X-14: a runtime that is absent, too old or broken is refused with the reason; all else works."""

from __future__ import annotations

import os
import shutil

import pytest

from hivebase.errors import SystemFaultError
from hivebase.layers.sandbox import runtime
from hivebase.layers.sandbox.runtime import Runtime, checks, find


@pytest.fixture
def path(tmp_path, monkeypatch):
    """An empty PATH, and a function that puts a runtime there which prints a version."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name, path: which(name, path=path.split(":")[0]))
    runtime._asked.cache_clear()

    def put(name, text):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
        return str(tmp_path / name)

    yield put
    runtime._asked.cache_clear()


def test_x14_the_version_is_read(path):
    """Upstream's and a distribution's builds."""
    place = path(
        "runc", "echo runc version 1.1.5+ds1; echo commit: 1.1.5+ds1-1+deb12u1; echo spec: 1.0.2-dev"
    )

    assert find() == Runtime("runc", place, (1, 1, 5), "1.1.5+ds1-1+deb12u1")


def test_x14_crun_is_used_if_runc_will_not_do(path):
    """The first that will do."""
    path("runc", "echo runc version 0.1.1")
    path("crun", "echo crun version 1.8.1; echo commit: f8a096be")

    assert find().flavour == "crun"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo runc version 1.0.2", "version 1.0.2; 1.0.3 or newer is needed"),
        ("echo runc version 0.9", "version 0.9; 1.0.3"),
        ("echo something else", "does not tell its version"),
        ("exit 1", "does not tell its version"),
    ],
)
def test_x14_an_unfit_runtime_is_refused_with_the_reason(path, script, reason):
    """The message says which program and why, and what to do."""
    path("runc", script)

    with pytest.raises(SystemFaultError) as caught:
        find()

    assert reason in caught.value.why
    assert "apt-get install runc" in caught.value.hint


def test_x14_no_runtime_is_told_plainly(path):
    """And the hint says how to get one."""
    with pytest.raises(SystemFaultError, match="neither runc nor crun is on PATH"):
        find()


def test_x14_another_user_than_root_is_told_plainly(path, monkeypatch):
    """Before looking for anything."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    with pytest.raises(SystemFaultError, match="RUN steps need root"):
        find()


@pytest.mark.parametrize(
    ("flavour", "version", "warned"),
    [
        ("runc", (1, 1, 5), True),
        ("runc", (1, 2, 7), True),
        ("runc", (1, 2, 8), False),
        ("runc", (1, 3, 0), True),
        ("runc", (1, 3, 3), False),
        ("runc", (1, 4, 0), False),
        ("crun", (1, 8, 1), True),
        ("crun", (1, 20), False),
    ],
)
def test_x14_known_flaws_are_remarked(flavour, version, warned):
    """Version ranges without upstream's fixes get a remark that names the flaws."""
    remark = Runtime(flavour, "/x", version, "build-7").warning

    assert bool(remark) == warned
    assert ("CVE-" in remark and "build-7" in remark) == warned


def test_x14_doctor_lists_what_is_missing(path, monkeypatch):
    """Every check has an answer, and a missing runtime is called missing."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    found = {check.name: check for check in checks()}

    assert list(found) == ["root", "runtime", "overlay", "limits"]
    assert (found["root"].state, found["runtime"].state) == ("missing", "missing")
    assert all(check.hint for check in found.values() if check.state != "ok")


@pytest.mark.root
def test_x14_doctor_is_content_where_steps_run():
    """On a machine that runs the root tests nothing is missing."""
    runtime._asked.cache_clear()

    assert [check for check in checks() if check.state == "missing"] == []
