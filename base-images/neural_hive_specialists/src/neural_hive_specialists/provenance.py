"""Where this process comes from: the library, the image and what in it is a stand-in."""

from __future__ import annotations

import hashlib
import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neural_hive_specialists.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

_FACTS = Path("usr/share/hivebase")


@dataclass(frozen=True, slots=True)
class Provenance:
    """What can be said of the running program; empty where nobody said it.

    Attributes:
        library_version: of neural_hive_specialists.
        source_digest: over the files of the library as they are imported, so that a stale or edited copy shows.
        python_version: of the interpreter.
        image: name of the image (``HIVE_IMAGE_NAME``).
        image_version: its version (``HIVE_IMAGE_VERSION``).
        image_digest: of its manifest (``HIVE_IMAGE_DIGEST``); only who starts the container can know it.
        revision: of the sources (``HIVE_IMAGE_REVISION``).
        base_image: what the image stands on, name and version (``HIVE_BASE_IMAGE``, set by the base image itself).
        base_images: those whose locked requirements are inside.
        stand_ins: what replaces an official part, name to explanation.
    """

    library_version: str
    source_digest: str
    python_version: str
    image: str
    image_version: str
    image_digest: str
    revision: str
    base_image: str
    base_images: tuple[str, ...]
    stand_ins: dict[str, str]

    @classmethod
    def collect(cls, environ: Mapping[str, str] | None = None, root: Path = Path("/")) -> Provenance:
        """Read the environment and the facts that the image carries below ``root``."""
        env = os.environ if environ is None else environ
        return cls(
            library_version=__version__,
            source_digest=source_digest(Path(__file__).parent),
            python_version=platform.python_version(),
            image=env.get("HIVE_IMAGE_NAME", ""),
            image_version=env.get("HIVE_IMAGE_VERSION", ""),
            image_digest=env.get("HIVE_IMAGE_DIGEST", ""),
            revision=env.get("HIVE_IMAGE_REVISION", ""),
            base_image=env.get("HIVE_BASE_IMAGE", ""),
            base_images=tuple(sorted(path.stem for path in (root / _FACTS / "requirements").glob("*.txt"))),
            stand_ins={
                path.name: path.read_text(encoding="utf-8", errors="replace").strip()
                for path in sorted((root / _FACTS / "stand-ins.d").glob("*"))
                if path.is_file()
            },
        )

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        return asdict(self) | {"base_images": list(self.base_images)}


def source_digest(package: Path) -> str:
    """Return ``sha256:...`` over the names and contents of the sources below ``package``; bytecode does not count."""
    total = hashlib.sha256()
    for path in sorted(package.rglob("*"), key=lambda path: path.relative_to(package).as_posix()):
        if path.is_file() and "__pycache__" not in path.parts:
            name = path.relative_to(package).as_posix().encode()
            total.update(name + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return f"sha256:{total.hexdigest()}"
