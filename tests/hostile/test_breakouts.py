"""Fault A-1: containerd's thirty-four ways out of a root, as layers on a root that is not empty.

Source: ``TestBreakouts`` of containerd's ``pkg/archive``. There the layer is unpacked over the base; here,
as in containerd's overlay snapshotter, beside it, so links of the base are not followed: such rows say what
overlay shows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests import archives as make
from tests.hostile.trees import rows, unpack

from hivebase.errors import CorruptContentError
from hivebase.layers.tree import StackedTree

pytestmark = pytest.mark.root

ETC = (make.directory("etc", 0o770), make.file("/etc/passwd", b"inside"))
BASE = make.archive(*ETC)
LINKED = make.archive(*ETC, make.file("etc/whitedout", b"ahhh"), make.symlink("localetc", "/etc"))


@dataclass(frozen=True)
class Vector:
    """One layer over ``base``: what the merged tree shows (None: nothing), and which names are one file."""

    parts: tuple[bytes, ...]
    base: bytes = BASE
    shows: dict[str, str | None] = field(default_factory=dict)
    same: tuple[str, str] | None = None
    refused: bool = False


VECTORS = {
    "symlink absolute": Vector(
        (
            make.directory("etc"),
            make.symlink("localetc", "/etc"),
            make.file("/localetc/unbroken", b"unbroken"),
        ),
        shows={"etc/unbroken": "unbroken", "localetc": "-> /etc"},
    ),
    "symlink up and out": Vector(
        (
            make.directory("etc"),
            make.directory("dummy"),
            make.symlink("localetc", "/dummy/../etc"),
            make.file("/localetc/unbroken", b"unbroken"),
        ),
        shows={"etc/unbroken": "unbroken"},
    ),
    "symlink multiple absolute": Vector(
        (
            make.directory("etc"),
            make.directory("dummy"),
            make.symlink("/dummy/etc", "/etc"),
            make.symlink("localetc", "/dummy/etc"),
            make.file("/dummy/etc/unbroken", b"unbroken"),
        ),
        shows={"etc/unbroken": "unbroken"},
    ),
    "symlink multiple relative": Vector(
        (
            make.directory("etc"),
            make.directory("dummy"),
            make.symlink("/dummy/etc", "/etc"),
            make.symlink("localetc", "./dummy/etc"),
            make.file("/localetc/unbroken", b"unbroken"),
        ),
        shows={"etc/unbroken": "unbroken"},
    ),
    "symlink to an emptied file": Vector(
        (
            make.directory("etc"),
            make.file("etc/emptied", b"notempty"),
            make.symlink("localetc", "/etc"),
            make.file("/localetc/emptied", b""),
        ),
        shows={"etc/emptied": ""},
    ),
    "hardlink relative": Vector(
        (
            *ETC,
            make.directory("breakouts"),
            make.symlink("breakouts/d1", "../../etc"),
            make.hardlink("breakouts/mypasswd", "/breakouts/d1/passwd"),
        ),
        same=("breakouts/mypasswd", "etc/passwd"),
    ),
    "hardlink down and out": Vector(
        (
            *ETC,
            make.directory("breakouts"),
            make.directory("downandout"),
            make.symlink("breakouts/d1", "../downandout/../../etc"),
            make.hardlink("breakouts/mypasswd", "/breakouts/d1/passwd"),
        ),
        same=("breakouts/mypasswd", "etc/passwd"),
    ),
    "hardlink absolute": Vector(
        (*ETC, make.symlink("localetc", "/etc"), make.hardlink("localpasswd", "/localetc/passwd")),
        same=("localpasswd", "etc/passwd"),
    ),
    "hardlink relative long": Vector(
        (*ETC, make.symlink("localetc", "../" * 7 + "etc"), make.hardlink("localpasswd", "/localetc/passwd")),
        same=("localpasswd", "etc/passwd"),
    ),
    "hardlink relative up and out": Vector(
        (
            *ETC,
            make.directory("upandout"),
            make.symlink("localetc", "upandout/../../../etc"),
            make.hardlink("localpasswd", "/localetc/passwd"),
        ),
        same=("localpasswd", "etc/passwd"),
    ),
    "hardlink direct relative": Vector(
        (*ETC, make.hardlink("localpasswd", "../../../../../etc/passwd")), same=("localpasswd", "etc/passwd")
    ),
    "hardlink direct absolute": Vector(
        (*ETC, make.hardlink("localpasswd", "/etc/passwd")), same=("localpasswd", "etc/passwd")
    ),
    "symlink named parent directory": Vector(
        (*ETC, make.symlink("..", "/etc/"), make.hardlink("localpasswd", "/etc/passwd")),
        same=("localpasswd", "etc/passwd"),
    ),
    "symlink without a name": Vector(
        (*ETC, make.symlink("", "/etc/"), make.hardlink("localpasswd", "/etc/passwd")),
        same=("localpasswd", "etc/passwd"),
    ),
    "symlink parent relative": Vector(
        (
            *ETC,
            make.symlink("localetc/sub/..", "/etc/"),
            make.hardlink("/localetc/localpasswd", "/etc/passwd"),
        ),
        shows={"localetc": "-> /etc/"},
        same=("etc/localpasswd", "etc/passwd"),
    ),
    "directory ended by a slash": Vector(
        (*ETC, make.directory("localetc/", 0o770), make.hardlink("/localetc/localpasswd", "/etc/passwd")),
        same=("localetc/localpasswd", "etc/passwd"),
    ),
    "symlink overrides directory": Vector(
        (make.symlink("localetc", "/etc"), make.hardlink("/localetc/localpasswd", "/etc/passwd")),
        base=make.archive(*ETC, make.directory("localetc")),
        shows={"localetc": "-> /etc", "etc/localpasswd": "inside", "etc/passwd": "inside"},
    ),
    "symlink overrides directory, relative": Vector(
        (make.symlink("localetc", "../../etc"), make.hardlink("/localetc/localpasswd", "/etc/passwd")),
        base=make.archive(*ETC, make.directory("localetc")),
        shows={"localetc": "-> ../../etc", "etc/localpasswd": "inside"},
    ),
    "directory overrides symlink": Vector(
        (make.directory("/localetc/"), make.hardlink("/localetc/localpasswd", "/etc/passwd")),
        base=LINKED,
        shows={"localetc": "directory", "localetc/localpasswd": "inside", "etc/localpasswd": None},
    ),
    "directory overrides symlink and hardlink": Vector(
        (make.directory("/localetc/"), make.file("/localetc/localpasswd", b"different")),
        base=make.archive(
            *ETC, make.symlink("localetc", "etc"), make.hardlink("/localetc/localpasswd", "/etc/passwd")
        ),
        shows={"localetc/localpasswd": "different", "etc/passwd": "inside", "etc/localpasswd": "inside"},
    ),
    "whiteout of the root's parent": Vector((make.file(".wh..."),), refused=True),
    "whiteout of the parent": Vector((make.file("etc/.wh..."),), refused=True),
    "whiteout of the root": Vector((make.file(".wh.."),), refused=True),
    "whiteout of the current directory": Vector((make.file("etc/.wh.."),), refused=True),
    "whiteout of a symlink": Vector(
        (make.file(".wh.localetc"),), base=LINKED, shows={"etc/passwd": "inside", "localetc": None}
    ),
    "whiteout through a symlink of the base": Vector(
        (make.file("localetc/.wh.whitedout"),),
        base=LINKED,
        shows={"etc/passwd": "inside", "etc/whitedout": "ahhh", "localetc": "directory"},
    ),
    "whiteout through a symlink of the layer": Vector(
        (make.directory("etc"), make.symlink("localetc", "/etc"), make.file("localetc/.wh.whitedout")),
        base=LINKED,
        shows={"etc/passwd": "inside", "etc/whitedout": None},
    ),
    "whiteout as a directory's name": Vector(
        (make.file(".wh.etc/somefile", b"non-empty"),),
        base=LINKED,
        shows={"etc/passwd": "inside", ".wh.etc/somefile": "non-empty"},
    ),
    "whiteout below a dead symlink": Vector(
        (make.symlink("localetc", "/dne"), make.file("localetc/.wh.etc")),
        shows={"etc/passwd": "inside", "dne": "directory"},
    ),
    "whiteout by a relative path": Vector(
        (make.file("dne/../.wh.etc"),), shows={"etc/passwd": None, "etc": None, "dne": None}
    ),
    "hardlink to a symlink before its target": Vector(
        (
            make.directory("etc", 0o770),
            make.symlink("localpasswd", "/etc/passwd"),
            make.hardlink("localpasswd-dup", "localpasswd"),
            make.file("/etc/passwd", b"after"),
        ),
        shows={"localpasswd-dup": "-> /etc/passwd", "etc/passwd": "after"},
    ),
    "hardlink to a relative symlink": Vector(
        (
            *ETC,
            make.symlink("passwdlink", "../" * 5 + "etc/passwd"),
            make.hardlink("localpasswd", "/passwdlink"),
        ),
        shows={"localpasswd": "-> " + "../" * 5 + "etc/passwd"},
        same=("localpasswd", "passwdlink"),
    ),
    "hardlink to an absolute symlink": Vector(
        (*ETC, make.symlink("passwdlink", "/etc/passwd"), make.hardlink("localpasswd", "/passwdlink")),
        shows={"localpasswd": "-> /etc/passwd"},
        same=("localpasswd", "passwdlink"),
    ),
    "hardlink to a symlink and chmod": Vector(
        (
            make.symlink("@outside/exists", "@outside/perm400"),
            make.hardlink("sketchylink", "@outside/exists"),
        ),
        shows={"sketchylink": "-> @outside/perm400"},
    ),
}


def look(tree: StackedTree, path: str) -> str | None:
    """Return the content, the link's target, or None."""
    entry = tree.lstat(path)
    if entry is None:
        return None
    if entry.kind == "symlink":
        return f"-> {entry.link}"
    if entry.kind == "dir":
        return "directory"
    with tree.open(path) as file:
        return file.read().decode()


@pytest.mark.parametrize("name", VECTORS)
def test_a1_breakouts(tmp_path, name):
    """The layer stays in its directory, the host is as before, and the image is as containerd makes it."""
    vector = VECTORS[name]
    outside = tmp_path / "outside"
    for place in (outside / "etc", tmp_path / "jail" / "etc"):
        place.mkdir(parents=True)
        (place / "passwd").write_text("the host's")
    (outside / "perm400").write_text("...")
    (outside / "perm400").chmod(0o400)
    parts = tuple(_at(part, outside) for part in vector.parts)
    before = rows(StackedTree([outside])), sorted(Path("/").iterdir()), sorted(Path("/etc").iterdir())
    jail = tmp_path / "jail" / "layers"
    if vector.refused:
        with pytest.raises(CorruptContentError):
            unpack(jail, vector.base, make.archive(*parts))
    else:
        tree, directories = unpack(jail, vector.base, make.archive(*parts))
        shown = {path: look(tree, path) for path in vector.shows}
        assert {
            path: value and value.replace("@outside", str(outside)) for path, value in vector.shows.items()
        } == shown
        if vector.same:
            one, other = (directories[-1] / path for path in vector.same)
            assert one.lstat().st_ino == other.lstat().st_ino
    assert before == (
        rows(StackedTree([outside])),
        sorted(Path("/").iterdir()),
        sorted(Path("/etc").iterdir()),
    )
    assert sorted(path.name for path in (tmp_path / "jail").iterdir()) == ["etc", "layers"]
    assert (tmp_path / "jail" / "etc" / "passwd").read_text() == "the host's"


def _at(part: bytes, outside: Path) -> bytes:
    """Put the real path of a directory outside into the header of a link."""
    if b"@outside" not in part:
        return part
    name, link = (
        field.partition(b"\0")[0].replace(b"@outside", bytes(outside))
        for field in (part[:100], part[157:257])
    )
    return make.pax({"path": name, "linkpath": link}) + make.header("x", part[156:157])


def test_there_are_as_many_as_in_containerd():
    """None of the thirty-four is forgotten."""
    assert len(VECTORS) == 34
