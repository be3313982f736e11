"""Bad input is one clear message with the right exit code, everything stays as it was, and the next run succeeds."""

from __future__ import annotations

import shutil

import pytest
from tests.faults.builds import check, errors, leftovers, statuses
from tests.hives import TestHive

pytestmark = pytest.mark.root

GOOD = {
    "bad/Dockerfile": "FROM busybox:1\nCOPY file /file\n",
    "bad/file": "content\n",
    "other/Dockerfile": "FROM busybox:1\nRUN echo other > /other\n",
}
_NOWHERE = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")

CASES = {
    "syntax": (
        "FROM busybox:1\nRUN true\n\tCOPPY a b\n",
        2,
        [
            'error[dockerfile]: bad/Dockerfile:3:2: unknown instruction "COPPY"',
            "    \tCOPPY a b",
            "    \t^",
            "  try: did you mean COPY?",
        ],
    ),
    "flag": (
        "FROM busybox:1\nCOPY --chonw=1 file /\n",
        2,
        ['error[dockerfile]: bad/Dockerfile:2:6: COPY has no flag "--chonw"', "         ^"],
    ),
    "empty": ("", 2, ["error[dockerfile]: bad/Dockerfile: the file has no instructions"]),
    "missing source": (
        "FROM busybox:1\nRUN true\nCOPY gone /gone\n",
        2,
        [
            "error[dockerfile]: bad/Dockerfile:3:1: nothing in the source matches 'gone'",
            "    COPY gone /gone",
            "  try: check the spelling, the context directory and .dockerignore",
        ],
    ),
    "missing in a stage": (
        "FROM busybox:1 AS first\nFROM busybox:1\nCOPY --from=first /gone /gone\n",
        2,
        ["error[usage]: bad, line 3: nothing in the source matches '/gone'"],
    ),
    "unknown base": (
        "FROM nowhere.invalid/team/unknown:1\n",
        3,
        ["error[not-found]: base image nowhere.invalid/team/unknown:1 cannot be had"],
    ),
    "unknown stage": (
        "FROM busybox:1 AS first\nFROM busybox:1\nCOPY --from=frist /a /b\n",
        3,
        ["error[not-found]: base image frist:latest cannot be had"],
    ),
    "failing step": (
        "FROM busybox:1\nRUN echo so-it-goes >&2; exit 9\n",
        1,
        ["error[build-failed]: bad, line 2: `RUN echo so-it-goes >&2; exit 9` ended with exit code 9"],
    ),
    "no such command": (
        'FROM busybox:1\nRUN ["gone", "-x"]\n',
        1,
        [
            'error[build-failed]: bad, line 2: `RUN ["gone", "-x"]` ended with exit code 127',
            "  because there is no such command in the image: gone -x",
        ],
    ),
    "no such user": (
        "FROM busybox:1\nUSER nobody-here\nRUN true\n",
        1,
        ["error[build-failed]: bad, line 3: the image has no user 'nobody-here'"],
    ),
    "not allowed": (
        "# syntax=docker/dockerfile:1-labs\nFROM busybox:1\nRUN --security=insecure true\n",
        4,
        ["error[policy]: bad, line 3: RUN --security=insecure is not allowed"],
    ),
}


@pytest.fixture(scope="module")
def good_store(tmp_path_factory, busybox_store):
    """A store in which the good hive was built; to be copied."""
    place = tmp_path_factory.mktemp("good")
    shutil.copytree(busybox_store, place / "store")
    made = TestHive(place / "hive", place / "store")
    made.root.mkdir()
    made.write(GOOD).build()
    return made.store


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_one_message(tmp_path, good_store, case):
    """The message stands as one block, in this wording; names and images are untouched; repaired, it builds."""
    text, code, lines = CASES[case]
    hive = TestHive(tmp_path / "hive", tmp_path / "store")
    hive.root.mkdir()
    shutil.copytree(good_store, hive.store, symlinks=True)
    names = (hive.store / "index.json").read_bytes()
    hive.env = _NOWHERE
    done = hive.write(GOOD | {"bad/Dockerfile": text}).run("build", "bad", code=code)
    assert errors(done.stderr) == [lines[0]]
    shown = done.stderr.splitlines()
    assert [line for line in lines if line not in shown] == []
    assert shown.index(lines[-1]) - shown.index(lines[0]) <= len(lines) + 2
    assert (hive.store / "index.json").read_bytes() == names
    assert leftovers(hive) == []
    check(hive)
    # Nobody asks for that image here.
    assert statuses(hive.build("other")) == {"other": "cached"}
    assert statuses(hive.write(GOOD).build()) == {"bad": "cached", "other": "cached"}


def test_d15_a_circle_is_printed_with_its_places(hive):
    """The way around, each step with its file and line."""
    hive.write({f"{name}/Dockerfile": f"ARG X\nFROM {base}\n" for name, base in ("ab", "bc", "ca")})
    done = hive.run("build", code=2)
    (error,) = errors(done.stderr)
    assert error.startswith("error[usage]: a/Dockerfile:2, b/Dockerfile:2, c/Dockerfile:2: ")
    assert error.endswith(": images use each other in a circle: a -> b -> c -> a")
    assert done.stdout == ""


def test_a_wrong_configuration_is_told_with_its_place(hive):
    """In hivebase.toml, on the command line, in the environment."""
    hive.write(GOOD)
    hive.env = {"SOURCE_DATE_EPOCH": "yesterday"}
    assert errors(hive.run("build", code=2).stderr) == ["error[usage]: SOURCE_DATE_EPOCH is 'yesterday'"]
    hive.env = {}
    assert errors(hive.run("build", "ohter", code=2).stderr) == ["error[usage]: no image is called 'ohter'"]
    hive.write({"hivebase.toml": '[hive]\nnaem = "team"\n'})
    done = hive.run("build", code=2)
    assert errors(done.stderr) == ["error[usage]: hivebase.toml:2: unknown key 'hive.naem'"]
    assert "did you mean 'name'?" in done.stderr
