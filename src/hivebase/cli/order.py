"""``hivebase order``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hivebase.cli.output import emit, emit_json, human_size, table

if TYPE_CHECKING:
    from hivebase.inspect.order import Costs, Position

_LONGEST = 60


@click.command("order", short_help="Show the layers of an image in their order, and what each costs.")
@click.argument("image")
@click.option("--explain", is_flag=True, help="Say why each layer is where it is.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def command(directory: str, /, image: str, *, explain: bool, as_json: bool) -> None:
    """Show the layers of IMAGE in their order, and what each costs when it changes.

    REGISTRY is what has to be stored anew; CONTAINERD what containerd and podman pull; DOCKER what classic Docker pulls
    and stores, since it knows a layer by all that is below it.
    """
    from hivebase.build.lookup import find_image  # noqa: PLC0415 -- verbs load what they use
    from hivebase.inspect.order import built, positions, whole_hive  # noqa: PLC0415
    from hivebase.oci.store import Store  # noqa: PLC0415

    store = Store.open()
    ref, found = find_image(store, image, directory)
    layers = positions(store, found)
    everything = whole_hive(built(store))
    if as_json:
        emit_json(
            {
                "ref": ref,
                "layers": [
                    {**_costs(item.costs), "what": item.what, "shared_by": item.shared, "why": item.why}
                    for item in layers
                ],
                "all_images": _costs(everything),
            }
        )
        return
    head = ("", "LAYER", "SHARED BY", "REGISTRY", "CONTAINERD", "DOCKER", *(["WHY"] if explain else []))
    rows = [head, *(_row(at, item, explain=explain) for at, item in enumerate(layers, 1))]
    emit(table(rows, right=frozenset({0, 2, 3, 4, 5})))
    emit(
        f"\n{len(layers)} layers; all built images of the store: registry {human_size(everything.registry)}, "
        f"containerd {human_size(everything.containerd)}, Docker {human_size(everything.docker)}"
    )


def _row(at: int, item: Position, *, explain: bool) -> tuple[str, ...]:
    what = " ".join(item.what.split())
    short = what if len(what) <= _LONGEST else what[: _LONGEST - 1] + "…"
    costs = (item.costs.registry, item.costs.containerd, item.costs.docker)
    return (str(at), short, str(item.shared), *map(human_size, costs), *([item.why] if explain else []))


def _costs(costs: Costs) -> dict[str, int]:
    return {"registry": costs.registry, "containerd": costs.containerd, "docker": costs.docker}
