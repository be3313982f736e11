"""Finds the image that a word on the command line means."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING

from hivebase.errors import HivebaseError, NotFoundError, UsageError
from hivebase.reference import Reference

if TYPE_CHECKING:
    from hivebase.oci.store import Image, Store


def find_image(store: Store, word: str, directory: str) -> tuple[str, Image]:
    """Return the reference and the image that ``word`` means.

    A reference in the store, or the name of an image of the hive in ``directory``, or the last part of exactly
    one reference in the store.

    Raises:
        NotFoundError: the store has nothing of that name; the nearest name is in the hint.
        UsageError: more than one image could be meant.
    """
    refs = sorted(store.refs())
    for candidate in (_familiar(word), _in_hive(word, directory)):
        if candidate in refs:
            return candidate, store.image(candidate)
    by_name = [ref for ref in refs if Reference.parse(ref).name == word]
    if len(by_name) == 1:
        return by_name[0], store.image(by_name[0])
    if by_name:
        raise UsageError(f"more than one image is called {word!r}", hint="write " + " or ".join(by_name))
    close = difflib.get_close_matches(word, [*refs, *(Reference.parse(ref).name for ref in refs)], 1, 0.5)
    raise NotFoundError(
        f"the store has no image {word!r}",
        hint=f"did you mean {close[0]!r}?"
        if close
        else "'hivebase images' lists what there is; 'hivebase build' builds",
    )


def _familiar(word: str) -> str:
    try:
        return Reference.parse(word).shortest
    except UsageError:
        return ""


def _in_hive(word: str, directory: str) -> str:
    from hivebase.build.workspace import find_root, open_workspace  # noqa: PLC0415 -- not needed when the reference is in the store

    try:
        hive = open_workspace(find_root(Path(directory))).hive
        return hive.reference(hive.image(word).name)
    except (HivebaseError, OSError):
        # Not in a hive, or not one of its images: then the store decides.
        return ""
