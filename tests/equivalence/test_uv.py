"""What uv leaves and what is composed for ``uv pip`` are the same."""

from __future__ import annotations

import pytest
from tests.equivalence import awkward
from tests.equivalence.conftest import WITH_UV

pytestmark = [pytest.mark.engine, pytest.mark.root]


@pytest.fixture
def names(awkward_names):
    """The awkward wheels that uv installs."""
    return [name for name in awkward_names if name not in awkward.REFUSED_BY_UV]


@pytest.mark.parametrize("options", ["", "--compile-bytecode "], ids=["sources", "bytecode"])
def test_install(sides, names, uv_binary, options):
    """All awkward wheels in the interpreter of the system."""
    command = f"uv pip install --system --no-cache --break-system-packages {options}{' '.join(names)}"
    sides.both("uv-awkward", f"{WITH_UV}RUN {command}\n", uv_binary).check()


def test_sync(sides, names, uv_binary, real):
    """What is not in the file goes, what is in another version is replaced, what is right stays."""
    dockerfile = (
        f"{WITH_UV}ENV UV_SYSTEM_PYTHON=1 UV_NO_CACHE=1 UV_BREAK_SYSTEM_PACKAGES=1\n"
        "RUN uv pip install commands six==1.16.0\n"
        "COPY requirements.txt /\n"
        "RUN uv pip sync /requirements.txt\n"
    )
    files = {**uv_binary, "requirements.txt": "six==1.15.0\nheaders==1\n"}
    sides.both("uv-sync", dockerfile, files).check()


def test_in_a_virtual_environment(sides, names, uv_binary, real):
    """Of ``VIRTUAL_ENV`` and of ``--python``."""
    names.remove("with-receipts")  # which uv itself cannot read once it is installed
    dockerfile = (
        f"{WITH_UV}RUN python -m venv /venv\nENV VIRTUAL_ENV=/venv UV_NO_CACHE=1\n"
        f"RUN uv pip install {' '.join(names)}\n"
        "RUN uv pip install --python /venv/bin/python3 --compile-bytecode six==1.16.0\n"
    )
    sides.both("uv-venv", dockerfile, uv_binary).check()
