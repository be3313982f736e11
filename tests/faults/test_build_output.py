"""Row B-4 and what a user reads: floods, binary noise and escape codes are harmless, and a mistake is no traceback."""

from __future__ import annotations

import os
import re
import subprocess

import pytest
from tests.faults.builds import check, errors, run, statuses

pytestmark = pytest.mark.root

_MEMORY = 120 << 10
"""Kilobytes: about three times what a build of a tiny image takes."""

_MEASURED = """
import atexit, pathlib, sys
def report():
    (line,) = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
    pathlib.Path(sys.argv[1]).write_text(line.split()[1])
atexit.register(report)
from hivebase.cli import main
main(sys.argv[2:])
"""


def _measured(hive, place, *words):
    """Build with the outputs in a file; return the exit code, the output and the peak of memory in kilobytes."""
    python, _, _, *rest = hive.command("build", *words)
    # Not ru_maxrss: that counts what this process had in memory when it forked.
    with (place / "output").open("wb") as sink:
        done = subprocess.run(
            [python, "-c", _MEASURED, str(place / "peak"), *rest],
            env=hive.environment(),
            stdout=sink,
            stderr=subprocess.STDOUT,
            check=False,
        )
    return done.returncode, (place / "output").read_bytes(), int((place / "peak").read_text())


@pytest.mark.parametrize(
    ("flood", "words"),
    [
        ("yes 0123456789012345678901234567890123456789012345678901234567890 | head -c 200000000", ()),
        ("yes 0123456789012345678901234567890123456789012345678901234567890 | head -c 40000000", ("-v",)),
        ("head -c 40000000 /dev/zero", ("-v",)),
        ("head -c 10000000 /dev/urandom", ("-v",)),
    ],
    ids=["lines", "lines-verbose", "nul", "binary"],
)
def test_b4_a_flood_of_output_is_bounded(hive, tmp_path, flood, words):
    """However much a step prints, memory and what reaches the terminal stay bounded and free of controls."""
    hive.write({"app/Dockerfile": f"FROM busybox:1\nRUN {flood}; printf '\\nthe end'; false\n"})
    code, output, memory = _measured(hive, tmp_path, *words)
    assert code == 1
    assert memory < _MEMORY
    assert len(output) < 100_000_000
    assert re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", output) is None
    assert re.search("[\x80-\x9f\u202a-\u202e]", output.decode()) is None
    assert b"\napp | the end\n" in output


def test_b4_escape_codes_reach_no_terminal(hive):
    """Neither those that a step prints nor those that stand in a Dockerfile, and the message still reads well."""
    hive.write(
        {
            "app/Dockerfile": (
                "FROM busybox:1\nRUN printf '\\033]52;c;Zm9v\\007\\033[2Jred\\rblue\\n'; : \x1b[31m\x9b5n; exit 3\n"
            )
        }
    )
    for words in ((), ("-v",)):
        done = hive.run("build", *words, code=1)
        assert re.search(r"[^\n\t\x20-\x7e]", done.stdout + done.stderr) is None
        assert "app | blue" in done.stderr.splitlines()
        assert errors(done.stderr)[0].endswith("ended with exit code 3")


def test_names_that_are_no_text_can_be_told(hive):
    """A file name that no encoding has is shown with escapes, whatever the locale."""
    hive.write({"app/Dockerfile": "FROM busybox:1\nCOPY . /all\n"})
    (hive.root / "app" / os.fsdecode(b"caf\xe9\x1b[31m")).write_text("x")
    os.mkfifo(hive.root / "app" / os.fsdecode(b"caf\xe9"))
    for locale in ("C", "C.UTF-8", "pt_BR.ISO-8859-1"):
        hive.env = {"LANG": locale, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
        done = hive.run("build", code=2)
        (error,) = errors(done.stderr)
        assert "caf\\xe9" in error or "caf\\udce9" in error
        assert "\x1b" not in done.stderr


@pytest.mark.parametrize("asked", ["", "1"])
def test_a_mistake_of_ours_is_one_message(hive, tmp_path, asked):
    """An exception that nobody foresaw, in a job or before, ends in code 1 and a hint; the trace is for who asks."""
    hive.write({"a/Dockerfile": "FROM busybox:1\nRUN true\n", "b/Dockerfile": "FROM busybox:1\n"})
    broken = tmp_path / "broken"
    for module, spoil, others in (
        ("hivebase.build.embedded", "Embedded.run = lambda *_: {}['no such key']", "built"),
        ("hivebase.build.session", "Session.prepare = lambda *_: {}['no such key']", None),
    ):
        broken.mkdir(exist_ok=True)
        (broken / "program.py").write_text(
            f"import sys; import {module} as m; m.{spoil}; from hivebase.cli import main; main(sys.argv[1:])"
        )
        hive.env = {"HIVEBASE_TRACEBACK": asked}
        command = hive.command("build")
        done = run(hive, [command[0], str(broken / "program.py"), *command[3:]])
        assert done.returncode == 1
        assert ("Traceback" in done.stderr) == bool(asked)
        (error,) = re.findall(r"^error\[internal\]: .*(?:\n  .*)*", done.stderr, re.MULTILINE)
        assert "KeyError" in error
        assert "HIVEBASE_TRACEBACK=1" in error
        assert others is None or re.search(rf"^{others} +hive/b:latest", done.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    ("streams", "code"),
    [("<&- >&- 2>&-", 0), (">&-", 0), ("2>&-", 0), ("2>/dev/full", 0), (">/dev/full", 3)],
)
def test_streams_that_take_nothing_spoil_no_build(hive, streams, code):
    """Closed ones are not taken for files of the store, full ones are told as far as possible; the image is right."""
    hive.write({"app/Dockerfile": "FROM busybox:1\nRUN echo to-the-output; echo x > /x\n"})
    done = run(hive, ["sh", "-c", f'exec "$@" {streams}', "sh", *hive.command("build", "-v")])
    assert done.returncode == code
    assert len(errors(done.stderr)) == (code != 0)
    assert "ignored" not in done.stderr
    check(hive)
    assert hive.cat("app", "/x") == "x\n"
    assert statuses(hive.build()) == {"app": "cached"}


def test_a_reader_that_goes_does_not_stop_the_build(hive):
    """Progress into a pipe that nobody reads any more: the images are made all the same."""
    hive.write({f"{name}/Dockerfile": f"FROM busybox:1\nRUN echo {name} > /name\n" for name in "abc"})
    done = run(hive, ["sh", "-c", '"$@" 2>&1 | head -n 1', "sh", *hive.command("build", "-v", "-j1")])
    assert done.returncode == 0
    assert done.stdout.count("\n") == 1
    assert set(statuses(hive.build()).values()) == {"cached"}
