"""Row C-3: what is secret is in nothing that is printed, raised, logged or written, however a registry misbehaves.

The registry here repeats what it was told wherever an answer has room for it: in messages, headers, addresses and
challenges. Each run has secrets of its own: what an earlier one made known to the masking is nothing to a later one.
"""

from __future__ import annotations

import base64
import io
import json
import logging
import secrets
import subprocess
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from tests.clocks import FakeClock
from tests.hives import TestHive
from tests.proxy_simulator import ForwardProxy
from tests.registry_simulator import Reply, Simulator, changed, cut, endless, honest, redirect, reset
from tests.upload_simulator import PushSimulator

from hivebase import cli
from hivebase.cli import output
from hivebase.fs import UNSAFE_NO_SYNC
from hivebase.registry.auth import Authorizer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.registry.homes import Home
    from tests.registry_simulator import Handler

    from hivebase.errors import HivebaseError
    from hivebase.transport import Secret

HOST = "registry.example"
IMAGE = "team/app"
SCOPES = {
    f"repository:{name}:{act}"
    for name in (IMAGE, "team/copy", "prefix/one")
    for act in ("pull", "pull,push", "push")
}


@dataclass
class Secrets:
    """Values that nobody else has, one for each place that can hold one."""

    password: str = field(default_factory=lambda: f"pw-{secrets.token_hex(12)}")
    identity: str = field(default_factory=lambda: f"id-{secrets.token_hex(12)}")
    helper: str = field(default_factory=lambda: f"hp-{secrets.token_hex(12)}")
    proxy: str = field(default_factory=lambda: f"px-{secrets.token_hex(12)}")
    token: str = field(default_factory=lambda: f"tk-{secrets.token_hex(12)}")
    signature: str = field(default_factory=lambda: f"sg-{secrets.token_hex(12)}")
    environment: str = field(default_factory=lambda: f"ev-{secrets.token_hex(12)}")

    def found_in(self, text: str) -> list[str]:
        """Return the names of those that are in ``text``, as they are or as HTTP sends them."""
        values = vars(self) | {
            f"{name} as Basic": base64.b64encode(f"me:{value}".encode()).decode()[4:-4]
            for name, value in vars(self).items()
        }
        return [name for name, value in values.items() if value in text or quote(value) in text]


# What a registry does that means no good: each repeats what the request brought.


def repeated(handler: Handler) -> str:
    """Return what the request told in confidence, and what it is encoded from."""
    header = handler.headers.get("Authorization") or ""
    said = [header, handler.headers.get("Proxy-Authorization") or "", handler.path]
    if header.startswith("Basic "):
        said.append(base64.b64decode(header[6:]).decode())
    return " ".join(said)


def answering(code: int, make: Callable[[str], tuple[dict[str, str], bytes]]) -> Any:
    """Answer with a status and what ``make`` makes of the repeated secrets: headers and a body."""

    def act(handler: Handler, _reply: Reply) -> None:
        headers, body = make(repeated(handler))
        handler.send(Reply(code, {"Docker-Distribution-Api-Version": "registry/2.0", **headers}, body))

    act.instead = True  # type: ignore[attr-defined]
    return act


def errors(text: str) -> bytes:
    return json.dumps(
        {"errors": [{"code": text, "message": f"bad {text} and {text!r}", "detail": text}]}
    ).encode()


FAULTS = {
    "400 message": answering(400, lambda said: ({}, errors(said))),
    "403 message": answering(403, lambda said: ({}, errors(said))),
    "404 message": answering(404, lambda said: ({}, errors(said))),
    "409 message": answering(409, lambda said: ({}, errors(said))),
    "500 message": answering(500, lambda said: ({"Retry-After": "0"}, errors(said))),
    "429 header": answering(429, lambda said: ({"Retry-After": said}, said.encode())),
    "401 challenge": answering(
        401, lambda said: ({"WWW-Authenticate": f'{said.replace(" ", "-")} x="{said}"'}, b"")
    ),
    "401 realm": answering(
        401, lambda said: ({"WWW-Authenticate": f'Bearer realm="http://10.0.0.1/{quote(said)}"'}, b"")
    ),
    "401 nothing": answering(401, lambda said: ({}, errors(said))),
    "location": answering(
        307, lambda said: ({"Location": f"http://10.0.0.1/{quote(said)}?sig={quote(said)}"}, b"")
    ),
    "location no URL": answering(307, lambda said: ({"Location": f"file:///{said}"}, b"")),
    "user information": answering(
        307, lambda said: ({"Location": f"http://{quote(said, safe='')}@10.0.0.1/"}, b"")
    ),
    "digest header": answering(200, lambda said: ({"Docker-Content-Digest": said}, b"{}")),
    "type header": answering(
        200, lambda said: ({"Content-Type": said, "Docker-Content-Digest": f"sha256:{said}"}, b"")
    ),
    "json": answering(
        200, lambda said: ({}, json.dumps({said: said, "mediaType": said, "config": said}).encode())
    ),
    "garbage": answering(200, lambda said: ({}, b'{"' + said.encode())),
    "no UTF-8": answering(200, lambda said: ({}, b'{"a": "' + said.encode() + b'\xff"}')),
    "web page": answering(200, lambda said: ({"Content-Type": "text/html"}, said.encode())),
    "202": answering(202, lambda said: ({"Location": f"http://10.0.0.1/{quote(said)}", "Range": said}, b"")),
    "reset": reset(),
    "cut": cut(3),
    "endless": endless(),
    "other bytes": changed(lambda body: body + b" "),
}


class Registry(PushSimulator):
    """A registry that asks for a password, and whose tokens are the one of this run."""

    def __init__(self, known: Secrets, kind: str) -> None:
        super().__init__(auth="basic" if kind == "password" else "bearer")
        self.users = {"me": known.helper if kind == "helper" else known.password, "<token>": known.identity}
        self._known = known
        for name in ("1.0", "1.0.0"):
            # Of its own as well, so that no store has it.
            self.add_image(IMAGE, name, layers=[known.token.encode()[::-1]])

    def _token(self, seen: Any, query: dict[str, list[str]]) -> Reply:
        reply = super()._token(seen, query)
        if reply.code != 200:
            return reply
        self.tokens = {self._known.token: SCOPES}
        return Reply(200, {}, json.dumps({"token": self._known.token, "expires_in": 300}).encode())


class Stage:
    """A user with credentials, a proxy that wants a password, and the command in this process."""

    def __init__(self, home: Home, patch: pytest.MonkeyPatch, hive: TestHive, small_ca: str) -> None:
        self._home, self._patch, self._hive = home, patch, hive
        self._texts: list[str] = []
        self._clock = FakeClock()
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"):
            patch.delenv(name, raising=False)
            patch.delenv(name.lower(), raising=False)
        for name, value in {
            **home.environ,
            "SSL_CERT_FILE": small_ca,
            "HIVEBASE_TRACEBACK": "1",
            UNSAFE_NO_SYNC: "1",
        }.items():
            patch.setenv(name, value)
        patch.setattr("hivebase.transport.http.SystemClock", lambda _cancel: self._clock)
        report = output.report_error

        def reported(error: HivebaseError) -> None:
            self._texts += described(error)
            report(error)

        patch.setattr(cli, "report_error", reported)

    def play(self, verb: str, kind: str, place: str, fault: Any) -> tuple[Secrets, Registry, list[str]]:
        """Run a verb against a registry with a fault; return what it could have told, and all it raised."""
        known = Secrets()
        self._texts.clear()
        with Registry(known, kind) as registry, ForwardProxy(user=f"me:{known.proxy}") as proxy:
            host = f"{HOST}:{registry.port}"
            registry.realm = f"http://{host}/token"
            registry.place = lambda path: f"http://{host}{path}"
            self._write(known, kind, host, proxy.url)
            # Through a proxy whole addresses are asked for.
            pattern = f"[A-Z]+ (?:http://{host})?{place}"
            registry.fault(pattern, fault, forever=True)
            with pytest.raises(SystemExit):
                cli.main(self._words(verb, host))
            assert registry.seen(pattern), "the fault was not met"
        return known, registry, [*self._texts, *self._files(known)]

    def _write(self, known: Secrets, kind: str, host: str, proxy: str) -> None:
        entries = {
            "password": {
                "auths": {host: {"auth": base64.b64encode(f"me:{known.password}".encode()).decode()}}
            },
            "identity": {"auths": {host: {"identitytoken": known.identity}}},
            "helper": {"credHelpers": {host: "box"}},
        }
        self._home.write("home/.docker/config.json", entries[kind])
        self._home.helper("box", f"""echo '{{"Username": "me", "Secret": "{known.helper}"}}'""")
        settings = f'[hive]\nname = "hive"\nversion = "1.0.0"\n[registry."{host}"]\ninsecure = true\n'
        self._hive.write({"hivebase.toml": settings})
        self._patch.setenv("ALL_PROXY", proxy.replace("//", f"//me:{known.proxy}@"))
        for name in (
            "HIVEBASE_KEY_PASSWORD",
            "COSIGN_PASSWORD",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
        ):
            self._patch.setenv(name, known.environment)
        self._patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(known.password.encode())))

    def _words(self, verb: str, host: str) -> list[str]:
        words = {
            "pull": ["pull", "-v", f"{host}/{IMAGE}:1.0"],
            "push": ["push", "-v", "--no-proof", "--to", f"{host}/prefix"],
            "copy": ["copy", "-v", f"{host}/{IMAGE}:1.0.0", f"{host}/team/copy:1.0.0"],
            "status": ["status", "--to", f"{host}/prefix"],
            "login": ["login", "-u", "me", "--password-stdin", host],
        }
        self._store = self._home.root / "store" if verb in {"pull", "copy"} else self._hive.store
        self._patch.setenv("HIVEBASE_STORE", str(self._store))
        return ["-C", str(self._hive.root), *words[verb]]

    def _files(self, known: Secrets) -> list[str]:
        """Return what the files of the store and of the hive have of it."""
        tops = (self._store, self._hive.root)
        paths = [path for top in tops for path in top.rglob("*") if path.is_file()]
        return [
            f"{path}: {names}"
            for path in paths
            if (names := known.found_in(path.read_text(errors="replace")))
        ]


def described(error: BaseException) -> list[str]:
    """Return all that can be printed of an error, and of those that it was made from."""
    texts: list[str] = []
    pending: list[BaseException | None] = [error]
    seen: list[BaseException | None] = [None]
    while pending:
        one = pending.pop()
        if one is None or one in seen:
            continue
        seen.append(one)
        texts += [str(one), repr(one), repr(one.args), repr(vars(one)), *traceback.format_exception(one)]
        pending += [one.__cause__, one.__context__]
    return texts


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A hive with one image, built."""
    root = tmp_path_factory.mktemp("published")
    hive = TestHive(root / "hive", root / "store").write({
        "hivebase.toml": '[hive]\nname = "hive"\nversion = "1.0.0"\n',
        "one/Dockerfile": "FROM scratch\nCOPY file /\n",
        "one/file": "one",
    })  # fmt: skip
    hive.run("build")
    return hive


@pytest.fixture
def stage(home, monkeypatch, published, small_ca, caplog):
    caplog.set_level(logging.DEBUG)
    return Stage(home, monkeypatch, published, small_ca)


CASES = [
    ("pull", "password", "/v2/.*/manifests/"),
    ("pull", "identity", "/v2/.*/blobs/"),
    ("pull", "helper", "/v2/.*/manifests/"),
    ("pull", "identity", "/token"),
    ("pull", "password", "/v2/(?:$|\\s)"),
    ("push", "password", "/v2/.*/blobs/"),
    ("push", "identity", "/v2/.*/blobs/uploads/"),
    ("push", "helper", "/v2/.*/manifests/"),
    ("push", "helper", "/token"),
    ("copy", "password", "/v2/team/copy/"),
    ("status", "helper", "/v2/.*/manifests/"),
    ("login", "password", "/v2/(?:$|\\s)"),
    ("login", "helper", "/token"),
]


@pytest.mark.parametrize(("verb", "kind", "place"), CASES)
def test_c3_nothing_secret_is_told(stage, capsys, caplog, verb, kind, place):
    """Neither on the screen at the highest verbosity nor in an error, a log or a file, whatever goes wrong."""
    echoed = 0
    for name, fault in FAULTS.items():
        caplog.clear()
        known, registry, texts = stage.play(verb, kind, place, fault)
        printed = capsys.readouterr()
        everything = "\n".join([printed.out, printed.err, caplog.text, *texts])
        assert known.found_in(everything) == [], f"{name}: {everything}"
        told = "".join(f"{seen} {seen.headers} {seen.body!r}" for seen in registry.requests)
        echoed += bool(set(known.found_in(told)) - {"proxy", "proxy as Basic"})
        assert "internal" not in printed.err, printed.err
    # The registry must have had something to repeat, or all of this shows nothing.
    assert echoed >= len(FAULTS) // 2 or place.startswith("/v2/(?:")


def test_c3_a_mistake_of_ours_tells_nothing(stage, monkeypatch, capsys):
    """Its message and its traceback, which ``HIVEBASE_TRACEBACK`` shows, are cleaned like all others."""
    header = Authorizer.header

    def mistaken(self: Authorizer, scope: str) -> Secret | None:
        made = header(self, scope)
        assert made is not None
        raise ZeroDivisionError(f"of {made.reveal()} and {scope}")

    monkeypatch.setattr(Authorizer, "header", mistaken)
    known, _, _ = stage.play("pull", "password", "/v2/(?:$|\\s)", honest())
    printed = capsys.readouterr()
    assert "error[internal]" in printed.err
    assert "Traceback" in printed.err
    assert "ZeroDivisionError: of *** and repository:team/app:pull" in printed.err
    assert known.found_in(printed.out + printed.err) == []


@pytest.mark.parametrize(
    "words",
    [
        ["pull", "https://me:{secret}@registry.example/team/app"],
        ["pull", "me:{secret}@registry.example/team/app"],
        ["copy", "registry.example/a:1.0.0", "https://me:{secret}@registry.example/a"],
        ["push", "--to", "https://me:{secret}@registry.example/a"],
        ["login", "https://me:{secret}@registry.example"],
        ["logout", "https://me:{secret}@registry.example"],
    ],
)
def test_c3_a_password_in_the_wrong_place_is_not_repeated(published, monkeypatch, capsys, words):
    """Somebody wrote it where an address without one belongs: the error is about the address."""
    monkeypatch.setenv("HIVEBASE_STORE", str(published.store))
    secret = Secrets().password
    with pytest.raises(SystemExit) as ended:
        cli.main(["-C", str(published.root), *[word.format(secret=secret) for word in words]])
    printed = capsys.readouterr()
    assert ended.value.code == 2
    assert "error[usage]" in printed.err
    assert secret not in printed.out + printed.err


@pytest.mark.root
@pytest.mark.parametrize(
    "fault", ["403 message", "404 message", "location", "user information", "reset", "none"]
)
def test_c3_an_address_with_a_password_in_a_dockerfile(tmp_path, fault):
    """A step that fetches from it shows the address without, in each line, in the error and in JSON."""
    known = Secrets()
    with Simulator() as server:
        url = server.serve(b"content").replace("//", f"//me:{known.password}@") + f"?sig={known.signature}"
        if fault != "none":
            server.fault(
                "[A-Z]+ /file",
                {**FAULTS, "location": redirect(f"http://10.0.0.1/?sig={known.signature}")}[fault],
                forever=True,
            )
        hive = TestHive(tmp_path / "hive", tmp_path / "store")
        hive.write({"a/Dockerfile": f"FROM scratch\nADD {url} /\n"})
        hive.env["HIVEBASE_TRACEBACK"] = "1"
        for words in (["-v"], ["--json"]):
            done = subprocess.run(
                hive.command("build", *words),
                env=hive.environment(),
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert known.found_in(done.stdout + done.stderr) == []
            assert (done.returncode == 0) == (fault == "none")
        assert "authorization" in server.requests[0].headers
