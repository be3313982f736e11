"""The command line as a whole: verbs, messages, exit codes, and what it costs to start."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys

import click
import pytest
from tests.hives import TestHive

from hivebase.cli import VERBS, hivebase, main
from hivebase.errors import HivebaseError

HEAVY = {"boto3", "hypothesis", "requests", "ssl", "urllib3", "yaml"}

ENGINE = {
    "hivebase.build.embedded",
    "hivebase.layers.apply",
    "hivebase.layers.sandbox.run",
}


@pytest.fixture
def hive(tmp_path):
    """An empty directory with a store of its own, without any base image."""
    made = TestHive(tmp_path / "hive", tmp_path / "store")
    made.root.mkdir()
    return made


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb, capsys):
    """--help works, and its one line is the one that the list shows."""
    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"Usage: hivebase {verb}")
    command = hivebase.get_command(click.Context(hivebase), verb)
    assert command is not None
    assert command.short_help == VERBS[verb]


def test_a_bare_call_prints_the_verbs(capsys):
    """Whoever types the name alone wants to know what there is."""
    with pytest.raises(SystemExit):
        main([])
    printed = capsys.readouterr().out
    assert all(verb in printed for verb in VERBS)


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["biuld"], "no such command: biuld", "did you mean 'build'?"),
        (["xyzzy"], "no such command: xyzzy", "hivebase --help"),
        (["build", "--no-such"], "No such option", "hivebase build --help"),
        (["build", "-j", "none"], "not a valid integer", "hivebase build --help"),
        (["graph", "--format", "png"], "'png' is not one of", "hivebase graph --help"),
        (["inspect"], "Missing argument", "hivebase inspect --help"),
    ],
)
def test_a_mistake_is_exit_code_2_with_a_way_out(words, message, hint, capsys):
    """Nothing goes to stdout; the message names the mistake and the next step."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert message in printed.err
    assert hint in printed.err


def test_every_error_has_a_documented_exit_code():
    """The tree of errors and the README's list of exit codes agree."""
    pending, codes = [HivebaseError], set()
    while pending:
        kind = pending.pop()
        codes.add(kind.exit_code)
        pending.extend(kind.__subclasses__())
    assert codes == {1, 2, 3, 4, 130}


def test_an_unknown_image_is_suggested(hive):
    """In a build and in everything that takes an image."""
    hive.write({"grpc-base/Dockerfile": "FROM scratch\n"})
    assert "did you mean 'grpc-base'?" in hive.run("build", "grpc-bsae", code=2).stderr
    assert "hivebase build" in hive.run("inspect", "nothing-like-it", code=2).stderr
    assert "did you mean 'grpc-base'?" in hive.run("run", "grpc-bsae", code=2).stderr


def test_an_image_that_is_not_built_is_told_from_an_unknown_one(hive):
    """The name is right, so the way out is to build it; another version of it is another image."""
    hive.write({"base/Dockerfile": "FROM scratch\nCOPY f /\n", "base/f": "1"})
    assert "try: hivebase build base" in hive.run("inspect", "base", code=3).stderr
    hive.run("build")
    assert "hive/base:latest" in hive.run("inspect", "base:latest").stdout
    assert "no image 'base:9.9.9'" in hive.run("inspect", "base:9.9.9", code=2).stderr
    assert "no image is called 'base:9.9.9'" in hive.run("build", "base:9.9.9", code=2).stderr


def test_a_version_that_no_tag_can_hold_is_refused_before_anything_is_built(hive):
    """On the command line and in hivebase.toml, with the place."""
    hive.write({"base/Dockerfile": "FROM scratch\nCOPY f /\n", "base/f": "1"})
    assert "not a version: '1 0'" in hive.run("build", "--version", "1 0", code=2).stderr
    hive.write({"hivebase.toml": '[hive]\nversion = "1 0"\n'})
    assert "hivebase.toml:2: bad value of hive.version" in hive.run("plan", code=2).stderr
    hive.write({"hivebase.toml": '[hive]\nname = "Upper"\n'})
    assert "hivebase.toml:2: bad value of hive.name" in hive.run("plan", code=2).stderr


def test_no_dockerfiles_is_said(hive):
    """An empty directory is a mistake about the directory."""
    assert "no Dockerfiles" in hive.run("plan", code=2).stderr


def test_plan_needs_neither_root_nor_network(hive):
    """A plan of a tree nobody has built: every image, in order, with its reason; exit code 2 on request."""
    hive.write({"a/Dockerfile": "FROM nobody/has:this\n", "b/Dockerfile": "FROM a\n"})
    document = hive.json("plan")
    assert document["schema_version"] == 1
    assert [(item["name"], item["action"]) for item in document["images"]] == [("a", "build"), ("b", "build")]
    assert document["images"][0]["reasons"][0]["code"] == "FIRST_BUILD"
    hive.run("plan", "--detailed-exitcode", code=2)


def test_json_is_all_that_is_on_stdout(hive):
    """Warnings go to stderr, so that a pipe into jq always works."""
    hive.write({"a/Dockerfile": "FROM python\n", "broken/Dockerfile": "FORM x\n"})
    done = hive.run("graph", "--format", "json")
    assert [node["name"] for node in json.loads(done.stdout)["nodes"]] == ["a", "broken"]
    assert "broken/Dockerfile" in done.stderr


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_no_color_is_respected(no_color, coloured, monkeypatch, capsys):
    """On a terminal errors are red, unless NO_COLOR says otherwise."""
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.utils.should_strip_ansi", lambda *_, **__: False)
    with pytest.raises(SystemExit):
        main(["biuld"])
    assert ("\x1b[31m" in capsys.readouterr().err) == coloured


def test_a_closed_pipe_is_no_error(hive):
    """``hivebase graph | head -1`` ends quietly."""
    hive.write({f"image{n}/Dockerfile": f"FROM base{n}\n" for n in range(400)})
    command = " ".join([*(f"'{word}'" for word in hive.command("graph")), "| head -1"])
    done = subprocess.run(
        ["sh", "-c", command], env=hive.environment(), capture_output=True, text=True, check=True
    )
    assert done.stderr == ""


@pytest.mark.parametrize("words", [["--help"], ["graph"], ["plan"]])
def test_starting_loads_nothing_heavy(hive, words):
    """Imports are lazy: what asks no registry loads no HTTP, and what runs nothing loads no engine."""
    hive.write({"a/Dockerfile": "FROM scratch\nRUN true\n"})
    command = [sys.executable, "-X", "importtime", *hive.command(*words)[1:]]
    done = subprocess.run(command, env=hive.environment(), capture_output=True, text=True, check=True)
    loaded = {
        line.rpartition("|")[2].strip()
        for line in done.stderr.splitlines()
        if line.startswith("import time:")
    }
    assert not {name.partition(".")[0] for name in loaded} & HEAVY
    assert not loaded & ENGINE


def test_the_module_can_be_run():
    """``python -m hivebase`` is the command."""
    done = subprocess.run(
        [sys.executable, "-m", "hivebase", "--version"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ,
    )
    assert done.stdout.startswith("hivebase, version ")


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_is_one_module(verb):
    """Whoever looks for a verb finds it under its name."""
    name = f"hivebase.cli.{verb}_" if verb == "import" else f"hivebase.cli.{verb}"
    assert isinstance(importlib.import_module(name).command, click.Command)
