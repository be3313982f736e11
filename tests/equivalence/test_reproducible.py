"""The same digests whatever machine it is, and whether layers were made or found."""

from __future__ import annotations

import os
import shutil

import pytest
from tests.equivalence.conftest import BASE
from tests.equivalence.trees import document
from tests.hives import TestHive

pytestmark = [pytest.mark.engine, pytest.mark.root]

# Settings that must not matter, and how many stages are built at once.
ELSEWHERE = {
    "TZ": "Asia/Tokyo",
    "LANG": "pt_BR.UTF-8",
    "PYTHONHASHSEED": "7",
    "PYTHONOPTIMIZE": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
}


def test_the_same_everywhere(sides, awkward_names, real, python_base, uv_binary, tmp_path):
    """Cold with other settings, another cache and umask; again from cached wheel layers; and as it was at first."""
    names = " ".join(awkward_names)
    dockerfile = (
        f"FROM {BASE}\nRUN pip install --no-cache-dir {names} setuptools==75.8.0\n"
        "RUN pip install --no-cache-dir --no-compile six==1.16.0\n"
    )
    first = sides.hives("same", {"Dockerfile": dockerfile})[0]
    assert sides.build(first)[0] == 0
    expected = _layers(first)

    store = tmp_path / "another place" / "store"
    root = tmp_path / "elsewhere" / "same"
    (tmp_path / "home").mkdir()
    shutil.copytree(first.root, root)
    other = {"HOME": str(tmp_path / "home"), "HIVEBASE_CACHE": str(tmp_path / "cache")}
    hive = TestHive(root, store, {**sides.environment(), **ELSEWHERE, **other})
    hive.run("import", str(python_base), BASE)
    hive.run("build", "-j1", preexec_fn=_umask)
    assert expected == _layers(hive)

    # Another Dockerfile: no step is known, and all layers of wheels are.
    (root / "Dockerfile").write_text(dockerfile.replace("RUN pip", "ENV SOMETHING=else\nRUN pip", 1))
    done = hive.run("build", "-v", "-j2")
    assert "cached" not in done.stderr
    assert expected == _layers(hive)


def _umask():
    os.umask(0o077)


def _layers(hive):
    """Return the digests of the image's layers."""
    return [layer["digest"] for layer in document(hive.store, "same/same:latest")["layers"]]
