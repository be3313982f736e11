"""Where the files of an installation go, and in which installer's manner they are written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hivebase.plan.pythons import Python  # noqa: TC001 -- msgspec reads it at run time

Profile = Literal["pip", "uv"]


@dataclass(frozen=True, slots=True)
class Scheme:
    """The install paths of one interpreter in one image (``sysconfig.get_paths`` as its installer sees them).

    All paths are absolute, as the interpreter itself would say them; links on the way are followed later.

    Attributes:
        profile: whose manner.
        python: the interpreter.
        executable: ``sys.executable``: what scripts start with.
        purelib: site-packages.
        platlib: site-packages of compiled code, nearly always the same.
        scripts: of console scripts.
        data: the prefix.
        headers: directory that a distribution's own header directory is made in.
        template: text of a console script behind its first line, with ``%(module)s``, ``%(import_name)s`` and
            ``%(func)s``.
    """

    profile: Profile
    python: Python
    executable: str
    purelib: str
    platlib: str
    scripts: str
    data: str
    headers: str
    template: str

    def root(self, scheme: str, name: str) -> str:
        """Return the directory of one part of a wheel.

        Args:
            scheme: ``purelib``, ``platlib``, ``scripts``, ``data`` or ``headers``.
            name: of the distribution, for its headers.
        """
        path: str = getattr(self, scheme)
        return f"{path}/{name}" if scheme == "headers" else path
