"""An empty store."""

from __future__ import annotations

import pytest

from hivebase.oci.store import Store


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A store whose writes are not synced: nothing here is about power cuts."""
    monkeypatch.setenv("HIVEBASE_UNSAFE_NO_SYNC", "1")
    return Store.open(tmp_path / "store")
