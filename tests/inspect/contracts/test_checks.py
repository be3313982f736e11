"""Checks of metadata and files: each can pass, and each can fail."""

from __future__ import annotations

import pytest

from hivebase.inspect.contracts.checks import check_content, check_existence, check_metadata
from hivebase.inspect.contracts.schema import FileContentTest, FileExistenceTest, MetadataTest, Variable
from hivebase.layers.tree import StackedTree
from hivebase.oci.model import RunConfig

CONFIG = RunConfig(
    user="app",
    env=("PATH=/usr/bin", "LANG=C.UTF-8"),
    exposed_ports={"80/tcp": {}},
    volumes={"/data": {}},
    cmd=("python3",),
    working_dir="/srv",
    labels={"org.example.name": "x-1.0"},
)


@pytest.fixture
def tree(tmp_path):
    """A small tree of one layer, with a link that is absolute as seen from inside."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os").write_text("NAME=hive\nVERSION=12\n")
    (tmp_path / "etc/os").chmod(0o644)
    (tmp_path / "etc/tool").write_text("#!/bin/sh\n")
    (tmp_path / "etc/tool").chmod(0o750)
    (tmp_path / "etc/link").symlink_to("/etc/os")
    return StackedTree([tmp_path])


@pytest.mark.parametrize(
    ("expected", "passes"),
    [
        (MetadataTest(env_vars=(Variable(key="LANG", value="C.UTF-8"),)), True),
        (MetadataTest(env_vars=(Variable(key="LANG", value="C"),)), False),
        (MetadataTest(env_vars=(Variable(key="LANG", value="^C", is_regex=True),)), True),
        (MetadataTest(env_vars=(Variable(key="NONE", value=""),)), False),
        (MetadataTest(unbound_env_vars=(Variable(key="NONE", value=""),)), True),
        (MetadataTest(unbound_env_vars=(Variable(key="PATH", value=""),)), False),
        (MetadataTest(labels=(Variable(key="org.example.name", value=r"-\d", is_regex=True),)), True),
        (MetadataTest(labels=(Variable(key="org.example.name", value="x"),)), False),
        (MetadataTest(exposed_ports=("80",)), True),
        (MetadataTest(exposed_ports=("80/udp",)), False),
        (MetadataTest(unexposed_ports=("443",)), True),
        (MetadataTest(unexposed_ports=("80",)), False),
        (MetadataTest(volumes=("/data",)), True),
        (MetadataTest(unmounted_volumes=("/data",)), False),
        (MetadataTest(cmd=("python3",)), True),
        (MetadataTest(cmd=()), False),
        (MetadataTest(entrypoint=()), True),
        (MetadataTest(entrypoint=("x",)), False),
        (MetadataTest(workdir="/srv", user="app"), True),
        (MetadataTest(workdir="/"), False),
        (MetadataTest(user="root"), False),
    ],
)
def test_metadata(expected, passes):
    """Every statement about the configuration is held against it."""
    results = list(check_metadata(expected, CONFIG))
    assert results
    assert passes == all(result.passed for result in results)


@pytest.mark.parametrize(
    ("test", "passes"),
    [
        ({"path": "/etc/os"}, True),
        ({"path": "/etc/missing"}, False),
        ({"path": "/etc/missing", "should_exist": False}, True),
        ({"path": "/etc/os", "should_exist": False}, False),
        ({"path": "/etc/os", "permissions": "-rw-r--r--"}, True),
        ({"path": "/etc/os", "permissions": "-rwxr-xr-x"}, False),
        ({"path": "/etc/link", "permissions": "lrwxrwxrwx"}, True),
        ({"path": "/etc", "permissions": "drwxr-xr-x"}, True),
        ({"path": "/etc/os", "uid": 0, "gid": 0}, True),
        ({"path": "/etc/os", "uid": 12}, False),
        ({"path": "/etc/tool", "is_executable_by": "group"}, True),
        ({"path": "/etc/tool", "is_executable_by": "other"}, False),
        ({"path": "/etc/os", "is_executable_by": "any"}, False),
    ],
)
@pytest.mark.root
def test_existence(tree, test, passes):
    """A path is looked at itself; links are not followed."""
    assert passes == check_existence(FileExistenceTest(name="t", **test), tree).passed


@pytest.mark.parametrize(
    ("path", "expected", "excluded", "passes"),
    [
        ("/etc/os", ("NAME=hive",), (), True),
        ("/etc/os", ("^VERSION=\\d+$",), (), True),
        ("/etc/os", ("debian",), (), False),
        ("/etc/os", (), ("VERSION",), False),
        ("/etc/link", ("NAME",), (), True),
        ("/etc", ("NAME",), (), False),
        ("/missing", (), (), False),
    ],
)
def test_content(tree, path, expected, excluded, passes):
    """A link is followed inside the image; a directory or nothing at all has no content."""
    test = FileContentTest(name="t", path=path, expected_contents=expected, excluded_contents=excluded)
    assert passes == check_content(test, tree).passed
