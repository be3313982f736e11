"""Where the files of an imported image come from: a directory, or a tar that is read at random."""

from __future__ import annotations

import contextlib
import io
import os
import stat
import tempfile
from typing import TYPE_CHECKING, BinaryIO, Protocol

from hivebase import fs, tar
from hivebase.digest import CHUNK
from hivebase.errors import CorruptContentError, NotFoundError
from hivebase.oci.inflate import inflated, is_gzip

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from _typeshed import WriteableBuffer

_MAX_LINKS = 8  # docker save writes one for a layer that is there twice


class Source(Protocol):
    """Files by name; names are relative with slashes and come from outside."""

    def has(self, name: str) -> bool:
        """Tell whether there is a file of that name."""

    def open(self, name: str) -> BinaryIO:
        """Open the file; NotFoundError if there is none, CorruptContentError if it is not a file."""


def read(source: Source, name: str, limit: int) -> bytes:
    """Return the file's content.

    Raises:
        NotFoundError: there is none.
        CorruptContentError: it has more than ``limit`` bytes, or is no file.
    """
    with source.open(name) as stream:
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise CorruptContentError(f"{name} is too long", why=f"at most {limit} bytes are expected")
    return data


class DirectorySource:
    """The files below a directory; links are refused, wherever they lead.

    Args:
        directory: open, and kept open by the caller.
    """

    def __init__(self, directory: fs.Directory) -> None:
        self._directory = directory

    def has(self, name: str) -> bool:
        """Tell whether there is a file of that name."""
        try:
            self.open(name).close()
        except (NotFoundError, CorruptContentError):
            return False
        return True

    def open(self, name: str) -> BinaryIO:
        """Open the file; see :class:`Source`."""
        where = f"{self._directory.path}/{name}"
        try:
            fd = self._directory.open_beneath(name, os.O_RDONLY | os.O_NONBLOCK)
        except FileNotFoundError as error:
            raise NotFoundError(f"{name} is missing", where=str(self._directory.path)) from error
        except OSError as error:
            raise CorruptContentError(f"{name} is not a plain file", where=where, why=str(error)) from error
        stream = os.fdopen(fd, "rb")
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            stream.close()
            raise CorruptContentError(f"{name} is not a plain file", where=where)
        return stream


class TarSource:
    """The members of a tar.

    Args:
        stream: the uncompressed archive, seekable, and kept open by the caller.
        where: what it is called in errors.

    Raises:
        CorruptContentError: the archive is damaged.
    """

    def __init__(self, stream: BinaryIO, where: str) -> None:
        self._stream = stream
        self._where = where
        self._files: dict[str, tuple[int, int]] = {}
        self._links: dict[str, str] = {}
        for entry, _ in tar.Reader(stream, where=where):
            name = tar.clean(entry.name)
            # Of two with one name the last counts, as for everybody who unpacks the archive.
            self._files.pop(name, None)
            self._links.pop(name, None)
            if entry.kind == "file":
                self._files[name] = (stream.tell(), entry.size)
            elif entry.kind == "symlink":
                self._links[name] = tar.clean(f"{name}/../{entry.link}")
            elif entry.kind == "hardlink":
                self._links[name] = tar.clean(entry.link)

    def has(self, name: str) -> bool:
        """Tell whether there is a file of that name."""
        return self._find(name) is not None

    def open(self, name: str) -> BinaryIO:
        """Open the file; see :class:`Source`. Only one may be read at a time."""
        found = self._find(name)
        if found is None:
            raise NotFoundError(f"{name[:200]} is missing", where=self._where)
        return io.BufferedReader(_Window(self._stream, *found), CHUNK)

    def _find(self, name: str) -> tuple[int, int] | None:
        name = tar.clean(name)
        for _ in range(_MAX_LINKS):
            if name not in self._links:
                break
            name = self._links[name]
        return self._files.get(name)


class _Window(io.RawIOBase):
    def __init__(self, stream: BinaryIO, start: int, size: int) -> None:
        self._stream = stream
        self._at = start
        self._end = start + size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer)
        self._stream.seek(self._at)
        data = self._stream.read(min(len(view), self._end - self._at))
        view[: len(data)] = data
        self._at += len(data)
        return len(data)


@contextlib.contextmanager
def seekable_tar(path: Path, work: Path) -> Iterator[BinaryIO]:
    """Yield the tar at ``path`` as a seekable stream; a compressed one is inflated into ``work`` first.

    Raises:
        CorruptContentError: it is damaged.
        SystemFaultError: it cannot be read, or ``work`` cannot be written.
    """
    try:
        with path.open("rb") as stream:
            compressed = is_gzip(stream.read(2))
            stream.seek(0)
            if not compressed:
                yield stream
                return
            with tempfile.TemporaryFile(dir=work) as plain, inflated(stream, where=str(path)) as content:
                while chunk := content.read(CHUNK):
                    plain.write(chunk)
                plain.seek(0)
                yield plain
    except OSError as error:
        raise fs.system_fault(error, "cannot read the archive", where=path) from error
