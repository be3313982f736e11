"""The command of an engine: what it prints, how it ends."""

from __future__ import annotations

import os
import threading
import time

import pytest

from hivebase.build.engines.commands import Command
from hivebase.errors import BuildError, CorruptContentError, InterruptedByUserError, SystemFaultError


@pytest.fixture
def shell():
    """Runs a script."""
    return Command(("/bin/sh", "-c"), {"PATH": "/usr/bin:/bin"}, threading.Event())


def test_lines_are_told_without_what_a_terminal_obeys(shell):
    """From both streams."""
    told: list[str] = []
    shell.run(r"printf '\033[1mone\033[0m\r\n'; echo two >&2", told=told.append)
    assert sorted(told) == ["one", "two"]


def test_a_failure_says_why_with_the_last_lines(shell):
    """As they were printed."""
    with pytest.raises(BuildError) as caught:
        shell.run("echo before; echo the reason >&2; exit 3")
    assert "the reason" in caught.value.why


def test_output_into_a_file_is_not_told(shell, tmp_path):
    """What goes wrong still is."""
    told: list[str] = []
    shell.run("echo data; echo noise >&2", stdout=tmp_path / "out", told=told.append)
    assert ((tmp_path / "out").read_text(), told) == ("data\n", ["noise"])


def test_a_short_call_that_fails_is_a_fault_of_the_machine(shell):
    """With what it printed."""
    with pytest.raises(SystemFaultError, match="failed") as caught:
        shell.output("echo gone >&2; exit 1")
    assert caught.value.why == "gone"


def test_a_cancelled_build_ends_what_is_running(shell):
    """Long before it would end."""
    threading.Timer(0.3, shell.cancel.set).start()
    with pytest.raises(InterruptedByUserError):
        shell.run("exec sleep 60")


def test_a_program_is_fed(shell):
    """More than a pipe holds, and then its end."""
    told: list[str] = []
    shell.run("wc -c", told=told.append, feed=lambda pipe: pipe.write(bytes(1_000_000)))
    assert told == ["1000000"]


def test_a_program_that_has_read_enough_says_itself_how_it_went(shell):
    """That its pipe is closed is no failure of ours."""
    shell.run("head -c 1 >/dev/null", feed=lambda pipe: pipe.write(bytes(1_000_000)))
    with pytest.raises(BuildError, match="failed") as caught:
        shell.run("echo full >&2; exit 1", feed=lambda pipe: pipe.write(bytes(1_000_000)))
    assert caught.value.why == "full"


def test_what_cannot_be_fed_ends_the_program(shell, tmp_path):
    """Before it sees an end, and could take the part for the whole; it is gone when that is told."""
    pid = tmp_path / "pid"

    def feed(pipe):
        pipe.write(b"part")
        while not pid.exists():
            time.sleep(0.01)
        raise CorruptContentError("damaged")

    with pytest.raises(CorruptContentError):
        shell.run(
            f"echo $$ > {pid}.new; mv {pid}.new {pid}; cat >/dev/null; echo took > {tmp_path}/took", feed=feed
        )
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
    assert not (tmp_path / "took").exists()


def test_a_cancelled_build_ends_a_program_that_does_not_read(shell):
    """Although there is more to be written to it."""
    threading.Timer(0.3, shell.cancel.set).start()
    with pytest.raises(InterruptedByUserError):
        shell.run("exec sleep 60", feed=lambda pipe: pipe.write(bytes(1_000_000)))


def test_a_program_that_is_not_there_is_told():
    """Not as a traceback."""
    command = Command(("/nowhere/x",), {}, threading.Event())
    with pytest.raises(SystemFaultError, match="cannot be started"):
        command.run("build")
    with pytest.raises(SystemFaultError, match="cannot be started"):
        command.output("build")


def test_secrets_are_masked_in_what_an_engine_prints(shell):
    """In its lines, and in the error that repeats the last of them."""
    told: list[str] = []
    with pytest.raises(BuildError) as caught:
        shell.run("echo it is hunter2; exit 1", told=told.append, secrets=[b"hunter2"])
    assert told == ["it is ***"]
    assert "hunter2" not in caught.value.why
