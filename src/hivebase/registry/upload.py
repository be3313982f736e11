"""One blob into one repository: found there, mounted from a sibling, or sent (distribution-spec, "Pushing blobs").

Small blobs are one ``PUT``. Longer ones go in chunks, so that a broken connection need not cost all of it: the session
is continued where the registry says that it stands, if that is within the chunk that broke, and begun anew where it
says anything else. docker-registry 2.8 forgets a session whose chunk broke, 3.0 says what it got of it. Wherever a
registry counts wrongly the digest tells, and the blob is sent once more as one. Each new attempt begins with a look
whether the blob is there: what broke may have been the answer alone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, BinaryIO, Literal, NoReturn
from urllib.parse import quote

from hivebase.errors import CorruptContentError, SystemFaultError
from hivebase.registry.auth import AuthenticationError
from hivebase.registry.endpoint import reason
from hivebase.transport import Body, Retry
from hivebase.transport.limits import MIB
from hivebase.transport.targets import joined

if TYPE_CHECKING:
    from collections.abc import Callable

    from hivebase.oci.model import Descriptor
    from hivebase.registry.repository import Repository
    from hivebase.transport import Answer

Outcome = Literal["present", "mounted", "sent"]

_RANGE = re.compile(r"(?:bytes=)?0-(\d{1,18})\s*\Z", re.ASCII)
_SESSIONS = "blobs/uploads/"
_OCTETS = {"Content-Type": "application/octet-stream"}
# Of answers to the first chunk: that this registry takes no chunks, or not ours.
_NO_CHUNKS = frozenset({400, 405, 411, 501})
# That it knows nothing of the session (any more), or stands elsewhere in it.
_LOST = frozenset({404, 409, 416})
_TOO_LONG = 413
# Whoever bounds a request more narrowly than this has not thought of registries.
_SHORTEST_CHUNK = 1 * MIB


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
        # Of the session: where to send next, how much the registry has confirmed, and up to where more is on its way.
        self._location = ""
        self._offset = 0
        self._end = 0
        # Of the attempts: whether one failed, what was confirmed at best, sessions that chunks were lost in.
        self._failed = False
        self._furthest = 0
        self._losses = 0

    def run(self, sibling: str) -> Outcome:
        if has_blob(self._repository, self._descriptor):
            return "present"
        if sibling and sibling != self._repository.name and self._mounted(sibling):
            return "mounted"
        self._repository.transport.persist(self._repository.origin, self._attempt)
        return "sent"

    def _mounted(self, sibling: str) -> bool:
        """Ask for a mount; a registry that would rather have the bytes opens a session for them."""
        path = f"{_SESSIONS}?mount={quote(self._descriptor.digest)}&from={quote(sibling, safe='')}"
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

    def _attempt(self) -> None:
        if self._failed:
            if has_blob(self._repository, self._descriptor):
                return
            if self._location and not self._find_place():
                self._location = ""
        if not self._location:
            self._begin(self._repository.ask("POST", _SESSIONS, {}, limit=self._limits.error_body))
        try:
            self._send()
        except Retry as retry:
            self._failed = True
            # Only what was never confirmed before is progress: who takes the first chunk again and again and never
            # the second must not keep us for ever.
            least = min(self._limits.progress, self._chunk)
            if self._offset >= self._furthest + least:
                retry.progressed, self._furthest = True, self._offset
            raise

    def _begin(self, answer: Answer) -> None:
        if answer.status != 202 or not answer.headers.get("location"):
            raise SystemFaultError(
                f"{self._repository.registry} does not take {self._what}", why=reason(answer)
            )
        minimum = answer.headers.get("oci-chunk-min-length", "")
        if minimum.isascii() and minimum.isdigit():
            self._chunk = max(self._chunk, int(minimum[:12]))
        self._location = self._repository.url(_SESSIONS)
        self._offset = self._end = 0
        self._move(answer)

    def _move(self, answer: Answer) -> None:
        """Go where the answer says; it may say so relative to where it was asked."""
        self._location = joined(self._location, answer.headers.get("location", ""))

    def _send(self) -> None:
        size = self._descriptor.size
        while size - self._offset > self._chunk:
            self._send_chunk(self._offset + self._chunk)
        self._finish()

    def _send_chunk(self, end: int) -> None:
        self._end = end
        headers = {**_OCTETS, "Content-Range": f"{self._offset}-{end - 1}"}
        answer = self._repository.send(
            "PATCH", self._location, headers, self._body(end), patience=self._limits.confirm
        )
        if answer.status in _NO_CHUNKS and self._offset == 0:
            self._chunk = self._descriptor.size
            self._restart("takes no chunks", answer)
        if answer.status in _LOST:
            self._lose_chunk("lost the upload", answer)
        self._refuse_unless(answer, {202, 204})
        if _received(answer) not in {None, end}:
            self._lose_chunk(f"confirms other bytes than the {end} that were sent", answer)
        self._offset = end
        self._move(answer)

    def _finish(self) -> None:
        self._end = size = self._descriptor.size
        joint = "&" if "?" in self._location else "?"
        url = f"{self._location}{joint}digest={quote(self._descriptor.digest)}"
        headers = dict(_OCTETS)
        if 0 < self._offset < size:
            headers["Content-Range"] = f"{self._offset}-{size - 1}"
        answer = self._repository.send("PUT", url, headers, self._body(size), patience=self._limits.confirm)
        if answer.status in _LOST:
            self._restart("lost the upload", answer)
        if answer.status == 400 and self._offset:
            # Perhaps the pieces came together in another order than they were sent in: once more, as one.
            self._chunk = size
            self._restart("did not put the chunks together", answer)
        self._refuse_unless(answer, {201, 204})
        self._check_digest(answer)
        if not has_blob(self._repository, self._descriptor):
            self._restart("confirmed the upload and does not have the blob", answer)

    def _body(self, end: int) -> Body:
        return Body(self._opener, self._offset, end - self._offset, self._sent)

    def _find_place(self) -> bool:
        """Ask where the session stands after a failure; return whether it can be continued there."""
        try:
            answer = self._repository.send("GET", self._location, {}, None, patience=self._limits.idle)
        except (Retry, SystemFaultError):
            return False
        received = _received(answer) if answer.status == 204 else None
        # "0-0" is one byte, or none at all.
        if received is None or received < 2 or not self._offset <= received <= self._end:
            return False
        self._offset = received
        self._move(answer)
        return True

    def _refuse_unless(self, answer: Answer, good: set[int]) -> None:
        """Raise what an answer means that is not one of the good ones."""
        if answer.status in good:
            return
        hint = ""
        if answer.status == _TOO_LONG:
            longest = min(self._chunk, self._descriptor.size)
            if self._repository.chunks and longest > _SHORTEST_CHUNK:
                self._chunk = max(longest // 4, _SHORTEST_CHUNK)
                self._restart("takes no requests that long", answer)
            hint = "the registry, or a proxy before it, bounds the size of a request too narrowly"
        raise SystemFaultError(f"{self._what} was not taken", why=reason(answer), hint=hint)

    def _lose_chunk(self, why: str, answer: Answer) -> NoReturn:
        """Give the session up; whoever loses two of them gets no more chunks.

        Raises:
            Retry: always.
        """
        self._losses += 1
        if self._losses > 1:
            self._chunk = self._descriptor.size
        self._restart(why, answer)

    def _restart(self, why: str, answer: Answer) -> NoReturn:
        """Give the session up, and try again from the start.

        Raises:
            Retry: always.
        """
        self._location = ""
        error = SystemFaultError(
            f"{self._what} was not taken", why=f"{self._repository.registry} {why}; {reason(answer)}"
        )
        raise Retry(error)

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
