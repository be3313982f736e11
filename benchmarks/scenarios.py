"""What one side goes through, in one order, and what is measured on the way."""

from __future__ import annotations

import os
import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmarks.commands import BenchError, seconds
from benchmarks.hive import BASES, FLAT, SERVICES, reference
from benchmarks.registry import registry
from benchmarks.wheels import PATCHES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from benchmarks.registry import Registry
    from benchmarks.results import Measured
    from benchmarks.sides.side import Side
    from benchmarks.variants import Wheel

COLD, COLD_BARE = "cold", "cold-no-bytecode"
NO_OP, ONE_LINE, PATCH, SPACE, LIMIT = "no-op", "one-line", "protobuf-patch", "space", "limit"
PUSH = "push"
ALL = (COLD, COLD_BARE, NO_OP, ONE_LINE, PUSH, PATCH, SPACE, LIMIT)
_PUSHING = {PUSH, PATCH, SPACE}
_CHECKED = ("python-mlops-base", "python-specialist-base")


@dataclass
class Course:
    """One side's run.

    Attributes:
        side: who runs.
        wanted: the scenarios.
        repeat: measurements of a short scenario; the median counts.
        repeat_cold: the same of a cold build.
        bytecode: whether installations compile, but in the scenario that says so itself.
        flat: whether to build the services without shared bases.
        say: tells a person how it goes.
        measured: so far.
        packages: what is installed in the images that were looked at.
    """

    side: Side
    wanted: Collection[str]
    repeat: int
    repeat_cold: int
    bytecode: bool
    flat: bool
    say: Callable[[str], None]
    measured: Measured = field(default_factory=dict)
    packages: dict[str, str] = field(default_factory=dict)

    def run(self) -> None:
        """Go through all of it; what runs must run already.

        Raises:
            BenchError: a build or a push failed.
        """
        if {COLD, COLD_BARE} & set(self.wanted):
            self._warm_up()
        if COLD_BARE in self.wanted:
            self._cold(COLD_BARE, bytecode=False)
        if set(self.wanted) <= {COLD_BARE, LIMIT}:
            return
        if COLD in self.wanted:
            self._cold(COLD, bytecode=self.bytecode)
        else:
            self._prepare(bytecode=self.bytecode)
            self.side.build(BASES)
        self.packages = {image: self.side.packages(image) for image in _CHECKED}
        if set(self.wanted) <= {COLD, COLD_BARE, LIMIT}:
            return
        if set(self.wanted) - {COLD, COLD_BARE, LIMIT, PUSH}:
            self.side.build(SERVICES)
        if NO_OP in self.wanted:
            self._repeated(NO_OP, "five bases, seconds", lambda: self.side.build(BASES))
            self._repeated(NO_OP, "ten images, seconds", self.side.hive)
        if ONE_LINE in self.wanted:
            self._repeated(
                ONE_LINE,
                "seconds",
                lambda: self.side.build(SERVICES),
                before=lambda: self.side.tree.change_line(SERVICES[0]),
            )
        if _PUSHING & set(self.wanted):
            with registry(self.side.work / "registry") as target:
                self._pushing(target)

    def _warm_up(self) -> None:
        """Let the mirror fetch what it serves, and fill the caches that outlive a cold start."""
        self._prepare(bytecode=self.bytecode)
        filling = self.side.caches_packages and self.side.bench.warm
        self.say("filling package caches")
        self.side.build(BASES if filling else BASES[:1])

    def _prepare(self, *, bytecode: bool) -> None:
        self.side.prepare(bytecode=bytecode)
        self.side.reset()

    def _cold(self, scenario: str, *, bytecode: bool) -> None:
        times = []
        for _ in range(self.repeat_cold):
            self._prepare(bytecode=bytecode)
            os.sync()  # What preparing wrote is not written back on the time of the build.
            times.append(seconds(lambda: self.side.build(BASES)))
        self._record(scenario, "five bases, seconds", statistics.median(times))

    def _repeated(
        self,
        scenario: str,
        metric: str,
        action: Callable[[], object],
        before: Callable[[], object] = lambda: None,
    ) -> None:
        times = []
        for _ in range(self.repeat):
            before()
            times.append(seconds(action))
        self._record(scenario, metric, statistics.median(times))

    def _record(self, scenario: str, metric: str, value: float) -> None:
        self.measured[scenario, metric] = value
        self.say(
            f"{scenario}: {metric} {value:,.2f}" if value < 1e5 else f"{scenario}: {metric} {value:,.0f}"
        )

    def _pushing(self, target: Registry) -> None:
        os.sync()
        pushing = seconds(lambda: self.side.push(BASES, target))
        if PUSH in self.wanted:
            self._record(PUSH, "five bases, seconds", pushing)
            again = seconds(lambda: self.side.push(BASES, target))
            self._record(PUSH, "the same again, seconds", again)
        if SPACE in self.wanted:
            self._record(SPACE, "first push of five bases, seconds", pushing)
            self._record(SPACE, "five bases, registry bytes", target.stored())
        if not {PATCH, SPACE} & set(self.wanted):
            self._patched_bases(target)
            return
        self.side.push(SERVICES, target)
        shared = target.reachable(map(reference, SERVICES))
        if SPACE in self.wanted:
            self._record(SPACE, "five services on shared bases, registry bytes", shared)
        if PATCH in self.wanted:
            self._patch(target)
        if SPACE in self.wanted and self.flat:
            self.side.build_flat()
            with registry(self.side.work / "registry-flat") as flat:
                self.side.push(FLAT, flat)
                self._record(SPACE, "five services without shared bases, registry bytes", flat.stored())

    def _patched_bases(self, target: Registry) -> None:
        """Push the bases after a patch, where nothing else is asked."""
        self.side.patch(protobuf_wheels(self.side)[1])
        self.side.build(BASES)
        os.sync()
        before = target.stored()
        self._record(
            PUSH, "five bases after a patch, seconds", seconds(lambda: self.side.push(BASES, target))
        )
        self._record(PUSH, "new registry bytes", target.stored() - before)

    def _patch(self, target: Registry) -> None:
        wheels = protobuf_wheels(self.side)
        times = []
        for number, wheel in enumerate(wheels[1 : self.repeat + 1]):
            self.side.patch(wheel)
            times.append(seconds(self.side.hive))
            if number == 0:
                before = target.stored()
                bases = seconds(lambda: self.side.push(BASES, target))
                if PUSH in self.wanted:
                    self._record(PUSH, "five bases after a patch, seconds", bases)
                services = seconds(lambda: self.side.push(SERVICES, target))
                self._record(PATCH, "new registry bytes", target.stored() - before)
                self._record(PATCH, "push, seconds", bases + services)
        self._record(PATCH, "ten images, seconds", statistics.median(times))


def protobuf_wheels(side: Side) -> list[Wheel]:
    """Return the wheels that a patch goes through; each version once, since a builder remembers the others.

    Raises:
        BenchError: the mirror lacks one of them.
    """
    found = {entry.wheel.version: entry.wheel for entry in side.bench.mirror.entries.get("protobuf", [])}
    missing = [version for version in PATCHES if version not in found]
    if missing:
        raise BenchError(f"the mirror has no wheel of protobuf {', '.join(missing)}")
    return [found[version] for version in PATCHES]
