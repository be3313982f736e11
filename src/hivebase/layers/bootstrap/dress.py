"""Makes a bootstrapped Debian tree look like the official slim image, and removes what varies.

Works on a directory tree that we made ourselves a moment ago (root-owned, nothing in it comes from a user).
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from hivebase.layers.bootstrap.recipe import MARKERS, Recipe

if TYPE_CHECKING:
    from pathlib import Path

# The same choices as Debian's own container images: nobody reads manuals in an image, and apt's caches
# would only be left behind in a layer.
_APT = """\
Acquire::GzipIndexes "true";
Acquire::Languages "none";
Apt::AutoRemove::SuggestsImportant "false";
Binary::apt::APT::Keep-Downloaded-Packages "false";
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

# Paths whose content depends on the moment or the machine of the bootstrap.
_VOLATILE = (
    "dev",  # device nodes: a runtime makes its own, and an image that holds any cannot be unpacked without root
    "etc/hostname",
    "etc/resolv.conf",
    "var/cache/apt",
    "var/cache/debconf/config.dat-old",
    "var/cache/debconf/templates.dat-old",
    "var/cache/ldconfig/aux-cache",
    "var/lib/apt/lists",
    "var/lib/dpkg/status-old",
    "var/lib/dpkg/diversions-old",
    "var/lib/systemd/catalog/database",
    "var/log",
)
_EMPTY_DIRECTORIES = ("dev", "var/cache/apt/archives/partial", "var/lib/apt/lists/partial", "var/log/apt")


def dress(root: Path, recipe: Recipe) -> None:
    """Finish the tree at ``root`` for ``recipe``."""
    _drop_volatile(root)
    (root / "etc/machine-id").write_text("")
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
        path = root / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    for name in _EMPTY_DIRECTORIES:
        (root / name).mkdir(parents=True, exist_ok=True)
        (root / name).chmod(0o755)


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
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
