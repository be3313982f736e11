"""Values as TOML, in one canonical form: equal values, equal text."""

from __future__ import annotations

import json
from typing import Any


def string(text: str) -> str:
    """Write a TOML basic string: JSON's, but in plain Unicode, since TOML knows no surrogate pairs."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def tables(document: dict[str, Any]) -> str:
    """Write keys and tables in a canonical order, as inline values."""
    return "".join(f"{string(key)} = {value_text(value)}\n" for key, value in sorted(document.items()))


def value_text(value: Any) -> str:
    """Write any value that :mod:`tomllib` reads."""
    match value:
        case dict():
            return "{" + ", ".join(f"{string(k)} = {value_text(v)}" for k, v in sorted(value.items())) + "}"
        case list():
            return "[" + ", ".join(value_text(v) for v in value) + "]"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            return string(value)
    return str(value)  # dates and times: str() is RFC 3339
