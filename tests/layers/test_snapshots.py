"""Unpacked layers kept as a cache."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import msgspec
import pytest
from tests import archives as make
from tests.hostile.trees import rows

from hivebase.digest import Digest
from hivebase.errors import CorruptContentError, NotFoundError, SystemFaultError
from hivebase.layers import snapshots as module
from hivebase.layers.snapshots import Snapshots
from hivebase.layers.tree import StackedTree
from hivebase.oci.model import LAYER_GZIP, Descriptor
from hivebase.oci.store import Store

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.root

BASE = make.archive(make.directory("srv", 0o750, uid=7), make.file("srv/a", b"a"))
OTHER = make.archive(make.directory("srv", 0o700, uid=8), make.file("srv/a", b"other"))
WHOLE = make.archive(make.directory("etc"), make.file("etc/x", b"x", mode=0o4755))
PARTIAL = make.archive(make.file("srv/b", b"b"))


@pytest.fixture
def store(tmp_path) -> Store:
    return Store.open(tmp_path / "store")


@pytest.fixture
def snapshots(store) -> Snapshots:
    return Snapshots(store)


def put(store: Store, *archives: bytes) -> tuple[list[Descriptor], list[str]]:
    blobs = [gzip.compress(raw, mtime=0) for raw in archives]
    layers = [Descriptor(LAYER_GZIP, store.put(blob), len(blob)) for blob in blobs]
    return layers, [Digest.of(raw) for raw in archives]


def test_layers_are_unpacked_once(store, snapshots):
    """The second time not even the blob is needed."""
    layers, diff_ids = put(store, BASE, WHOLE)
    directories = snapshots.directories(layers, diff_ids)
    assert StackedTree(directories).listdir("") == ["etc", "srv"]
    for layer in layers:
        (store.root / "blobs" / "sha256" / Digest(layer.digest).hex).unlink()
    assert Snapshots(store).directories(layers, diff_ids) == directories


def test_images_share_layers_that_stand_alone(store, snapshots):
    """The same layer on two bases is one directory; one that leaves out its parent is two."""
    first = snapshots.directories(*put(store, BASE, WHOLE, PARTIAL))
    second = snapshots.directories(*put(store, OTHER, WHOLE, PARTIAL))
    assert first[1] == second[1]
    assert first[2] != second[2]
    assert [rows(StackedTree([path]))[0] for path in (first[2], second[2])] == [
        "dir 0750 7:0 'srv' @0",
        "dir 0700 8:0 'srv' @0",
    ]
    assert {path.parent.name.split("-")[0] for path in first[:2]} == {"diff"}
    assert first[2].parent.name.startswith("chain-")


def test_a_lowest_layer_that_does_not_stand_alone_is_not_shared(store, snapshots):
    """Its ChainID is its DiffID, and yet another base must not get it."""
    alone = snapshots.directories(*put(store, PARTIAL))
    above = snapshots.directories(*put(store, BASE, PARTIAL))
    assert alone[0] != above[1]
    assert rows(StackedTree(above))[0] == "dir 0750 7:0 'srv' @0"


def test_a_layer_that_hides_everything_stands_lowest(store, snapshots):
    """The kernel ignores the mark on a root, so the layers below are left out."""
    opaque = make.archive(make.file(".wh..wh..opq"), make.file("new"))
    directories = snapshots.directories(*put(store, BASE, opaque, WHOLE))
    assert [sorted(path.name for path in directory.iterdir()) for directory in directories] == [
        ["new"],
        ["etc"],
    ]


def test_a_layer_that_an_image_has_twice_stands_once(store, snapshots):
    """Where it is higher: the kernel refuses a directory twice, and the lower one shows nowhere."""
    gone = make.archive(make.file(".wh.etc"))
    directories = snapshots.directories(*put(store, BASE, WHOLE, gone, WHOLE, gone))
    assert len(directories) == len(set(directories)) == 3
    assert StackedTree(directories).listdir("") == ["srv"]
    assert StackedTree(snapshots.directories(*put(store, BASE, WHOLE, gone, WHOLE))).listdir("") == [
        "etc",
        "srv",
    ]


def test_s13_nobody_else_can_reach_setuid_files(store, snapshots):
    """The directories above an unpacked layer are closed to others; the root of the layer is not."""
    (directory,) = snapshots.directories(*put(store, WHOLE))
    for path in (directory.parent, directory.parent.parent, store.state):
        assert path.stat().st_mode & 0o7777 == 0o700
    assert directory.stat().st_mode & 0o7777 == 0o755
    read = f"import os; os.setuid(65534); open({str(directory / 'etc/x')!r})"
    done = subprocess.run([sys.executable, "-c", read], capture_output=True, text=True, check=False)
    assert "PermissionError" in done.stderr


def leftovers(store: Store) -> list[str]:
    return sorted(path.name for path in (store.state / "snapshots").iterdir())


def test_a10_another_content_than_the_configuration_says(store, snapshots):
    """A layer whose DiffID is wrong is refused, both digests are named, and nothing stays."""
    layers, _ = put(store, BASE)
    with pytest.raises(CorruptContentError) as caught:
        snapshots.directories(layers, [Digest.of(WHOLE)])
    assert Digest.of(BASE) in caught.value.what
    assert Digest.of(WHOLE) in caught.value.why
    assert leftovers(store) == []


@pytest.mark.parametrize("at", [0, 40, -1])
def test_s6_a_damaged_blob_is_never_unpacked(store, snapshots, at):
    """A flipped bit anywhere, also in gzip's own fields, is found before the snapshot gets its name."""
    layers, diff_ids = put(store, BASE)
    path = store.root / "blobs" / "sha256" / Digest(layers[0].digest).hex
    data = bytearray(path.read_bytes())
    data[at] ^= 0x10
    path.chmod(0o600)
    path.write_bytes(data)
    with pytest.raises(CorruptContentError):
        snapshots.directories(layers, diff_ids)
    assert leftovers(store) == []


def test_a_missing_layer_is_named(store, snapshots):
    """Nothing is made up for a blob that is not there."""
    with pytest.raises(NotFoundError):
        snapshots.directories([Descriptor(LAYER_GZIP, Digest.of(b"?"), 1)], [Digest.of(BASE)])


KILLED = """
import os, signal, sys
from pathlib import Path
from hivebase.layers import snapshots as module
from hivebase.oci.model import Descriptor
from hivebase.oci.store import Store
def apply(stream, target, **rest):
    (target / "half").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
module.apply = apply
store = Store.open(Path(sys.argv[1]))
module.Snapshots(store).directories([Descriptor("x", sys.argv[2], 1)], [sys.argv[3]])
"""


def test_s1_a_killed_process_leaves_no_half_snapshot(store, snapshots):
    """What it began is not taken for a snapshot, and the next run begins anew."""
    layers, diff_ids = put(store, BASE)
    arguments = [sys.executable, "-c", KILLED, str(store.root), layers[0].digest, diff_ids[0]]
    assert subprocess.run(arguments, check=False).returncode == -signal.SIGKILL
    assert len(leftovers(store)) == 1
    (directory,) = snapshots.directories(layers, diff_ids)
    assert sorted(path.name for path in directory.iterdir()) == ["srv"]
    assert len(leftovers(store)) == 1


def reboot(directory: Path) -> None:
    """Make a snapshot look as if another boot of the machine had made it."""
    marker = directory.parent / "complete"
    document = msgspec.json.decode(marker.read_bytes())
    marker.write_bytes(msgspec.json.encode({**document, "boot": "another"}))


def test_s2_a_power_cut_is_noticed_at_the_next_boot(store, snapshots):
    """A file that did not reach the disk is found missing; the layer is unpacked again."""
    layers, diff_ids = put(store, BASE)
    (directory,) = snapshots.directories(layers, diff_ids)
    os.truncate(directory / "srv" / "a", 0)
    reboot(directory)
    assert snapshots.directories(layers, diff_ids) == [directory]
    assert (directory / "srv" / "a").read_bytes() == b"a"


def test_s2_after_a_boot_intact_snapshots_are_checked_once(store, snapshots, monkeypatch):
    """A snapshot of another boot is compared with its fingerprint, then trusted again."""
    layers, diff_ids = put(store, BASE)
    (directory,) = snapshots.directories(layers, diff_ids)
    reboot(directory)
    inode = directory.stat().st_ino
    assert snapshots.directories(layers, diff_ids) == [directory]
    monkeypatch.setattr(module, "_fingerprint", lambda _: pytest.fail("checked twice"))
    assert snapshots.directories(layers, diff_ids)[0].stat().st_ino == inode


@pytest.mark.parametrize("garbage", [b"", b"{", b"[]", b'{"boot": 1}'])
def test_s9_a_garbled_marker_is_no_marker(store, snapshots, garbage):
    """The layer is unpacked again."""
    layers, diff_ids = put(store, BASE)
    (directory,) = snapshots.directories(layers, diff_ids)
    (directory / "srv" / "a").unlink()
    (directory.parent / "complete").write_bytes(garbage)
    assert snapshots.directories(layers, diff_ids) == [directory]
    assert (directory / "srv" / "a").exists()


def test_s3_processes_and_threads_unpack_one_layer_once(store, snapshots):
    """Of many that want a layer at the same time one unpacks it, and all get the same directory."""
    layers, diff_ids = put(store, make.archive(*[make.file(str(number)) for number in range(500)]))
    program = (
        "import sys; from pathlib import Path; from hivebase.layers.snapshots import Snapshots\n"
        "from hivebase.oci.model import Descriptor; from hivebase.oci.store import Store\n"
        "s = Snapshots(Store.open(Path(sys.argv[1])))\n"
        "d, = s.directories([Descriptor('x', sys.argv[2], 1)], [sys.argv[3]]); print(d, d.stat().st_ino)\n"
    )
    arguments = [sys.executable, "-c", program, str(store.root), layers[0].digest, diff_ids[0]]
    others = [subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    with ThreadPoolExecutor(4) as pool:
        ours = list(pool.map(lambda _: snapshots.directories(layers, diff_ids)[0], range(4)))
    found = {f"{path} {path.stat().st_ino}\n" for path in ours} | {other.communicate()[0] for other in others}
    assert len(found) == 1
    assert len(leftovers(store)) == 1


def test_an_adopted_directory_is_found_as_its_layer(store, snapshots, tmp_path):
    """What a step left need not be unpacked; a second one for the same layer is thrown away."""
    diff_id = Digest.of(WHOLE)
    for number in range(2):
        upper = tmp_path / f"upper-{number}"
        upper.mkdir()
        (upper / "x").touch()
        directory = snapshots.adopt(upper, diff_id)
        assert not upper.exists()
    assert snapshots.directories([Descriptor(LAYER_GZIP, Digest.of(b"?"), 1)], [diff_id]) == [directory]


def test_usage_and_removal(store, snapshots):
    """Prune learns what there is, removes what it names and what killed processes left."""
    snapshots.directories(*put(store, BASE, WHOLE))
    (store.state / "snapshots" / "diff-0.tmp").mkdir()
    first, second = snapshots.usage()
    assert first.size >= 0
    assert second.used > 1_600_000_000
    snapshots.close()
    snapshots.remove(first.name)
    assert [snapshot.name for snapshot in snapshots.usage()] == [second.name]
    assert leftovers(store) == [second.name]


def test_s5_what_is_in_use_is_not_removed(store, snapshots):
    """While a build runs, prune in another process is told to wait."""
    (directory,) = snapshots.directories(*put(store, BASE))
    with pytest.raises(SystemFaultError, match="in use"):
        Snapshots(store).remove(directory.parent.name)
    assert directory.exists()


def test_hold_is_taken_once_by_many_threads(store, snapshots):
    """Images that are built in parallel share one Snapshots."""
    barrier = threading.Barrier(8)

    def use(_number):
        barrier.wait()
        return snapshots.directories([], [])

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(use, range(8))) == [[]] * 8
