"""Which parts of a RUN are composed: recognition, requirements and answers put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hivebase.plan.installs.model import Install, Recognition
from hivebase.plan.installs.requests import ImpureError, request_of
from hivebase.plan.steps import ComposeStep, ReadFile, RunStep

if TYPE_CHECKING:
    from collections.abc import Callable

    from hivebase.plan.installs.model import Command
    from hivebase.plan.installs.site import KnownFile, Site
    from hivebase.plan.pythons import Python
    from hivebase.plan.steps import MountSpec
    from hivebase.plan.wheels import Request, Resolution

    Mounted = Callable[[str, tuple[MountSpec, ...]], KnownFile | None]


class Composed(msgspec.Struct, frozen=True):
    """A RUN that is composed at least in part: its parts, in order."""

    parts: tuple[ComposeStep | Command, ...]

    @staticmethod
    def text_of(part: ComposeStep | Command) -> str:
        """Return the shell text of one part."""
        return part.install.text if isinstance(part, ComposeStep) else part.text


class Compositions(msgspec.Struct, frozen=True):
    """Decides about every RUN of a hive.

    Attributes:
        resolve: answers a request for an interpreter, without asking anybody; None when it does not know.
    """

    resolve: Callable[[Request, Python], Resolution | None]

    def parts(self, step: RunStep, site: Site, mounted: Mounted, *, shell: bool) -> Composed | str:
        """Return the parts of ``step``, or why it is run as a whole; '' where nothing is installed.

        Args:
            step: the whole RUN.
            site: what is known of the tree before it.
            mounted: returns the file of the build context that a mount shows at a path.
            shell: whether it is in shell form.
        """
        recognition = _recognise(step, shell=shell)
        if recognition.impure is not None:
            return recognition.impure.why
        if not any(isinstance(part, Install) for part in recognition.parts):
            return ""
        try:
            _check(step, alone=len(recognition.parts) == 1)
            parts: list[ComposeStep | Command] = []
            for part in recognition.parts:
                if not isinstance(part, Install):
                    parts.append(part)
                    continue
                made = self._compose(part, step, site, mounted)
                if made.resolution is not None:
                    site = site.with_installed(
                        {wheel.name: wheel.version for wheel in made.resolution.wheels}
                    )
                parts.append(made)
        except ImpureError as error:
            return str(error)
        return Composed(tuple(parts))

    def _compose(self, install: Install, step: RunStep, site: Site, mounted: Mounted) -> ComposeStep:
        python = site.python
        if python is None:
            raise ImpureError("the base has no Python that hivebase knows")

        def read(path: str) -> tuple[str, ReadFile] | None:
            found = mounted(path, step.mounts)
            if found is None:
                return site.text(path)
            # A mount is not in the image: there is nothing to compare with, and its content is in the key.
            try:
                return found.read().decode("utf-8-sig"), ReadFile("", found.digest)
            except UnicodeDecodeError:
                return None

        request, files = request_of(install, python, tuple(sorted(site.installed.items())), read)
        resolution = None
        if request is not None and not request.no_index:
            if step.network == "none":
                raise ImpureError("it needs an index, and RUN --network=none has none")
            resolution = self.resolve(request, python)
            if resolution is not None and resolution.impure:
                raise ImpureError(resolution.impure)
        return ComposeStep(
            step.key,
            step.created_by,
            step.text,
            step.line,
            install,
            python,
            request,
            resolution,
            tuple(file for file in files if file.path),
            step,
        )


def _recognise(step: RunStep, *, shell: bool) -> Recognition:
    # The parser is only loaded for what may be an installation.
    from hivebase.plan.installs.recognise import recognise, recognise_exec  # noqa: PLC0415

    env = dict(step.env)
    if not shell:
        return recognise_exec(step.argv, env=env, user=step.user, workdir=step.workdir)
    return recognise(step.argv[-1], shell=step.argv[:-1], env=env, user=step.user, workdir=step.workdir)


def _check(step: RunStep, *, alone: bool) -> None:
    """Raise where what surrounds the command takes part in what it does, or is lost between its parts."""
    if step.privileged:
        raise ImpureError("RUN --security=insecure")
    for mount in step.mounts:
        if mount.type in {"secret", "ssh"}:
            raise ImpureError(f"a {mount.type} is mounted, which may say where packages come from")
        if mount.type == "bind" and not mount.read_only:
            raise ImpureError("a mount can be written to")
        if mount.type == "tmpfs" and not alone:
            raise ImpureError("its commands may share files in a mount of type tmpfs")
