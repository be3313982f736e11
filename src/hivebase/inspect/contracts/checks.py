"""The checks that need no process: metadata, existence and content of files. Pure over a config and a tree."""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hivebase.layers.tree import resolve

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hivebase.inspect.contracts.schema import FileContentTest, FileExistenceTest, MetadataTest, Variable
    from hivebase.layers.tree import Tree
    from hivebase.oci.model import RunConfig

_TEXT_LIMIT = 16 << 20
_TYPES = {
    "file": stat.S_IFREG,
    "dir": stat.S_IFDIR,
    "symlink": stat.S_IFLNK,
    "char": stat.S_IFCHR,
    "block": stat.S_IFBLK,
    "fifo": stat.S_IFIFO,
}
_EXECUTE = {"owner": 0o100, "group": 0o010, "other": 0o001, "any": 0o111}


@dataclass(frozen=True, slots=True)
class Result:
    """One test: its name, and what is wrong (empty when it passed)."""

    name: str
    problems: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def check_metadata(expected: MetadataTest, config: RunConfig) -> Iterator[Result]:
    """Compare a configuration with what the contract says of it; one result per statement."""
    environment = config.environment()
    yield from _variables("env", expected.env_vars, environment)
    yield from _variables("label", expected.labels, config.labels)
    for variable in expected.unbound_env_vars:
        yield _result(
            f"env {variable.key} is not set",
            f"it is {environment[variable.key]!r}" if variable.key in environment else "",
        )
    for port in expected.exposed_ports:
        yield _result(f"port {port} is exposed", "" if _port(port) in config.exposed_ports else "it is not")
    for port in expected.unexposed_ports:
        yield _result(f"port {port} is not exposed", "it is" if _port(port) in config.exposed_ports else "")
    for volume in expected.volumes:
        yield _result(f"volume {volume}", "" if volume in config.volumes else "it is not declared")
    for volume in expected.unmounted_volumes:
        yield _result(f"no volume {volume}", "it is declared" if volume in config.volumes else "")
    for name, wanted, actual in (
        ("entrypoint", expected.entrypoint, config.entrypoint or ()),
        ("cmd", expected.cmd, config.cmd or ()),
        ("workdir", expected.workdir or None, config.working_dir),
        ("user", expected.user or None, config.user),
    ):
        if wanted is not None:
            yield _result(
                name, "" if wanted == actual else f"expected {_shown(wanted)}, found {_shown(actual)}"
            )


def check_existence(test: FileExistenceTest, tree: Tree) -> Result:
    """Look at one path. Like the reference implementation, the path itself is looked at, not a link's target."""
    entry = tree.lstat(resolve(tree, test.path, follow_last=False))
    if entry is None or not test.should_exist:
        return _result(
            test.name,
            ""
            if (entry is not None) == test.should_exist
            else f"{test.path} " + ("does not exist" if test.should_exist else "exists"),
        )
    problems = []
    mode = stat.filemode(_TYPES.get(entry.kind, stat.S_IFREG) | entry.mode)
    if test.permissions and mode != test.permissions:
        problems.append(f"{test.path} has permissions {mode}, expected {test.permissions}")
    if test.uid is not None and entry.uid != test.uid:
        problems.append(f"{test.path} belongs to user {entry.uid}, expected {test.uid}")
    if test.gid is not None and entry.gid != test.gid:
        problems.append(f"{test.path} belongs to group {entry.gid}, expected {test.gid}")
    if test.is_executable_by and not entry.mode & _EXECUTE[test.is_executable_by]:
        problems.append(f"{test.path} is not executable by {test.is_executable_by}")
    return Result(test.name, tuple(problems))


def check_content(test: FileContentTest, tree: Tree) -> Result:
    """Search one file's text; links are followed inside the image."""
    path = resolve(tree, test.path)
    entry = tree.lstat(path)
    if entry is None or entry.kind not in {"file", "hardlink"}:
        return _result(test.name, f"{test.path} is not a file")
    with tree.open(path) as stream:
        text = stream.read(_TEXT_LIMIT).decode(errors="replace")
    return Result(test.name, tuple(search(text, test.expected_contents, test.excluded_contents, test.path)))


def search(text: str, expected: Sequence[str], excluded: Sequence[str], where: str) -> Iterator[str]:
    """Yield what is wrong: expected patterns that are missing, excluded ones that are there (multi-line mode)."""
    for pattern in expected:
        if not re.search(pattern, text, re.MULTILINE):
            yield f"{where} does not match {pattern!r}; it is {_excerpt(text)}"
    for pattern in excluded:
        found = re.search(pattern, text, re.MULTILINE)
        if found:
            yield f"{where} matches {pattern!r} at {found[0]!r}"


def _variables(kind: str, expected: Sequence[Variable], actual: Mapping[str, str]) -> Iterator[Result]:
    for variable in expected:
        value = actual.get(variable.key)
        if value is None:
            problem = "it is not set"
        elif variable.is_regex:
            problem = (
                "" if re.search(variable.value, value) else f"{value!r} does not match {variable.value!r}"
            )
        else:
            problem = "" if value == variable.value else f"expected {variable.value!r}, found {value!r}"
        yield _result(f"{kind} {variable.key}", problem)


def _result(name: str, problem: str) -> Result:
    return Result(name, (problem,) if problem else ())


def _port(port: str) -> str:
    return port if "/" in port else f"{port}/tcp"


def _shown(value: str | Sequence[str]) -> str:
    return repr(value) if isinstance(value, str) else repr(list(value))


def _excerpt(text: str) -> str:
    shown = text.strip()
    return repr(shown if len(shown) <= 300 else "…" + shown[-300:])
