"""A publication that is refused leaves the registry as it was."""

from __future__ import annotations

import os

import pytest
from tests.clocks import FakeClock
from tests.upload_simulator import PushSimulator

from hivebase.errors import PolicyError
from hivebase.oci import model
from hivebase.oci.model import Descriptor
from hivebase.oci.store import Store
from hivebase.registry.client import RegistryClient
from hivebase.registry.credentials import Keychain
from hivebase.release.publish import Publication, Rules, releases
from hivebase.release.target import Target
from hivebase.transport import Transport


@pytest.fixture
def store(tmp_path):
    return Store.open(tmp_path / "store")


def build(store, name):
    """Put an image into the store that is like no other."""
    layer = Descriptor(model.LAYER_GZIP, store.put(os.urandom(1000)), 1000)
    config = model.ImageConfig(
        architecture="amd64", os="linux", rootfs=model.RootFS(diff_ids=(layer.digest,))
    )
    top = store.put_image(config, [layer])
    store.tag(f"{name}:1.0.0", top)
    return top.digest


def publish(registry, store, *names):
    """Check and publish images, as the verb does."""
    with Transport(environ={}, clock=FakeClock()) as transport:
        client = RegistryClient(transport=transport, keychain=Keychain({}))
        images = [(name, f"{name}:1.0.0", name.rpartition("/")[2]) for name in names]
        wanted = releases(store, images, Target(registry.host, "team"), "1.0.0")
        publication = Publication(client, store, wanted, Rules())
        publication.check()
        return publication.run()


def test_r19_a_version_that_is_another_image_already_is_refused_before_anything_is_sent(store):
    """Also for the images beside it that are new: not a single request that writes."""
    with PushSimulator() as registry:
        first = build(store, "hive/base")
        publish(registry, store, "hive/base")
        second = build(store, "hive/base")
        build(store, "hive/app")
        before = len(registry.requests)
        with pytest.raises(PolicyError) as caught:
            publish(registry, store, "hive/base", "hive/app")
        assert first in str(caught.value)
        assert second in str(caught.value)
        assert {seen.method for seen in registry.requests[before:]} <= {"GET", "HEAD"}
        assert set(registry.tags.values()) == {first}


def test_what_is_published_already_is_no_refusal(store):
    """The same image under the same version: nothing is written, and nothing is wrong."""
    with PushSimulator() as registry:
        build(store, "hive/base")
        publish(registry, store, "hive/base")
        before = len(registry.requests)
        (outcome,) = publish(registry, store, "hive/base")
        assert outcome.status == "present"
        assert {seen.method for seen in registry.requests[before:]} <= {"GET", "HEAD"}
