"""The host's uv configuration, as environment variables for a step.

Variables and not a file, because ``UV_CONFIG_FILE`` would hide the project's and the image's own ``uv.toml``.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hivebase.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hivebase.layers.sandbox.remap import LocalDirectories

_AS_THEY_ARE = ("UV_HTTP_TIMEOUT", "UV_INSECURE_HOST", "UV_NATIVE_TLS", "UV_NO_INDEX")
_ONE_INDEX = ("UV_DEFAULT_INDEX", "UV_INDEX_URL")
_INDEXES = ("UV_INDEX", "UV_EXTRA_INDEX_URL")


def uv_variables(
    environ: Mapping[str, str], home: Path, root: Path, local: LocalDirectories
) -> dict[str, str]:
    """Return the variables that make uv in a step use the host's indexes.

    Raises:
        UsageError: a configuration file cannot be parsed.
    """
    config_home = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    files = [root / "etc/uv/uv.toml", config_home / "uv/uv.toml"]
    if environ.get("UV_CONFIG_FILE"):
        files = [Path(environ["UV_CONFIG_FILE"])]
    found: dict[str, str] = {}
    if not environ.get("UV_NO_CONFIG"):
        for path in files:
            found.update(_from_file(path))
    named = (*_AS_THEY_ARE, *_ONE_INDEX, *_INDEXES, "UV_FIND_LINKS")
    found.update({name: environ[name] for name in named if environ.get(name)})
    for name in (*_ONE_INDEX, *_INDEXES):
        if name in found:
            found[name] = " ".join(_index(word, local) for word in found[name].split())
    if "UV_FIND_LINKS" in found:
        found["UV_FIND_LINKS"] = ",".join(map(local.find_links, found["UV_FIND_LINKS"].split(",")))
    return found


def _index(word: str, local: LocalDirectories) -> str:
    """Rewrite the URL of ``url`` or ``name=url``."""
    name, separator, url = word.partition("=")
    if separator and "/" not in name:
        return f"{name}={local.index(url)}"
    return local.index(word)


def _from_file(path: Path) -> dict[str, str]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise UsageError("not a uv configuration file (TOML)", where=str(path)) from None
    settings = {**document, **document.get("pip", {})}
    found: dict[str, str] = {}
    indexes = [_named(index) for index in document.get("index", []) if not index.get("default")]
    default = [_named(index) for index in document.get("index", []) if index.get("default")]
    for variable, words in (
        ("UV_INDEX", indexes),
        ("UV_DEFAULT_INDEX", default[:1]),
        ("UV_INDEX_URL", _words(settings.get("index-url"))),
        ("UV_EXTRA_INDEX_URL", _words(settings.get("extra-index-url"))),
        ("UV_INSECURE_HOST", _words(settings.get("allow-insecure-host"))),
    ):
        if words:
            found[variable] = " ".join(words)
    if links := _words(settings.get("find-links")):
        found["UV_FIND_LINKS"] = ",".join(links)
    if settings.get("native-tls") is True:
        found["UV_NATIVE_TLS"] = "1"
    return found


def _named(index: dict[str, Any]) -> str:
    return f"{index['name']}={index['url']}" if index.get("name") else str(index.get("url", ""))


def _words(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [str(word) for word in value] if isinstance(value, list) else []
