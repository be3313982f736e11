"""Rows D-5 and D-6: a secret is seen by the step and by nothing else, and mount points leave no trace."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import pytest
from tests.layers.sandbox.box import Box, busybox, names

from hivebase.errors import UsageError
from hivebase.layers.sandbox.host import HostConfiguration
from hivebase.layers.sandbox.mounts import (
    BindMount,
    CacheMount,
    FileMount,
    SecretMount,
    TmpfsMount,
    Tree,
)
from hivebase.layers.sandbox.run import run

pytestmark = pytest.mark.root


@pytest.fixture
def box(tmp_path) -> Box:
    return Box(tmp_path / "box")


@pytest.fixture
def value() -> bytes:
    return secrets.token_hex(16).encode()


def _files_with(value: bytes, top: Path) -> list[str]:
    return [str(path) for path in top.rglob("*") if path.is_file() and value in path.read_bytes()]


def test_d5_a_secret_is_a_file_for_the_step_alone(box, value):
    """The step reads the secret with its mode and owner; no file on the disk ever holds it."""
    while_running: list[str] = []
    request = box.request(
        "stat -c '%a %u %g' /run/secrets/token; wc -c < /run/secrets/token; echo ready; sleep 0.3",
        mounts=[SecretMount(value, "/run/secrets/token", uid=7, gid=8)],
    )
    output = bytearray()

    def take(chunk: bytes) -> None:
        output.extend(chunk)
        if b"ready" in output:
            while_running.extend(_files_with(value, box.home))

    run(request, take, box.cancel)

    assert output == b"400 7 8\n32\nready\n"
    assert while_running == []
    assert _files_with(value, box.home) == []


def test_d5_a_secret_leaves_no_mount_point(box, value):
    """Neither the file nor the directories made for it are in the layer."""
    ran = box.run(
        "cat /run/secrets/deep/token > /dev/null", mounts=[SecretMount(value, "/run/secrets/deep/token")]
    )

    assert (ran.code, ran.changes) == (0, [])


def test_d5_a_secret_is_on_no_command_line_and_in_no_environment_but_the_steps(box, value):
    """While the step runs, no process outside of it shows the secret."""
    found: list[str] = []
    seen_in_step = 0
    request = box.request("echo ready; sleep 0.3", mounts=[SecretMount(value, env="TOKEN")])

    def take(_chunk: bytes) -> None:
        nonlocal seen_in_step
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    inside = (entry / "ns/pid").readlink() != Path("/proc/self/ns/pid").readlink()
                    shown = (entry / "cmdline").read_bytes(), (entry / "environ").read_bytes()
                except OSError:
                    continue
                if value in shown[0] or (value in shown[1] and not inside):
                    found.append(entry.name)
                seen_in_step += value in shown[1] and inside

    run(request, take, box.cancel)

    assert found == []
    assert seen_in_step > 0


def test_d5_a_secret_variable_reaches_the_step(box, value):
    """The value is in the variable, byte for byte."""
    ran = box.run(
        '[ "$TOKEN" = $(printf %s "$TOKEN") ] && echo ${#TOKEN}', mounts=[SecretMount(value, env="TOKEN")]
    )

    assert ran.text == "32\n"


def test_d5_a_secret_is_masked_in_the_output(box, value):
    """A step that prints its secret prints stars, also when it prints it byte by byte."""
    ran = box.run(
        "echo a $TOKEN z; echo $TOKEN | fold -w 1 | while read c; do printf %s $c; done; echo",
        mounts=[SecretMount(value, env="TOKEN")],
    )

    assert ran.text == "a *** z\n***\n"


def test_d5_passwords_of_the_hosts_configuration_are_masked(box, value):
    """A credential in the host's index URL does not reach the log."""
    url = f"https://user:{value.decode()}@mirror.example/simple"
    host = HostConfiguration(texts={"pip.conf": f"index-url = {url}\n"}, secrets=[value.decode()])

    ran = box.run("cat /run/hivebase-host/pip.conf", host=host)

    assert ran.text == "index-url = https://user:***@mirror.example/simple\n"


def test_d5_a_secret_does_not_show_in_reprs(box, value):
    """What may end in a log or a traceback does not contain the value."""
    request = box.request(mounts=[SecretMount(value, "/run/secrets/token")])

    assert value.decode() not in repr(request)


def test_d5_a_nul_in_a_secret_variable_is_refused(box):
    """A value that cannot be a variable is an error before anything runs."""
    with pytest.raises(UsageError, match="NUL"):
        box.run(mounts=[SecretMount(b"a\0b", env="TOKEN")])


def test_d6_no_kind_of_mount_leaves_a_mount_point(box, tmp_path, value):
    """Files and directories that were only mounted on are not in the layer, nor are their parents."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_text("content")
    ran = box.run(
        "cat /a/b/file /c/file /e/script; touch /cache/here/x /t/x; rm /cache/here/x",
        mounts=[
            BindMount("/a/b", Tree([source])),
            BindMount("/c/file", Tree([source], "file")),
            CacheMount("/cache/here", "id"),
            TmpfsMount("/t"),
            FileMount("/e/script", b"script"),
            SecretMount(value, "/etc/token"),
        ],
    )

    assert (ran.code, ran.text, ran.changes) == (0, "contentcontentscript", [])


def test_d6_times_of_the_parents_are_not_touched(box, tmp_path):
    """A directory that a mount point was made in keeps its time, also when the step then writes beside it."""
    layer = tmp_path / "layer"
    (layer / "data").mkdir(parents=True)
    os.utime(layer / "data", (1_000_000_000, 1_000_000_000))
    box.lowers = [busybox(), layer]

    ran = box.run("stat -c %Y /data", mounts=[SecretMount(b"secret", "/data/token")])

    assert ran.text == "1000000000\n"
    assert ran.changes == []


def test_d6_what_the_step_writes_beside_a_mount_point_stays(box):
    """Only the mount point is absent from the layer; its neighbour is in it, with the parent's metadata."""
    ran = box.run("echo kept > /run/beside", mounts=[SecretMount(b"secret", "/run/token")])

    assert ran.changes == ["run", "run/beside"]


def test_d6_a_step_cannot_turn_a_mount_point_into_a_trap(box, tmp_path):
    """Links to the host around the mount points make nobody clean up on the host (CVE-2024-23652)."""
    canary = tmp_path / "canary"
    canary.mkdir()
    (canary / "empty").touch()

    ran = box.run(
        f"rm -rf /m 2> /dev/null; mv /m /n 2> /dev/null; ln -s {canary} /m 2> /dev/null;"
        f" rm -f /etc/resolv.conf /x 2> /dev/null; mkdir -p /o; ln -s {canary}/empty /o/link; true",
        mounts=[TmpfsMount("/m/sub"), SecretMount(b"secret", "/x")],
    )

    assert ran.code == 0
    assert names(canary) == ["empty"]


def test_d6_an_existing_mount_point_of_the_image_survives(box, tmp_path):
    """A file of the image that was mounted over is unchanged and not in the layer."""
    layer = tmp_path / "layer"
    (layer / "etc").mkdir(parents=True)
    (layer / "etc/resolv.conf").write_text("mine")
    box.lowers = [busybox(), layer]

    ran = box.run("cat /etc/resolv.conf > /dev/null; echo x > /etc/resolv.conf")

    assert ran.changes == []
    assert (layer / "etc/resolv.conf").read_text() == "mine"
