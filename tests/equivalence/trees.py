"""The tree of an image as its layers say, and how two trees differ.

Nothing here uses the code under test: the layers are read with ``tarfile``. ::

    composed = flatten(store, "app:1")
    run = flatten(other_store, "app:1")
    assert [] == unexpected(composed, run)

What may differ is a list, :data:`ALLOWED`, with a reason for each; ``docs/reference/composition.md`` has the same list.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import marshal
import re
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from isal import igzip

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_KINDS = {
    tarfile.REGTYPE: "file",
    tarfile.AREGTYPE: "file",
    tarfile.DIRTYPE: "dir",
    tarfile.SYMTYPE: "symlink",
    tarfile.CHRTYPE: "character device",
    tarfile.BLKTYPE: "block device",
    tarfile.FIFOTYPE: "fifo",
}
_KEPT = re.compile(r".*\.pyc|.*\.(?:dist|egg)-info/[^/]+|.*/bin/[^/]+", re.DOTALL)
_MOST_KEPT = 1 << 22
_MOST_LINES = 12


@dataclass(frozen=True)
class Node:
    """What is at one path.

    Attributes:
        kind: file, dir, symlink …
        mode: permission bits.
        owner: user and group.
        link: target of a symbolic link.
        xattrs: extended attributes.
        digest: of the content.
        data: the content, where somebody may want to look at it.
    """

    kind: str
    mode: int
    owner: tuple[int, int]
    link: str = ""
    xattrs: tuple[tuple[str, str], ...] = ()
    digest: str = ""
    data: bytes | None = None


Tree = dict[str, Node]

_flat: dict[tuple[str, ...], Tree] = {}


def flatten(layout: Path, ref: str) -> Tree:
    """Return the tree of an image in an OCI image layout, by path without a leading slash."""
    tree: Tree = {}
    chain: tuple[str, ...] = ()
    for layer in document(layout, ref)["layers"]:
        chain = (*chain, layer["digest"])
        if chain not in _flat:
            made = dict(tree)
            _apply(made, layout / "blobs" / layer["digest"].replace(":", "/"))
            _flat[chain] = made
        tree = _flat[chain]
    return dict(tree)


def document(layout: Path, ref: str) -> dict[str, Any]:
    """Return the manifest of an image."""
    index = json.loads((layout / "index.json").read_bytes())
    named = [
        item["digest"]
        for item in index["manifests"]
        if item.get("annotations", {}).get("org.opencontainers.image.ref.name") == ref
    ]
    assert len(named) == 1, f"{ref} is there {len(named)} times"
    manifest: dict[str, Any] = blob(layout, named[0])
    if "manifests" in manifest:
        manifest = blob(layout, manifest["manifests"][0]["digest"])
    return manifest


def history(layout: Path, ref: str) -> list[str]:
    """Return what made each step of an image."""
    config = blob(layout, document(layout, ref)["config"]["digest"])
    return [entry.get("created_by", "") for entry in config["history"]]


def blob(layout: Path, digest: str) -> Any:
    """Return a document of the layout."""
    return json.loads((layout / "blobs" / digest.replace(":", "/")).read_bytes())


def _apply(tree: Tree, path: Path) -> None:
    fresh: set[str] = set()
    with igzip.open(path) as stream, tarfile.open(fileobj=stream, mode="r|") as layer:
        for entry in layer:
            name = entry.name.strip("/").removeprefix("./")
            directory, _, base = name.rpartition("/")
            if not name or name == ".":
                continue
            if base == ".wh..wh..opq":
                for other in [key for key in tree if key.startswith(f"{directory}/") and key not in fresh]:
                    del tree[other]
            elif base.startswith(".wh."):
                _remove(tree, f"{directory}/{base[4:]}".lstrip("/"))
            else:
                fresh.add(name)
                if not entry.isdir() and name in tree and tree[name].kind == "dir":
                    _remove(tree, name)
                tree[name] = tree[entry.linkname.strip("/")] if entry.islnk() else _node(entry, layer)


def _node(entry: tarfile.TarInfo, layer: tarfile.TarFile) -> Node:
    content = layer.extractfile(entry) if entry.isfile() else None
    data = content.read() if content else None
    xattrs = {
        key.removeprefix("SCHILY.xattr."): value
        for key, value in entry.pax_headers.items()
        if key.startswith("SCHILY.xattr.")
    }
    return Node(
        _KINDS[entry.type],
        entry.mode & 0o7777,
        (entry.uid, entry.gid),
        entry.linkname,
        tuple(sorted(xattrs.items())),
        hashlib.sha256(data).hexdigest() if data is not None else "",
        data if data is not None and len(data) < _MOST_KEPT and _KEPT.fullmatch(entry.name) else None,
    )


def _remove(tree: Tree, name: str) -> None:
    for other in [key for key in tree if key == name or key.startswith(f"{name}/")]:
        del tree[other]


@dataclass(frozen=True)
class Difference:
    """One thing in which two trees differ.

    Attributes:
        path: where.
        what: ``only composed``, ``only run``, ``kind``, ``mode``, ``owner``, ``link``, ``xattrs``, ``content``.
        composed: the node of the composed tree.
        run: the node of the other.
    """

    path: str
    what: str
    composed: Node | None
    run: Node | None

    def __repr__(self) -> str:
        """Return it as a line for people."""
        if self.composed is None or self.run is None:
            return f"{self.path}: {self.what}"
        if self.what != "content":
            field = {"mode": "mode", "owner": "owner", "link": "link"}.get(self.what, self.what)
            one, two = getattr(self.composed, field), getattr(self.run, field)
            shown = (oct(one), oct(two)) if field == "mode" else (one, two)
            return f"{self.path}: {self.what} {shown[0]} composed, {shown[1]} run"
        one, two = self.composed.data, self.run.data
        if one is None or two is None:
            return f"{self.path}: content"
        left, right = (list(map(repr, data.splitlines(keepends=True))) for data in (one, two))
        lines = difflib.unified_diff(left, right, "composed", "run", n=0, lineterm="")
        return "\n  ".join([f"{self.path}: content", *lines][:_MOST_LINES])


def differences(composed: Tree, run: Tree) -> list[Difference]:
    """Return everything in which the trees differ, times excepted, which a tar of two builds has different anyway."""
    found = []
    for path in sorted(composed.keys() | run.keys()):
        one, two = composed.get(path), run.get(path)
        if one is None or two is None:
            found.append(Difference(path, "only run" if one is None else "only composed", one, two))
        elif one != two:
            fields = ("kind", "mode", "owner", "link", "xattrs", "digest")
            found += [
                Difference(path, "content" if field == "digest" else field, one, two)
                for field in fields
                if getattr(one, field) != getattr(two, field)
            ]
    return found


@dataclass(frozen=True)
class Allowed:
    """A difference that is no fault.

    Attributes:
        name: as the documentation has it.
        why: it does not matter.
        path: a pattern for the whole path.
        what: kinds of differences.
        check: must hold too.
    """

    name: str
    why: str
    path: str
    what: frozenset[str]
    check: Callable[[Difference], bool] = lambda _: True

    def covers(self, difference: Difference) -> bool:
        """Tell whether this is the one."""
        return (
            difference.what in self.what
            and re.fullmatch(self.path, difference.path, re.DOTALL) is not None
            and self.check(difference)
        )


def _same_code(difference: Difference) -> bool:
    """Tell whether two .pyc have the same header and equal code."""
    one = difference.composed.data if difference.composed else None
    two = difference.run.data if difference.run else None
    if one is None or two is None or one[:16] != two[:16]:
        return False
    return bool(marshal.loads(one[16:]) == marshal.loads(two[16:]))


def _same_but_for_uv(difference: Difference) -> bool:
    """Tell whether two RECORDs are equal but for lines of what uv notes for itself."""
    one = difference.composed.data if difference.composed else None
    two = difference.run.data if difference.run else None
    if one is None or two is None:
        return False
    return one.splitlines() == [
        line for line in two.splitlines() if not re.search(rb"/uv_(?:build|cache)\.json,", line)
    ]


ALLOWED = (
    Allowed(
        "references in bytecode",
        "marshal writes a reference where an object has been seen before; what was seen depends on what else the "
        "compiling process holds. The code is equal, and so is the header with the time and size of the source",
        r".*/__pycache__/[^/]+\.pyc",
        frozenset({"content"}),
        _same_code,
    ),
    Allowed(
        "caches of installers",
        "without --no-cache-dir pip and uv keep what they downloaded; nothing is downloaded in a composed image",
        r"root/\.cache(?:/.*)?",
        frozenset({"only run"}),
    ),
    Allowed(
        "locks of uv",
        "uv leaves the file that keeps two of its processes apart; nothing runs in a composed image",
        r"tmp/uv-[0-9a-f]+\.lock|.*/\.lock",
        frozenset({"only run"}),
    ),
    Allowed(
        "notes of uv",
        "of what comes from a path uv notes when its file was changed, to see later whether it is newer; a time of the "
        "build does not belong into an image, and without it uv installs again",
        r".*\.dist-info/uv_(?:build|cache)\.json",
        frozenset({"only run"}),
    ),
    Allowed(
        "notes of uv in RECORD",
        "their lines are missing with them; all other lines are equal",
        r".*\.dist-info/RECORD",
        frozenset({"content"}),
        _same_but_for_uv,
    ),
)


def unexpected(composed: Tree, run: Tree, allowed: tuple[Allowed, ...] = ALLOWED) -> list[Difference]:
    """Return the differences that nothing in ``allowed`` covers."""
    return [
        difference
        for difference in differences(composed, run)
        if not any(one.covers(difference) for one in allowed)
    ]
