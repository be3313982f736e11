"""``hivebase load``."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, cast

import click

from hivebase.build.load import RUNTIMES
from hivebase.cli.output import emit, emit_json, human_size, note

if TYPE_CHECKING:
    from hivebase.build.load import Runtime
    from hivebase.build.load.transfer import Loaded

_NAMESPACE = re.compile(r"[A-Za-z0-9]+([._-][A-Za-z0-9]+)*\Z", re.ASCII)  # containerd's identifiers


@click.command("load", short_help="Load an image into docker, podman or containerd.")
@click.argument("image", metavar="IMAGE")
@click.option("--into", "runtime", type=click.Choice(RUNTIMES), required=True, help="Which runtime.")
@click.option(
    "--namespace",
    default="",
    metavar="NAME",
    help="Of containerd: 'k8s.io' for Kubernetes. Default $CONTAINERD_NAMESPACE, else 'default'.",
)
@click.option("--latest", is_flag=True, help="Tag it ':latest' there too (for local development only).")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_obj
def command(directory: str, image: str, runtime: str, namespace: str, latest: bool, as_json: bool) -> None:
    """Load an image into a container runtime of this machine, without the layers that the runtime has.

    The runtime is reached as its own command reaches it (DOCKER_HOST, CONTAINER_HOST, CONTAINERD_ADDRESS).
    """
    from hivebase.build.load import load  # noqa: PLC0415 -- verbs load what they use
    from hivebase.build.lookup import find_image  # noqa: PLC0415
    from hivebase.cli.display import Display  # noqa: PLC0415
    from hivebase.cli.interrupts import second_interrupt_kills  # noqa: PLC0415
    from hivebase.errors import PolicyError  # noqa: PLC0415
    from hivebase.oci.store import Store  # noqa: PLC0415

    if namespace and runtime != "containerd":
        raise click.UsageError("--namespace is one of containerd: --into containerd")
    if namespace and not _NAMESPACE.match(namespace):
        raise click.UsageError(f"not a namespace of containerd: {namespace!r}")
    if latest and os.environ.get("CI", "") not in {"", "false"}:
        raise PolicyError(
            "'latest' is for local development",
            why="CI is set",
            hint="leave --latest out and use the version",
        )
    second_interrupt_kills()
    store = Store.open()
    with store.lease(), Display() as display:
        ref, found = find_image(store, image, directory)
        names = [ref]
        if latest and not ref.endswith(":latest"):
            names.append(f"{ref.rpartition(':')[0]}:latest")
        loaded = load(store, found, names, cast("Runtime", runtime), namespace=namespace, listener=display)
    if as_json:
        emit_json({"ref": ref, "digest": found.descriptor.digest, "runtime": runtime, **_document(loaded)})
        return
    for name in loaded.names:
        emit(f"Loaded image: {name}")
    rest = "" if loaded.sent == loaded.layers else f"; {runtime} had the others"
    note(f"sent {loaded.sent} of {loaded.layers} layers ({human_size(loaded.size)}){rest}")


def _document(loaded: Loaded) -> dict[str, object]:
    return {
        "names": loaded.names,
        "layers": loaded.layers,
        "layers_sent": loaded.sent,
        "layers_present": loaded.layers - loaded.sent,
        "bytes_sent": loaded.size,
        "refused": loaded.refused,
    }
