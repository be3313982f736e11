"""``hivebase export bake``: where the file goes, what it says of base images, and the image that is called bake."""

from __future__ import annotations

import json
import shutil

import msgspec
import pytest
from tests.hives import BASE, TestHive, busybox_tar

from hivebase.digest import Digest
from hivebase.oci.annotations import STAND_INS
from hivebase.oci.platforms import host_platform
from hivebase.oci.store import Store
from hivebase.plan.lockfile import HiveLock, render_lock

FILES = {
    "hivebase.toml": '[hive]\nname = "n"\nversion = "1"\n[[group]]\npath = "."\n',
    "base/Dockerfile": f"FROM {BASE}\nARG VERSION\nARG COLOUR\n",
    "app/Dockerfile": "FROM n/base:1\n",
    "bake/Dockerfile": "FROM n/base:1\n",
}


@pytest.fixture(scope="session")
def imported(tmp_path_factory):
    """A store with the base image; to be copied."""
    made = TestHive(tmp_path_factory.mktemp("prepared"), tmp_path_factory.mktemp("store"))
    archive = made.root / "rootfs.tar"
    archive.write_bytes(busybox_tar())
    made.run("import", str(archive), BASE)
    return made.store


@pytest.fixture
def hive(tmp_path):
    """Three images, an empty store, and no base image."""
    made = TestHive(tmp_path / "hive", tmp_path / "store")
    made.root.mkdir()
    return made.write(FILES)


def document(hive, *words):
    return json.loads(hive.run("export", "bake", "-", *words).stdout)


def test_the_file_is_where_bake_looks_for_it(hive):
    """Also from a directory below the root; and a second one takes the place of the first."""
    done = hive.run("export", "bake")
    path = hive.root / "docker-bake.json"
    assert (
        done.stderr
        == f"wrote 3 targets to {path}\nin {hive.root}: docker buildx bake --file docker-bake.json\n"
    )
    assert done.stdout == ""
    assert json.loads(path.read_text()) == document(hive)
    below = TestHive(hive.root / "app", hive.store)
    below.run("export", "bake", "-i", "base")
    assert list(json.loads(path.read_text())["target"]) == ["base"]


def test_a_file_elsewhere_is_named_as_bake_must_be_told(hive, tmp_path):
    """Relative to the root, where bake has to be started."""
    done = hive.run("export", "bake", str(tmp_path / "x.json"))
    assert f"in {hive.root}: docker buildx bake --file ../x.json" in done.stderr
    assert list(json.loads((tmp_path / "x.json").read_text())["target"]) == ["base", "app", "bake"]


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"//": "mine"}', "target {}", "\udcff"])
def test_a_file_of_somebody_else_stays(hive, content):
    """It is not ours to overwrite."""
    path = hive.root / "docker-bake.json"
    path.write_text(content, errors="surrogateescape")
    done = hive.run("export", "bake", code=2)
    assert "hivebase did not write" in done.stderr
    assert path.read_text(errors="surrogateescape") == content


def test_a_directory_that_is_not_there_is_told(hive):
    """With the exit code of the machine's faults."""
    done = hive.run("export", "bake", str(hive.root / "none/x.json"), code=3)
    assert "none" in done.stderr


def test_selection_version_and_args(hive):
    """As in a build: with ancestors, under the version, and only what is declared."""
    found = document(hive, "-i", "app", "--version", "2", "--build-arg", "COLOUR=red", "--build-arg", "NO=1")
    assert list(found["target"]) == ["base", "app"]
    assert found["target"]["base"]["tags"] == ["n/base:2"]
    assert found["target"]["base"]["args"] == {"COLOUR": "red", "VERSION": "2"}
    assert "no image is called 'nope'" in hive.run("export", "bake", "-", "-i", "nope", code=2).stderr


def test_an_external_base_is_handed_over_when_asked(hive, imported):
    """From the store; one that it does not have is an error, and by default the builder's business."""
    assert document(hive)["target"]["base"]["contexts"] == {}
    done = hive.run("export", "bake", "-", "--with-bases", code=3)
    assert f"base image {BASE} is not in the store" in done.stderr
    assert "hivebase import FILE busybox:1" in done.stderr
    shutil.rmtree(hive.store)
    shutil.copytree(imported, hive.store)
    assert document(hive)["target"]["base"]["contexts"] == {}
    assert "containerd image store" in hive.run("export", "bake", "--with-bases").stderr
    context = document(hive, "--with-bases")["target"]["base"]["contexts"][BASE]
    place, _, digest = context.partition("@")
    assert place == f"oci-layout://{hive.store}:1"
    assert (hive.store / "blobs" / digest.replace(":", "/")).exists()


def test_a_store_that_bake_could_not_find_is_refused(hive, imported):
    """What stands behind a colon would be taken for a tag."""
    hive.store = hive.store.with_name("a:b")
    shutil.copytree(imported, hive.store)
    done = hive.run("export", "bake", "-", "--with-bases", code=2)
    assert "HIVEBASE_STORE" in done.stderr


def test_a_stand_in_is_handed_over_unless_not_wanted(hive, imported):
    """No registry has it."""
    shutil.copytree(imported, hive.store)
    store = Store.open(hive.store)
    real = store.image(BASE)
    labels = msgspec.structs.replace(real.config.config, labels={STAND_INS: BASE})
    config = msgspec.structs.replace(real.config, config=labels)
    store.tag(BASE, store.put_image(config, real.manifest.layers))
    assert document(hive)["target"]["base"]["contexts"][BASE].startswith(f"oci-layout://{hive.store}:1@")
    assert document(hive, "--without-bases")["target"]["base"]["contexts"] == {}


def test_a_pinned_base_is_asked_for_by_its_digest(hive):
    """So that every builder stands on the same one."""
    digest = Digest.of(b"")
    lock = HiveLock.empty().with_pin(f"docker.io/library/{BASE}", str(host_platform()), digest)
    hive.write({"hivebase.lock": render_lock(lock)})
    found = document(hive)["target"]["base"]["contexts"]
    assert found == {BASE: f"docker-image://{BASE}@{digest}"}
    assert document(hive, "--without-bases")["target"]["base"]["contexts"] == {}


def test_an_image_that_is_called_bake_can_still_be_exported(hive, imported):
    """By its reference, or after an option."""
    shutil.copytree(imported, hive.store)
    hive.run("build", "bake")
    for words in (["n/bake:1"], ["--format", "oci", "bake"]):
        file = hive.root / "bake.tar"
        hive.run("export", *words, str(file))
        assert file.stat().st_size > 10_000
        file.unlink()


def test_both_commands_explain_themselves(hive):
    """And the first one says how the second is called."""
    assert hive.run("export", "bake", "--help").stdout.startswith(
        "Usage: hivebase export bake [OPTIONS] [FILE]"
    )
    assert "hivebase export bake [FILE]" in hive.run("export", "--help").stdout
    assert "Usage: hivebase export [OPTIONS] IMAGE FILE" in hive.run("export", "--help").stdout
    assert "hivebase export --help" in hive.run("export", "app", code=2).stderr
