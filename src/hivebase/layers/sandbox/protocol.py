"""What the library and its helper process say to each other: one JSON document there, JSON lines back.

The request goes through a pipe and is never on a disk, because it holds secrets.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict


class TreeSource(TypedDict):
    """A file or directory out of unpacked layers.

    Attributes:
        stack: directories, lowest first; overlaid when there are several.
        path: inside the stack, resolved there as in a chroot.
    """

    stack: list[str]
    path: str


class TreeMount(TypedDict):
    """Show a part of a tree: of the build context, of another stage or image, or a cache.

    Attributes:
        writes: ``no``, ``discard`` (they go to a place that is thrown away) or ``keep``.
        seed: what to fill ``into`` with before the first use; ``into`` then becomes ``source``'s directory.
    """

    kind: Literal["tree"]
    target: str
    source: TreeSource
    writes: Literal["no", "discard", "keep"]
    seed: NotRequired[TreeSource]


class FileMount(TypedDict):
    """Show a file whose content is here, in memory only."""

    kind: Literal["file"]
    target: str
    content: str
    """base64"""
    mode: int
    uid: int
    gid: int


class SocketMount(TypedDict):
    """Show a socket of the host."""

    kind: Literal["socket"]
    target: str
    path: str


class TmpfsMount(TypedDict):
    """An empty file system in memory."""

    kind: Literal["tmpfs"]
    target: str
    size: int


AnyMount = TreeMount | FileMount | SocketMount | TmpfsMount


class HostFiles(TypedDict):
    """The host's configuration, shown read-only in one directory for the duration of the step.

    Attributes:
        target: the directory.
        texts: file name to content.
        ca: name of the file in ``texts`` that the image's own CA certificates are added to, or empty.
        directories: ``(name below target, host path)``.
    """

    target: str
    texts: dict[str, str]
    ca: str
    directories: list[tuple[str, str]]


class Request(TypedDict):
    """One step to run.

    Attributes:
        parent: process id of the library, to notice that it is gone.
        name: unique on this machine; starts with the owner's pid and start time.
        runtime: path of runc or crun.
        flavour: which of them it is.
        lowers, upper, work: of the overlay; ``work`` is a private directory beside ``upper``.
        config: the runtime's config.json without root and without what the helper adds to ``mounts``.
        mounts: in order.
        hosts, resolv: content of /etc/hosts and /etc/resolv.conf.
        host: the host's package manager configuration.
        pids, memory: limits, 0 for none.
        devices: whether device nodes in the image work.
        terminal: the helper's own terminal becomes the step's.
        stdin: the step reads what the helper's own input is; otherwise nothing.
        grace: seconds between SIGTERM and SIGKILL.
    """

    parent: int
    name: str
    runtime: str
    flavour: Literal["runc", "crun"]
    lowers: list[str]
    upper: str
    work: str
    config: dict[str, Any]
    mounts: list[AnyMount]
    hosts: str
    resolv: str
    host: HostFiles
    pids: int
    memory: int
    devices: bool
    terminal: bool
    stdin: bool
    grace: float


class Report(TypedDict):
    """One line from the helper.

    Attributes:
        event: ``started``, ``exited`` or ``failed``; nothing follows the last two.
        code: exit code of the step, 128 + signal if it was killed.
        out_of_memory: the kernel killed a process of the step for the memory limit.
        blame: whose fault a failure is: the ``command`` cannot be run, the ``image`` or a mount is unfit, or
            the ``machine`` cannot.
        message: of a failure.
    """

    event: Literal["started", "exited", "failed"]
    code: NotRequired[int]
    out_of_memory: NotRequired[bool]
    blame: NotRequired[Literal["command", "image", "machine"]]
    message: NotRequired[str]
