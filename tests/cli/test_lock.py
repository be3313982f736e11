"""``hivebase lock`` as people call it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from tests.pythons import write_debian_python
from tests.wheel_index import WheelIndex

SECRET = "Hush-4711-never"


@pytest.fixture
def index():
    with WheelIndex(users={"me": SECRET}) as made:
        made.add("lib", "1.0")
        made.add("app", "1.0", requires=["lib"])
        yield made


class Line:
    """A command line, and everything that it prints."""

    def __init__(self, root, home, index: WheelIndex) -> None:
        self.root = root
        self.said = ""
        self.environ = {
            **{name: os.environ[name] for name in ("PATH", "HIVEBASE_UNSAFE_NO_SYNC") if name in os.environ},
            "HOME": str(home),
            "UV_DEFAULT_INDEX": index.address,
        }

    def __call__(self, *arguments: str, code: int = 0) -> str:
        return self.say("-C", str(self.root), "lock", *arguments, code=code)

    def say(self, *arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "hivebase", *arguments],
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        self.said += done.stdout + done.stderr
        assert code == done.returncode, done.stderr
        return done.stdout if code < 2 else done.stderr


@pytest.fixture
def lock(tmp_path, index):
    root = tmp_path / "hive"
    for name, text in {
        "hivebase.toml": '[hive]\nname = "team"\n[[group]]\nname = "all"\npath = "."\n',
        "a/Dockerfile": "FROM python:3.11-slim\n",
        "a/requirements.in": "app\n",
        "b/Dockerfile": "FROM python:3.11-slim\n",
        "b/requirements.in": "lib\n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (tmp_path / "home").mkdir()
    line = Line(root, tmp_path / "home", index)
    line.say("import", str(write_debian_python(tmp_path / "python.tar")), "python:3.11-slim")
    return line


def test_the_life_of_a_lock(lock, index):
    """Lock, check, edit, notice, lock again, upgrade."""
    assert "a/requirements.in has not been locked\n" in lock("--check", code=1)
    assert lock() == (
        "added app 1.0 (a)\nadded lib 1.0 (a, b)\nwrote a/requirements.txt\nwrote b/requirements.txt\n"
        "wrote hivebase.lock\n"
    )
    index.add("lib", "2.0")
    assert lock("--check") == ""
    asked = len(index.requests)
    assert lock() == "nothing changed\n"
    assert asked == len(index.requests)
    (lock.root / "b/requirements.in").write_text("lib<2\n")
    assert lock("--check", code=1) == "b/requirements.in has changed since it was locked\n"
    assert lock() == "wrote hivebase.lock\n"
    (lock.root / "b/requirements.in").write_text("lib\n")
    assert lock("--dry-run", "-P", "LIB==2.0") == "updated lib 1.0 -> 2.0 (a, b)\n"
    found = json.loads(lock("--json", "--upgrade"))
    assert found == {
        "schema_version": 1,
        "changes": [{"package": "lib", "before": "1.0", "after": "2.0", "images": ["a", "b"]}],
        "written": ["a/requirements.txt", "b/requirements.txt", "hivebase.lock"],
        "wheels": 2,
    }
    assert json.loads(lock("--json", "--check")) == {"schema_version": 1, "stale": []}
    assert SECRET not in lock.said


def test_a_conflict_ends_with_2_and_changes_nothing(lock, index):
    """The message names both images; no address and no password."""
    lock()
    before = {path: path.read_bytes() for path in lock.root.rglob("*") if path.is_file()}
    (lock.root / "b/requirements.in").write_text("lib>=2\n")
    told = lock(code=2)
    assert told.startswith("lock: resolve 2 files of requirements\nerror[conflict]: ")
    assert "b wants lib>=2  (b/requirements.in:1)" in told
    (lock.root / "b/requirements.in").write_text("lib\n")
    assert before == {path: path.read_bytes() for path in lock.root.rglob("*") if path.is_file()}
    assert SECRET not in lock.said


def test_without_inputs_it_says_what_one_is(lock):
    """Instead of writing an empty lock."""
    for name in "ab":
        (lock.root / name / "requirements.in").unlink()
    assert "no requirements.in lies beside a Dockerfile" in lock(code=2)
    assert not (lock.root / "hivebase.lock").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["-P", "a b"], "not a package: 'a b'"),
        (["-P", "nix"], "no image installs nix"),
        (["--exclude-newer", "nonsense"], "uv does not take a setting"),
    ],
)
def test_wrong_arguments_are_usage_errors(lock, arguments, told):
    """Each with what is wrong."""
    assert told in lock(*arguments, code=2)


def test_no_file_that_others_can_read_has_the_password(lock, index, tmp_path):
    """The index's address is used, and kept by nobody."""
    lock()
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    readable = [path for path in kept if path.stat().st_mode & 0o044]
    assert readable
    assert [path for path in readable if SECRET.encode() in path.read_bytes()] == []
    own = [path for path in kept if "hivebase" in path.parts[-4:]]
    assert [path for path in own if SECRET.encode() in path.read_bytes()] == []
