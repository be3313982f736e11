"""The simulated registry with the half that writes: upload sessions, mounts, manifests, tags.

What is pushed belongs to the repository it was pushed to, as the specification wants it; what a test put there by hand
is everywhere. A manifest is taken only if its repository has all that it names. The attributes of `PushSimulator` say
what the registry cannot do, or does otherwise. The faults here come on top of those of `tests.registry_simulator`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from tests.registry_simulator import Reply, Seen, Simulator

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.registry_simulator import Handler


class lost:  # noqa: N801 -- a maker of faults like the others
    """Do what was asked, and close the connection without an answer."""

    def __call__(self, handler: Handler, _reply: Reply) -> None:
        handler.slam()


@dataclass
class torn:  # noqa: N801 -- same
    """Take ``after`` bytes of the body and close the connection; ``keep`` them in the upload."""

    after: int
    keep: bool = False

    def early(self, handler: Handler, seen: Seen) -> None:
        seen.body = handler.rfile.read(self.after)
        simulator = handler.server.simulator
        if self.keep and isinstance(simulator, PushSimulator):
            simulator.keep(seen)
        handler.slam()


@dataclass
class hasty:  # noqa: N801 -- same
    """Answer honestly at once, without reading the body, and close the connection."""

    def early(self, handler: Handler, seen: Seen) -> None:
        handler.send(handler.server.simulator.reply(seen))
        handler.close_connection = True


@dataclass
class Session:
    """An upload."""

    repository: str
    data: bytearray = field(default_factory=bytearray)


class PushSimulator(Simulator):
    """As `Simulator`, and it can be pushed to.

    Attributes:
        chunks: status of the answer to a chunk if it takes none, else 0.
        minimum: ``OCI-Chunk-Min-Length``.
        longest: bytes that a request may have.
        mounts: whether a blob is taken from another repository.
        place: how the path of an upload is told; the default is a URL.
        resumes: whether it is told where an upload stands.
        immutable: whether tags keep what they name.
        conditional: whether ``If-None-Match`` is heeded.
        sessions: uploads by name; to be cleared as a restart does.
        holders: the repositories of what was pushed, by digest.
        taken: repository and digest of all that was written, in order.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.chunks = 0
        self.minimum = 0
        self.longest = 1 << 40
        self.mounts = True
        self.place: Callable[[str], str] = lambda path: f"{self.url}{path}"
        self.resumes = True
        self.immutable = False
        self.conditional = False
        self.sessions: dict[str, Session] = {}
        self.holders: dict[str, set[str]] = {}
        self.taken: list[tuple[str, str]] = []
        self._count = 0

    def holds(self, repository: str, digest: str) -> bool:
        return digest not in self.holders or repository in self.holders[digest]

    def lose(self, repository: str, digest: str) -> None:
        """Forget that a repository has something; what names it stays."""
        self.holders[digest].discard(repository)

    def keep(self, seen: Seen) -> None:
        """Append what came of a broken request."""
        if session := self.sessions.get(urlsplit(seen.path).path.rpartition("/")[2]):
            session.data += seen.body

    def reply(self, seen: Seen) -> Reply:
        parts = urlsplit(seen.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        upload = re.fullmatch(r"/v2/(.+)/blobs/uploads/([^/]*)", parts.path)
        manifest = re.fullmatch(r"/v2/(.+)/manifests/([^/]+)", parts.path)
        written = upload or (manifest if seen.method == "PUT" else None)
        if written is None:
            return super().reply(seen)
        repository, name = written[1], written[2]
        if refusal := self._refusal(seen, f"repository:{repository}:pull,push"):
            return refusal
        if len(seen.body) > self.longest:
            return self._error(413, "SIZE_INVALID")
        if upload is None:
            return self._put_manifest(repository, name, seen)
        if name:
            return self._session(repository, name, seen, query)
        return self._post(repository, query)

    def _post(self, repository: str, query: dict[str, str]) -> Reply:
        digest, source = query.get("mount", ""), query.get("from", "")
        if self.mounts and digest in self.blobs and self.holds(source, digest):
            return self._take(repository, digest)
        self._count += 1
        name = f"upload-{self._count}"
        self.sessions[name] = Session(repository)
        more = {"OCI-Chunk-Min-Length": str(self.minimum)} if self.minimum else {}
        return Reply(202, {**self._where(name), **more})

    def _where(self, name: str) -> dict[str, str]:
        session = self.sessions[name]
        path = f"/v2/{session.repository}/blobs/uploads/{name}?state={len(session.data)}"
        return {"Location": self.place(path), "Range": f"0-{max(0, len(session.data) - 1)}"}

    def _session(self, repository: str, name: str, seen: Seen, query: dict[str, str]) -> Reply:
        session = self.sessions.get(name)
        if session is None or session.repository != repository:
            return self._error(404, "BLOB_UPLOAD_UNKNOWN")
        if seen.method == "GET":
            return Reply(204, self._where(name)) if self.resumes else self._error(404, "UNSUPPORTED")
        # Only the place that was told last will do, as in docker-registry.
        if query.get("state") != str(len(session.data)):
            return self._error(404, "BLOB_UPLOAD_INVALID")
        here = f"{len(session.data)}-{len(session.data) + len(seen.body) - 1}"
        if seen.headers.get("content-range", here) != here:
            return self._error(416, "RANGE_INVALID")
        if seen.method == "PATCH":
            return self._patch(name, session, seen)
        session.data += seen.body
        del self.sessions[name]
        data, digest = bytes(session.data), query.get("digest", "")
        if f"sha256:{sha256(data).hexdigest()}" != digest:
            return self._error(400, "DIGEST_INVALID")
        self.blobs[digest] = data
        return self._take(repository, digest)

    def _patch(self, name: str, session: Session, seen: Seen) -> Reply:
        if self.chunks:
            return self._error(self.chunks, "UNSUPPORTED")
        if len(seen.body) < self.minimum:
            return self._error(400, "SIZE_INVALID")
        session.data += seen.body
        return Reply(202, self._where(name))

    def _take(self, repository: str, digest: str) -> Reply:
        self.holders.setdefault(digest, set()).add(repository)
        self.taken.append((repository, digest))
        path = f"/v2/{repository}/blobs/{digest}"
        return Reply(201, {"Docker-Content-Digest": digest, "Location": path})

    def _put_manifest(self, repository: str, name: str, seen: Seen) -> Reply:
        digest = f"sha256:{sha256(seen.body).hexdigest()}"
        if name.startswith("sha256:") and name != digest:
            return self._error(400, "DIGEST_INVALID")
        document = json.loads(seen.body)
        blobs = [d["digest"] for d in (document.get("config"), *document.get("layers", ())) if d]
        entries = [entry["digest"] for entry in document.get("manifests", ())]
        if not all(blob in self.blobs and self.holds(repository, blob) for blob in blobs):
            return self._error(404, "MANIFEST_BLOB_UNKNOWN")
        if not all(entry in self.manifests and self.holds(repository, entry) for entry in entries):
            return self._error(404, "MANIFEST_UNKNOWN")
        if not name.startswith("sha256:"):
            before = self.tags.get((repository, name))
            if before is not None and self.conditional and seen.headers.get("if-none-match") == "*":
                return self._error(412, "DENIED")
            if before is not None and self.immutable:
                return self._error(400, "TAG_ALREADY_EXISTS_AND_IS_IMMUTABLE")
            self.tags[repository, name] = digest
        self.manifests[digest] = (seen.headers.get("content-type", ""), seen.body)
        return self._take(repository, digest)
