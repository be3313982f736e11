"""The bake file of a hive: what is in it, and what a real ``docker buildx bake`` makes of it."""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
from contextlib import contextmanager

import msgspec
import pytest
from tests.docker_host import current_dockerd
from tests.hives import BASE
from tests.servers import docker_registry

from hivebase.build.bake.document import bake_document
from hivebase.build.bake.names import context_name, target_names
from hivebase.build.workspace import open_workspace
from hivebase.digest import Digest
from hivebase.errors import UsageError
from hivebase.oci.annotations import STAND_INS
from hivebase.oci.platforms import host_platform
from hivebase.oci.store import Store
from hivebase.plan.lockfile import HiveLock, render_lock
from hivebase.plan.planner import PlanInputs


def written(root, files, contexts=None, extra=None, **inputs):
    """The document of a hive with these files."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return bake_document(open_workspace(root).hive, PlanInputs(**inputs), contexts, extra)


# What is in it


def test_a_reference_has_the_name_under_which_buildkit_looks_for_it():
    """As its frontend normalises: without docker.io, library and latest."""
    assert context_name("base") == "base"
    assert context_name("base:latest") == "base"
    assert context_name("docker.io/library/base:latest") == "base"
    assert context_name("index.docker.io/team/base:1") == "team/base:1"
    assert context_name("localhost:5000/base") == "localhost:5000/base"
    digest = "sha256:" + "0" * 64
    assert context_name(f"base:latest@{digest}") == f"base:latest@{digest}"


def test_targets_have_names_that_bake_allows():
    """Other signs become _, and an image called like the group is not the group."""
    names = target_names(["v1/base", "py3.11", "default", "a-b_c"])
    assert names == {
        "v1/base": "v1_base",
        "py3.11": "py3_11",
        "default": "default-image",
        "a-b_c": "a-b_c",
    }


def test_two_images_that_would_be_one_target_are_refused():
    """Nothing is said by silently dropping one of them."""
    with pytest.raises(UsageError) as caught:
        target_names(["a.b", "a_b"])
    assert "'a.b'" in caught.value.what
    assert "'a_b'" in caught.value.what
    assert caught.value.hint


def test_every_way_to_use_an_image_is_linked(tmp_path):
    """FROM with arguments expanded, COPY --from and RUN --mount=from, in stages that are needed."""
    files = {
        "base/Dockerfile": "FROM busybox:1\n",
        "base-2/Dockerfile": "FROM busybox:1\n",
        "tools/Dockerfile": "FROM scratch\nCOPY tool /\n",
        "tools/tool": "",
        "unused/Dockerfile": "FROM busybox:1\n",
        "app/Dockerfile": (
            "ARG TAG=2\n"
            "FROM hub.example.org/team/unused AS aside\n"
            "FROM team/base:${TAG}\n"
            "COPY --from=tools:latest /tool /tool\n"
            "RUN --mount=from=docker.io/team/base:3,target=/mnt true\n"
        ),
    }
    document = written(tmp_path, files, names=["app"], args={"TAG": "3"})
    assert list(document["target"]) == ["base", "tools", "unused", "app"]
    assert document["group"] == {"default": {"targets": ["base", "tools", "unused", "app"]}}
    assert document["target"]["app"]["contexts"] == {"team/base:3": "target:base", "tools": "target:tools"}
    assert document["target"]["base"]["contexts"] == {}


def test_an_image_that_is_called_by_several_names_has_a_target_for_each(tmp_path):
    """Early buildx hands a target over under one name only."""
    files = {
        "base/Dockerfile": "FROM busybox:1\n",
        "base-2/Dockerfile": "FROM base\n",
        "app/Dockerfile": "FROM base:1\nCOPY --from=base:2 /a /\nCOPY --from=base /a /\nCOPY --from=base-2 /a /\n",
    }
    document = written(tmp_path, files)
    targets = document["target"]
    assert document["group"] == {"default": {"targets": ["base", "base-2", "app"]}}
    assert targets["app"]["contexts"] == {
        "base": "target:base",
        "base-2": "target:base-2",
        "base:1": "target:base-3",
        "base:2": "target:base-4",
    }
    untagged = {key: value for key, value in targets["base"].items() if key != "tags"}
    assert targets["base-3"] == targets["base-4"] == untagged | {"output": ["type=cacheonly"]}


def test_only_declared_args_are_given(tmp_path):
    """Hivebase's own, the group's and the command line's, the latter above; proxies need no declaration."""
    files = {
        "hivebase.toml": (
            '[hive]\nname = "n"\nversion = "1.2.3"\n'
            '[[group]]\nname = "g"\npath = "images"\nargs = { COLOUR = "red", SIZE = "s", LOST = "x" }\n'
        ),
        "images/base/Dockerfile": "FROM busybox:1\nARG VERSION\nONBUILD ARG SIZE\nONBUILD ARG BUILD_DATE\n",
        "images/app/Dockerfile": "ARG COLOUR\nFROM n/base:1.2.3\n",
    }
    args = {"COLOUR": "blue", "http_proxy": "http://proxy.example:1", "OTHER": "x"}
    targets = written(tmp_path, files, args=args, epoch=0)["target"]
    proxy = {"http_proxy": "http://proxy.example:1"}
    assert targets["base"]["args"] == {"VERSION": "1.2.3"} | proxy
    assert (
        targets["app"]["args"]
        == {"BUILD_DATE": "1970-01-01T00:00:00Z", "COLOUR": "blue", "SIZE": "s"} | proxy
    )
    assert targets["app"]["tags"] == ["n/app:1.2.3"]


def test_triggers_of_a_base_of_the_hive_are_read(tmp_path):
    """What they copy from is an image of the child."""
    files = {
        "tools/Dockerfile": "FROM busybox:1\n",
        "base/Dockerfile": "FROM busybox:1 AS early\nONBUILD ARG X\nFROM busybox:1\nONBUILD COPY --from=tools /a /a\n",
        "app/Dockerfile": "FROM base\n",
    }
    app = written(tmp_path, files, args={"X": "1"})["target"]["app"]
    assert app["contexts"] == {"base": "target:base", "tools": "target:tools"}
    assert app["args"] == {}


def test_paths_lead_from_the_root_to_the_context_and_from_there_to_the_dockerfile(tmp_path):
    """As bake reads them, which joins the two."""
    files = {
        "hivebase.toml": '[[group]]\nname = "g"\npath = "docker"\ncontext = "src"\n',
        "docker/app/Dockerfile": "FROM scratch\nCOPY x /\n",
        "src/x": "",
    }
    app = written(tmp_path, files)["target"]["app"]
    assert (app["context"], app["dockerfile"]) == ("src", "../docker/app/Dockerfile")


def test_given_contexts_are_found_in_any_spelling_and_beat_targets(tmp_path):
    """Whoever has a parent already hands it over as it is."""
    files = {
        "base/Dockerfile": "FROM docker.io/library/busybox:1\n",
        "app/Dockerfile": "FROM base\nCOPY --from=alpine /a /a\n",
    }
    contexts = {"busybox:1": "oci-layout:///s@sha256:1", "base:latest": "docker-image://kept", "other": "x"}
    targets = written(tmp_path, files, contexts)["target"]
    assert targets["base"]["contexts"] == {"busybox:1": "oci-layout:///s@sha256:1"}
    assert targets["app"]["contexts"] == {"base": "docker-image://kept"}


def test_more_fields_are_laid_over_a_target(tmp_path):
    """By the image's name, not the target's."""
    extra = {"a.b": {"output": ["type=docker"], "tags": []}}
    files = {"a.b/Dockerfile": "FROM busybox:1\n", "c/Dockerfile": "FROM busybox:1\n"}
    targets = written(tmp_path, files, None, extra)["target"]
    assert (targets["a_b"]["output"], targets["a_b"]["tags"]) == (["type=docker"], [])
    assert "output" not in targets["c"]


def test_a_context_that_would_be_taken_for_a_stage_is_refused(tmp_path):
    """The builder would put the image in the place of the stage, and leave out its steps."""
    files = {
        "base/Dockerfile": "FROM busybox:1\n",
        "app/Dockerfile": "FROM base:latest AS base\nRUN true\nFROM base\n",
    }
    with pytest.raises(UsageError) as caught:
        written(tmp_path, files)
    assert caught.value.where == "app/Dockerfile:1:1"
    assert "stage" in caught.value.hint


def test_a_base_for_another_platform_is_not_handed_over(tmp_path):
    """Its name alone does not tell the two apart."""
    files = {"app/Dockerfile": "FROM --platform=linux/arm64 busybox:1\n"}
    assert written(tmp_path, files)["target"]["app"]["contexts"] == {}
    with pytest.raises(UsageError) as caught:
        written(tmp_path, files, {"busybox:1": "oci-layout:///s@sha256:1"})
    assert "linux/arm64" in caught.value.what


def test_a_path_that_json_cannot_hold_is_refused(tmp_path):
    """Rather than written as another one."""
    name = b"\xff".decode("utf-8", "surrogateescape")
    with pytest.raises(UsageError) as caught:
        written(tmp_path, {f"{name}/app/Dockerfile": "FROM busybox:1\n"})
    assert "UTF-8" in caught.value.what


# What the real one makes of it

HIVE = {
    "hivebase.toml": '[hive]\nname = "n"\nversion = "1.0"\n[[group]]\nname = "g"\npath = "."\ncontext = "."\n',
    "base/Dockerfile": f"FROM {BASE}\nCOPY base/word /word\nENV FROM_BASE=yes\n",
    "base/word": "first\n",
    "py.tools/Dockerfile": (
        "FROM docker.io/n/base:1.0 AS made\n"
        "RUN --network=none cat /word /word > /twice\n"
        "FROM scratch\n"
        "COPY --from=made /twice /twice\n"
    ),
    "app/Dockerfile": (
        "FROM n/base\n"
        "COPY --from=n/py.tools:1.0 /twice /copied\n"
        "ARG VERSION\n"
        "ARG TEMPLATE\n"
        "RUN --network=none --mount=from=n/py.tools:latest,target=/mnt "
        'cat /word /mnt/twice > /all && printf "%s" "$VERSION $TEMPLATE $FROM_BASE" > /values\n'
    ),
}
TEMPLATE = "${HOME} $${x} %{y} %%{z} $"


class Docker:
    """A daemon of the current Docker with the base image in it."""

    def __init__(self, words, env, shared):
        self.words = words
        self.env = env
        self.shared = shared

    def __call__(self, *words, cwd="/", code=0):
        """Run the client; fail unless it ends with ``code``."""
        # It starts in the directory tree of the daemon, where the working directory has to be given by name.
        prefix, (chroot, root, docker) = self.words[:-3], self.words[-3:]
        inside = ["sh", "-c", 'cd "$1" && shift && exec "$@"', "sh", str(cwd), docker, *map(str, words)]
        done = subprocess.run(
            [*prefix, chroot, root, *inside],
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def bake(self, root, *words, code=0):
        """Bake in ``root``; return what was printed."""
        done = self("buildx", "bake", "--progress=plain", *words, cwd=root, code=code)
        return done.stdout + done.stderr

    def cat(self, image, path):
        """Return the content of a file of an image."""
        return self("run", "--rm", "--network=none", image, "cat", path).stdout


@contextmanager
def running(shared):
    with current_dockerd(shared) as (words, env):
        yield Docker(words, env, shared)


@pytest.fixture(scope="module")
def classic(tmp_path_factory):
    """A daemon with Docker's own image store, the usual one."""
    with running(tmp_path_factory.mktemp("classic")) as docker:
        yield docker


@pytest.fixture(scope="module")
def with_containerd(tmp_path_factory):
    """A daemon with the containerd image store."""
    with pytest.MonkeyPatch.context() as patch:
        # As in its own tests; a person sets features.containerd-snapshotter in daemon.json.
        patch.setenv("TEST_INTEGRATION_USE_SNAPSHOTTER", "1")
        with running(tmp_path_factory.mktemp("containerd")) as docker:
            yield docker


@pytest.fixture
def place(hive, tmp_path_factory):
    """Returns what puts a hive and its store where a daemon's client sees them."""

    def put(docker):
        directory = docker.shared / tmp_path_factory.mktemp("hive").name
        directory.mkdir()
        hive.store = shutil.copytree(hive.store, directory / "store")
        hive.root = directory / "hive"
        hive.root.mkdir()
        return hive.write(HIVE)

    return put


def assert_built(docker, word):
    """The images are there, and the child was built on the parent that was built with it."""
    assert docker.cat("n/base:1.0", "/word") == word
    assert docker.cat("n/app:1.0", "/copied") == word * 2
    assert docker.cat("n/app:1.0", "/all") == word * 3
    assert docker.cat("n/app:1.0", "/values") == f"1.0 {TEMPLATE} yes"


def layers(docker, image):
    found = docker("image", "inspect", "--format", "{{json .RootFS.Layers}}", image).stdout
    return json.loads(found)


@pytest.mark.root
@pytest.mark.server
def test_docker_builds_the_hive_on_a_base_that_was_loaded(classic, place):
    """Child on parent, all three ways to use an image, and again when the parent changes; no registry is asked."""
    hive = place(classic)
    archive = hive.root.parent / "base.tar"
    hive.run("export", BASE, str(archive), "--format", "docker")
    classic("load", "--input", archive)
    hive.run("export", "bake", "--build-arg", f"TEMPLATE={TEMPLATE}")
    classic.bake(hive.root)
    assert_built(classic, "first\n")
    before = layers(classic, "n/app:1.0")
    assert before[: len(layers(classic, "n/base:1.0"))] == layers(classic, "n/base:1.0")

    assert " CACHED" in classic.bake(hive.root)
    assert layers(classic, "n/app:1.0") == before

    hive.write({"base/word": "second\n"})
    classic.bake(hive.root, "app")
    assert_built(classic, "second\n")


@pytest.mark.root
@pytest.mark.server
def test_bake_reads_the_file_as_it_is_meant(classic, place):
    """Every value, those that look like templates among them."""
    hive = place(classic)
    hive.run("export", "bake", "--with-bases", "--build-arg", f"TEMPLATE={TEMPLATE}")
    written = json.loads((hive.root / "docker-bake.json").read_text())
    printed = json.loads(classic("buildx", "bake", "--print", cwd=hive.root).stdout)
    assert printed["target"]["app"]["args"] == {"VERSION": "1.0", "TEMPLATE": TEMPLATE}
    assert printed["group"] == written["group"]
    for name in ("base", "py_tools", "app"):
        kept = {key: value for key, value in written["target"][name].items() if value and key != "args"}
        assert {key: printed["target"][name].get(key) for key in kept} == kept


@pytest.mark.root
@pytest.mark.server
def test_docker_reads_bases_from_the_store_where_it_can(with_containerd, place):
    """With the containerd image store. Ours stays as it is, and a stand-in brings its label along."""
    hive = place(with_containerd)
    store = Store.open(hive.store)
    real = store.image(BASE)
    labelled = msgspec.structs.replace(real.config.config, labels={STAND_INS: BASE})
    config = msgspec.structs.replace(real.config, config=labelled)
    store.tag(BASE, store.put_image(config, real.manifest.layers))
    hive.run("export", "bake", "--build-arg", f"TEMPLATE={TEMPLATE}")
    assert with_containerd("images", "--quiet", BASE).stdout == ""
    kept = sorted(hive.store.rglob("*"))
    with_containerd.bake(hive.root)
    assert_built(with_containerd, "first\n")
    assert sorted(hive.store.rglob("*")) == kept
    labels = with_containerd("image", "inspect", "--format", "{{json .Config.Labels}}", "n/app:1.0").stdout
    assert json.loads(labels) == {STAND_INS: BASE}


@pytest.mark.root
@pytest.mark.server
def test_docker_s_own_image_store_reads_no_layout(classic, place):
    """What the command warns of, and the page says: to be changed there when this changes."""
    hive = place(classic)
    hive.run("export", "bake", "--with-bases")
    assert "unknown scheme oci-layout" in classic.bake(hive.root, code=1)


@pytest.mark.root
@pytest.mark.server
def test_a_pinned_base_comes_from_its_registry_by_digest(classic, place, tmp_path):
    """Whatever its tag means there today."""
    hive = place(classic)
    with docker_registry(tmp_path) as host:
        reference = f"{host}/{BASE}"
        archive = hive.root.parent / "base.tar"
        hive.run("export", BASE, str(archive), "--format", "docker")
        classic("load", "--input", archive)
        classic("tag", BASE, reference)
        pushed = classic("push", reference).stdout
        digest = Digest.parse(pushed.partition("digest: ")[2].split()[0])
        empty = hive.root.parent / "empty.tar"
        with tarfile.open(empty, "w"):
            pass
        classic("import", empty, reference)
        classic("push", reference)
        classic("image", "rm", reference)
        lock = HiveLock.empty().with_pin(reference, str(host_platform()), digest)
        hive.write({"hivebase.lock": render_lock(lock), "base/Dockerfile": f"FROM {reference}\n"})
        hive.run("export", "bake", "-i", "base")
        classic.bake(hive.root)
    assert layers(classic, "n/base:1.0") == layers(classic, BASE)
