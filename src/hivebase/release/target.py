"""Where images are published: ``--to`` and the profiles of ``hivebase.toml``.

::

    [profile.default]              # taken without --to
    to = "registry.example/neural-hive-mind"
    floating = ["minor"]           # X.Y follows each release
    key = "keys/release.pem"       # signs

    [profile.ecr]
    kind = "ecr"                   # registry and prefix from AWS_REGION, AWS_ACCOUNT_ID, ECR_REGISTRY, ENV
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hivebase.errors import UsageError
from hivebase.plan.settings import Profile
from hivebase.reference import Reference

if TYPE_CHECKING:
    from collections.abc import Mapping


class Target(msgspec.Struct, frozen=True):
    """A registry and what precedes the image in its repository's name.

    Attributes:
        registry: ``host[:port]``, as in references.
        prefix: without slashes at its ends; may be empty.
    """

    registry: str
    prefix: str = ""

    @classmethod
    def parse(cls, text: str, where: str) -> Target:
        """Read ``REGISTRY/PREFIX``.

        Raises:
            UsageError: it is not that.
        """
        # The rules of references decide what is a registry and what a repository.
        try:
            parsed = Reference.parse(f"{text.rstrip('/')}/x")
        except UsageError as error:
            raise UsageError(f"not a place to publish to: {text!r}", where=where, why=error.why) from None
        if not parsed.registry:
            raise UsageError(
                f"not a place to publish to: {text!r}",
                where=where,
                why="its first part is not a registry: a host has a dot or a port, or is localhost",
                hint=f"docker.io/{text} for Docker Hub, or a profile of hivebase.toml",
            )
        return cls(parsed.registry, parsed.repository.rpartition("/")[0])

    def reference(self, image: str, tag: str) -> Reference:
        """Return where ``image`` (its name in the hive, as in a repository) goes.

        Raises:
            UsageError: registry, prefix and name together are too long.
        """
        prefix = f"{self.prefix}/" if self.prefix else ""
        return Reference.parse(f"{self.registry}/{prefix}{image}:{tag}")

    def __str__(self) -> str:
        return f"{self.registry}/{self.prefix}".rstrip("/")


def find_profile(to: str, profiles: Mapping[str, Profile]) -> tuple[Profile, str]:
    """Return the profile that ``--to`` means, and its name; an address is a profile without a name.

    Raises:
        UsageError: there is no such profile, or no default where nothing was said.
    """
    if not to and "default" not in profiles:
        raise UsageError(
            "where should the images go?",
            hint='--to REGISTRY/PREFIX, or [profile.default] with to = "REGISTRY/PREFIX" in hivebase.toml',
        )
    name = to or "default"
    if name in profiles:
        return profiles[name], name
    if name == "ecr":
        return Profile(kind="ecr"), name
    if "/" in to or "." in to or ":" in to or to == "localhost":
        return Profile(to=to), ""
    known = ", ".join(sorted({*profiles, "ecr"}))
    raise UsageError(f"no profile is called {to!r}", hint=f"known: {known}; or write REGISTRY/PREFIX")
