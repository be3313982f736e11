"""Images into containerd: what a namespace has is not sent, and what it lost is."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.root, pytest.mark.server]


@pytest.fixture
def runtime(private_containerd):
    """The default namespace."""
    return private_containerd


def test_the_second_time_no_layer_is_sent(images, runtime):
    """The image has its full name and is unpacked."""
    first = images.load(runtime, images.base)
    assert (first["layers_sent"], first["bytes_sent"]) == (2, sum(images.sizes(images.base, "oci")))
    again = images.load(runtime, images.base)
    assert (again["layers_sent"], again["layers_present"], again["bytes_sent"]) == (0, 2, 0)
    assert (again["names"], again["refused"]) == ([f"docker.io/{images.base}"], "")
    line = runtime("images", "check", f"name==docker.io/{images.base}").splitlines()[1]
    assert "complete (3/3)" in line
    assert line.split()[-1] == "true"
    images.assert_whole(runtime, f"docker.io/{images.base}", images.base)


def test_a_patch_sends_one_layer(images, runtime):
    """Under two names."""
    images.load(runtime, images.base)
    patched = images.patched()
    loaded = images.load(runtime, patched, "--latest")
    assert (loaded["layers_sent"], loaded["bytes_sent"]) == (1, images.sizes(patched, "oci")[-1])
    latest = f"docker.io/{patched.replace(':1.0', ':latest')}"
    assert loaded["names"] == [f"docker.io/{patched}", latest]
    images.assert_whole(runtime, latest, patched)


def test_namespaces_share_nothing(images, runtime):
    """What one has, another one lacks; the variable of ctr counts where there is no option."""
    images.load(runtime, images.base)
    kubernetes = images.load(runtime, images.base, "--namespace", "k8s.io")
    assert kubernetes["layers_sent"] == 2
    assert f"docker.io/{images.base}" in runtime("--namespace", "k8s.io", "images", "ls", "--quiet")
    by_variable = {**runtime.env, "CONTAINERD_NAMESPACE": "k8s.io"}
    assert images.load(runtime, images.base, env=by_variable)["layers_sent"] == 0


def test_a_containerd_that_lost_the_base_gets_all(images, runtime, tmp_path):
    """Its images are removed between the question and the archive."""
    images.load(runtime, images.base)
    patched = images.patched()
    loaded = images.load(runtime, patched, env=runtime.first("import", runtime.forget, tmp_path / "bin"))
    assert (loaded["layers_sent"], runtime.names()) == (3, [f"docker.io/{patched}"])
    assert "not found" in str(loaded["refused"])
    images.assert_whole(runtime, f"docker.io/{patched}", patched)


def test_a_blob_that_is_gone_is_noticed(images, runtime, tmp_path):
    """Its layer is unpacked, so containerd itself does not miss it."""
    images.load(runtime, images.base)
    lowest = images.store.image(images.base).manifest.layers[0].digest
    env = runtime.first("import", f'"$RUNTIME" content rm {lowest}', tmp_path / "bin")
    loaded = images.load(runtime, images.base, env=env)
    assert (loaded["layers_sent"], loaded["refused"]) == (2, "blobs that it had are gone")
    images.assert_whole(runtime, f"docker.io/{images.base}", images.base)
