"""What all runtimes have in common: short questions to their commands, and how a refusal is told."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from hivebase.errors import BuildError, CorruptContentError, SystemFaultError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hivebase.build.engines.commands import Command


def answer(command: Command, *words: str, hint: str) -> list[str]:
    """Return the lines that a short call printed, each once.

    Raises:
        SystemFaultError: it failed: the runtime cannot be reached.
    """
    done = command.attempt(*words)
    if done.returncode != 0:
        program = os.path.basename(command.words[0])  # noqa: PTH119 -- a word, not a file
        why = done.stderr.decode("utf-8", "replace").strip() or f"exit code {done.returncode}"
        raise SystemFaultError(f"{program} does not answer", why=why[-500:], hint=hint)
    return list(dict.fromkeys(done.stdout.decode("utf-8", "replace").split()))


@contextlib.contextmanager
def refusal(title: str, refs: Sequence[str]) -> Iterator[None]:
    """Say which image was refused instead of which command failed.

    Raises:
        BuildError: as raised inside.
    """
    try:
        yield
    except CorruptContentError:
        raise
    except BuildError as error:
        raise BuildError(f"{title} did not load {refs[0]}", why=error.why) from error
