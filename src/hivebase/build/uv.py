"""uv as a program: one question in, packages out, its errors in our words.

It runs in an empty private directory of its own, so that no project of the host has a say, and it never builds
a source archive: to resolve must not run other people's code outside of the sandbox. Only wheels count, as
with ``pip --only-binary :all:``.
"""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from hivebase.build.pylock import Package, parse_pylock
from hivebase.errors import SystemFaultError, UnreachableError, UsageError
from hivebase.plan.requirement_files import split_hashes
from hivebase.transport import redact
from hivebase.values import replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hivebase.build.uv_host import UvHost
    from hivebase.plan.pythons import Python

TIMEOUT = 900.0
"""Seconds for one resolution; uv gives up on a silent server long before."""


class ConflictError(UsageError):
    """No versions satisfy what is asked for.

    Attributes:
        text: uv's explanation, without its frame.
        no_wheels: packages that exist, but only as source archives or for other platforms.
    """

    code = "conflict"

    def __init__(self, text: str, no_wheels: Sequence[str]) -> None:
        hint = ""
        if "has no publish time" in text:
            hint = "an index does not tell when files were uploaded; exclude-newer cannot be used with it"
        why = text.removeprefix("Because ")  # the message says it already
        super().__init__("no versions satisfy all requirements", why=why, hint=hint)
        self.text = text
        self.no_wheels = tuple(no_wheels)


@dataclass(frozen=True, slots=True)
class Question:
    """What uv is asked.

    Attributes:
        requirements: lines; hashes are left out, uv does not compare them.
        python: of the image.
        constraints: lines.
        preferences: versions by name, taken where they satisfy.
        deps: whether dependencies are resolved too.
        pre: whether pre-releases count.
        no_index: only ``find_links`` count.
        offline: nobody is asked; what uv has kept must do.
        exclude_newer: as uv takes it; empty for no limit of ours.
        refresh: packages of which the index is asked again; ``*`` for all.
        environ: more variables, for indexes (not options, which everybody on the machine could read).
    """

    requirements: Sequence[str]
    python: Python
    constraints: Sequence[str] = ()
    preferences: Mapping[str, str] = field(default_factory=dict)
    deps: bool = True
    pre: bool = False
    no_index: bool = False
    offline: bool = False
    exclude_newer: str = ""
    refresh: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)


class Uv:
    """Runs uv.

    Args:
        host: how it sees the host.
        program: the binary; None finds it.
        timeout: seconds for one question.
    """

    def __init__(self, host: UvHost, program: Path | None = None, *, timeout: float = TIMEOUT) -> None:
        self.host = host
        self._program = program
        self._timeout = timeout

    def compile(self, question: Question) -> tuple[Package, ...]:
        """Return what ``question`` resolves to, sorted by name.

        Raises:
            ConflictError: nothing satisfies it.
            UsageError: a requirement cannot be parsed.
            UnreachableError: an index cannot be asked.
            SystemFaultError: uv is missing, or failed in another way.
        """
        program = self._program or find_uv()
        with tempfile.TemporaryDirectory(prefix="hivebase-uv-") as place:
            directory = Path(place)
            _write(directory, question)
            command = [str(program), *_arguments(question, no_index=self.host.no_index)]
            environ = {**self.host.environ, **question.environ}
            try:
                done = subprocess.run(
                    command,
                    cwd=directory,
                    env=environ,
                    capture_output=True,
                    timeout=self._timeout,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                raise UnreachableError(
                    "the resolution took too long",
                    why=f"uv was not done after {self._timeout:.0f} seconds",
                    hint="check the network and the index, and run again",
                ) from None
            except OSError as error:
                raise SystemFaultError(
                    "uv cannot be started", where=str(program), why=error.strerror or str(error)
                ) from error
        if done.returncode:
            raise _failure(redact(done.stderr.decode("utf-8", "replace")), done.returncode)
        return parse_pylock(done.stdout.decode("utf-8", "replace"))

    def compile_again(self, question: Question) -> tuple[Package, ...]:
        """Do as :meth:`compile`, without asking indexes where uv has kept all that it needs.

        For questions about what was resolved a moment ago: a third of the time.
        """
        try:
            return self.compile(replace(question, offline=True, refresh=()))
        except ConflictError as error:
            if _OFFLINE not in error.text:
                raise
        except UnreachableError:
            pass
        return self.compile(replace(question, refresh=()))


_OFFLINE = "needs to be downloaded"


def find_uv() -> Path:
    """Return the uv that came with hivebase, else the one on PATH.

    Raises:
        SystemFaultError: there is none.
    """
    try:
        from uv import find_uv_bin  # noqa: PLC0415 -- most runs resolve nothing

        return Path(find_uv_bin())
    except (ImportError, FileNotFoundError):
        found = shutil.which("uv")
    if found is None:
        raise SystemFaultError(
            "uv is not installed",
            why="it resolves requirements",
            hint="reinstall hivebase, or pip install uv",
        )
    return Path(found)


def _write(directory: Path, question: Question) -> None:
    lines = [split_hashes(line)[0] for line in question.requirements]
    (directory / "requirements.in").write_text(_joined(lines), encoding="utf-8")
    (directory / "constraints.txt").write_text(
        _joined(split_hashes(line)[0] for line in question.constraints), encoding="utf-8"
    )
    # uv looks for configuration in the directories above, until it finds one.
    (directory / "uv.toml").touch()
    if question.preferences:
        pins = "".join(
            f'\n[[packages]]\nname = "{name}"\nversion = "{version}"\n'
            for name, version in sorted(question.preferences.items())
        )
        (directory / "pylock.toml").write_text(f'lock-version = "1.0"\ncreated-by = "hivebase"\n{pins}')


def _arguments(question: Question, *, no_index: bool) -> list[str]:
    python = question.python
    return [
        *["pip", "compile", "requirements.in", "--constraints", "constraints.txt"],
        *["--output-file", "pylock.toml", "--format", "pylock.toml"],
        *["--python-version", python.version, *_platform(python)],
        # Its own interpreter is only asked what it is: nothing is built.
        *["--no-build", "--python", sys.executable, "--no-python-downloads"],
        *["--no-header", "--no-annotate", "--no-progress", "--color", "never"],
        *([] if question.deps else ["--no-deps"]),
        *(["--prerelease", "allow"] if question.pre else []),
        *(["--no-index"] if question.no_index or no_index else []),
        *(["--offline"] if question.offline else []),
        *(["--exclude-newer", question.exclude_newer] if question.exclude_newer else []),
        *("--refresh" if name == "*" else f"--refresh-package={name}" for name in question.refresh),
    ]


_GLIBC = (17, 28, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40)
"""Minor versions of glibc 2 that uv knows as platforms."""


def _platform(python: Python) -> list[str]:
    """Return uv's option for the nearest platform that it knows and that wheels for ``python`` may be older than.

    What it lists too much is left out by the tags (``plan.wheel_tags``).
    """
    if python.machine in {"x86_64", "aarch64"}:
        if python.libc == "musl":
            return ["--python-platform", f"{python.machine}-unknown-linux-musl"]
        known = max((minor for minor in _GLIBC if (2, minor) <= python.libc_version), default=_GLIBC[0])
        return ["--python-platform", f"{python.machine}-manylinux_2_{known}"]
    if python.machine == "riscv64":
        return ["--python-platform", "riscv64-unknown-linux"]
    if python.machine == platform.machine():
        return []  # as it runs here, uv looks for itself
    raise UsageError(
        f"wheels for {python.machine} cannot be resolved on this machine",
        hint=f"uv knows no such platform; run on a machine of that kind ({platform.machine()} is this one)",
    )


def _joined(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


_NO_WHEELS = re.compile(
    r"(?:Because |And because |and )([a-z0-9._-]+?)(?:[=<>!~][^ ]*)? has no (?:usable )?wheels"
)
_NETWORK = (
    "error sending request",
    "Failed to fetch",
    "Request failed after",
    "client error (Connect)",
    "operation timed out",
    "dns error",
    "network connectivity is disabled",
    "Could not connect",
)
_NOISE = re.compile(r"^(?:error: |  cause: |\s{9})", re.MULTILINE)


def _failure(text: str, code: int) -> UsageError | SystemFaultError:
    """Return the error that says in a few lines what uv said in many."""
    lines = [line for line in text.splitlines() if line and not line.startswith(("warning: ", "Resolved "))]
    said = _NOISE.sub("", "\n".join(line for line in lines if not line.startswith("hint: "))).strip()
    hints = [line.removeprefix("hint: ") for line in lines if line.startswith("hint: ")]
    refused = [hint for hint in hints if "authentication" in hint or "could not be queried" in hint]
    if refused:
        return SystemFaultError(
            "an index refuses to answer",
            why=refused[0],
            hint="give it credentials: in the URL of the index, in ~/.netrc, or as UV_INDEX_NAME_PASSWORD",
        )
    if any(sign in text for sign in _NETWORK):
        return UnreachableError(
            "an index cannot be reached",
            why="; ".join(said.splitlines()[:5]),
            hint="check the network, the proxy, and the index configuration (uv.toml, pip.conf)",
        )
    if said.startswith("No solution found"):
        explained = "\n    ".join(said.splitlines()[1:])
        return ConflictError(explained, sorted(set(_NO_WHEELS.findall(said))))
    if "invalid value" in said and code == 2:
        return UsageError("uv does not take a setting", why=said.splitlines()[0])
    if "parse requirement" in said:
        return UsageError(
            "a requirement cannot be read",
            why="\n    ".join(said.splitlines()[1:]) or said,
            hint="see PEP 508",
        )
    return SystemFaultError("uv failed", why="\n    ".join(said.splitlines()[:8]) or f"exit code {code}")
