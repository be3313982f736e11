"""``.dockerignore``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.equivalence.dockerfiles.case import Case, Link

if TYPE_CHECKING:
    from collections.abc import Mapping

_FILES: Mapping[str, str | bytes | Link] = {
    name: name
    for name in (
        *(
            "a",
            "b.txt",
            "c.tmp",
            "README.md",
            "d/a",
            "d/b.txt",
            "d/README.md",
            "d/e/a",
            "d/e/f.tmp",
            "d/e/b.txt",
        ),
        *(
            "x/y/z/deep",
            "x/y/other",
            "x/top",
            ".hidden",
            ".git/config",
            "node_modules/m/i.js",
            "s p/q",
            "[b]/c",
        ),
    )
} | {"d/link": Link("a"), "ld": Link("d"), "hollow/": "", "d/hollow/": ""}

_ALL = "FROM team/start:1\nCOPY . /all/\n"


def _ignoring(*lines: str, text: str = _ALL, needs: str = "20.10") -> Case:
    """Return a case that copies what these lines leave of a context."""
    return Case(text, files=_FILES, ignore="".join(f"{line}\n" for line in lines), needs=needs)


CASES: Mapping[str, str | Case] = {
    "ignored": """
        FROM team/start:1
        COPY . /all
        """,
    "ignore-nothing": _ignoring("# nothing", "", "   "),
    "ignore-names": _ignoring("a", "d/b.txt", "nowhere"),
    "ignore-directories": _ignoring("d/e", "x/", "/node_modules", "hollow"),
    "ignore-stars": _ignoring("*.tmp", "*/*.txt", "?"),
    "ignore-double-stars": _ignoring("**/a", "**/*.tmp", "x/**/deep"),
    "ignore-double-stars-everywhere": _ignoring("**/e/**", "x/**", "**/.git"),
    "ignore-everything": _ignoring("*", "!a", "!d/e"),
    "ignore-everything-deep": _ignoring("**", "!d/e/a", "!x/y"),
    "ignore-last-match-wins": _ignoring("*.md", "!README.md", "d/README.md", "b.txt", "!b.txt", "b.txt"),
    "ignore-keeps-below-a-directory": _ignoring("d", "!d/e/a", "x/*", "!x/y/z"),
    # Docker 20.10 does not look into directories that are left out.
    "ignore-keeps-by-pattern": _ignoring("**/*", "!**/*.txt", "!.hidden", needs="26.1"),
    "ignore-keeps-and-drops-again": _ignoring("d", "!d/e", "d/e/f.tmp", "!d/e/*.tmp", "d/e/a"),
    "ignore-slashes": _ignoring("/a", "./b.txt", "d//e", "x/./y/", "//README.md"),
    "ignore-dots": _ignoring(".", "./", "d/../a", "../x", "..", "x/y/.."),
    "ignore-spaces-and-comments": _ignoring("  a  ", "\tb.txt\t", "#c.tmp", " # no comment", "s p", "! a"),
    "ignore-classes": _ignoring("[a-b]", "d/[!b]", "d/[^a]*", r"\[b\]", "x/[xyz]"),
    "ignore-escapes": _ignoring(r"b\.txt", r"\[b\]/c"),
    "ignore-links": _ignoring("ld", "d/link"),
    "ignore-link-targets": _ignoring("d"),
    "ignore-case": _ignoring("A", "readme.md", "D"),
    "ignore-itself": _ignoring(".dockerignore", ".git"),
    "ignore-hidden": _ignoring(".*"),
    "ignore-with-carriage-returns": Case(_ALL, files=_FILES, ignore="a\r\nd\r\n!d/e\r\n"),
    "ignore-with-a-byte-order-mark": Case(_ALL, files=_FILES, ignore="\ufeffa\nd/a\n"),
    "ignore-without-newline": Case(_ALL, files=_FILES, ignore="a\n*.tmp"),
    "ignore-in-patterns-of-copy": _ignoring(
        "d/b.txt", "x/y", text="FROM team/start:1\nCOPY d/* x/* /t/\nCOPY [a-x]/ /u/\n"
    ),
    "ignore-in-a-copied-directory": _ignoring(
        "d/e", "!d/e/a", text="FROM team/start:1\nCOPY d /t\nCOPY d/e /u\n"
    ),
    "ignore-in-mounts": _ignoring(
        "d/e", "a", text="FROM team/start:1\nRUN mkdir /m\nRUN --mount=target=/m find /m | sort > /seen\n"
    ),
    "ignore-in-a-mounted-directory": _ignoring(
        "**/a",
        text="FROM team/start:1\nRUN mkdir /m\nRUN --mount=source=d,target=/m find /m | sort > /seen\n",
    ),
    "ignore-file-of-the-dockerfile": Case(_ALL, files=_FILES, ignore="d\n", ignore_beside="x\n!x/top\n"),
    "ignore-file-of-the-dockerfile-alone": Case(_ALL, files=_FILES, ignore_beside="**/*.txt\n"),
    "ignore-file-of-the-dockerfile-empty": Case(
        _ALL, files=_FILES, ignore="d\n", ignore_beside="# nothing\n"
    ),
}
