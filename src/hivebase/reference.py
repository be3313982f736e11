"""Image references: ``[registry/]repository[:tag][@digest]``.

Grammar and defaulting follow Docker's ``distribution/reference``: the first component is a registry when it
contains a dot or a colon or is ``localhost``; without one, the reference is *familiar* and belongs to
``docker.io``, where single names live under ``library/``.
"""

from __future__ import annotations

import re
from typing import Self

import msgspec

from hivebase.digest import Digest
from hivebase.errors import UsageError

DEFAULT_REGISTRY = "docker.io"
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*\Z", re.ASCII)
_REGISTRY = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?\Z", re.ASCII
)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}\Z", re.ASCII)
_MAX_NAME = 255


class Reference(msgspec.Struct, frozen=True):
    """One parsed reference. ``registry`` is empty when the text named none."""

    registry: str
    repository: str
    tag: str = ""
    digest: Digest | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse ``text`` as written in a ``FROM`` line or on a command line.

        Raises:
            UsageError: the text is not a reference; the message says which part is wrong.
        """
        rest, _, digest_text = text.partition("@")
        digest = Digest.parse(digest_text) if digest_text else None
        if "@" in text and digest is None:
            raise _bad(text, "nothing follows the @")
        registry, repository = "", rest
        head, slash, tail = rest.partition("/")
        if slash and ("." in head or ":" in head or head == "localhost"):
            registry, repository = head, tail
            if not _REGISTRY.match(registry):
                raise _bad(text, f"{registry!r} is not a host name with an optional port")
        tag = ""
        if ":" in repository:
            repository, _, tag = repository.partition(":")
            if not is_tag(tag):
                raise _bad(text, f"{tag!r} is not a tag (letters, digits, '_', '.', '-'; at most 128)")
        if not _REPOSITORY.match(repository):
            lower = " (a repository is lower-case)" if repository != repository.lower() else ""
            raise _bad(text, f"{repository!r} is not a repository name{lower}")
        if len(registry) + len(repository) > _MAX_NAME:
            raise _bad(text, f"the name is longer than {_MAX_NAME} characters")
        return cls(registry, repository, tag, digest)

    @property
    def name(self) -> str:
        """The last component of the repository: what an image of a hive is matched by."""
        return self.repository.rpartition("/")[2]

    @property
    def familiar(self) -> str:
        """The reference as people write it, with the tag made explicit unless a digest is given."""
        base = f"{self.registry}/{self.repository}" if self.registry else self.repository
        tag = f":{self.tag or ('' if self.digest else 'latest')}".rstrip(":")
        return base + tag + (f"@{self.digest}" if self.digest else "")

    @property
    def canonical(self) -> str:
        """The same with registry and ``library/`` spelled out: equal for equal targets."""
        return self.normalised().familiar

    @property
    def shortest(self) -> str:
        """The familiar form without what Docker's defaults say anyway: the name that stores and people use."""
        full = self.normalised()
        if full.registry != DEFAULT_REGISTRY:
            return full.familiar
        return msgspec.structs.replace(
            full, registry="", repository=full.repository.removeprefix("library/")
        ).familiar

    def normalised(self) -> Reference:
        """Return this reference with Docker's defaults made explicit (the tag excepted)."""
        registry = self.registry or DEFAULT_REGISTRY
        if registry == "index.docker.io":
            registry = DEFAULT_REGISTRY
        repository = self.repository
        if registry == DEFAULT_REGISTRY and "/" not in repository:
            repository = f"library/{repository}"
        return msgspec.structs.replace(self, registry=registry, repository=repository)

    def __str__(self) -> str:
        return self.familiar


def is_tag(text: str) -> bool:
    """Return whether ``text`` can be a tag."""
    return _TAG.match(text) is not None


def _bad(text: str, why: str) -> UsageError:
    return UsageError(
        f"not an image reference: {text[:300]!r}",
        why=why,
        hint="expected [registry/]repository[:tag][@digest]",
    )
