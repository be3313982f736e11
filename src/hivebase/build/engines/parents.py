"""The images that a Dockerfile reads, handed over to a builder under the names by which it reads them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from hivebase.build.engines.names import BorrowedNames

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hivebase.build.engines.names import Images
    from hivebase.build.engines.order import Order, Read
    from hivebase.build.engines.settings import HostSettings
    from hivebase.oci.store import Image


class Parents:
    """Safe between threads; :meth:`put_back` at the end.

    Args:
        images: of the builder.
        settings: lent to images from which a stage starts.
        load: brings an image of our store to the builder under a name; its last argument is an empty directory.
        local: returns the name under which the builder finds a reference without asking a registry.
    """

    def __init__(
        self,
        images: Images,
        settings: HostSettings,
        load: Callable[[Image, str, Path], None],
        local: Callable[[str], str] = str,
    ) -> None:
        self._images = images
        self._settings = settings
        self._load = load
        self._local = local
        self._names = BorrowedNames(images)
        self._built: dict[str, str] = {}  # ids of what was built in this run, by name in the hive
        self._lock = threading.Lock()

    def hand_over(self, order: Order, work: Path) -> None:
        """Make sure that everything ``order`` reads is there, and remember what the name of its result means.

        Raises:
            SystemFaultError: the builder does not answer.
            BuildError: it does not take an image.
        """
        with self._lock:
            for read in order.reads:
                # A local name cannot have a digest: the builder has that image or fetches it, and knows it is right.
                if "@" not in read.written:
                    self._names.give(self._id_of(read, work), self._local(read.written))
            self._names.remember(self._local(order.ref))

    def built(self, order: Order) -> None:
        """Take note that the image of ``order`` has its name now: children stand on that one."""
        with self._lock:
            self._built[order.name] = self._images.find(self._local(order.ref))

    def put_back(self) -> None:
        """Let every name mean what it meant before.

        Raises:
            SystemFaultError: of the first name that could not be.
        """
        with self._lock:
            self._names.put_back()

    def _id_of(self, read: Read, work: Path) -> str:
        if read.name in self._built:
            return self._built[read.name]
        image = self._settings.put_on(read.image) if read.base else read.image
        configuration = image.manifest.config.digest
        if held := self._images.by_configuration(configuration):
            return held
        name = self._local(read.written)
        self._names.remember(name)
        self._load(image, name, work)
        # A daemon with containerd's store knows it by another digest.
        return self._images.by_configuration(configuration) or self._images.find(name)
