"""The word lists hold what they claim."""

import pytest
from conftest import MODELS
from standin.lexicon import Lexicon, apply_rules
from standin.sentences import read_sentences

LANGUAGES = ("pt", "en")


@pytest.fixture(params=LANGUAGES)
def lexicon(request):
    return Lexicon.read(MODELS / request.param / "lexicon.toml")


def test_every_inflected_form_leads_back_to_its_lemma(lexicon):
    """Through the rules, or through an exception made from the lists."""
    tables = lexicon.lemma_tables(())
    lemmas = {}
    for word in lexicon.words:
        lemmas.setdefault((word.form, word.pos), set()).add(word.lemma)
    for word in lexicon.words:
        if word.pos == "PROPN":
            continue
        pos = word.pos.lower()
        known = tables["lemma_exc"].get(pos, {}).get(word.form)
        found = (
            known[0]
            if known
            else apply_rules(word.form, tables["lemma_rules"].get(pos, []), tables["lemma_index"][pos])
        )
        assert found in lemmas[word.form, word.pos], word


def test_regular_english_endings_are_not_put_on_words_that_change_their_spelling():
    """No "boxs", no "citys", no "stoped"."""
    lexicon = Lexicon.read(MODELS / "en/lexicon.toml")
    for word in lexicon.words:
        if word.slot and word.tag in {"NNS", "VBZ"} and word.form != word.lemma:
            assert not word.form.endswith(("xs", "chs", "shs", "zs", "sss")), word
            assert not (word.form.endswith("ys") and word.form[-3] not in "aeiou"), word


def test_portuguese_spelling_follows_the_sound():
    """No "pagei", no "fica" + "e", no "coméco"."""
    lexicon = Lexicon.read(MODELS / "pt/lexicon.toml")
    for word in lexicon.words:
        if word.pos == "VERB" and word.lemma.endswith("gar"):
            assert not word.form.endswith(("gei", "ge", "gem")), word
        if word.pos == "VERB" and word.lemma.endswith("car"):
            assert not word.form.endswith(("cei", "ce", "cem")), word


def test_words_are_words(lexicon):
    """Lower case, no remains of editing."""
    for word in lexicon.words:
        if word.slot and word.lemma not in {"API", "sexta-feira"}:
            assert word.form.isalpha(), word
            assert word.form == word.form.lower(), word


def test_a_token_without_a_tag_is_an_error_that_says_where(tmp_path):
    """File, line and token."""
    (tmp_path / "x.txt").write_text("# comment\n\nO/DET time\n")
    with pytest.raises(ValueError, match=r"x\.txt:3: .*'time'"):
        read_sentences(tmp_path / "x.txt")
