"""Rows D-7, D-9 to D-12, D-14, D-17 and X-8 through the command: base images and Dockerfiles made to hurt."""

from __future__ import annotations

import io
import os

import msgspec
import pytest
from tests.faults.builds import check, errors, marker, statuses
from tests.hives import GROUP

from hivebase.oci.store import Store
from hivebase.tar import Entry, Writer

pytestmark = pytest.mark.root

EVIL = "evil:1"
_OWNER = "RUN echo > /tmp/id && test $(stat -c %u:%g /tmp/id)"


def _base(hive, **changes):
    """Give the store the image ``evil:1``: busybox with another configuration."""
    store = Store.open(hive.store)
    image = store.image("busybox:1")
    config = msgspec.structs.replace(
        image.config, config=msgspec.structs.replace(image.config.config, **changes)
    )
    store.tag(EVIL, store.put_image(config, image.manifest.layers))


def _import(hive, busybox_file, tmp_path, *entries):
    """Give the store the image ``evil:1``: busybox with more in it, the later entries in place of earlier ones."""
    added = io.BytesIO()
    writer = Writer(added.write)
    for entry, data in entries:
        writer.add(entry, data)
    writer.close()
    # The two zero blocks at the end of the first archive go.
    whole = busybox_file.read_bytes().rstrip(b"\0")
    whole += bytes(-len(whole) % 512) + added.getvalue()
    (tmp_path / "evil.tar").write_bytes(whole)
    hive.run("import", str(tmp_path / "evil.tar"), EVIL)


def test_d7_a_secret_in_an_argument_is_warned_of_and_masked(hive):
    """The warning names the line and the better way; the value is in no line of the log."""
    value = f"s3cret-{marker()}"
    hive.write({"app/Dockerfile": "FROM busybox:1\nARG API_TOKEN\nRUN echo $API_TOKEN; env; false\n"})
    done = hive.run("build", "-v", "--build-arg", f"API_TOKEN={value}", code=1)
    assert "warning: app/Dockerfile:2: ARG API_TOKEN looks like a secret" in done.stderr
    assert "use RUN --mount=type=secret" in done.stderr
    assert "app | API_TOKEN=***" in done.stderr.splitlines()
    assert value not in done.stdout + done.stderr
    assert value not in hive.run("plan", "--json", "--build-arg", f"API_TOKEN={value}").stdout


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ("WORKDIR /proc/self/fd/8\n", 2),
        ("RUN ln -s /proc/self/fd /fds\nWORKDIR /fds/8\nRUN pwd\n", 1),
        ("USER 4294967296\nRUN id\n", 2),
        ("USER 0x0\nRUN true\n", 2),
        ("USER -1\nRUN true\n", 2),
        (f"RUN echo 1000:x:0:0::/:/bin/sh >> /etc/passwd\nUSER 1000\n{_OWNER} = 1000:1000\n", 0),
        (f"USER app:extra\n{_OWNER} = 1000:2000\n", 0),
    ],
)
def test_d9_no_door_out_and_no_root_by_surprise(hive, lines, code):
    """Working directories in /proc and users that are no users are refused; a number is a number."""
    hive.write({"app/Dockerfile": f"FROM busybox:1\n{lines}"})
    done = hive.run("build", code=code)
    assert len(errors(done.stderr)) == bool(code)
    check(hive)


def test_d9_a_working_directory_through_a_link_stays_inside(hive, tmp_path):
    """A link to a directory of the host is a directory of the image; nothing is made or owned on the host."""
    host = tmp_path / "host"
    hive.write(
        {"app/Dockerfile": f"FROM busybox:1\nRUN ln -s {host} /out\nWORKDIR /out/made\nRUN pwd > /where\n"}
    )
    hive.build()
    assert not host.exists()
    assert hive.cat("app", "/where") == f"{host}/made\n"


@pytest.mark.parametrize("kind", ["link out", "link to nothing", "fifo", "directory", "huge"])
def test_d10_the_account_file_of_an_image_cannot_hurt(hive, busybox_file, tmp_path, kind):
    """Links stay in the image, nothing blocks, nothing is read without a limit; a number needs no file."""
    entry, data = {
        "link out": (Entry("etc/passwd", "symlink", 0o777, link="/../../../../etc/passwd-of-host"), None),
        "link to nothing": (Entry("etc/passwd", "symlink", 0o777, link="nothing"), None),
        "fifo": (Entry("etc/passwd", "fifo", 0o644), None),
        "directory": (Entry("etc/passwd", "dir", 0o755), None),
        "huge": (Entry("etc/passwd", "file", 0o644, size=64 << 20), bytes(64 << 20)),
    }[kind]
    group = (Entry("etc/group", "file", 0o644, size=len(GROUP)), GROUP.encode())
    _import(hive, busybox_file, tmp_path, (entry, data), group)
    hive.write(
        {
            "named/Dockerfile": f"FROM {EVIL}\nUSER app\nRUN true\n",
            "number/Dockerfile": f"FROM {EVIL}\nUSER 1234\nRUN echo > /tmp/id\n",
        }
    )
    done = hive.run("build", "named", code=1)
    assert len(errors(done.stderr)) == 1
    if kind in {"fifo", "directory", "huge"}:
        hive.run("build", "number", code=1)
    else:
        hive.build("number")
        assert hive.run("run", "number", "--", "stat", "-c", "%u:%g", "/tmp/id").stdout == "1234:0\n"


def test_d11_no_value_of_the_host_gets_into_a_build(hive):
    """Entries of a base without a value, with wild cards, twice, with line ends: none takes a value from the host."""
    canary = f"host-{marker()}"
    hive.env = {"SECRETX": canary, "LC_EVIL": canary, "HIVE": canary}
    hive.write({"app/Dockerfile": f"FROM {EVIL}\nARG HIVE\nRUN (env; echo $SECRETX$HIVE) > /env\n"})
    _base(hive, env=("PATH=/bin", "TWICE=1", "SECRETX", "SECRET*", "*", "A=1\nSECRETX", "=x", "TWICE=2"))
    done = hive.run("build", "-v")
    assert canary not in done.stdout + done.stderr
    assert done.stderr.count("is left out: it is not NAME=value") == 4
    seen = hive.cat("app", "/env").splitlines()
    assert "TWICE=2" in seen
    assert "TWICE=1" not in seen
    assert canary not in "".join(seen)
    for path in hive.store.rglob("*"):
        assert not path.is_file() or canary.encode() not in path.read_bytes()


def test_d12_a_front_end_is_not_run(hive):
    """The line that names one is a remark; nothing is fetched for it."""
    hive.env = {"https_proxy": "http://127.0.0.1:9"}
    hive.write({"app/Dockerfile": "# syntax=evil.example/frontend:1\nFROM busybox:1\nRUN true\n"})
    assert "evil.example" in hive.run("build").stderr
    assert hive.run("build").returncode == 0


def test_d14_triggers_are_shown_bounded_and_can_be_forbidden(hive):
    """The plan shows them, a trigger makes no triggers, and the policy refuses them all."""
    _base(hive, on_build=("RUN --mount=type=secret,id=token wc -c < /run/secrets/token > /length",))
    hive.write({"app/Dockerfile": f"FROM {EVIL}\nRUN true\n"})
    (error,) = errors(hive.run("build", code=1).stderr)
    assert "secret" in error
    hive.env = {"TOKEN": "12345"}
    hive.build("--secret", "id=token,env=TOKEN")
    assert hive.cat("app", "/length") == "5\n"
    for chain in ("ONBUILD RUN true", "FROM scratch", "MAINTAINER me"):
        _base(hive, on_build=(chain,))
        assert len(errors(hive.run("build", code=2).stderr)) == 1
    _base(hive, on_build=("RUN true",))
    hive.write({"hivebase.toml": "[policy]\nonbuild = false\n"})
    done = hive.run("build", code=4)
    assert len(errors(done.stderr)) == 1


def test_d17_a_base_that_is_not_pinned_is_told(hive):
    """A remark in plan and build, as long as nothing says which image the name means."""
    hive.write({"app/Dockerfile": "FROM busybox:1\nRUN true\n", "hivebase.toml": "[hive]\n"})
    assert "app/Dockerfile: busybox:1 is not pinned by hivebase.lock" in hive.run("build").stderr
    digest = Store.open(hive.store).refs()["busybox:1"].digest
    hive.write({"app/Dockerfile": f"FROM busybox:1@{digest}\nRUN true\n"})
    done = hive.run("build")
    assert "not pinned" not in done.stderr


@pytest.mark.parametrize("place", ["dev", "proc", "sys", "etc/resolv.conf", "etc/hosts", "run", "tmp"])
def test_x8_links_where_mounts_go_lead_nowhere(hive, busybox_file, tmp_path, place):
    """An image that has a link to the host where the sandbox mounts: refused, or followed inside the image."""
    host = tmp_path / "host"
    host.mkdir()
    (host / "file").write_text("host")
    before = sorted(os.walk(host))
    _import(hive, busybox_file, tmp_path, (Entry(place, "symlink", 0o777, link=str(host)), None))
    hive.write({"app/Dockerfile": f"FROM {EVIL}\nRUN echo here > {host}/file || true; echo done > /done\n"})
    results = hive.json("build", code=1 if place in {"dev", "proc", "sys"} else 0)
    assert len(results["images"]) == 1
    assert sorted(os.walk(host)) == before
    assert (host / "file").read_text() == "host"
    hive.write({"other/Dockerfile": "FROM busybox:1\nRUN true\n"})
    assert statuses(hive.build("other")) == {"other": "built"}
