"""What installations of a hive without ``hivebase.toml`` resolved to, kept in the store.

Such a tree is somebody else's: no file is written into it.
"""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING

from hivebase.digest import Digest
from hivebase.errors import UsageError
from hivebase.fs import atomic_write, system_fault
from hivebase.plan.lockfile import HiveLock, parse_lock, render_lock

if TYPE_CHECKING:
    from pathlib import Path

    from hivebase.oci.store import Store
    from hivebase.plan.wheels import Request, Resolution


class Answers:
    """The answers of one tree.

    Args:
        store: keeps them.
        root: of the tree.
    """

    def __init__(self, store: Store, root: Path) -> None:
        self._store = store
        self._directory = store.state / "cache" / "answers"
        self._name = Digest.of(os.fsencode(root)).hex

    @cached_property
    def lock(self) -> HiveLock:
        """All of them; an unreadable file is none."""
        return self._read()

    def remember(self, request: Request, resolution: Resolution) -> None:
        """Keep one more.

        Raises:
            SystemFaultError: it cannot be written.
        """
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._store.lock("answers"):
                lock = self._read().with_install(request, resolution)
                atomic_write(self._directory, self._name, render_lock(lock).encode())
        except OSError as error:
            raise system_fault(error, "cannot remember what was resolved", where=self._directory) from error
        self.lock = lock

    def _read(self) -> HiveLock:
        try:
            return parse_lock((self._directory / self._name).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, UsageError):
            return HiveLock.empty()
