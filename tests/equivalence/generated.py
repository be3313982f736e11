"""Random Dockerfiles and contexts, of few names, so that steps meet each other's files.

Not among them: hard links between steps. A step that changes nothing but the time of a file breaks its links in
Docker, and leaves no layer here (a case of the corpus shows it).

Nor patterns that may match nothing in a directory of the context (``decided-more-pattern-without-match``). Nor fifos:
whoever writes to one waits for a reader.

Cases are lists of instructions, one line each: whoever finds a difference can leave lines out (``shrink``).
"""

from __future__ import annotations

import string
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from tests.equivalence.dockerfiles.case import START, Case, File, Link
from tests.equivalence.dockerfiles.docker import OLD

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hypothesis.strategies import DrawFn, SearchStrategy

FIRST = "COPY d/a /first"
"""In each stage from scratch: an image without any layer is none that Docker could save."""

_PATHS = [
    "/t",
    "/t/a",
    "/t/a/b",
    "/t/a/b/c",
    "/t/b",
    "/u",
    "/u/a",
    "/u/a/b",
    "/l",
    "/w",
    "/etc/group",
    "/tmp/x",
]
_TARGETS = ["/t", "/t/a", "a", "../a", "b/c", "/u", "../u/a", "/nowhere", ".", "/etc"]
_MODES = ["600", "644", "755", "700", "2755", "1777", "4711", "0", "640"]
_OWNERS = ["0", "5", "5:6", "app", "app:extra", "0:7", "3000000:4000000"]
_USERS = ["app", "root", "1000:2000", "77", "app:extra"]
_NAMES = ["A", "B", "C"]
_PATTERNS = ["?", "[ab]", "*.txt", "d/e*", "*/a", ".h*", "f/**", "d/e", "x.sh", "**/g"]
_SEEDED = "RUN mkdir -p /t/a/b /u/a && echo c > /t/a/b/c && echo b > /t/b && ln -s t /l"
_TEXTS = ["one", "two", "three three"]
_REFERENCES = [
    "$A",
    "${B}",
    "$C",
    "${A:-x}",
    "${B:+y}",
    "${C:-$A}",
    "$GIVEN",
    "${A:-}",
    "\\$A",
    "'$A'",
    '"$A b"',
]
_NEWER = ["${A%b*}", "${A#a}", "${B%%a*}", "${B##*a}", "${A/a/$B}", "${A//b/}", "${C-unset}", "${C+set}"]
_VALUES = ["a", "ab", "abab", '"a b"', "'s q'", "x=y", '""', "a\\ b", "/p:/q"]


@dataclass(frozen=True)
class Generated:
    """A case in pieces: the lines of its Dockerfile, and its context."""

    lines: tuple[str, ...]
    files: Mapping[str, str | bytes | Link | File] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()

    @property
    def case(self) -> Case:
        """The case to be built."""
        ignore = "".join(f"{line}\n" for line in self.ignore)
        return Case("\n".join(self.lines), files=self.files, ignore=ignore)

    def __str__(self) -> str:
        context = "\n".join(f"  {name}: {content!r}" for name, content in self.files.items())
        return f"{self.case.dockerfile}context:\n{context}\n.dockerignore: {list(self.ignore)}"

    def smaller(self) -> Iterator[Generated]:
        """Yield the case without one line, one command of a RUN, one file, or one pattern."""
        for number, line in enumerate(self.lines):
            if line == FIRST:
                continue
            before, after = self.lines[:number], self.lines[number + 1 :]
            yield Generated(before + after, self.files, self.ignore)
            commands = line.removeprefix("RUN ").split("; ")
            if line.startswith("RUN ") and len(commands) > 1:
                for left_out in range(len(commands)):
                    kept = "; ".join(commands[:left_out] + commands[left_out + 1 :])
                    yield Generated((*before, f"RUN {kept}", *after), self.files, self.ignore)
        for name in self.files:
            files = {other: content for other, content in self.files.items() if other != name}
            yield Generated(self.lines, files, self.ignore)
        for number in range(len(self.ignore)):
            yield Generated(self.lines, self.files, self.ignore[:number] + self.ignore[number + 1 :])


def examples(count: int, number: int, version: str) -> list[Generated]:
    """Return cases that a Docker of this version can judge; the same number gives the same cases."""
    found: dict[str, Generated] = {}
    turn = 0
    while len(found) < count:
        # After ten examples hypothesis begins to repeat parts of what it has; a failure would be easier to hit twice,
        # but here all are built before the first one is judged.
        for case in _few(number * 100_000 + turn, version != OLD)[1:]:
            found.setdefault(str(case), case)
        turn += 1
    return list(found.values())[:count]


def _few(number: int, newer: bool) -> list[Generated]:  # noqa: FBT001
    """Return ten cases, the first of which is the smallest there is."""
    found: list[Generated] = []

    @seed(number)
    @settings(
        max_examples=10,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(_cases(newer))
    def collect(case: Generated) -> None:
        found.append(case)

    collect()
    return found


def _one(values: list[str]) -> SearchStrategy[str]:
    return st.sampled_from(values)


@st.composite
def _cases(draw: DrawFn, newer: bool) -> Generated:  # noqa: FBT001 -- hypothesis passes it on
    lines: list[str] = []
    if draw(st.booleans()):
        lines.append(f"ARG A={draw(_words(newer))}")
    stages = draw(st.integers(1, 3))
    bare: set[str] = set()
    # Of two stages on one, Docker writes steps of the second into the history of the first.
    used: set[str] = set()
    for number in range(stages):
        base = draw(
            _one(
                [START] * 4
                + ["scratch"]
                + [f"s{below}" for below in range(number) if f"s{below}" not in used]
            )
        )
        used.add(base)
        if base in {"scratch", *bare}:
            bare.add(f"s{number}")
        lines.append(f"FROM {base}" + ("" if number == stages - 1 else f" AS s{number}"))
        lines += [FIRST] if base == "scratch" else []
        lines += draw(_stages(number, newer, shell=f"s{number}" not in bare, seeded=base == START))
    # Docker 20.10 does not look for kept files in directories that are left out.
    signs = ["", "", "!"] if newer else [""]
    ignore = draw(st.lists(st.tuples(_one(signs), _one(_PATTERNS)), max_size=4))
    patterns = tuple(sign + pattern for sign, pattern in ignore) if draw(st.booleans()) else ()
    return Generated(tuple(lines), draw(_contexts(newer)), patterns)


@st.composite
def _contexts(draw: DrawFn, newer: bool) -> dict[str, str | bytes | Link | File]:  # noqa: FBT001
    files: dict[str, str | bytes | Link | File] = {}
    for name in ("a", "b", "c.txt", "d/a", "d/c.txt", "d/e/b", "d/e/a", "f/a", "f/g/h", ".h"):
        if name in {"a", "d/a"} or draw(st.booleans()):
            files[name] = draw(_one(_TEXTS)) if draw(st.booleans()) else name
    if draw(st.booleans()):
        files["x.sh"] = File("#!/bin/sh\n", 0o755)
    # A current Docker refuses a directory with a link to nothing (``decided-more-pattern-and-link-to-nothing``).
    for name in ("l", "k") if newer else ("l", "d/l", "k"):
        if draw(st.integers(0, 2)) == 0:
            files[name] = Link(draw(_one(["a", "../a", "/a", "d", "/d/e", "e"])))
    return files


@st.composite
def _stages(draw: DrawFn, number: int, newer: bool, *, shell: bool, seeded: bool) -> list[str]:  # noqa: FBT001
    """Return the instructions of a stage: ``shell`` says that it has one, ``seeded`` that it may begin with files."""
    kinds = [_copies(number, newer), _copies(number, newer), _settings(newer)]
    if shell:
        kinds += [_runs(newer), _runs(newer), _runs(newer)]
    lines = [_SEEDED] if seeded and draw(st.integers(0, 3)) else []
    return lines + draw(st.lists(st.one_of(kinds), min_size=1, max_size=6))


@st.composite
def _words(draw: DrawFn, newer: bool) -> str:  # noqa: FBT001
    references = _REFERENCES + (_NEWER if newer else [])
    return "".join(draw(st.lists(_one(_VALUES + references), min_size=1, max_size=3)))


@st.composite
def _runs(draw: DrawFn, newer: bool) -> str:  # noqa: FBT001
    mount = draw(
        _one(
            [""] * 8
            + ["--mount=target=/mnt ", "--mount=type=tmpfs,target=/mnt ", "--mount=source=d,target=/mnt,rw "]
        )
    )
    commands = draw(st.lists(_commands(newer), min_size=1, max_size=4))
    if mount and "tmpfs" not in mount:
        commands.insert(0, "ls -R /mnt > /seen")
    return f"RUN {mount}{'; '.join([*commands, 'true'])}"


@st.composite
def _commands(draw: DrawFn, newer: bool) -> str:  # noqa: FBT001
    path, other = draw(_one(_PATHS)), draw(_one(_PATHS))
    # A copy of a directory into itself would not end everywhere.
    copied = "/u/copy" if path.startswith("/t") else "/t/copy"
    return draw(
        st.sampled_from(
            [
                f"mkdir -p {path}",
                f"mkdir -p {path}/a/b",
                f"mkdir -m {draw(_one(_MODES))} {path}",
                f"rm -rf {path}",
                f"rm -rf {path} && mkdir -p {path}",
                f"rmdir {path}",
                f"echo {draw(_one(_TEXTS))} > {path}",
                f"echo more >> {path}",
                f'echo "$A $B ${{C:-none}}" > {path}',
                f"rm -rf {path} && echo file > {path}",
                f"rm -rf {path} && ln -s {draw(_one(_TARGETS))} {path}",
                f"ln -s {draw(_one(_TARGETS))} {path}",
                f"ln -sfn {draw(_one(_TARGETS))} {path}",
                f"mv {path} {other}",
                f"mv -T {path} {other}",
                f"cp -a {path} {copied}",
                f"chmod {draw(_one(_MODES))} {path}",
                f"chmod -R {draw(_one(_MODES))} {path}",
                f"chown {draw(_one(_OWNERS))} {path}",
                f"chown -R {draw(_one(_OWNERS))} {path}",
                f"chown -h {draw(_one(_OWNERS))} {path}",
                f"touch {path}",
                f"touch -d 2001-02-03 {path}",
                # Docker 20.10 copies a device as an empty file (``decided-character-devices``).
                f"mknod {path} c 1 3" if newer else f"ls {path}",
                f"dd if=/dev/zero of={path} bs=1 count=1 seek=70000",
                f"(umask 027; mkdir -p {path}/n; echo n > {path}/n/f)",
                f"(cd {path} && pwd > here)",
                f"ls -A {path} > /seen",
                f"id -u > {path}",
            ]
        ).map(lambda text: f"{text} 2> /dev/null" if not text.startswith("(") else text)
    )


@st.composite
def _copies(draw: DrawFn, number: int, newer: bool) -> str:  # noqa: FBT001
    # Docker 20.10 loses the special bits of --chmod.
    modes = _MODES if newer else [mode for mode in _MODES if len(mode) < 4]
    flags = draw(_one(["", "", "", f"--chown={draw(_one(_OWNERS[:3]))} ", f"--chmod={draw(_one(modes))} "]))
    origin = draw(_one(["", "", "", f"--from={START} ", *(f"--from=s{below} " for below in range(number))]))
    keyword = "COPY"
    if origin:
        from_image = ["/etc/passwd", "/etc", "/tmp", "/et*", "/t*", "/t*/a*", "/u*", "/t*/a/*", "/l*", "/w*"]
        sources = draw(st.lists(_one(from_image), min_size=1, max_size=2))
    else:
        # Others may be missing, and most cases should get to their end.
        sure = [
            "a",
            "d/a",
            "d",
            ".",
            "*",
            "d/*",
            "?",
            "[a-c]*",
            "l*",
            "k*",
            "f*",
            # Docker 20.10 stumbles over a link to a file (``decided-more-pattern-and-link-to-a-file``).
            "*/a" if newer else "d*",
            "x*",
            "./d/../a",
        ]
        sources = draw(st.lists(_one(sure), min_size=1, max_size=3))
        if "--chmod" not in flags:
            keyword = draw(_one(["COPY", "COPY", "ADD"]))
    slash = "/" if len(sources) > 1 or draw(st.booleans()) else ""
    target = draw(_one([*_PATHS, "x", "./y", "../z", ".", "/", "/n/e/w", "$A"]))
    return f"{keyword} {origin}{flags}{' '.join(sources)} {target}{'' if target == '/' else slash}"


@st.composite
def _settings(draw: DrawFn, newer: bool) -> str:  # noqa: FBT001
    name, word = draw(_one(_NAMES)), draw(_words(newer))
    plain = draw(st.text(string.ascii_lowercase, min_size=1, max_size=3))
    return draw(
        st.sampled_from(
            [
                f"ENV {name}={word}",
                f"ENV {name}={word} D=$A",
                f"ENV {name} legacy {word}",
                f"ARG {name}={word}",
                f"ARG {name}",
                "ARG GIVEN OVER=x",
                f"LABEL {plain}={word}",
                f'LABEL "{plain} {plain}"={word} b={word}',
                f"USER {draw(_one(_USERS))}",
                f"WORKDIR {draw(_one([*_PATHS, 'x', '../y', '.', '/', '/w/x$A']))}",
                f'CMD ["{plain}", "$A"]',
                f"CMD {plain}  '{word}'",
                f'ENTRYPOINT ["{plain}"]',
                f"ENTRYPOINT exec {plain}",
                'SHELL ["/bin/sh", "-c"]',
                f"EXPOSE {draw(st.integers(1, 99))} {draw(st.integers(1, 99))}/udp",
                f"VOLUME {draw(_one(_PATHS))}",
                f"STOPSIGNAL {draw(_one(['9', 'SIGTERM', 'quit']))}",
                f"HEALTHCHECK --interval={draw(st.integers(1, 90))}s CMD {plain}",
                "HEALTHCHECK NONE",
                f"ONBUILD RUN echo {plain} > /t2",
                "ONBUILD COPY a /t/",
                f"ONBUILD ENV {name}={word}",
            ]
        )
    )
