"""``hivebase run``."""

from __future__ import annotations

import os
import sys
from typing import Literal

import click


@click.command(
    "run", short_help="Run a command in an image.", context_settings={"ignore_unknown_options": True}
)
@click.argument("image", metavar="IMAGE")
@click.argument("words", nargs=-1, metavar="[-- CMD...]", type=click.UNPROCESSED)
@click.option("-i", "--interactive", is_flag=True, help="With -t: a shell, or CMD, on this terminal.")
@click.option("-t", "--tty", is_flag=True, help="Give the command this terminal.")
@click.option("-u", "--user", help="User[:group] instead of the image's.")
@click.option("-e", "--env", "variables", multiple=True, metavar="NAME=VALUE", help="Set a variable.")
@click.option("--network", type=click.Choice(["host", "none"]), default="host", show_default=True)
@click.option("--entrypoint", help="Instead of the image's entry point; empty for none.")
@click.pass_obj
def command(directory: str, /, image: str, words: tuple[str, ...], **options: object) -> int:
    """Run a command in a throw-away container of IMAGE; nothing that it writes is kept.

    With -it and no CMD a shell is opened. The exit code is the command's.
    """
    from hivebase.build.containers import Containers, command_of  # noqa: PLC0415 -- verbs load what they use
    from hivebase.build.lookup import find_image  # noqa: PLC0415
    from hivebase.cli.options import parse_args  # noqa: PLC0415
    from hivebase.errors import UsageError  # noqa: PLC0415
    from hivebase.layers.sandbox import host  # noqa: PLC0415
    from hivebase.layers.snapshots import Snapshots  # noqa: PLC0415
    from hivebase.oci.store import Store  # noqa: PLC0415

    terminal = bool(options["tty"])
    if terminal and not sys.stdin.isatty():
        raise UsageError("the input is not a terminal", hint="leave -t out")
    store = Store.open()
    _, found = find_image(store, image, directory)
    config = found.config.config
    env = config.environment() | parse_args(options["variables"])  # type: ignore[arg-type]
    if terminal:
        env.setdefault("TERM", os.environ.get("TERM", "xterm"))
    network: Literal["none", "host"] = "none" if options["network"] == "none" else "host"
    settings = host.collect(os.environ) if network == "host" else host.HostConfiguration()
    with Snapshots(store) as snapshots:
        containers = Containers(store, snapshots, found, network, settings)
        if options["entrypoint"] is not None:
            argv = (*filter(None, (str(options["entrypoint"]),)), *words)
        elif terminal and not words:
            # A terminal without a command means a look around, whatever the image would start by itself.
            argv = (containers.shell(),)
        else:
            argv = command_of(found, words)
        if not argv:
            raise UsageError(f"{image} has no command", hint=f"hivebase run {image} -- COMMAND")
        user = str(options["user"]) if options["user"] is not None else config.user
        if terminal:
            return containers.attach(argv, tuple(env.items()), user)
        return containers.run(
            argv,
            tuple(env.items()),
            user,
            sys.stdout.buffer.write,
            sys.stderr.buffer.write,
            stdin=sys.stdin.buffer,
        )
