"""Small wheels, and an index of packages that serves them on loopback, and misbehaves on request.

::

    with WheelIndex() as index:
        index.add("app", "1.0", requires=["lib>=2"])
        index.add("lib", "2.0", tag="cp311-cp311-manylinux2014_x86_64")
        index.add_sdist("old", "0.1")
        environ = {"UV_DEFAULT_INDEX": index.address}

Faults are those of :class:`tests.registry_simulator.Simulator`, whose requests this counts too. With
``users={"me": "secret"}`` everything asks for a password.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import tarfile
import zipfile
from collections import defaultdict
from hashlib import sha256
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import unquote

from hivebase.plan.resolve_pins import normalise
from hivebase.plan.wheels import LockedWheel
from tests.registry_simulator import Reply, Seen, Simulator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_JSON = "application/vnd.pypi.simple.v1+json"


def metadata(name: str, version: str, requires: Sequence[str] = (), python: str = "") -> str:
    """Return a METADATA file."""
    lines = ["Metadata-Version: 2.2", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Python: {python}"] if python else []
    return "\n".join([*lines, *(f"Requires-Dist: {item}" for item in requires), ""])


def make_wheel(  # the parts of a wheel are many
    name: str,
    version: str,
    *,
    requires: Sequence[str] = (),
    tag: str = "py3-none-any",
    python: str = "",
    files: Mapping[str, bytes] | None = None,
) -> tuple[str, bytes]:
    """Return file name and content of a wheel; equal arguments, equal bytes."""
    stem = f"{re.sub('[-_.]+', '_', name)}-{version}"
    info = f"{stem}.dist-info"
    content = {
        **({f"{stem.partition('-')[0]}.py": f"VERSION = {version!r}\n".encode()} if files is None else files),
        f"{info}/METADATA": metadata(name, version, requires, python).encode(),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n".encode(),
    }
    record = "".join(f"{path},,\n" for path in [*content, f"{info}/RECORD"])
    content[f"{info}/RECORD"] = record.encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, data in content.items():
            archive.writestr(zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0)), data)
    return f"{stem}-{tag}.whl", buffer.getvalue()


def locked(name: str, version: str, file: str, data: bytes) -> LockedWheel:
    """Return the wheel as a lock has it."""
    return LockedWheel(normalise(name), version, file, sha256(data).hexdigest(), len(data))


class WheelIndex(Simulator):
    """See the module."""

    def __init__(self, *, users: dict[str, str] | None = None) -> None:
        super().__init__(auth="basic" if users else "", users=users)
        self.packages: dict[str, dict[str, tuple[bytes, str]]] = defaultdict(dict)
        self.sizes = True

    @property
    def address(self) -> str:
        """The index's URL, with the first user's name and password if it asks for some."""
        user = next((f"{name}:{password}@" for name, password in self.users.items()), "")
        return f"{self.scheme}://{user}{self.host}/simple"

    def add(
        self,
        name: str,
        version: str,
        *,
        requires: Sequence[str] = (),
        tag: str = "py3-none-any",
        python: str = "",
        files: Mapping[str, bytes] | None = None,
    ) -> LockedWheel:
        """Make a wheel and keep it."""
        file, data = make_wheel(name, version, requires=requires, tag=tag, python=python, files=files)
        self.packages[normalise(name)][file] = (data, metadata(name, version, requires, python))
        return locked(name, version, file, data)

    def put(self, file: str, data: bytes) -> LockedWheel:
        """Keep a wheel that was made elsewhere."""
        name, version = file.split("-")[:2]
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = [
                one for one in archive.namelist() if one.count("/") == 1
            ]  # some bring other distributions
            (text,) = (archive.read(one) for one in names if one.endswith(".dist-info/METADATA"))
        self.packages[normalise(name)][file] = (data, text.decode())
        return locked(name, version, file, data)

    def add_sdist(self, name: str, version: str, *, requires: Sequence[str] = ()) -> None:
        """Keep a source archive whose metadata can be read without building it."""
        text, stem = metadata(name, version, requires), f"{name}-{version}"
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for path, data in {"PKG-INFO": text, "pyproject.toml": _PROJECT.format(name, version)}.items():
                entry = tarfile.TarInfo(f"{stem}/{path}")
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data.encode()))
        packed = gzip.compress(buffer.getvalue(), mtime=0)
        self.packages[normalise(name)][f"{stem}.tar.gz"] = (packed, text)

    def remove(self, wheel: LockedWheel) -> None:
        """Forget a file."""
        del self.packages[wheel.name][wheel.file]

    def reply(self, seen: Seen) -> Reply:
        """Answer as an index."""
        if refusal := self._refusal(seen, ""):
            return refusal
        path = unquote(seen.path.partition("?")[0])
        if found := re.fullmatch(r"/simple/([a-z0-9-]+)/", path):
            return self._page(found[1], seen) if found[1] in self.packages else Reply(404)
        if found := re.fullmatch(r"/files/([a-z0-9-]+)/([^/]+?)(\.metadata)?", path):
            known = self.packages.get(found[1], {}).get(found[2])
            if known is None:
                return Reply(404)
            return self.file(known[1].encode() if found[3] else known[0], seen)
        return super().reply(seen)

    def _page(self, name: str, seen: Seen) -> Reply:
        files = [
            (file, f"/files/{name}/{file}", data, sha256(text.encode()).hexdigest())
            for file, (data, text) in self.packages[name].items()
        ]
        if _JSON not in seen.headers.get("accept", ""):
            links = "".join(
                f'<a href="{escape(url)}#sha256={sha256(data).hexdigest()}" '
                f'data-core-metadata="sha256={core}">{escape(file)}</a>\n'
                for file, url, data, core in files
            )
            return Reply(200, {"Content-Type": "text/html"}, f"<!DOCTYPE html>\n{links}".encode())
        document = {
            "meta": {"api-version": "1.1"},
            "name": name,
            "files": [
                {
                    "filename": file,
                    "url": url,
                    "hashes": {"sha256": sha256(data).hexdigest()},
                    **({"size": len(data)} if self.sizes else {}),
                    **({"core-metadata": {"sha256": core}} if file.endswith(".whl") else {}),
                }
                for file, url, data, core in files
            ],
        }
        return Reply(200, {"Content-Type": _JSON}, json.dumps(document).encode())


_PROJECT = '[project]\nname = "{0}"\nversion = "{1}"\n'
