"""The changes of the scenarios, as text."""

from __future__ import annotations

import pytest
from benchmarks.variants import (
    Wheel,
    bake_file,
    host_network,
    next_revision,
    repin,
    union,
    without_bytecode,
)

NEW = Wheel("protobuf", "7.36.1", "protobuf-7.36.1-cp310-abi3-manylinux2014_x86_64.whl", "b" * 64)
REQUIREMENTS = """\
# written by hivebase lock
grpcio==1.85.1 \\
    --hash=sha256:11 \\
    --hash=sha256:22
    # via x
protobuf==7.36.2 \\
    --hash=sha256:33 \\
    --hash=sha256:44
    # via grpcio-tools
protobuf-extra==7.36.2 \\
    --hash=sha256:55
"""


def test_without_bytecode_tells_pip_once() -> None:
    text = "RUN pip install --no-cache-dir x \\\n && pip3 install --no-compile y\n"
    changed = without_bytecode(text)
    assert changed == "RUN pip install --no-compile --no-cache-dir x \\\n && pip3 install --no-compile y\n"
    assert without_bytecode(changed) == changed


def test_without_bytecode_tells_uv() -> None:
    text = "ENV UV_COMPILE_BYTECODE=1\nRUN uv pip install --compile-bytecode x\n"
    assert without_bytecode(text) == "ENV UV_COMPILE_BYTECODE=0\nRUN uv pip install x\n"


def test_without_bytecode_drops_compileall() -> None:
    text = "RUN pip install -e /opt/x \\\n    && python -m compileall -q /opt/x\n\nCMD true\n"
    assert without_bytecode(text) == "RUN pip install --no-compile -e /opt/x\n\nCMD true\n"


def test_without_bytecode_drops_a_run_that_does_nothing_else() -> None:
    text = "COPY x /opt/x\nRUN python -m compileall -q /opt/x\nCMD true\n"
    assert without_bytecode(text) == "COPY x /opt/x\nCMD true\n"


def test_a_patch_replaces_one_pin_and_its_hashes() -> None:
    changed = repin(REQUIREMENTS, NEW)
    assert f"\nprotobuf==7.36.1 \\\n    --hash=sha256:{'b' * 64}\n    # via grpcio-tools\n" in changed
    assert "grpcio==1.85.1" in changed
    assert "protobuf-extra==7.36.2" in changed
    assert "sha256:33" not in changed


def test_a_patch_leaves_a_file_without_the_pin_alone() -> None:
    text = "numpy==2.4.6 \\\n    --hash=sha256:11\n"
    assert repin(text, NEW) == text


def test_one_line_changes() -> None:
    module = "A = 1\nREVISION = 9\nB = 2\n"
    assert next_revision(module) == "A = 1\nREVISION = 10\nB = 2\n"


def test_the_union_has_each_pin_once_under_its_own_title() -> None:
    text = union([REQUIREMENTS, REQUIREMENTS, "Zipp==4.1.2\n"], "what x needs")
    assert text.startswith("# what x needs\n")
    assert text.count("protobuf==7.36.2") == 1
    assert text.endswith("Zipp==4.1.2\n")


def test_the_union_refuses_two_versions() -> None:
    with pytest.raises(ValueError, match=r"protobuf is pinned twice: 7\.36\.2 and 7\.36\.1"):
        union([REQUIREMENTS, repin(REQUIREMENTS, NEW)], "x")


def test_bake_builds_all_targets() -> None:
    document = bake_file({"a": {"context": "."}, "b": {}})
    assert document["group"] == {"default": {"targets": ["a", "b"]}}


def test_bake_has_the_network_of_the_host() -> None:
    document = host_network({"a": {"context": "c", "dockerfile": "d"}})
    assert document == {"services": {"a": {"build": {"context": "c", "dockerfile": "d", "network": "host"}}}}
