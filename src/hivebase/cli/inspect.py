"""``hivebase inspect``."""

from __future__ import annotations

import click
import msgspec

from hivebase.cli.output import emit, emit_json, human_size, table


@click.command("inspect", short_help="Show one image: layers, configuration, sizes.")
@click.argument("image", metavar="IMAGE")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def command(directory: str, image: str, as_json: bool) -> None:
    """Show one image: digest, layers with what made them, configuration, sizes.

    IMAGE is a reference in the store, or the name of an image of the hive.
    """
    from hivebase.build.lookup import find_image  # noqa: PLC0415 -- verbs load what they use
    from hivebase.build.stage import Built  # noqa: PLC0415
    from hivebase.inspect.summary import layer_sizes, summarise  # noqa: PLC0415
    from hivebase.oci.store import Store  # noqa: PLC0415

    store = Store.open()
    ref, found = find_image(store, image, directory)
    summary = summarise(store, ref, found)
    # As a stage would see it: an image from elsewhere may have a history that does not fit its layers.
    history = Built.of_image(found).history
    made_by = [entry.created_by or entry.comment for entry in history if not entry.empty_layer]
    layers = [
        {
            "digest": layer.digest,
            "diff_id": diff_id,
            "compressed_size": layer.size,
            "size": size,
            "created_by": by,
        }
        for layer, diff_id, size, by in zip(
            found.manifest.layers,
            found.config.rootfs.diff_ids,
            layer_sizes(store, found),
            made_by,
            strict=True,
        )
    ]
    if as_json:
        emit_json(
            summary.document()
            | {
                "platform": str(found.config.platform),
                "created": found.config.created,
                "config": msgspec.to_builtins(found.config.config),
                "annotations": found.manifest.annotations,
                "layer_details": layers,
            }
        )
        return
    config = found.config.config
    facts = [
        ("reference", ref),
        ("digest", summary.digest),
        ("platform", str(found.config.platform)),
        ("base", summary.base or "-"),
        ("stand-ins", ", ".join(summary.stand_ins) or "-"),
        ("size", f"{human_size(summary.size)} ({human_size(summary.compressed_size)} compressed)"),
        ("user", config.user or "root"),
        ("working dir", config.working_dir or "/"),
        ("entry point", " ".join(config.entrypoint or ()) or "-"),
        ("command", " ".join(config.cmd or ()) or "-"),
        *(("env", entry) for entry in config.env),
        *(("label", f"{name}={value}") for name, value in sorted(config.labels.items())),
    ]
    emit(table(facts))
    rows: list[tuple[str, ...]] = [("LAYER", "SIZE", "COMPRESSED", "MADE BY")]
    rows += [
        (
            str(layer["digest"])[7:19],
            human_size(int(str(layer["size"]))),
            human_size(int(str(layer["compressed_size"]))),
            " ".join(str(layer["created_by"]).split())[:90],
        )
        for layer in layers
    ]
    emit("\n" + table(rows, right=frozenset({1, 2})))
