"""Contract files are read as container-structure-test reads them, and nothing is silently ignored."""

from __future__ import annotations

import pytest

from hivebase.errors import UsageError
from hivebase.inspect.contracts.schema import find, load, parse

GOOD = """
schemaVersion: 2.0.0
globalEnvVars: [{key: A, value: "1"}]
commandTests:
  - name: pip
    command: pip
    args: ["--version"]
    expectedOutput: ["pip 24\\\\.0"]
fileExistenceTests:
  - {name: gcc, path: /usr/bin/gcc, isExecutableBy: any}
metadataTest:
  envVars: [{key: PATH, value: /usr, isRegex: true}]
containerRunOptions: {user: random}
"""


def test_a_contract_is_read():
    """All sections arrive where they belong."""
    contract = parse(GOOD, "c.yaml")
    assert contract.command_tests[0].expected_output == (r"pip 24\.0",)
    assert contract.file_existence_tests[0].is_executable_by == "any"
    assert contract.metadata_test.env_vars[0].is_regex
    assert contract.container_run_options.user == "random"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("schemaVersion: 1.0.0", "1.0.0"),
        ("schemaVersion: 2.0.0\nlicenseTests: []", "licenseTests"),
        (
            "schemaVersion: 2.0.0\ncommandTests: [{name: a, command: b, expectedOutptu: [c]}]",
            "expectedOutptu",
        ),
        ("schemaVersion: 2.0.0\ncommandTests: [{name: a}]", "command"),
        ("schemaVersion: [", "YAML"),
        ("- 1", "schema"),
        (
            "schemaVersion: 2.0.0\ncommandTests: [{name: a, command: b, expectedOutput: ['(']}]",
            "regular expression",
        ),
        (
            "schemaVersion: 2.0.0\nfileContentTests: [{name: a, path: b, excludedContents: ['[']}]",
            "regular expression",
        ),
        (
            "schemaVersion: 2.0.0\nmetadataTest: {labels: [{key: a, value: '*', isRegex: true}]}",
            "regular expression",
        ),
    ],
)
def test_what_is_not_understood_is_refused(text, named):
    """A misspelt or unsupported key would otherwise be an expectation that always holds."""
    with pytest.raises(UsageError) as caught:
        parse(text, "c.yaml")
    assert named in str(caught.value)
    assert str(caught.value).startswith("c.yaml")


def test_a_file_that_is_no_text_is_refused(tmp_path):
    """The message names the file as people know it."""
    (tmp_path / "c").write_bytes(b"\xff")
    with pytest.raises(UsageError) as caught:
        load(tmp_path / "c", "x/c.yaml")
    assert str(caught.value).startswith("x/c.yaml: the contract cannot be read")


def test_find_prefers_yaml(tmp_path):
    """Both endings are known; none is no contract."""
    assert find(tmp_path) is None
    (tmp_path / "container-structure-test.yml").touch()
    found = find(tmp_path)
    assert found is not None
    assert found.suffix == ".yml"
