"""Credential helpers: programs named ``docker-credential-…`` that keep passwords for Docker.

The name comes from a configuration file and becomes part of a program's name, so it is checked; the program
is run without a shell, with a time limit, and only a bounded part of what it prints is read.
"""

from __future__ import annotations

import os
import re
import selectors
import shutil
import signal
import subprocess
import time
from typing import TYPE_CHECKING

from hivebase.errors import CorruptContentError, SystemFaultError, UsageError
from hivebase.transport import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

SECONDS = 15.0
_MOST = 64 * 1024
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?\Z", re.ASCII)
# What the helpers of docker-credential-helpers print, with exit code 1, for a server they do not know.
_ABSENT = (
    "credentials not found",
    "no credentials",
    "no basic auth credentials",
    "not found in native keychain",
)


def ask(
    name: str, server: str, environ: Mapping[str, str], *, where: str, seconds: float = SECONDS
) -> tuple[str, Secret] | None:
    """Return user name and secret that the helper keeps for ``server``; None if it has none.

    Args:
        name: the helper as configured, without ``docker-credential-``.
        server: the key to look up.
        environ: the helper's environment.
        where: the configuration file, for messages.
        seconds: how long it may take.

    Raises:
        UsageError: the name cannot be a helper's.
        SystemFaultError: it is not installed, does not end, fails, or prints something else.
    """
    program = _program(name, server, environ, where)
    code, output = _run([program, "get"], server, environ, seconds, where)
    if code != 0:
        if _absent(output):
            return None
        raise _failed(name, code, where, hint=f"try: echo {server} | docker-credential-{name} get")
    return _parse(output, f"docker-credential-{name}", where)


def store(
    name: str,
    server: str,
    credential: tuple[str, Secret],
    environ: Mapping[str, str],
    *,
    where: str,
    seconds: float = SECONDS,
) -> None:
    """Let the helper keep ``credential``, a user name and its secret, for ``server``, instead of what it had.

    Raises:
        UsageError: as `ask`.
        SystemFaultError: it is not installed, does not end, or fails.
    """
    import json  # noqa: PLC0415 -- only where a credential is stored

    program = _program(name, server, environ, where)
    user, secret = credential
    text = json.dumps({"ServerURL": server, "Username": user, "Secret": secret.reveal()})
    code, _ = _run([program, "store"], text, environ, seconds, where)
    if code != 0:
        raise _failed(
            name, code, where, hint=f"see whether docker-credential-{name} can be used: it may be locked"
        )


def erase(
    name: str, server: str, environ: Mapping[str, str], *, where: str, seconds: float = SECONDS
) -> None:
    """Let the helper forget what it keeps for ``server``.

    Raises:
        UsageError: as `ask`.
        SystemFaultError: it is not installed, does not end, or fails.
    """
    program = _program(name, server, environ, where)
    code, output = _run([program, "erase"], server, environ, seconds, where)
    if code != 0 and not _absent(output):
        raise _failed(
            name, code, where, hint=f"see whether docker-credential-{name} can be used: it may be locked"
        )


def _program(name: str, server: str, environ: Mapping[str, str], where: str) -> str:
    if not _NAME.match(name) or ".." in name:
        raise UsageError(f"not the name of a credential helper: {name[:80]!r}", where=where)
    program = f"docker-credential-{name}"
    path = shutil.which(program, path=environ.get("PATH", os.defpath))
    if path is None:
        raise SystemFaultError(
            f"the credential helper {program} is not installed",
            where=where,
            why=f"the file says that it keeps the password for {server}",
            hint=f"install {program}, or remove it from the file",
        )
    return path


def _absent(output: bytes) -> bool:
    text = output.decode("utf-8", "replace").strip().lower()
    return any(phrase in text for phrase in _ABSENT)


def _failed(name: str, code: int, where: str, hint: str) -> SystemFaultError:
    # What it printed is not repeated: it may be, or contain, the secret.
    return SystemFaultError(
        f"the credential helper docker-credential-{name} failed",
        where=where,
        why=f"it ended with code {code}",
        hint=hint,
    )


def _parse(output: bytes, program: str, where: str) -> tuple[str, Secret] | None:
    from hivebase.oci import strict_json  # noqa: PLC0415 -- only where a helper was asked

    try:
        document = strict_json.loads(output, what=f"the answer of {program}")
    except CorruptContentError:
        document = None
    if not isinstance(document, dict):
        document = {}
    user, secret = document.get("Username"), document.get("Secret")
    if not isinstance(user, str) or not isinstance(secret, str):
        raise SystemFaultError(
            f"the credential helper {program} did not answer with a user name and a secret", where=where
        )
    return (user, Secret(secret)) if secret else None


def _run(
    command: list[str], text: str, environ: Mapping[str, str], seconds: float, where: str
) -> tuple[int, bytes]:
    what = f"{where}: {os.path.basename(command[0])}"  # noqa: PTH119 -- a name in a message
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(environ),
            start_new_session=True,
        )
    except OSError as error:
        raise SystemFaultError(f"{what} cannot be started", why=error.strerror or str(error)) from error
    with process:
        try:
            output = _converse(process, text.encode() + b"\n", time.monotonic() + seconds)
            if output is None:
                raise SystemFaultError(
                    f"{what} did not answer within {seconds:.0f} s",
                    hint="it may be waiting for a locked keychain",
                )
            return process.wait(), output
        finally:
            if process.returncode is None:
                # The whole group: a helper is often a script with children that keep the pipe open.
                os.killpg(process.pid, signal.SIGKILL)


def _converse(process: subprocess.Popen[bytes], text: bytes, deadline: float) -> bytes | None:
    """Write ``text``, read the output to its end or bound; None when the time is up."""
    stdin, stdout = process.stdin, process.stdout
    if stdin is None or stdout is None:
        return None
    try:
        stdin.write(text)
        stdin.close()
    except BrokenPipeError:
        pass  # it did not want to know
    output = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(stdout, selectors.EVENT_READ)
        while len(output) <= _MOST:
            remaining = deadline - time.monotonic()
            if remaining <= 0 or not selector.select(remaining):
                return None
            chunk = os.read(stdout.fileno(), _MOST)
            if not chunk:
                break
            output += chunk
    while process.poll() is None:
        if len(output) > _MOST or time.monotonic() > deadline:
            return None
        time.sleep(0.005)
    return bytes(output)
