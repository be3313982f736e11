"""What single files of an image say, read once per layer that holds them and then remembered.

Reading one file of a layer that is not unpacked means inflating the layer up to it. A file is known by the layer it
lies in and its offset there, so an answer holds for every image that shares the layer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hivebase.layers.tree import resolve
from hivebase.plan.keys import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hivebase.layers.indexed import IndexedTree
    from hivebase.layers.layer import Layer
    from hivebase.oci.store import Store

FACTS = "file-fact"
"""Namespace of the records."""

MAX_FILE = 64 << 20
"""Bytes of the largest file that is looked into; an interpreter has a tenth of that."""


class FileFacts:
    """Asks questions of the files of one tree.

    Args:
        store: keeps the answers.
        layers: of the tree, lowest first.
        tree: to look at.
    """

    def __init__(self, store: Store, layers: Sequence[Layer], tree: IndexedTree) -> None:
        self.tree = tree
        self._store = store
        self._layers = layers

    def ask(self, path: str, question: str, answer: Callable[[bytes], str]) -> str | None:
        """Return what ``answer`` finds in the file at ``path``, links followed; None if there is no such file.

        Args:
            path: in the image.
            question: names ``answer``, which must depend on nothing else.
            answer: from the content to a text.

        Raises:
            HivebaseError: the layer cannot be read.
        """
        real = resolve(self.tree, path)
        entry = self.tree.lstat(real)
        place = self.tree.inode(real)
        if entry is None or entry.kind != "file" or entry.size > MAX_FILE or place is None:
            return None
        key = fingerprint(FACTS, question, str(self._layers[place[0]].diff_id), place[1], entry.size)
        record = self._store.record(FACTS, key)
        if record is not None and isinstance(record.get("answer"), str):
            return str(record["answer"])
        with self.tree.open(real) as file:
            found = answer(file.read(MAX_FILE))
        self._store.put_record(FACTS, key, {"answer": found})
        return found
