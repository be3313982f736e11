"""Obtains the wheels of the spaCy pipelines of models.toml: the official ones, or stand-ins where those cannot be had.

Run inside an image with spaCy: ``python obtain.py --stand-ins auto`` (or ``never``, which refuses stand-ins).
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import os
import sys
import tempfile
import time
import tomllib
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
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
    if urllib.parse.urlsplit(model.url).scheme not in {"http", "https"}:
        raise UnreachableError("not a web address")
    digest, size = hashlib.sha256(), 0
    wheel = target / model.file_name
    try:
        # The scheme was checked above, which the rule cannot see.
        answer = urllib.request.urlopen(model.url, timeout=TIMEOUT_SECONDS)  # noqa: S310
        with answer as response, wheel.open("wb") as file:
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


def main() -> int:
    """Run the program; return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stand-ins", choices=("auto", "never"), default="auto")
    parser.add_argument("--wheels", type=Path, required=True, help="directory for the wheels")
    parser.add_argument("--markers", type=Path, required=True, help="directory for a marker file of each stand-in")
    arguments = parser.parse_args()
    models = read_models(HERE / "models.toml")
    allowed = arguments.stand_ins == "auto"
    arguments.wheels.mkdir(parents=True, exist_ok=True)
    arguments.markers.mkdir(parents=True, exist_ok=True)
    try:
        stand_ins = [model for model in models if not obtain(model, arguments.wheels, stand_ins_allowed=allowed)]
    except (UnreachableError, WrongContentError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for model in stand_ins:
        text = f"{model.name} {model.version}: trained at build time from own sentences, not the official pipeline\n"
        (arguments.markers / model.name).write_text(text, encoding="utf-8")
    return 0


def obtain(model: Model, wheels: Path, *, stand_ins_allowed: bool) -> bool:
    """Put a wheel of ``model`` into the directory ``wheels``; return whether it is the official one.

    Raises:
        UnreachableError: it cannot be fetched, and a stand-in is not allowed.
        WrongContentError: something else was fetched; never a reason for a stand-in.
    """
    try:
        fetch(model, wheels)
    except UnreachableError as error:
        if not stand_ins_allowed:
            raise UnreachableError(
                f"{model.url} cannot be fetched ({error}), and HIVEBASE_STAND_INS=never forbids a stand-in"
            ) from error
        started = time.monotonic()
        train(model, wheels)
        seconds = time.monotonic() - started
        print(f"{model.name} {model.version}: a stand-in, trained in {seconds:.1f} s; no official wheel: {error}")
        return False
    print(f"{model.name} {model.version}: the official wheel, sha256 verified")
    return True


if __name__ == "__main__":
    # Sets of strings have an order of their own in each process; training must not depend on it.
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PYTHONHASHSEED": "0"})  # noqa: S606
    sys.exit(main())
