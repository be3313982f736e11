"""A registry in memory that misbehaves on request, on a loopback port of this process.

::

    with Simulator() as registry:
        image = registry.add_image("team/app", "1.0", layers=[b"one", b"two"])
        registry.fault("GET .*/blobs/", cut(after=1), status(503, {"Retry-After": "2"}))
        ...  # the first blob request is cut after one byte, the second gets a 503, all others are answered
        assert 4 == len(registry.seen("GET .*/blobs/"))

`Simulator.fault` takes a pattern for ``METHOD path?query`` and the faults for the requests that match it, in
order; the last one stays if ``forever`` is set. A fault is a function of the handler and its regular reply;
the makers below (`status`, `cut`, `drip`, …) cover what the tests need. ``files`` are served by path.
``auth="bearer"`` or ``"basic"`` asks for the credentials in ``users``; ``tls=(certificate, key)`` speaks TLS.
Every request is kept in ``requests``.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
import socket
import ssl
import struct
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, urlsplit

from hivebase.oci import model
from hivebase.transport import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@dataclass
class Seen:
    """A request as it arrived; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass
class Reply:
    """What is answered unless a fault has other plans."""

    code: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


def status(code: int, headers: dict[str, str] | None = None, body: bytes = b"") -> Any:
    """Answer with this instead of doing what was asked."""
    return instead(lambda handler, _reply: handler.send(Reply(code, headers or {}, body)))


def redirect(url: str, code: int = 307) -> Any:
    """Send elsewhere."""
    return status(code, {"Location": url})


def reset() -> Any:
    """Close the connection without a word, and do nothing."""
    return instead(lambda handler, _reply: handler.slam())


def instead(fault: Any) -> Any:
    """Mark a fault for which the request is not carried out."""
    fault.instead = True
    return fault


def honest() -> Any:
    """Answer as usual: to let some requests pass before the next fault."""
    return lambda handler, reply: handler.send(reply)


def cut(after: int) -> Any:
    """Announce the whole body, send ``after`` bytes of it, close."""

    def act(handler: Handler, reply: Reply) -> None:
        handler.send_head(reply, len(reply.body))
        handler.wfile.write(reply.body[:after])
        handler.slam()

    return act


def drip(pause: float = 0.01, size: int = 1) -> Any:
    """Send the body piece by piece, always just before an idle time-out."""

    def act(handler: Handler, reply: Reply) -> None:
        handler.send_head(reply, len(reply.body))
        for start in range(0, len(reply.body), size):
            handler.wfile.write(reply.body[start : start + size])
            time.sleep(pause)

    return act


def silence(seconds: float) -> Any:
    """Take the request and say nothing."""

    def act(handler: Handler, _reply: Reply) -> None:
        handler.server.simulator.released.wait(seconds)
        handler.slam()

    return act


def changed(change: Callable[[bytes], bytes], **headers: str) -> Any:
    """Answer with another body, consistently announced, and perhaps other headers (``_`` for ``-``)."""

    def act(handler: Handler, reply: Reply) -> None:
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        handler.send(Reply(reply.code, {**reply.headers, **more}, change(reply.body)))

    return act


def endless(piece: bytes = b"x" * 65536) -> Any:
    """Send the body, and go on for ever, in chunks that announce no end."""

    def act(handler: Handler, reply: Reply) -> None:
        handler.send_response(reply.code)
        for name, value in reply.headers.items():
            if name.lower() != "content-length":
                handler.send_header(name, value)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        part = reply.body
        while True:
            if part:
                handler.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
            handler.sent += len(part)
            part = piece

    return act


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes: 40 ms a request otherwise
    server: _Server
    sent = 0

    def handle_any(self) -> None:
        simulator = self.server.simulator
        length = int(self.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        seen = Seen(self.command, self.path, headers)
        fault = simulator.record(seen)
        with suppress(BrokenPipeError, ConnectionResetError, ssl.SSLError):
            if hasattr(fault, "early"):
                fault.early(self, seen)
                return
            seen.body = self.rfile.read(length)
            reply = Reply(500) if hasattr(fault, "instead") else simulator.reply(seen)
            if fault is None:
                self.send(reply)
            else:
                fault(self, reply)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815 -- http.server's names

    def send(self, reply: Reply) -> None:
        self.send_head(reply, len(reply.body))
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    def send_head(self, reply: Reply, length: int) -> None:
        self.send_response(reply.code)
        for name, value in {"Content-Length": str(length), **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def slam(self) -> None:
        """Close with a reset, as a killed server does."""
        self.close_connection = True
        with suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with suppress(OSError):
            self.connection.close()

    def finish(self) -> None:
        with suppress(OSError, ValueError):
            super().finish()

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    simulator: Simulator

    def handle_error(self, *_: object) -> None:
        pass  # clients of these tests hang up all the time


class Simulator:
    """The registry."""

    def __init__(
        self,
        *,
        auth: str = "",
        users: dict[str, str] | None = None,
        tls: tuple[Path, Path] | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self.auth = auth
        self.users = users or {}
        self.realm = ""
        self.token_seconds = 300
        self.ranges = True
        self.requests: list[Seen] = []
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, tuple[str, bytes]] = {}
        self.tags: dict[tuple[str, str], str] = {}
        self.tokens: dict[str, set[str]] = {}
        self.files: dict[str, bytes] = {}
        self.released = threading.Event()
        self._faults: list[tuple[re.Pattern[str], Iterator[Any]]] = []
        self._lock = threading.Lock()
        self._server = _Server((host, 0), Handler)
        self._server.simulator = self
        if tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            # The handshake belongs into the connection's thread, not into the one that accepts.
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.scheme = "https" if tls else "http"
        self.port = self._server.server_address[1]
        self.host = f"{host}:{self.port}"
        self.url = f"{self.scheme}://{self.host}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    # What is in it.

    def add_blob(self, data: bytes) -> str:
        """Keep a blob; return its digest."""
        digest = f"sha256:{sha256(data).hexdigest()}"
        self.blobs[digest] = data
        return digest

    def add_manifest(
        self, document: Any, repository: str = "", tag: str = "", media_type: str = ""
    ) -> model.Descriptor:
        """Keep a manifest or index, given as a model, a dict or bytes; return its descriptor."""
        data = document if isinstance(document, bytes) else model.canonical_json(document)
        digest = f"sha256:{sha256(data).hexdigest()}"
        if not media_type:
            media_type = str(json.loads(data).get("mediaType", model.MANIFEST))
        self.manifests[digest] = (media_type, data)
        if tag:
            self.tags[repository, tag] = digest
        return model.Descriptor(media_type, digest, len(data))

    def add_image(
        self,
        repository: str,
        tag: str = "",
        *,
        layers: list[bytes] | None = None,
        architecture: str = "amd64",
        variant: str = "",
        docker: bool = False,
        **changes: Any,
    ) -> model.Descriptor:
        """Keep an image, its layers gzip of what is given; ``changes`` replace members of the manifest."""
        contents = [b"a layer"] if layers is None else layers
        packed = [gzip.compress(content, mtime=0) for content in contents]
        config = model.ImageConfig(
            architecture=architecture,
            os="linux",
            variant=variant,
            rootfs=model.RootFS(diff_ids=tuple(f"sha256:{sha256(c).hexdigest()}" for c in contents)),
        )
        encoded = model.canonical_json(config)
        kinds = (
            (model.DOCKER_MANIFEST, model.DOCKER_CONFIG, model.DOCKER_LAYER_GZIP)
            if docker
            else (model.MANIFEST, model.CONFIG, model.LAYER_GZIP)
        )
        manifest = {
            "schemaVersion": 2,
            "mediaType": kinds[0],
            "config": {"mediaType": kinds[1], "digest": self.add_blob(encoded), "size": len(encoded)},
            "layers": [{"mediaType": kinds[2], "digest": self.add_blob(p), "size": len(p)} for p in packed],
        }
        return self.add_manifest({**manifest, **changes}, repository, tag)

    def add_index(
        self, repository: str, tag: str, entries: list[tuple[model.Descriptor, model.Platform | None]]
    ) -> model.Descriptor:
        """Keep an index of the given manifests."""
        manifests = tuple(
            model.Descriptor(entry.media_type, entry.digest, entry.size, platform=platform)
            for entry, platform in entries
        )
        index = model.Index(schema_version=2, media_type=model.INDEX, manifests=manifests)
        return self.add_manifest(index, repository, tag)

    def serve(self, data: bytes) -> str:
        """Serve a file outside of any repository; return its URL."""
        self.files["/file"] = data
        return f"{self.url}/file"

    def get(self, path: str = "/v2/", **fields: Any) -> Request:
        """Return a request for ``path`` here."""
        return Request("GET", f"{self.url}{path}", **fields)

    # How it misbehaves.

    def fault(self, pattern: str, *faults: Any, forever: bool = False) -> None:
        """Let the next requests that match ``pattern`` meet ``faults``."""

        def sequence() -> Iterator[Any]:
            yield from faults
            while forever:
                yield faults[-1]

        self._faults.append((re.compile(pattern), sequence()))

    def seen(self, pattern: str) -> list[Seen]:
        """Return the requests so far that match ``pattern``."""
        return [request for request in list(self.requests) if re.match(pattern, str(request))]

    def record(self, seen: Seen) -> Any:
        """Note a request; return the fault that it meets, or None."""
        with self._lock:
            self.requests.append(seen)
            for pattern, faults in self._faults:
                if pattern.match(str(seen)) and (fault := next(faults, None)) is not None:
                    return fault
        return None

    # How it answers.

    def reply(self, seen: Seen) -> Reply:
        """Return the honest answer."""
        parts = urlsplit(seen.path)
        if parts.path in self.files:
            return self.file(self.files[parts.path], seen)
        if parts.path == "/token":
            return self._token(seen, parse_qs(parts.query))
        if match := re.fullmatch(r"/v2/(?:(.+)/(manifests|blobs)/([^/]+))?", parts.path):
            repository, kind, name = match[1] or "", match[2], match[3]
            if refusal := self._refusal(seen, f"repository:{repository}:pull" if repository else ""):
                return refusal
            if not kind:
                return Reply(200, self._headers(), b"{}")
            if not self.holds(repository, name):
                return self._error(404, f"{kind[:-1].upper()}_UNKNOWN")
            return self._manifest(repository, name) if kind == "manifests" else self._blob(name, seen)
        return Reply(404, self._headers())

    def holds(self, repository: str, digest: str) -> bool:
        """Whether what the registry has is to be seen in the repository: here, all of it in each."""
        del repository, digest
        return True

    def _headers(self) -> dict[str, str]:
        return {"Docker-Distribution-Api-Version": "registry/2.0", "Content-Type": "application/json"}

    def _error(self, code: int, name: str, **headers: str) -> Reply:
        body = json.dumps({"errors": [{"code": name, "message": name.lower().replace("_", " ")}]}).encode()
        more = {key.replace("_", "-"): value for key, value in headers.items()}
        return Reply(code, {**self._headers(), **more}, body)

    def _manifest(self, repository: str, name: str) -> Reply:
        digest = name if name.startswith("sha256:") else self.tags.get((repository, name), "")
        if digest not in self.manifests:
            return self._error(404, "MANIFEST_UNKNOWN")
        media_type, data = self.manifests[digest]
        return Reply(
            200, {**self._headers(), "Content-Type": media_type, "Docker-Content-Digest": digest}, data
        )

    def _blob(self, digest: str, seen: Seen) -> Reply:
        if digest not in self.blobs:
            return self._error(404, "BLOB_UNKNOWN")
        return self.file(self.blobs[digest], seen)

    def file(self, data: bytes, seen: Seen) -> Reply:
        """Answer with ``data``, or the part of it that the request asks for."""
        headers = {"Content-Type": "application/octet-stream", "ETag": f'"{sha256(data).hexdigest()}"'}
        found = re.fullmatch(r"bytes=(\d+)-", seen.headers.get("range", ""))
        same = seen.headers.get("if-range", headers["ETag"]) == headers["ETag"]
        if not (found and self.ranges and same):
            return Reply(200, headers, data)
        start = int(found[1])
        if start >= len(data):
            return Reply(416, {"Content-Range": f"bytes */{len(data)}"})
        return Reply(
            206, {**headers, "Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}, data[start:]
        )

    def _refusal(self, seen: Seen, scope: str) -> Reply | None:
        given = seen.headers.get("authorization", "")
        if self.auth == "basic" and not self._knows(given):
            return self._error(401, "UNAUTHORIZED", WWW_Authenticate='Basic realm="simulator"')
        if self.auth == "bearer":
            scopes = self.tokens.get(given.removeprefix("Bearer "))
            if scopes is None or (scope and not _allows(scopes, scope)):
                realm = self.realm or f"{self.url}/token"
                wanted = f'Bearer realm="{realm}",service="simulator"' + (
                    f',scope="{scope}"' if scope else ""
                )
                return self._error(401, "UNAUTHORIZED", WWW_Authenticate=wanted)
        return None

    def _knows(self, header: str) -> bool:
        with suppress(ValueError):
            user, _, password = base64.b64decode(header.removeprefix("Basic ")).decode().partition(":")
            return bool(user) and self.users.get(user) == password
        return False

    def _token(self, seen: Seen, query: dict[str, list[str]]) -> Reply:
        given = seen.headers.get("authorization", "")
        if seen.method == "POST":
            query = parse_qs(seen.body.decode())
            allowed = query.get("refresh_token", [""])[0] in self.users.values()
            query["scope"] = query.get("scope", [""])[0].split()
        else:
            allowed = self._knows(given) if given or self.users else True
        if not allowed:
            return self._error(401, "UNAUTHORIZED")
        token = f"token-{len(self.tokens)}-of-this-simulator"
        self.tokens[token] = set(query.get("scope", []))
        return Reply(200, {}, json.dumps({"token": token, "expires_in": self.token_seconds}).encode())


def _allows(granted: set[str], scope: str) -> bool:
    """Whether tokens for these scopes are good for ``repository:NAME:ACTION[,ACTION]``."""
    name, _, actions = scope.rpartition(":")
    given = {
        action
        for other in granted
        if other.rpartition(":")[0] == name
        for action in other.rpartition(":")[2].split(",")
    }
    return set(actions.split(",")) <= given
