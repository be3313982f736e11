"""Fixtures: the stand-in pipelines, trained once."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

MODELS = Path(__file__).resolve().parents[1] / "models"
sys.path.insert(0, str(MODELS))


@pytest.fixture(scope="session")
def pipelines():
    """Return both pipelines by language."""
    from standin.pipeline import build  # noqa: PLC0415 -- importable only after the path is set

    return {
        "pt": build(MODELS / "pt", "pt_core_news_sm", "3.8.0"),
        "en": build(MODELS / "en", "en_core_web_sm", "3.8.0"),
    }


@pytest.fixture
def clean_proxies(monkeypatch):
    """Talk to loopback directly."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
