"""``hivebase test``."""

from __future__ import annotations

from pathlib import Path

import click

from hivebase.cli.output import emit, emit_json, note


@click.command("test", short_help="Run the contract tests of images.")
@click.argument("images", nargs=-1, metavar="[IMAGE]...")
@click.option("--version", metavar="X.Y.Z", help="Of the images, instead of the one in hivebase.toml.")
@click.option("--group", default="", help="Only the images of this group of hivebase.toml.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("-v", "--verbose", is_flag=True, help="Name the tests that passed, too.")
@click.pass_obj
def command(
    directory: str, /, images: tuple[str, ...], version: str | None, group: str, as_json: bool, verbose: bool
) -> int:
    """Hold images to the contracts beside their Dockerfiles, and to those of what they stand on.

    Commands run in throw-away containers without a network. Without IMAGE all images of the hive are tested.
    """
    from hivebase.build.workspace import find_root, open_workspace  # noqa: PLC0415 -- verbs load what they use
    from hivebase.inspect.contracts.verify import verify  # noqa: PLC0415
    from hivebase.oci.store import Store  # noqa: PLC0415

    workspace = open_workspace(find_root(Path(directory)))
    reports = []
    for report in verify(workspace, Store.open(), images, group=group, version=version or ""):
        reports.append(report)
        if as_json:
            continue
        failed = [item for item in report.results if not item.result.passed]
        count = len(report.results)
        emit(f"{'FAIL' if failed else 'ok  '} {report.ref}  {count - len(failed)}/{count} passed")
        for item in report.results:
            if verbose and item.result.passed:
                note(f"  ok   {item.owner}: {item.result.name}")
            for problem in item.result.problems:
                emit(f"  FAIL {item.owner}: {item.result.name}: {problem}")
        if not report.results:
            note(
                f"  {report.ref} has no contract: write a container-structure-test.yaml beside its Dockerfile"
            )
    if as_json:
        emit_json(
            {
                "images": [
                    {
                        "ref": report.ref,
                        "passed": report.passed,
                        "tests": [
                            {
                                "contract": item.owner,
                                "name": item.result.name,
                                "problems": list(item.result.problems),
                            }
                            for item in report.results
                        ],
                    }
                    for report in reports
                ]
            }
        )
    return 0 if all(report.passed for report in reports) else 1
