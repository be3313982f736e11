"""Setting the stage of one step: scratch space, overlay, devices, mounts, the runtime's bundle.

All of it lives in the helper's mount namespace and goes with it. Used by the helper process alone.
"""

# ruff: noqa: PTH101, PTH102, PTH103, PTH112, PTH123 -- pathlib alone would make the helper process a fifth slower to start

from __future__ import annotations

import contextlib
import json
import os
import stat
from typing import TYPE_CHECKING, Any

from hivebase.layers.sandbox import syscalls
from hivebase.layers.sandbox.attach import Sources
from hivebase.layers.sandbox.overlay import mount_overlay
from hivebase.layers.sandbox.targets import MountPoints, TargetError, copy_metadata

if TYPE_CHECKING:
    from hivebase.layers.sandbox.protocol import HostFiles, Request

_FOLDERS = ("bundle", "dev", "files", "host", "links", "probe", "probe-links", "root", "sources", "state")

# The nodes of runtime-spec 1.0.2 "Default Devices" that are not made by devpts: (name, major, minor).
_DEVICES = (
    ("null", 1, 3),
    ("zero", 1, 5),
    ("full", 1, 7),
    ("random", 1, 8),
    ("urandom", 1, 9),
    ("tty", 5, 0),
)

_MOUNT = "/bin/mount"
_MAX_CERTIFICATES = 4 << 20
_CERTIFICATE_END = "-----END CERTIFICATE-----"


class UnfitError(Exception):
    """The image, or a mount of the step, is not fit to run; the message is for the user."""


def prepare(request: Request, scratch: str) -> None:
    """Mount everything that the step needs and write the runtime's bundle to ``scratch/bundle``.

    Raises:
        UnfitError: the image or a mount is unfit.
        OSError: the machine cannot.
    """
    config = request["config"]
    os.makedirs(scratch, mode=0o700, exist_ok=True)
    syscalls.mount("hivebase", scratch, "tmpfs", syscalls.MS_NOSUID, "mode=0700")
    for folder in _FOLDERS:
        os.mkdir(f"{scratch}/{folder}")
    _make_devices(f"{scratch}/dev")

    # On the disk with the layers, not in memory: files of an overlay across file systems change their device
    # numbers, and tools that stay on one file system would skip them.
    stubs, empty, overlay_work = (f"{request['work']}/{name}" for name in ("stubs", "empty", "overlay"))
    for directory in (stubs, empty, overlay_work):
        os.mkdir(directory, 0o755)
    tree = ""
    if request["lowers"]:
        tree = f"{scratch}/probe"
        mount_overlay(tree, f"{scratch}/probe-links", [empty, *request["lowers"]])  # it takes two
    copy_metadata(tree or stubs, request["upper"])  # the upper directory decides what / itself looks like
    _refuse_unfit(tree)
    points = MountPoints(tree, stubs)
    try:
        points.check_directory(config["process"]["cwd"])
        mounts = _mounts(request, scratch, tree, points)
    except TargetError as error:
        raise UnfitError(str(error)) from error
    points.finish()
    root = f"{scratch}/root"
    mount_overlay(
        root,
        f"{scratch}/links",
        [*request["lowers"], stubs],
        request["upper"],
        overlay_work,
        devices=request["devices"],
    )
    config["root"] = {"path": root, "readonly": False}
    config["mounts"] += mounts
    if request["flavour"] == "crun" and not request["devices"]:
        # It mounts the root once more without the flags that we gave it. The hook runs before the image's root
        # becomes the step's, so the program is the host's.
        deny = [_MOUNT, "-o", "remount,bind,nodev", root]
        config["hooks"] = {"createContainer": [{"path": _MOUNT, "args": deny}]}
    with open(f"{scratch}/bundle/config.json", "w", encoding="utf-8") as file:
        json.dump(config, file)


def _make_devices(directory: str) -> None:
    """Make our own nodes: what a step does to their mode or times stays here, even if it can."""
    for name, major, minor in _DEVICES:
        os.mknod(f"{directory}/{name}", stat.S_IFCHR, os.makedev(major, minor))
        os.chmod(f"{directory}/{name}", 0o666)  # noqa: S103 -- as every system's


def _refuse_unfit(tree: str) -> None:
    """Refuse links where the kernel's file systems are mounted; runtimes have been led astray by them."""
    for name in ("proc", "sys", "dev"):
        with contextlib.suppress(FileNotFoundError):
            if tree and not stat.S_ISDIR(os.lstat(f"{tree}/{name}").st_mode):
                raise UnfitError(f"/{name} in the image is not a directory; no container can start from it")


def _mounts(request: Request, scratch: str, tree: str, points: MountPoints) -> list[dict[str, Any]]:
    """Prepare every source, find every mount point, and return the runtime's list of mounts."""
    mounts = []
    for name in ("proc", "sys", "dev"):  # the runtime would make these in the image's tree
        points.place(f"/{name}", directory=True)
    if request["devices"]:
        nodes: list[str] = []
    else:
        nodes = [name for name, _, _ in _DEVICES]
    mounts += [_bind(f"{scratch}/dev/{name}", f"/dev/{name}", "ro", "nosuid", "noexec") for name in nodes]
    for path, content in (("/etc/resolv.conf", request["resolv"]), ("/etc/hosts", request["hosts"])):
        source = f"{scratch}/files/{path.rpartition('/')[2]}"
        _write(source, content)
        mounts.append(_bind(source, points.place(path, directory=False), "ro", "nosuid", "nodev", "noexec"))
    mounts += _host(request["host"], f"{scratch}/host", tree, points)
    sources = Sources(f"{scratch}/sources", request["work"])
    for mount in request["mounts"]:
        source, options = sources.make(mount)
        place = points.place(mount["target"], directory=os.path.isdir(source))
        mounts.append(_bind(source, place, *options))
    return mounts


def _host(host: HostFiles, directory: str, tree: str, points: MountPoints) -> list[dict[str, Any]]:
    if not host["texts"] and not host["directories"]:
        return []
    os.chmod(directory, 0o755)  # noqa: S103 -- any user of the step may read it
    for name, text in host["texts"].items():
        _write(
            f"{directory}/{name}", text + (_further_certificates(tree, text) if name == host["ca"] else "")
        )
    place = points.place(host["target"], directory=True)
    mounts = [_bind(directory, place, "ro", "nosuid", "nodev", "noexec")]
    for name, path in host["directories"]:
        os.makedirs(f"{directory}/{name}", exist_ok=True)
        mounts.append(_bind(path, f"{place}/{name}", "ro", "nosuid", "nodev"))
    return mounts


def _further_certificates(tree: str, known: str) -> str:
    """Return the image's certificates that are not ``known``: setting ours must not take them away."""
    from hivebase.fs import Directory  # noqa: PLC0415 -- costs more than the rest; most steps do without

    if not tree:
        return ""
    try:
        with Directory.open(tree) as root:
            fd = root.open_in_root("etc/ssl/certs/ca-certificates.crt", os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return ""
    with open(fd, "rb") as file:
        facts = os.fstat(fd)
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > _MAX_CERTIFICATES:
            return ""
        certificates = file.read(_MAX_CERTIFICATES).decode("ascii", "replace").split(_CERTIFICATE_END)[:-1]
    ours = {part.strip() for part in known.split(_CERTIFICATE_END)}
    new = [part.strip() for part in certificates if part.strip() not in ours]
    return "".join(f"{part}\n{_CERTIFICATE_END}\n" for part in new)


def _bind(source: str, target: str, *options: str) -> dict[str, Any]:
    return {
        "destination": target,
        "type": "bind",
        "source": source,
        "options": ["bind", "private", *options],
    }


def _write(path: str, content: str) -> None:
    with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(content)
    os.chmod(path, 0o644)
