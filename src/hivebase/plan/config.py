"""How instructions change an image's configuration, and the line of history that each leaves.

The history lines are BuildKit's (``dockerfile2llb``), so that ``docker history`` reads as it would there.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from hivebase.errors import UsageError
from hivebase.oci.model import Health, RunConfig
from hivebase.plan import gofmt
from hivebase.plan.checks import bad_signal, bad_user, bad_workdir

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hivebase.dockerfile.ast import Command, Healthcheck

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""What BuildKit gives an image without a PATH."""

_DEFAULT_SHELL = ("/bin/sh", "-c")
_MAX_PORTS = 65_536
_PORT = re.compile(r"0*[0-9]{1,5}\Z", re.ASCII)


@dataclass(slots=True)
class ConfigDraft:
    """A configuration under construction; the methods return the line of history.

    Attributes:
        config: so far.
        author: of MAINTAINER.
        cmd_set: whether this stage had a CMD: an ENTRYPOINT drops an inherited one only.
    """

    config: RunConfig
    author: str = ""
    cmd_set: bool = False

    def _set(self, **changes: object) -> None:
        self.config = msgspec.structs.replace(self.config, **changes)

    def command_line(self, command: Command) -> tuple[str, ...]:
        """Return the argument vector of a command, the shell put in front of the shell form."""
        if command.form == "exec":
            return command.argv
        return (*(self.config.shell or _DEFAULT_SHELL), *command.argv[:1])

    def env(self, pairs: Iterable[tuple[str, str]], environment: Mapping[str, str]) -> str:
        """Take ENV; ``environment`` is the whole of it after the instruction."""
        self._set(env=tuple(f"{name}={value}" for name, value in environment.items()))
        return " ".join(["ENV", *(f"{name}={value}" for name, value in pairs)])

    def label(self, pairs: Sequence[tuple[str, str]]) -> str:
        """Take LABEL."""
        self._set(labels={**self.config.labels, **dict(pairs)})
        return " ".join(["LABEL", *(f"{name}={value}" for name, value in pairs)])

    def user(self, text: str) -> str:
        """Take USER.

        Raises:
            UsageError: an id that could come out as another one, or no name at all.
        """
        if problem := bad_user(text):
            raise UsageError(
                f"USER {text[:80]!r} is refused", why=problem, hint="use a name, or an id as decimal"
            )
        self._set(user=text)
        return f"USER {text}"

    def workdir(self, text: str) -> str:
        """Take WORKDIR; a relative path continues the one before.

        Raises:
            UsageError: empty, or a place that must not be a working directory.
        """
        if not text:
            raise UsageError("WORKDIR is empty", hint="a variable in it may have no value")
        path = normalise(posixpath.join(self.config.working_dir or "/", text))
        if problem := bad_workdir(path):
            raise UsageError(f"WORKDIR {path[:80]!r} is refused", why=problem)
        self._set(working_dir=path)
        return f"WORKDIR {path}"

    def cmd(self, command: Command) -> str:
        """Take CMD."""
        argv = self.command_line(command)
        self.cmd_set = True
        self._set(cmd=argv)
        return f"CMD {gofmt.quote_list(argv)}"

    def entrypoint(self, command: Command) -> str:
        """Take ENTRYPOINT."""
        argv = self.command_line(command)
        self._set(entrypoint=argv, **({} if self.cmd_set else {"cmd": None}))
        return f"ENTRYPOINT {gofmt.quote_list(argv)}"

    def shell(self, argv: tuple[str, ...]) -> str:
        """Take SHELL."""
        self._set(shell=argv)
        return f"SHELL {gofmt.plain_list(argv)}"

    def expose(self, ports: Sequence[str]) -> str:
        """Take EXPOSE; the words are expanded and split.

        Raises:
            UsageError: not a port, a range or a known protocol.
        """
        found = [port for text in ports for port in parse_ports(text)]
        self._set(exposed_ports={**self.config.exposed_ports, **{port: {} for port in found}})
        return f"EXPOSE {gofmt.plain_list(found)}"

    def volume(self, paths: Sequence[str]) -> str:
        """Take VOLUME.

        Raises:
            UsageError: a path came out empty.
        """
        if not all(paths):
            raise UsageError("a path of VOLUME is empty", hint="a variable in it may have no value")
        self._set(volumes={**self.config.volumes, **{path: {} for path in paths}})
        return f"VOLUME {gofmt.plain_list(paths)}"

    def stopsignal(self, text: str) -> str:
        """Take STOPSIGNAL.

        Raises:
            UsageError: no such signal.
        """
        if problem := bad_signal(text):
            raise UsageError(
                f"STOPSIGNAL {text[:40]!r} is refused", why=problem, hint="for example SIGTERM or 15"
            )
        self._set(stop_signal=text)
        return f"STOPSIGNAL {text}"

    def maintainer(self, name: str) -> str:
        """Take MAINTAINER."""
        self.author = name
        return f"MAINTAINER {name}"

    def onbuild(self, trigger: str) -> None:
        """Take ONBUILD: kept for children, and no line of history."""
        self._set(on_build=(*self.config.on_build, trigger))

    def healthcheck(self, instruction: Healthcheck) -> str:
        """Take HEALTHCHECK; ``NONE`` is kept as such, because it also silences the parent's."""
        command = instruction.command
        if command is None:
            test: tuple[str, ...] = ("NONE",)
        else:
            test = ("CMD-SHELL" if command.form == "shell" else "CMD", *command.argv)
        health = Health(
            test=test,
            interval=instruction.interval,
            timeout=instruction.timeout,
            start_period=instruction.start_period,
            start_interval=instruction.start_interval,
            retries=instruction.retries,
        )
        self._set(healthcheck=health)
        times = {
            "Interval": health.interval,
            "Timeout": health.timeout,
            "StartPeriod": health.start_period,
            "StartInterval": health.start_interval,
        }
        told = " ".join(f"{name}:{gofmt.duration(value)}" for name, value in times.items())
        return f"HEALTHCHECK {{Test:{gofmt.plain_list(test)} {told} Retries:{health.retries}}}"


def normalise(path: str) -> str:
    """Return an absolute path without ``.``, ``..`` and repeated slashes."""
    return "/" + posixpath.normpath("/" + path.lstrip("/")).lstrip("/")


def parse_ports(text: str) -> list[str]:
    """Return ``port/protocol`` for each port of ``[[ip:]host:]port[-last][/protocol]``.

    Raises:
        UsageError: it is none.
    """
    ports, slash, protocol = text.rpartition(":")[2].partition("/")
    protocol = protocol.lower() or "tcp"
    first, dash, last = ports.partition("-")
    numbers = (first, last) if dash else (first, first)
    if (
        not all(_PORT.match(number) and int(number) < _MAX_PORTS for number in numbers)
        or protocol not in {"tcp", "udp", "sctp"}
        or int(numbers[0]) > int(numbers[1])
    ):
        raise UsageError(
            f"EXPOSE {text[:80]!r} is not a port",
            why="" if not slash or protocol in {"tcp", "udp", "sctp"} else f"{protocol!r} is no protocol",
            hint="write 8080, 8080/udp or 7000-7010",
        )
    return [f"{number}/{protocol}" for number in range(int(numbers[0]), int(numbers[1]) + 1)]


def sanitised(config: RunConfig, where: str) -> tuple[RunConfig, tuple[str, ...]]:
    """Return a base's configuration with an environment that means one thing everywhere.

    An entry without ``=`` or with ``*`` would make some tools copy the host's variable, so it is left out
    and remarked upon; of two entries of one name the last one counts.
    """
    environment: dict[str, str] = {}
    remarks: list[str] = []
    for entry in config.env:
        name, equals, value = entry.partition("=")
        if not equals or not name or "\0" in value or re.search(r"[*\s\x00-\x1f]", name):
            remarks.append(f"{where}: environment entry {entry[:60]!r} is left out: it is not NAME=value")
            continue
        if name in environment and environment[name] != value:
            remarks.append(f"{where}: environment entry {name} is there twice, the last one counts")
        environment[name] = value
    environment.setdefault("PATH", DEFAULT_PATH)
    env = tuple(f"{name}={value}" for name, value in environment.items())
    return msgspec.structs.replace(config, env=env), tuple(remarks)
