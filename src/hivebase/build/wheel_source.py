"""Where wheels come from, and who says which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from hivebase.build.addresses import Addresses
from hivebase.build.resolver import Resolver
from hivebase.build.uv import Uv
from hivebase.build.uv_host import uv_host
from hivebase.layers.wheels.files import WheelFiles, cache_directory, wheel_directory

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hivebase.plan.pythons import Python
    from hivebase.progress import Listener
    from hivebase.transport import Transport


class WheelSource:
    """The indexes that the host is configured for, and the wheels that were fetched from them.

    Args:
        transport: downloads.
        environ: of the user.
        pythons: of the images that are built.
        listener: told of progress.
        exclude_newer: releases after that do not count, as uv takes it.

    Attributes:
        files: the wheel files of this machine.
        resolver: asks the indexes.
    """

    def __init__(
        self,
        transport: Transport,
        environ: Mapping[str, str],
        pythons: Iterable[Python],
        listener: Listener,
        exclude_newer: str = "",
    ) -> None:
        uv = Uv(uv_host(environ))
        addresses = Addresses(uv, cache_directory(environ), pythons)
        self.resolver = Resolver(uv, addresses, exclude_newer)
        self.files = WheelFiles(wheel_directory(environ), transport, addresses, listener=listener)

    def close(self) -> None:
        """Break off what is being downloaded."""
        self.files.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
