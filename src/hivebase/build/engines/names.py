"""Names in another builder's store, borrowed for the length of a build."""

from __future__ import annotations

from typing import Protocol

from hivebase.errors import SystemFaultError


class Images(Protocol):
    """The images of another builder, by name."""

    def find(self, name: str, /) -> str:
        """Return the id of the image called ``name``, or an empty text."""

    def by_configuration(self, digest: str, /) -> str:
        """Return the id of the image with this configuration, or an empty text."""

    def tag(self, image: str, name: str, /) -> None:
        """Give the image with this id a name."""

    def untag(self, name: str, /) -> None:
        """Take a name away."""


class BorrowedNames:
    """Gives images the names that a Dockerfile reads them by, and puts back what these names meant before.

    Args:
        images: of the builder.
    """

    def __init__(self, images: Images) -> None:
        self._images = images
        self._before: dict[str, str] = {}

    def remember(self, name: str) -> str:
        """Take note of what ``name`` means before it is given to something else; return what it means now.

        Raises:
            SystemFaultError: the builder does not answer.
        """
        now = self._images.find(name)
        self._before.setdefault(name, now)
        return now

    def give(self, image: str, name: str) -> None:
        """Let ``name`` mean the image with this id.

        Raises:
            SystemFaultError: the builder does not answer, or has no such image.
        """
        if self.remember(name) != image:
            self._images.tag(image, name)

    def put_back(self) -> None:
        """Let every name mean what it meant; one that cannot be put back keeps no other from it.

        Raises:
            SystemFaultError: of the first name that could not be.
        """
        failed: SystemFaultError | None = None
        for name, before in reversed(self._before.items()):
            try:
                now = self._images.find(name)
                if before and now != before:
                    self._images.tag(before, name)
                elif not before and now:
                    self._images.untag(name)
            except SystemFaultError as error:
                failed = failed or error
        self._before.clear()
        if failed is not None:
            raise failed
