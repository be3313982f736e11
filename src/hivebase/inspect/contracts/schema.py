"""The contract file as values. Source: container-structure-test, schema version 2.0.0.

License tests are not read: they are refused by name, so that nobody believes they ran.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

import msgspec

from hivebase.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE_NAMES = ("container-structure-test.yaml", "container-structure-test.yml")


class _Document(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """Unknown keys are errors: a misspelt expectation must not pass."""


class Variable(_Document, frozen=True):
    """An environment variable or a label: literal, or a regular expression."""

    key: str
    value: str
    is_regex: bool = False


class CommandTest(_Document, frozen=True):
    """Run a command; expectations are regular expressions searched in its output.

    ``teardown`` has nothing to do: every test has a container of its own, which is thrown away.
    """

    name: str
    command: str
    args: tuple[str, ...] = ()
    setup: tuple[tuple[str, ...], ...] = ()
    teardown: tuple[tuple[str, ...], ...] = ()
    env_vars: tuple[Variable, ...] = ()
    exit_code: int = 0
    expected_output: tuple[str, ...] = ()
    excluded_output: tuple[str, ...] = ()
    expected_error: tuple[str, ...] = ()
    excluded_error: tuple[str, ...] = ()


class FileExistenceTest(_Document, frozen=True):
    """A path exists or not, with permissions (``-rw-r--r--``), owner, and who may execute it."""

    name: str
    path: str
    should_exist: bool = True
    permissions: str = ""
    uid: int | None = None
    gid: int | None = None
    is_executable_by: Literal["", "owner", "group", "other", "any"] = ""


class FileContentTest(_Document, frozen=True):
    """Regular expressions that a file's text matches or does not."""

    name: str
    path: str
    expected_contents: tuple[str, ...] = ()
    excluded_contents: tuple[str, ...] = ()


class MetadataTest(_Document, frozen=True):
    """The image's configuration. Absent keys are not looked at; an empty list means empty."""

    env_vars: tuple[Variable, ...] = ()
    unbound_env_vars: tuple[Variable, ...] = ()
    labels: tuple[Variable, ...] = ()
    exposed_ports: tuple[str, ...] = ()
    unexposed_ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    unmounted_volumes: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    workdir: str = ""
    user: str = ""


class RunOptions(_Document, frozen=True):
    """How the commands run. Capabilities, mounts and privileges are not given to contract tests."""

    user: str = ""
    env_vars: tuple[str, ...] = ()


class Contract(_Document, frozen=True):
    """One contract file."""

    schema_version: str
    global_env_vars: tuple[Variable, ...] = ()
    command_tests: tuple[CommandTest, ...] = ()
    file_existence_tests: tuple[FileExistenceTest, ...] = ()
    file_content_tests: tuple[FileContentTest, ...] = ()
    metadata_test: MetadataTest = MetadataTest()
    container_run_options: RunOptions = RunOptions()


def parse(text: str, path: str) -> Contract:
    """Return the contract written in ``text``.

    Raises:
        UsageError: not YAML, not this schema, or a part that is not supported; the key is named.
    """
    import yaml  # noqa: PLC0415 -- 20 ms that only contract tests should pay

    try:
        # Plain strings only where YAML sees a number or a date: "1.0" must stay what was written.
        document = yaml.safe_load(text)
        contract = msgspec.convert(document, Contract, strict=False)
    except yaml.YAMLError as error:
        raise UsageError("the contract is not valid YAML", where=path, why=str(error)) from None
    except msgspec.ValidationError as error:
        raise UsageError("the contract does not follow the schema", where=path, why=str(error)) from None
    if contract.schema_version != "2.0.0":
        raise UsageError(
            f"contract schema {contract.schema_version} is not supported",
            where=path,
            hint="use schemaVersion: 2.0.0",
        )
    for pattern in _patterns(contract):
        try:
            re.compile(pattern)
        except re.error as error:
            raise UsageError(f"{pattern!r} is not a regular expression", where=path, why=str(error)) from None
    return contract


def _patterns(contract: Contract) -> Iterator[str]:
    """Yield every regular expression of ``contract``: a wrong one must be found before a container starts."""
    for test in contract.command_tests:
        yield from (*test.expected_output, *test.excluded_output, *test.expected_error, *test.excluded_error)
    for content in contract.file_content_tests:
        yield from (*content.expected_contents, *content.excluded_contents)
    metadata = contract.metadata_test
    yield from (item.value for item in (*metadata.env_vars, *metadata.labels) if item.is_regex)


def load(path: Path, shown: str) -> Contract:
    """Return the contract in the file ``path``, called ``shown`` in messages.

    Raises:
        UsageError: it cannot be read, or see :func:`parse`.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError("the contract cannot be read", where=shown, why=str(error)) from None
    return parse(text, shown)


def find(directory: Path) -> Path | None:
    """Return the contract file beside a Dockerfile, or None."""
    return next((directory / name for name in FILE_NAMES if (directory / name).is_file()), None)
