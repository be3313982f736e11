"""An averaged perceptron tagger, as a spaCy component. This file is also part of the packages that are made here.

All arithmetic is on integers, so that training gives the same weights on every machine; a neural network would not.
After M. Collins, "Discriminative Training Methods for Hidden Markov Models" (2002).
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spacy.language import Language

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from spacy.tokens import Doc

SPACE = "_SP"
"""The tag of tokens that are white space, as in the official pipelines."""
_START = ("-start-", "-start2-")
_SCALE = 1000
"""Averages are kept as whole thousandths."""


def features(words: Sequence[str], known: Sequence[str], at: int, previous: str, before: str) -> Iterator[str]:
    """Yield what the tagger looks at for the word at index ``at``.

    Args:
        words: the forms of one sentence or text.
        known: for each form, the tags that the lexicon gives it, joined by ``|``, or ``?``.
        at: index of the word.
        previous: the tag of the word before.
        before: the tag of the word before that one.
    """
    word = words[at]
    low = word.lower()
    first, last = at == 0 or words[at - 1] in ".!?", at + 1 == len(words)
    left = "-start-" if at == 0 else words[at - 1].lower()
    right = "-end-" if last else words[at + 1].lower()
    shape = "".join("d" if c.isdigit() else "X" if c.isupper() else "x" if c.isalpha() else c for c in word[:3])
    yield "bias"
    yield f"w={low}"
    yield f"k={known[at]}"
    yield f"s={shape}{'^' if first else ''}"
    for length in (1, 2, 3, 4):
        if len(low) > length:
            yield f"e{length}={low[-length:]}"
    yield f"p={low[0]}"
    yield f"t1={previous}"
    yield f"t2={before} {previous}"
    yield f"k,t={known[at]} {previous}"
    yield f"w,t={low} {previous}"
    yield f"l={left}"
    yield f"r={right}"
    yield f"lk={'-start-' if at == 0 else known[at - 1]}"
    yield f"rk={'-end-' if last else known[at + 1]}"
    yield f"k,rk={known[at]} {'-end-' if last else known[at + 1]}"
    yield f"l,k={left} {known[at]}"
    yield f"re={right[-2:]}"
    if at + 2 < len(words):
        yield f"rr={known[at + 2]}"


class Perceptron:
    """Weights from features to tags, and the greedy left-to-right decoder."""

    def __init__(
        self,
        tags: Iterable[str] = (),
        lexicon: Mapping[str, str] | None = None,
        fixed: Mapping[str, str] | None = None,
    ) -> None:
        self.tags = sorted(tags)
        self.lexicon = dict(lexicon or {})
        self.fixed = {form: tag for form, tag in (fixed or {}).items() if tag in self.tags}
        self.weights: dict[str, dict[int, int]] = {}

    def known(self, word: str) -> str:
        """Return the lexicon's tags of ``word``, joined by ``|``, or ``?``."""
        return self.lexicon.get(word) or self.lexicon.get(word.lower(), "?")

    def sure(self, words: Sequence[str], at: int) -> str | None:
        """Return the tag of a word that is always the same thing; a capital inside a sentence may make it a name."""
        word = words[at]
        capital = len(word) > 1 and word[0].isupper() and at > 0 and words[at - 1] not in ".!?"
        return None if capital else self.fixed.get(word.lower())

    def predict(self, words: Sequence[str]) -> list[str]:
        """Return a tag for each of ``words``."""
        known = [self.known(word) for word in words]
        before, previous = _START
        found = []
        for at in range(len(words)):
            tag = self.sure(words, at)
            if tag is None:
                tag = self.tags[self.best(features(words, known, at, previous, before))]
            before, previous = previous, tag
            found.append(tag)
        return found

    def best(self, present: Iterable[str]) -> int:
        """Return the index of the tag with the highest score; the first of equals."""
        scores = [0] * len(self.tags)
        for feature in present:
            for tag, weight in self.weights.get(feature, {}).items():
                scores[tag] += weight
        return scores.index(max(scores))

    def train(self, examples: Iterable[tuple[Sequence[str], Sequence[str], Sequence[str]]], rounds: int) -> None:
        """Learn from ``examples``: forms, their known tags as for ``features``, and the right tags."""
        data = list(examples)
        totals: dict[str, dict[int, int]] = defaultdict(dict)
        changed: dict[tuple[str, int], int] = {}
        number = {tag: index for index, tag in enumerate(self.tags)}
        seen = 0
        for _ in range(rounds):
            for words, known, tags in data:
                before, previous = _START
                for at, tag in enumerate(tags):
                    if (sure := self.sure(words, at)) is not None:
                        before, previous = previous, sure
                        continue
                    seen += 1
                    present = list(features(words, known, at, previous, before))
                    guess, right = self.best(present), number[tag]
                    if guess != right:
                        for feature in present:
                            self._add(feature, right, 1, totals, changed, seen)
                            self._add(feature, guess, -1, totals, changed, seen)
                    before, previous = previous, self.tags[guess]
        self._average(totals, changed, seen)

    def _add(
        self,
        feature: str,
        tag: int,
        step: int,
        totals: dict[str, dict[int, int]],
        changed: dict[tuple[str, int], int],
        now: int,
    ) -> None:
        weights = self.weights.setdefault(feature, {})
        weight = weights.get(tag, 0)
        totals[feature][tag] = totals[feature].get(tag, 0) + (now - changed.get((feature, tag), 0)) * weight
        changed[feature, tag] = now
        weights[tag] = weight + step

    def _average(self, totals: dict[str, dict[int, int]], changed: dict[tuple[str, int], int], seen: int) -> None:
        averaged: dict[str, dict[int, int]] = {}
        for feature, weights in sorted(self.weights.items()):
            kept = {}
            for tag, weight in sorted(weights.items()):
                total = totals[feature][tag] + (seen - changed[feature, tag]) * weight
                if mean := total * _SCALE // seen:
                    kept[tag] = mean
            if kept:
                averaged[feature] = kept
        self.weights = averaged

    def dump(self) -> bytes:
        """Return all that was learnt, as JSON; the same knowledge gives the same bytes."""
        document = {"tags": self.tags, "lexicon": self.lexicon, "fixed": self.fixed, "weights": self.weights}
        return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()

    @classmethod
    def parse(cls, data: bytes) -> Perceptron:
        """Return what ``dump`` wrote."""
        document = json.loads(data)
        made = cls(document["tags"], document["lexicon"], document["fixed"])
        made.weights = {f: {int(tag): w for tag, w in ws.items()} for f, ws in document["weights"].items()}
        return made


class PerceptronTagger:
    """Sets ``token.tag``; the part of speech follows in the attribute ruler."""

    def __init__(self, model: Perceptron | None = None) -> None:
        self.model = model or Perceptron()

    @property
    def labels(self) -> tuple[str, ...]:
        """All tags that can be assigned."""
        return tuple(self.model.tags)

    def __call__(self, doc: Doc) -> Doc:
        """Tag ``doc`` in place and return it."""
        tokens = [token for token in doc if not token.is_space]
        for token, tag in zip(tokens, self.model.predict([token.text for token in tokens]), strict=True):
            token.tag_ = tag
        for token in doc:
            if token.is_space:
                token.tag_ = SPACE
        return doc

    def to_bytes(self, **_: Any) -> bytes:
        """Serialise for pickling and for ``nlp.to_bytes``."""
        return self.model.dump()

    def from_bytes(self, data: bytes, **_: Any) -> PerceptronTagger:
        """Load what ``to_bytes`` gave."""
        self.model = Perceptron.parse(data)
        return self

    def to_disk(self, path: str | Path, **_: Any) -> None:
        """Write into the directory ``path``."""
        directory = Path(path)
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "model.json").write_bytes(self.model.dump())

    def from_disk(self, path: str | Path, **_: Any) -> PerceptronTagger:
        """Read from the directory ``path``."""
        return self.from_bytes((Path(path) / "model.json").read_bytes())


def make_perceptron_tagger(nlp: Language, name: str) -> PerceptronTagger:  # noqa: ARG001 -- spaCy's signature
    """Create an empty tagger; its weights come from disk or from training."""
    return PerceptronTagger()


# Each stand-in package carries this file; the first one that is loaded registers the component for all.
if not Language.has_factory("perceptron_tagger"):
    Language.factory("perceptron_tagger", assigns=["token.tag"], func=make_perceptron_tagger)
