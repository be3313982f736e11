"""Where external bases come from: the store, a registry, a stand-in; and when not."""

from __future__ import annotations

import subprocess

import pytest
from tests.servers import docker_registry

from hivebase.build.bases import BaseFinder
from hivebase.digest import Digest
from hivebase.errors import NotFoundError, PolicyError, UnreachableError
from hivebase.oci.annotations import STAND_IN_FORMAT, STAND_INS
from hivebase.oci.model import ImageConfig, Platform, RunConfig
from hivebase.oci.store import Store

AMD64 = Platform(architecture="amd64", os="linux")
NAME = "python:3.11-slim"


@pytest.fixture
def store(tmp_path):
    """An empty store."""
    return Store.open(tmp_path / "store")


def _image(store, label="", author=""):
    config = ImageConfig(
        architecture="amd64",
        os="linux",
        author=author,
        config=RunConfig(labels={STAND_INS: label} if label else {}),
    )
    return store.put_image(config, [])


def _finder(store, mode="auto", *, pull=None, make=None, pins=None, pinned=None):
    return BaseFinder(store, mode, AMD64, pins or {}, pull, make, pinned=pinned or (lambda *_: None))


def _unreachable(*_):
    raise UnreachableError("no route")


def test_the_store_comes_first(store):
    """What is there is used, and nobody is asked."""
    store.tag(NAME, _image(store))
    assert _finder(store, pull=_unreachable).find(f"docker.io/library/{NAME}").name == NAME


def test_the_registry_is_next_and_its_digest_is_remembered(store):
    """The digest that was pulled is told, under the canonical name."""
    told = []
    made = _image(store)
    base = _finder(store, pull=lambda *_: made, pinned=lambda *pin: told.append(pin)).find(NAME)
    assert base.top == made.digest
    assert told == [(f"docker.io/library/{NAME}", made.digest)]
    assert store.resolve(NAME) is not None


def test_silence_leads_to_a_stand_in(store):
    """With auto, a registry that cannot be asked is replaced by a stand-in, and nothing is pinned."""
    told = []
    made = _image(store, NAME)
    finder = _finder(store, pull=_unreachable, make=lambda *_: made, pinned=lambda *pin: told.append(pin))
    assert finder.find(NAME).stand_ins == (NAME,)
    assert told == []


def test_a_no_is_believed(store):
    """A registry that answers is never replaced by a stand-in."""

    def refuse(*_):
        raise NotFoundError("no such image")

    with pytest.raises(NotFoundError, match="no such image"):
        _finder(store, pull=refuse, make=lambda *_: _image(store, NAME)).find(NAME)


def test_registry_mode_neither_makes_nor_uses_a_stand_in(store):
    """Even one that the store already has."""
    store.tag(NAME, _image(store, NAME))
    finder = _finder(store, "registry", pull=_unreachable, make=lambda *_: pytest.fail("made one"))
    with pytest.raises(UnreachableError):
        finder.find(NAME)


def test_bootstrap_mode_asks_no_registry(store):
    """The stand-in is made at once."""
    made = _image(store, NAME)
    finder = _finder(store, "bootstrap", pull=lambda *_: pytest.fail("asked"), make=lambda *_: made)
    assert finder.find(NAME).top == made.digest


def test_without_a_recipe_the_message_says_what_to_do(store):
    """The reference and the way to bring it in are named."""
    with pytest.raises(NotFoundError, match=r"(?s)nobody/has:this.*no stand-in.*hivebase import"):
        _finder(store, pull=_unreachable, make=lambda *_: None).find("nobody/has:this")


def test_a_pin_decides_which_content_is_meant(store):
    """The store's image is not used when the lock names another digest; the pinned one is asked for."""
    old, new = _image(store, author="old"), _image(store, author="new")
    store.tag(NAME, old)
    asked = []

    def pull(_reference, _platform, digest):
        asked.append(digest)
        return new

    finder = _finder(store, pull=pull, pins={f"docker.io/library/{NAME}": Digest.parse(new.digest)})
    assert finder.find(NAME).top == new.digest
    assert asked == [new.digest]


def test_a_stand_in_is_nobodys_pinned_content(store):
    """A pin speaks of the official image; the stand-in beside it stays usable where registries are silent."""
    store.tag(NAME, _image(store, NAME))
    finder = _finder(store, pins={f"docker.io/library/{NAME}": Digest.of(b"official")})
    assert finder.find(NAME).stand_ins == (NAME,)


def test_a_stand_in_made_in_an_older_way_is_made_again(store):
    """An update of hivebase that makes better stand-ins is not hidden by what the store has."""
    config = ImageConfig(architecture="amd64", os="linux", config=RunConfig(labels={STAND_INS: NAME}))
    store.tag(NAME, store.put_image(config, [], annotations={STAND_IN_FORMAT: "0"}))
    made = _image(store, NAME)
    assert _finder(store, "bootstrap", make=lambda *_: made).find(NAME).top == made.digest


@pytest.mark.root
@pytest.mark.server
def test_a_base_from_a_registry_is_pinned_and_followed(hive, tmp_path):
    """The first pull writes the lock; a moved tag changes nothing until the pin goes; then the reason is told."""
    configuration = '[hive]\nname = "team"\nversion = "1.0.0"\n[[group]]\nname = "all"\npath = "."\n'
    with docker_registry(tmp_path) as host:

        def push(source):
            destination = f"docker://{host}/os/busybox:1"
            command = ["skopeo", "copy", "--dest-tls-verify=false", f"oci:{hive.store}:{source}", destination]
            subprocess.run(command, check=True, capture_output=True)

        push("busybox:1")
        hive.write(
            {"hivebase.toml": configuration, "app/Dockerfile": f"FROM {host}/os/busybox:1\nRUN echo x > /x\n"}
        )
        first = hive.build()["app"]
        lock = (hive.root / "hivebase.lock").read_text()
        assert "sha256:" in lock

        hive.write({"other/Dockerfile": "FROM busybox:1\nLABEL moved=yes\n"}).build("other")
        push("team/other:1.0.0")
        assert hive.build("app")["app"]["digest"] == first["digest"]

        (hive.root / "hivebase.lock").unlink()
        assert Store.open(hive.store).untag(f"{host}/os/busybox:1")
        second = hive.build("app")["app"]
        assert second["reasons"][0]["code"] == "BASE_DIGEST_MOVED"
        assert hive.json("inspect", "app")["config"]["Labels"]["moved"] == "yes"


def test_policy_is_an_error_of_its_own():
    """The exit codes of the outcomes above differ, so that scripts can tell them apart."""
    assert (UnreachableError.exit_code, NotFoundError.exit_code, PolicyError.exit_code) == (3, 3, 4)
