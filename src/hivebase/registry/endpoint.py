"""One registry: whether it is there, by which scheme it speaks, what it asks for first."""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hivebase.errors import HivebaseError, SystemFaultError
from hivebase.registry.errors import RegistryUnreachableError
from hivebase.registry.pace import Pace
from hivebase.registry.traits import Traits, traits_of
from hivebase.transport import Answer, NoAnswerError, Origin, Request, Transport, redact
from hivebase.transport.targets import is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Every registry says this in every answer; who answers without it stands between us and the registry.
_SIGNATURE = "docker-distribution-api-version"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_LONGEST_REASON = 300


class Endpoint:
    """A registry by its ``host[:port]``. The first question is asked once, whoever asks. Thread-safe.

    Attributes:
        traits: how to speak to it.
        manifests: what every writing of a manifest waits for, or None.
    """

    def __init__(self, transport: Transport, host: str, traits: Traits | None = None) -> None:
        self.transport = transport
        self.host = host
        self.traits = traits or traits_of(host)
        rate = self.traits.manifest_rate
        self.manifests = Pace(rate, transport.clock) if rate else None
        self._lock = threading.Lock()
        self._answer: tuple[Origin, Mapping[str, str] | None] | HivebaseError | None = None

    def connect(self) -> tuple[Origin, Mapping[str, str] | None]:
        """Return the registry's origin, and the headers of its 401 if it answered with one.

        ``https`` it is; plain ``http`` is tried afterwards on this machine and where the user allowed it.

        Raises:
            NoAnswerError: it cannot be reached, or something else answers in its place.
            SystemFaultError: what is there is not a registry.
        """
        with self._lock:
            if self._answer is None:
                try:
                    self._answer = self._connect()
                except HivebaseError as error:
                    # Kept as well: twelve bases on one dead registry are one wait, not twelve.
                    self._answer = error
            if isinstance(self._answer, HivebaseError):
                raise self._answer
            return self._answer

    def _connect(self) -> tuple[Origin, Mapping[str, str] | None]:
        secure = Origin.of(f"https://{self.host}")
        try:
            return self._ping(secure)
        except NoAnswerError as error:
            policy = self.transport.policy(secure)
            if not (policy.insecure or is_loopback(secure.host)) or error.cause in {"certificate", "name"}:
                raise
        return self._ping(Origin.of(f"http://{self.host}"))

    def _ping(self, origin: Origin) -> tuple[Origin, Mapping[str, str] | None]:
        limits = self.transport.limits
        request = Request("GET", f"{origin}/v2/", patience=limits.first_contact)
        answer = self.transport.ask(request, limits.manifest)
        genuine = _SIGNATURE in answer.headers
        if answer.status == 200 and (genuine or "text/html" not in answer.headers.get("content-type", "")):
            return origin, None
        if answer.status == 401:
            return origin, answer.headers
        if answer.status == 404:
            raise SystemFaultError(
                f"{origin.netloc} is not a registry",
                why=f"{answer.url} answered 404",
                hint="check the reference",
            )
        if not genuine and answer.status < 500 and answer.status != 429:
            raise NoAnswerError(
                f"something in between answers for {origin.netloc}",
                cause="intercepted",
                why=f"{answer.url} answered {answer.status}, which no registry does",
                hint="check proxy and firewall",
            )
        raise SystemFaultError(f"{origin.netloc} does not work", why=reason(answer), hint="try later")


@contextmanager
def reaching(what: str) -> Iterator[None]:
    """Turn what keeps us from a registry into `RegistryUnreachableError`, naming ``what`` was wanted."""
    try:
        yield
    except RegistryUnreachableError:
        raise
    except NoAnswerError as error:
        raise RegistryUnreachableError(
            error.what, cause=error.cause, where=what, why=error.why, hint=error.hint
        ) from error


def reason(answer: Answer) -> str:
    """Return what an error's answer says, on one line: the registry's own words where it has any."""
    from hivebase.oci import strict_json  # noqa: PLC0415 -- only for messages

    words = ""
    try:
        document: Any = strict_json.loads(answer.body, what="an error")
    except HivebaseError:
        document = None
    if isinstance(document, dict) and isinstance(errors := document.get("errors"), list):
        parts = [e.get("message") or e.get("code") for e in errors if isinstance(e, dict)]
        words = "; ".join(part for part in parts if isinstance(part, str))
    words = _CONTROL.sub(" ", redact(words))[:_LONGEST_REASON].strip()
    return f"{answer.url} answered {answer.status}" + (f": {words}" if words else "")
