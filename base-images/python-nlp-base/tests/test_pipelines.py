"""The stand-ins say something true about sentences that they have not seen."""

import pickle
import subprocess
import sys
from hashlib import sha256

import pytest
import spacy
from conftest import MODELS
from standin.lexicon import Lexicon
from standin.sentences import read_sentences

LANGUAGES = ("pt", "en")
LEAST_ACCURACY = 0.95


def measure(nlp, language, file):
    """Return the shares of right tags and right lemmas on the annotated sentences of ``file``."""
    lexicon = Lexicon.read(MODELS / language / "lexicon.toml")
    total = tags = lemmas = 0
    for sentence in read_sentences(MODELS / language / file):
        doc = nlp(" ".join(token.form for token in sentence))
        assert [token.form for token in sentence] == [token.text for token in doc]
        for gold, token in zip(sentence, doc, strict=True):
            total += 1
            tags += gold.tag == token.tag_
            lemmas += lexicon.lemma(gold.form, gold.tag, gold.lemma) == token.lemma_
    return tags / total, lemmas / total


@pytest.mark.parametrize("language", LANGUAGES)
def test_sentences_that_were_not_seen_are_tagged_and_lemmatised(pipelines, language):
    """Held-out sentences, written before the training was tuned on anything else."""
    tags, lemmas = measure(pipelines[language], language, "heldout.txt")
    assert tags >= LEAST_ACCURACY
    assert lemmas >= LEAST_ACCURACY


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_annotations_follow_spacy_s_tokens_and_are_learnt(pipelines, language):
    """Annotated tokens that the tokeniser would never produce are a mistake in the sentences."""
    tags, lemmas = measure(pipelines[language], language, "train.txt")
    assert tags >= 0.99
    assert lemmas >= 0.99


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_held_out_sentence_is_among_those_learnt(language):
    """Otherwise the measure means nothing."""
    learnt, held = (
        {tuple(t.form for t in s) for s in read_sentences(MODELS / language / f)} for f in ("train.txt", "heldout.txt")
    )
    assert not learnt & held
    assert 60 <= len(learnt) <= 150
    assert len(held) >= 15


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        (
            "pt",
            "Maria Silva mora em Lisboa e trabalha no Banco do Brasil.",
            {("Maria Silva", "PER"), ("Lisboa", "LOC"), ("Banco do Brasil", "ORG")},
        ),
        (
            "pt",
            "A Universidade de Coimbra fica em Portugal.",
            {("Universidade de Coimbra", "ORG"), ("Portugal", "LOC")},
        ),
        (
            "en",
            "John Smith sold Google for $ 2 billion yesterday.",
            {("John Smith", "PERSON"), ("Google", "ORG"), ("$ 2 billion", "MONEY"), ("yesterday", "DATE")},
        ),
        (
            "en",
            "The European Union grew by 3 % in March 2021.",
            {("The European Union", "ORG"), ("3 %", "PERCENT"), ("March 2021", "DATE")},
        ),
        (
            "en",
            "Three people met in New York on Friday.",
            {("Three", "CARDINAL"), ("New York", "GPE"), ("Friday", "DATE")},
        ),
        ("pt", "O gato dorme.", set()),
    ],
)
def test_names_dates_and_amounts_are_found(pipelines, language, text, expected):
    """With the labels of the original pipelines."""
    assert expected == {(entity.text, entity.label_) for entity in pipelines[language](text).ents}


@pytest.mark.parametrize(
    ("language", "text", "count"),
    [
        ("pt", "O Dr. Sousa chegou. Ele trouxe R$ 3,50!", 2),
        ("en", "Dr. Smith paid $3.50. Did he?", 2),
        ("en", "No end", 1),
    ],
)
def test_sentences_end_where_they_end(pipelines, language, text, count):
    """Abbreviations and decimals do not end them."""
    assert count == len(list(pipelines[language](text).sents))


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "She has been running tests and they don't work."),
        ("en", "I do the work."),
    ],
)
def test_have_and_do_are_auxiliaries_only_before_a_verb(pipelines, language, text):
    """The tag alone cannot tell."""
    found = {token.text: token.pos_ for token in pipelines[language](text)}
    assert found == {
        "She has been running tests and they don't work.": {
            "She": "PRON", "has": "AUX", "been": "AUX", "running": "VERB", "tests": "NOUN", "and": "CCONJ",
            "they": "PRON", "do": "AUX", "n't": "ADV", "work": "VERB", ".": "PUNCT",
        },
        "I do the work.": {"I": "PRON", "do": "VERB", "the": "DET", "work": "NOUN", ".": "PUNCT"},
    }[text]  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "text", ["", " ", "\n\n", "\N{PILE OF POO}", "\x00", "a" * 5000, "?!?!", "1234567", "日本語", "-"]
)
def test_any_text_is_taken(pipelines, language, text):
    """Nothing that a user writes ends in an exception or a warning."""
    doc = pipelines[language](text)
    assert text == doc.text
    assert all(token.pos_ and (token.lemma_ or token.is_space) for token in doc)


def test_a_pipeline_survives_pickling_and_bytes(pipelines):
    """Other processes get the same answers."""
    expected = [token.lemma_ for token in pipelines["pt"]("Os clientes pediram relatórios.")]
    copy = pickle.loads(pickle.dumps(pipelines["pt"]))
    assert expected == [token.lemma_ for token in copy("Os clientes pediram relatórios.")]
    empty = spacy.util.load_model_from_config(pipelines["pt"].config)
    assert expected == [
        t.lemma_ for t in empty.from_bytes(pipelines["pt"].to_bytes())("Os clientes pediram relatórios.")
    ]


def test_two_runs_write_the_same_wheel(tmp_path):
    """Bit for bit, in fresh processes with other directories, time zones and locales."""
    code = "import sys; from pathlib import Path; import obtain; [obtain.train(m, Path(sys.argv[1])) for m in obtain.read_models(obtain.HERE / 'models.toml')]"
    digests = []
    for name, extra in (("a", {"TZ": "UTC"}), ("b", {"TZ": "Asia/Tokyo", "LC_ALL": "C", "COLUMNS": "40"})):
        target = tmp_path / name
        target.mkdir()
        env = {
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(MODELS),
            "PYTHONHASHSEED": "0",
            "PYTHONDONTWRITEBYTECODE": "1",
            **extra,
        }
        subprocess.run([sys.executable, "-c", code, str(target)], env=env, check=True, cwd=target)
        digests.append({wheel.name: sha256(wheel.read_bytes()).hexdigest() for wheel in target.glob("*.whl")})
    assert digests[0] == digests[1]
    assert {"en_core_web_sm-3.8.0-py3-none-any.whl", "pt_core_news_sm-3.8.0-py3-none-any.whl"} == set(digests[0])
