"""``python -m benchmarks``: see ``scripts/bench.sh``, which installs what this needs."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import chart, disk, limit, machine, mirror, wheels
from benchmarks.commands import BenchError, Runner, need
from benchmarks.hive import BASE, ROOT
from benchmarks.results import Measured, Result, compare, document, table
from benchmarks.scenarios import ALL, LIMIT, Course
from benchmarks.sides.buildah import Buildah
from benchmarks.sides.docker import Bake, DockerSame, DockerSeed, DockerTuned
from benchmarks.sides.ours import Ours
from benchmarks.sides.side import Bench, Side

if TYPE_CHECKING:
    from collections.abc import Iterator

PEERS: dict[str, type[Side]] = {
    side.name: side for side in (DockerSeed, DockerTuned, DockerSame, Bake, Buildah)
}
_FLAT = {Ours.name, DockerSeed.name}
_LIMIT_PEER = "physical limit"


def say(text: str) -> None:
    """Tell a person how it goes."""
    print(f"==> {text}", file=sys.stderr, flush=True)


def arguments() -> argparse.Namespace:
    """Return the command line's arguments."""
    parser = argparse.ArgumentParser(prog="scripts/bench.sh", description="hivebase beside other builders")
    parser.add_argument("scenario", nargs="*", metavar="SCENARIO", help=f"{', '.join(ALL)}; all by default")
    parser.add_argument("--peers", default=",".join(PEERS), help="comma-separated (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results as JSON")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="draw the results")
    parser.add_argument("--no-bytecode", action="store_true", help="no side compiles, in any scenario")
    parser.add_argument(
        "--packages", choices=("warm", "cold"), default="warm", help="caches of uv and of hivebase"
    )
    parser.add_argument("--repeat", type=int, default=3, help="of short scenarios (default: %(default)s)")
    parser.add_argument("--repeat-cold", type=int, default=1, help="of cold builds (default: %(default)s)")
    parser.add_argument("--skip-ours", action="store_true", help="measure the peers alone")
    parser.add_argument("--keep", action="store_true", help="leave the working directory")
    parsed = parser.parse_args()
    parsed.peers = [name for name in parsed.peers.split(",") if name]
    for name, known in (("scenario", ALL), ("peers", tuple(PEERS))):
        for value in getattr(parsed, name):
            if value not in known:
                parser.error(f"unknown {name}: {value} (known: {', '.join(known)})")
    parsed.scenario = parsed.scenario or list(ALL)
    return parsed


@contextlib.contextmanager
def working_directory(*, keep: bool) -> Iterator[Path]:
    """Make a directory for one run; short, since sockets are below it, and on a disk."""
    path = Path(tempfile.mkdtemp(prefix="hivebase-bench-", dir="/var/tmp"))
    try:
        yield path
    finally:
        if keep:
            say(f"everything is in {path}")
        else:
            shutil.rmtree(path, ignore_errors=True)


def export_base(target: Path, log: Path) -> None:
    """Write the base image of this machine's store as a docker-archive.

    Raises:
        BenchError: the store has none.
    """
    program = ROOT / ".venv" / "bin" / "hivebase"
    Runner(log, os.environ).run(program, "export", "--format", "docker", BASE, target)


@contextlib.contextmanager
def bench(options: argparse.Namespace) -> Iterator[Bench]:
    """Set up what all sides share."""
    cache = wheels.cache_directory()
    with working_directory(keep=options.keep) as place, disk.file_system(place, place / "setup.log") as work:
        log = place / "setup.log"
        say("gathering wheels")
        wheels.gather(ROOT / "base-images", cache / "wheels", log)
        base = work / "base.tar"
        export_base(base, log)
        uv = wheels.unpack_uv(cache / "wheels", work / "uv")
        size = wheels.warm(cache / "wheels")
        with mirror.serve(cache / "wheels", cache / "apt") as server:
            say(f"the mirror has {len(server.files)} wheels, {size / 1e6:.0f} MB")
            yield Bench(work, cache, server, base, uv, options.packages == "warm")


def measure(side: Side, options: argparse.Namespace) -> tuple[Course, str]:
    """Take one side through its course; return it and the side's version."""
    course = Course(
        side=side,
        wanted=[name for name in options.scenario if side.scenarios is None or name in side.scenarios],
        repeat=options.repeat,
        repeat_cold=options.repeat_cold,
        bytecode=not options.no_bytecode,
        flat=side.name in _FLAT,
        say=lambda text: say(f"{side.name}: {text}"),
    )
    say(f"{side.name}: load average {os.getloadavg()[0]:.2f}")
    with side.running():
        version = side.version()
        course.run()
    if not options.keep:
        shutil.rmtree(side.work, ignore_errors=True)
    return course, version


def same_packages(courses: dict[str, Course]) -> None:
    """Check that all sides built the same.

    Raises:
        BenchError: an image has other packages than another side's.
    """
    sides = list(courses.items())
    for name, course in sides[1:]:
        for image, packages in course.packages.items():
            wanted = set(sides[0][1].packages[image].split())
            if difference := wanted ^ set(packages.split()):
                raise BenchError(
                    f"{image} of {name} and of {sides[0][0]} differ: {', '.join(sorted(difference))}"
                )


def against_limit(shared: Bench) -> list[Result]:
    """Compare composing with the physical limit."""
    stack = limit.stack(ROOT / "base-images", shared.cache / "wheels")
    best, size = limit.limit(stack)
    say(f"limit: {len(stack)} wheels, {size / 1e6:.0f} MB inflated, {best:.2f} s")
    found = limit.ours(stack, shared.work)
    if found is None:
        say("limit: this hivebase has nothing to compare with it")
        return []
    return [Result(LIMIT, _LIMIT_PEER, metric, value, best) for metric, value in found.items()]


def notes(options: argparse.Namespace, versions: dict[str, str]) -> list[str]:
    """Return the lines without which the figures mean nothing."""
    compiled = "no side compiles bytecode" if options.no_bytecode else "all sides compile bytecode"
    cached = "kept from an earlier build" if options.packages == "warm" else "empty"
    return [
        *machine.facts(),
        *(["; ".join(dict.fromkeys(versions.values()))] if versions else []),
        "same base image, same wheels and same Debian packages for all, from a mirror on the loopback",
        f"package caches of the tools that have one (hivebase, uv of docker-tuned): {cached}",
        f"{compiled}, but for cold-no-bytecode; medians of {options.repeat} ({options.repeat_cold} if cold)",
    ]


def main() -> int:
    """Run the program; return its exit code."""
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        need("setpriv", "util-linux")
        facts = machine.facts()
        for line in facts:
            say(line)
        with bench(options) as shared:
            return run(options, shared)
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def run(options: argparse.Namespace, shared: Bench) -> int:
    """Measure everything that ``options`` ask for, and tell; return the exit code."""
    results: list[Result] = against_limit(shared) if LIMIT in options.scenario else []
    sides: list[type[Side]] = [
        *([] if options.skip_ours else [Ours]),
        *(PEERS[name] for name in options.peers),
    ]
    courses: dict[str, Course] = {}
    versions: dict[str, str] = {}
    for kind in sides if set(options.scenario) - {LIMIT} else []:
        if kind.scenarios is not None and not kind.scenarios & set(options.scenario):
            continue
        courses[kind.name], versions[kind.name] = measure(kind(shared), options)
    same_packages(courses)
    measured: dict[str, Measured] = {name: course.measured for name, course in courses.items()}
    results = [*compare(measured.pop(Ours.name, {}), measured), *results]
    told = notes(options, versions)
    print("\n".join(told), end="\n\n")
    print(table(results), end="")
    if options.json:
        options.json.write_text(document(results), encoding="utf-8")
    if options.svg:
        options.svg.write_text(chart.svg(results, told), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
