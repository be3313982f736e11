"""Row D-8: names in mounts lead nowhere but into their own root."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from tests.layers.sandbox.box import Box, busybox

from hivebase.errors import BuildError, UsageError
from hivebase.layers.sandbox.mounts import BindMount, CacheMount, TmpfsMount, Tree

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.root


@pytest.fixture
def box(tmp_path) -> Box:
    return Box(tmp_path / "box")


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """A directory of the host that no step may see."""
    path = tmp_path / "canary"
    path.mkdir()
    (path / "secret").write_text("of the host")
    return path


@pytest.fixture
def stage(tmp_path: Path) -> Path:
    """The unpacked layer of another stage."""
    path = tmp_path / "stage"
    path.mkdir()
    (path / "file").write_text("of the stage")
    return path


def test_d8_a_link_to_the_root_stays_inside_the_stage(box, stage, canary):
    """A source that is a link to / shows the stage's own root, not the host's (CVE-2024-1753)."""
    (stage / "rootdir").symlink_to("/")

    ran = box.run(f"ls /mnt; ls /mnt{canary}", mounts=[BindMount("/mnt", Tree([stage], "/rootdir"))])

    assert ran.text.startswith("file\nrootdir\n")
    assert "secret" not in ran.text


@pytest.mark.parametrize("path", ["../canary", "/../../canary", "link", "up/canary", "abs"])
def test_d8_no_source_leads_out(box, stage, canary, path):
    """Dots and links in a source are resolved inside its root, where there is no canary."""
    (stage / "link").symlink_to("../canary")
    (stage / "up").symlink_to("..")
    (stage / "abs").symlink_to(canary)

    with pytest.raises(BuildError, match="has no source"):
        box.run("ls /mnt", mounts=[BindMount("/mnt", Tree([stage], path))])


def test_d8_a_source_of_several_layers_is_their_union(box, stage, tmp_path):
    """The file of an upper layer hides that of a lower one, and links go across layers."""
    upper = tmp_path / "upper-layer"
    upper.mkdir()
    (upper / "link").symlink_to("/file")

    ran = box.run("cat /mnt", mounts=[BindMount("/mnt", Tree([stage, upper], "link"))])

    assert ran.text == "of the stage"


def test_d8_an_empty_stack_is_an_empty_tree(box):
    """What comes from scratch can be mounted as a whole, and has no parts."""
    ran = box.run("ls -A /mnt | wc -l", mounts=[BindMount("/mnt", Tree([]))])

    assert ran.text == "0\n"
    with pytest.raises(BuildError, match="has no source"):
        box.run(mounts=[BindMount("/mnt", Tree([], "/x"))])


def test_d8_swapping_the_source_meanwhile_shows_nothing_of_the_host(box, stage, canary):
    """While another process swaps a directory for a link to the host, each run sees the stage or an error."""
    stop = threading.Event()
    (stage / "real").mkdir()
    (stage / "real/secret").write_text("of the stage")

    def swap() -> None:
        link = stage / "swapped"
        while not stop.is_set():
            link.unlink(missing_ok=True)
            link.symlink_to(canary)
            link.unlink()
            link.symlink_to("real")

    swapper = threading.Thread(target=swap)
    swapper.start()
    seen = set()
    try:
        for _ in range(8):
            try:
                seen.add(
                    box.run("cat /mnt/secret", mounts=[BindMount("/mnt", Tree([stage], "swapped"))]).text
                )
            except BuildError:
                seen.add("refused")
    finally:
        stop.set()
        swapper.join()

    assert seen <= {"of the stage", "refused"}


def test_d8_writes_to_a_bind_mount_are_refused_or_thrown_away(box, stage):
    """A bind mount is read-only; with rw the step may write, and neither source nor layer changes."""
    refused = box.run("echo x > /mnt/file", mounts=[BindMount("/mnt", Tree([stage]))])
    thrown = box.run(
        "echo changed > /mnt/file; echo new > /mnt/new; cat /mnt/*",
        mounts=[BindMount("/mnt", Tree([stage]), writable=True)],
    )

    assert refused.code != 0
    assert (thrown.text, thrown.changes) == ("changed\nnew\n", [])
    assert (stage / "file").read_text() == "of the stage"
    assert [path.name for path in stage.iterdir()] == ["file"]


def test_d8_a_single_file_may_be_written_and_thrown_away(box, stage):
    """The same for a mount of one file."""
    ran = box.run(
        "echo changed > /mnt; cat /mnt", mounts=[BindMount("/mnt", Tree([stage], "file"), writable=True)]
    )

    assert (ran.text, ran.changes) == ("changed\n", [])
    assert (stage / "file").read_text() == "of the stage"


@pytest.mark.parametrize("identity", ["../../x", "/etc", "a/b", "", "x" * 5000, "\0", "ü\udcff"])
def test_d8_a_cache_id_is_never_a_path(box, tmp_path, identity):
    """Whatever the id, the cache is one directory in the place for caches (CVE-2024-9675)."""
    box.run("touch /c/mine", mounts=[CacheMount("/c", identity)])

    made = [path for path in tmp_path.rglob("mine") if path.is_file()]
    assert len(made) == 1
    assert box.home / "caches" == made[0].parents[2]


@pytest.mark.parametrize(
    "target", ["/", "//", "/.", "/a/..", "/proc", "/proc/self", "/sys/fs", "/dev", "relative", "/a\0b"]
)
def test_d8_targets_that_the_container_needs_are_refused(box, stage, target):
    """Nothing is mounted over the root, /proc, /sys or /dev."""
    with pytest.raises(UsageError):
        box.run(mounts=[BindMount(target, Tree([stage]))])


def test_d8_a_target_through_a_link_stays_in_the_image(box, tmp_path, canary):
    """A target that goes through links of the image ends inside the image, and the host gets no directory."""
    layer = tmp_path / "layer"
    layer.mkdir()
    (layer / "out").symlink_to(f"../../../../../..{canary}")
    box.lowers = [busybox(), layer]

    ran = box.run(f"touch /out/sub/x && ls {canary}/sub", mounts=[TmpfsMount("/out/sub")])

    assert (ran.text, ran.changes) == ("x\n", [])
    assert [path.name for path in canary.iterdir()] == ["secret"]


def test_d8_a_target_of_the_wrong_kind_is_explained(box, stage):
    """Mounting a directory on a file, or below one, names the target."""
    with pytest.raises(BuildError, match=r"/etc/passwd must be a directory"):
        box.run(mounts=[BindMount("/etc/passwd", Tree([stage]))])
    with pytest.raises(BuildError, match=r"/etc/passwd, which is not a directory"):
        box.run(mounts=[TmpfsMount("/etc/passwd/sub")])


def test_d8_devices_in_a_source_do_not_work(box, stage):
    """A device node in a bind mount's source cannot be opened."""
    import os  # noqa: PLC0415 -- for this test alone
    import stat  # noqa: PLC0415 -- for this test alone

    os.mknod(stage / "zero", stat.S_IFCHR | 0o666, os.makedev(1, 5))

    ran = box.run("head -c 1 /mnt/zero", mounts=[BindMount("/mnt", Tree([stage]))])

    assert ran.code != 0
    assert "Permission denied" in ran.text
