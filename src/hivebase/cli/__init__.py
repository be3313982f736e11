"""One file per verb: arguments, one library call, output and exit code.

Verbs are loaded when they are called, so that ``hivebase --help`` does not pay for what it does not use.
"""

from __future__ import annotations

import importlib
import io
import os
import sys
from typing import Any

import click

from hivebase import __version__
from hivebase.cli.output import report_error
from hivebase.errors import HivebaseError, InterruptedByUserError, UsageError

VERBS = {
    "build": "Build images of the hive, in dependency order.",
    "plan": "Show what a build would do, and why.",
    "lock": "Resolve what all images install, and write it down.",
    "graph": "Show which image stands on which.",
    "images": "List the images in the local store.",
    "tree": "Show the hierarchy with sizes.",
    "inspect": "Show one image: layers, configuration, sizes.",
    "sbom": "List what an image holds, as CycloneDX or SPDX.",
    "order": "Show the layers of an image in their order, and what each costs.",
    "run": "Run a command in an image.",
    "test": "Run the contract tests of images.",
    "verify": "Show that a published image is true, or that another engine builds the same.",
    "export": "Write an image to a file.",
    "import": "Read an image from a file.",
    "push": "Publish images of the hive.",
    "pull": "Bring an image from a registry into the local store.",
    "copy": "Promote an image from one registry to another, by digest.",
    "status": "Compare the hive with what a registry has.",
    "load": "Load an image into docker, podman or containerd.",
    "login": "Keep a user name and a password for a registry.",
    "logout": "Forget the user name and the password for a registry.",
    "doctor": "Check what this machine can do.",
    "prune": "Remove from the store what nothing uses.",
}


class _ReaderGoneError(Exception):
    """A broken pipe, under a name that click leaves alone: it would make an exit code 1 of it."""


class _Verbs(click.Group):
    """Knows the verbs' names and one-line helps; imports a verb when it is called."""

    def invoke(self, ctx: click.Context) -> Any:
        """Call the verb."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise _ReaderGoneError from error

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order in which people meet them."""
        del ctx
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the verb's module and return its command."""
        del ctx
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(
            f"hivebase.cli.{cmd_name}_" if cmd_name == "import" else f"hivebase.cli.{cmd_name}"
        )
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Add a suggestion to click's message about an unknown verb."""
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            import difflib  # noqa: PLC0415 -- only on this mistake

            close = difflib.get_close_matches(args[0], VERBS, 1)
            raise UsageError(
                f"no such command: {args[0]}",
                hint=f"did you mean '{close[0]}'?" if close else "see 'hivebase --help'",
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Print the verbs without importing any."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=True)
@click.version_option(__version__, prog_name="hivebase")
@click.option(
    "-C", "--directory", default=".", metavar="DIR", help="Work as if started in DIR.", show_default=False
)
@click.pass_context
def hivebase(ctx: click.Context, directory: str) -> None:
    """Build, prove, publish and govern hierarchies of Python container base images, without a daemon.

    Exit codes: 0 ok; 1 a build or test failed; 2 usage or configuration; 3 the machine or the network;
    4 refused by policy; 130 interrupted.
    """
    ctx.obj = directory


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave the process with its exit code."""
    _open_streams()
    try:
        # standalone_mode off: our exit codes and our error format, not click's.
        code: Any = hivebase.main(args=arguments, prog_name="hivebase", standalone_mode=False)
        sys.stdout.flush()
    except HivebaseError as error:
        report_error(error)
        code = error.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help())
        code = 0
    except click.ClickException as error:
        hint = f"{error.ctx.command_path} --help" if isinstance(error, click.UsageError) and error.ctx else ""
        report_error(UsageError(" ".join(error.format_message().split()), hint=hint))
        code = UsageError.exit_code
    except (click.Abort, KeyboardInterrupt):
        report_error(InterruptedByUserError("interrupted"))
        code = InterruptedByUserError.exit_code
    except (BrokenPipeError, _ReaderGoneError):
        # The reader (head, less) has gone: not an error.
        code = 0
    except Exception as error:  # noqa: BLE001 -- whatever it is, a user gets one message and an exit code
        from hivebase.build.failures import told  # noqa: PLC0415 -- only on this path

        report_error(told(error))
        code = told(error).exit_code
    _settle_streams()
    sys.exit(code if isinstance(code, int) else 0)


def _settle_streams() -> None:
    """Let go of what cannot be printed: Python would try again while it ends, complain, and change the exit code."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _open_streams() -> None:
    """Make sure of three streams that take any text.

    One that was closed by who started us would be the next file that we open, a blob perhaps, and children would
    print to it. Names that the terminal's encoding does not have are printed as escapes.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # takes the lowest number: this one
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8")
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
