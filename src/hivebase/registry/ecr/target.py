"""Making a registry of ECR ready for a push: all is looked at before anything is changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hivebase.errors import HivebaseError, PolicyError
from hivebase.registry.ecr import lifecycle, names
from hivebase.registry.ecr.control import Control
from hivebase.registry.ecr.credentials import EcrKeychain
from hivebase.registry.ecr.mutability import Mutability
from hivebase.registry.traits import ECR, Traits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hivebase.registry.credentials import Keychain
    from hivebase.registry.ecr.control import Token
    from hivebase.registry.ecr.settings import EcrSettings
    from hivebase.transport.waiting import Clock


@dataclass(frozen=True, slots=True)
class EcrTarget:
    """A registry that can be pushed to.

    Attributes:
        registry: ``host[:port]``, as in references.
        prefix: what precedes the image in the repository's name.
        created: the repositories that were made; of a dry run, those that would be.
        notes: what the user should know, a sentence each.
        mutability: what the tags of each repository may do.
    """

    registry: str
    prefix: str
    created: tuple[str, ...]
    notes: tuple[str, ...]
    mutability: Mapping[str, Mutability]
    _control: Control = field(repr=False)
    _token: Token = field(repr=False)

    def keychain(self, inner: Keychain, clock: Clock | None = None) -> EcrKeychain:
        """Return ``inner`` with the tokens of this registry.

        Args:
            inner: for all other registries.
            clock: the transport's, if it has its own.
        """
        return EcrKeychain(inner, self.registry, self._control, token=self._token, clock=clock)

    @property
    def traits(self) -> dict[str, Traits]:
        """How to speak to the registry, as `RegistryClient` takes it."""
        return {self.registry: ECR}

    def may_move(self, repository: str, tag: str) -> bool:
        """Whether the repository lets ``tag`` name something else once it is written."""
        return self.mutability[repository].may_move(tag)


def prepare(
    settings: EcrSettings,
    repositories: Sequence[str],
    *,
    create: bool = True,
    dry_run: bool = False,
    untagged_days: int = lifecycle.UNTAGGED_DAYS,
) -> EcrTarget:
    """Make sure that the registry can be pushed to: the credentials are good, and the repositories are there.

    Nothing is changed before all of the following is known to be in order: the names, the credentials, which
    repositories are missing, and whether they may be made. Repositories that exist are left as they are.

    Args:
        settings: which registry.
        repositories: names without registry, prefix included.
        create: whether missing ones are made; else they are an error.
        dry_run: only look.
        untagged_days: for the lifecycle rules of new repositories; 0 for none at all.

    Raises:
        UsageError: a name cannot be one.
        PolicyError: a repository is missing, and ``create`` is false.
        HivebaseError: as the methods of `Control`. If one of several repositories could not be made, the message
            names those that were: they are empty and do no harm.
    """
    wanted = tuple(dict.fromkeys(repositories))
    for name in wanted:
        names.check_repository(name)
    control = Control(settings)
    token = control.token()
    known = control.existing(wanted)
    missing = [name for name in wanted if name not in known]
    if missing and not create:
        raise _absent(missing, settings)
    notes = _unprotected([name for name, found in known.items() if not found.protects_releases])
    if token.account and settings.account and token.account != settings.account:
        notes.append(f"the credentials are of account {token.account}, the registry of {settings.account}")
    created: list[str] = []
    for name in missing:
        if dry_run:
            known[name] = Mutability()
            created.append(name)
            continue
        try:
            made = control.create(name)
        except HivebaseError as error:
            if created:
                error.why += f"; made before that, and empty: {', '.join(created)}"
            raise
        if made is None:  # somebody else was faster
            known |= control.existing([name])
            continue
        known[name] = made
        created.append(name)
        if untagged_days:
            notes += _rules(control, name, untagged_days)
    return EcrTarget(settings.registry, settings.prefix, tuple(created), tuple(notes), known, control, token)


def _rules(control: Control, name: str, untagged_days: int) -> list[str]:
    """Give a new repository its rules; what went wrong is told, and keeps no image from being published."""
    try:
        control.put_rules(name, untagged_days)
    except HivebaseError as error:
        return [f"{name} was made without lifecycle rules: {error.what}; images without a tag stay there"]
    return []


def _unprotected(repositories: Sequence[str]) -> list[str]:
    if not repositories:
        return []
    several = ", ".join(repositories)
    return [
        f"Amazon ECR lets released tags move in {several}: make their tags immutable to have it refuse that"
    ]


def _absent(missing: Sequence[str], settings: EcrSettings) -> PolicyError:
    several = "repositories are" if len(missing) > 1 else "repository is"
    return PolicyError(
        f"the {several} missing in Amazon ECR: {', '.join(missing)}",
        where=settings.registry,
        why="creating repositories was forbidden (--no-create)",
        hint="create them first (docs/how-to/publish-to-ecr.md has the Terraform), or leave --no-create out",
    )
