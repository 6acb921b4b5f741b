import pytest
import torch

from spigot.data.vocabulary import Vocabulary
from spigot.models.encoders import bilstm
from spigot.models.encoders.bilstm import BiLSTMEncoder
from spigot.models.encoders.word_vectors import init_table
from tests.models.tiny import SENTENCES, sentence

SHORT = sentence("the dog barks", lemmas="the dog bark", tags="DT NN VBZ")
LONG = sentence("a cat that the dog saw sleeps", lemmas="a cat that the dog see sleep", tags="DT NN W DT NN VBD VBZ")
VOCABULARY = Vocabulary.build([SHORT, LONG])


def make(vocabulary=VOCABULARY, vectors=None, **config):
    torch.manual_seed(1)
    sizes = {"word_dim": 5, "second_dim": 4, "tag_dim": 3, "hidden": 6, "layers": 2}
    return BiLSTMEncoder(vocabulary, vectors, **(sizes | config)).eval()


def encode(sentences, vocabulary=VOCABULARY):
    return vocabulary.encode(sentences)[0]


def inputs_of(encoder, tokens, dropped=None):
    """What the LSTMs read."""
    seen = []
    handle = encoder.forward_lstms[0].register_forward_pre_hook(lambda module, arguments: seen.append(arguments[0]))
    encoder(tokens, dropped)
    handle.remove()
    return seen[0]


def test_a_sentence_does_not_depend_on_its_batch():
    encoder = make()
    together = encoder(encode([SHORT, LONG, SHORT]))
    assert together.shape == (3, len(LONG) + 1, 12)
    for row, alone in enumerate((SHORT, LONG, SHORT)):
        states = encoder(encode([alone]))[0]
        torch.testing.assert_close(together[row, : len(alone) + 1], states, rtol=0, atol=1e-6)
    assert not together[0, len(SHORT) + 1 :].any()


def test_two_separate_stacks_read_each_row_from_its_own_ends():
    encoder = make()
    states = encoder(encode([SHORT, LONG]))
    for row, alone in enumerate((SHORT, LONG)):
        inputs = inputs_of(encoder, encode([alone]))
        assert inputs.shape[1] == len(alone) + 2  # ROOT and the end marker are read, too
        left = encoder.forward_lstms[0](inputs)[0]
        right = encoder.backward_lstms[0](inputs.flip(1))[0].flip(1)
        expected = torch.cat([left, right], -1)[0, :-1]
        torch.testing.assert_close(states[row, : len(alone) + 1], expected, rtol=0, atol=1e-6)


def test_interleaved_layers_read_both_directions_of_the_one_below():
    encoder = make(interleaved=True)
    states = encoder(encode([SHORT, LONG]))
    for row, alone in enumerate((SHORT, LONG)):
        expected = inputs_of(encoder, encode([alone]))
        for forward, backward in zip(encoder.forward_lstms, encoder.backward_lstms, strict=True):
            expected = torch.cat([forward(expected)[0], backward(expected.flip(1))[0].flip(1)], -1)
        torch.testing.assert_close(states[row, : len(alone) + 1], expected[0, :-1], rtol=0, atol=1e-6)
    assert len(encoder.forward_lstms) == 2
    assert not states[0, len(SHORT) + 1 :].any()


def test_each_direction_sees_its_side_alone():
    encoder = make()
    other = sentence("the dog sleeps", lemmas="the dog bark", tags="DT NN VBZ")
    first, second = encoder(encode([SHORT])), encoder(encode([other]))
    assert torch.equal(first[:, :3, :6], second[:, :3, :6])
    assert (first[:, :, 6:] != second[:, :, 6:]).any(-1).all()


@pytest.mark.parametrize(
    ("config", "what", "survives"),
    [
        ({}, "form", False),
        ({}, "lemma", True),
        ({}, "tag", True),
        ({"drop_all_inputs": True}, "form", False),
        ({"drop_all_inputs": True}, "lemma", False),
        ({"drop_all_inputs": True}, "tag", False),
        ({"second": "word"}, "form", False),  # the second table is indexed by the word: it goes, too
        ({"second": "word"}, "tag", True),
        ({"drop_vector": False, "drop_all_inputs": True}, "form", True),
        ({"drop_vector": False, "drop_all_inputs": True}, "lemma", False),
    ],
)
def test_word_dropout_takes_what_the_config_says(config, what, survives):
    encoder = make(**config)
    changed = {
        "form": sentence("the cat barks", lemmas="the dog bark", tags="DT NN VBZ"),
        "lemma": sentence("the dog barks", lemmas="the cat bark", tags="DT NN VBZ"),
        "tag": sentence("the dog barks", lemmas="the dog bark", tags="DT W VBZ"),
    }[what]
    tokens, changed_tokens = encode([SHORT]), encode([changed])
    dropped = torch.zeros_like(tokens.words, dtype=torch.bool)
    assert not torch.equal(encoder(tokens, dropped), encoder(changed_tokens, dropped))
    dropped[0, 2] = True
    assert torch.equal(encoder(tokens, dropped), encoder(changed_tokens, dropped)) != survives


def test_word_dropout_may_make_of_a_word_one_of_the_vector_file():
    encoder = make(second="word", drop_vector=False)
    tokens = encode([SHORT])
    dropped = torch.zeros_like(tokens.words, dtype=torch.bool)
    dropped[0, 2] = True
    whole, inputs = inputs_of(encoder, tokens), inputs_of(encoder, tokens, dropped)
    assert torch.equal(inputs[0, 2, :5], whole[0, 2, :5])
    assert torch.equal(inputs[0, 2, 5:9], encoder.second.weight[0])
    assert torch.equal(inputs[0, 2, 9:], whole[0, 2, 9:])
    assert torch.equal(inputs[0, 1], whole[0, 1])


@pytest.mark.parametrize("second", ["lemma", "none"])
def test_word_dropout_must_take_something(second):
    with pytest.raises(
        ValueError, match="drop_vector: expected true beside drop_all_inputs = false and no second table"
    ):
        make(second=second, drop_vector=False)


def test_inputs_may_be_left_out():
    encoder = make(second="none", tag_dim=0)
    assert inputs_of(encoder, encode([SHORT])).shape == (1, 5, 5)
    again = sentence("the dog barks", lemmas="a cat see", tags="W W W")
    assert torch.equal(encoder(encode([SHORT])), encoder(encode([again])))


def test_words_of_the_vector_file():
    vectors = {word: torch.full((5,), float(k)) for k, word in enumerate(["dog", "wolf", "fox", "_unk_"], 1)}
    vocabulary = Vocabulary.build([SHORT, LONG], list(vectors))
    encoder = make(vocabulary, vectors)
    unseen = sentence("Dog WOLF fox unicorn", lemmas="dog wolf fox unicorn", tags="NN NN NN NN")
    inputs = inputs_of(encoder, encode([unseen], vocabulary))[0, 1:5, :5]
    assert torch.equal(inputs[:3], torch.stack([vectors[word] for word in ("dog", "wolf", "fox")]))
    assert torch.equal(inputs[3], encoder.word.weight[0])
    # Trained words are fine-tuned; the others stay as they are, but are saved with the model.
    assert vocabulary.trained_words == encoder.word.num_embeddings == len(VOCABULARY.words)
    assert encoder.word.weight.requires_grad
    assert "vector_word" in encoder.state_dict()
    assert "vector_word" not in dict(encoder.named_parameters())


def test_a_word_of_the_vector_file_alone_is_unknown_to_the_second_word_table():
    vocabulary = Vocabulary.build([SHORT], ["wolf"])
    encoder = make(vocabulary, {"wolf": torch.ones(5)}, second="word")
    inputs = inputs_of(encoder, encode([sentence("wolf")], vocabulary))
    assert torch.equal(inputs[0, 1, 5:9], encoder.second.weight[0])


def test_elementwise_dropout_works_in_training_alone():
    encoder = make(dropout=0.5)
    tokens = encode(SENTENCES[:4], Vocabulary.build(SENTENCES))
    encoder = make(Vocabulary.build(SENTENCES), dropout=0.5)
    assert torch.equal(encoder(tokens), encoder(tokens))
    encoder.train()
    first, second = encoder(tokens), encoder(tokens)
    assert not torch.equal(first, second)
    inside = torch.arange(first.shape[1]) <= tokens.lengths[:, None]
    assert 0.4 < (first[inside] == 0).float().mean() < 0.6


def test_forget_gates_start_open():
    encoder = make()
    for lstm in (*encoder.forward_lstms, *encoder.backward_lstms):
        for layer in range(2):
            bias = getattr(lstm, f"bias_ih_l{layer}") + getattr(lstm, f"bias_hh_l{layer}")
            assert torch.equal(bias, torch.tensor([0.0, 1.0, 0.0, 0.0]).repeat_interleave(6))


@pytest.mark.parametrize(("std", "expected"), [(None, 50**-0.5), (1.0, 1.0)])
def test_the_spread_of_tables_that_start_at_random(std, expected):
    torch.manual_seed(0)
    table = torch.nn.Embedding(400, 50)
    init_table(table, std)
    assert table.weight.std().item() == pytest.approx(expected, rel=0.02)
    assert table.weight.abs().max().item() <= 3**0.5 * expected


@pytest.mark.parametrize(
    ("settings", "needs"),
    [
        ({}, {"words", "lemmas", "tags"}),
        ({"second": "word"}, {"words", "tags"}),
        ({"second": "none", "tag_dim": 0}, {"words"}),
    ],
)
def test_what_it_needs_of_a_sentence(settings, needs):
    encoder = make(**settings)
    assert encoder.needs == needs
    bare = sentence("the dog barks", lemmas=None if "lemmas" not in needs else "the dog bark")
    assert torch.equal(encoder(encode([SHORT])), encoder(encode([bare]))) == ("tags" not in needs)


@pytest.mark.parametrize("there", [True, False])
def test_half_precision_is_that_of_the_processor(monkeypatch, there):
    if there and not bilstm._has_lstm(torch.bfloat16):
        pytest.skip("no LSTM in bfloat16")
    monkeypatch.setattr(bilstm, "_has_lstm", lambda dtype: there)
    encoder, tokens = make(), encode([SHORT, LONG])
    seen = []
    encoder.forward_lstms[0].register_forward_hook(lambda module, arguments, out: seen.append(out[0].dtype))
    with torch.autocast("cpu", torch.bfloat16):
        states = encoder(tokens)
    assert seen == [torch.bfloat16 if there else torch.float32]
    torch.testing.assert_close(states.float(), encoder(tokens), rtol=0, atol=0.02 if there else 1e-6)
