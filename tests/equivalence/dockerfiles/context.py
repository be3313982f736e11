"""The build context that most cases share: what is awkward to copy, to unpack and to ignore."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
from typing import TYPE_CHECKING

from tests.equivalence.dockerfiles.case import File, Link

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

IGNORED = "# nothing here\nsecret\n**/*.tmp\nkeep\n!keep/this\n"

CAPABILITY = "\x01\x00\x00\x02\x00\x04\x00\x00" + 12 * "\x00"
"""``cap_net_bind_service=ep`` as the kernel stores it."""


def shared() -> Mapping[str, str | bytes | Link | File]:
    """Return the files; modes are those of umask 022, and no file has two names."""
    names = ("a", "b", "d/c", "d/sub/s", "e/x.tmp", "secret", "keep/this", "keep/that")
    packed = archive(_ordinary())
    return {
        ".dockerignore": IGNORED,
        **{name: name for name in names},
        "odd/[x]": "x",
        "odd/a*b": "ab",
        "odd/é": "e",
        "sp ace/f 1": "f",
        "empty": "",
        "hollow/": "",
        "x.sh": File("#!/bin/sh\n", 0o755),
        "many/1/f": "1",
        "many/2/f": "2",
        "many/10/g": "10",
        "d/link": Link("c"),
        "d/up": Link("../a"),
        "ld": Link("d"),
        "dangling": Link("nowhere"),
        "t.tar": packed,
        "t.tgz": gzip.compress(packed, mtime=0),
        "t.tbz": bz2.compress(packed),
        "t.txz": lzma.compress(archive([member("of-xz")])),
        "t.renamed": gzip.compress(packed, mtime=0),
        "plain.gz": gzip.compress(b"no archive", mtime=0),
        "cut.tar": packed[:700],
        "special.tar": archive(_special()),
        "replaces.tar": archive(_replaces()),
        "attributes.tar": archive(_attributes()),
    }


def member(
    name: str,
    content: bytes = b"",
    mode: int = 0o644,
    owner: tuple[int, int] = (0, 0),
    kind: bytes = tarfile.REGTYPE,
    link: str = "",
) -> tuple[tarfile.TarInfo, bytes]:
    """Return one member of an archive."""
    info = tarfile.TarInfo(name)
    info.mode, info.size, info.type, info.linkname = mode, len(content), kind, link
    info.uid, info.gid = owner
    return info, content


def archive(members: Iterable[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    """Return a tar."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as writer:
        for info, content in members:
            writer.addfile(info, io.BytesIO(content))
    return out.getvalue()


def _ordinary() -> list[tuple[tarfile.TarInfo, bytes]]:
    return [
        member("p", b"", 0o2775, (0, 7), tarfile.DIRTYPE),
        member("p/one", b"one", 0o640, (1, 2)),
        member("p/two", b"", 0o640, (1, 2), tarfile.LNKTYPE, "p/one"),
        member("p/link", b"", 0o777, (3, 4), tarfile.SYMTYPE, "one"),
        member("p/special", b"s", 0o4755, (33, 44)),
        member("private", b"", 0o700, (5, 6), tarfile.DIRTYPE),
    ]


def _special() -> list[tuple[tarfile.TarInfo, bytes]]:
    return [
        member("./", mode=0o750, owner=(8, 9), kind=tarfile.DIRTYPE),
        member("./deep/er/file", b"no directories of its own"),
        member("big", b"b", owner=(3000000, 4000000)),
        member("n" * 90 + "/" + "m" * 150, b"long"),
        member("ünï", b"unicode"),
        member("absolute", kind=tarfile.SYMTYPE, link="/etc/passwd"),
        member("up", kind=tarfile.SYMTYPE, link="../../up"),
    ]


def _replaces() -> list[tuple[tarfile.TarInfo, bytes]]:
    return [
        member("was-file", mode=0o711, kind=tarfile.DIRTYPE),
        member("was-file/in", b"in"),
        member("was-directory", b"now a file", 0o600),
        member("twice", b"first"),
        member("twice", b"second", 0o600),
    ]


def _attributes() -> list[tuple[tarfile.TarInfo, bytes]]:
    capable, content = member("capable", b"c", 0o755)
    capable.pax_headers = {"SCHILY.xattr.security.capability": CAPABILITY}
    return [(capable, content), member("incapable", b"i", 0o755)]
