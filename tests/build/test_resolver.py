"""What installations resolve to: the real uv, and a small index on loopback."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path

import pytest
from tests.registry_simulator import silence, status
from tests.servers import free_port
from tests.wheel_index import WheelIndex, locked, make_wheel

from hivebase.build.addresses import Addresses
from hivebase.build.resolver import Resolver
from hivebase.build.uv import ConflictError, Question, Uv, find_uv
from hivebase.build.uv_host import uv_host
from hivebase.errors import SystemFaultError, UnreachableError, UsageError
from hivebase.plan.pythons import Python
from hivebase.plan.wheels import LockedWheel, Request, Resolution
from hivebase.values import replace

PYTHON = Python("3.11.2", "glibc", (2, 36), "x86_64", "")
ALPINE = Python("3.11.2", "musl", (1, 2), "aarch64", "")
SECRET = "Hush-4711-never"


@pytest.fixture
def index():
    with WheelIndex() as made:
        yield made


@pytest.fixture
def environ(tmp_path, index):
    """Return the environment of a user who has one index and nothing else."""
    home = tmp_path / "home"
    home.mkdir()
    return {"HOME": str(home), "PATH": os.environ["PATH"], "UV_DEFAULT_INDEX": index.address}


class Setup:
    """Makes resolvers."""

    def __init__(self, tmp_path: Path, environ: dict[str, str]) -> None:
        self.environ = environ
        self.root = tmp_path / "root"
        self.cache = tmp_path / "cache"
        self.addresses: Addresses

    def resolve(self, *requirements, python=PYTHON, preferences=(), **more) -> Resolution:
        uv = Uv(uv_host(self.environ, self.root))
        self.addresses = Addresses(uv, self.cache, [python])
        request = Request(requirements, more.pop("constraints", ()), python.version, python.platform, **more)
        return Resolver(uv, self.addresses).resolve(request, python, preferences)


@pytest.fixture
def setup(tmp_path, environ):
    return Setup(tmp_path, environ)


def test_an_open_requirement_is_resolved_with_its_dependencies(setup, index):
    """For the image's Python and platform; only what was asked for itself is requested."""
    app = index.add("App_x", "1.0", requires=["lib>=1", 'win; sys_platform == "win32"'])
    index.add("lib", "1.0", tag="cp310-cp310-manylinux2014_x86_64")
    lib = index.add("lib", "1.0", tag="cp311-cp311-manylinux2014_x86_64")
    index.add("lib", "1.0", tag="cp311-cp311-musllinux_1_2_aarch64")
    index.add("lib", "1.0")
    assert Resolution((app, lib), frozenset({"app-x"})) == setup.resolve("app.x")


def test_another_image_gets_its_own_wheels(setup, index):
    """The host's platform has no say."""
    index.add("lib", "1.0", tag="cp311-cp311-manylinux2014_x86_64")
    musl = index.add("lib", "1.0", tag="cp311-cp311-musllinux_1_2_aarch64")
    assert (musl,) == setup.resolve("lib", python=ALPINE).wheels


@pytest.mark.parametrize(
    ("python", "fits"),
    [
        (replace(PYTHON, libc_version=(2, 29)), "manylinux_2_28_x86_64"),
        (replace(PYTHON, libc_version=(2, 50)), "manylinux_2_40_x86_64"),
        (replace(PYTHON, libc_version=(2, 12)), "manylinux_2_5_x86_64"),
        (replace(ALPINE, machine="x86_64"), "musllinux_1_2_x86_64"),
        (replace(PYTHON, machine="riscv64"), "manylinux_2_35_riscv64"),
    ],
)
def test_platforms_that_uv_does_not_know_by_name_are_resolved_too(setup, index, python, fits):
    """It knows some versions of libc; the tags of the wheels decide."""
    wheel = index.add("lib", "1.0", tag=f"cp311-cp311-{fits}")
    index.add("lib", "1.0", tag="cp311-cp311-manylinux_2_60_x86_64")
    assert (wheel,) == setup.resolve("lib", python=python).wheels


def test_a_machine_that_uv_does_not_know_is_named(setup):
    """Nothing is resolved for another one instead."""
    with pytest.raises(UsageError) as caught:
        setup.resolve("lib", python=replace(PYTHON, machine="s390x"))
    assert "s390x" in str(caught.value)


def test_a_size_that_the_index_does_not_tell_is_unknown(setup, index):
    """Old indexes tell none."""
    index.sizes = False
    lib = index.add("lib", "1.0")
    assert (replace(lib, size=0),) == setup.resolve("lib").wheels


def test_what_is_known_is_preferred(setup, index):
    """The image's own versions first, then the hive's; what does not satisfy is left."""
    one, two, three = (index.add("lib", f"{number}.0") for number in (1, 2, 3))
    assert (three,) == setup.resolve("lib").wheels
    assert (two,) == setup.resolve("lib", preferences=[one, two]).wheels
    assert (one,) == setup.resolve("lib", preferences=[two], installed=(("Lib", "1.0"),)).wheels
    assert (two,) == setup.resolve("lib<3", preferences=[three]).wheels
    assert (three,) == setup.resolve("lib>2", installed=(("lib", "1.0"),)).wheels


def test_an_upgrade_leaves_the_images_version(setup, index):
    """For the named packages or for all; the hive's agreement still counts."""
    one, two, three = (index.add("lib", f"{number}.0") for number in (1, 2, 3))
    have = {"installed": (("lib", "1.0"),)}
    assert (one,) == setup.resolve("lib", upgrade=("other",), **have).wheels
    assert (three,) == setup.resolve("lib", upgrade=("Lib",), preferences=[one], **have).wheels
    assert (two,) == setup.resolve("lib", upgrade=("*",), preferences=[one, two], **have).wheels


def test_constraints_and_options_count(setup, index):
    """As in pip."""
    one = index.add("lib", "1.0")
    index.add("lib", "2.0")
    rc = index.add("lib", "3.0rc1")
    app = index.add("app", "1.0", requires=["lib"])
    assert (one,) == setup.resolve("lib", constraints=("lib<2", "unused==9")).wheels
    assert (rc,) == setup.resolve("lib", pre=True).wheels
    assert (app,) == setup.resolve("app", deps=False).wheels


def test_hashes_decide_which_file_is_taken(setup, index):
    """And all that is needed must have some, as pip wants it."""
    abi = index.add("lib", "1.0", tag="cp311-cp311-manylinux2014_x86_64")
    pure = index.add("lib", "1.0")
    app = index.add("app", "1.0", requires=["lib"])
    assert (pure,) == setup.resolve(f"lib==1.0 --hash=sha256:{pure.sha256}").wheels
    both = f"lib==1.0 --hash=sha256:{pure.sha256} --hash=sha256:{abi.sha256}"
    assert (abi,) == setup.resolve(both).wheels
    nobody = setup.resolve(f"lib==1.0 --hash=sha256:{'1' * 64}")
    assert nobody.impure.endswith("among the hashes that are allowed")
    open_end = setup.resolve(f"app==1.0 --hash=sha256:{app.sha256}")
    assert open_end.impure == "lib 1.0 is needed and has no --hash: pip refuses that"


@pytest.mark.parametrize("name", ["old", "app", "win"])
def test_what_has_no_wheel_is_told(setup, index, name):
    """It is for the sandbox; nothing is built to find that out."""
    index.add_sdist("old", "0.1")
    index.add("app", "1.0", requires=["old"])
    index.add("win", "1.0", tag="cp311-cp311-win_amd64")
    found = setup.resolve(name)
    culprit = "win" if name == "win" else "old"
    assert (
        f"{culprit}: no version that is asked for has a wheel for CPython 3.11 on x86_64 with glibc 2.36"
    ) == found.impure


def test_a_source_archive_is_not_built(setup, index, tmp_path):
    """A version that has only one is passed over: to ask must not run other people's code."""
    old = index.add("mix", "1.0")
    index.add_sdist("mix", "2.0")
    assert (old,) == setup.resolve("mix").wheels


def test_a_wheel_may_be_named_by_its_address(setup, index, tmp_path):
    """Its hash is what is kept; the address is known to those who fetch it."""
    lib = index.add("lib", "1.0")
    url = f"{index.url}/files/lib/{lib.file}"
    file, data = make_wheel("local", "1.0")
    (tmp_path / file).write_bytes(data)
    found = setup.resolve(f"lib @ {url}", f"local @ file://{tmp_path}/{file}")
    local = locked("local", "1.0", file, data)
    assert ((replace(lib, size=0), local), {"lib", "local"}) == (
        found.wheels,
        found.requested,
    )
    assert {lib.sha256: url, local.sha256: str(tmp_path / file)} == setup.addresses(found.wheels)


def test_markers_of_the_image_decide_what_was_requested(setup, index):
    """A line that does not count asks for nothing."""
    index.add("lib", "1.0")
    index.add("app", "1.0", requires=["lib"])
    found = setup.resolve('lib; python_version < "3"', "app")
    assert {"app"} == found.requested


def test_a_conflict_is_a_mistake_of_the_user(setup, index):
    """With uv's reasons, and without its frame."""
    index.add("app", "1.0", requires=["lib>=2"])
    index.add("lib", "1.0")
    index.add("lib", "2.0")
    with pytest.raises(ConflictError) as caught:
        setup.resolve("app", "lib<2")
    assert caught.value.exit_code == 2
    assert "all versions of app depend on lib>=2" in caught.value.text
    assert "error:" not in str(caught.value)


def test_a_wrong_requirement_is_a_mistake_of_the_user(setup):
    """With the place in it."""
    with pytest.raises(UsageError) as caught:
        setup.resolve("x==")
    assert "a requirement cannot be read" in str(caught.value)


def test_an_index_that_is_not_there_is_told_as_such(setup):
    """So that a build may go on without it."""
    setup.environ |= {
        "UV_DEFAULT_INDEX": f"http://me:{SECRET}@127.0.0.1:{free_port()}/simple",
        "UV_HTTP_RETRIES": "0",
    }
    with pytest.raises(UnreachableError) as caught:
        setup.resolve("app")
    assert "an index cannot be reached" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_an_index_that_wants_a_password_is_told_as_such(setup, index):
    """It answered, so it is not out of reach."""
    index.fault("GET /simple", status(401), forever=True)
    with pytest.raises(SystemFaultError) as caught:
        setup.resolve("app")
    assert "an index refuses to answer" in str(caught.value)
    assert not isinstance(caught.value, UnreachableError)


def test_a_silent_index_does_not_hold_up_for_ever(tmp_path, environ, index):
    """There is an end."""
    index.fault("GET /simple", silence(20), forever=True)
    uv = Uv(uv_host(environ, tmp_path), timeout=1)
    with pytest.raises(UnreachableError) as caught:
        uv.compile(Question(["app"], PYTHON))
    assert "took too long" in str(caught.value)


def test_a_missing_uv_says_what_to_do(tmp_path, environ, monkeypatch):
    """It belongs to hivebase."""
    monkeypatch.setitem(sys.modules, "uv", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemFaultError) as caught:
        find_uv()
    assert "pip install uv" in caught.value.hint


def test_another_uv_is_not_trusted_to_be_understood(tmp_path, environ):
    """Its answer is checked."""
    program = tmp_path / "uv"
    program.write_text("#!/bin/sh\necho '[[packages]]'\n")
    program.chmod(0o755)
    with pytest.raises(SystemFaultError) as caught:
        Uv(uv_host(environ, tmp_path), program).compile(Question(["app"], PYTHON))
    assert "uv's answer is not understood" in str(caught.value)


def test_what_uv_prints_is_masked(tmp_path, environ):
    """It hides passwords itself, as far as it knows that they are some."""
    program = tmp_path / "uv"
    program.write_text(f"#!/bin/sh\necho 'error: http://me:{SECRET}@one.example/{SECRET}' >&2\nexit 2\n")
    program.chmod(0o755)
    environ["UV_DEFAULT_INDEX"] = f"http://me:{SECRET}@one.example/simple"
    with pytest.raises(SystemFaultError) as caught:
        Uv(uv_host(environ, tmp_path), program).compile(Question(["app"], PYTHON))
    assert "one.example" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_projects_and_constraints_of_the_host_have_no_say(setup, index, tmp_path, monkeypatch):
    """The same hive resolves alike on all machines."""
    index.add("lib", "1.0")
    two = index.add("lib", "2.0")
    (tmp_path / "pyproject.toml").write_text('[tool.uv]\nconstraint-dependencies = ["lib<2"]\n')
    (tmp_path / "limits.txt").write_text("lib<2\n")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    setup.environ |= {"UV_CONSTRAINT": str(tmp_path / "limits.txt"), "UV_OFFLINE": "1", "UV_NO_DEPS": "1"}
    assert (two,) == setup.resolve("lib").wheels


def pip_conf(setup: Setup, text: str) -> None:
    path = Path(setup.environ["HOME"]) / ".config/pip/pip.conf"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    del setup.environ["UV_DEFAULT_INDEX"]


def test_a_host_that_configures_only_pip_is_enough(setup, index, tmp_path):
    """Index, further indexes and directories; of all of them the best version is taken, as pip does."""
    app = index.add("app", "1.0", requires=["lib", "local"])
    file, data = make_wheel("local", "1.0")
    (tmp_path / file).write_bytes(data)
    with WheelIndex() as other:
        other.add("app", "0.1")
        lib = other.add("lib", "1.0")
        pip_conf(
            setup,
            f"[global]\nindex-url = {index.address}\nextra-index-url =\n  {other.address}\nfind-links = {tmp_path}\n",
        )
        found = setup.resolve("app")
        addresses = setup.addresses(found.wheels)
    assert (app, lib, locked("local", "1.0", file, data)) == found.wheels
    assert {f"{index.url}/files/app/{app.file}", f"{other.url}/files/lib/{lib.file}"} < set(
        addresses.values()
    )


def test_what_uv_is_told_itself_wins(setup, index):
    """A uv.toml that names an index is the whole truth."""
    lib = index.add("lib", "1.0")
    pip_conf(setup, "[global]\nindex-url = http://127.0.0.1:1/simple\nno-index = true\n")
    path = Path(setup.environ["HOME"]) / ".config/uv/uv.toml"
    path.parent.mkdir()
    path.write_text(f'[[index]]\nurl = "{index.address}"\ndefault = true\n')
    assert (lib,) == setup.resolve("lib").wheels


def test_no_index_means_directories_only(setup, index, tmp_path):
    """Of pip's configuration, and of the command."""
    index.add("lib", "2.0")
    file, data = make_wheel("lib", "1.0")
    (tmp_path / file).write_bytes(data)
    wheel = locked("lib", "1.0", file, data)
    assert (wheel,) == setup.resolve("lib", no_index=True, find_links=(str(tmp_path),)).wheels
    pip_conf(setup, f"[install]\nno-index = yes\nfind-links = {tmp_path}\n")
    assert (wheel,) == setup.resolve("lib").wheels


def test_an_index_of_the_command_wins(setup, index):
    """And is where its wheels are looked for later, too."""
    index.add("lib", "1.0")
    with WheelIndex(users={"me": SECRET}) as other:
        lib = other.add("lib", "2.0")
        found = setup.resolve("lib", index_url=other.address)
        assert (lib,) == found.wheels
        addresses = setup.addresses([lib])
        assert {lib.sha256: f"http://me:{SECRET}@{other.host}/files/lib/{lib.file}"} == addresses
        uv = Uv(uv_host(setup.environ, setup.root))
        later = Addresses(uv, setup.cache / "none", [PYTHON])
        assert later([lib]) == {}
        later.extend(Request(("lib",), (), "", "", index_url=other.address))
        assert addresses == later([lib], again=True)


@pytest.mark.parametrize("how", ["index", "variables", "requirement"])
def test_a_password_is_used_and_kept_nowhere(setup, tmp_path, how):
    """Not in the resolution, and not in what is cached."""
    with WheelIndex(users={"me": SECRET}) as index:
        lib = index.add("lib", "1.0")
        setup.environ["UV_DEFAULT_INDEX"] = index.address
        if how == "variables":
            setup.environ |= {
                "UV_DEFAULT_INDEX": f"corp={index.url}/simple",
                "UV_INDEX_CORP_USERNAME": "me",
                "UV_INDEX_CORP_PASSWORD": SECRET,
            }
        place = f"http://me:{SECRET}@{index.host}/files/lib/{lib.file}"
        if how == "requirement":
            setup.environ["UV_DEFAULT_INDEX"] = f"{index.url}/none"
        found = setup.resolve(f"lib @ {place}" if how == "requirement" else "lib")
        assert [lib.sha256] == [wheel.sha256 for wheel in found.wheels]
        assert {lib.sha256: place} == setup.addresses([lib])
    kept = [path for path in setup.cache.rglob("*") if path.is_file()]
    assert kept
    assert [path for path in kept if SECRET.encode() in path.read_bytes()] == []
    assert {0o600} == {stat.S_IMODE(path.stat().st_mode) for path in kept}
    assert SECRET not in repr(uv_host(setup.environ, setup.root))


def new_addresses(setup: Setup, *pythons: Python) -> Addresses:
    return Addresses(Uv(uv_host(setup.environ, setup.root)), setup.cache, pythons or (PYTHON,))


def pages(index: WheelIndex) -> int:
    return len(index.seen("GET /simple"))


def test_addresses_of_a_resolution_are_not_asked_for_again(setup, index):
    """Nor in the next run; without the cache they are asked for once for all."""
    wheels = [index.add("lib", "1.0"), index.add("app", "1.0", requires=["lib"])]
    setup.resolve("app")
    asked = pages(index)
    expected = {wheel.sha256: f"{index.url}/files/{wheel.name}/{wheel.file}" for wheel in wheels}
    assert expected == new_addresses(setup)(wheels)
    assert asked == pages(index)
    for path in setup.cache.rglob("*"):
        if path.is_file():
            path.write_bytes(b"damaged")
    assert expected == new_addresses(setup)(wheels)
    assert asked < pages(index)


def test_a_doubtful_address_makes_all_doubtful_once(setup, index, monkeypatch):
    """An index that moved is asked once, not once for each wheel."""
    wheels = [index.add(name, "1.0") for name in ("a", "b", "c")]
    setup.resolve("a", "b", "c")
    file = next(path for path in setup.cache.rglob("*") if path.is_file() and path.suffix != ".lock")
    gone = dict.fromkeys(json.loads(file.read_bytes()), f"{index.url}/gone")
    file.write_text(json.dumps(gone))
    addresses = new_addresses(setup)
    assert gone == addresses(wheels)
    asked = []
    compile_ = Uv.compile

    def counted(self, question):
        asked.append(question)
        return compile_(self, question)

    monkeypatch.setattr(Uv, "compile", counted)
    found: dict[str, str] = {}
    for wheel in [*wheels, LockedWheel("none", "1.0", "none-1.0-py3-none-any.whl", "1" * 64)] * 2:
        found.update(addresses([wheel], again=True))
    assert {wheel.sha256: f"{index.url}/files/{wheel.name}/{wheel.file}" for wheel in wheels} == found
    assert len(asked) == 2  # one of them for the wheel that nobody has


def test_one_wheel_that_is_gone_does_not_hide_the_others(setup, index):
    """And two versions of one package are no contradiction; each Python is asked for its own."""
    wheels = [index.add(f"p{number}", "1.0") for number in range(5)]
    wheels.append(index.add("p0", "2.0"))
    gone = LockedWheel("gone", "1.0", "gone-1.0-py3-none-any.whl", "1" * 64)
    asked = [*wheels[:3], gone, *wheels[3:]]
    assert {wheel.sha256 for wheel in wheels} == set(new_addresses(setup)(asked))
    musl = index.add("musl", "1.0", tag="cp311-cp311-musllinux_1_2_aarch64")
    assert {musl.sha256} == set(new_addresses(setup, PYTHON, ALPINE)([gone, musl]))
