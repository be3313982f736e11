"""Machines with empty stores and one registry: what one of them made the others do not make."""

from __future__ import annotations

import gzip
import re
import shutil
import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from tests.archives import END
from tests.faults.builds import PATIENCE, errors, eventually, started
from tests.hives import TestHive
from tests.pythons import debian_python
from tests.registry_simulator import silence
from tests.servers import docker_registry
from tests.upload_simulator import PushSimulator
from tests.wheel_index import WheelIndex
from tests.wheels import wheel

from hivebase.layers.wheels.made_of import made_of
from hivebase.oci.store import Store

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.root, pytest.mark.server]

PLACE, MODE, KEY = "HIVEBASE_SHARED_CACHE", "HIVEBASE_SHARED_CACHE_MODE", "HIVEBASE_SHARED_CACHE_KEY"
HIVE = {
    "hivebase.toml": '[hive]\nname = "team"\nversion = "1.0.0"\n[[group]]\nname = "all"\npath = "."\n',
    "base/Dockerfile": (
        "FROM busybox:1\nRUN cat /proc/sys/kernel/random/uuid > /stamp\nWORKDIR /work\nCOPY file /file\nRUN true\n"
    ),
    "base/file": "one\n",
    "child/Dockerfile": "FROM team/base:1.0.0\nRUN cat /stamp /file > /both\n",
    "wheels/Dockerfile": (
        "FROM python:3.11-slim\n"
        "RUN cat /proc/sys/kernel/random/uuid > /stamp\n"
        "RUN pip install --no-compile --no-cache-dir small==1.0 large==1.0\n"
        "RUN cat /stamp > /copy\n"
    ),
}


@dataclass
class Fleet:
    """A registry, an index of packages, and machines that have nothing but the bases."""

    root: Path
    host: str
    index: WheelIndex
    prepared: Path
    files: dict[str, str] = field(default_factory=lambda: dict(HIVE))

    def machine(self, name: str, **env: str) -> TestHive:
        """Return a machine with the hive."""
        place = self.root / name
        around = {
            "HOME": str(place / "home"),
            "HIVEBASE_CACHE": str(place / "cache"),
            "UV_DEFAULT_INDEX": self.index.address,
            "UV_NO_CONFIG": "1",
            PLACE: f"{self.host}/team/cache",
            **env,
        }
        made = TestHive(place / "hive", place / "store", around)
        (place / "home").mkdir(parents=True)
        shutil.copytree(self.prepared, made.store)
        return made.write(self.files)

    def fetched(self) -> set[str]:
        """Return the wheel files that were downloaded so far."""
        return {seen.path.rpartition("/")[2] for seen in self.index.seen(r"GET /files/.*\.whl$")}

    def stored(self) -> bytes:
        """Return all that the registry has on its disk, layers inflated."""
        found = []
        for path in sorted(self.root.glob("registry-*/docker/**/*")):
            if path.is_file():
                data = path.read_bytes()
                found += [data, gzip.decompress(data) if data.startswith(b"\x1f\x8b") else b""]
        return b"\n".join(found)

    def tags(self) -> list[str]:
        """Return the tags of the cache."""
        return sorted(path.name for path in self.root.glob("registry-*/**/_manifests/tags/*"))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, busybox_store, busybox_file):
    """A store with busybox, and with a base that has busybox and what looks like a Python."""
    root = tmp_path_factory.mktemp("bases")
    shutil.copytree(busybox_store, root / "store")
    path = root / "python.tar"
    path.write_bytes(debian_python().removesuffix(END) + busybox_file.read_bytes())
    TestHive(root, root / "store").run("import", str(path), "python:3.11-slim")
    return root / "store"


@pytest.fixture
def fleet(tmp_path, prepared):
    with docker_registry(tmp_path) as host, WheelIndex() as index:
        large = wheel("large", "1.0", {"large.py": bytes(3 << 20)}, stored=["large.py"])
        for made in (wheel("small", "1.0"), wheel("small", "1.1"), large):
            index.put(made.file, made.bytes())
        yield Fleet(tmp_path, host, index, prepared)


def built(machine, *words) -> tuple[dict[str, str], list[str], str]:
    """Build; return the digests, the steps that were done, and what was said."""
    done = machine.run("build", "-v", *words)
    steps = re.findall(r"^([a-z]+: (?:RUN|COPY|WORKDIR) .*) \d+\.\d+s$", done.stderr, re.MULTILINE)
    digests = {ref: item.digest for ref, item in Store.open(machine.store).refs().items()}
    return digests, steps, done.stderr


def notes(text: str) -> list[str]:
    """Return what the cache said."""
    return [line for line in text.splitlines() if line.startswith("shared cache: ")]


def test_what_one_machine_built_another_takes(fleet):
    """No command runs, nothing is copied, no wheel is fetched; the digests are those of the first machine."""
    first, done, _ = built(fleet.machine("one"))
    assert len(done) == 8
    fetched = fleet.fetched()
    assert {name.partition("-")[0] for name in fetched} == {"small", "large"}
    two = fleet.machine("two")
    before = len(fleet.index.seen(r"GET /files/.*\.whl$"))
    second, done, said = built(two)
    assert (second, done) == (first, [])
    assert len(fleet.index.seen(r"GET /files/.*\.whl$")) == before
    assert len(re.findall(r"^[a-z]+: cached ", said, re.MULTILINE)) == 8
    (note,) = notes(said)
    assert re.fullmatch(
        r"shared cache: 8 results read \(\d\.\d MB fetched\), 0 written \(0\.0 MB sent\)", note
    )
    store = Store.open(two.store)
    assert store.check() == []
    made = [made_of(store, layer.digest) for layer in store.image("team/wheels:1.0.0").manifest.layers]
    assert [[wheel.name for wheel in wheels] for wheels in made if wheels] == [["large"], ["small"]]


def test_only_what_has_changed_is_done(fleet):
    """A file: its COPY and what stands on it. A version: its layer, and not that of the other wheel."""
    built(fleet.machine("one"))
    fleet.files |= {"base/file": "two\n"}
    _, done, _ = built(fleet.machine("two"), "child")
    assert done == ["base: COPY file /file", "base: RUN true", "child: RUN cat /stamp /file > /both"]
    fleet.files["wheels/Dockerfile"] = HIVE["wheels/Dockerfile"].replace("small==1.0", "small==1.1")
    before = fleet.fetched()
    three = fleet.machine("three")
    _, done, _ = built(three, "wheels")
    assert [step.partition(" --no")[0] for step in done] == [
        "wheels: RUN pip install",
        "wheels: RUN cat /stamp > /copy",
    ]
    assert {name.partition("-")[0] for name in fleet.fetched() - before} == {"small"}
    assert not list((fleet.root / "three/cache").glob("**/large*"))


def test_a_machine_that_does_all_again_tells_the_others(fleet):
    """--no-cache takes nothing, and what comes out is what the others find from then on."""
    first, _, _ = built(fleet.machine("one"), "base")
    again, done, _ = built(fleet.machine("two"), "base", "--no-cache")
    assert len(done) == 4
    assert first != again
    third, done, _ = built(fleet.machine("three"), "base")
    assert (third, done) == (again, [])


def test_a_machine_that_does_all_again_takes_no_layer_of_wheels(fleet):
    """It is its own witness for everything."""
    built(fleet.machine("one"), "wheels")
    before = len(fleet.index.seen(r"GET /files/.*\.whl$"))
    _, done, said = built(fleet.machine("two"), "wheels", "--no-cache")
    assert len(done) == 3
    assert len(fleet.index.seen(r"GET /files/.*\.whl$")) == 2 * before
    assert "0 results read" in notes(said)[-1]


def test_who_only_reads_writes_nothing(fleet):
    """Whether hivebase.toml says so or the environment."""
    fleet.files["hivebase.toml"] = (
        f'cache = "{fleet.host}/team/cache"\ncache_mode = "read"\n' + HIVE["hivebase.toml"]
    )
    one = fleet.machine("one")
    del one.env[PLACE]
    built(one, "base")
    assert fleet.tags() == []
    _, _, said = built(fleet.machine("two", **{MODE: "read-write"}), "base")
    assert len(fleet.tags()) == 4
    assert "4 written" in said
    reader = fleet.machine("three")
    del reader.env[PLACE]
    assert built(reader, "base")[1] == []
    assert built(fleet.machine("four", **{MODE: "read"}), "base", "child")[1] == [
        "child: RUN cat /stamp /file > /both"
    ]
    assert len(fleet.tags()) == 4


def test_with_a_key_only_what_carries_its_seal_counts(fleet):
    """What somebody wrote without it is made again, told, and replaced; with it, all is taken."""
    key = "0123456789abcdef-of-the-cache"
    one, _, _ = built(fleet.machine("one"), "base")
    two, done, said = built(fleet.machine("two", **{KEY: key}), "base")
    assert len(done) == 4
    assert one != two
    assert "it is not sealed with the key of this cache" in notes(said)[0]
    three, done, _ = built(fleet.machine("three", **{KEY: key}), "base")
    assert (three, done) == (two, [])
    assert key.encode() not in fleet.stored()


def test_secrets_are_in_no_entry(fleet):
    """Not the secret of a step, not the password of an index, not the key of the cache."""
    secret = "Hush-4711-never"
    fleet.files = {
        "Dockerfile": "FROM busybox:1\nRUN --mount=type=secret,id=token wc -c < /run/secrets/token > /size\n"
    }
    one = fleet.machine(
        "one", TOKEN=secret, HTTP_PROXY=f"http://me:{secret}@localhost:1", NO_PROXY="localhost"
    )
    built(one, "--secret", "id=token,env=TOKEN", "--build-arg", f"http_proxy=http://me:{secret}@localhost:1")
    assert one.cat("hive", "/size") == f"{len(secret)}\n"
    stored = fleet.stored()
    assert b"size" in stored
    assert secret.encode() not in stored
    two = fleet.machine("two")
    assert (
        built(two, "--secret", "id=token,env=TOKEN")[1] == [] if two.env.setdefault("TOKEN", secret) else None
    )


def test_a_cache_that_is_not_there_is_told_once(fleet):
    """The build goes on without it."""
    one = fleet.machine("one", **{PLACE: "localhost:1/team/cache"})
    _, done, said = built(one)
    assert len(done) == 8
    (note,) = notes(said)
    assert note.startswith("shared cache: localhost:1/team/cache is not read in this build: ")


def test_a_build_without_work_asks_nobody(fleet):
    """Nor does one that is told to do without the cache."""
    one = fleet.machine("one", **{PLACE: "localhost:1/team/cache"})
    built(one, "base")
    assert notes(built(one, "base")[2]) == []
    shutil.rmtree(one.store / ".hivebase/records/image")
    assert notes(built(one, "base")[2]) == []
    _, done, said = built(one, "child", "--no-shared-cache")
    assert (len(done), notes(said)) == (1, [])


@pytest.mark.parametrize("what", ["step", "wheel-layer"])
def test_an_interrupt_while_the_cache_hangs(fleet, what):
    """It stops as any other build, whatever the registry was asked for."""
    with PushSimulator() as registry:
        registry.fault(f"GET .*/manifests/cache-{what}", silence(60), forever=True)
        one = fleet.machine("one", **{PLACE: f"{registry.host}/team/cache"})
        with started(one, "build") as process:
            assert eventually(lambda: registry.seen(f"GET .*/manifests/cache-{what}"))
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert len(errors(said)) == 1


def test_an_interrupt_while_results_are_written(fleet):
    """What is built stays, and is not built again."""
    with PushSimulator() as registry:
        registry.fault("HEAD .*/manifests/", silence(60), forever=True)
        one = fleet.machine("one", **{PLACE: f"{registry.host}/team/cache"})
        with started(one, "build", "base") as process:
            assert eventually(lambda: "team/base" in (one.store / "index.json").read_text())
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert len(errors(said)) == 1
    assert built(one, "base")[1] == []


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({PLACE: "team/cache"}, "not a place for a cache: 'team/cache'"),
        ({PLACE: "localhost:1/cache:1"}, "the tags in it are keys"),
        ({MODE: "write"}, "not a mode of a cache: 'write'"),
        ({KEY: "short"}, "the key of the shared cache is too short"),
    ],
)
def test_bad_values(fleet, env, said):
    """One clear message."""
    one = fleet.machine("one")
    one.env |= env
    text = one.run("build", code=2).stderr
    assert said in text
    assert "short'" not in text


def test_no_cache_no_modules(fleet):
    """Who has none loads nothing of it."""
    one = fleet.machine("one", PYTHONPROFILEIMPORTTIME="1")
    del one.env[PLACE]
    loaded = one.run("build", "base").stderr
    assert "hivebase.build.execute" in loaded
    assert "hivebase.build.shared_cache" not in loaded
    assert "hivebase.registry.cache" not in loaded
