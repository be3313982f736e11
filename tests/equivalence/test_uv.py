"""What uv leaves and what is composed for ``uv pip`` are the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.equivalence import awkward
from tests.equivalence.conftest import BASE
from uv import find_uv_bin

pytestmark = [pytest.mark.engine, pytest.mark.root]

HEAD = f"FROM {BASE}\nCOPY uv /usr/local/bin/uv\n"


@pytest.fixture(scope="module")
def uv():
    """The uv that hivebase itself brings."""
    return {"uv": Path(find_uv_bin()).read_bytes()}


@pytest.mark.parametrize("options", ["", "--compile-bytecode "], ids=["sources", "bytecode"])
def test_install(sides, awkward_names, uv, options):
    """All awkward wheels in the interpreter of the system."""
    names = [name for name in awkward_names if name not in awkward.REFUSED_BY_UV]
    command = f"uv pip install --system --no-cache --break-system-packages {options}{' '.join(names)}"
    sides.both("uv-awkward", f"{HEAD}RUN {command}\n", uv).check()
