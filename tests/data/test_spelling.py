import pytest

from spigot.data.spelling import variants
from spigot.data.vocabulary import UNKNOWN, Vocabulary
from tests.models.tiny import sentence


@pytest.mark.parametrize(
    ("text", "first"),
    [("-lrb-", "("), ("``", "“"), ("'s", "’s"), ("n’t", "n't"), ("1\\/2", "1/2"), ("…", ".")],
)
def test_other_spellings(text, first):
    assert next(variants(text)) == first


def test_an_ordinary_word_has_none():
    assert list(variants("dog")) == []


def known(vocabulary, given):
    tokens, _ = vocabulary.encode([given])
    inside = slice(1, len(given) + 1)
    words = [vocabulary.words.strings[k] for k in tokens.words[0, inside]]
    return words, [vocabulary.lemmas.strings[k] for k in tokens.lemmas[0, inside]]


def test_a_treebank_with_other_conventions():
    treebank = sentence("( It ’s a dog .", lemmas="_ it be a dog _")
    vocabulary = Vocabulary.build([treebank], ["'s", "-lrb-", "cat"])
    given = sentence("-LRB- It 's a cat ?", lemmas="-LRB- It be An cat ?")
    words, lemmas = known(vocabulary, given)
    # The trained spelling comes before a word that has only a vector.
    assert words == ["(", "it", "’s", "a", "cat", UNKNOWN]
    assert lemmas == ["_", "it", "be", UNKNOWN, UNKNOWN, "_"]


@pytest.mark.parametrize(
    "form", ["cafe\u0301", "ca\u00adf\u00e9", "\u200bcaf\u00e9", "ca\ufb01", "\uff43afi", "cafi\u200d"]
)
def test_the_same_letters_with_other_code_points(form):
    """As text has them that comes from file names, PDF or the web."""
    vocabulary = Vocabulary.build([sentence("café cafi dog")])
    words, _ = known(vocabulary, sentence(f"{form} \u200b"))
    assert words == ["cafi" if "i" in form or "\ufb01" in form else "café", UNKNOWN]


def test_words_of_the_treebank_itself_are_unchanged():
    treebank = sentence("the dog 's ’s ( -lrb-", lemmas="The the 's ’s ( -lrb-")
    words, lemmas = known(Vocabulary.build([treebank]), treebank)
    assert words == list(treebank.forms)
    assert lemmas == list(treebank.lemmas)
