"""Trains a stand-in and assembles its spaCy pipeline."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import spacy
from spacy.lookups import Lookups

from standin.lexicon import Lexicon, Word
from standin.sentences import Sentence, Token, read_sentences
from standin.tagger import SPACE, Perceptron

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from spacy.language import Language

_VARIANTS = 10
_ROUNDS = 5
_SEED = 20240511
_OPEN = frozenset({"NOUN", "VERB", "ADJ", "PROPN", "NUM"})

Example = tuple[list[str], list[str], list[str]]


def build(directory: Path, name: str, version: str) -> Language:
    """Return the trained pipeline ``name`` for the sentences and the lexicon in ``directory``."""
    lexicon = Lexicon.read(directory / "lexicon.toml")
    sentences = read_sentences(directory / "train.txt")
    nlp = spacy.blank(lexicon.document["lang"])
    nlp.add_pipe("sentencizer")
    tagger: Any = nlp.add_pipe("perceptron_tagger", name="tagger")
    tagger.model = train_tagger(sentences, lexicon)
    _add_attribute_ruler(nlp, lexicon, tagger.labels)
    _add_lemmatizer(nlp, lexicon, sentences)
    _add_entity_ruler(nlp, lexicon)
    nlp.meta.update(
        name=name.split("_", 1)[1],
        version=version,
        description=(
            "Stand-in for the official pipeline of this name: rules and a small tagger, trained while the image was"
            " built. No parser, no vectors, no statistical entity recogniser."
        ),
        author="Neural Hive-Mind",
        license="Apache-2.0",
        sources=[{"name": "sentences and words written for this project", "license": "Apache-2.0"}],
    )
    return nlp


def train_tagger(sentences: list[Sentence], lexicon: Lexicon) -> Perceptron:
    """Train on ``sentences`` and on variants of them with other words of the same inflection."""
    chance = random.Random(_SEED)  # noqa: S311 -- reproducible on purpose
    known = {form: "|".join(tags) for form, tags in sorted(lexicon.tags.items())}
    model = Perceptron({token.tag for sentence in sentences for token in sentence}, known, lexicon.fixed)
    examples: list[Example] = []
    for sentence in sentences:
        examples += [_example(variant, model, lexicon, chance) for variant in _variants(sentence, lexicon, chance)]
    chance.shuffle(examples)
    model.train(examples, _ROUNDS)
    return model


def _variants(sentence: Sentence, lexicon: Lexicon, chance: random.Random) -> Iterator[Sentence]:
    yield sentence
    for _ in range(_VARIANTS):
        changed = tuple(_exchange(token, lexicon, chance) if chance.random() < 0.6 else token for token in sentence)
        # Texts in the field are often without a final stop or a capital.
        if chance.random() < 0.2 and changed[-1].form == ".":
            changed = changed[:-1]
        if chance.random() < 0.1 and lexicon.pos_of(changed[0].tag) != "PROPN":
            changed = (Token(changed[0].form.lower(), changed[0].tag), *changed[1:])
        yield changed


def _exchange(token: Token, lexicon: Lexicon, chance: random.Random) -> Token:
    if token.form in lexicon.given_names:
        return Token(chance.choice(lexicon.given_names), token.tag)
    for words in lexicon.slots_of(token.form.lower(), token.tag):
        form = chance.choice(words).form
        return Token(form.capitalize() if token.form[0].isupper() else form, token.tag)
    return token


def _example(sentence: Sentence, model: Perceptron, lexicon: Lexicon, chance: random.Random) -> Example:
    words = [token.form for token in sentence]
    known = []
    for token in sentence:
        # The lexicon is left out now and then, so that endings and neighbours are learnt as well.
        hide = lexicon.pos_of(token.tag) in _OPEN and chance.random() < 0.25
        known.append("?" if hide else model.known(token.form))
    return words, known, [token.tag for token in sentence]


def _add_attribute_ruler(nlp: Language, lexicon: Lexicon, tags: tuple[str, ...]) -> None:
    ruler: Any = nlp.add_pipe("attribute_ruler")
    table = lexicon.document.get("pos", {})
    for tag in tags:
        pos, _, morph = table.get(tag, tag).partition(" ")
        ruler.add(patterns=[[{"TAG": tag}]], attrs={"POS": pos, **({"MORPH": morph} if morph else {})})
    ruler.add(patterns=[[{"TAG": SPACE}]], attrs={"POS": "SPACE"})
    for word in lexicon.words:
        if not word.slot and word.pos != lexicon.pos_of(word.tag) and word.pos != "AUX":
            ruler.add(patterns=[[{"LOWER": word.form, "TAG": word.tag}]], attrs={"POS": word.pos})
    for rule in lexicon.document.get("pos_rules", []):
        ruler.add(patterns=[rule["tokens"]], attrs={"POS": rule["pos"]})


def _add_lemmatizer(nlp: Language, lexicon: Lexicon, sentences: list[Sentence]) -> None:
    lookups = Lookups()
    tables = lexicon.lemma_tables(_annotated_words(sentences, lexicon))
    for table, content in tables.items():
        lookups.add_table(table, content)
    lemmatizer: Any = nlp.add_pipe("lemmatizer", config={"mode": "rule"})
    lemmatizer.initialize(lookups=lookups)


def _annotated_words(sentences: list[Sentence], lexicon: Lexicon) -> Iterator[Word]:
    for sentence in sentences:
        for token in sentence:
            pos = lexicon.pos_of(token.tag)
            if pos in {"NOUN", "VERB", "ADJ"}:
                lemma = lexicon.lemma(token.form, token.tag, token.lemma)
                yield Word(token.form.lower(), token.tag, pos, lemma)


def _add_entity_ruler(nlp: Language, lexicon: Lexicon) -> None:
    ruler: Any = nlp.add_pipe("entity_ruler")
    given = {"IN": list(lexicon.given_names)}
    patterns: list[dict[str, Any]] = []
    for label, names in lexicon.names.items():
        for name in names:
            first, *rest = name.split("_")
            start = {"LOWER": "the"} if first == "the" else {"ORTH": first}
            patterns.append({"label": label, "pattern": [start, *({"ORTH": part} for part in rest)]})
    for rule in lexicon.document["patterns"]:
        tokens = [{key: given if value == "given" else value for key, value in t.items()} for t in rule["tokens"]]
        patterns.append({"label": rule["label"], "pattern": tokens})
    ruler.add_patterns(patterns)
