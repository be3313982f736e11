"""The data flows one way: an import may only point down the list of packages in the architecture note."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "hivebase"

FOUNDATION = (
    "errors",
    "values",
    "digest",
    "reference",
    "progress",
    "fs",
    "locks",
    "seal",
    "tar",
    "transport",
)
ORDER = (
    *FOUNDATION,
    "oci",
    "dockerfile",
    "plan",
    "layers",
    "build",
    "registry",
    "inspect",
    "release",
    "cli",
)
"""Lowest first. A module may import from earlier entries and from its own."""

PURE = ("plan", "dockerfile")
_WORLD = """
asyncio ctypes fcntl glob http io mmap multiprocessing os pathlib pty select shutil socket sqlite3 ssl
subprocess tarfile tempfile threading urllib urllib3 zipfile
"""
IO_MODULES = frozenset(_WORLD.split())


INSIDE = SOURCE / "layers/wheels/inside"
"""Programs that the interpreters of images run, in a sandbox; not part of this process."""


def _modules() -> list[Path]:
    return sorted(path for path in SOURCE.rglob("*.py") if path.parent != INSIDE)


def _package(path: Path) -> str:
    return path.relative_to(SOURCE).with_suffix("").parts[0]


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and dotted name of every import, those inside functions and for type checking included."""
    module = ("hivebase", *path.relative_to(SOURCE).with_suffix("").parts)
    package = module[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join([*start, *([node.module] if node.module else [])])
            # "from hivebase import plan" imports a module, "from hivebase.plan import hive" may.
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def _violations(path: Path) -> list[str]:
    own = _package(path)
    if own in {"__init__", "__main__"}:
        return []
    problems = [] if own in ORDER else [f"{path}: package {own!r} is not in the list"]
    for line, name in _imports(path):
        parts = name.split(".")
        if parts[0] != "hivebase" or len(parts) < 2 or parts[1] in {"__version__", own}:
            continue
        if parts[1] not in ORDER or own not in ORDER or ORDER.index(parts[1]) > ORDER.index(own):
            problems.append(f"{path}:{line}: {own} must not import {name}")
    return problems


def test_imports_only_point_down():
    """No module imports from a package above its own, and no package is unknown."""
    assert [problem for path in _modules() for problem in _violations(path)] == []


@pytest.mark.parametrize("name", PURE)
def test_pure_packages_import_nothing_that_touches_the_world(name):
    """Planning and parsing cannot read a file, because they import nothing that could."""
    found = [
        f"{path}:{line}: {imported}"
        for path in _modules()
        if _package(path) == name
        for line, imported in _imports(path)
        if imported.split(".")[0] in IO_MODULES
    ]
    assert found == []


def test_only_declared_dependencies_are_imported():
    """Every import is the standard library, hivebase itself, or a declared dependency."""
    declared = {
        "boto3",
        "botocore",
        "click",
        "cryptography",
        "cyclonedx",
        "deflate",
        "isal",
        "msgspec",
        "packaging",
        "yaml",
        "urllib3",
        "uv",
    }
    declared |= {"packageurl", "sigstore", "tree_sitter", "tree_sitter_bash", "hivebase", "_typeshed"}
    allowed = declared | set(sys.stdlib_module_names)
    found = {
        f"{path}:{line}: {imported}"
        for path in _modules()
        for line, imported in _imports(path)
        if imported.split(".")[0] not in allowed
    }
    assert set() == found


def test_programs_for_images_need_the_standard_library_alone():
    """They run on whatever Python an image has; for TOML, older ones have what pip brings."""
    found = {
        imported.split(".")[0]
        for path in sorted(INSIDE.glob("*.py"))
        for _, imported in _imports(path)
        if imported.split(".")[0] not in sys.stdlib_module_names
    }
    assert {"pip"} == found


def test_nobody_uses_the_standard_library_for_archives():
    """Archives are read by our own strict modules, never by tarfile or zipfile."""
    found = [
        f"{path}:{line}"
        for path in _modules()
        for line, imported in _imports(path)
        if imported.split(".")[0] in {"tarfile", "zipfile"}
        or imported.startswith(("shutil.unpack_archive", "shutil.make_archive"))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("text", "own", "expected"),
    [
        ("from hivebase.plan import hive", "oci", 1),
        ("import hivebase.cli.main", "build", 1),
        ("from hivebase import registry", "layers", 1),
        ("def f():\n    from hivebase.build import stage", "plan", 1),
        ("from ..cli import main", "build", 1),
        ("from hivebase.surprise import x", "cli", 1),
        ("from hivebase.errors import UsageError\nfrom . import steps", "plan", 0),
        ("x = 1", "surprise", 1),
    ],
)
def test_the_check_sees_every_kind_of_arrow(tmp_path, monkeypatch, text, own, expected):
    """An arrow that points up is found wherever and however it is written."""
    monkeypatch.setattr(sys.modules[__name__], "SOURCE", tmp_path)
    path = tmp_path / own / "module.py"
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")
    assert expected == len(_violations(path))
