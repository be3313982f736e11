"""Finding the interpreter of an image by looking at its files."""

from __future__ import annotations

import pytest
from tests import archives as make
from tests.layers.wheels.laying import stacked
from tests.layers.wheels.pythons import DEBIAN, ELF, OFFICIAL, PATH, VENV, program

from hivebase.layers.indexed_cache import Indexes
from hivebase.layers.wheels.facts import FileFacts
from hivebase.layers.wheels.installed import installed
from hivebase.layers.wheels.probe import (
    NotComposableError,
    configured,
    externally_managed,
    first_python,
    probe,
    which,
)
from hivebase.oci.store import Store


@pytest.fixture
def look(tmp_path):
    """Return what probes an image made of parts of a tar."""
    store = Store.open(tmp_path)
    stack = []

    def run(parts, program="pip", *, module=False, profile="pip", path=PATH):
        layers = stacked(store, make.archive(*parts))
        context = Indexes(store).tree(layers)
        tree = context.__enter__()
        stack.append(context)
        facts = FileFacts(store, layers, tree)
        return tree, probe(facts, program, module=module, path=path, profile=profile)

    yield run
    for context in stack:
        context.__exit__(None, None, None)


def test_debian(look):
    """Goes to /usr/local; headers stay with the interpreter's; Debian's own packages are not removed."""
    _, found = look(DEBIAN)
    scheme = found.scheme
    assert scheme.purelib == scheme.platlib == "/usr/local/lib/python3.11/dist-packages"
    assert (scheme.scripts, scheme.data, scheme.headers) == (
        "/usr/local/bin",
        "/usr/local",
        "/usr/include/python3.11",
    )
    assert (scheme.executable, found.binary, found.prefix) == (
        "/usr/bin/python3",
        "/usr/bin/python3.11",
        "/usr",
    )
    assert found.removable == (scheme.purelib,)
    assert found.libraries[1] == "/usr/lib/python3/dist-packages"
    python = scheme.python
    assert (python.version, python.libc, python.libc_version, python.machine) == (
        "3.11.2",
        "glibc",
        (2, 36),
        "x86_64",
    )
    assert scheme.template == "from %(module)s import %(import_name)s\n%(func)s()\n"


def test_official(look):
    """Everything is below the interpreter's prefix."""
    _, found = look(OFFICIAL)
    assert found.scheme.purelib == "/usr/local/lib/python3.11/site-packages"
    assert found.scheme.headers == "/usr/local/include/python3.11"
    assert found.removable == found.libraries == (found.scheme.purelib,)


def test_a_virtual_environment(look):
    """By its own pip or its interpreter, links not followed."""
    for name, module in (("/venv/bin/pip", False), ("/venv/bin/python", True)):
        _, found = look(VENV, name, module=module)
        assert found.scheme.purelib == "/venv/lib/python3.11/site-packages"
        assert found.scheme.headers == "/venv/include/site/python3.11"
        assert (found.scheme.executable, found.prefix, found.seeded) == ("/venv/bin/python", "/venv", True)


@pytest.mark.parametrize(
    ("line", "seeded"), [(b"uv = 0.9\n", False), (b"uv = 0.9\nseed = true\n", True), (b"", True)]
)
def test_seeds(look, line, seeded):
    """An environment that uv made has no pip in it unless it was told to."""
    parts = [*VENV[:-5], make.file("venv/pyvenv.cfg", b"home = /usr/bin\n" + line), *VENV[-4:]]
    assert look(parts, "/venv/bin/python", module=True, profile="uv")[1].seeded is seeded


@pytest.mark.parametrize(
    ("parts", "program", "why"),
    [
        ([], "pip", "has no pip on its PATH"),
        ([make.file("usr/bin/pip", b"#!/usr/bin/python3\n", mode=0o644)], "pip", "has no pip on its PATH"),
        ([program("usr/bin/pip", b"\x7fELF")], "pip", "is not a script"),
        ([program("usr/bin/pip", b"#!/usr/bin/env python3\n")], "pip", "is not a script"),
        ([program("usr/bin/pip", b"#!/usr/bin/python3 -E\n")], "pip", "is not a script"),
        ([program("usr/bin/pip", b"#!/bin/sh\n"), program("bin/sh")], "pip", "is not a CPython"),
        ([part for part in DEBIAN if b"os.py" not in part[:100]], "pip", "standard library"),
        (
            [*DEBIAN, program("usr/bin/python3.11", ELF)],
            "pip",
            "version of /usr/bin/python3.11 cannot be read",
        ),
        ([part for part in DEBIAN if b"libc.so.6" not in part[:100]], "pip", "C library is not known"),
        ([*OFFICIAL, make.directory("usr/local/lib64/python3.11/lib-dynload")], "pip", "lib64"),
        (
            [*VENV, make.file("venv/pyvenv.cfg", b"include-system-site-packages = TRUE\n")],
            "/venv/bin/pip",
            "also sees the system's packages",
        ),
        (
            [part for part in DEBIAN if b"dist-packages" not in part[:100]],
            "pip",
            "its distribution's own way",
        ),
    ],
)
def test_what_is_not_known_is_refused(look, parts, program, why):
    """One reason each."""
    with pytest.raises(NotComposableError, match=why):
        look(parts, program)


def test_the_marker_of_the_distribution(look):
    """Counts for its own interpreter, not for environments made with it."""
    marker = make.file("usr/lib/python3.11/EXTERNALLY-MANAGED")
    assert externally_managed(*look([*DEBIAN, marker]))
    assert not externally_managed(*look(DEBIAN))
    assert not externally_managed(*look([*VENV, marker], "/venv/bin/pip"))


@pytest.mark.parametrize("path", ["etc/pip.conf", "root/.config/pip/pip.conf", "usr/pip.conf"])
def test_a_configuration_in_the_image(look, path):
    """Is found wherever pip would read it."""
    assert configured(*look([*DEBIAN, make.file(path)])) == f"/{path}"
    assert configured(*look(DEBIAN)) == ""


def test_programs_are_found_as_a_shell_finds_them(look):
    """In the order of PATH, links followed, what cannot be executed passed over."""
    parts = [
        *DEBIAN,
        make.file("usr/local/bin/python3", b"", mode=0o644),
        make.symlink("opt/bin/python", "nowhere"),
    ]
    tree, _ = look(parts)
    assert which(tree, "python3", PATH) == "/usr/bin/python3"
    assert which(tree, "/usr/bin/python3.11", "") == "/usr/bin/python3.11"
    assert which(tree, "python3", "relative:/usr/bin") == "/usr/bin/python3"
    assert which(tree, "python", PATH) is None
    assert first_python(tree, "/opt/bin:/usr/bin") == "/usr/bin/python3"


def test_uv_prefers_python(look):
    """In one directory, to ``python3``; a directory further ahead counts more."""
    tree, _ = look([*DEBIAN, make.symlink("usr/bin/python", "python3.11")])
    assert first_python(tree, PATH) == "/usr/bin/python"


def test_installed_distributions(look):
    """Of one name the first that is found; only those of the right place can be removed."""
    site = "usr/local/lib/python3.11/dist-packages"
    parts = [
        *DEBIAN,
        make.directory(f"{site}/Some.Name-1.0.dist-info"),
        make.directory(f"{site}/pip-25.0.dist-info"),
    ]
    more = [make.file("usr/lib/python3/dist-packages/old-2.egg-info"), make.directory(f"{site}/no-info")]
    tree, found = look([*parts, *more])
    assert {(item.name, item.version, item.removable) for item in installed(tree, found)} == {
        ("some-name", "1.0", True),
        ("pip", "25.0", True),
        ("old", "2", False),
    }
