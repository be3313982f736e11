"""Finding the interpreter of an image by looking at its files; nothing of the image is executed.

The rules are CPython's ``getpath`` (prefix from the real binary, ``pyvenv.cfg`` beside or above the executable),
``sysconfig``'s default schemes with Debian's changes, and pip's ``get_scheme``.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hivebase.layers.tree import resolve
from hivebase.layers.wheels import elf, templates
from hivebase.layers.wheels.scheme import Scheme
from hivebase.plan.pythons import Python

if TYPE_CHECKING:
    from hivebase.layers.indexed import IndexedTree
    from hivebase.layers.wheels.facts import FileFacts
    from hivebase.layers.wheels.scheme import Profile

_BINARY = re.compile(r"python(3\.\d+)\Z")
_SHEBANG = re.compile(rb"#!\s*(/[^\s\0]+)[ \t]*(\S*)[ \t]*\r?\n")
_HOME = re.compile(r"^include-system-site-packages\s*=\s*true", re.IGNORECASE | re.MULTILINE)
_BY_UV = re.compile(r"^uv\s*=", re.MULTILINE)
_SEED = re.compile(r"^seed\s*=\s*true\s*$", re.IGNORECASE | re.MULTILINE)
_PIP_CONFIGS = ("etc/pip.conf", "etc/xdg/pip/pip.conf", "root/.pip/pip.conf", "root/.config/pip/pip.conf")


class NotComposableError(Exception):
    """The image is not one whose installation can be composed; the text says why, for people."""


@dataclass(frozen=True, slots=True)
class Environment:
    """An interpreter and its surroundings.

    Attributes:
        scheme: where an installation puts its files.
        libraries: directories that distributions are found in, absolute, first found first.
        removable: those of them that the installer removes old versions from.
        binary: the interpreter itself, links followed, absolute.
        prefix: ``sys.prefix``.
        seeded: it was made with pip in it, which ``uv pip sync`` then leaves alone.
    """

    scheme: Scheme
    libraries: tuple[str, ...]
    removable: tuple[str, ...]
    binary: str
    prefix: str
    seeded: bool = True


def which(tree: IndexedTree, program: str, path: str) -> str | None:
    """Return the absolute path of ``program`` as a shell with ``PATH=path`` would find it, links not followed."""
    if "/" in program:
        return program if _is_program(tree, program) else None
    for directory in path.split(":"):
        candidate = posixpath.join(directory or ".", program)
        if candidate.startswith("/") and _is_program(tree, candidate):
            return candidate
    return None


def first_python(tree: IndexedTree, path: str) -> str | None:
    """Return the interpreter that uv takes unless it is told another: the first on ``PATH``, ``python`` preferred."""
    for directory in path.split(":"):
        for name in ("python", "python3"):
            found = which(tree, name, directory)
            if found is not None:
                return found
    return None


def _is_program(tree: IndexedTree, path: str) -> bool:
    entry = tree.lstat(resolve(tree, path))
    return entry is not None and entry.kind == "file" and bool(entry.mode & 0o111)


def probe(facts: FileFacts, program: str, *, module: bool, path: str, profile: Profile) -> Environment:
    """Find what ``program`` would install into.

    Args:
        facts: of the image.
        program: ``pip`` or a path of its script; the interpreter with ``module``, and for uv.
        module: whether ``program`` is the interpreter.
        path: ``PATH`` of the step.
        profile: the installer.

    Raises:
        NotComposableError: there is none, or none whose paths are known here.
        HivebaseError: the image cannot be read.
    """
    tree = facts.tree
    found = which(tree, program, path)
    if found is None:
        raise NotComposableError(f"the image has no {program} on its PATH")
    executable = found if module or profile == "uv" else _interpreter_of_script(facts, found)
    binary = "/" + resolve(tree, executable)
    name = _BINARY.match(posixpath.basename(binary))
    if name is None:
        raise NotComposableError(f"{executable} is not a CPython that hivebase knows: it leads to {binary}")
    minor = name[1]
    base = posixpath.dirname(posixpath.dirname(binary))
    if tree.lstat(resolve(tree, f"{base}/lib/python{minor}/os.py")) is None:
        raise NotComposableError(f"the standard library of {binary} is not below {base}")
    python = _python(facts, binary, base, minor)
    venv = _virtual_environment(tree, executable)
    if venv is not None:
        return _in_virtual_environment(facts, python, executable, binary, venv, profile)
    return _in_system(facts, python, executable, binary, base, profile)


def externally_managed(tree: IndexedTree, environment: Environment) -> bool:
    """Tell whether the distribution forbids installing here (PEP 668)."""
    base = posixpath.dirname(posixpath.dirname(environment.binary))
    marker = f"{base}/lib/python{environment.scheme.python.minor}/EXTERNALLY-MANAGED"
    return environment.prefix == base and tree.lstat(resolve(tree, marker)) is not None


def configured(tree: IndexedTree, environment: Environment) -> str:
    """Return the path of a pip configuration file that the image brings, or ''."""
    for path in (*_PIP_CONFIGS, f"{environment.prefix}/pip.conf"):
        if tree.lstat(resolve(tree, path)) is not None:
            return f"/{path.lstrip('/')}"
    return ""


def _interpreter_of_script(facts: FileFacts, script: str) -> str:
    line = facts.ask(script, "shebang", _shebang)
    if not line:
        raise NotComposableError(f"{script} is not a script that starts with #! and an interpreter")
    return line


def _shebang(content: bytes) -> str:
    found = _SHEBANG.match(content)
    # Options of the interpreter, or /usr/bin/env, would have to be understood as well.
    return found[1].decode("utf-8", "replace") if found and not found[2] else ""


def _python(facts: FileFacts, binary: str, base: str, minor: str) -> Python:
    shared = f"{base}/lib/libpython{minor}.so.1.0"
    library = shared if facts.tree.lstat(resolve(facts.tree, shared)) is not None else binary
    version = facts.ask(library, f"python {minor}", lambda content: elf.python_version(content, minor))
    builds = [
        facts.ask(path, "sha256", lambda content: hashlib.sha256(content).hexdigest())
        for path in {binary: 0, library: 0}
    ]
    machine = facts.ask(binary, "machine", elf.machine)
    if not version or not machine:
        raise NotComposableError(f"the version of {binary} cannot be read from it")
    libc, libc_version = _libc(facts, machine)
    return Python(version, libc, libc_version, machine, " ".join(str(build) for build in builds))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _libc(facts: FileFacts, machine: str) -> tuple[str, tuple[int, int]]:
    multiarch = {"i686": "i386", "ppc64le": "powerpc64le", "armv7l": "arm"}.get(machine, machine)
    suffix = "gnueabihf" if machine == "armv7l" else "gnu"
    for path in (f"lib/{multiarch}-linux-{suffix}/libc.so.6", "lib64/libc.so.6", "lib/libc.so.6"):
        version = facts.ask(path, "glibc", elf.glibc_version)
        if version:
            return "glibc", _pair(version)
    version = facts.ask(f"lib/ld-musl-{machine}.so.1", "musl", elf.musl_version)
    if version:
        return "musl", _pair(version)
    raise NotComposableError("the image's C library is not known here")


def _pair(version: str) -> tuple[int, int]:
    major, _, minor = version.partition(".")
    return int(major), int(minor)


def _virtual_environment(tree: IndexedTree, executable: str) -> str | None:
    here = posixpath.dirname(executable)
    for directory in (here, posixpath.dirname(here)):
        if tree.lstat(resolve(tree, f"{directory}/pyvenv.cfg")) is not None:
            # CPython takes the directory above the executable for the prefix, wherever of the two the file is.
            return posixpath.dirname(here)
    return None


def _in_virtual_environment(
    facts: FileFacts, python: Python, executable: str, binary: str, prefix: str, profile: Profile
) -> Environment:
    text = ""
    for place in (posixpath.dirname(executable), prefix):
        text = (
            facts.ask(f"{place}/pyvenv.cfg", "text", lambda content: content.decode("utf-8", "replace"))
            or text
        )
    if _HOME.search(text):
        raise NotComposableError(f"the virtual environment {prefix} also sees the system's packages")
    site = f"{prefix}/lib/python{python.minor}/site-packages"
    headers = f"{prefix}/include/site/python{python.minor}"
    template = templates.find(facts, (site,), profile)
    scheme = Scheme(profile, python, executable, site, site, f"{prefix}/bin", prefix, headers, template)
    return Environment(
        scheme, (site,), (site,), binary, prefix, not _BY_UV.search(text) or bool(_SEED.search(text))
    )


def _in_system(
    facts: FileFacts, python: Python, executable: str, binary: str, base: str, profile: Profile
) -> Environment:
    tree, version = facts.tree, f"python{python.minor}"
    distribution = f"{base}/lib/python3/dist-packages"
    if base == "/usr" and tree.lstat(resolve(tree, distribution)) is not None:
        # Debian: what is installed goes to /usr/local, what Debian packages brought is never removed.
        site = f"/usr/local/lib/{version}/dist-packages"
        libraries: tuple[str, ...] = (site, distribution, f"/usr/lib/{version}/dist-packages")
        # Headers are where the interpreter's own are (scheme posix_local of Debian's sysconfig).
        prefix, headers = "/usr/local", f"/usr/include/{version}"
    else:
        if base == "/usr" and tree.lstat(resolve(tree, "/etc/alpine-release")) is None:
            raise NotComposableError(f"where {binary} installs to is its distribution's own way")
        if tree.lstat(resolve(tree, f"{base}/lib64/{version}/lib-dynload")) is not None:
            raise NotComposableError(f"{binary} keeps compiled modules in lib64")
        site = f"{base}/lib/{version}/site-packages"
        libraries = (site,)
        prefix, headers = base, f"{base}/include/{version}"
    template = templates.find(facts, libraries, profile)
    scheme = Scheme(profile, python, executable, site, site, f"{prefix}/bin", prefix, headers, template)
    return Environment(scheme, libraries, (site,), binary, base)
