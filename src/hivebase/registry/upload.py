"""One blob into one repository: found there, mounted from a sibling, or sent (distribution-spec, "Pushing blobs").

Small blobs are one ``PUT``. Longer ones go in chunks, so that a broken connection costs one chunk: the session is
continued where the registry confirms the end of a chunk, and begun anew where it confirms anything else, because a
registry may count bytes that it did not get in order. Each new attempt begins with a look whether the blob is there:
what broke may have been the answer alone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, BinaryIO, Literal
from urllib.parse import quote, urljoin

from hivebase.errors import CorruptContentError, SystemFaultError
from hivebase.registry.auth import AuthenticationError
from hivebase.registry.endpoint import reason
from hivebase.transport import Body, Retry

if TYPE_CHECKING:
    from collections.abc import Callable

    from hivebase.oci.model import Descriptor
    from hivebase.registry.repository import Repository
    from hivebase.transport import Answer

Outcome = Literal["present", "mounted", "sent"]

_RANGE = re.compile(r"(?:bytes=)?0-(\d+)\s*\Z", re.ASCII)
_OCTETS = {"Content-Type": "application/octet-stream"}
# Of answers to a chunk: that this registry takes no chunks, or not ours.
_NO_CHUNKS = frozenset({400, 405, 411, 413, 501})
# That it knows nothing of the session (any more), or stands elsewhere in it.
_LOST = frozenset({404, 409, 416})


def has_blob(repository: Repository, descriptor: Descriptor) -> bool:
    """Tell whether the repository has the blob, and whole.

    Raises:
        HivebaseError: as `Repository.ask`.
    """
    answer = repository.ask("HEAD", f"blobs/{descriptor.digest}", {}, limit=0)
    length = answer.headers.get("content-length", "")
    return answer.status == 200 and (not length.isdigit() or int(length) == descriptor.size)


def upload_blob(
    repository: Repository,
    descriptor: Descriptor,
    opener: Callable[[], BinaryIO],
    *,
    sibling: str = "",
    sent: Callable[[int], object] | None = None,
) -> Outcome:
    """Make sure that the repository has a blob.

    Args:
        repository: made for pushing.
        descriptor: of the blob.
        opener: opens its bytes, for each attempt anew; not called unless they are needed.
        sibling: a repository of the same registry that has the blob.
        sent: told of bytes on their way, for progress.

    Returns:
        ``present`` if it was there, ``mounted`` if the registry took it from the sibling, ``sent`` if it was sent.

    Raises:
        CorruptContentError: the registry says that it stored something else.
        SystemFaultError: it does not take the blob; see also `Repository.ask`.
    """
    return _Upload(repository, descriptor, opener, sent).run(sibling)


class _Upload:
    def __init__(
        self,
        repository: Repository,
        descriptor: Descriptor,
        opener: Callable[[], BinaryIO],
        sent: Callable[[int], object] | None,
    ) -> None:
        self._repository = repository
        self._descriptor = descriptor
        self._opener = opener
        self._sent = sent
        self._limits = repository.transport.limits
        self._what = f"the blob {descriptor.digest} of {repository.name}"
        self._chunk = self._limits.chunk if repository.chunks else descriptor.size
        # Of the session: where to send next, and how much the registry has confirmed.
        self._location = ""
        self._offset = 0

    def run(self, sibling: str) -> Outcome:
        if has_blob(self._repository, self._descriptor):
            return "present"
        if sibling and sibling != self._repository.name and self._mounted(sibling):
            return "mounted"
        return self._repository.transport.persist(self._repository.origin, self._attempt)

    def _mounted(self, sibling: str) -> bool:
        """Ask for a mount; a registry that would rather have the bytes opens a session for them."""
        path = f"blobs/uploads/?mount={quote(self._descriptor.digest)}&from={quote(sibling, safe='')}"
        try:
            answer = self._repository.try_to("POST", path, f"repository:{sibling}:pull")
        except AuthenticationError:
            return False  # of a token for both repositories; the one for ours may still be had
        if answer.status == 201:
            self._check_digest(answer)
            return True
        if answer.status == 202:
            self._begin(answer)
        return False

    def _attempt(self) -> Outcome:
        if not self._location:
            if has_blob(self._repository, self._descriptor):
                return "present"
            self._begin(self._repository.ask("POST", "blobs/uploads/", {}, limit=self._limits.error_body))
        before = self._offset
        try:
            self._send()
        except Retry as retry:
            self._find_place(retry)
            retry.progressed = self._offset > before
            raise
        return "sent"

    def _begin(self, answer: Answer) -> None:
        if answer.status != 202 or not answer.headers.get("location"):
            raise SystemFaultError(
                f"{self._repository.registry} does not take {self._what}", why=reason(answer)
            )
        minimum = answer.headers.get("oci-chunk-min-length", "")
        if minimum.isdigit():
            self._chunk = max(self._chunk, int(minimum[:12]))
        self._offset = 0
        self._move(answer)

    def _move(self, answer: Answer) -> None:
        self._location = urljoin(self._repository.url(""), answer.headers.get("location") or self._location)

    def _send(self) -> None:
        size = self._descriptor.size
        while size - self._offset > self._chunk:
            if not self._send_chunk(self._offset + self._chunk):
                self._chunk = size  # from here on as one
                self._restart("takes no chunks")
        self._finish()

    def _send_chunk(self, end: int) -> bool:
        """Send up to ``end``; tell whether the registry takes chunks at all."""
        headers = {**_OCTETS, "Content-Range": f"{self._offset}-{end - 1}"}
        answer = self._repository.send(
            "PATCH", self._location, headers, self._body(end), patience=self._limits.confirm
        )
        if answer.status in _NO_CHUNKS and self._offset == 0:
            return False
        if answer.status in _LOST:
            self._restart("lost the upload", answer)
        if answer.status not in {202, 204}:
            raise SystemFaultError(f"{self._what} was not taken", why=reason(answer))
        if _received(answer) not in {None, end}:
            self._restart(f"confirms other bytes than the {end} that were sent", answer)
        self._offset = end
        self._move(answer)
        return True

    def _finish(self) -> None:
        joint = "&" if "?" in self._location else "?"
        url = f"{self._location}{joint}digest={quote(self._descriptor.digest)}"
        headers = dict(_OCTETS)
        if self._offset:
            headers["Content-Range"] = f"{self._offset}-{self._descriptor.size - 1}"
        body = self._body(self._descriptor.size)
        answer = self._repository.send("PUT", url, headers, body, patience=self._limits.confirm)
        if answer.status in _LOST:
            self._restart("lost the upload", answer)
        if answer.status == 400 and self._offset:
            # Perhaps the pieces came together in another order than they were sent in: once more, as one.
            self._chunk = self._descriptor.size
            self._restart("did not put the chunks together", answer)
        if answer.status not in {201, 204}:
            raise SystemFaultError(f"{self._what} was not taken", why=reason(answer))
        self._check_digest(answer)
        if not has_blob(self._repository, self._descriptor):
            self._restart("confirmed the upload and does not have the blob", answer)

    def _body(self, end: int) -> Body:
        return Body(self._opener, self._offset, end - self._offset, self._sent)

    def _find_place(self, retry: Retry) -> None:
        """After a failure: keep the session only where the registry stands at the end of a chunk."""
        if not self._location:
            return
        try:
            answer = self._repository.send("GET", self._location, {}, b"", patience=self._limits.idle)
            received = _received(answer) if answer.status == 204 else None
            after = min(self._offset + self._chunk, self._descriptor.size)
            if received is not None and self._offset and received in {self._offset, after}:
                self._offset = received
                self._move(answer)
                return
        except (Retry, SystemFaultError):
            pass  # nothing to continue then
        del retry
        self._location = ""

    def _restart(self, why: str, answer: Answer | None = None) -> None:
        """Give the session up, and try again from the start.

        Raises:
            Retry: always.
        """
        self._location = ""
        said = f"; {reason(answer)}" if answer is not None else ""
        raise Retry(
            SystemFaultError(f"{self._what} was not taken", why=f"{self._repository.registry} {why}{said}")
        )

    def _check_digest(self, answer: Answer) -> None:
        said = answer.headers.get("docker-content-digest", "")
        if said.startswith("sha256:") and said != self._descriptor.digest:
            raise CorruptContentError(
                f"{self._repository.registry} stored {said}",
                where=self._repository.name,
                why=f"{self._descriptor.digest} was sent",
                hint="something between here and the registry changes what is sent",
            )


def _received(answer: Answer) -> int | None:
    """Return how many bytes the registry says it has, or None if it does not say."""
    found = _RANGE.match(answer.headers.get("range", ""))
    return int(found[1]) + 1 if found else None
