"""Mounting an overlay of many directories, whatever the length of their names.

The legacy option string of ``mount(2)`` is cut at one page, with a misleading error from about sixty long
paths on. The newer calls take layer by layer, up to 500, but only 255 bytes each. So both get short relative
names: links in a directory made for it. Used by the helper process alone.
"""

# ruff: noqa: PTH211 -- pathlib alone would make the helper process a fifth slower to start

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from hivebase.layers.sandbox import syscalls

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_LAYERS = 499
"""Lower directories that the kernel stacks at most (``OVL_MAX_STACK`` less the upper)."""

# Directories are not renamed in place and inodes are not shared: what the upper directory holds is then
# plain files that can be read without the overlay. Redirects out of lower layers are not followed either.
_PLAIN = (("redirect_dir", "nofollow"), ("metacopy", "off"), ("index", "off"))


def mount_overlay(
    target: str,
    links: str,
    lowers: Sequence[str],
    upper: str = "",
    work: str = "",
    *,
    devices: bool = False,
) -> None:
    """Mount the stack ``lowers`` (lowest first) at ``target``, read-only if there is no ``upper``.

    Syncing inside the mount is a no-op (``volatile``) where the kernel knows how: the upper directory of a
    run that did not end is thrown away anyway, and package managers sync every file. Who keeps the upper
    directory syncs it once.

    Args:
        target: an existing directory, absolute.
        links: an existing empty directory for the short names. It becomes the working directory.
        lowers: existing directories; at least two of them if there is no upper.
        upper: takes the changes.
        work: an empty directory on the same file system as ``upper``.
        devices: whether device nodes work.

    Raises:
        OSError: as of the calls.
    """
    os.chdir(links)
    names = [str(number) for number in range(len(lowers))]
    for name, path in zip(names, lowers, strict=True):
        os.symlink(path, name)
    names.reverse()  # the kernel wants the top first
    top: list[tuple[str, str]] = []
    if upper:
        os.symlink(upper, "u")
        os.symlink(work, "w")
        top = [("upperdir", "u"), ("workdir", "w")]
    try:
        _mount_new(target, names, top, devices=devices)
    except OSError as error:
        if error.errno not in {errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.ENODEV}:
            raise
        _mount_legacy(target, names, top, devices=devices)


def _mount_new(target: str, names: list[str], top: list[tuple[str, str]], *, devices: bool) -> None:
    attributes = 0 if devices else syscalls.MOUNT_ATTR_NODEV
    attributes |= 0 if top else syscalls.MOUNT_ATTR_RDONLY
    settings = [("source", "overlay"), *_PLAIN, *(("lowerdir+", name) for name in names), *top]
    flags = ["volatile"] if top else []
    syscalls.mount_configured("overlay", settings, flags, target, attributes)


def _mount_legacy(target: str, names: list[str], top: list[tuple[str, str]], *, devices: bool) -> None:
    flags = 0 if devices else syscalls.MS_NODEV
    flags |= 0 if top else syscalls.MS_RDONLY
    settings = ",".join(f"{key}={value}" for key, value in (*_PLAIN, ("lowerdir", ":".join(names)), *top))
    try:
        syscalls.mount("overlay", target, "overlay", flags, settings + ",volatile" if top else settings)
    except OSError as error:
        if not top or error.errno != errno.EINVAL:  # volatile came with Linux 5.10
            raise
        syscalls.mount("overlay", target, "overlay", flags, settings)
