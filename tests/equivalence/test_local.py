"""What needs no index: projects and wheels that are in the image or in a mount."""

from __future__ import annotations

import pytest
from tests.equivalence.conftest import BASE, WITH_UV, WITH_VENV
from tests.wheels import wheel

pytestmark = [pytest.mark.engine, pytest.mark.root]

BACKENDS = {
    "flit": ("flit_core.buildapi", '["flit_core==3.10.1"]'),
    "hatchling": ("hatchling.build", '["hatchling==1.27.0"]'),
    "setuptools": ("setuptools.build_meta", '["setuptools==75.8.0", "wheel==0.45.1"]'),
}


def _project(backend):
    """Return the files of a small project."""
    build, requires = BACKENDS[backend]
    about = (
        f'[build-system]\nrequires = {requires}\nbuild-backend = "{build}"\n'
        '[project]\nname = "Local_App"\nversion = "1.5"\ndescription = "x"\n'
        '[project.scripts]\nlocal-app = "local_app.cli:main"\n[tool.flit.module]\nname = "local_app"\n'
    )
    return {
        "app/pyproject.toml": about,
        "app/src/local_app/__init__.py": '"""A local application."""\n',
        "app/src/local_app/cli.py": "def main():\n    print('it runs')\n",
        "app/src/local_app/data.txt": "data\n",
        "app/README.md": "# app\n",
    }


@pytest.mark.parametrize("how", ["", "-e "], ids=["copy", "editable"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_project(sides, real, backend, how):
    """Built apart from the image, and installed by the image's pip."""
    dockerfile = f"FROM {BASE}\nCOPY app /app\nRUN pip install --no-cache-dir {how}/app\n"
    sides.both(f"project-{backend}{how.strip()}", dockerfile, _project(backend)).check()


@pytest.mark.parametrize("how", ["", "-e "], ids=["copy", "editable"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_project_without_isolation(sides, real, backend, how):
    """Built with what is installed, by a newer pip in a virtual environment."""
    names = {
        "flit": "flit_core",
        "hatchling": "hatchling editables",
        "setuptools": "setuptools==75.8.0 wheel",
    }
    dockerfile = (
        f"{WITH_VENV}ENV PATH=/venv/bin:$PATH\nRUN pip install --no-cache-dir pip==25.0.1 {names[backend]}\n"
        f"COPY app /app\nRUN pip install --no-cache-dir --no-build-isolation {how}/app\n"
    )
    sides.both(f"shared-{backend}{how.strip()}", dockerfile, _project(backend)).check()


@pytest.mark.parametrize("how", ["", "-e "], ids=["copy", "editable"])
def test_a_project_with_uv(sides, real, uv_binary, how):
    """The same for uv."""
    command = f"uv pip install --system --no-cache --break-system-packages {how}/app"
    dockerfile = f"{WITH_UV}COPY app /app\nRUN {command}\n"
    sides.both(f"project-uv{how.strip()}", dockerfile, uv_binary | _project("hatchling")).check()


def _wheels():
    """Return files of a directory of wheels; one needs another."""
    made = [
        wheel("needed", "1"),
        wheel("needed", "2", modes={"needed/__init__.py": 0o755}),
        wheel("needing", "1", requires=["needed>=1"], scripts={"needing": "needing:answer"}),
    ]
    return {f"wheels/{one.file}": one.bytes() for one in made}


PLACES = {
    "copied": "COPY wheels /wheels\nRUN {command}\n",
    "mounted": "RUN --mount=type=bind,source=wheels,target=/wheels {command}\n",
    "of-a-stage": "RUN --mount=type=bind,from=wheels,source=/w,target=/wheels {command}\n",
}
COMMANDS = {
    "path": "/wheels/needed-2-py3-none-any.whl",
    "pattern": "/wheels/needed-1*.whl /wheels/needing-*.whl",
    "find-links": "--no-index --find-links /wheels needing",
}


CASES = [(tool, command, "copied") for tool in ("pip", "pip 23.1", "pip 25", "uv") for command in COMMANDS]
CASES += [("pip", command, place) for place in ("mounted", "of-a-stage") for command in COMMANDS]


@pytest.mark.parametrize(("tool", "command", "place"), CASES)
def test_wheels_in_a_directory(sides, real, uv_binary, tool, command, place):
    """By their path or by name; with the same direct_url.json."""
    head, program = {
        "pip": (f"FROM {BASE}\n", "pip install --no-cache-dir"),
        "pip 23.1": (
            f"{WITH_VENV}RUN /venv/bin/pip install pip==23.1.2\n",
            "/venv/bin/pip install --no-cache-dir",
        ),
        "pip 25": (
            f"{WITH_VENV}RUN /venv/bin/pip install pip==25.0.1\n",
            "/venv/bin/pip install --no-cache-dir",
        ),
        "uv": (WITH_UV, "uv pip install --system --no-cache --break-system-packages"),
    }[tool]
    stage = "FROM scratch AS wheels\nCOPY wheels /w\n" if place == "of-a-stage" else ""
    dockerfile = f"{stage}{head}{PLACES[place].format(command=f'{program} {COMMANDS[command]}')}"
    files = _wheels() | (uv_binary if tool == "uv" else {})
    sides.both(f"wheels-{tool.replace(' ', '')}-{command}-{place}", dockerfile, files).check()
