"""Rows C-1, C-3, C-4 and C-7 from the outside: real tools, every place a credential can be in, every failure.

What each file, helper and URL does by itself is in ``tests/registry/test_credentials.py``, ``test_login.py`` and
``tests/transport/test_secrets.py``.
"""

from __future__ import annotations

import base64
import contextlib
import io
import itertools
import json
import shutil
import subprocess
import sys
from typing import Any

import pytest
from tests.clocks import FakeClock
from tests.proxy_simulator import ForwardProxy
from tests.registry.homes import Home, entry
from tests.registry.test_real_registry import layout, push
from tests.registry_simulator import Simulator, redirect, status
from tests.servers import Authority, docker_registry, need
from tests.upload_simulator import PushSimulator, Session

from hivebase.digest import Digest
from hivebase.errors import HivebaseError, NotFoundError, SystemFaultError
from hivebase.oci.model import LAYER_GZIP, MANIFEST, Descriptor, Platform
from hivebase.reference import Reference
from hivebase.registry.auth import AuthenticationError
from hivebase.registry.client import RegistryClient
from hivebase.registry.credentials import Keychain
from hivebase.registry.manifests import put_manifest
from hivebase.registry.settings import Mirror, RegistrySettings
from hivebase.registry.upload import upload_blob
from hivebase.transport import LIMITS, HostPolicy, RefusedTargetError, Transport
from hivebase.values import replace

AMD64 = Platform(os="linux", architecture="amd64")
RUN, CONFIG, DOCKER = (
    "run/containers/auth.json",
    "home/.config/containers/auth.json",
    "home/.docker/config.json",
)


# C-1: who is shown which credential, by us and by the tools whose files they are.


def shown(registry: Simulator) -> str | None:
    """Return the user that the last authorised request to the registry named, and forget all requests."""
    headers = [seen.headers["authorization"] for seen in registry.requests if "authorization" in seen.headers]
    registry.requests.clear()
    if not headers:
        return None
    # An empty pair is what skopeo shows where it has found nothing.
    return base64.b64decode(headers[-1].removeprefix("Basic ")).decode().partition(":")[0] or None


def by_us(home: Home, registry: Simulator, repository: str = "team/app") -> str | None:
    hosts = {registry.host: HostPolicy(insecure=True)}
    with Transport(hosts, environ={}, clock=FakeClock()) as transport:
        client = RegistryClient(RegistrySettings(hosts), transport=transport, keychain=Keychain(home.environ))
        with contextlib.suppress(HivebaseError):  # which of the passwords is right is not the question
            client.resolve(Reference.parse(f"{registry.host}/{repository}:1.0"), AMD64)
    return shown(registry)


def run(home: Home, *command: str, text: str = "") -> int:
    """Run a tool with this home and ``text`` on its standard input; return its exit code."""
    need(*[name for name in command[:1] if name == "skopeo"])
    program = shutil.which(command[0])
    if program is None:
        pytest.skip(f"needs {command[0]}: apt-get install docker.io")
    done = subprocess.run(
        [program, *command[1:]],
        input=text.encode(),
        env=home.environ,
        capture_output=True,
        timeout=60,
        check=False,
    )
    return done.returncode


def by_skopeo(home: Home, registry: Simulator, repository: str = "team/app") -> str | None:
    run(home, "skopeo", "inspect", "--tls-verify=false", f"docker://{registry.host}/{repository}:1.0")
    return shown(registry)


def by_docker(home: Home, registry: Simulator, repository: str = "team/app") -> str | None:
    """Ask as docker's client does by itself, without a daemon."""
    home.environ |= {"DOCKER_CLI_EXPERIMENTAL": "enabled", "DOCKER_HOST": f"unix://{home.root}/none"}
    run(home, "docker", "manifest", "inspect", "--insecure", f"{registry.host}/{repository}:1.0")
    return shown(registry)


@pytest.fixture
def asked(tmp_path):
    """A registry with TLS that asks for a password and accepts none."""
    with Simulator(auth="basic", tls=Authority(tmp_path).issue("127.0.0.1").pair) as made:
        yield made


ORDER = (RUN, CONFIG, DOCKER)


@pytest.mark.parametrize(
    "files", [set(found) for n in range(4) for found in itertools.combinations(ORDER, n)]
)
def test_c1_the_order_of_files_is_skopeos(home, asked, files):
    """Of those that have the registry the first; those that have others are passed over."""
    for name in (RUN, CONFIG, DOCKER):
        has = asked.host if name in files else "other.example"
        home.write(name, {"auths": {has: entry(name.split("/")[-2])}})
    expected = by_skopeo(home, asked)
    assert by_us(home, asked) == expected
    assert (expected is None) == (not files)


def test_c1_the_file_that_is_named_is_the_first(home, asked):
    """``REGISTRY_AUTH_FILE``, as skopeo and podman have it.

    It is the only one, too, as in current versions of skopeo; that of Debian 12 goes on to the others.
    """
    home.write(RUN, {"auths": {asked.host: entry("run")}})
    home.write(DOCKER, {"auths": {asked.host: entry("docker")}})
    home.environ["REGISTRY_AUTH_FILE"] = str(
        home.write("named.json", {"auths": {asked.host: entry("named")}})
    )
    assert by_us(home, asked) == by_skopeo(home, asked) == "named"
    home.write("named.json", {"auths": {"other.example": entry("other")}})
    assert by_us(home, asked) is None


@pytest.mark.parametrize("named", [True, False])
def test_c1_docker_config_is_the_file_that_docker_takes(home, asked, named):
    """``DOCKER_CONFIG`` is a directory; without it, it is the one in the home."""
    home.write(DOCKER, {"auths": {asked.host: entry("home")}})
    directory = home.write("dc/config.json", {"auths": {asked.host: entry("named")}}).parent
    if named:
        home.environ["DOCKER_CONFIG"] = str(directory)
    assert by_us(home, asked) == by_docker(home, asked) == ("named" if named else "home")


SAYS = 'read server; echo "{\\"Username\\": \\"{name} $1\\", \\"Secret\\": \\"s\\"}"'


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"auths": {"{host}": entry("plain")}}, "plain"),
        ({"auths": {"https://{host}": entry("scheme")}}, "scheme"),
        ({"auths": {"https://{host}/v1/": entry("old")}}, "old"),
        ({"auths": {"https://{host}/v1/": entry("old"), "{host}": entry("plain")}}, "plain"),
        ({"auths": {"127.0.0.1": entry("no port")}}, None),
        ({"auths": {"x{host}": entry("longer")}}, None),
        ({"auths": {"{host}": {}}}, None),
        ({"auths": {"{host}": {}}, "credsStore": "all"}, "all get"),
        ({"credsStore": "all"}, "all get"),
        ({"credHelpers": {"{host}": "one"}, "credsStore": "all"}, "one get"),
        ({"credHelpers": {"{host}": "one"}, "auths": {"{host}": entry("plain")}}, "one get"),
        ({"credHelpers": {"other.example": "one"}, "auths": {"{host}": entry("plain")}}, "plain"),
        ({"credHelpers": {"{host}": "nothing"}, "credsStore": "all"}, None),
        ({"credHelpers": {"{host}": "nothing"}, "auths": {"{host}": entry("plain")}}, None),
    ],
)  # fmt: skip
def test_c1_keys_and_helpers_are_dockers(home, asked, document, expected):
    """The same user as docker shows, for each way to write a key and to name a helper."""
    for name in ("one", "all"):
        home.helper(name, SAYS.replace("{name}", name))
    home.helper("nothing", "echo credentials not found in native keychain; exit 1")
    text = json.dumps(document).replace("{host}", asked.host)
    home.write(DOCKER, text)
    assert by_docker(home, asked) == expected
    assert by_us(home, asked) == expected


PATHS = {"{host}": entry("host"), "{host}/team": entry("team"), "{host}/team/app": entry("app")}


@pytest.mark.parametrize("repository", ["team/app", "team/other", "teammate/app", "app", "team/app/deeper"])
def test_c1_c4_paths_are_skopeos(home, asked, repository):
    """The most specific key wins, and a name that merely begins alike is another one."""
    auths = {key.replace("{host}", asked.host): value for key, value in PATHS.items()}
    home.write(RUN, {"auths": auths})
    assert by_us(home, asked, repository) == by_skopeo(home, asked, repository)


@pytest.mark.server
def test_c1_whoever_logs_in_the_others_find_it(tmp_path):
    """Logins of docker, skopeo and hivebase, used by docker, skopeo and hivebase, at a real registry."""
    authority, user = Authority(tmp_path), ("me", "real-registry-password")
    layout(tmp_path / "image")
    with docker_registry(tmp_path, tls=authority.issue("localhost"), user=user) as host:
        push(tmp_path / "image", host, "--dest-tls-verify=false", f"--dest-creds={':'.join(user)}")
        reference = Reference.parse(f"{host}/team/app:1.0")

        def ours(home: Home) -> bool:
            with Transport({host: HostPolicy(ca=authority.ca)}, environ={}) as transport:
                client = RegistryClient(transport=transport, keychain=Keychain(home.environ))
                try:
                    client.resolve(reference, AMD64)
                except AuthenticationError:
                    return False
            return True

        words = ["-u", user[0], "--password-stdin", host]
        logins = {
            "nobody": ["cat"],
            "docker": ["docker", "login", *words],
            "skopeo": ["skopeo", "login", "--tls-verify=false", *words],
            "hivebase": [sys.executable, "-m", "hivebase", "login", *words],
        }
        readers = {
            "docker": ["docker", "manifest", "inspect", "--insecure", str(reference)],
            "skopeo": ["skopeo", "inspect", "--tls-verify=false", f"docker://{reference}"],
        }
        seen = {}
        for name, login in logins.items():
            (tmp_path / name / "run").mkdir(parents=True)
            home = Home(tmp_path / name)
            home.environ["SSL_CERT_FILE"] = str(authority.ca)
            assert run(home, *login, text=user[1]) == 0
            opened = {reader for reader, command in readers.items() if run(home, *command) == 0}
            seen[name] = opened | ({"hivebase"} if ours(home) else set())
    everybody = {"docker", "skopeo", "hivebase"}
    # skopeo keeps it in podman's file, of which docker knows nothing.
    expected = {"nobody": set(), "docker": everybody, "skopeo": everybody - {"docker"}, "hivebase": everybody}
    assert seen == expected


# C-4: who is not shown it.


@pytest.mark.parametrize(
    "name",
    [
        "r.example.evil.example",
        "evil-r.example",
        "sub.r.example",
        "example",
        "r.exampl",
    ],
)
def test_c4_a_host_that_looks_alike_gets_nothing(connect, name):
    """It asks for a password, as loudly as it can."""
    with ForwardProxy() as proxy, Simulator(auth="basic") as evil:
        host = f"{name}:{evil.port}"
        settings = RegistrySettings({host: HostPolicy(insecure=True)})
        auths = {
            name: entry("me")
            for name in ("r.example", f"r.example:{evil.port}", f"https://r.example:{evil.port}/v2/")
        }
        made = connect(auths=auths, environ={"ALL_PROXY": proxy.url}, settings=settings)
        with made as client, pytest.raises(AuthenticationError):
            client.resolve(Reference.parse(f"{host}/team/app:1.0"), AMD64)
        assert evil.seen("GET /v2/")
        assert all("authorization" not in seen.headers for seen in evil.requests)


def authorised(registry: Simulator, pattern: str = "") -> list[str]:
    """Return the requests that carried an authorisation."""
    return [str(seen) for seen in registry.seen(pattern) if "authorization" in seen.headers]


def test_c4_a_credential_of_one_path_is_not_for_another(connect):
    """``host/team`` is for what is below it: not for the host, and not for ``host/teammate``."""
    with Simulator(auth="basic", users={"team": "password-of-team"}) as registry:
        with connect(auths={f"{registry.host}/team": entry("team")}) as client:
            for repository in ("teammate/app", "app", "other/team/app"):
                with pytest.raises(AuthenticationError):
                    client.resolve(Reference.parse(f"{registry.host}/{repository}:1.0"), AMD64)
            assert authorised(registry) == []
            with pytest.raises(NotFoundError):
                client.resolve(Reference.parse(f"{registry.host}/team/app:1.0"), AMD64)
        assert authorised(registry)


def test_c4_a_registry_that_names_anothers_token_service_gets_nothing(connect):
    """Who asks decides whose credentials are meant, not who is asked."""
    with (
        Simulator(auth="bearer", users={"me": "password-of-me"}) as good,
        Simulator(auth="bearer") as evil,
    ):
        evil.realm = f"{good.url}/token"
        evil.add_image("team/app", "1.0")
        with connect(auths={good.host: entry("me")}) as client, pytest.raises(AuthenticationError):
            client.resolve(Reference.parse(f"{evil.host}/team/app:1.0"), AMD64)
        assert good.seen("GET /token")
        assert authorised(good) == authorised(evil) == []


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("kind", ["password", "identity"])
def test_c4_a_token_service_that_sends_us_on_takes_no_credentials_along(connect, kind, code):
    """A GET goes on without them; a POST, whose body is the credential, does not go on at all."""
    with Simulator(auth="bearer") as registry, Simulator() as other:
        registry.fault("(GET|POST) /token", redirect(f"{other.url}/token", code), forever=True)
        entries = {"password": entry("me"), "identity": {"identitytoken": "identity-of-me"}}
        with connect(auths={registry.host: entries[kind]}) as client, pytest.raises(SystemFaultError):
            client.resolve(Reference.parse(f"{registry.host}/team/app:1.0"), AMD64)
        assert registry.seen("(GET|POST) /token")
        assert authorised(other) == []
        assert all(b"identity-of-me" not in seen.body for seen in other.requests)


def test_c4_a_mirror_is_another_registry(connect):
    """It is asked first, and not with the password of what it mirrors."""
    with (
        Simulator(auth="basic", users={"me": "password-of-me"}) as registry,
        Simulator(auth="basic") as mirror,
    ):
        registry.add_image("team/app", "1.0")
        settings = RegistrySettings(mirrors={registry.host: Mirror(mirror.host)})
        with connect(auths={registry.host: entry("me")}, settings=settings) as client:
            client.resolve(Reference.parse(f"{registry.host}/team/app:1.0"), AMD64)
        assert mirror.requests
        assert authorised(mirror) == []
        assert authorised(registry)


# C-4 where something is written: what a registry answers decides where the next bytes go.

BLOB = b"some bytes of a layer" * 100


def upload(client: RegistryClient, registry: Simulator, *, sibling: str = "") -> str:
    repository = client.repository(Reference.parse(f"{registry.host}/team/app"), push=True)
    descriptor = Descriptor(LAYER_GZIP, Digest.of(BLOB), len(BLOB))
    return upload_blob(repository, descriptor, lambda: io.BytesIO(BLOB), sibling=sibling)


def elsewhere(url: str) -> Any:
    """Open an upload at another address."""
    return status(202, {"Location": url, "Range": "0-0"})


@pytest.fixture(params=["basic", "bearer"])
def writable(request):
    with PushSimulator(auth=request.param, users={"me": "password-of-me"}) as made:
        yield made


def test_an_upload_at_the_registry_itself_is_authorised(writable, connect):
    """So that the rows below are about the address and about nothing else."""
    with connect(auths={writable.host: entry("me")}) as client:
        assert upload(client, writable) == "sent"
    for pattern in ("HEAD .*/blobs/", "POST .*/uploads/", "PUT .*/uploads/"):
        assert authorised(writable, pattern) == [str(seen) for seen in writable.seen(pattern)]


@pytest.mark.parametrize("chunk", [1 << 20, 512], ids=["whole", "chunks"])
@pytest.mark.parametrize("sibling", ["", "team/other"], ids=["new", "mount"])
def test_c4_an_upload_at_another_address_is_not_authorised(writable, connect, chunk, sibling):
    """The storage behind a registry takes the bytes for what the address says, not for who we are."""
    with PushSimulator() as other:
        other.sessions["x"] = Session("team/app")
        writable.fault(
            "POST .*/uploads/", elsewhere(f"{other.url}/v2/team/app/blobs/uploads/x?signed=1"), forever=True
        )
        limits = replace(LIMITS, chunk=chunk, tries=2)
        with (
            connect(auths={writable.host: entry("me")}, limits=limits) as client,
            contextlib.suppress(HivebaseError),
        ):
            upload(client, writable, sibling=sibling)
        assert other.seen("PATCH .*signed=1" if chunk < len(BLOB) else "PUT .*signed=1")
        assert authorised(other) == []
        assert all("cookie" not in seen.headers for seen in other.requests)
        assert authorised(writable, "POST")


@pytest.mark.parametrize("step", ["PATCH", "PUT"])
def test_c4_an_upload_that_moves_in_between_is_not_authorised(writable, connect, step):
    """Each answer may name another address, the one to a chunk as well."""
    with PushSimulator() as other:
        address = f"{other.url}/v2/team/app/blobs/uploads/x"
        if step == "PATCH":
            writable.fault("PATCH .*/uploads/", elsewhere(address), forever=True)
        else:
            writable.fault("PUT .*/uploads/", redirect(address, 307), redirect(address, 303), forever=True)
        limits = replace(LIMITS, chunk=512 if step == "PATCH" else 1 << 20, tries=2)
        made = connect(auths={writable.host: entry("me")}, limits=limits)
        with made as client, pytest.raises(HivebaseError):
            upload(client, writable)
        assert writable.seen(f"{step} .*/uploads/")
        assert authorised(other) == []


@pytest.mark.parametrize(
    "address",
    ["http://10.0.0.1/x", "http://169.254.169.254/x", "file:///etc/passwd", "http://0x7f.1:{port}/x",
     "http://[::ffff:127.0.0.1]:{port}/x", "http://{host}.evil.localhost/x"],
)  # fmt: skip
def test_c4_r12_an_upload_inside_is_refused(writable, connect, address):
    """Not one byte goes where a registry on the outside could not send us by itself."""
    place = address.format(port=writable.port, host=writable.host.partition(":")[0])
    writable.fault("POST .*/uploads/", elsewhere(place), forever=True)
    with connect(auths={writable.host: entry("me")}) as client, pytest.raises(RefusedTargetError):
        upload(client, writable)
    assert writable.seen("(PUT|PATCH)") == []


def test_c4_r13_an_upload_without_tls_is_refused(tmp_path, connect):
    """From a registry with TLS to an address without, on the same host."""
    authority = Authority(tmp_path)
    pair = authority.issue("127.0.0.1").pair
    with (
        PushSimulator(auth="basic", users={"me": "password-of-me"}, tls=pair) as secure,
        PushSimulator() as plain,
    ):
        secure.fault("POST .*/uploads/", elsewhere(f"{plain.url}/v2/team/app/blobs/uploads/x"), forever=True)
        settings = RegistrySettings({secure.host: HostPolicy(ca=authority.ca)})
        made = connect(auths={secure.host: entry("me")}, settings=settings)
        with made as client, pytest.raises(RefusedTargetError, match="plain http"):
            upload(client, secure)
        assert plain.requests == []


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_c4_a_manifest_that_is_sent_on_stays_here(writable, connect, code):
    """A PUT is not repeated at another address, with or without credentials."""
    with PushSimulator() as other:
        writable.fault(
            "PUT .*/manifests/", redirect(f"{other.url}/v2/team/app/manifests/1.0", code), forever=True
        )
        with connect(auths={writable.host: entry("me")}) as client:
            repository = client.repository(Reference.parse(f"{writable.host}/team/app"), push=True)
            with pytest.raises(SystemFaultError):
                put_manifest(repository, "1.0", b"{}", MANIFEST)
        assert other.requests == []
