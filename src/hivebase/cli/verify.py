"""``hivebase verify``."""

from __future__ import annotations

from typing import Any

import click

from hivebase.build.engines import FOREIGN


@click.command(
    "verify", short_help="Show that a published image is true, or that another engine builds the same."
)
@click.argument("images", nargs=-1, metavar="[REF|IMAGE]...")
@click.option("--key", metavar="FILE", default="", help="The publisher's public key: demand its signatures.")
@click.option(
    "--rebuild", is_flag=True, help="Build the image once more from this hive, and compare digests."
)
@click.option(
    "--against",
    type=click.Choice(FOREIGN),
    help="Compare images of the hive with what this engine builds, as it is on this machine.",
)
@click.option(
    "--builder", default="", metavar="NAME", help="With --against buildx: which builder, if not that in use."
)
@click.option("--group", default="", help="With --against: only the images of this group of hivebase.toml.")
@click.option("--version", metavar="X.Y.Z", help="With --against: version to build, instead of the hive's.")
@click.option("--build-arg", "build_args", multiple=True, metavar="NAME=VALUE", help="Set a build arg.")
@click.option(
    "--secret", "secrets", multiple=True, metavar="id=ID[,src=FILE|,env=NAME]", help="Give a secret to RUN."
)
@click.option("--no-compose", is_flag=True, help="On our side, run all installations of Python packages.")
@click.option("-v", "--verbose", is_flag=True, help="Show all that the steps print, and all differences.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_obj
def command(directory: str, /, **words: Any) -> int:
    """Show that published images are what their publisher says, or that another engine builds the same.

    With a REF in a registry: who signed it (--key), whether its provenance and SBOMs are about it, whether the SBOMs
    say what is really in it, and with --rebuild whether it comes out the same when it is built again.

    With --against and IMAGE (without, all of the hive): images are built with hivebase and with another engine, and
    compared path by path: kind, mode, owner, link, attributes and content, which names share one file,
    configuration and history.

    Exit code 1 tells of anything that is not as it should be, or that differs and is not on the list of allowed
    differences (docs/reference/equivalence.md).
    """
    if words["against"]:
        if words["key"] or words["rebuild"]:
            raise click.UsageError(
                "--key and --rebuild are for published images, --against is for those of the hive"
            )
        from hivebase.cli.against import compare  # noqa: PLC0415 -- verbs load what they use

        return compare(directory, words)
    if not words["images"]:
        raise click.UsageError(
            "which image? REF of a published one, or --against ENGINE for those of the hive"
        )
    from hivebase.cli.published import verify  # noqa: PLC0415 -- verbs load what they use

    return verify(directory, words)
