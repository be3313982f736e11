"""The changes that a scenario makes to a working copy, as functions from text to text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PIP = re.compile(r"(?<!uv )\bpip3? install(?! --no-compile)\b")
_COMPILEALL = re.compile(
    r"\s*\\\n\s*&& python3? -m compileall [^\n\\]*|(?m:^RUN python3? -m compileall [^\n\\]*\n)"
)
_ENTRY = re.compile(r"^(?P<name>[A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?==(?P<version>[^\s;\\]+)")


@dataclass(frozen=True, slots=True)
class Wheel:
    """One file of the mirror.

    Attributes:
        project: its normalised name.
        version: as in the file name.
        file_name: of the wheel.
        sha256: hexadecimal.
    """

    project: str
    version: str
    file_name: str
    sha256: str


def without_bytecode(dockerfile: str) -> str:
    """Return a Dockerfile whose installations leave no bytecode, whichever installer it uses."""
    text = _PIP.sub(lambda match: f"{match[0]} --no-compile", dockerfile)
    text = text.replace(" --compile-bytecode", "").replace("UV_COMPILE_BYTECODE=1", "UV_COMPILE_BYTECODE=0")
    return _COMPILEALL.sub("", text)


def repin(requirements: str, new: Wheel) -> str:
    """Return a requirements file with hashes in which ``new`` takes the place of its project's other version.

    A file that does not pin the project stays as it is.
    """
    return "".join(
        f"{new.project}=={new.version} \\\n    --hash=sha256:{new.sha256}\n" + _comments(block)
        if _name(block) == new.project
        else block
        for block in _blocks(requirements)
    )


def next_revision(module: str) -> str:
    """Return a service's module with one line changed."""
    return re.sub(r"(?m)^REVISION = (\d+)$", lambda match: f"REVISION = {int(match[1]) + 1}", module)


def union(files: Sequence[str], title: str) -> str:
    """Return one requirements file with all that ``files`` pin.

    Raises:
        ValueError: they disagree about a version.
    """
    found: dict[str, str] = {}
    for text in files:
        for block in _blocks(text):
            name = _name(block)
            if not name:
                continue
            if name in found and _pins(found[name]) != _pins(block):
                raise ValueError(f"{name} is pinned twice: {_pins(found[name])} and {_pins(block)}")
            found.setdefault(name, block)
    return f"# {title}\n" + "".join(found[name] for name in sorted(found))


def bake_file(targets: Mapping[str, Mapping[str, object]]) -> dict[str, object]:
    """Return the document of ``docker buildx bake``: all ``targets`` and one group of them."""
    return {"group": {"default": {"targets": list(targets)}}, "target": dict(targets)}


def host_network(targets: Mapping[str, Mapping[str, object]]) -> dict[str, object]:
    """Return the compose file that gives all ``targets`` the host's network: buildx 0.13 reads it nowhere else."""
    services = {
        name: {"build": {"context": target["context"], "dockerfile": target["dockerfile"], "network": "host"}}
        for name, target in targets.items()
    }
    return {"services": services}


def _blocks(requirements: str) -> list[str]:
    """Split after the last line of each requirement: hashes and comments are indented below it."""
    return re.split(r"(?m)^(?=\S)", requirements)


def _name(block: str) -> str:
    match = _ENTRY.match(block)
    return re.sub(r"[-_.]+", "-", match["name"]).lower() if match else ""


def _pins(block: str) -> str:
    match = _ENTRY.match(block)
    return match["version"] if match else ""


def _comments(block: str) -> str:
    return "".join(line for line in block.splitlines(keepends=True) if line.lstrip().startswith("#"))
