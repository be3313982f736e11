"""Makes a bootstrapped Debian tree look like the official slim image, and removes what varies.

Works on a directory tree that we made ourselves a moment ago (root-owned, nothing in it comes from a user).
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from hivebase.layers.bootstrap.recipe import MARKERS, Recipe

# The same choices as Debian's own container images: nobody reads manuals in an image, and apt's caches
# would only be left behind in a layer.
_APT = """\
Acquire::GzipIndexes "true";
Acquire::Languages "none";
Apt::AutoRemove::SuggestsImportant "false";
APT::Keep-Downloaded-Packages "false";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
"""
_DPKG = "force-unsafe-io\n"
_POLICY = "#!/bin/sh\n# No service starts while packages are installed into an image.\nexit 101\n"

EXCLUDED = (
    "/usr/share/doc/*",
    "/usr/share/info/*",
    "/usr/share/linda/*",
    "/usr/share/lintian/overrides/*",
    "/usr/share/locale/*",
    "/usr/share/man/*",
)
INCLUDED = ("/usr/share/doc/*/copyright",)
"""Licences stay: leaving them out would be a breach of most of them."""

# Files whose content depends on the moment or the machine of the bootstrap.
_VOLATILE = (
    "etc/hostname",
    "etc/resolv.conf",
    "var/cache/debconf/config.dat-old",
    "var/cache/debconf/templates.dat-old",
    "var/cache/ldconfig/aux-cache",
    "var/lib/dpkg/diversions-old",
    "var/lib/dpkg/status-old",
    "var/lib/systemd/catalog/database",
)
# Directories whose files go and whose subdirectories stay, because their owners and modes are the packages' own.
_EMPTIED = ("var/cache/apt", "var/lib/apt/lists", "var/log")


def dress(root: Path, recipe: Recipe) -> None:
    """Finish the tree at ``root`` for ``recipe``."""
    _drop_volatile(root)
    _write(root / "etc/machine-id", "", 0o444)
    _write(root / "etc/apt/apt.conf.d/docker-like", _APT)
    _write(root / "etc/dpkg/dpkg.cfg.d/docker-like", _DPKG + _exclusions())
    _write(root / "usr/sbin/policy-rc.d", _POLICY, 0o755)
    if recipe.python:
        _dress_python(root, recipe.python)
    _write(
        root / MARKERS / recipe.name.replace("/", "_"),
        f"{recipe.name}: bootstrapped from Debian packages ({recipe.suite}), not the official image\n",
    )


def _drop_volatile(root: Path) -> None:
    for name in _VOLATILE:
        (root / name).unlink(missing_ok=True)
    for name in _EMPTIED:
        for directory, _, files in os.walk(root / name):
            for file in files:
                (Path(directory) / file).unlink()
    # Device nodes: a runtime makes its own, and an image that holds any cannot be unpacked without root.
    for entry in (root / "dev").iterdir():
        shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()


def _dress_python(root: Path, version: str) -> None:
    (root / f"usr/lib/python{version}/EXTERNALLY-MANAGED").unlink(missing_ok=True)
    # The official image has both spellings in /usr/local/bin, and scripts there name that path in their first line.
    for name in ("python", "python3", f"python{version}"):
        link = root / "usr/local/bin" / name
        if not link.exists() and not link.is_symlink():
            link.symlink_to(f"/usr/bin/python{version}")


def _exclusions() -> str:
    return "".join(
        [*(f"path-exclude {path}\n" for path in EXCLUDED), *(f"path-include {path}\n" for path in INCLUDED)]
    )


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    _make_directory(path.parent)
    path.write_text(text)
    path.chmod(mode)


def _make_directory(path: Path) -> None:
    """Make ``path`` and what is missing above it, with one mode whatever the umask is."""
    if not path.is_dir():
        _make_directory(path.parent)
        path.mkdir()
        path.chmod(0o755)
