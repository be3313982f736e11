"""Who stands on whom: the images of a hive, read from FROM, COPY --from, ADD --from and RUN --mount=from.

All stages count, needed or not: a person who asks for the graph asks about the files as they are.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Literal

from hivebase.dockerfile.ast import Arg, Copy, Env, Onbuild, Run
from hivebase.dockerfile.expand import references
from hivebase.dockerfile.parser import parse_trigger
from hivebase.errors import UsageError
from hivebase.plan.hive import Diagnostic, Hive, HiveImage
from hivebase.plan.names import is_official
from hivebase.plan.scope import Expander, Scope, meta_variables
from hivebase.reference import Reference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from hivebase.dockerfile.ast import Dockerfile, Instruction, Stage

Via = Literal["from", "copy", "mount"]


@dataclass(frozen=True, slots=True)
class Node:
    """One image. ``refs`` are the expanded references of all its FROM lines, stages of its own left out."""

    name: str
    dockerfile: str
    refs: tuple[str, ...]


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """``child`` uses ``parent``: an image of the hive, or in ``Graph.outside`` an external reference."""

    child: str
    parent: str
    via: Via


@dataclass(frozen=True, slots=True)
class Graph:
    """The graph of a hive.

    Attributes:
        nodes: parents before children, otherwise by name.
        edges: between images of the hive, sorted.
        outside: edges to external references, sorted.
        diagnostics: references that could not be understood, and remarks.
    """

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    outside: tuple[Edge, ...]
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def external(self) -> tuple[str, ...]:
        """All external references, sorted."""
        return tuple(sorted({edge.parent for edge in self.outside}))

    def parents(self) -> dict[str, set[str]]:
        """Return for each image the images it uses."""
        result: dict[str, set[str]] = {node.name: set() for node in self.nodes}
        for edge in self.edges:
            result[edge.child].add(edge.parent)
        return result

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


SCRATCH = "scratch"
"""The name that stands for no base at all."""


@dataclass(frozen=True, slots=True)
class _Use:
    """A reference as one image writes it.

    ``parsed`` is None for scratch and for what is no reference. ``unset`` names the variables without a value
    that keep ``text`` from being complete; ``parsed`` is then what can still be read from it.
    """

    text: str
    via: Via
    line: int
    parsed: Reference | None
    unset: tuple[str, ...] = ()

    @property
    def because(self) -> str:
        """A clause that names the missing variables, or nothing."""
        return f", because {' and '.join(self.unset)} has no value" if self.unset else ""


@dataclass(frozen=True, slots=True)
class _Found:
    image: HiveImage
    uses: list[_Use] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)

    def remark(self, use: _Use, message: str, severity: Literal["error", "warning"] = "warning") -> None:
        self.diagnostics.append(Diagnostic(self.image.dockerfile, message, use.line, severity))


def build_graph(hive: Hive, args: Mapping[str, str] | None = None, platform: str = "linux/amd64") -> Graph:
    """Read the graph of ``hive``.

    Args:
        hive: the images.
        args: build args; those of an image's group apply below them.
        platform: of the build, for ``TARGETARCH`` and its kin.

    Raises:
        UsageError: images that use each other in a circle, or themselves; the message has the path.
    """
    found = [_read(image, {**image.args, **(args or {})}, platform) for image in hive.images]
    own = _own_prefixes(hive, found)
    edges: set[Edge] = set()
    outside: set[Edge] = set()
    nodes: dict[str, Node] = {}
    for item in found:
        child = item.image.name
        refs: dict[str, None] = {}
        for use in item.uses:
            parent = _owner(hive, item, use, own)
            if parent is not None:
                edges.add(Edge(child, parent, use.via))
            elif use.parsed is not None and not use.unset:
                outside.add(Edge(child, use.text, use.via))
            if use.via == "from" and (parent or not use.unset):
                refs.setdefault(use.text)
        nodes[child] = Node(child, item.image.dockerfile, tuple(refs))
    order = _order(set(nodes), edges)
    remarks = [remark for item in found for remark in item.diagnostics]
    return Graph(
        tuple(nodes[name] for name in order),
        tuple(sorted(edges)),
        tuple(sorted(outside)),
        (*hive.diagnostics, *remarks),
    )


def _own_prefixes(hive: Hive, found: Sequence[_Found]) -> set[tuple[str, str]]:
    """Return registry and namespace of all references by which images of the hive mean each other."""
    prefixes = {("", ""), ("", hive.name)}
    for item in found:
        for use in item.uses:
            if use.parsed is not None and hive.find(use.parsed, item.image.name):
                prefixes.add((use.parsed.registry, use.parsed.repository.rpartition("/")[0]))
    return prefixes


def _owner(hive: Hive, item: _Found, use: _Use, own: set[tuple[str, str]]) -> str | None:
    """Return the image that ``use`` means; the image itself only when that is certainly a slip.

    ``grafana/Dockerfile`` with ``FROM grafana/grafana`` means the publisher's image. It is a circle when the
    namespace is one under which the hive's own images call each other, or there is none.
    """
    if use.parsed is None:
        if use.text != SCRATCH:
            item.remark(use, f"{use.text!r} is not an image reference{use.because}", "error")
        return None
    parent = hive.index.find(use.parsed)
    if use.unset and parent is None:
        item.remark(use, f"{use.text!r} cannot be looked up{use.because}; give --build-arg", "error")
    elif use.unset:
        item.remark(use, f"{use.text!r} is taken for {parent}{use.because}")
    if parent != item.image.name:
        return parent
    prefix = (use.parsed.registry, use.parsed.repository.rpartition("/")[0])
    if prefix in own and not is_official(use.parsed):
        return parent
    item.remark(use, f"{use.text!r} is another publisher's image: {parent} cannot stand on itself")
    return None


def _order(names: set[str], edges: set[Edge]) -> tuple[str, ...]:
    """Return ``names`` parents first, ties by name.

    Raises:
        UsageError: there is a circle.
    """
    parents: defaultdict[str, set[str]] = defaultdict(set)
    for edge in edges:
        parents[edge.child].add(edge.parent)
    sorter: TopologicalSorter[str] = TopologicalSorter(
        {name: sorted(parents[name]) for name in sorted(names)}
    )
    try:
        sorter.prepare()
    except CycleError as error:
        # graphlib lists each node before the one that needs it; people read "a needs b".
        raise _cycle(list(reversed(error.args[1]))) from None
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order += ready
        sorter.done(*ready)
    return tuple(order)


def _cycle(path: list[str]) -> UsageError:
    # The same circle is told the same way, wherever the search met it: from its first name on.
    ring = path[:-1]
    start = ring.index(min(ring))
    turned = [*ring[start:], *ring[:start], ring[start]]
    return UsageError(
        f"images use each other in a circle: {' -> '.join(turned)}",
        why="each would have to be built before itself"
        if len(ring) > 1
        else "an image cannot stand on itself",
        hint="change the FROM, COPY --from or RUN --mount=from of one of them",
    )


def _read(image: HiveImage, args: Mapping[str, str], platform: str) -> _Found:
    found = _Found(image)
    if image.document is None:
        return found
    try:
        meta = meta_variables(image.document, args, platform)
        found.uses.extend(_uses(image.document, meta, args))
    except UsageError as error:
        line = getattr(error, "line", 0)
        found.diagnostics.append(Diagnostic(image.dockerfile, error.what, line, "error"))
    return found


def _uses(document: Dockerfile, meta: Mapping[str, str], args: Mapping[str, str]) -> Iterator[_Use]:
    expander = Expander(document)
    aliases = {stage.from_.alias for stage in document.stages if stage.from_.alias}
    earlier: set[str] = set()
    for stage in document.stages:
        base = expander(stage.from_.image, meta.get, stage.from_)
        if base.lower() not in earlier:
            yield _use(base, stage.from_.image, meta.get, "from", stage.from_)
        if stage.from_.alias:
            earlier.add(stage.from_.alias)
        yield from _uses_in_stage(stage, document, Scope(meta, args), aliases)


def _uses_in_stage(stage: Stage, document: Dockerfile, scope: Scope, aliases: set[str]) -> Iterator[_Use]:
    expander = Expander(document)
    for instruction in stage.instructions:
        if isinstance(instruction, Arg | Env):
            scope.read(instruction, expander)
            continue
        inner = (
            parse_trigger(instruction.trigger, document.path)
            if isinstance(instruction, Onbuild)
            else instruction
        )
        for text, via in _sources(inner):
            name = expander(text, scope.get, instruction)
            if not (name.isdecimal() or name.lower() in aliases):
                yield _use(name, text, scope.get, via, instruction)


def _sources(instruction: Instruction) -> Iterator[tuple[str, Via]]:
    if isinstance(instruction, Copy) and instruction.from_:
        yield instruction.from_, "copy"
    elif isinstance(instruction, Run):
        for mount in instruction.mounts:
            if source := mount.get("from"):
                yield source, "mount"


def _use(text: str, written: str, lookup: Callable[[str], str | None], via: Via, at: Instruction) -> _Use:
    line = at.span.line
    if text == SCRATCH:
        return _Use(text, via, line, None)
    try:
        return _Use(text, via, line, Reference.parse(text))
    except UsageError:
        unset = tuple(name for name in references(written) if not lookup(name))
    # FROM ${REGISTRY}/base:${TAG} without a REGISTRY still says which image is meant.
    rest = text.strip("/").rstrip(":@")
    try:
        return _Use(rest, via, line, Reference.parse(rest) if unset else None, unset)
    except UsageError:
        return _Use(text, via, line, None, unset)
