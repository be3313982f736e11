"""Where credentials are found, in which order, and for whom."""

from __future__ import annotations

import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest
from tests.registry.homes import entry
from tests.servers import need

from hivebase.errors import SystemFaultError, UsageError


def alive(group: int) -> list[str]:
    """Return the processes of a group that run; those that ended and wait for their parent do not count."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, process_group = path.read_text().rpartition(")")[2].split()[:3]
            if int(process_group) == group and state != "Z":
                found.append(path.parent.name)
    return found


def test_c1_nothing_anywhere(home):
    """No files, no credentials, no error."""
    assert home.user("r.example") is None


def test_c1_the_order_of_the_files(home):
    """Each file added in front of the others wins; the same order as skopeo's."""
    home.write("home/.docker/config.json", {"auths": {"r.example": entry("docker")}})
    assert home.user("r.example") == "docker"
    home.write("home/.config/containers/auth.json", {"auths": {"r.example": entry("config")}})
    assert home.user("r.example") == "config"
    home.write("run/containers/auth.json", {"auths": {"r.example": entry("run")}})
    assert home.user("r.example") == "run"
    home.environ["DOCKER_CONFIG"] = str(
        home.write("dc/config.json", {"auths": {"r.example": entry("dc")}}).parent
    )
    assert home.user("r.example") == "dc"
    home.environ["REGISTRY_AUTH_FILE"] = str(
        home.write("named.json", {"auths": {"r.example": entry("named")}})
    )
    assert home.user("r.example") == "named"
    assert home.user("other.example") is None


def test_c1_a_file_without_the_registry_is_passed_over(home):
    """The next file is asked."""
    home.write("run/containers/auth.json", {"auths": {"other.example": entry("run")}})
    home.write("home/.docker/config.json", {"auths": {"r.example": entry("docker")}})
    assert home.user("r.example") == "docker"


TABLE = [
    ({"r.example": entry("a")}, "r.example", "x/y", "a"),
    ({"r.example": entry("a")}, "r.example:5000", "", None),
    ({"r.example:5000": entry("a")}, "r.example", "", None),
    ({"r.example:5000": entry("a")}, "r.example:5000", "", "a"),
    ({"r.example": entry("a")}, "r.example.evil.example", "", None),
    ({"r.example": entry("a")}, "evil-r.example", "", None),
    ({"https://r.example": entry("a")}, "r.example", "", "a"),
    ({"https://r.example/v1/": entry("a")}, "r.example", "", "a"),
    ({"http://r.example:5000/v2/": entry("a")}, "r.example:5000", "", "a"),
    ({"r.example": entry("a"), "r.example/x": entry("b")}, "r.example", "x/y", "b"),
    (
        {"r.example": entry("a"), "r.example/x/y": entry("c"), "r.example/x": entry("b")},
        "r.example",
        "x/y",
        "c",
    ),
    ({"r.example": entry("a"), "r.example/x": entry("b")}, "r.example", "xx/y", "a"),
    ({"r.example/x": entry("b")}, "r.example", "", None),
    ({"docker.io": entry("a")}, "docker.io", "library/python", "a"),
    ({"https://index.docker.io/v1/": entry("a")}, "docker.io", "library/python", "a"),
    ({"index.docker.io": entry("a")}, "docker.io", "", "a"),
    ({"registry-1.docker.io": entry("a")}, "docker.io", "", "a"),
    ({"docker.io/mine": entry("b"), "https://index.docker.io/v1/": entry("a")}, "docker.io", "mine/x", "b"),
    ({"r.example": {}}, "r.example", "", None),
]


@pytest.mark.parametrize(("auths", "registry", "repository", "expected"), TABLE)
def test_c1_c4_keys(home, auths, registry, repository, expected):
    """Exact hosts and ports, the most specific path, Docker Hub under all its names."""
    home.write("home/.docker/config.json", {"auths": auths})
    assert expected == home.user(registry, repository)


@pytest.mark.parametrize(("auths", "registry", "repository", "expected"), TABLE)
def test_c1_same_answer_as_skopeo(home, auths, registry, repository, expected):
    """What ``skopeo login --get-login`` says for the same file."""
    need("skopeo")
    path = home.write("auth.json", {"auths": auths})
    name = f"{registry}/{repository}".rstrip("/")
    command = ["skopeo", "login", "--get-login", "--authfile", str(path), name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, env=home.environ, check=False)
    theirs = done.stdout.strip() if done.returncode == 0 else None
    home.environ["REGISTRY_AUTH_FILE"] = str(path)
    assert theirs == home.user(registry, repository)


def test_c1_passwords_with_colons_and_identity_tokens(home):
    """Only the first colon separates; an identity token beats the pair beside it."""
    home.write(
        "home/.docker/config.json",
        {
            "auths": {
                "a.example": entry("me", "one:two:three"),
                "b.example": {**entry("me"), "identitytoken": "identity-1234"},
                "c.example": {"username": "plain", "password": "plain-password"},
            }
        },
    )
    assert home.find("a.example").secret.reveal() == "one:two:three"
    found = home.find("b.example")
    assert (found.identity, found.secret.reveal()) == (True, "identity-1234")
    assert home.find("c.example").secret.reveal() == "plain-password"


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"auths": 5}', '{"auths": {"r.example": 5}}', '{"auths": {"r.example": {"auth": "???"}}}',
     '{"auths": {"r.example": {"auth": "bm9jb2xvbg=="}}}', '{"auths": {"r.example": {"auth": 5}}}',
     '{"credsStore": 5}', '{"auths": {}, "auths": {}}'],
)  # fmt: skip
def test_c1_a_file_that_cannot_be_understood_is_named(home, text):
    """With the path, and without its content."""
    path = home.write("home/.docker/config.json", text)
    with pytest.raises(UsageError) as caught:
        home.find("r.example")
    assert str(path) in str(caught.value)


def test_c1_an_empty_file_is_no_file(home):
    """As an interrupted login leaves it."""
    home.write("home/.docker/config.json", "")
    assert home.user("r.example") is None


def test_c2_helpers_answer(home):
    """For one registry, and for all others; each is asked for the key as it is written."""
    home.helper("one", 'read server; echo "{\\"Username\\": \\"$server\\", \\"Secret\\": \\"from-one\\"}"')
    home.helper(
        "all", 'read server; echo "{\\"Username\\": \\"all $server\\", \\"Secret\\": \\"from-all\\"}"'
    )
    home.write("home/.docker/config.json", {"credHelpers": {"r.example": "one"}, "credsStore": "all"})
    assert home.user("r.example") == "r.example"
    assert home.user("other.example:5000") == "all other.example:5000"
    assert home.user("docker.io") == "all https://index.docker.io/v1/"


def test_c2_a_helper_that_returns_an_identity_token(home):
    """The user name ``<token>`` says so."""
    home.helper("t", 'echo \'{"Username": "<token>", "Secret": "identity-5678"}\'')
    home.write("home/.docker/config.json", {"credsStore": "t"})
    found = home.find("r.example")
    assert (found.identity, found.username, found.secret.reveal()) == (True, "", "identity-5678")


def test_c2_a_helper_that_knows_nothing(home):
    """Not found is not a failure; the plain entries below are used."""
    home.helper("n", "echo credentials not found in native keychain; exit 1")
    home.write(
        "home/.docker/config.json", {"credHelpers": {"r.example/x": "n"}, "auths": {"r.example": entry("a")}}
    )
    assert home.user("r.example", "x/y") == "a"


def test_c2_a_registry_has_one_helper(home):
    """Where its own knows nothing, the one for all others is not asked, as docker does."""
    home.helper("n", "echo credentials not found in native keychain; exit 1")
    home.helper("all", 'echo \'{"Username": "all", "Secret": "from-all"}\'')
    home.write("home/.docker/config.json", {"credHelpers": {"r.example": "n"}, "credsStore": "all"})
    assert home.user("r.example") is None
    assert home.user("other.example") == "all"


def test_c2_a_helper_that_is_missing_is_told(home):
    """With its name, its file, and what to do."""
    home.write("home/.docker/config.json", {"credsStore": "desktop"})
    with pytest.raises(SystemFaultError, match="docker-credential-desktop is not installed") as caught:
        home.find("r.example")
    assert ".docker/config.json" in caught.value.where
    assert caught.value.hint


@pytest.mark.parametrize(
    "script",
    ["echo garbage-secret", "echo '[]'", "echo '{}'", 'echo \'{"Username": 1, "Secret": "garbage-secret"}\'',
     "echo garbage-secret; exit 1", "exit 3", "kill -9 $$"],
)  # fmt: skip
def test_c2_a_helper_that_fails_is_told_without_its_output(home, script):
    """What it printed may be the secret."""
    home.helper("bad", script)
    home.write("home/.docker/config.json", {"credsStore": "bad"})
    with pytest.raises(SystemFaultError, match="docker-credential-bad") as caught:
        home.find("r.example")
    assert "garbage-secret" not in str(caught.value)


@pytest.mark.parametrize(
    "script",
    ["sleep 60", "sleep 60 & sleep 60", "exec >&-; sleep 60", "yes garbage"],
    ids=["hangs", "child", "closed", "endless"],
)
def test_c2_a_helper_that_does_not_end_is_ended(home, script):
    """Itself and its children, in bounded time and memory."""
    home.helper("slow", f"echo $$ > {home.root}/pid; {script}")
    home.write("home/.docker/config.json", {"credsStore": "slow"})
    began = time.monotonic()
    with pytest.raises(SystemFaultError, match="did not answer"):
        home.find("r.example", helper_seconds=0.3)
    assert time.monotonic() - began < 30
    group = int((home.root / "pid").read_text())
    deadline = time.monotonic() + 20
    while alive(group) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not alive(group)


@pytest.mark.parametrize("name", ["../../x", "a/b", "", "a b", ";id", "$(id)", "-x", "a" * 80, "a..b"])
def test_c2_a_name_that_is_none_is_refused(home, name):
    """It becomes part of a program's name, and of nothing else."""
    home.write("home/.docker/config.json", {"credHelpers": {"r.example": name}})
    with pytest.raises(UsageError, match="not the name of a credential helper"):
        home.find("r.example")


def test_c2_the_server_is_no_argument(home):
    """It goes to standard input, where no shell and no option parser sees it."""
    home.helper("args", 'echo "{\\"Username\\": \\"$# $1\\", \\"Secret\\": \\"s\\"}"')
    home.write("home/.docker/config.json", {"credsStore": "args"})
    assert home.user("r.example") == "1 get"


def test_c3_a_credential_does_not_print(home):
    """Neither it nor the base64 of its pair."""
    home.write("home/.docker/config.json", {"auths": {"r.example": entry("me")}})
    text = repr(home.find("r.example"))
    assert "password-of-me" not in text
    assert entry("me")["auth"] not in text
    assert "***" in text
