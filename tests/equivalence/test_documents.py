"""The reference says what may differ and every reason to run an installation."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from tests.equivalence.trees import ALLOWED

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/reference/composition.md").read_text(encoding="utf-8")
_ERRORS = {"NotComposableError", "ImpureError", "RefusedError"}


def _text(node):
    """Return a text in the source, with an ellipsis for what is put into it."""
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _reasons():
    found = set()
    for path in (ROOT / "src/hivebase").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _ERRORS:
                found.add(_text(node.args[-1]))
    return sorted(found - {None})


@pytest.mark.parametrize("reason", _reasons())
def test_every_reason_is_documented(reason):
    """In the words of the program."""
    assert f"`{reason}`" in TEXT


@pytest.mark.parametrize("allowed", ALLOWED, ids=lambda one: one.name)
def test_every_allowance_is_documented(allowed):
    """Under its name."""
    table = TEXT.partition("## What may differ")[2].partition("\n## ")[0]
    assert allowed.name in table
