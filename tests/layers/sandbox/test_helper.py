"""The helper starts fast and runs nothing that it should not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.layers.sandbox.box import Box, busybox

import hivebase

_LIBRARY = str(Path(hivebase.__file__).parents[1])


def test_x9_the_helper_needs_the_standard_library_alone():
    """Started without site directories it imports, and nothing heavy or foreign comes with it."""
    program = (
        f"import sys; sys.path.append({_LIBRARY!r}); from hivebase.layers.sandbox import helper;"
        "print(*sorted(name for name in sys.modules))"
    )
    modules = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, check=True, text=True
    ).stdout.split()

    ours = {name for name in modules if name.startswith("hivebase.")}
    assert {name.split(".")[0] for name in modules} - set(sys.stdlib_module_names) <= {"hivebase", "__main__"}
    assert ours == {
        "hivebase.layers",
        "hivebase.layers.sandbox",
        *(
            f"hivebase.layers.sandbox.{name}"
            for name in ("attach", "cgroups", "helper", "overlay", "stage", "syscalls", "targets")
        ),
    }
    assert not {"pathlib", "subprocess", "inspect", "site"} & set(modules)


@pytest.mark.root
def test_x9_a_python_in_the_users_environment_is_not_run(tmp_path, monkeypatch):
    """Neither PYTHONPATH nor the working directory can put code into the helper."""
    (tmp_path / "json.py").write_text("raise SystemExit('hijacked')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    assert Box(tmp_path / "box", lowers=[busybox()]).run("echo fine").text == "fine\n"


@pytest.mark.root
def test_a_step_on_a_terminal_has_it(tmp_path):
    """With a terminal, a person can type: the step has a controlling terminal of its own."""
    program = (
        "import sys, threading; from pathlib import Path; from tests.layers.sandbox.box import Box;"
        "from hivebase.layers.sandbox.run import run;"
        f"box = Box(Path({str(tmp_path)!r}), lowers=[Path({str(busybox())!r})]);"
        "request = box.request('read line; tty; echo got $line; exit 4', terminal=True);"
        "sys.exit(run(request, print, box.cancel).exit_code)"
    )
    master, slave = os.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": f"{_LIBRARY}:{Path(__file__).parents[3]}"},
    )
    os.close(slave)
    os.write(master, b"typed\n")
    shown = b""
    try:
        while chunk := os.read(master, 4096):
            shown += chunk
    except OSError:  # the other side is closed
        pass
    finally:
        os.close(master)

    assert child.wait() == 4, shown
    assert b"got typed" in shown
    assert b"/dev/console" in shown or b"/dev/pts/0" in shown
