"""Reads annotated sentences: one per line, ``form/TAG`` or ``form/TAG/lemma`` separated by blanks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

Sentence = tuple["Token", ...]


@dataclass(frozen=True, slots=True)
class Token:
    """One annotated word; ``lemma`` is empty where the lexicon or the lower-case form says it."""

    form: str
    tag: str
    lemma: str = ""


def read_sentences(path: Path) -> list[Sentence]:
    """Return the sentences of ``path``; blank lines and lines that start with ``#`` are skipped.

    Raises:
        ValueError: a token has no tag; the message names file, line and token.
    """
    sentences = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.strip() and not line.startswith("#"):
            sentences.append(tuple(_token(text, f"{path.name}:{number}") for text in line.split()))
    return sentences


def _token(text: str, where: str) -> Token:
    form, *rest = text.split("/")
    if not form or len(rest) not in {1, 2} or not all(rest):
        raise ValueError(f"{where}: expected form/TAG or form/TAG/lemma, found {text!r}")
    return Token(form, *rest)
