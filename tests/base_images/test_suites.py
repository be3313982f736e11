"""The library and the stand-in pipelines have tests of their own; here they run, with what the images install."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.base_images.hive import BASE_IMAGES, PARENTS, versions

if TYPE_CHECKING:
    from pathlib import Path

NEEDED = (
    "fastapi",
    "flit-core",
    "grpcio",
    "grpcio-health-checking",
    "packaging",
    "prometheus-client",
    "pydantic",
    "pydantic-settings",
    "spacy",
    "structlog",
    "uvicorn",
)


def run(*command: str | Path, cwd: Path) -> None:
    """Run ``command``; fail with its output."""
    # Neither settings of this run of pytest nor of a service reach the inner one.
    env = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "HIVE", "COV"))
    }
    env |= {"PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]


@pytest.fixture(scope="module")
def python(tmp_path_factory) -> Path:
    """Make an environment with the locked versions of what the suites need; return its interpreter."""
    place = tmp_path_factory.mktemp("suites")
    pins = {name: version for image in PARENTS for name, version in versions(image).items()}
    constraints = place / "constraints.txt"
    constraints.write_text("".join(f"{name}=={version}\n" for name, version in sorted(pins.items())))
    run(sys.executable, "-m", "venv", place / "venv", cwd=place)
    interpreter: Path = place / "venv/bin/python"
    # The test tools are not in the images, so they are not constrained.
    run(interpreter, "-m", "pip", "install", "--quiet", "-c", constraints, *NEEDED, "pytest", cwd=place)
    return interpreter


@pytest.fixture(scope="module")
def installed(python: Path) -> Path:
    """Install the library as the image does; return the interpreter."""
    library = BASE_IMAGES / "neural_hive_specialists"
    run(
        python,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-build-isolation",
        "--no-deps",
        "-e",
        library,
        cwd=library,
    )
    return python


@pytest.mark.engine
def test_the_library_passes_its_tests(installed):
    """Real servers on loopback, with the versions of the lock."""
    run(installed, "-m", "pytest", "-p", "no:cacheprovider", cwd=BASE_IMAGES / "neural_hive_specialists")


@pytest.mark.engine
def test_the_library_is_typed(installed):
    """Strictly, against the installed packages."""
    library = BASE_IMAGES / "neural_hive_specialists"
    cache = installed.parents[2] / "mypy"
    # Its own settings name a plug-in that lives in that environment only.
    run(installed, "-m", "pip", "install", "--quiet", "mypy", cwd=library)
    run(installed, "-m", "mypy", "--cache-dir", cache, cwd=library)


@pytest.mark.engine
def test_the_stand_in_pipelines_pass_their_tests(python):
    """Trained here, measured on sentences that they have not seen."""
    run(python, "-m", "pytest", "-p", "no:cacheprovider", cwd=BASE_IMAGES / "python-nlp-base")


@pytest.mark.parametrize("command", [("check",), ("format", "--check")])
def test_everything_that_runs_in_an_image_is_clean(command):
    """The same rules as for hivebase itself, with the exceptions that their own settings give reasons for."""
    run(sys.executable, "-m", "ruff", *command, "--no-cache", ".", cwd=BASE_IMAGES)
