"""``hivebase test``: which contracts an image is held to, and that testing nothing is not a success."""

from __future__ import annotations

import pytest
from tests.hives import BASE, TestHive, busybox_tar

CONTRACT = """
schemaVersion: 2.0.0
commandTests: [{name: NAME, command: cat, args: [/NAME], expectedOutput: [NAME]}]
"""


@pytest.fixture
def hive(tmp_path):
    """Two images with a contract each, and one of two stages that uses both and stands on one."""
    made = TestHive(tmp_path / "hive", tmp_path / "store")
    made.write(
        {
            "alpha/Dockerfile": f"FROM {BASE}\nCOPY alpha /alpha\n",
            "alpha/alpha": "alpha",
            "alpha/container-structure-test.yaml": CONTRACT.replace("NAME", "alpha"),
            "beta/Dockerfile": f"FROM {BASE}\nCOPY beta /beta\n",
            "beta/beta": "beta",
            "beta/container-structure-test.yaml": CONTRACT.replace("NAME", "beta"),
            "child/Dockerfile": "FROM beta AS tools\nFROM alpha\nCOPY --from=tools /beta /other\n",
        }
    )
    (tmp_path / "base.tar").write_bytes(busybox_tar())
    made.run("import", str(tmp_path / "base.tar"), BASE)
    return made


def owners(document, image):
    """Return the contracts that ``image`` was held to."""
    return {test["contract"] for item in document["images"] if image in item["ref"] for test in item["tests"]}


@pytest.mark.root
def test_a_child_is_held_to_the_contracts_of_what_its_last_stage_stands_on(hive):
    """An image that only lends files to a stage is no ancestor."""
    hive.run("build")
    document = hive.json("test")
    assert all(item["passed"] for item in document["images"])
    assert owners(document, "child") == {"alpha"}
    hive.write({"child/Dockerfile": "FROM alpha AS tools\nFROM beta\nCOPY --from=tools /alpha /other\n"})
    hive.run("build")
    assert owners(hive.json("test", "child"), "child") == {"beta"}


@pytest.mark.root
def test_a_broken_promise_of_an_ancestor_fails_the_child(hive):
    """Exit code 1, and the message says whose promise it was."""
    hive.write({"child/Dockerfile": "FROM alpha\nRUN rm /alpha\n"})
    hive.run("build")
    assert "FAIL alpha: alpha: exit code 1" in hive.run("test", code=1).stdout


def test_testing_nothing_is_a_mistake(hive, tmp_path):
    """A misspelt group, an empty directory and an image that was never built do not pass."""
    assert "group 'nope': there are no images to test" in hive.run("test", "--group", "nope", code=2).stderr
    assert "has not been built" in hive.run("test", "child", code=3).stderr
    assert "has not been built" in hive.run("test", "--version", "9.9.9", code=3).stderr
    (tmp_path / "empty").mkdir()
    empty = TestHive(tmp_path / "empty", tmp_path / "store")
    assert "there are no images to test" in empty.run("test", code=2).stderr
