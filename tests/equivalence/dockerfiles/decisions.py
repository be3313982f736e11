"""Where hivebase differs from Docker on purpose: all of it, and nothing else is forgiven.

``docs/reference/equivalence.md`` tells it in prose. Every entry is shown by a case; one that no case shows any more
fails the tests as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.equivalence.dockerfiles.compare import Difference


@dataclass(frozen=True)
class Decision:
    """Differences that are meant.

    Attributes:
        cases: pattern of names of cases.
        where: pattern of :attr:`Difference.where`.
        fact: pattern of :attr:`Difference.fact`.
        reason: in one line.
        only: the one version of Docker that it is about; empty for all.
    """

    cases: str
    where: str
    fact: str
    reason: str
    only: str = ""

    def covers(self, case: str, difference: Difference, version: str) -> bool:
        """Tell whether this decision explains a difference."""
        return (
            self.only in {"", version}
            and fnmatchcase(case, self.cases)
            and fnmatchcase(difference.where, self.where)
            and fnmatchcase(difference.fact, self.fact)
        )


DECISIONS = (
    Decision(
        "decided-context-modes", "/all/*", "mode", "a context has the modes that git keeps (decision 3)"
    ),
    Decision(
        "decided-context-links", "/all/*", "names", "names of a context are files of their own (decision 3)"
    ),
    Decision("decided-setuid-file", "outcome", "*", "a context with a setuid file is refused (decision 3)"),
    Decision("decided-privileges", "/seen", "content", "a RUN gains no privileges (decision 5)"),
    Decision(
        "decided-host-settings",
        "*seen",
        "content",
        "a RUN sees the settings of the host, and only while it runs",
    ),
    Decision("decided-mount-stubs", "/new*", "there", "places made for mounts do not stay", only="20.10"),
    Decision(
        "decided-mount-stubs", "/run/secrets*", "there", "places made for mounts do not stay", only="20.10"
    ),
    Decision("decided-mount-stubs", "history", "*", "places made for mounts do not stay", only="20.10"),
    Decision("decided-archive-devices", "outcome", "*", "archives that are added have no devices and fifos"),
    Decision(
        "decided-unknown-*", "outcome", "*", "an unknown name in --chown is refused, and does not mean root"
    ),
    Decision("decided-empty-*", "outcome", "*", "an empty user, group or WORKDIR is refused"),
    Decision(
        "decided-several-*",
        "outcome",
        "*",
        "several files to one name are refused: each would replace the last",
    ),
    Decision("decided-tmpfs-mode", "/seen", "content", "a tmpfs has mode 1777, whatever is below it"),
    Decision(
        "decided-cache-mode", "/seen", "content", "the mode of a cache is the one that is asked for, no umask"
    ),
    Decision("decided-more-*", "outcome", "*", "some files that Docker refuses are built"),
    Decision(
        "decided-dot-at-the-end", "*", "*", "a destination that ends with /. is a directory", only="20.10"
    ),
    Decision(
        "decided-shift", "outcome", "*", "a space may stand between << and a heredoc's name", only="26.1"
    ),
    Decision(
        "decided-workdir-as-written", "config", "WorkingDir", "the path is in its shortest form", only="26.1"
    ),
    Decision("decided-workdir-as-written", "history", "*", "the path is in its shortest form", only="26.1"),
    Decision("decided-newer-*", "*", "*", "BuildKit has changed this since Docker 26.1"),
    Decision(
        "decided-link*", "*", "*", "Docker's own store cannot link, and copies; BuildKit's can", only="26.1"
    ),
    Decision(
        "decided-block-devices", "/b", "*", "Docker copies a block device as a character device", only="26.1"
    ),
    *(
        Decision(
            "decided-character-devices",
            "/n",
            fact,
            "Docker 20.10 copies a device as an empty file",
            only="20.10",
        )
        for fact in ("kind", "device")
    ),
    Decision(
        "decided-history-of-branches",
        "history",
        "*",
        "Docker writes a step of one stage into its sibling's history",
    ),
    Decision(
        "decided-touched-hard-link",
        "/[ab]",
        "names",
        "a layer of times alone is none, and breaks no hard link",
    ),
    Decision("decided-touched-hard-link", "history", "*", "a layer of times alone is none"),
    Decision("decided-whiteout-name", "outcome", "*", "a file called like a whiteout deletes another one"),
)


def unexplained(case: str, found: Iterable[Difference], version: str) -> list[Difference]:
    """Return the differences that no decision explains."""
    return [
        difference
        for difference in found
        if not any(decision.covers(case, difference, version) for decision in DECISIONS)
    ]
