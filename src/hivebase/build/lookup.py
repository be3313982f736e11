"""Finds the image that a word on the command line means."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING

from hivebase.errors import HivebaseError, NotFoundError, UsageError
from hivebase.reference import Reference

if TYPE_CHECKING:
    from hivebase.oci.store import Image, Store
    from hivebase.plan.hive import Hive


def find_image(store: Store, word: str, directory: str) -> tuple[str, Image]:
    """Return the reference and the image that ``word`` means.

    A reference in the store, or the name of an image of the hive in ``directory``, or the last part of exactly
    one reference in the store.

    Raises:
        NotFoundError: an image of the hive that has not been built.
        UsageError: no image or more than one could be meant; the nearest names are in the hint.
    """
    refs = sorted(store.refs())
    familiar = _familiar(word)
    if familiar in refs:
        return familiar, store.image(familiar)
    hive = _hive(directory)
    name = _in_hive(word, hive) if hive else ""
    if hive and name:
        planned = hive.reference(name)
        if planned in refs:
            return planned, store.image(planned)
        raise NotFoundError(f"{planned} has not been built", hint=f"hivebase build {name}")
    by_name = [ref for ref in refs if Reference.parse(ref).name == word]
    if len(by_name) == 1:
        return by_name[0], store.image(by_name[0])
    if by_name:
        raise UsageError(f"more than one image is called {word!r}", hint="write " + " or ".join(by_name))
    known = [*refs, *(Reference.parse(ref).name for ref in refs)]
    known += [image.name for image in hive.images] if hive else []
    close = difflib.get_close_matches(word, known, 1, 0.5)
    raise UsageError(
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


def _hive(directory: str) -> Hive | None:
    from hivebase.build.workspace import find_root, open_workspace  # noqa: PLC0415 -- not needed when the reference is in the store

    try:
        return open_workspace(find_root(Path(directory))).hive
    except (HivebaseError, OSError):
        # Not in a hive: then the store decides.
        return None


def _in_hive(word: str, hive: Hive) -> str:
    try:
        return hive.image(word).name
    except UsageError:
        return ""
