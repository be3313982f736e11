"""``hivebase run``."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, BinaryIO, Literal

import click

if TYPE_CHECKING:
    from collections.abc import Callable


class _Run(click.Command):
    """Leaves to CMD what comes after its first word: ``run IMAGE ls -t`` does not ask us for a terminal."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Write the ``--`` before CMD that the user may leave out."""
        valued = {
            name
            for option in self.params
            if isinstance(option, click.Option) and not option.is_flag
            for name in option.opts
        }
        words = 0
        is_value = False
        for position, word in enumerate(args):
            if is_value:
                is_value = False
            elif word == "--":
                break
            elif word.startswith("-") and word != "-":
                is_value = word in valued or re.fullmatch("-[it]+[ue]", word) is not None
            else:
                words += 1
                if words == 2:
                    args = [*args[:position], "--", *args[position:]]
                    break
        return super().parse_args(ctx, args)


class _Output:
    """Passes on at once what the command prints, and remembers when nobody reads it any more."""

    def __init__(self) -> None:
        self.gone: BrokenPipeError | None = None

    def to(self, stream: BinaryIO) -> Callable[[bytes], None]:
        """Return what takes chunks for ``stream``."""

        def write(chunk: bytes) -> None:
            try:
                stream.write(chunk)
                stream.flush()
            except BrokenPipeError as error:
                self.gone = error
                raise

        return write


@click.command("run", cls=_Run, short_help="Run a command in an image.")
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
    from hivebase.errors import HivebaseError, UsageError  # noqa: PLC0415
    from hivebase.layers.sandbox import host  # noqa: PLC0415
    from hivebase.layers.snapshots import Snapshots  # noqa: PLC0415
    from hivebase.oci.store import Store  # noqa: PLC0415

    terminal = bool(options["tty"])
    if terminal and not sys.stdin.isatty():
        raise UsageError("the input is not a terminal", hint="leave -t out")
    store = Store.open()
    _, found = find_image(store, image, directory)
    config = found.config.config
    env = config.environment() | parse_args(options["variables"], "--env")  # type: ignore[arg-type]
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
        output = _Output()
        try:
            return containers.run(
                argv,
                tuple(env.items()),
                user,
                output.to(sys.stdout.buffer),
                output.to(sys.stderr.buffer),
                stdin=sys.stdin.buffer,
            )
        except HivebaseError:
            if output.gone is not None:
                raise output.gone from None
            raise
