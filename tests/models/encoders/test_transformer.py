import json
import shutil

import pytest
import torch

from spigot.data.vocabulary import Vocabulary
from spigot.models.config import NamedEncoder
from spigot.models.encoders.word_pieces import Pieces, WordPieces, pool
from spigot.signature import NamedError
from spigot.systems.loading import load_system
from spigot.systems.syntax_alone import SyntaxAlone, SyntaxAloneConfig
from spigot.systems.syntax_words import SyntaxWords
from spigot.training.loop import Trainer
from spigot.training.recipe import parse_recipe
from tests.models.tiny import SENTENCES, sentence, tiny_vocabularies

transformers = pytest.importorskip("transformers")
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors  # noqa: E402


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A BERT of two layers that knows letters, and reads 16 pieces."""
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{c}" for c in letters), "the", "dog"]
    tokenizer = Tokenizer(models.WordPiece({piece: k for k, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = {"unk_token": "[UNK]", "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    path = tmp_path_factory.mktemp("bert")
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, mask_token="[MASK]", **names).save_pretrained(path)
    config = transformers.BertConfig(
        vocab_size=len(pieces),
        hidden_size=12,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=8,
        max_position_embeddings=16,
    )
    torch.manual_seed(0)
    transformers.BertModel(config).save_pretrained(path)
    return path


def make(folder, vocabulary=None, **arguments):
    named = NamedEncoder("Transformer", model=str(folder), **arguments)
    return named.build(vocabulary=Vocabulary.build(SENTENCES) if vocabulary is None else vocabulary).eval()


def read(encoder, *sentences):
    return encoder(Vocabulary.build(SENTENCES).encode(sentences)[0])


def bert_states(encoder, pieces):
    """All layers' states of one window of pieces, with the special ones around it."""
    ids = torch.tensor([[2, *pieces, 3]])
    return encoder.transformer(input_ids=ids, output_hidden_states=True).hidden_states


def test_a_word_is_the_mean_of_its_pieces(folder):
    encoder = make(folder, mix=False)
    states = read(encoder, sentence("The dog ate"))
    letters = {c: 5 + k for k, c in enumerate("abcdefghijklmnopqrstuvwxyz")}
    pieces = [57, 58, letters["a"], letters["t"] + 26, letters["e"] + 26]
    last = bert_states(encoder, pieces)[-1][0]
    expected = torch.stack([last[0], last[1], last[2], last[3:6].mean(0)])
    torch.testing.assert_close(states[0], expected)


def test_a_mixture_of_layers(folder):
    encoder = make(folder)
    with torch.no_grad():
        encoder.mixture.copy_(torch.tensor([0.3, -1.0, 0.7]))
        encoder.scale.fill_(2.0)
    layers = bert_states(encoder, [57, 58])
    weights = torch.tensor([0.3, -1.0, 0.7]).softmax(0)
    expected = 2 * sum(weight * layer[0, :3] for weight, layer in zip(weights, layers, strict=True))
    torch.testing.assert_close(read(encoder, sentence("the dog"))[0], expected)


def test_in_a_batch_as_alone_and_nothing_past_the_lengths(folder):
    encoder = make(folder)
    some = [sentence("the dog ate the dog today"), sentence("the dog"), sentence("ate")]
    together = read(encoder, *some)
    for row, one in enumerate(some):
        n = len(one) + 1
        torch.testing.assert_close(together[row, :n], read(encoder, one)[0], rtol=1e-5, atol=1e-6)
        assert not together[row, n:].any()


def test_a_long_sentence_has_windows(folder):
    encoder = make(folder, mix=False)
    letters = " ".join("abcdefghijklmnopqrstuvwxyz"[:20])
    states = read(encoder, sentence(letters))
    # 14 pieces fit: 0-13 and 6-19; the middle of the overlap is between 9 and 10.
    first, second = (bert_states(encoder, range(5 + a, 5 + b))[-1][0] for a, b in ((0, 14), (6, 20)))
    torch.testing.assert_close(states[0, 1:11], first[1:11])
    torch.testing.assert_close(states[0, 11:], second[5:15])
    short = sentence("the dog")
    torch.testing.assert_close(read(encoder, sentence(letters), short)[1, :3], read(encoder, short)[0])


@pytest.mark.parametrize("length", [1, 14, 15, 21, 40, 57])
def test_every_piece_counts_once(folder, length):
    encoder = make(folder)
    cut = encoder.pieces([["a"] * length], length + 1)
    assert sorted(cut.nodes.tolist()) == list(range(length + 1))
    assert len(set(cut.taken.tolist())) == length + 1
    assert cut.ids.shape[1] <= 16


def test_a_word_without_pieces_has_no_state():
    pieces = Pieces(torch.zeros(1, 2, dtype=torch.int64), torch.ones(1, 2), torch.tensor([0, 1]), torch.tensor([0, 2]))
    pooled = pool(torch.ones(1, 2, 3), pieces, 1, 4)
    assert pooled[0].tolist() == [[1] * 3, [0] * 3, [1] * 3, [0] * 3]


def test_a_dropped_word_is_read_as_unknown(folder):
    encoder = make(folder, mix=False)
    tokens, dropped = Vocabulary.build(SENTENCES).encode([sentence("the dog")])
    dropped[0, 2] = True
    expected = bert_states(encoder, [57, 4])[-1][0, :3]
    torch.testing.assert_close(encoder(tokens, dropped)[0], expected)


def test_frozen_weights_get_no_gradient_and_no_dropout(folder):
    encoder = make(folder, frozen=True, dropout=0.0).train()
    assert not encoder.transformer.training
    read(encoder, sentence("the dog")).sum().backward()
    assert all(p.grad is None for p in encoder.transformer.parameters())
    assert encoder.mixture.grad is not None
    assert encoder.slow_parameters() == {}
    tuned = make(folder, rate=0.1).train()
    read(tuned, sentence("the dog")).sum().backward()
    assert all(p.grad is not None for p in tuned.transformer.encoder.parameters())
    assert set(tuned.slow_parameters()) == {0.1}


def test_a_checkpoint_needs_nothing_else(folder, tmp_path):
    gone = shutil.copytree(folder, tmp_path / "gone")
    table = {"encoder": {"name": "Transformer", "model": str(gone)}, "scorer": {"hidden": 6}}
    known = tiny_vocabularies()
    system = SyntaxAlone(SyntaxAloneConfig.model_validate({"syntax": table}), SyntaxWords(known.syntax, known.labels))
    system.eval().save_pretrained(tmp_path / "run")
    config = json.loads((tmp_path / "run/vocabulary.json").read_text("utf-8"))["words"]["resources"]["transformer"]
    assert str(gone) not in json.dumps(config)
    shutil.rmtree(gone)
    loaded = load_system(tmp_path / "run")
    assert loaded.parse(SENTENCES[:3]) == system.parse(SENTENCES[:3])


def test_the_pre_trained_weights_have_a_rate_of_their_own(folder, tmp_path):
    tables = {
        "system": {
            "kind": "syntax-alone",
            "syntax": {"encoder": {"name": "Transformer", "model": str(folder), "rate": 0.25}, "scorer": {"hidden": 6}},
        },
        "data": {"builtin": {"train": {"syntax": 20}, "dev": 5}},
        "training": {"epochs": 1, "schedule": "constant", "learning_rate": 1e-2, "weight_decay": 0.0},
    }
    trainer = Trainer(parse_recipe(tables, "test"), tmp_path / "run", device="cpu")
    before = {name: tensor.clone() for name, tensor in trainer.model.state_dict().items()}
    fast, slow = trainer.updates.optimizer.param_groups
    assert (fast["factor"], slow["factor"]) == (1.0, 0.25)
    trainer.fit()
    assert slow["lr"] == pytest.approx(0.25 * fast["lr"])
    after = trainer.model.state_dict()
    key = "syntax.encoder.transformer.encoder.layer.0.output.dense.weight"
    assert not torch.equal(before[key], after[key])


def test_a_model_with_relative_positions_reads_512_pieces(folder, tmp_path):
    for path in folder.glob("token*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    config = transformers.XLNetConfig(vocab_size=59, d_model=8, n_layer=1, n_head=2, d_inner=8)
    transformers.XLNetModel(config).save_pretrained(tmp_path)
    encoder = make(tmp_path)
    assert encoder.pieces.room == 510
    assert read(encoder, sentence("The dog ate")).shape == (1, 4, 8)


def test_what_is_wrong_is_named(folder, tmp_path):
    with pytest.raises(
        NamedError, match=r"model: expected a folder with a transformer, or hf://OWNER/NAME, got nowhere"
    ):
        make("nowhere")
    (tmp_path / "config.json").write_text('{"model_type": "no-such-model"}', "utf-8")
    with pytest.raises(NamedError, match="model: expected a transformer that can be read in"):
        make(tmp_path)
    with pytest.raises(ValueError, match="window: expected room for pieces, got 3"):
        WordPieces((folder / "tokenizer.json").read_text("utf-8"), 3)
