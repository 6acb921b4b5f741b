import dataclasses

import pytest
import torch

from spigot.data.vocabulary import Vocabulary
from spigot.models.encoders.bilstm import BiLSTMEncoder
from spigot.models.encoders.characters import HALF, CharacterCNN
from tests.models.tiny import SENTENCES, parser, sentence, syntax_model

VOCABULARY = Vocabulary.build([sentence("The dog saw the cat , the god")])


def make(dim=4):
    torch.manual_seed(3)
    return CharacterCNN(VOCABULARY, dim, embedding_dim=5)


def of_word(cnn, word):
    """The formula, character by character."""
    rows = [cnn.embedding.weight[VOCABULARY.characters[c]] for c in word]
    nothing = torch.zeros(5)
    padded = [nothing, *rows, nothing]
    weight, bias = cnn.convolution.weight, cnn.convolution.bias
    values = [torch.tanh(sum(weight[:, :, k] @ padded[t + k] for k in range(3)) + bias) for t in range(len(rows))]
    return torch.stack(values).amax(0)


def test_word_by_word():
    cnn = make()
    forms = (("the", "dog", "the"), ("a", "goddess", "saw", ",", "o"))
    vectors = cnn(forms, 7)
    assert vectors.shape == (2, 7, 4)
    for row, words in enumerate(forms):
        for place in range(7):
            expected = of_word(cnn, words[place - 1]) if 1 <= place <= len(words) else torch.zeros(4)
            torch.testing.assert_close(vectors[row, place], expected, rtol=1e-5, atol=1e-6)
    assert cnn((), 2).shape == (0, 2, 4)
    assert not cnn(((),), 2).any()


def test_what_is_told_apart():
    cnn = make()
    (vectors,) = cnn((("dog", "god", "Dog", "dog", "dxg", "dyg"),), 8)
    dog, god, capital, again, one, other = vectors[1:7]
    assert torch.equal(dog, again)
    # Training shows none of D, x and y more than once.
    assert torch.equal(one, other)
    assert len({tuple(v.tolist()) for v in (dog, god, capital, one)}) == 4


def test_the_middle_of_a_long_word_is_not_read():
    cnn = make()
    (vectors,) = cnn((("d" * HALF + "oo" + "g" * HALF, "d" * HALF + "g" * HALF, "d" * HALF + "o" * HALF),), 5)
    assert torch.equal(vectors[1], vectors[2])
    assert not torch.equal(vectors[1], vectors[3])


def test_characters_that_occur_once_are_unknown():
    assert set(VOCABULARY.characters.strings) == {"_unk_", *"hedogsawtc"} - {"s", "w", "c"}
    again = Vocabulary.from_dict(VOCABULARY.to_dict())
    assert again.characters.strings == VOCABULARY.characters.strings


def test_in_the_encoder():
    torch.manual_seed(0)
    encoder = BiLSTMEncoder(VOCABULARY, second="none", tag_dim=0, character_dim=6, word_dim=5, hidden=4).eval()
    assert encoder.needs == {"words"}
    words = [sentence("the dog saw"), sentence("the cat , the dog saw")]
    tokens = VOCABULARY.encode(words)[0]
    together = encoder(tokens)
    torch.testing.assert_close(together[0, :4], encoder(VOCABULARY.encode(words[:1])[0])[0], rtol=0, atol=1e-6)
    # Unknown words differ by how they are written, also where word dropout makes them unknown.
    dropped = torch.ones_like(tokens.words, dtype=torch.bool)
    assert not torch.equal(encoder(tokens, dropped)[0, 2], encoder(tokens, dropped)[0, 3])
    one, other = (encoder(VOCABULARY.encode([sentence(f)])[0]) for f in ("zeal", "zest"))
    assert not torch.equal(one, other)
    together.sum().backward()
    assert encoder.characters.convolution.weight.grad.any()


@pytest.mark.parametrize("scorer", [{"hidden": 6}, {"name": "Biaffine", "arc_dim": 5, "label_dim": 4}])
def test_a_parser_of_raw_words(tmp_path, scorer):
    from spigot.systems.loading import load_system

    sizes = parser()["encoder"] | {"second": "none", "tag_dim": 0, "character_dim": 8}
    del sizes["second_dim"]
    system = syntax_model(encoder=sizes, scorer=scorer)
    blank = [dataclasses.replace(s, lemmas=("_",) * len(s), tags=("_",) * len(s)) for s in SENTENCES[:5]]
    assert [s.trees for s in system.parse(blank)] == [s.trees for s in system.parse(SENTENCES[:5])]
    system.save_pretrained(tmp_path)
    assert load_system(tmp_path).parse(blank) == system.parse(blank)
