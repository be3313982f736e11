"""The host's pip configuration, merged into one file for a step.

Precedence as of pip 24: global file, user file, the file of ``PIP_CONFIG_FILE`` (which replaces the user's),
environment variables. ``PIP_CONFIG_FILE=/dev/null`` means no file at all.
"""

from __future__ import annotations

import configparser
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

from hivebase.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hivebase.layers.sandbox.remap import LocalDirectories

# Where packages come from and how they are reached. What decides *which* packages are installed and how (a
# constraint file, say) is the Dockerfile's business: the same build must not depend on the machine.
_INDEXES = frozenset({"index-url", "extra-index-url"})
CERTIFICATE = "cert"
_SETTINGS = _INDEXES | {
    CERTIFICATE,
    "default-timeout",
    "find-links",
    "no-index",
    "proxy",
    "retries",
    "timeout",
    "trusted-host",
}


Settings = dict[str, dict[str, str]]
"""Section to setting to value."""


def pip_settings(environ: Mapping[str, str], home: Path, root: Path) -> Settings:
    """Return what the host tells its pip about indexes and how to reach them.

    Raises:
        UsageError: a configuration file cannot be parsed.
    """
    merged: Settings = {}
    for path in _files(environ, home, root):
        for section, settings in _read(path).items():
            merged.setdefault(section, {}).update(settings)
    for name, value in environ.items():
        key = name.removeprefix("PIP_").lower().replace("_", "-")
        if name.startswith("PIP_") and key in _SETTINGS and value:
            for settings in merged.values():  # a variable counts for every command
                settings.pop(key, None)
            merged.setdefault("global", {})[key] = value
    return merged


def pip_configuration(settings: Settings, local: LocalDirectories) -> str:
    """Return ``settings`` as a pip.conf for a step, or an empty string if there are none.

    Certificates are not in it: the step has one file with all of them.
    """
    result = configparser.RawConfigParser()
    for section, values in sorted(settings.items()):
        shown = {
            key: _shown(key, value, local) for key, value in sorted(values.items()) if key != CERTIFICATE
        }
        if shown:
            result[section] = shown
    text = io.StringIO()
    result.write(text)
    return text.getvalue()


def _files(environ: Mapping[str, str], home: Path, root: Path) -> list[Path]:
    named = environ.get("PIP_CONFIG_FILE", "")
    if named == os.devnull:
        return []
    files = [root / "etc/xdg/pip/pip.conf", root / "etc/pip.conf"]
    if named and Path(named).exists():
        return [*files, Path(named)]
    config_home = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    return [*files, home / ".pip/pip.conf", config_home / "pip/pip.conf"]


def _read(path: Path) -> Settings:
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(path.read_text(encoding="utf-8"), source=str(path))
    except OSError:
        return {}
    except (configparser.Error, UnicodeDecodeError) as error:
        # The parser's own message quotes the line, and such a line may hold a password.
        raise UsageError(
            "not a pip configuration file",
            where=str(path),
            why=type(error).__name__,
            hint="pip config debug shows which files pip reads",
        ) from None
    sections = {}
    for section in parser.sections():
        settings = {key.replace("_", "-"): value for key, value in parser.items(section)}
        sections[section] = {key: value for key, value in settings.items() if key in _SETTINGS}
    return sections


def _shown(key: str, value: str, local: LocalDirectories) -> str:
    if key in _INDEXES:
        return "\n".join(map(local.index, value.split()))
    if key == "find-links":
        return "\n".join(map(local.find_links, value.split()))
    return value
