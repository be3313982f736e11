"""Which tags of a repository may move.

Repositories are made with immutable tags: ECR itself then refuses to let a released version name something else. Two
kinds of tags must stay movable, because more is written under them later: the fallback tag of the referrers API and
cosign's (``sha256-…``, ``sha256-….sig``), and the entries of a shared cache (``cache-…``). ECR excludes tags by
patterns with ``*`` (``IMMUTABLE_WITH_EXCLUSION``). No such pattern tells ``1.2`` from ``1.2.3``, so floating tags
cannot be excluded: in such a repository they are written once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

IMMUTABLE, IMMUTABLE_EXCEPT = "IMMUTABLE", "IMMUTABLE_WITH_EXCLUSION"
_MUTABLE, _MUTABLE_EXCEPT = "MUTABLE", "MUTABLE_WITH_EXCLUSION"
EXCLUDED = ("sha256-*", "cache-*")
"""Tags that may move in the repositories that we make."""


@dataclass(frozen=True, slots=True)
class Mutability:
    """The setting of one repository, as DescribeRepositories says it.

    Attributes:
        kind: ``imageTagMutability``.
        patterns: of ``imageTagMutabilityExclusionFilters``, to which the opposite applies.
    """

    kind: str = IMMUTABLE_EXCEPT
    patterns: tuple[str, ...] = EXCLUDED

    def may_move(self, tag: str) -> bool:
        """Whether ECR lets ``tag`` name something else once it is written."""
        excluded = any(_matches(pattern, tag) for pattern in self.patterns)
        if self.kind == IMMUTABLE_EXCEPT:
            return excluded
        if self.kind == _MUTABLE_EXCEPT:
            return not excluded
        # A kind that we do not know is taken for one that lets nothing move: then a push says so before it begins.
        return self.kind == _MUTABLE


def _matches(pattern: str, tag: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), tag) is not None
