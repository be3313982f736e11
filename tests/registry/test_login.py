"""Logging in: what is checked, where it is kept, and what is left alone."""

from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path

import pytest
from tests.clocks import FakeClock
from tests.registry.homes import entry
from tests.registry_simulator import Simulator, status

from hivebase.errors import SystemFaultError, UsageError
from hivebase.registry import credentials_file
from hivebase.registry import login as logging_in
from hivebase.registry.auth import AuthenticationError
from hivebase.registry.credentials import Keychain
from hivebase.registry.errors import RegistryUnreachableError
from hivebase.registry.login import LONGEST, Login, logout
from hivebase.transport import LIMITS, Secret, Transport
from hivebase.values import replace

PASSWORD = "correct-horse-battery"
REGISTRY = "r.example"

KEEPING = """
case "$1" in
store) cat > "$0.kept" ;;
erase) test "$(cat)" = "$(cat "$0.server")" && rm "$0.kept" ;;
get) test -e "$0.kept" || { echo credentials not found in native keychain; exit 1; }
     cat > "$0.server"; sed 's/"ServerURL": *"[^"]*", *//' "$0.kept" ;;
esac
"""
"""A credential helper that keeps what it gets in a file beside itself."""


@pytest.fixture(params=["basic", "bearer"])
def guarded(request):
    with Simulator(auth=request.param, users={"me": PASSWORD}) as made:
        yield made


@pytest.fixture
def transport(small_ca):
    limits = replace(LIMITS, tries=2)
    with Transport(environ={"SSL_CERT_FILE": small_ca}, limits=limits, clock=FakeClock()) as made:
        yield made


def put(home, registry=REGISTRY, user="me"):
    """Keep credentials without asking a registry, as `Login.run` does it."""
    place = Login(registry, environ=home.environ).place
    credentials_file.put(place.path, registry, entry(user))
    return place.path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# What is checked.


def test_accepted_credentials_are_kept_and_found(guarded, home, transport):
    """The registry says yes, then the file is written; whoever looks now finds them."""
    done = Login(guarded.host, environ=home.environ).run("me", Secret(PASSWORD), transport)
    assert (done.registry, done.username, done.checked) == (guarded.host, "me", True)
    found = home.find(guarded.host, "team/app")
    assert (found.username, found.secret.reveal()) == ("me", PASSWORD)
    assert found.source == str(done.place)
    authorised = [seen for seen in guarded.seen("GET /v2/") if "authorization" in seen.headers]
    assert len(authorised) == 1


def test_refused_credentials_are_not_kept(guarded, home, transport):
    """What was there before still is; the error tells neither of the passwords."""
    path = home.write("home/.docker/config.json", {"auths": {guarded.host: entry("before")}})
    before = path.read_bytes()
    with pytest.raises(AuthenticationError, match="not kept") as caught:
        Login(guarded.host, environ=home.environ).run("me", Secret("not-the-password"), transport)
    assert path.read_bytes() == before
    assert "not-the-password" not in str(caught.value)
    assert "password-of-before" not in str(caught.value)


@pytest.mark.parametrize("place", ["GET /v2/", "GET /token"])
@pytest.mark.parametrize("code", [401, 403])
def test_refusals_are_refusals(home, transport, place, code):
    """Of the registry itself and of its token service."""
    with Simulator(auth="bearer", users={"me": PASSWORD}) as registry:
        if place == "GET /v2/":
            registry.fault(place, lambda handler, reply: handler.send(reply))
        registry.fault(place, status(code, {"WWW-Authenticate": "Basic"}), forever=True)
        with pytest.raises(AuthenticationError):
            Login(registry.host, environ=home.environ).run("me", Secret(PASSWORD), transport)
    assert home.find(registry.host) is None


def test_a_registry_in_trouble_is_no_refusal(home, transport):
    """Nothing is kept, and nobody is told that a password is wrong."""
    with Simulator(auth="basic", users={"me": PASSWORD}) as registry:
        registry.fault("GET /v2/", lambda handler, reply: handler.send(reply))
        registry.fault("GET /v2/", status(500), forever=True)
        with pytest.raises(SystemFaultError, match="does not work") as caught:
            Login(registry.host, environ=home.environ).run("me", Secret(PASSWORD), transport)
    assert not isinstance(caught.value, AuthenticationError)
    assert home.find(registry.host) is None


def test_a_registry_that_is_not_there_keeps_nothing(home, transport):
    """Unreachable is not accepted."""
    with pytest.raises(RegistryUnreachableError):
        Login("registry.invalid", environ=home.environ).run("me", Secret(PASSWORD), transport)
    assert home.find("registry.invalid") is None


def test_c4_a_registry_that_asks_for_nothing_gets_nothing(registry, home, transport):
    """Kept, for it may ask where something is written; but unchecked, and not shown to it."""
    done = Login(registry.host, environ=home.environ).run("me", Secret(PASSWORD), transport)
    assert not done.checked
    assert home.user(registry.host) == "me"
    assert all("authorization" not in seen.headers for seen in registry.requests)


@pytest.mark.parametrize(
    ("user", "password"),
    [("", PASSWORD), ("a:b", PASSWORD), ("a\nb", PASSWORD), ("<token>", PASSWORD), ("me", ""), ("me", "a\0b"),
     ("me", "x" * (LONGEST + 1))],
)  # fmt: skip
def test_what_cannot_be_a_user_and_a_password_is_told(registry, home, transport, user, password):
    """Before anybody is asked."""
    with pytest.raises(UsageError, match="not a user name and a password"):
        Login(registry.host, environ=home.environ).run(user, Secret(password), transport)
    assert registry.requests == []


@pytest.mark.parametrize(
    "name", ["https://r.example", "r.example/team", "me@r.example", "", "r.example:0", "a b"]
)
def test_what_is_no_registry_is_told(home, name):
    """A registry is a host with an optional port."""
    for call in (Login, logout):
        with pytest.raises(UsageError):
            call(name, environ=home.environ)


# Where it is kept.

RUN, CONFIG, DOCKER = (
    "run/containers/auth.json",
    "home/.config/containers/auth.json",
    "home/.docker/config.json",
)


@pytest.mark.parametrize(
    ("variables", "existing", "expected"),
    [
        ({}, [], DOCKER),
        ({}, [DOCKER], DOCKER),
        ({}, [CONFIG], CONFIG),
        ({}, [CONFIG, DOCKER], CONFIG),
        ({}, [RUN, CONFIG, DOCKER], RUN),
        ({"DOCKER_CONFIG": "dc"}, [RUN, DOCKER], "dc/config.json"),
        ({"REGISTRY_AUTH_FILE": "named.json"}, [RUN, DOCKER], "named.json"),
        ({"REGISTRY_AUTH_FILE": "named.json", "DOCKER_CONFIG": "dc"}, [RUN], "named.json"),
    ],
)
def test_c5_the_file_that_is_written(home, variables, existing, expected):
    """Where its user expects it, ahead of every other file that has something for the registry."""
    home.environ |= {name: str(home.root / value) for name, value in variables.items()}
    for name in existing:
        home.write(name, {"auths": {REGISTRY: entry("before")}})
    path = put(home)
    assert path == home.root / expected
    assert home.user(REGISTRY) == "me"
    assert mode(path) == 0o600
    changed = [
        name
        for name in existing
        if json.loads((home.root / name).read_text())["auths"] != {REGISTRY: entry("before")}
    ]
    assert changed == [expected] * (expected in existing)


def test_a_file_that_cannot_be_written_is_passed_over(home, monkeypatch):
    """Unless it has what would be found first: then a new entry elsewhere would never be seen."""
    first = home.write(RUN, {"auths": {"other.example": entry("other")}})
    monkeypatch.setattr(logging_in, "_writable", lambda path: path != first)
    assert put(home) == home.root / DOCKER
    assert home.user(REGISTRY) == "me"
    for document in ({"auths": {REGISTRY: entry("old")}}, {"credsStore": "some"}):
        home.write(RUN, document)
        with pytest.raises(SystemFaultError, match="cannot be replaced"):
            Login(REGISTRY, environ=home.environ)


def test_a_directory_that_is_read_only_is_seen(tmp_path, monkeypatch):
    """What counts is where the file really lies."""
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere" / "file")
    asked = []
    monkeypatch.setattr(os, "access", lambda path, how: asked.append((path, how)))
    logging_in._writable(tmp_path / "link")
    assert asked == [(tmp_path / "elsewhere", os.W_OK)]


# What is left alone.


def test_c5_everything_else_in_the_file_stays(home):
    """Other registries, settings of docker, the order of it all, and what we know nothing of."""
    document = {
        "psFormat": "table {{.ID}}\t{{.Names}}",
        "HttpHeaders": {"X-Ä": "ö"},
        "auths": {"z.example": entry("z"), "a.example": {"identitytoken": "t", "email": "a@example"}},
        "detachKeys": "ctrl-e,e",
        "numbers": [1, 2.5, -3, True, None, 9223372036854775807],
        "credHelpers": {"gcr.example": "gcloud"},
    }
    path = home.write(DOCKER, document)
    put(home)
    after = json.loads(path.read_text())
    assert after["auths"].pop(REGISTRY) == entry("me")
    assert json.dumps(after) == json.dumps(document)
    assert logout(REGISTRY, environ=home.environ)
    assert json.dumps(json.loads(path.read_text())) == json.dumps(document)


@pytest.mark.parametrize("spelling", [f"https://{REGISTRY}", f"https://{REGISTRY}/v1/", f"{REGISTRY}/v2"])
def test_older_spellings_are_replaced(home, spelling):
    """One registry, one entry; those of its namespaces and its other ports are not it."""
    others = {
        f"{REGISTRY}/team": entry("team"),
        f"{REGISTRY}:5000": entry("port"),
        "x" + REGISTRY: entry("x"),
    }
    path = home.write(DOCKER, {"auths": {spelling: entry("old"), **others}})
    put(home)
    assert json.loads(path.read_text())["auths"] == {**others, REGISTRY: entry("me")}


@pytest.mark.parametrize(("name", "key"), [(DOCKER, "https://index.docker.io/v1/"), (RUN, "docker.io")])
def test_docker_hub_is_called_what_the_tool_calls_it(home, name, key):
    """Docker looks for its old address alone."""
    path = home.write(name, {"auths": {"index.docker.io": entry("old")}})
    assert Login("registry-1.docker.io", environ=home.environ).registry == "docker.io"
    put(home, "docker.io")
    assert json.loads(path.read_text())["auths"] == {key: entry("me")}
    assert home.user("docker.io", "library/python") == "me"


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"auths": []}', '{"auths": {}, "auths": {}}', '{"credsStore": 5}', "\xff"]
)
def test_a_file_that_cannot_be_understood_is_left_alone(home, text):
    """Said before a password is asked for."""
    path = home.write(DOCKER, text)
    for call in (Login, logout):
        with pytest.raises(UsageError) as caught:
            call(REGISTRY, environ=home.environ)
        assert str(path) in str(caught.value)
    assert path.read_text() == text


@pytest.mark.parametrize("before", [0o600, 0o644, 0o666])
def test_c5_nobody_else_can_read_what_is_written(home, before):
    """Whatever the umask, and whatever the file was."""
    path = home.write(DOCKER, {})
    path.chmod(before)
    old = os.umask(0)
    try:
        put(home)
    finally:
        os.umask(old)
    assert mode(path) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["config.json"]


def test_c5_directories_that_are_made_are_private(home):
    """As docker makes its own."""
    old = os.umask(0)
    try:
        path = put(home)
    finally:
        os.umask(old)
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)


def test_c5_a_failure_leaves_the_old_file_whole(home, monkeypatch):
    """And no piece of the new one, which has the password."""
    path = home.write(DOCKER, {"auths": {"other.example": entry("other")}})
    before = path.read_bytes()

    def fail(*_args, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "rename", fail)
    with pytest.raises(SystemFaultError, match="cannot write"):
        put(home)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["config.json"]


def test_c5_readers_see_the_old_file_or_the_new_one(home, monkeypatch):
    """Until the very rename the file is the old one; the new one is complete before it has the name."""
    path = home.write(DOCKER, {"auths": {"other.example": entry("other")}})
    seen = []
    rename = os.rename

    def watch(source, target, **options):
        new = json.loads(Path(path.parent, source).read_text())
        seen.append(
            (sorted(json.loads(path.read_text())["auths"]), sorted(new["auths"]), mode(path.parent / source))
        )
        rename(source, target, **options)

    monkeypatch.setattr(os, "rename", watch)
    put(home)
    assert seen == [(["other.example"], ["other.example", REGISTRY], 0o600)]


def test_a_link_to_the_file_stays_a_link(home):
    """People keep such files in a repository of their settings."""
    real = home.write("dotfiles/docker.json", {"auths": {}})
    link = home.root / DOCKER
    link.parent.mkdir()
    link.symlink_to(real)
    put(home)
    assert link.is_symlink()
    assert list(json.loads(real.read_text())["auths"]) == [REGISTRY]
    assert mode(real) == 0o600


@pytest.mark.root
def test_the_file_stays_its_owners(home):
    """A login with sudo does not lock its user out."""
    path = home.write(DOCKER, {})
    os.chown(path, 1234, 1235)
    put(home)
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 1235)
    assert mode(path) == 0o600


def test_logins_at_the_same_time_are_all_kept(home):
    """Each reads what the others wrote."""
    home.write(DOCKER, {})
    start = threading.Barrier(8)

    def one(number):
        start.wait()
        for count in range(5):
            put(home, f"r{number}-{count}.example")

    threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(json.loads((home.root / DOCKER).read_text())["auths"]) == 40


# Helpers.


@pytest.mark.parametrize(
    "configured", [{"credsStore": "box"}, {"credHelpers": {"{host}": "box"}, "credsStore": "none"}]
)
def test_c2_a_configured_helper_keeps_the_password(guarded, home, transport, configured):
    """It is given there, taken out of the file, and found again; then it is forgotten again."""
    configured = json.loads(json.dumps(configured).replace("{host}", guarded.host))
    home.helper("box", KEEPING)
    path = home.write(DOCKER, {**configured, "auths": {guarded.host: entry("old")}})
    done = Login(guarded.host, environ=home.environ).run("me", Secret(PASSWORD), transport)
    assert str(done.place) == "docker-credential-box"
    kept = json.loads((home.root / "bin/docker-credential-box.kept").read_text())
    assert kept == {"ServerURL": guarded.host, "Username": "me", "Secret": PASSWORD}
    assert json.loads(path.read_text()) == {**configured, "auths": {guarded.host: {}}}
    found = home.find(guarded.host)
    assert (found.username, found.secret.reveal(), found.source) == ("me", PASSWORD, "docker-credential-box")
    removed = logout(guarded.host, environ=home.environ)
    assert [str(place) for place in removed] == ["docker-credential-box"]
    assert home.find(guarded.host) is None
    assert json.loads(path.read_text()) == {**configured, "auths": {}}


def test_c2_a_helper_sees_the_password_on_its_standard_input_alone(registry, home, transport):
    """Arguments and environment can be read by others."""
    home.helper("box", 'echo "$@" > "$0.args"; env > "$0.env"; cat > "$0.in"')
    home.write(DOCKER, {"credsStore": "box"})
    Login(registry.host, environ=home.environ).run("me", Secret(PASSWORD), transport)
    assert (home.root / "bin/docker-credential-box.args").read_text() == "store\n"
    assert PASSWORD not in (home.root / "bin/docker-credential-box.env").read_text()
    assert PASSWORD in (home.root / "bin/docker-credential-box.in").read_text()


@pytest.mark.parametrize(
    ("script", "word"),
    [
        (None, "not installed"),
        ("cat; exit 1", "failed"),
        ("kill -9 $$", "failed"),
        ("sleep 60", "did not answer"),
    ],
    ids=["missing", "fails", "dies", "hangs"],
)
def test_c2_a_helper_that_does_not_keep_it_is_told(registry, home, transport, script, word):
    """Nothing falls back to the file, and nothing of what the helper printed is shown."""
    if script:
        home.helper("bad", script)
    path = home.write(DOCKER, {"credsStore": "bad"})
    login = Login(registry.host, environ=home.environ, helper_seconds=0.5)
    with pytest.raises(SystemFaultError, match=word) as caught:
        login.run("me", Secret(PASSWORD), transport)
    assert PASSWORD not in str(caught.value)
    assert json.loads(path.read_text()) == {"credsStore": "bad"}


@pytest.mark.parametrize("name", ["../../x", "a/b", "$(id)", "-x"])
def test_c2_a_helper_whose_name_is_none_is_refused(registry, home, transport, name):
    """For storing as for asking."""
    home.write(DOCKER, {"credsStore": name})
    with pytest.raises(UsageError, match="not the name of a credential helper"):
        Login(registry.host, environ=home.environ).run("me", Secret(PASSWORD), transport)


@pytest.mark.parametrize("script", ["exit 3", "sleep 60"], ids=["fails", "hangs"])
def test_c2_a_helper_that_does_not_forget_is_told(home, script):
    """A logout that did not happen must not look like one."""
    home.helper(
        "bad", f'if [ "$1" = get ]; then echo \'{{"Username": "u", "Secret": "s"}}\'; else {script}; fi'
    )
    home.write(DOCKER, {"credsStore": "bad"})
    with pytest.raises(SystemFaultError, match="docker-credential-bad"):
        logout(REGISTRY, environ=home.environ, helper_seconds=0.5)


# Logging out.


def test_a_logout_removes_what_would_be_found(home):
    """From every file, under every spelling; twice is no mistake."""
    paths = [home.write(RUN, {"auths": {REGISTRY: entry("run")}})]
    paths += [home.write(CONFIG, {"auths": {"other.example": entry("other")}})]
    paths += [
        home.write(DOCKER, {"auths": {f"https://{REGISTRY}/v1/": entry("d"), f"{REGISTRY}/team": entry("t")}})
    ]
    removed = logout(REGISTRY, environ=home.environ)
    assert [place.path for place in removed] == [paths[0], paths[2]]
    assert [sorted(json.loads(path.read_text())["auths"]) for path in paths] == [
        [],
        ["other.example"],
        [f"{REGISTRY}/team"],
    ]
    assert home.find(REGISTRY) is None
    assert logout(REGISTRY, environ=home.environ) == ()


def test_a_logout_touches_no_file_that_has_nothing(home):
    """Neither makes it one."""
    path = home.write(RUN, {"auths": {"other.example": entry("other")}})
    before = path.stat()
    assert logout(REGISTRY, environ=home.environ) == ()
    assert path.stat().st_ino == before.st_ino
    assert not (home.root / DOCKER).exists()
    assert Keychain(home.environ).find("other.example") is not None
