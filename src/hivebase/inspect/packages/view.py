"""What is known of one image while its inventory is made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hivebase.errors import BuildError
from hivebase.inspect.packages.reading import Wanted
from hivebase.layers.tree import resolve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hivebase.inspect.packages.model import Origin
    from hivebase.inspect.packages.owners import Owners
    from hivebase.inspect.packages.reading import Reader
    from hivebase.inspect.packages.scan import Scan
    from hivebase.layers.indexed import IndexedTree
    from hivebase.layers.layer import Layer
    from hivebase.oci.store import Store


@dataclass(slots=True)
class View:
    """See the module.

    Attributes:
        store: has the image.
        layers: lowest first.
        origins: of the layers.
        tree: all of them.
        scan: of the tree.
        owners: takes the claims of packages.
        architecture: of the image, in Go's words.
        contents: of files that were read, by path.
        whole: which of them were read to their end.
        remarks: what could not be read or believed.
    """

    store: Store
    layers: Sequence[Layer]
    origins: Sequence[Origin]
    tree: IndexedTree
    scan: Scan
    owners: Owners
    architecture: str
    contents: dict[str, bytes] = field(default_factory=dict)
    whole: set[str] = field(default_factory=set)
    remarks: list[str] = field(default_factory=list)

    def locate(self, path: str) -> str | None:
        """Return the regular file that a path leads to, all links followed; None if there is none."""
        if path in self.scan.files:
            return path
        try:
            real = resolve(self.tree, path)
        except BuildError:  # a circle of links
            return None
        return real if real in self.scan.files else None

    def read(self, reader: Reader, limits: Mapping[str, int], more: Sequence[Wanted]) -> list[bytes]:
        """Read files of the tree, and ``more`` in the same pass; return the contents of the latter.

        Raises:
            HivebaseError: as :meth:`Reader.read`.
        """
        files = self.scan.files
        wanted = [Wanted(self.tree, path, files[path], limit) for path, limit in limits.items()]
        found = reader.read([*more, *wanted], self.layers)
        for item, content in zip(wanted, found[len(more) :], strict=True):
            self.contents[item.path] = content
            if item.place.size <= item.limit:
                self.whole.add(item.path)
        return found[: len(more)]
