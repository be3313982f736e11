"""``hivebase login``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hivebase.cli.output import emit, emit_json, note
from hivebase.errors import UsageError

if TYPE_CHECKING:
    from hivebase.transport import Secret

_LONGEST = 64 << 10
"""Bytes that are read from standard input; what is too long for a password is told by the library."""


@click.command("login", short_help="Keep a user name and a password for a registry.")
@click.argument("registry")
@click.option(
    "-u", "--username", "--user", default="", metavar="USER", help="The user name; asked for if not given."
)
@click.option("--password-stdin", is_flag=True, help="Take the password from standard input.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_obj
def command(directory: str, registry: str, username: str, password_stdin: bool, as_json: bool) -> None:
    """Keep a user name and a password for REGISTRY, once it has accepted them.

    They are kept where docker and podman keep theirs, with the credential helper that is configured there if there is
    one: REGISTRY_AUTH_FILE or DOCKER_CONFIG if set, else podman's auth.json or Docker's config.json, whichever exists,
    else ~/.docker/config.json. A password is never an argument: other users of this machine could read it.
    """
    from hivebase.cli.session import registry_settings  # noqa: PLC0415 -- verbs load what they use
    from hivebase.registry.login import Login  # noqa: PLC0415
    from hivebase.transport import Transport  # noqa: PLC0415

    settings = registry_settings(Path(directory))
    login = Login(registry)
    user, password = _asked(login.registry, username, from_stdin=password_stdin)
    with Transport(settings.hosts, listener=lambda event: note(event.text)) as transport:
        done = login.run(user, password, transport)
    if not done.checked:
        note(f"{done.registry} did not ask for the password, so nobody has checked it")
    if not done.place.helper:
        note(f"it is not encrypted in {done.place}; a credential helper (credsStore) keeps it better")
    if as_json:
        emit_json(
            {
                "registry": done.registry,
                "username": done.username,
                "file": str(done.place.path),
                "helper": done.place.helper or None,
                "checked": done.checked,
            }
        )
    else:
        emit(f"logged in to {done.registry} as {done.username}; kept in {done.place}")


def _asked(registry: str, username: str, *, from_stdin: bool) -> tuple[str, Secret]:
    from hivebase.transport import Secret  # noqa: PLC0415 -- verbs load what they use

    how = f"hivebase login {registry} -u USER --password-stdin < FILE"
    if from_stdin:
        if not username:
            raise UsageError("--password-stdin needs the user name too", hint=how)
        data = sys.stdin.buffer.read(_LONGEST)
        try:
            return username, Secret(data.decode().removesuffix("\n").removesuffix("\r"))
        except UnicodeDecodeError:
            raise UsageError("the password on standard input is not UTF-8") from None
    if not sys.stdin.isatty():
        raise UsageError(
            "there is nobody to ask for the password", why="standard input is not a terminal", hint=how
        )
    user = username or click.prompt("User name", err=True)
    return user, Secret(click.prompt("Password", hide_input=True, err=True))
