"""Installs the spaCy pipelines of models.toml: the official wheels, or stand-ins where those cannot be had.

Run inside the image: ``python install.py --stand-ins auto`` (or ``never``, which refuses stand-ins).
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import os
import subprocess
import sys
import tempfile
import time
import tomllib
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
MARKERS = Path("/usr/share/hivebase/stand-ins.d")
TIMEOUT_SECONDS = 5.0
_CHUNK = 1 << 20
_MOST_BYTES = 64 << 20


@dataclass(frozen=True)
class Model:
    """One entry of models.toml."""

    name: str
    version: str
    lang: str
    url: str
    sha256: str

    @property
    def file_name(self) -> str:
        """The name of the wheel."""
        return f"{self.name}-{self.version}-py3-none-any.whl"


class UnreachableError(Exception):
    """The official wheel cannot be fetched from here."""


class WrongContentError(Exception):
    """What was fetched is not the official wheel."""


def read_models(path: Path) -> list[Model]:
    """Return the pipelines listed in ``path``."""
    return [Model(**entry) for entry in tomllib.loads(path.read_text(encoding="utf-8"))["model"]]


def fetch(model: Model, target: Path) -> Path:
    """Download the official wheel into the directory ``target``.

    Raises:
        UnreachableError: no route, no answer in time, or an answer that is not a file.
        WrongContentError: the bytes are not those that models.toml promises.
    """
    digest, size = hashlib.sha256(), 0
    wheel = target / model.file_name
    try:
        with urllib.request.urlopen(model.url, timeout=TIMEOUT_SECONDS) as response, wheel.open("wb") as file:
            while chunk := response.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
                if size > _MOST_BYTES:
                    break
                file.write(chunk)
    except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
        raise UnreachableError(str(getattr(error, "reason", error))) from error
    if digest.hexdigest() != model.sha256:
        raise WrongContentError(
            f"{model.file_name} has sha256 {digest.hexdigest()}, expected {model.sha256};"
            " something between here and the download site changed it, or models.toml is wrong"
        )
    return wheel


def train(model: Model, target: Path) -> Path:
    """Train the stand-in of ``model`` and write its wheel into the directory ``target``."""
    from standin.pipeline import build  # noqa: PLC0415 -- spaCy is slow to import and often not needed
    from standin.wheel import write_wheel  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as work:
        nlp = build(HERE / model.lang, model.name, model.version)
        return write_wheel(nlp, model.name, model.version, Path(work), target)


def install(models: list[Model], wheels: Path) -> None:
    """Install the wheels of ``models`` from the directory ``wheels``, without asking any index."""
    # By name and not by path, so that no direct_url.json names a directory that is gone.
    wanted = [f"{model.name}=={model.version}" for model in models]
    command = [sys.executable, "-m", "pip", "install", "--no-cache-dir", "--no-index", "--no-deps"]
    subprocess.run([*command, "--find-links", str(wheels), *wanted], check=True)


def main() -> int:
    """Run the program; return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stand-ins", choices=("auto", "never"), default="auto")
    parser.add_argument("--markers", type=Path, default=MARKERS, help="where each stand-in leaves its marker file")
    arguments = parser.parse_args()
    mode, markers = arguments.stand_ins, arguments.markers
    models = read_models(HERE / "models.toml")
    reasons: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as directory:
        wheels = Path(directory)
        for model in models:
            try:
                fetch(model, wheels)
                print(f"{model.name} {model.version}: the official wheel, sha256 verified")
            except WrongContentError as error:
                print(f"error: {error}", file=sys.stderr)
                return 1
            except UnreachableError as error:
                if mode == "never":
                    print(
                        f"error: {model.url} cannot be fetched ({error}), and HIVEBASE_STAND_INS=never forbids a stand-in",
                        file=sys.stderr,
                    )
                    return 1
                started = time.monotonic()
                train(model, wheels)
                reasons[model.name] = str(error)
                seconds = time.monotonic() - started
                print(f"{model.name} {model.version}: a stand-in, trained in {seconds:.1f} s ({error})")
        install(models, wheels)
    for model in models:
        if model.name in reasons:
            markers.mkdir(parents=True, exist_ok=True)
            text = f"{model.name} {model.version}: trained at build time from own sentences, not the official pipeline\n"
            (markers / model.name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    # Sets of strings have an order of their own in each process; training must not depend on it.
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PYTHONHASHSEED": "0"})  # noqa: S606
    sys.exit(main())
