"""Runs mmdebstrap: Debian packages to a root file system, from the mirror that the host itself uses."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, cast

from hivebase.errors import BuildError, SystemFaultError
from hivebase.layers.bootstrap.dress import EXCLUDED, INCLUDED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hivebase.layers.bootstrap.recipe import Recipe

_TOOL = "mmdebstrap"
_TAIL_LINES = 15
_SOURCES = Path("/etc/apt")
# Packages start what they like, and everything of it must end with this process, even if that is killed: so it
# gets a process namespace, whose end the kernel sees to, and mounts of its own (both programs are in util-linux).
_CONFINED = (
    "setpriv",
    "--pdeathsig",
    "KILL",
    "unshare",
    "--pid",
    "--fork",
    "--kill-child=KILL",
    "--mount-proc",
)

_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def bootstrap(recipe: Recipe, target: Path, epoch: int, on_line: Callable[[str], None]) -> None:
    """Create ``recipe``'s packages at ``target`` (must not exist).

    Raises:
        SystemFaultError: not root, mmdebstrap is missing, or the Debian mirror cannot be reached.
        BuildError: mmdebstrap failed for another reason; its last lines are in the message.
    """
    if os.geteuid() != 0:
        raise SystemFaultError(
            f"cannot make a stand-in for {recipe.name}",
            why="it needs root",
            hint="run as root, or use --base registry",
        )
    tool = shutil.which(_TOOL)
    if tool is None:
        raise SystemFaultError(
            f"cannot make a stand-in for {recipe.name}",
            why=f"{_TOOL} is not installed",
            hint=f"apt-get install {_TOOL}, or 'hivebase import FILE {recipe.name}'",
        )
    with tempfile.NamedTemporaryFile("w", prefix="hivebase-apt-", suffix=".conf") as settings:
        settings.write("\n".join(_host_acquire()) + "\n")
        settings.flush()
        command = [
            *_CONFINED,
            tool,
            "--mode=root",
            "--variant=minbase",
            "--format=directory",
            f"--include={','.join(recipe.packages)}",
            f"--aptopt={settings.name}",
            "--aptopt=Acquire::Languages none",
            "--dpkgopt=force-unsafe-io",
            *(f"--dpkgopt=path-exclude={path}" for path in EXCLUDED),
            *(f"--dpkgopt=path-include={path}" for path in INCLUDED),
            # Both files hold the host's own settings, which must not stay in the image.
            '--customize-hook=rm -f "$1/etc/apt/apt.conf.d/99mmdebstrap" "$1/etc/dpkg/dpkg.cfg.d/99mmdebstrap"',
            recipe.suite,
            str(target),
            *_sources(recipe.suite),
        ]
        _run(command, recipe, epoch, on_line)


def _run(command: list[str], recipe: Recipe, epoch: int, on_line: Callable[[str], None]) -> None:
    kept = ("PATH", "TMPDIR", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE")
    env = {key: os.environ[key] for key in kept if key in os.environ}
    env |= {
        "SOURCE_DATE_EPOCH": str(epoch),
        "LC_ALL": "C.UTF-8",
        "DEBIAN_FRONTEND": "noninteractive",
        "TZ": "UTC",
    }
    tail: list[str] = []
    with subprocess.Popen(
        command,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        umask=0o022,
        start_new_session=True,  # Ctrl-C is for us
    ) as process:
        output = cast("TextIO", process.stdout)
        try:
            for raw in output:
                line = raw.rstrip()
                tail = [*tail[1 - _TAIL_LINES :], line]
                on_line(line)
        except BaseException:
            process.kill()
            output.read()  # its end is the end of the last process that could still write to the tree
            raise
    if process.returncode == 0:
        return
    text = "\n".join(tail)
    what = f"making a stand-in for {recipe.name} from Debian packages failed"
    if re.search(
        r"Failed to fetch|Could not resolve|Could not connect|Connection failed|Temporary failure", text
    ):
        raise SystemFaultError(
            what,
            why=f"the Debian mirror could not be reached:\n{text}",
            hint="check the network and apt's settings",
        )
    raise BuildError(what, why=f"{_TOOL} ended with {process.returncode}:\n{text}")


def _host_acquire() -> Iterator[str]:
    """Yield the host's ``Acquire::`` settings (proxies, CA files, date checks), as an apt configuration."""
    tool = shutil.which("apt-config")
    if tool is None:
        return
    done = subprocess.run([tool, "dump"], capture_output=True, text=True, check=False)
    for line in done.stdout.splitlines():
        if line.startswith("Acquire::") and not line.startswith("Acquire::IndexTargets"):
            yield line


def _sources(suite: str) -> list[str]:
    """Return one-line apt sources for ``suite`` on the host's mirror; empty for the tool's own default.

    The host's own suites are not copied: a Debian 13 host still bootstraps Debian 12.
    """
    archive, security = _mirrors()
    if not archive:
        return []
    signed = f" [signed-by={_KEYRING}]" if _KEYRING.exists() else ""
    lines = [f"deb{signed} {archive} {suite} main", f"deb{signed} {archive} {suite}-updates main"]
    return [*lines, *([f"deb{signed} {security} {suite}-security main"] if security else [])]


def _mirrors() -> tuple[str, str]:
    """Find the archive and the security mirror among the host's apt sources, either file format."""
    archive = security = ""
    files = [_SOURCES / "sources.list", *sorted((_SOURCES / "sources.list.d").glob("*"))]
    for path in files:
        if path.suffix not in {".list", ".sources"} or not path.is_file():
            continue
        for uri, suites in _entries(path.read_text(errors="replace")):
            if not re.search(r"/debian(-security)?/?$", uri):
                continue
            if any("-security" in suite or suite.endswith("/updates") for suite in suites):
                security = security or uri
            else:
                archive = archive or uri
    return archive, security


def _entries(text: str) -> Iterator[tuple[str, list[str]]]:
    for match in re.finditer(r"^deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)", text, re.MULTILINE):
        yield match[1], [match[2]]
    for stanza in re.split(r"\n\s*\n", text):
        fields = dict(re.findall(r"^(URIs|Suites):\s*(.+)$", stanza, re.MULTILINE))
        for uri in fields.get("URIs", "").split():
            yield uri, fields.get("Suites", "").split()
