"""Every error a user can meet, and the exit code it ends in.

::

    HivebaseError                 exit code
    ├── BuildError                1   a step, a build or a test of an image failed
    │   └── CorruptContentError   1   stored or received bytes are not what their digest says
    ├── InternalError             1   hivebase itself is wrong
    ├── UsageError                2   the command line, hivebase.toml, a Dockerfile or a context is wrong
    │   └── DockerfileError       2   the same, with a file, a line and a caret
    ├── SystemFaultError          3   the machine or the network cannot do what is needed
    │   ├── NotFoundError         3   a reference, a blob or a base that nobody has
    │   └── UnreachableError      3   a server that could not be asked at all
    ├── PolicyError               4   possible, but refused by a rule of the hive
    └── InterruptedByUserError    130 Ctrl-C or SIGTERM

A message has four parts, of which only the first is required: *what* failed, *where* (a file, an image, a
step), *why*, and the *hint*: what to do next. The library raises; only the command line prints.

Parts of a message are often what others sent, and they may send back a credential. So every part passes through
``HivebaseError.mask`` when the error is made, which `hivebase.transport.secrets` sets.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable

TRACEBACK = "HIVEBASE_TRACEBACK"
"""Environment variable: ``1`` prints where an :class:`InternalError` came from."""


class HivebaseError(Exception):
    """Base of all errors that are told to the user in one message, without a traceback."""

    exit_code = 1
    code = "error"
    mask: ClassVar[Callable[[str], str]] = str

    def __init__(self, what: str, *, where: str = "", why: str = "", hint: str = "") -> None:
        self.what, self.where, self.why, self.hint = map(HivebaseError.mask, (what, where, why, hint))
        super().__init__(self.what)

    def __str__(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        return "\n".join(
            [
                head,
                *([f"  because {self.why}"] if self.why else []),
                *([f"  try: {self.hint}"] if self.hint else []),
            ]
        )


class BuildError(HivebaseError):
    """A step of a build, or a test of an image, failed."""

    exit_code = 1
    code = "build-failed"


class CorruptContentError(BuildError):
    """Bytes do not match the digest, size or format under which they were stored or announced."""

    code = "corrupt-content"


class InternalError(HivebaseError):
    """An exception that nobody foresaw: a mistake in hivebase, told without a traceback."""

    code = "internal"

    @classmethod
    def of(cls, error: BaseException, *, where: str = "") -> InternalError:
        """Return the error that tells of ``error``: what it is and the place that raised it."""
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        place = f" in {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else ""
        made = cls(
            "hivebase made a mistake; this should not happen",
            where=where,
            why=f"of {type(error).__name__}{place}: {str(error)[:500] or 'no message'}",
            hint=f"{TRACEBACK}=1 shows where it happened; please report that",
        )
        made.__cause__ = error
        return made


class UsageError(HivebaseError):
    """The command line, the configuration, or an input file is wrong."""

    exit_code = 2
    code = "usage"


class DockerfileError(UsageError):
    """A Dockerfile or ignore file is wrong at a known place.

    Attributes:
        path: the file as the user named it.
        line: 1-based line, 0 when the whole file is meant.
        column: 1-based column of the caret.
        source_line: the text of that line, for the caret display.
    """

    code = "dockerfile"

    def __init__(  # noqa: PLR0913 -- a position has four parts, and a message needs its hint
        self,
        what: str,
        *,
        path: str,
        line: int = 0,
        column: int = 1,
        source_line: str = "",
        why: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(what, where=f"{path}:{line}:{column}" if line else path, why=why, hint=hint)
        self.path = path
        self.line = line
        self.column = column
        self.source_line = HivebaseError.mask(source_line)

    def __str__(self) -> str:
        head, *rest = super().__str__().split("\n")
        if self.source_line:
            # A tab must stay a tab in the margin, or the caret points at the wrong column.
            margin = "".join("\t" if c == "\t" else " " for c in self.source_line[: self.column - 1])
            rest = [f"    {self.source_line}", f"    {margin}^", *rest]
        return "\n".join([head, *rest])


class SystemFaultError(HivebaseError):
    """The machine or the network cannot do what the build needs."""

    exit_code = 3
    code = "environment"


class NotFoundError(SystemFaultError):
    """A reference, blob or base image that no reachable place has."""

    code = "not-found"


class UnreachableError(SystemFaultError):
    """A server could not be asked: no route, no such host, no TLS, a proxy's refusal, a time-out.

    Not raised when a server answered, whatever it said: an answer is never a reason to try something else.
    """

    code = "unreachable"


class PolicyError(HivebaseError):
    """Possible, but refused by a rule of the hive."""

    exit_code = 4
    code = "policy"


class InterruptedByUserError(HivebaseError):
    """Ctrl-C or SIGTERM."""

    exit_code = 130
    code = "interrupted"
