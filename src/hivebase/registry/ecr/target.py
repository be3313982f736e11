"""Making a registry of ECR ready for a push: first everything is looked at, then what is missing is made.

::

    ready = survey(settings, repositories, create=True)   # changes nothing, and raises what stands in the way
    ...                                                    # whatever else may refuse the push
    ready.make()                                           # the repositories that are missing
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hivebase.errors import HivebaseError, PolicyError
from hivebase.registry.ecr import lifecycle, names
from hivebase.registry.ecr.control import Control
from hivebase.registry.ecr.credentials import EcrKeychain, Tokens
from hivebase.registry.ecr.mutability import Mutability
from hivebase.registry.traits import ECR, Traits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hivebase.registry.credentials import Keychain
    from hivebase.registry.ecr.control import Token
    from hivebase.registry.ecr.settings import EcrSettings
    from hivebase.transport.waiting import Clock


class EcrTarget:
    """A registry of ECR with the repositories of a push.

    Attributes:
        registry: ``host[:port]``, as in references.
        prefix: what precedes the image in the repository's name.
        missing: repositories that there are not (yet).
        created: those that `make` made.
        notes: what the user should know, a sentence each.
    """

    def __init__(
        self,
        settings: EcrSettings,
        control: Control,
        token: Token,
        found: dict[str, Mutability],
        missing: Sequence[str],
    ) -> None:
        """Take what `survey` found."""
        self.registry = settings.registry
        self.prefix = settings.prefix
        self.missing = tuple(missing)
        self.created: tuple[str, ...] = ()
        self._control = control
        self._token = token
        self._found = found
        self.notes: tuple[str, ...] = ()
        self._look_at(found)
        if token.account and settings.account and token.account != settings.account:
            self._note(f"the credentials are of account {token.account}, the registry of {settings.account}")

    @property
    def traits(self) -> dict[str, Traits]:
        """How to speak to the registry, as `RegistryClient` takes it."""
        return {self.registry: ECR}

    def keychain(self, inner: Keychain, clock: Clock | None = None) -> EcrKeychain:
        """Return ``inner`` with the tokens of this registry.

        Args:
            inner: for all other registries.
            clock: the transport's, if it has its own.
        """
        return EcrKeychain(inner, {self.registry: Tokens(self._control, self._token, clock)})

    def keeps(self, repository: str, tag: str) -> bool:
        """Whether the repository, as it is or will be made, keeps ``tag`` as it is once it is written."""
        return not self._found.get(repository, Mutability()).may_move(tag)

    def make(self, untagged_days: int = lifecycle.UNTAGGED_DAYS) -> None:
        """Make the repositories that are missing: immutable tags, scanned on push, our lifecycle rules.

        Rules that cannot be given keep no image from being published: that is a note.

        Args:
            untagged_days: see `lifecycle.policy`; 0 for no rules at all.

        Raises:
            HivebaseError: as the methods of `Control`. Repositories that were made before stay, empty, and are named.
        """
        for name in self.missing:
            try:
                made = self._control.create(name)
            except HivebaseError as error:
                if self.created:
                    error.why += f"; made before that, and empty: {', '.join(self.created)}"
                raise
            if made is None:
                # Somebody else made it in the meantime, their way.
                found = self._control.existing([name])
                self._found |= found
                self._look_at(found)
                continue
            self._found[name] = made
            self.created += (name,)
            if untagged_days:
                self._give_rules(name, untagged_days)
        self.missing = ()

    def _look_at(self, found: Mapping[str, Mutability]) -> None:
        """Say so where others made repositories that do not keep a released version as it is."""
        movable = sorted(name for name, tags in found.items() if tags.may_move("1.2.3"))
        if movable:
            self._note(f"Amazon ECR would let released tags move in {', '.join(movable)}: hivebase will not")

    def _give_rules(self, name: str, untagged_days: int) -> None:
        try:
            self._control.put_rules(name, untagged_days)
        except HivebaseError as error:
            self._note(f"{name} has no lifecycle rules, images without a tag will stay: {error.what}")

    def _note(self, text: str) -> None:
        self.notes += (text,)


def survey(settings: EcrSettings, repositories: Sequence[str], *, create: bool = True) -> EcrTarget:
    """Find out whether the registry can be pushed to: the names, the credentials, the repositories.

    Nothing is changed. Repositories that exist are taken as they are.

    Args:
        settings: which registry.
        repositories: names without registry, prefix included.
        create: whether missing ones may be made afterwards; else they are an error.

    Raises:
        UsageError: a name cannot be one.
        PolicyError: a repository is missing, and ``create`` is false.
        HivebaseError: as the methods of `Control`.
    """
    wanted = tuple(dict.fromkeys(repositories))
    for name in wanted:
        names.check_repository(name)
    control = Control(settings)
    token = control.token()
    found = control.existing(wanted)
    missing = [name for name in wanted if name not in found]
    if missing and not create:
        several = "repositories are" if len(missing) > 1 else "repository is"
        raise PolicyError(
            f"the {several} missing in Amazon ECR: {', '.join(missing)}",
            where=settings.registry,
            why="creating repositories was forbidden (--no-create)",
            hint="create them first (docs/how-to/publish-to-ecr.md has the Terraform), or leave --no-create out",
        )
    return EcrTarget(settings, control, token, found, missing)


def prepare(
    settings: EcrSettings, repositories: Sequence[str], *, create: bool = True, dry_run: bool = False
) -> EcrTarget:
    """Return the registry ready to be pushed to; in a dry run, as it would have been.

    Raises:
        HivebaseError: as `survey`, before anything is changed; and as `EcrTarget.make`.
    """
    ready = survey(settings, repositories, create=create)
    if not dry_run:
        ready.make()
    return ready
