"""The graph of a hive as text, JSON, Graphviz and Mermaid. Pure."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from hivebase.plan.graph import Graph

SCHEMA_VERSION = 1
"""Of the JSON form."""


def as_document(graph: Graph) -> dict[str, object]:
    """Return the JSON form as plain values."""
    return {
        "schema_version": SCHEMA_VERSION,
        "nodes": [
            {"name": node.name, "dockerfile": node.dockerfile, "from": list(node.refs)}
            for node in graph.nodes
        ],
        "external": list(graph.external),
        "edges": [{"child": e.child, "parent": e.parent, "via": e.via} for e in graph.edges],
    }


def as_json(graph: Graph) -> str:
    """Return the JSON form as text."""
    return json.dumps(as_document(graph), indent=2) + "\n"


def as_text(graph: Graph) -> str:
    """Return a tree: each external base, below it the images that stand on it, and so on.

    An image is drawn below every image or base that its FROM lines name; what it only copies from is told
    behind its name. Its own children are drawn at its first place alone.
    """
    below: dict[str, list[str]] = {}
    placed: set[str] = set()
    for edge in sorted({(e.parent, e.child) for e in (*graph.edges, *graph.outside) if e.via == "from"}):
        below.setdefault(edge[0], []).append(edge[1])
        placed.add(edge[1])
    copies: dict[str, set[str]] = {}
    for edge_ in (*graph.edges, *graph.outside):
        if edge_.via != "from":
            copies.setdefault(edge_.child, set()).add(edge_.parent)
    bases = [ref for ref in graph.external if ref in below]
    roots = [node.name for node in graph.nodes if node.name not in placed]
    lines: list[str] = []
    drawn: set[str] = set()
    # Images in a circle hang below nothing but each other; the first of them is as good a start as any.
    for start in (*bases, *roots, *(node.name for node in graph.nodes)):
        # An explicit stack: a chain of a thousand images is legal, and deeper than Python's calls may go.
        pending = [(start, "", "")] if start not in drawn else []
        while pending:
            name, margin, branch = pending.pop()
            again = name in drawn and name in below
            used = f"  (copies from {', '.join(sorted(copies[name]))})" if name in copies else ""
            lines.append(f"{margin}{branch}{name}{used}{'  (see above)' if again else ''}")
            if again:
                continue
            drawn.add(name)
            deeper = margin + {"": "", "├── ": "│   ", "└── ": "    "}[branch]
            children = below.get(name, [])
            for position, child in reversed(list(enumerate(children))):
                pending.append((child, deeper, "└── " if position == len(children) - 1 else "├── "))
    return "".join(f"{line}\n" for line in lines)


def as_dot(graph: Graph) -> str:
    """Return the Graphviz form; what is copied or mounted has a dashed arrow."""
    lines = ["digraph hive {", "  rankdir=BT;", "  node [shape=box];"]
    lines += [f"  {_quoted(node.name)};" for node in graph.nodes]
    lines += [f"  {_quoted(ref)} [shape=ellipse];" for ref in graph.external]
    for edge in (*graph.edges, *graph.outside):
        style = "" if edge.via == "from" else f' [style=dashed, label="{edge.via}"]'
        lines.append(f"  {_quoted(edge.child)} -> {_quoted(edge.parent)}{style};")
    return "\n".join([*lines, "}", ""])


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def as_mermaid(graph: Graph) -> str:
    """Return the Mermaid form, bases on top; what is copied or mounted has a dotted arrow."""
    ids = {name: f"n{i}" for i, name in enumerate([*graph.external, *(node.name for node in graph.nodes)])}
    lines = ["graph TD"]
    lines += [f"    {ids[ref]}([{_label(ref)}])" for ref in graph.external]
    lines += [f"    {ids[node.name]}[{_label(node.name)}]" for node in graph.nodes]
    for edge in (*graph.edges, *graph.outside):
        arrow = "-->" if edge.via == "from" else f"-. {edge.via} .->"
        lines.append(f"    {ids[edge.parent]} {arrow} {ids[edge.child]}")
    return "\n".join([*lines, ""])


def _label(text: str) -> str:
    return '"' + re.sub(r'["<>&#]', lambda match: f"#{ord(match[0])};", text) + '"'


FORMATS: dict[str, Callable[[Graph], str]] = {
    "text": as_text,
    "json": as_json,
    "dot": as_dot,
    "mermaid": as_mermaid,
}
"""All forms by their name on the command line."""
