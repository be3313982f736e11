"""Wheels that are correct and that installers treat in ways of their own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.wheels import STORED, UTF8, WIDE, Member, Wheel, extra, member, record, row, wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MAIN = b"def main():\n    print('it runs')\n    return 0\n"
_MADE: dict[str, Callable[[], tuple[Wheel, dict[str, Any]]]] = {}


def _case(make: Callable[[], Wheel]) -> Callable[[], Wheel]:
    _MADE[make.__name__.strip("_").replace("_", "-")] = lambda: (make(), {})
    return make


def _zip_case(make: Callable[[], tuple[Wheel, dict[str, Any]]]) -> Callable[[], tuple[Wheel, dict[str, Any]]]:
    _MADE[make.__name__.strip("_").replace("_", "-")] = make
    return make


def wheels() -> Iterator[tuple[str, str, bytes]]:
    """Yield the name, the file name and the content of each."""
    for make in _MADE.values():
        made, zipped = make()
        yield made.name, made.file, made.bytes(**zipped)


@_case
def _namespace_one() -> Wheel:
    return wheel("namespace_one", "1", {"ns/one/__init__.py": "", "ns/one/x.py": "x = 1\n"})


@_case
def _namespace_two() -> Wheel:
    return wheel("namespace_two", "2", {"ns/two.py": "x = 2\n"})


@_case
def _data_files() -> Wheel:
    # /usr/local/man leads to share/man in Debian.
    data = {
        "data/share/man/man1/awkward.1": ".TH awkward\n",
        "data/man/man5/awkward.5": ".TH awkward\n",
        "data/etc/awkward/settings.ini": "[x]\n",
        "data/share/awkward/tool.py": "x = 1\n",
        "data/bin/from-data": "#!/bin/sh\necho data\n",
        "data/bin/from-data-python": "#!python\nprint('it runs')\n",
        "data/lib/python3.11/dist-packages/through_data.py": "x = 1\n",
        "data/lib/other/deep/file": "x\n",
        "data/top": "x\n",
    }
    prefix = "data_files-1.data/"
    return wheel("data_files", "1", data=data, modes={f"{prefix}data/bin/from-data": 0o755})


@_case
def _commands() -> Wheel:
    return wheel(
        "commands",
        "1.0",
        {"commands/__init__.py": _MAIN, "commands/cli.py": b"class App:\n    def run(): print('it runs')\n"},
        scripts={
            "awk-plain": "commands:main",
            "awk-dotted": "commands.cli:App.run",
            "awk-extra": "commands:main [some, extras]",
            "Awk.Upper_case": "commands:main",
            "awk-both": "commands:main",
        },
        gui_scripts={"awk-window": "commands:main"},
        entry_points="\n[commands.plugins]\nx y = commands:main\n",
    )


@_case
def _raw_scripts() -> Wheel:
    data: dict[str, bytes | str] = {
        "scripts/raw-python": "#!python\nprint('it runs')\n",
        "scripts/raw-window": "#!pythonw\nprint('it runs')\n",
        "scripts/raw-options": "#!python -u\nprint('it runs')\n",
        "scripts/raw-version": "#!python3.11\nprint('it runs')\n",
        "scripts/raw-absolute": "#!/usr/bin/python3\nprint('it runs')\n",
        "scripts/raw-env": "#!/usr/bin/env python\nprint('it runs')\n",
        "scripts/raw-crlf": b"#!python\r\nprint('it runs')\r\n",
        "scripts/raw-shell": "#!/bin/sh\necho it runs\n",
        "scripts/raw-binary": bytes(range(256)),
        "scripts/raw-empty": "",
        "scripts/raw-only-line": "#!python",
        "scripts/raw-module.py": "#!python\nx = 1\n",
        "scripts/raw-plain.py": "x = 1\n",
    }
    modes = {
        f"raw_scripts-1.data/scripts/{name}": 0o755 for name in ("raw-python", "raw-shell", "raw-binary")
    }
    return wheel("raw_scripts", "1", data=data, modes=modes)


@_case
def _modes() -> Wheel:
    base = wheel("modes", "1")
    kinds = {
        "regular-755": {"mode": 0o100755},
        "regular-700": {"mode": 0o100700},
        "regular-011": {"mode": 0o100611},
        "regular-600": {"mode": 0o100600},
        "regular-777": {"mode": 0o100777},
        "bare-755": {"mode": 0o755},
        "bare-600": {"mode": 0o600},
        "nothing": {"mode": 0},
        "fat-755": {"mode": 0o100755, "system": 0},
        "ntfs-755": {"mode": 0o100755, "system": 10},
        "darwin-755": {"mode": 0o100755, "system": 19},
    }
    members = [member(f"modes/{name}", f"{name}\n", **fields) for name, fields in kinds.items()]
    scripts = [
        member(f"modes-1.data/scripts/modes-{name}", "#!python\n", **fields) for name, fields in kinds.items()
    ]
    return base.adding(*members, *scripts)


@_case
def _headers() -> Wheel:
    return wheel("headers", "1", data={"headers/awkward.h": "/* */\n", "headers/below/more.h": "/* */\n"})


@_case
def _starting_up() -> Wheel:
    return wheel(
        "starting_up", "1", {"starting_up.pth": "import sys; sys.awkward = 1\n", "starting_up.py": ""}
    )


@_case
def _parts() -> Wheel:
    data = {"purelib/parts_pure/__init__.py": "x = 1\n", "platlib/parts_plat/__init__.py": "x = 2\n"}
    return wheel("parts", "1", {"parts_root.py": "x = 0\n"}, data=data, pure=False)


@_case
def _stored_members() -> Wheel:
    files = {"stored/__init__.py": b"x = 1\n", "stored/big": b"0123456789abcdef" * 1000, "stored/zero": b""}
    return wheel("stored_members", "1", files, stored=files)


@_zip_case
def _wide() -> tuple[Wheel, dict[str, Any]]:
    base = wheel("wide", "1", {"wide/__init__.py": b"x = 1\n" * 500})
    (first, *rest) = base.members
    size, compressed = len(first.data), len(first.stored())
    sizes = size.to_bytes(8, "little") + compressed.to_bytes(8, "little")
    wide = replace(
        first,
        local={"size": WIDE, "compressed": WIDE, "extra": extra(1, sizes), "version": 45},
        central={"size": WIDE, "compressed": WIDE, "extra": extra(1, sizes), "version": 45},
    )
    return replace(base, members=(wide, *rest)), {"zip64": True}


@_case
def _descriptors() -> Wheel:
    base = wheel(
        "descriptors", "1", {"descriptors/__init__.py": b"x = 1\n" * 500, "descriptors/y.py": "y = 1\n"}
    )
    lengths = (16, 12)
    first = tuple(replace(one, descriptor=n) for one, n in zip(base.members, lengths, strict=False))
    return replace(base, members=(*first, *base.members[2:]))


@_case
def _quoting() -> Wheel:
    names = [
        "com,ma.py",
        'quo"te.py',
        "sp ace.py",
        "ünï çødé.py",
        "日本.txt",
        "semi;colon",
        "per%cent",
        "do$llar",
    ]
    return wheel("quoting", "1", {"quoting/__init__.py": ""}).adding(
        *(member(f"quoting/{name}", f"# {number}\n") for number, name in enumerate(names))
    )


@_case
def _broken_sources() -> Wheel:
    files = {
        "broken/__init__.py": b"",
        "broken/two.py": b"print 'python 2'\n",
        "broken/latin.py": b"x = '\xe9'\n",
        "broken/cookie.py": b"# -*- coding: latin-1 -*-\nx = '\xe9'\n",
        "broken/bom.py": b"\xef\xbb\xbfx = 1\n",
        "broken/null.py": b"x = 1\0\n",
        "broken/strange_coding.py": b"# coding: no-such-thing\nx = 1\n",
        "broken/deep.py": b"x = " + b"(" * 300 + b")" * 300 + b"\n",
        "broken/warns.py": b"x = '\\d'\nassert (1, 'always')\n",
        "broken/crlf.py": b"def f():\r\n    return 1\r\n",
        "broken/no_newline.py": b"x = 1",
        "broken/template.py": b"{{ name }} = {% x %}\n",
    }
    return wheel("broken_sources", "1", files)


@_case
def _empty() -> Wheel:
    return wheel(
        "empty", "1", {"empty/__init__.py": b"", "empty/below/__init__.py": b"", "empty/zero.dat": b""}
    )


@_case
def _long_paths() -> Wheel:
    part = "a" * 40
    name = "/".join(["long_paths", *[part] * 2, "module_with_a_rather_long_name_of_its_own.py"])
    longer = "/".join(["long_paths", *["b" * 60] * 5, "x.py"])
    unicode = "/".join(["long_paths", *["é" * 50] * 3, "ü.py"])
    files = {
        "long_paths/__init__.py": "",
        name: "x = 1\n",
        longer: "x = 1\n",
        f"long_paths/{'c' * 250}": "x\n",
    }
    return wheel("long_paths", "1", files).adding(member(unicode, "x = 1\n"))


@_case
def _foo_bar_baz() -> Wheel:
    return wheel(
        "Foo.Bar_baz",
        "1.0",
        {"foo_bar/__init__.py": _MAIN},
        scripts={"foo-bar": "foo_bar:main"},
        data={"headers/foo.h": "/* */\n"},
    )


@_case
def _with_bytecode() -> Wheel:
    files = {
        "with_bytecode/__init__.py": b"x = 1\n",
        "with_bytecode/__pycache__/__init__.cpython-311.pyc": b"stale",
        "with_bytecode/__pycache__/other.cpython-39.pyc": b"other",
        "with_bytecode/__pycache__/notes.txt": b"notes",
        "with_bytecode/compiled.pyc": b"source-less",
    }
    return wheel("with_bytecode", "1", files)


@_case
def _with_receipts() -> Wheel:
    about = {"INSTALLER": "conda\n", "REQUESTED": "", "direct_url.json": '{"url": "file:///nowhere"}'}
    return wheel("with_receipts", "1", dist_info=about)


@_case
def _directories() -> Wheel:
    base = wheel("directories", "1")
    names = ["directories/", "directories/empty/", "directories-1.dist-info/", "directories/x/y/"]
    return replace(base, members=(*(member(name) for name in names), *base.members))


@_case
def _deep() -> Wheel:
    path = "/".join(f"d{number}" for number in range(60))
    return wheel("deep", "1", {"deep/__init__.py": "", f"deep/{path}/bottom.py": "x = 1\n"})


@_case
def _no_python() -> Wheel:
    return wheel("no_python", "1", {}, data={"data/share/no_python/only": "data\n"})


@_case
def _metadata_alone() -> Wheel:
    return wheel("metadata_alone", "1", {})


@_case
def _signed() -> Wheel:
    base = wheel("signed", "1")
    return base.adding(
        member("signed-1.dist-info/RECORD.jws", '{"x": 1}\n'),
        member("signed-1.dist-info/RECORD.p7s", b"\x30\x80"),
        listed=False,
    )


@_case
def _wrapped() -> Wheel:
    # What setuptools makes for an entry point is not installed beside what the installer makes.
    data = {
        "scripts/wrapped-cmd": "#!python\n# setuptools\n",
        "scripts/wrapped-cmd-script.py": "#!python\n",
        "scripts/wrapped-cmd.exe": "MZ",
        "scripts/wrapped-own": "#!python\nprint('it runs')\n",
        "scripts/WRAPPED-CMD.py": "#!python\nx = 1\n",
    }
    return wheel("wrapped", "1", {"wrapped.py": _MAIN}, data=data, scripts={"wrapped-cmd": "wrapped:main"})


@_case
def _licences() -> Wheel:
    about = {
        "licenses/LICENSE": "free\n",
        "licenses/vendor/x/LICENSE.txt": "free\n",
        "top_level.txt": "licences\n",
    }
    return wheel("licences", "1", dist_info=about)


@_case
def _other_hashes() -> Wheel:
    base = wheel("other_hashes", "1", {"other_hashes/__init__.py": "x = 1\n", "other_hashes/y.py": "y = 1\n"})
    data = {one.name.decode(): one.data for one in base.members}
    rows = tuple(
        row(path, data[path], "sha512" if path.endswith("y.py") else "sha384")
        if path in data
        else (path, digest, size)
        for path, digest, size in base.rows
    )
    return replace(base, rows=rows)


@_case
def _record_of_windows() -> Wheel:
    base = wheel(
        "record_of_windows", "1", {"record_of_windows/__init__.py": "x = 1\n", "record_of_windows/a b.py": ""}
    )
    text = record(reversed(base.rows), "\r\n")
    lines = replace(base, rows=())
    about = member("record_of_windows-1.dist-info/RECORD", text)
    return _Given("record_of_windows", "1", lines.tag, (*lines.members, about), ())


class _Given(Wheel):
    """A wheel whose RECORD is among its members."""

    def all(self) -> tuple[Member, ...]:
        return self.members


@_case
def _local_version() -> Wheel:
    return wheel("local_version", "1!2.0.post1+local.1", {"local_version.py": "x = 1\n"})


@_case
def _built_again() -> Wheel:
    made = wheel("built_again", "1", {"built_again.py": "x = 1\n"})
    return _Numbered(made.name, made.version, made.tag, made.members, made.rows)


class _Numbered(Wheel):
    """A wheel with a build tag."""

    @property
    def file(self) -> str:
        return f"{self.name}-{self.version}-7abc-{self.tag}.whl"


@_case
def _platform() -> Wheel:
    return wheel(
        "platform_one",
        "1",
        {
            "platform_one/__init__.py": "",
            "platform_one/x.cpython-311-x86_64-linux-gnu.so": b"\x7fELF" + bytes(999),
        },
        tag="cp311-cp311-manylinux_2_17_x86_64",
        pure=False,
        modes={"platform_one/x.cpython-311-x86_64-linux-gnu.so": 0o755},
    )


@_case
def _flags() -> Wheel:
    # The flag for UTF-8 says nothing of the content, and some tools set it everywhere.
    base = wheel("flags", "1")
    return replace(base, members=tuple(replace(one, flags=UTF8) for one in base.members))


@_case
def _hidden() -> Wheel:
    files = {
        "hidden/.dot": "x\n",
        "hidden/.dir/x.py": "x = 1\n",
        "hidden/no-module.py": "x = 1\n",
        "hidden/x.PY": "x\n",
    }
    return wheel("hidden", "1", files, stored=["hidden/.dot"]).adding(
        member("hidden/x.pyw", "x = 1\n", method=STORED), member("hidden/y.pyi", "x: int\n")
    )


@_case
def _deep_scripts() -> Wheel:
    return wheel("deep_scripts", "1", data={"scripts/below/raw-deep.py": "#!python\nx = 1\n"})


NAMES = tuple(_MADE)

REFUSED_BY_UV = frozenset({"deep-scripts"})
"""What uv says is no wheel, and pip installs."""
