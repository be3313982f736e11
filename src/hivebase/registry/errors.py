"""The one error that only registries have: it tells a build that a stand-in may be used.

A wrong digest, a refused redirect, bad credentials or a missing image are answers, and none of them is
`RegistryUnreachableError`.
"""

from __future__ import annotations

from hivebase.transport import NoAnswerError


class RegistryUnreachableError(NoAnswerError):
    """The registry could not be reached: name, route, TLS, time-out, or a proxy that refuses."""

    code = "registry-unreachable"
