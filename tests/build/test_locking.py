"""One joint resolution for a hive: the real uv, and a small index on loopback."""

from __future__ import annotations

import os
import re
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest
from tests.wheel_index import WheelIndex

from hivebase.build.lock_check import read_outputs, stale, write
from hivebase.build.lock_files import HEADER, pins_of, requirements_text
from hivebase.build.lock_inputs import inputs_of
from hivebase.build.locking import Change, Locking, Upgrade
from hivebase.build.uv import ConflictError, Uv
from hivebase.build.uv_host import uv_host
from hivebase.build.workspace import open_workspace, read_lock
from hivebase.digest import Digest
from hivebase.errors import SystemFaultError, UnreachableError, UsageError
from hivebase.plan.lockfile import HiveLock, render_lock
from hivebase.plan.pythons import Python
from hivebase.plan.requirement_files import parse
from hivebase.plan.resolve_pins import answer
from hivebase.plan.wheels import LockedWheel, Request, Resolution

if TYPE_CHECKING:
    from pathlib import Path

PYTHON = Python("3.11.2", "glibc", (2, 36), "x86_64", "ab")
LATER = Python("3.11.9", "glibc", (2, 36), "x86_64", "cd")
ALPINE = Python("3.11.2", "musl", (1, 2), "aarch64", "")
OLD = Python("3.9.1", "glibc", (2, 36), "x86_64", "")


@pytest.fixture
def index():
    with WheelIndex() as made:
        yield made


class Hive:
    """A directory of images, and what is done with it."""

    def __init__(self, root: Path, home: Path, index: WheelIndex) -> None:
        self.root = root
        self.environ = {"HOME": str(home), "PATH": os.environ["PATH"], "UV_DEFAULT_INDEX": index.address}
        self.pythons: dict[str, Python | None] = {}

    def image(self, name: str, requirements: str, python: Python | None = PYTHON) -> None:
        directory = self.root / name
        directory.mkdir(exist_ok=True)
        (directory / "Dockerfile").write_text("FROM scratch\n")
        (directory / "requirements.in").write_text(requirements)
        self.pythons[name] = python

    def text(self, name: str) -> str:
        return (self.root / name / "requirements.txt").read_text()

    def pins(self, name: str) -> dict[str, str]:
        return pins_of(self.text(name))

    def inputs(self):
        return inputs_of(open_workspace(self.root), lambda image: self.pythons[image.name])

    def resolve(self, upgrade: Upgrade | None = None, **more):
        inputs, lock = self.inputs(), read_lock(self.root)
        before = read_outputs(self.root, [item.output for item in inputs])
        uv = Uv(uv_host(self.environ, self.root / "none"))
        return Locking(uv, inputs, lock, before, **more).resolve(upgrade or Upgrade())

    def lock(self, upgrade: Upgrade | None = None, **more):
        """Resolve and write; return the changes and what was written."""
        outcome = self.resolve(upgrade, **more)
        return outcome.changes, write(self.root, outcome, nullcontext())

    def stale(self) -> list[str]:
        lock = read_lock(self.root)
        return stale(self.inputs(), lock, read_outputs(self.root, lock.outputs))

    def files(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in self.root.rglob("*")
            if path.is_file()
        }


@pytest.fixture
def hive(tmp_path, index):
    for name in ("home", "hive"):
        (tmp_path / name).mkdir()
    return Hive(tmp_path / "hive", tmp_path / "home", index)


def test_images_are_resolved_together(hive, index):
    """One image's limit holds for its siblings, and each gets only what it needs, with hashes."""
    one, _ = index.add("lib", "1.0"), index.add("lib", "2.0")
    app = index.add("app", "1.0", requires=["lib"])
    index.add("tool", "1.0", tag="cp311-cp311-win_amd64")
    tool = index.add("tool", "1.0", tag="cp311-cp311-manylinux2014_x86_64")
    index.add("tool", "1.0")
    hive.image("a", "app # comment\n")
    hive.image("b", "lib<2\ntool\n")
    changes, written = hive.lock()
    assert (
        f"{HEADER}app==1.0 \\\n    --hash=sha256:{app.sha256}\nlib==1.0 \\\n    --hash=sha256:{one.sha256}\n"
        == (hive.text("a"))
    )
    assert hive.pins("b") == {"lib": "1.0", "tool": "1.0"}
    assert {app, one, tool} == set(read_lock(hive.root).wheels.values())
    assert written == ["a/requirements.txt", "b/requirements.txt", "hivebase.lock"]
    assert Change("lib", "", "1.0", ("a", "b")) in changes
    assert "://" not in (hive.root / "hivebase.lock").read_text()


def test_what_is_written_is_answered_without_an_index(hive, index):
    """A build needs nothing else."""
    app, lib = index.add("app", "1.0", requires=["lib"]), index.add("lib", "1.0")
    hive.image("a", "app\n")
    hive.lock()
    lines = parse(hive.text("a")).requirements
    request = Request(lines, (), PYTHON.version, PYTHON.platform)
    assert Resolution((app, lib), frozenset({"app", "lib"})) == answer(request, read_lock(hive.root), PYTHON)


def test_again_changes_nothing(hive, index):
    """Not even the times of the files, when there are newer releases."""
    index.add("lib", "1.0")
    hive.image("a", "lib\n")
    hive.lock()
    before = {path: path.stat().st_mtime_ns for path in hive.root.rglob("*")}
    index.add("lib", "2.0")
    assert hive.lock() == ((), [])
    assert before == {path: path.stat().st_mtime_ns for path in hive.root.rglob("*")}
    assert not hive.stale()


def test_a_size_that_is_known_stays_known(hive, index):
    """Whichever index is asked the next time."""
    lib = index.add("lib", "1.0")
    hive.image("a", "lib\n")
    hive.lock()
    index.sizes = False
    hive.environ["UV_CACHE_DIR"] = str(hive.root.parent / "another")
    assert hive.lock() == ((), [])
    assert {lib.sha256: lib} == read_lock(hive.root).wheels


def test_versions_of_files_that_others_wrote_stay(hive, index):
    """The first lock of a hive keeps what its images have."""
    one = index.add("lib", "1.0")
    index.add("lib", "2.0")
    hive.image("a", "lib\n")
    (hive.root / "a/requirements.txt").write_text(f"Lib==1.0 --hash=sha256:{'1' * 64}\n-r x\n")
    changes, _ = hive.lock()
    assert changes == ()
    assert one.sha256 in hive.text("a")


def test_upgrades_are_as_wide_as_asked_for(hive, index):
    """One package, one package to a version, or all; the changes say where."""
    for name in ("lib", "app"):
        index.add(name, "1.0")
    hive.image("a", "lib\napp\n")
    hive.image("b", "lib\n")
    hive.lock()
    for name in ("lib", "app"):
        for version in ("2.0", "3.0"):
            index.add(name, version)
    changes, _ = hive.lock(Upgrade(packages={"lib": "2.0"}))
    assert (Change("lib", "1.0", "2.0", ("a", "b")),) == changes
    changes, _ = hive.lock(Upgrade(packages={"lib": ""}))
    assert (Change("lib", "2.0", "3.0", ("a", "b")),) == changes
    changes, _ = hive.lock(Upgrade(everything=True))
    assert (Change("app", "1.0", "3.0", ("a",)),) == changes
    with pytest.raises(UsageError) as caught:
        hive.lock(Upgrade(packages={"nix": ""}))
    assert "no image installs nix" in str(caught.value)


def test_packages_come_and_go(hive, index):
    """What nobody needs any more is gone from the lock too."""
    index.add("lib", "1.0")
    app = index.add("app", "1.0")
    hive.image("a", "lib\n")
    hive.lock()
    hive.image("a", "app\n")
    changes, _ = hive.lock()
    assert (Change("app", "", "1.0", ("a",)), Change("lib", "1.0", "", ("a",))) == changes
    assert (app,) == tuple(read_lock(hive.root).wheels.values())


def test_images_of_other_platforms_have_their_own_wheels(hive, index):
    """And the same versions, also where one platform could have newer ones."""
    glibc = index.add("lib", "1.0", tag="cp311-cp311-manylinux2014_x86_64")
    musl = index.add("lib", "1.0", tag="cp311-cp311-musllinux_1_2_aarch64")
    index.add("lib", "2.0", tag="cp311-cp311-musllinux_1_2_aarch64")
    hive.image("a", "lib\n")
    hive.image("b", "lib\n", ALPINE)
    hive.lock()
    assert glibc.sha256 in hive.text("a")
    assert musl.sha256 in hive.text("b")
    assert {glibc, musl} == set(read_lock(hive.root).wheels.values())


def test_a_file_for_two_interpreters_serves_both(hive, index):
    """One hash for each; a patch release of Python is no difference."""
    glibc = index.add("lib", "1.0", tag="cp311-cp311-manylinux2014_x86_64")
    musl = index.add("lib", "1.0", tag="cp311-cp311-musllinux_1_2_aarch64")
    hive.image("a", "lib\n")
    (hive.root / "a/Dockerfile.alpine").write_text("FROM scratch\n")
    (hive.root / "a/Dockerfile.later").write_text("FROM scratch\n")
    hive.pythons |= {"a.alpine": ALPINE, "a.later": LATER}
    hive.lock()
    assert {glibc.sha256, musl.sha256} == set(re.findall("[0-9a-f]{64}", hive.text("a")))
    assert (read_lock(hive.root).inputs["a/requirements.in"].pythons) == (
        "3.11 aarch64 musl 1.2",
        "3.11 x86_64 glibc 2.36",
    )


def test_versions_that_differ_by_python_have_markers():
    """Where no marker can tell, that is an error."""
    one, two = (
        LockedWheel("lib", version, f"lib-{version}-py3-none-any.whl", version[0] * 64)
        for version in ("1.0", "2.0")
    )
    both = LockedWheel("app", "1.0", "app-1.0-py3-none-any.whl", "3" * 64)
    text = requirements_text({PYTHON: [both, two], OLD: [both, one]}, "x")
    assert (
        f"{HEADER}app==1.0 \\\n    --hash=sha256:{'3' * 64}\n"
        f'lib==1.0 ; python_version == "3.9" \\\n    --hash=sha256:{"1" * 64}\n'
        f'lib==2.0 ; python_version == "3.11" \\\n    --hash=sha256:{"2" * 64}\n'
    ) == text
    lock = HiveLock.empty().with_wheels([one, two, both])
    for python, lib in ((PYTHON, two), (OLD, one)):
        found = answer(Request(parse(text).requirements, (), "", ""), lock, python)
        assert found is not None
        assert (both, lib) == found.wheels
    with pytest.raises(UsageError) as caught:
        requirements_text({PYTHON: [one], ALPINE: [two]}, "x/requirements.in")
    assert "different versions of lib" in str(caught.value)


def test_files_that_are_named_are_read_too(hive, index):
    """With -r they ask, with -c they only limit."""
    index.add("lib", "1.0")
    index.add("lib", "2.0")
    index.add("app", "1.0")
    hive.image("a", "-r ../shared.in\n-c ../limits.in\n")
    (hive.root / "shared.in").write_text("lib\napp\n")
    (hive.root / "limits.in").write_text("-r shared.in\nlib<2\nother==1\n")
    hive.lock()
    assert hive.pins("a") == {"app": "1.0", "lib": "1.0"}
    assert not hive.stale()
    (hive.root / "limits.in").write_text("lib<3\n")
    assert hive.stale() == ["a/requirements.in has changed since it was locked"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("-e ../lib\n", "../lib is a file or a project of this machine"),
        ("./lib.whl\n", "./lib.whl is a file or a project of this machine"),
        ("git+https://one.example/x\n", "line 1: a repository is checked out and built"),
        ("x==${VERSION}\n", "line 1: the value of an environment variable is not known here"),
        ("-r ../../etc\n", "outside of the hive"),
        ("-r /etc/passwd\n", "outside of the hive"),
        ("-r link\n", "outside of the hive"),
        ("-r none.in\n", "there is no such file"),
        ("x==\n", "a/requirements.in:1: not a requirement: x=="),
    ],
)
def test_what_cannot_be_locked_is_named(hive, text, why):
    """With the place, and what to do."""
    hive.image("a", text)
    (hive.root / "a/link").symlink_to("/etc/hostname")
    with pytest.raises(UsageError) as caught:
        hive.resolve()
    assert why in str(caught.value)
    assert caught.value.where


def test_a_conflict_is_explained_image_by_image(hive, index):
    """Who wants what, through what, and where that is written; who has no part in it is not named."""
    index.add("lib", "1.0")
    index.add("lib", "2.0")
    index.add("new", "1.0", requires=["lib>=2"])
    index.add("middle", "1.0", requires=["new"])
    index.add("old", "1.0", requires=["lib<2"])
    for name in ("free", "other"):
        index.add(name, "1.0")
    hive.image("a", "free\nmiddle>=1  # first\n")
    hive.image("b", "\nold\nother\n")
    hive.image("c", "free\nother\n")
    before = hive.files()
    with pytest.raises(ConflictError) as caught:
        hive.lock()
    told = str(caught.value)
    assert "a and b cannot agree on versions" in told
    assert "a wants middle>=1 -> new -> lib>=2  (a/requirements.in:2)" in told
    assert "b wants old -> lib<2  (b/requirements.in:2)" in told
    assert not re.search(r"\b(free|other|c wants)\b", told)
    assert before == hive.files()


def test_a_conflict_within_one_image_is_its_own(hive, index):
    """The others are not blamed."""
    index.add("lib", "1.0")
    hive.image("a", "lib\n")
    hive.image("b", "lib>=1\nlib<1\n")
    with pytest.raises(ConflictError) as caught:
        hive.resolve()
    told = str(caught.value)
    assert "b cannot be resolved, not even alone" in told
    assert "b wants lib<1  (b/requirements.in:2)" in told
    assert "a wants" not in told


def test_an_upgrade_that_nobody_allows_is_explained(hive, index):
    """The command line's part is named."""
    index.add("lib", "1.0")
    index.add("lib", "2.0")
    hive.image("a", "lib<2\n")
    with pytest.raises(ConflictError) as caught:
        hive.resolve(Upgrade(packages={"lib": "2.0"}))
    assert "or do without lib==2.0" in caught.value.hint


def test_a_package_without_wheels_is_named_with_who_wants_it(hive, index):
    """It is not built to find out more."""
    index.add_sdist("old", "0.1")
    index.add("app", "1.0", requires=["old"])
    index.add("lib", "1.0")
    hive.image("a", "lib\n")
    hive.image("b", "lib\napp\n")
    with pytest.raises(ConflictError) as caught:
        hive.resolve()
    told = str(caught.value)
    assert "old: no version that is asked for has a wheel" in told
    assert "b wants app -> old  (b/requirements.in:2)" in told


@pytest.mark.parametrize("fault", ["network", "disk"])
def test_nothing_is_written_when_anything_fails(hive, index, monkeypatch, fault):
    """Half a lock would be worse than none; what was written is noticed as stale."""
    index.add("lib", "1.0")
    hive.image("a", "lib\n")
    hive.image("b", "lib\n")
    before = hive.files()
    if fault == "network":
        hive.environ |= {"UV_DEFAULT_INDEX": "http://127.0.0.1:1/simple", "UV_HTTP_RETRIES": "0"}
        with pytest.raises(UnreachableError):
            hive.lock()
        assert before == hive.files()
        return
    outcome = hive.resolve()
    rename, count = os.rename, []

    def full(*arguments, **more):
        count.append(1)
        if len(count) == 2:
            raise OSError(28, "No space left on device")
        rename(*arguments, **more)

    monkeypatch.setattr("hivebase.fs.os.rename", full)
    with pytest.raises(SystemFaultError):
        write(hive.root, outcome, nullcontext())
    monkeypatch.undo()
    assert {"a/requirements.txt"} == hive.files().keys() - before.keys()
    assert hive.stale() == ["a/requirements.in has not been locked", "b/requirements.in has not been locked"]


def test_what_is_stale_is_told(hive, index):
    """Input, output or interpreter; a comment or another order is none of these."""
    index.add("lib", "1.0")
    index.add("app", "1.0")
    hive.image("a", "lib\napp\n")
    hive.lock()
    hive.image("a", "# why\napp\n\nlib\n")
    assert not hive.stale()
    hive.pythons["a"] = LATER
    assert not hive.stale()
    hive.pythons["a"] = None
    assert not hive.stale()
    hive.pythons["a"] = OLD
    assert hive.stale() == [
        "a/requirements.in was locked for Python 3.11 x86_64 glibc 2.36; its images have 3.9 x86_64 glibc 2.36"
    ]
    hive.image("a", "lib\n")
    hive.image("b", "lib\n")
    (hive.root / "a/requirements.txt").write_text("lib==1.0\n")
    assert hive.stale() == [
        "a/requirements.in has changed since it was locked",
        "b/requirements.in has not been locked",
        "a/requirements.txt is not as it was written",
    ]
    (hive.root / "a/requirements.txt").unlink()
    (hive.root / "a/requirements.in").unlink()
    assert "a/requirements.in is locked and does not exist any more" in hive.stale()
    assert "a/requirements.txt is missing" in hive.stale()


def test_an_unknown_interpreter_is_not_guessed(hive, index):
    """Wheels for another one would not run."""
    hive.image("a", "lib\n", None)
    with pytest.raises(UsageError) as caught:
        hive.resolve()
    assert "it is not known for which Python to resolve" in str(caught.value)


def test_remembered_installations_stay_while_they_agree(hive, index):
    """What was resolved for a Dockerfile is resolved anew when the hive takes other versions."""
    one, app = index.add("lib", "1.0"), index.add("app", "1.0")
    hive.image("a", "lib\n")
    hive.lock()
    first, second, third = (Request((name,), (), "", "") for name in ("lib", "app", "sdist"))
    lock = (
        read_lock(hive.root).with_install(first, Resolution((one,))).with_install(second, Resolution((app,)))
    )
    lock = lock.with_install(third, Resolution(impure="x"))
    index.add("lib", "2.0")
    outcome = hive.resolve()
    with_lock = Locking(Uv(uv_host(hive.environ)), hive.inputs(), lock, {})
    assert lock.installs == with_lock.resolve(Upgrade()).lock.installs
    upgraded = with_lock.resolve(Upgrade(packages={"lib": ""})).lock
    assert [Resolution((app,))] == list(upgraded.installs.values())
    assert app in upgraded.wheels.values()
    assert with_lock.resolve(Upgrade(everything=True)).lock.installs == {}
    assert outcome.lock.installs == {}


def test_pins_learned_meanwhile_are_not_lost(hive, index):
    """A build writes to the lock while hivebase lock waits for an index."""
    index.add("lib", "1.0")
    hive.image("a", "lib\n")
    outcome = hive.resolve()
    pinned = HiveLock.empty().with_pin("r", "linux/amd64", Digest.of(b"x"))
    (hive.root / "hivebase.lock").write_text(render_lock(pinned))
    write(hive.root, outcome, nullcontext())
    found = read_lock(hive.root)
    assert pinned.pins == found.pins
    assert outcome.lock.wheels == found.wheels


def test_indexes_of_an_input_are_its_own(hive, index):
    """They are asked, and no address of them is written anywhere."""
    secret = "Hush-4711-never"
    index.add("lib", "1.0")
    with WheelIndex(users={"me": secret}) as other:
        other.add("own", "1.0")
        hive.image("a", f"--extra-index-url {other.address}\nown\nlib\n")
        hive.lock()
    assert hive.pins("a") == {"lib": "1.0", "own": "1.0"}
    written = [hive.text("a"), (hive.root / "hivebase.lock").read_text()]
    assert not [text for text in written if secret in text or "127.0.0.1" in text]
    hive.image("a", "--index-url http://one.example\nlib\n")
    hive.image("b", "--index-url http://two.example\nlib\n")
    with pytest.raises(UsageError) as caught:
        hive.resolve()
    assert "different indexes" in str(caught.value)
