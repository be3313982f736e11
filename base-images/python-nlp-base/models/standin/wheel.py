"""Makes a wheel of a pipeline, laid out like spaCy's own packages; the same pipeline gives the same bytes."""

from __future__ import annotations

import base64
import hashlib
import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spacy.language import Language

_TIME = (1980, 1, 1, 0, 0, 0)
_INIT = '''\
"""A stand-in for the official spaCy pipeline of this name."""

from pathlib import Path

from spacy.util import get_model_meta, load_model_from_init_py

from . import tagger  # registers the factory of the component

__all__ = ["__version__", "load", "tagger"]
__version__ = get_model_meta(Path(__file__).parent)["version"]


def load(**overrides):
    """Load the pipeline; the arguments are those of spacy.load."""
    return load_model_from_init_py(__file__, **overrides)
'''
_WHEEL = "Wheel-Version: 1.0\nGenerator: hivebase stand-in\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def write_wheel(nlp: Language, name: str, version: str, work: Path, target: Path) -> Path:
    """Write the wheel of ``nlp`` into the directory ``target`` and return its path; ``work`` must be empty."""
    data = f"{name}-{version}"
    nlp.to_disk(work)
    meta = (json.dumps(nlp.meta, indent=2, ensure_ascii=False, sort_keys=True) + "\n").encode()
    files = {
        f"{name}/__init__.py": _INIT.encode(),
        f"{name}/tagger.py": (Path(__file__).parent / "tagger.py").read_bytes(),
        f"{name}/meta.json": meta,
    }
    for path in sorted(work.rglob("*")):
        if path.is_file():
            files[f"{name}/{data}/{path.relative_to(work).as_posix()}"] = path.read_bytes()
    files[f"{name}/{data}/meta.json"] = meta
    info = f"{data}.dist-info"
    files[f"{info}/METADATA"] = _metadata(nlp, name, version).encode()
    files[f"{info}/WHEEL"] = _WHEEL.encode()
    files[f"{info}/entry_points.txt"] = f"[spacy_models]\n{name} = {name}\n".encode()
    files[f"{info}/RECORD"] = _record(files, f"{info}/RECORD")
    wheel = target / f"{data}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for member, content in files.items():
            entry = zipfile.ZipInfo(member, _TIME)
            entry.external_attr = 0o100644 << 16
            # Stored: deflate's bytes differ between versions of zlib.
            archive.writestr(entry, content, zipfile.ZIP_STORED)
    return wheel


def _metadata(nlp: Language, name: str, version: str) -> str:
    return (
        "Metadata-Version: 2.1\n"
        f"Name: {name}\nVersion: {version}\nSummary: {nlp.meta['description']}\n"
        f"Author: {nlp.meta['author']}\nLicense: {nlp.meta['license']}\n"
    )


def _record(files: dict[str, bytes], own: str) -> bytes:
    lines = []
    for member, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.append(f"{member},sha256={digest},{len(content)}")
    return "\n".join([*lines, f"{own},,", ""]).encode()
