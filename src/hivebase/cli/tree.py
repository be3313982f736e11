"""``hivebase tree``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hivebase.cli.output import emit, human_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hivebase.inspect.summary import Summary


@click.command("tree", short_help="Show the hierarchy with sizes.")
def command() -> None:
    """Show the built images below what they stand on, each with what it adds and its size."""
    from hivebase.inspect.summary import summaries  # noqa: PLC0415 -- verbs load what they use
    from hivebase.oci.store import Store  # noqa: PLC0415

    by_ref = {summary.ref: summary for summary in summaries(Store.open(), everything=True)}
    built = {ref: summary for ref, summary in by_ref.items() if summary.base}
    children: dict[str, list[str]] = {}
    for ref, summary in built.items():
        children.setdefault(summary.base, []).append(ref)
    for root in sorted(set(children) - set(built)):
        known = by_ref.get(root)
        emit(f"{root}  {human_size(known.size)}" if known else root)
        for line in _branch(root, children, by_ref, ""):
            emit(line)


def _branch(
    parent: str, children: Mapping[str, list[str]], by_ref: Mapping[str, Summary], indent: str
) -> Iterator[str]:
    names = sorted(children.get(parent, ()))
    for position, ref in enumerate(names):
        last = position == len(names) - 1
        size = by_ref[ref].size
        below = by_ref[parent].size if parent in by_ref else 0
        yield f"{indent}{'└── ' if last else '├── '}{ref}  +{human_size(size - below)} = {human_size(size)}"
        yield from _branch(ref, children, by_ref, indent + ("    " if last else "│   "))
