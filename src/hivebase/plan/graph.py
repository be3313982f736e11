"""Who stands on whom: the images of a hive, read from FROM, COPY --from, ADD --from and RUN --mount=from.

All stages count, needed or not: a person who asks for the graph asks about the files as they are.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import msgspec

from hivebase.errors import UsageError
from hivebase.plan.circles import circle, knots, order
from hivebase.plan.hive import Diagnostic, Hive, HiveImage
from hivebase.plan.names import classify, is_official
from hivebase.plan.uses import SCRATCH, Use, Uses, Via, read_uses

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from hivebase.reference import Reference


class Node(msgspec.Struct, frozen=True):
    """One image. ``refs`` are the expanded references of all its FROM lines, stages of its own left out."""

    name: str
    dockerfile: str
    refs: tuple[str, ...]


class Edge(msgspec.Struct, frozen=True, order=True):
    """``child`` uses ``parent``: an image of the hive, or in ``Graph.outside`` an external reference."""

    child: str
    parent: str
    via: Via


class Graph(msgspec.Struct, frozen=True):
    """The graph of a hive.

    Attributes:
        nodes: parents before children, otherwise by name; in a circle by name alone.
        edges: between images of the hive, sorted.
        outside: edges to external references, sorted.
        diagnostics: files and references that could not be understood, and remarks.
        apart: (child, parent) pairs where what the child writes looks like the parent and is an official image.
        problem: the circles among the edges, if there are any.
    """

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    outside: tuple[Edge, ...]
    diagnostics: tuple[Diagnostic, ...] = ()
    apart: frozenset[tuple[str, str]] = frozenset()
    problem: UsageError | None = None

    @property
    def external(self) -> tuple[str, ...]:
        """All external references, sorted."""
        return tuple(sorted({edge.parent for edge in self.outside}))

    def parents(self) -> dict[str, set[str]]:
        """Return for each image the images it uses."""
        return _parents((n.name for n in self.nodes), ((e.child, e.parent) for e in self.edges))

    def with_ancestors(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return ``names`` and all that they use, parents first."""
        parents = self.parents()
        wanted: set[str] = set()
        pending = list(names)
        while pending:
            name = pending.pop()
            if name not in wanted:
                wanted.add(name)
                pending.extend(parents[name])
        return tuple(node.name for node in self.nodes if node.name in wanted)


_SHOWN_STEPS = 12
"""Of a circle, the places in files that an error lists."""


class _Found(msgspec.Struct, frozen=True):
    image: HiveImage
    uses: Uses = msgspec.field(default_factory=Uses)
    diagnostics: list[Diagnostic] = []

    def remark(self, use: Use, message: str, severity: Literal["error", "warning"] = "warning") -> None:
        self.diagnostics.append(Diagnostic(self.image.dockerfile, message, use.line, severity))


class _Link(msgspec.Struct, frozen=True):
    """A use of an image of the hive."""

    item: _Found
    use: Use
    parent: str

    @property
    def pair(self) -> tuple[str, str]:
        """Child and parent."""
        return self.item.image.name, self.parent

    @property
    def place(self) -> str:
        """Where it is written."""
        return f"{self.item.image.dockerfile}:{self.use.line}"


def build_graph(hive: Hive, args: Mapping[str, str] | None = None, platform: str = "linux/amd64") -> Graph:
    """Read the graph of ``hive`` to build along it.

    Args:
        hive: the images.
        args: build args; those of an image's group apply below them.
        platform: of the build, for ``TARGETARCH`` and its kin.

    Raises:
        UsageError: images that use each other in a circle, or themselves; the message has the path.
    """
    graph = read_graph(hive, args, platform)
    if graph.problem is not None:
        raise graph.problem
    return graph


def read_graph(hive: Hive, args: Mapping[str, str] | None = None, platform: str = "linux/amd64") -> Graph:
    """Read the graph of ``hive`` to look at it: as ``build_graph``, but circles are told in ``problem``."""
    found = [_read(image, {**image.args, **(args or {})}, platform) for image in hive.images]
    own = _own_prefixes(hive, found)
    links: dict[tuple[str, int], _Link] = {}
    for item in found:
        for position, use in enumerate(item.uses.found):
            parent = _owner(hive, item, use, own)
            if parent is not None:
                links[item.image.name, position] = _Link(item, use, parent)
    names = [item.image.name for item in found]
    apart = _apart(names, links.values())
    for link in links.values():
        if link.pair in apart:
            link.item.remark(
                link.use, f"{link.use.text!r} is the official image: {link.parent} uses {link.pair[0]}"
            )
    links = {key: link for key, link in links.items() if link.pair not in apart}
    nodes: dict[str, Node] = {}
    outside: set[Edge] = set()
    for item in found:
        child = item.image.name
        refs: dict[str, None] = {}
        for position, use in enumerate(item.uses.found):
            owned = (child, position) in links
            if not owned and use.parsed is not None and not use.unset:
                outside.add(Edge(child, use.text, use.via))
            if use.via == "from" and (owned or not use.unset):
                refs.setdefault(use.text)
        nodes[child] = Node(child, item.image.dockerfile, tuple(refs))
    edges = {Edge(*link.pair, link.use.via) for link in links.values()}
    parents = _parents(names, (link.pair for link in links.values()))
    tied = knots(parents)
    remarks = [remark for item in found for remark in item.diagnostics]
    return Graph(
        tuple(nodes[name] for name in order(parents, tied)),
        tuple(sorted(edges)),
        tuple(sorted(outside)),
        (*hive.diagnostics, *remarks),
        apart,
        _problem([circle(knot, parents) for knot in tied], links.values()) if tied else None,
    )


def _parents(names: Iterable[str], pairs: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    result: dict[str, set[str]] = {name: set() for name in names}
    for child, parent in pairs:
        result[child].add(parent)
    return result


def _read(image: HiveImage, args: Mapping[str, str], platform: str) -> _Found:
    document = image.document or image.remains
    if document is None:
        return _Found(image)
    found = _Found(image, read_uses(document, args, platform))
    for error in found.uses.problems:
        line = getattr(error, "line", 0)
        found.diagnostics.append(Diagnostic(image.dockerfile, error.what, line, "error"))
    return found


_NOBODYS = re.compile(
    r"(?:.+\.)?(?:localhost|local|internal|test|invalid|example(?:\.(?:com|net|org))?)(?::[0-9]+)?\Z"
)
"""Registries that no publisher can have (RFC 2606, RFC 6762): what comes from there is one's own."""


def _prefix(reference: Reference) -> tuple[str, str]:
    return reference.registry, reference.repository.rpartition("/")[0]


def _own_prefixes(hive: Hive, found: Sequence[_Found]) -> dict[tuple[str, str], set[str]]:
    """Return registry and namespace of all references that mean images of the hive, and which they mean."""
    prefixes: dict[tuple[str, str], set[str]] = {}
    for item in found:
        for use in item.uses.found:
            if use.parsed is not None and (name := hive.find(use.parsed, item.image.name)):
                prefixes.setdefault(_prefix(use.parsed), set()).add(name)
    return prefixes


def _owner(hive: Hive, item: _Found, use: Use, own: Mapping[tuple[str, str], AbstractSet[str]]) -> str | None:
    """Return the image that ``use`` means; the image itself only when that is certainly a slip."""
    if use.parsed is None:
        if use.text != SCRATCH:
            item.remark(use, f"{use.text!r} is not an image reference{use.because}", "error")
        return None
    child = item.image.name
    parent = hive.index.find(use.parsed, child)
    if use.unset and parent is None:
        item.remark(use, f"{use.text!r} cannot be looked up{use.because}; give --build-arg", "error")
    elif use.unset:
        item.remark(use, f"{use.text!r} is taken for {parent}{use.because}")
    if parent != child or _is_slip(hive, item.image, use.parsed, own):
        return parent
    item.remark(use, f"{use.text!r} is another publisher's image: {parent} cannot stand on itself")
    return None


def _is_slip(
    hive: Hive, image: HiveImage, reference: Reference, own: Mapping[tuple[str, str], AbstractSet[str]]
) -> bool:
    """Tell whether ``image`` certainly means itself by ``reference``.

    ``grafana/Dockerfile`` with FROM grafana/grafana means the publisher's image, and ``Dockerfile.tools`` with
    FROM tools what was there before. It is a slip when there is no namespace, or one by which other images
    of the hive are called, or a registry that no publisher has.
    """
    file = classify(image.dockerfile.rpartition("/")[2])
    if is_official(reference) or (file is not None and file.variant):
        return False
    registry, namespace = _prefix(reference)
    if not registry and namespace in {"", hive.name}:
        # A checkout called grafana has no say in what grafana/grafana is.
        return not namespace or bool(hive.settings.hive.name) or image.name != hive.name
    return bool(_NOBODYS.match(registry) or own.get((registry, namespace), frozenset()) - {image.name})


def _apart(names: Sequence[str], links: Iterable[_Link]) -> frozenset[tuple[str, str]]:
    """Return the pairs that would close a circle and are only ever written as an official image.

    ``composer/Dockerfile`` stands on php, and ``php/Dockerfile`` copies from composer:2: the latter is Docker's.
    """
    written: dict[tuple[str, str], bool] = {}
    for link in links:
        parsed = link.use.parsed
        official = parsed is not None and is_official(parsed)
        written[link.pair] = written.get(link.pair, True) and official
    tied = knots(_parents(names, written))
    return frozenset(
        pair for pair, official in written.items() if official and any(set(pair) <= knot for knot in tied)
    )


def _problem(circles: Sequence[Sequence[str]], links: Iterable[_Link]) -> UsageError:
    places: dict[tuple[str, str], str] = {}
    for link in links:
        places.setdefault(link.pair, link.place)
    steps = [pair for path in circles for pair in pairwise(path)]
    shown = [places[pair] for pair in steps[:_SHOWN_STEPS]] + (["…"] if len(steps) > _SHOWN_STEPS else [])
    alone = all(len(path) == 2 for path in circles)
    return UsageError(
        f"images use each other in a circle: {'; '.join(' -> '.join(path) for path in circles)}",
        where=", ".join(shown),
        why="an image cannot stand on itself" if alone else "each would have to be built before itself",
        hint="change the FROM, COPY --from or RUN --mount=from of one of them",
    )
