"""What can go wrong between us and a server, apart from what the server itself answers.

::

    SystemFaultError
    ├── UnreachableError
    │   └── NoAnswerError     the same, and which step failed
    └── RefusedTargetError    a server sent us somewhere we do not go
"""

from __future__ import annotations

from typing import Literal

from hivebase.errors import SystemFaultError, UnreachableError

Cause = Literal["name", "connect", "certificate", "tls", "proxy", "timeout", "cut", "intercepted"]


class NoAnswerError(UnreachableError):
    """A server could not be reached, or stopped talking before it had answered.

    Attributes:
        cause: which step failed. ``tls`` means that no TLS was spoken at all (a plain HTTP server, or an
            aborted handshake); ``certificate`` that there was a certificate and it is not to be trusted;
            ``intercepted`` that something between us and the server answered in its place.
    """

    def __init__(self, what: str, *, cause: Cause, where: str = "", why: str = "", hint: str = "") -> None:
        super().__init__(what, where=where, why=why, hint=hint)
        self.cause = cause


class RefusedTargetError(SystemFaultError):
    """A redirect, a token realm or another address given by a server leads where no server may send us."""

    code = "refused-target"
