"""Row X-8: images that ship links and files where a container puts its own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.layers.sandbox.box import Box, busybox, names

from hivebase.errors import BuildError

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.root


@pytest.fixture
def box(tmp_path) -> Box:
    return Box(tmp_path / "box")


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """A directory of the host that must stay as it is."""
    path = tmp_path / "canary"
    path.mkdir()
    (path / "file").write_text("of the host")
    return path


def _image(tmp_path: Path, name: str, target: str) -> list[Path]:
    """Return the layers of an image in which ``name`` is a link to ``target``."""
    layer = tmp_path / "image"
    layer.mkdir()
    base = layer
    for source in busybox().iterdir():
        if source.name not in {name, "etc"}:
            (base / source.name).mkdir(exist_ok=True)
    (layer / name).parent.mkdir(parents=True, exist_ok=True)
    (layer / name).symlink_to(target)
    for applet in (busybox() / "bin").iterdir():
        if applet.is_symlink():
            (layer / "bin" / applet.name).symlink_to("busybox")
    os.link(busybox() / "bin/busybox", layer / "bin/busybox")
    return [layer]


@pytest.mark.parametrize("name", ["proc", "sys", "dev"])
@pytest.mark.parametrize("target", ["/", "/tmp", "../../canary", "/etc"])
def test_x8_a_link_where_the_kernel_is_mounted_is_refused(box, tmp_path, canary, name, target):
    """An image in which /proc, /sys or /dev is a link does not start, with a message about the image."""
    box.lowers = _image(tmp_path, name, target)

    with pytest.raises(BuildError) as caught:
        box.run("true")

    assert f"/{name} in the image is not a directory" in caught.value.why
    assert names(canary) == ["file"]


@pytest.mark.parametrize("name", ["etc/resolv.conf", "etc/hosts"])
@pytest.mark.parametrize("up", ["", "../../../../../../../.."])
def test_x8_a_link_as_resolv_conf_is_followed_inside_the_image(box, tmp_path, canary, name, up):
    """The file is shown where the link leads inside the image; the host's file of that name is untouched."""
    box.lowers = _image(tmp_path, name, f"{up}{canary}/file")

    ran = box.run(f"cat {canary}/file; echo x > /{name}")

    assert "of the host" not in ran.text
    assert ran.changes == []
    assert (canary / "file").read_text() == "of the host"


def test_x8_a_dangling_link_as_resolv_conf_works(box, tmp_path):
    """As systemd's images have it: a link into /run, where nothing is yet."""
    box.lowers = _image(tmp_path, "etc/resolv.conf", "../run/systemd/resolve/stub-resolv.conf")

    ran = box.run("cat /etc/resolv.conf && ls /run/systemd/resolve", network="default")

    assert ran.text.splitlines()[-1] == "stub-resolv.conf"
    assert (ran.code, ran.changes) == (0, [])


def test_x8_a_link_that_goes_in_circles_is_explained(box, tmp_path):
    """A loop ends in an error that names the target."""
    box.lowers = _image(tmp_path, "etc/resolv.conf", "resolv.conf")

    with pytest.raises(BuildError, match=r"/etc/resolv.conf goes through too many symbolic links"):
        box.run("true")


def test_x8_a_directory_as_resolv_conf_is_explained(box, tmp_path):
    """Something else than a file at /etc/resolv.conf is an error of the image, not of the machine."""
    layer = tmp_path / "layer"
    (layer / "etc/resolv.conf").mkdir(parents=True)
    box.lowers = [busybox(), layer]

    with pytest.raises(BuildError, match=r"/etc/resolv.conf must be a file"):
        box.run("true")


def test_x8_what_the_image_has_in_dev_is_hidden(box, tmp_path, canary):
    """A link at /dev/null in the image is not what the step writes to (CVE-2025-31133)."""
    layer = tmp_path / "layer"
    (layer / "dev").mkdir(parents=True)
    (layer / "dev/null").symlink_to(canary / "file")
    (layer / "dev/console").symlink_to("/proc/sysrq-trigger")
    box.lowers = [busybox(), layer]

    ran = box.run("echo x > /dev/null; ls -l /dev/null | cut -c 1; cat /proc/keys | wc -c")

    assert ran.text == "c\n0\n"
    assert (canary / "file").read_text() == "of the host"


def test_x8_the_directory_of_the_host_configuration_may_be_a_link(box, tmp_path, canary):
    """An image in which /run leads elsewhere gets the files where the link leads inside of it."""
    from hivebase.layers.sandbox.host import HostConfiguration  # noqa: PLC0415 -- for this test alone

    box.lowers = _image(tmp_path, "run", f"../../..{canary}")

    ran = box.run("cat /run/hivebase-host/pip.conf", host=HostConfiguration(texts={"pip.conf": "inside"}))

    assert (ran.text, ran.changes) == ("inside", [])
    assert names(canary) == ["file"]


@pytest.mark.parametrize("cwd", ["/proc/self/fd/8", "/proc/1/cwd", "/link", "/proc"])
def test_d9_a_working_directory_in_proc_is_refused(box, tmp_path, cwd):
    """No start in a place where the kernel's links lead out of the image (CVE-2024-21626)."""
    layer = tmp_path / "layer"
    layer.mkdir()
    (layer / "link").symlink_to("/proc/self/fd/8")
    box.lowers = [busybox(), layer]

    with pytest.raises(BuildError, match="is in /proc"):
        box.run("pwd; ls", cwd=cwd)
