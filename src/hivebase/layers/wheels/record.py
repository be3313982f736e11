"""RECORD: what a wheel claims about each of its files (PyPA: recording installed projects; fault A-13)."""

from __future__ import annotations

import binascii
import csv
import io
from typing import TYPE_CHECKING, NamedTuple

from hivebase.layers.wheels.refuse import refused, shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hivebase.errors import CorruptContentError
    from hivebase.layers.wheels.archive import Member

ALGORITHMS = {"sha256": 32, "sha384": 48, "sha512": 64}
"""Accepted hashes, and their length in bytes. The specification asks for sha256 or better."""

_FROM_URL = str.maketrans("-_", "+/")


class Recorded(NamedTuple):
    """What RECORD says of one file.

    Attributes:
        algorithm: a name of hashlib.
        digest: by that algorithm.
        size: in bytes; None when not said.
    """

    algorithm: str
    digest: bytes
    size: int | None

    @property
    def sha256(self) -> bytes | None:
        """The digest if it is a sha256, else None."""
        return self.digest if self.algorithm == "sha256" else None


def unhashed(dist_info: str) -> frozenset[str]:
    """Return the files that RECORD need not tell a hash of: itself, and the signatures of itself."""
    return frozenset({f"{dist_info}/RECORD", f"{dist_info}/RECORD.jws", f"{dist_info}/RECORD.p7s"})


def read(text: str, dist_info: str, members: Iterable[Member], where: str) -> dict[str, Recorded]:
    """Return what RECORD says of each file, after checking that it lists exactly the files there are.

    Rows of directories (old tools wrote them) and blank lines say nothing and are passed over. A size may be
    missing, a hash may not. Padding after a hash, and quotes and CR LF, are read as CSV has them.

    Raises:
        CorruptContentError: rows and files do not match one to one, or a row is malformed, lacks its hash, has a
            hash that proves nothing, or contradicts the size in the archive.
    """
    files = {member.name: member for member in members if not member.is_dir}
    exempt = unhashed(dist_info)
    record: dict[str, Recorded] = {}
    seen: set[str] = set()
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise refused(where, f"its RECORD cannot be read: {error}") from error
    for row in rows:
        if not row or (row[0].endswith("/") and not any(row[1:])):
            continue
        if len(row) != 3:
            raise refused(where, f"a line of its RECORD does not have three fields: {shown(','.join(row))}")
        path, hashed, size = row
        member = files.get(path)
        if member is None:
            raise refused(where, f"its RECORD lists {shown(path)}, which it does not contain")
        if path in seen:
            raise refused(where, f"its RECORD lists {shown(path)} twice")
        seen.add(path)
        if path in exempt and not (hashed and path != f"{dist_info}/RECORD"):
            continue
        if size and size != str(member.size):
            raise _wrong(where, "size", path)
        record[path] = Recorded(*_digest(hashed, path, where), member.size if size else None)
    missing = files.keys() - seen - exempt
    if missing:
        raise refused(where, f"its RECORD does not list {shown(min(missing))}, which it contains")
    return record


def _wrong(where: str, what: str, path: str) -> CorruptContentError:
    return refused(where, f"its RECORD tells another {what} of {shown(path)}")


def _digest(hashed: str, path: str, where: str) -> tuple[str, bytes]:
    algorithm, _, text = hashed.partition("=")
    length = ALGORITHMS.get(algorithm)
    if length is None:
        what = f"only {shown(algorithm)} as hash" if hashed else "no hash"
        raise refused(where, f"its RECORD has {what} for {shown(path)}")
    text = text.rstrip("=")
    try:
        digest = binascii.a2b_base64(text.translate(_FROM_URL) + "=" * (-len(text) % 4), strict_mode=True)
    except ValueError:
        digest = b""
    if len(digest) != length:
        raise refused(where, f"its RECORD has a malformed hash for {shown(path)}")
    return algorithm, digest
