"""The words of a language: inflected forms with their tags and lemmas, and the lemmatiser's tables made from them."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

Tables = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Word:
    """An inflected form. ``slot`` is empty for closed classes, whose words are never exchanged."""

    form: str
    tag: str
    pos: str
    lemma: str
    slot: str = ""


class Lexicon:
    """The content of one ``lexicon.toml``."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.words = tuple(dict.fromkeys(_words(document)))
        names = dict(document["names"])
        self.name_tag: str = names.pop("tag")
        self.given_names: tuple[str, ...] = tuple(names.pop("given").split())
        self.names: dict[str, tuple[str, ...]] = {label: tuple(text.split()) for label, text in names.items()}
        tags: dict[str, set[str]] = defaultdict(set)
        lemmas: dict[tuple[str, str], str] = {}
        slots: dict[str, list[Word]] = defaultdict(list)
        for word in self.words:
            tags[word.form].add(word.tag)
            lemmas.setdefault((word.form, word.tag), word.lemma)
            if word.slot:
                slots[word.slot].append(word)
        self.lemmas = lemmas
        self._slots = {slot: tuple(words) for slot, words in slots.items()}
        self._slots_of: dict[tuple[str, str], list[str]] = defaultdict(list)
        for word in self.words:
            if word.slot and word.slot not in self._slots_of[word.form, word.tag]:
                self._slots_of[word.form, word.tag].append(word.slot)
        for name in self.given_names + tuple(name for group in self.names.values() for name in group):
            if "_" not in name:
                tags[name].add(self.name_tag)
        self.tags = {form: tuple(sorted(found)) for form, found in tags.items()}
        # Words that are always the same thing; a tagger that doubts "the" is of no use.
        closed = {word.form for word in self.words if not word.slot}
        self.fixed = {form: found[0] for form, found in self.tags.items() if form in closed and len(found) == 1}

    @classmethod
    def read(cls, path: Path) -> Lexicon:
        """Read ``path``."""
        return cls(tomllib.loads(path.read_text(encoding="utf-8")))

    def pos_of(self, tag: str) -> str:
        """Return the part of speech that ``tag`` means by itself."""
        table: dict[str, str] = self.document.get("pos", {})
        return table.get(tag, tag).split()[0]

    def slots_of(self, form: str, tag: str) -> Iterator[tuple[Word, ...]]:
        """Yield, for each slot that ``form`` can fill, the words that can stand there as well."""
        for slot in self._slots_of.get((form, tag), ()):
            yield self._slots[slot]

    def lemma(self, form: str, tag: str, annotated: str = "") -> str:
        """Return the lemma of ``form``: as annotated, else as listed here, else the form in lower case."""
        if annotated:
            return annotated
        proper = self.pos_of(tag) == "PROPN"
        return self.lemmas.get((form.lower(), tag), form if proper else form.lower())

    def lemma_tables(self, extra: Iterable[Word]) -> Tables:
        """Return the tables of spaCy's rule lemmatiser for these words and ``extra`` ones.

        What the rules get right needs no entry; the rest becomes an exception.
        """
        words = [*self.words, *extra]
        # The last, empty rule is the form itself, in lower case.
        rules = {word.pos.lower(): [["", ""]] for word in words if word.pos != "PROPN"}
        rules |= {pos: [*endings, ["", ""]] for pos, endings in self.document["rules"].items()}
        index: dict[str, dict[str, int]] = defaultdict(dict)
        for word in words:
            if word.pos != "PROPN":
                index[word.pos.lower()][word.lemma] = 1
        exceptions: dict[str, dict[str, list[str]]] = defaultdict(dict)
        for word in words:
            pos = word.pos.lower()
            if word.pos != "PROPN" and apply_rules(word.form, rules.get(pos, []), index[pos]) != word.lemma:
                exceptions[pos].setdefault(word.form, [word.lemma])
        return {
            "lemma_rules": rules,
            "lemma_index": {pos: dict(sorted(known.items())) for pos, known in sorted(index.items())},
            "lemma_exc": {pos: dict(sorted(forms.items())) for pos, forms in sorted(exceptions.items())},
        }


def apply_rules(form: str, rules: Iterable[list[str]], index: Iterable[str]) -> str:
    """Return the lemma that spaCy's rule lemmatiser would choose when there is no exception."""
    known, unknown = "", ""
    for old, new in rules:
        if not form.endswith(old):
            continue
        result = form[: len(form) - len(old)] + new
        if result and result in index:
            known = result
        elif result and not unknown:
            unknown = result
    return known or unknown or form


def _words(document: dict[str, Any]) -> Iterator[Word]:
    for paradigm in document["paradigm"]:
        strip, pos = paradigm["strip"], paradigm["pos"]
        for lemma in paradigm["lemmas"].split():
            if not lemma.endswith(strip):
                raise ValueError(f"{lemma!r} does not end in {strip!r}")
            stem = lemma[: len(lemma) - len(strip)]
            for slot, ending in paradigm["forms"].items():
                yield Word(stem + ending, slot.split(".")[0], pos, lemma, f"{pos} {slot}")
    for group in document["irregular"]:
        for row in group["rows"].strip().splitlines():
            yield from _row(group["pos"], group["tags"], row.split())
    for key, text in document["closed"].items():
        pos, _, tag = key.partition(".")
        for item in text.split():
            form, _, lemma = item.rpartition(":") if ":" in item[1:-1] else (item, "", item)
            yield Word(form, tag or pos, pos, lemma.replace("_", " "))


def _row(pos: str, slots: list[str], forms: list[str]) -> Iterator[Word]:
    if len(slots) == 1:
        # Forms whose slots are not told apart are never exchanged for others.
        yield from (Word(form, slots[0], pos, forms[0]) for form in forms)
        return
    for alternatives, form in zip(slots, forms, strict=True):
        for slot in alternatives.split("+"):
            # One auxiliary does not stand where another one does.
            yield Word(form, slot.split(".")[0], pos, forms[0], "" if pos == "AUX" else f"{pos} {slot}")
