"""Runs contracts against an image: its own, and those of the images it stands on."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import msgspec

from hivebase.inspect.contracts.checks import Result, check_content, check_existence, check_metadata, search

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hivebase.inspect.contracts.schema import CommandTest, Contract, MetadataTest
    from hivebase.layers.tree import Tree
    from hivebase.oci.model import RunConfig

RANDOM_USER = "random"
"""As ``containerRunOptions.user``: an unprivileged numeric id drawn anew for each run, as clusters assign them."""

_RANDOM_IDS = range(100_000, 60_000_000)


@dataclass(frozen=True, slots=True)
class Completed:
    """How a command ended."""

    exit_code: int
    stdout: str
    stderr: str


class Container(Protocol):
    """A throw-away container of the image, without network."""

    def __call__(
        self,
        argv: Sequence[str],
        env: Sequence[tuple[str, str]],
        user: str,
        before: Sequence[Sequence[str]],
        /,
    ) -> Completed:
        """Run ``before`` one after the other, then ``argv``, in one container."""


@dataclass(frozen=True, slots=True)
class Suite:
    """One contract and the image whose directory it lies in."""

    owner: str
    contract: Contract


def run_contracts(
    suites: Sequence[Suite], config: RunConfig, tree: Tree, container: Container
) -> Iterator[tuple[str, Result]]:
    """Hold one image to ``suites``, ancestors first; yield the owner of each test with its result.

    Of an ancestor's metadata, only what a child does not redefine on purpose is inherited: everything but
    labels, entry point, command, working directory and user.
    """
    own = suites[-1].owner if suites else ""
    for suite in suites:
        contract = suite.contract
        metadata = contract.metadata_test if suite.owner == own else _inheritable(contract)
        results = [
            *check_metadata(metadata, config),
            *(check_existence(test, tree) for test in contract.file_existence_tests),
            *(check_content(test, tree) for test in contract.file_content_tests),
        ]
        for result in results:
            yield suite.owner, result
        user = contract.container_run_options.user or config.user
        if user == RANDOM_USER:
            user = str(secrets.choice(_RANDOM_IDS))
        for test in contract.command_tests:
            yield suite.owner, _run_command(test, contract, config, user, container)


def _inheritable(contract: Contract) -> MetadataTest:
    return msgspec.structs.replace(
        contract.metadata_test, labels=(), entrypoint=None, cmd=None, workdir="", user=""
    )


def _run_command(
    test: CommandTest, contract: Contract, config: RunConfig, user: str, container: Container
) -> Result:
    env = config.environment()
    env |= dict(entry.split("=", 1) for entry in contract.container_run_options.env_vars if "=" in entry)
    env |= {variable.key: variable.value for variable in (*contract.global_env_vars, *test.env_vars)}
    done = container((test.command, *test.args), tuple(env.items()), user, test.setup)
    problems = []
    if done.exit_code != test.exit_code:
        problems.append(
            f"exit code {done.exit_code}, expected {test.exit_code}; stderr: {done.stderr.strip()[-500:]!r}"
        )
    problems += search(done.stdout, test.expected_output, test.excluded_output, "stdout")
    problems += search(done.stderr, test.expected_error, test.excluded_error, "stderr")
    return Result(test.name, tuple(problems))
