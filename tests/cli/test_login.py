"""``login`` and ``logout``: what is asked, what is printed, and what is not."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest
from tests.hives import TestHive
from tests.registry_simulator import Simulator
from tests.servers import Authority, docker_registry


@pytest.fixture
def password():
    return secrets.token_hex(12)


@pytest.fixture
def registry(password):
    with Simulator(auth="basic", users={"me": password}) as made:
        yield made


@pytest.fixture
def hive(tmp_path):
    """A directory that is no hive, and a home of its own."""
    made = TestHive(
        tmp_path / "hive",
        tmp_path / "store",
        {"HOME": str(tmp_path / "home"), "XDG_RUNTIME_DIR": str(tmp_path)},
    )
    made.root.mkdir()
    return made


def kept(hive: TestHive) -> Path:
    return Path(hive.env["HOME"]) / ".docker/config.json"


def test_a_password_from_standard_input(hive, registry, password):
    """For scripts: the result on stdout, the rest on stderr, the password in neither."""
    done = hive.run("login", "-u", "me", "--password-stdin", registry.host, input=f"{password}\n")
    assert done.stdout == f"logged in to {registry.host} as me; kept in {kept(hive)}\n"
    assert "not encrypted" in done.stderr
    assert password not in done.stdout + done.stderr
    assert list(json.loads(kept(hive).read_text())["auths"]) == [registry.host]
    done = hive.run("logout", registry.host)
    assert done.stdout == f"removed from {kept(hive)}\n"
    assert "no credentials" in hive.run("logout", registry.host).stderr


def test_json(hive, registry, password):
    """For programs."""
    words = ["login", "--username", "me", "--password-stdin", registry.host, "--json"]
    assert json.loads(hive.run(*words, input=f"{password}\r\n").stdout) == {
        "schema_version": 1,
        "registry": registry.host,
        "username": "me",
        "file": str(kept(hive)),
        "helper": None,
        "checked": True,
    }
    assert hive.json("logout", registry.host)["removed"] == [str(kept(hive))]


@pytest.mark.parametrize("tail", ["", "\n", "\r\n"])
def test_only_the_end_of_the_line_is_taken_off(hive, tail):
    """What else is in it is the password: blanks, and lines of a key file."""
    password = " two\nlines "
    with Simulator(auth="basic", users={"me": password}) as registry:
        hive.run("login", "-u", "me", "--password-stdin", registry.host, input=password + tail)


def test_a_wrong_password_is_exit_code_3_and_is_not_shown(hive, registry):
    """Nor kept."""
    done = hive.run("login", "-u", "me", "--password-stdin", registry.host, input="not-the-password", code=3)
    assert "error[authentication]" in done.stderr
    assert done.stdout == ""
    assert "not-the-password" not in done.stderr
    assert not kept(hive).exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["login", "r.example"], "nobody to ask"),
        (["login", "r.example", "--password-stdin"], "needs the user name"),
        (["login"], "Missing argument"),
        (["login", "https://r.example"], "not a registry"),
        (["login", "r.example", "-u", "me", "--password", "the-password"], "No such option"),
        (["login", "r.example", "-u", "me", "--password=the-password"], "No such option"),
        (["login", "r.example", "-u", "me", "-p", "the-password"], "No such option"),
        (["logout"], "Missing argument"),
    ],
)
def test_mistakes(hive, words, message):
    """Exit code 2 with a way out; a password on the command line is no option, and is not repeated."""
    done = hive.run(*words, code=2, input="the-password")
    assert message in done.stderr
    assert "the-password" not in done.stderr + done.stdout


def test_a_password_that_is_no_text(hive):
    """Half a file by mistake, for instance; of a key file in binary nothing is shown."""
    process = subprocess.run(
        hive.command("login", "-u", "me", "--password-stdin", "r.example"), input=b"\xff\xfe", env=hive.environment(),
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert (process.returncode, b"not UTF-8" in process.stderr) == (2, True)


class Terminal:
    """The command with a terminal of its own."""

    def __init__(self, hive: TestHive, *words: str) -> None:
        self.screen = ""
        ours, theirs = os.openpty()
        self._ours = ours
        # --ctty: passwords are asked for at the controlling terminal, whatever standard input is.
        command = ["setsid", "--ctty", "--wait", *hive.command(*words)]
        self._process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, env=hive.environment()
        )
        os.close(theirs)

    def expect(self, text: str) -> None:
        """Read until ``text`` is on the screen."""
        deadline = time.monotonic() + 30
        while text not in self.screen and time.monotonic() < deadline:
            self._read()
        assert text in self.screen

    def type(self, line: str) -> None:
        os.write(self._ours, line.encode() + b"\n")

    def end(self) -> int:
        """Read to the end; return the exit code."""
        while self._read():
            pass
        os.close(self._ours)
        return self._process.wait(30)

    def _read(self) -> bool:
        with suppress(OSError):  # EIO: nobody has the other end any more
            if data := os.read(self._ours, 4096):
                self.screen += data.decode()
                return True
        return False


def test_a_terminal_is_asked(hive, registry, password):
    """For the user name and for the password, which does not show."""
    terminal = Terminal(hive, "login", registry.host)
    terminal.expect("User name:")
    terminal.type("me")
    terminal.expect("Password:")
    terminal.type(password)
    assert terminal.end() == 0
    assert f"logged in to {registry.host} as me" in terminal.screen
    assert password not in terminal.screen


def test_a_terminal_that_is_left(hive, registry):
    """Ctrl-C at the question: nothing is kept, and nobody was asked."""
    terminal = Terminal(hive, "login", registry.host, "-u", "me")
    terminal.expect("Password:")
    terminal.type("half\x03")
    assert terminal.end() == 130
    assert "half" not in terminal.screen
    assert not kept(hive).exists()
    assert registry.requests == []


def test_c5_nothing_is_in_the_store(hive, registry, password):
    """Neither there nor in the hive: whoever copies one of them copies no password."""
    hive.write({"hivebase.toml": '[hive]\nname = "x"\n'})
    hive.run("login", "-u", "me", "--password-stdin", registry.host, input=password)
    files = [path for top in (hive.store, hive.root) for path in top.rglob("*") if path.is_file()]
    assert [path.name for path in files] == ["hivebase.toml"]


@pytest.mark.server
def test_the_settings_of_the_hive_apply(tmp_path, hive, password):
    """A registry with a CA of its own, named in hivebase.toml."""
    authority = Authority(tmp_path)
    with docker_registry(tmp_path, tls=authority.issue("localhost"), user=("me", password)) as host:
        words = ["login", "-u", "me", "--password-stdin", host]
        assert "certificate" in hive.run(*words, input=password, code=3).stderr
        hive.write({"hivebase.toml": f'[registry."{host}"]\nca = "{authority.ca}"\n'})
        hive.run(*words, input=password)
        assert "refuses" in hive.run(*words, input=f"{password}x", code=3).stderr
