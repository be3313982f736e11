"""The host's settings are lent to an engine, and nothing of them comes back."""

from __future__ import annotations

import configparser

import pytest

from hivebase.build.engines.settings import HostSettings, without_directories
from hivebase.digest import Digest
from hivebase.errors import UsageError
from hivebase.layers.indexed_cache import Indexes
from hivebase.layers.layer import Layer, LayerWriter
from hivebase.layers.sandbox.host import HostConfiguration
from hivebase.oci.model import History, ImageConfig, RootFS, RunConfig
from hivebase.oci.store import Store
from hivebase.tar import Entry
from hivebase.values import replace

HOST = HostConfiguration(
    texts={"pip.conf": "[global]\nindex-url = http://localhost/simple\n"},
    env=(("PIP_CONFIG_FILE", "/run/hivebase-host/pip.conf"), ("http_proxy", "http://localhost:1")),
)


@pytest.fixture
def store(tmp_path):
    """An empty one."""
    return Store.open(tmp_path / "store")


@pytest.fixture
def image(store):
    """One layer, one variable, and a proxy of its own."""
    with LayerWriter(store, 0) as writer:
        writer.add(Entry("etc", "dir", 0o755))
        layer = writer.finish()
    assert layer is not None
    config = ImageConfig(
        architecture="amd64",
        os="linux",
        config=RunConfig(env=("PATH=/bin", "HTTP_PROXY=mine")),
        rootfs=RootFS(diff_ids=(str(layer.diff_id),)),
        history=(History(created_by="COPY etc /"),),
    )
    return store.image(store.put_image(config, [layer.descriptor]).digest)


def _layers(image):
    return [
        Layer(descriptor, Digest.parse(diff_id))
        for descriptor, diff_id in zip(image.manifest.layers, image.config.rootfs.diff_ids, strict=True)
    ]


def test_an_engine_sees_files_and_variables(store, image):
    """A variable that the image sets itself stays the image's, in either case."""
    dressed = HostSettings(store, HOST, 0).put_on(image)
    assert dressed.config.config.env == (
        "PATH=/bin",
        "HTTP_PROXY=mine",
        "PIP_CONFIG_FILE=/run/hivebase-host/pip.conf",
    )
    with Indexes(store).tree(_layers(dressed)) as tree, tree.open("run/hivebase-host/pip.conf") as file:
        assert file.read().decode() == HOST.texts["pip.conf"]


def test_what_comes_back_is_as_if_nothing_had_been_lent(store, image):
    """Layers, history and variables; what the build added stays."""
    settings = HostSettings(store, HOST, 0)
    dressed = settings.put_on(image)
    config, layers = settings.take_off(dressed.config, _layers(dressed))
    assert (config, list(layers)) == (image.config, _layers(image))


def test_nothing_is_lent_where_there_is_nothing(store, image):
    """So the image keeps its id."""
    assert HostSettings(store, HostConfiguration(), 0).put_on(image) is image


def test_a_password_is_not_given_away(store):
    """It would stay in the cache of the engine; the message does not have it."""
    host = HostConfiguration(texts={"pip.conf": "x"}, secrets=("hunter2",))
    with pytest.raises(UsageError, match="password") as caught:
        HostSettings(store, host, 0)
    assert "hunter2" not in str(caught.value)


LOCAL = HostConfiguration(
    texts={
        "pip.conf": "[global]\nindex-url = http://localhost/simple\nextra-index-url = file:///run/hivebase-host/more/simple"
        " http://localhost/more\nfind-links = /run/hivebase-host/wheels\n"
    },
    directories=(("more", "/srv/more"), ("wheels", "/srv/wheels")),
    env=(("UV_FIND_LINKS", "/run/hivebase-host/wheels"), ("UV_INDEX", "http://localhost/more")),
)


def test_local_directories_are_left_out(store):
    """An engine cannot be shown them; what is served stays."""
    made = without_directories(LOCAL)
    parsed = configparser.RawConfigParser()
    parsed.read_string(made.texts["pip.conf"])
    assert dict(parsed["global"]) == {
        "index-url": "http://localhost/simple",
        "extra-index-url": "http://localhost/more",
    }
    assert made.env == (("UV_INDEX", "http://localhost/more"),)
    assert HostSettings(store, LOCAL, 0).left_out == ("/srv/more", "/srv/wheels")


def test_an_index_that_is_a_local_directory_cannot_be_left_out(store):
    """There would be nothing to install from."""
    text = LOCAL.texts["pip.conf"].replace(
        "index-url = http://localhost/simple", "index-url = /run/hivebase-host/more"
    )
    with pytest.raises(UsageError, match="/srv/more"):
        HostSettings(store, replace(LOCAL, texts={"pip.conf": text}), 0)
