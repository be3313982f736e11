"""``hivebase run``: which words are ours, and a reader that goes away."""

from __future__ import annotations

import subprocess

import pytest
from tests.hives import BASE, TestHive, busybox_tar

from hivebase.cli.run import command


@pytest.mark.parametrize(
    ("line", "words", "options"),
    [
        ("base ls -t /", ("ls", "-t", "/"), {}),
        ("base -- ls -i", ("ls", "-i"), {}),
        ("base env -- ls", ("env", "--", "ls"), {}),
        ("base sh -c true -u x", ("sh", "-c", "true", "-u", "x"), {}),
        ("-it base", (), {"tty": True, "interactive": True}),
        ("base -it", (), {"tty": True, "interactive": True}),
        ("base -it sh -l", ("sh", "-l"), {"tty": True}),
        ("-u root base id -u", ("id", "-u"), {"user": "root"}),
        ("-iu root base id", ("id",), {"user": "root", "interactive": True}),
        ("-uroot base id", ("id",), {"user": "root"}),
        ("--network none -e A=1 base id", ("id",), {"network": "none", "variables": ("A=1",)}),
        ("--network=none base id", ("id",), {"network": "none"}),
    ],
)
def test_options_end_where_the_command_begins(line, words, options):
    """The command's own options stay the command's, with and without ``--``."""
    given = command.make_context("run", line.split()).params
    assert (given["image"], given["words"]) == ("base", words)
    assert {name: given[name] for name in options} == options


@pytest.fixture
def hive(tmp_path):
    """No Dockerfiles, one image in the store."""
    (tmp_path / "base.tar").write_bytes(busybox_tar())
    made = TestHive(tmp_path, tmp_path / "store")
    made.run("import", str(tmp_path / "base.tar"), BASE)
    return made


def test_a_misspelt_option_is_a_mistake(hive):
    """It is neither an image nor a command."""
    assert "No such option" in hive.run("run", BASE, "--nework", "none", code=2).stderr


@pytest.mark.root
def test_a_reader_that_has_seen_enough_is_no_failure(hive):
    """As ``| head`` is one: the command ends, and nothing is reported."""
    with subprocess.Popen(
        hive.command("run", BASE, "yes"),
        env=hive.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        assert running.stdout.readline() == b"y\n"
        running.stdout.close()
        assert running.stderr.read() == b""
        assert running.wait(30) == 0
