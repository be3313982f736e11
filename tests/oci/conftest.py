"""A fresh store for each test."""

from __future__ import annotations

import pytest

from hivebase.oci.store import Store


@pytest.fixture
def store(tmp_path) -> Store:
    """Return an empty store."""
    return Store.open(tmp_path / "store")
