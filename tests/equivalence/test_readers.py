"""Other people's programs read what was composed: layers of many gzip members, receipts and all."""

from __future__ import annotations

import os
import stat
import subprocess

import pytest
from tests.equivalence.conftest import BASE
from tests.servers import dockerd, need

pytestmark = [pytest.mark.engine, pytest.mark.root]


@pytest.fixture(scope="module")
def archives(sides, awkward_names, real, tmp_path_factory):
    """A composed image as a pair, and exported in both formats."""
    dockerfile = (
        f"FROM {BASE}\nRUN pip install --no-cache-dir {' '.join(awkward_names)} six==1.16.0\n"
        "RUN pip install --no-cache-dir six==1.15.0\n"
    )
    pair = sides.both("read", dockerfile)
    root = tmp_path_factory.mktemp("archives")
    for kind in ("oci", "docker"):
        pair.hives[0].run("export", "read", str(root / f"{kind}.tar"), "--format", kind)
    return pair, root


def _run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, **options)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def _seen(root):
    """Return kind and mode of everything in a directory tree, by path."""
    found = {}
    for directory, names, files in os.walk(root):
        for name in (*names, *files):
            path = os.path.join(directory, name)  # noqa: PTH118 -- tens of thousands
            mode = os.lstat(path).st_mode
            found[os.path.relpath(path, root)] = (
                stat.S_IFMT(mode),
                0 if stat.S_ISLNK(mode) else stat.S_IMODE(mode),
            )
    return found


_FORMATS = {"file": stat.S_IFREG, "dir": stat.S_IFDIR, "symlink": stat.S_IFLNK}


def _expected(pair):
    return {
        path: (_FORMATS[node.kind], 0 if node.kind == "symlink" else node.mode)
        for path, node in pair.composed.items()
        if node.kind in _FORMATS
    }


@pytest.mark.parametrize("archive", ["oci-archive:oci.tar", "docker-archive:docker.tar"])
def test_skopeo_copies_it(archives, archive, tmp_path):
    """And so has read every layer and compared every digest."""
    need("skopeo")
    _, root = archives
    _run("skopeo", "copy", "--quiet", archive, f"dir:{tmp_path / 'copy'}", cwd=root)


def test_umoci_unpacks_it(archives, tmp_path):
    """To the very tree."""
    need("umoci", "skopeo")
    pair, root = archives
    _run("skopeo", "copy", "--quiet", f"oci-archive:{root}/oci.tar", f"oci:{tmp_path}/layout:it")
    _run("umoci", "unpack", "--image", f"{tmp_path}/layout:it", str(tmp_path / "bundle"))
    assert _expected(pair) == _seen(tmp_path / "bundle/rootfs")


def test_buildah_stores_it(archives, tmp_path):
    """In the storage that podman has too; mounted, it is the very tree."""
    need("buildah")
    pair, root = archives
    storage = [
        "--root",
        str(tmp_path / "root"),
        "--runroot",
        str(tmp_path / "run"),
        "--storage-driver",
        "vfs",
    ]
    container = _run("buildah", *storage, "from", "--quiet", f"oci-archive:{root}/oci.tar").strip()
    mounted = _run("buildah", *storage, "mount", container).strip()
    seen = _seen(mounted)
    _run("buildah", *storage, "rm", container)
    assert _expected(pair) == seen


@pytest.mark.server
def test_docker_loads_and_runs_it(archives, tmp_path):
    """Docker 20.10, whose reader of layers is older than all others."""
    _, root = archives
    with dockerd(tmp_path) as daemon:
        docker = ["docker", "--host", daemon]
        assert "Loaded image: read/read:latest" in _run(*docker, "load", "--input", str(root / "docker.tar"))
        program = "awk-plain && python -c 'import six; print(six.__version__)' && pip check"
        ran = _run(*docker, "run", "--rm", "--network=host", "read/read:latest", "sh", "-c", program)
        assert ran.splitlines() == ["it runs", "1.15.0", "No broken requirements found."]
