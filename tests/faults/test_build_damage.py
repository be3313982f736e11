"""Row B-6: a damaged or missing blob is never built on; it is fetched or made again, and the image is right."""

from __future__ import annotations

import pytest
from tests.faults.builds import check, digests, errors, statuses

from hivebase.oci.store import Store

pytestmark = pytest.mark.root

HIVE = {
    "base/Dockerfile": "FROM busybox:1\nRUN echo base > /from\n",
    "child/Dockerfile": "FROM base\nRUN echo child >> /from\nCOPY file /file\n",
    "child/file": "content\n",
    "other/Dockerfile": "FROM busybox:1\nRUN echo other > /from\n",
}


def _flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    _rewrite(path, bytes(data))


def _truncate(path):
    _rewrite(path, path.read_bytes()[:-1])


def _rewrite(path, data):
    path.chmod(0o600)
    path.write_bytes(data)


def _remove(path):
    path.unlink()


def _blob(hive, image, place):
    digest = hive.json("inspect", image)["layer_details"][place]["digest"]
    return hive.store / "blobs/sha256" / digest.removeprefix("sha256:")


@pytest.mark.parametrize(
    ("damage", "image", "place"), [(_flip, "base", -1), (_truncate, "child", -2), (_remove, "child", -1)]
)
def test_b6_a_layer_that_is_damaged_is_made_again(hive, damage, image, place):
    """The images that hold it are no longer taken for finished, and are the same again afterwards."""
    before = digests(hive.write(HIVE).build())
    damage(_blob(hive, image, place))
    results = hive.build()
    touched = {"base", "child"} if image == "base" else {"child"}
    assert {name for name, status in statuses(results).items() if status == "built"} == touched
    assert digests(results) == before
    assert hive.cat("child", "/from") == "base\nchild\n"
    check(hive)
    assert set(statuses(hive.build()).values()) == {"cached"}


@pytest.mark.parametrize("damage", [_truncate, _remove])
def test_b6_no_new_image_is_made_of_a_damaged_layer(hive, damage):
    """A change on top of a damaged layer makes that layer again; without its unpacked form too."""
    hive.write(HIVE).build()
    damage(_blob(hive, "base", -1))
    hive.write({"child/file": "other content\n"})
    results = hive.build("child")
    assert statuses(results) == {"base": "built", "child": "built"}
    check(hive)
    assert hive.cat("child", "/from") == "base\nchild\n"


def test_b6_a_layer_that_comes_out_different_takes_what_stands_on_it_along(hive):
    """A RUN that never does the same twice: after its layer was lost, no layer of the old one is built on the new."""
    files = {
        "base/Dockerfile": "FROM busybox:1\nRUN cat /proc/sys/kernel/random/uuid > /stamp\n",
        "child/Dockerfile": "FROM base\nRUN cp /stamp /copy\n",
        "tool/Dockerfile": "FROM busybox:1\nCOPY --from=base /stamp /copy\n",
        "user/Dockerfile": "FROM busybox:1\nRUN --mount=type=bind,from=base,target=/m cp /m/stamp /copy\n",
    }
    hive.write(files).build()
    old = hive.cat("base", "/stamp")
    _blob(hive, "base", -1).unlink()
    hive.run("prune")
    assert set(statuses(hive.build()).values()) == {"built"}
    new = hive.cat("base", "/stamp")
    assert new != old
    assert {hive.cat(name, "/copy") for name in ("child", "tool", "user")} == {new}


@pytest.mark.parametrize("damage", [_flip, _remove])
def test_b6_a_base_that_is_damaged_is_not_built_on(hive, busybox_file, damage):
    """One clear message as long as nobody has it whole; imported again, everything is as before."""
    before = digests(hive.write(HIVE).build())
    damage(_blob(hive, "busybox:1", 0))
    done = hive.run("build", "--base", "bootstrap", code=3)
    assert errors(done.stderr) == ["error[not-found]: base image busybox:1 cannot be had"]
    assert "unfit" in done.stderr
    assert "hivebase import" in done.stderr
    hive.run("import", str(busybox_file), "busybox:1")
    results = hive.build()
    assert digests(results) == before
    check(hive)


@pytest.mark.parametrize(("damage", "what"), [(_flip, "manifest"), (_truncate, "config")])
def test_b6_a_damaged_document_is_made_again(hive, damage, what):
    """A manifest or a configuration is treated as a layer is."""
    before = digests(hive.write(HIVE).build())
    store = Store.open(hive.store)
    image = store.image("hive/child:latest")
    digest = image.descriptor.digest if what == "manifest" else image.manifest.config.digest
    damage(store.blobs.path(digest))
    assert statuses(hive.build()) == {"base": "cached", "child": "built", "other": "cached"}
    assert digests(hive.build()) == before
    check(hive)


def test_b6_records_that_are_garbage_cost_time_alone(hive):
    """Every record of the cache is overwritten: all is built again, to the same digests."""
    before = digests(hive.write(HIVE).build())
    for path in (hive.store / ".hivebase/records").rglob("*"):
        if path.is_file():
            path.write_bytes(b'{"version": 1, "value": {"layer": 7}}')
    results = hive.build()
    assert set(statuses(results).values()) == {"built"}
    assert digests(results) == before
