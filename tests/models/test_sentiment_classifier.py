import pytest
import torch

from spigot.data.vocabulary import Roles, Vocabulary
from spigot.models.config import BagClassifierConfig, BiLSTMClassifierConfig
from spigot.models.sentiment_classifier import BagClassifier, BiLSTMClassifier, gold_sentiments
from spigot.structured import SemanticGraphParts
from tests.models.tiny import SENTENCES, sentence

ROLES = Roles(["_UNKROLE_", "__TOP__", "ARG1"], [False, True, True])
SIZES = {"word_dim": 4, "second_dim": 2, "tag_dim": 2, "hidden": 3}


def classifier(roles=ROLES, feature=2, **encoder):
    torch.manual_seed(0)
    config = BiLSTMClassifierConfig.model_validate(
        {"name": "bilstm", "encoder": SIZES | encoder, "feature": feature, "hidden": 5}
    )
    return BiLSTMClassifier(config, Vocabulary.build(SENTENCES), roles).eval()


def graph(n, arcs):
    """The parts of a batch of graphs, each a list of (head, modifier, label)."""
    parts = SemanticGraphParts(
        torch.zeros(len(arcs), n), torch.zeros(len(arcs), n, n), torch.zeros(len(arcs), n, n, len(ROLES))
    )
    for row, some in enumerate(arcs):
        for head, modifier, label in some:
            parts.predicates[row, head] = parts.arcs[row, head, modifier] = 1
            parts.labels[row, head, modifier, label] = 1
    return parts


@torch.no_grad()
def test_features_by_hand():
    model = classifier()
    model.itself.weight.copy_(torch.tensor([[1.0, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0]]))
    model.itself.bias.copy_(torch.tensor([0.5, -1.0]))
    model.head.weight.copy_(torch.tensor([[0.0, 0, 2, 0, 0, 0], [0, 0, 0, 1, 0, 0]]))
    model.role.weight.copy_(torch.tensor([[1.0, 0], [0, 10]]))
    model.role_embedding.weight.copy_(torch.tensor([[9.0, 9], [1, 0], [0, 0.5]]))
    states = torch.zeros(1, 4, 6)
    states[0, 0, :4] = torch.tensor([0.0, 0, 1, 1])
    states[0, 1, :4] = torch.tensor([1.0, 2, 3, 0])
    states[0, 2, :4] = torch.tensor([0.0, 1, 5, -6])
    # Token 1 is a top and an ARG1 of 2; token 2 has no head; token 3 is past the length.
    features = model.features(states, graph(4, [[(0, 1, 1), (2, 1, 2)]]), torch.tensor([2]))
    # Token 1, first unit: 0.5 + 1 + (2*1 + 2*5 + 1) / 2; second: -1 + 2 + (1 - 6 + 5) / 2.
    expected = torch.tensor([[[0.5, 0.0], [8.0, 1.0], [0.5, 0.0], [0.0, 0.0]]])
    torch.testing.assert_close(features, expected)


def test_the_divisor_is_a_constant():
    model = classifier()
    torch.manual_seed(1)
    states = torch.randn(1, 3, 6)
    parts = graph(3, [[(0, 1, 1), (2, 1, 2)]])
    parts = parts._replace(arcs=parts.arcs.requires_grad_())
    pre = model.features(states, parts, torch.tensor([2]))
    (grad,) = torch.autograd.grad(pre.sum(), parts.arcs)
    active = (pre[0, 1] > 0).float()
    torch.testing.assert_close(grad[0, :, 1], (model.head(states)[0] @ active) / 2)


def test_states_do_not_see_padding():
    model = classifier()
    tokens, _ = model.vocabulary.encode(SENTENCES[:3])
    alone = [model.vocabulary.encode([s])[0] for s in SENTENCES[:3]]
    arcs = [[(0, 1, 1), (1, 2, 2)]] * 3
    together = model(tokens, graph=graph(tokens.words.shape[1] - 1, arcs))
    for row, one in enumerate(alone):
        single = model(one, graph=graph(one.words.shape[1] - 1, arcs[:1]))
        torch.testing.assert_close(together[row], single[0])


def test_without_roles_states_are_summed():
    model = classifier(roles=None)
    tokens, _ = model.vocabulary.encode(SENTENCES[:2])
    hidden = torch.relu(model.hidden(model.encoder(tokens).sum(1)))
    torch.testing.assert_close(model(tokens), model.output(hidden))
    assert not any(name.startswith(("head", "role", "itself")) for name, _ in model.named_parameters())


def test_a_graph_is_needed_exactly_where_it_is_read():
    tokens, _ = classifier().vocabulary.encode(SENTENCES[:2])
    with pytest.raises(ValueError, match="graph: expected one"):
        classifier()(tokens)


def bag(vectors=None, freeze=True, **settings):
    torch.manual_seed(0)
    config = BagClassifierConfig.model_validate({"name": "bag", "word_dim": 3, "hidden": 4} | settings)
    vocabulary = Vocabulary.build([sentence("good bad film")], vectors or (), freeze)
    return BagClassifier(config, vocabulary, vectors)


def test_a_bag_averages_its_words():
    vectors = {"good": torch.tensor([1.0, 0, 0]), "film": torch.tensor([0, 2.0, 0])}
    model = bag(vectors).eval()
    tokens, _ = model.vocabulary.encode([sentence("film good"), sentence("good film film film")])
    for row, mean in enumerate(([0.5, 1, 0], [0.25, 1.5, 0])):
        state = torch.tensor(mean)
        for layer in model.layers:
            state = torch.relu(layer(state))
        torch.testing.assert_close(model(tokens)[row], model.output(state))


def test_order_does_not_matter_to_a_bag():
    model = bag().eval()
    tokens, _ = model.vocabulary.encode([sentence("good bad film"), sentence("film good bad")])
    torch.testing.assert_close(*model(tokens))


def test_a_bag_leaves_words_out_in_training_alone():
    model = bag(word_dropout=0.9, dropout=0.0)
    tokens, _ = model.vocabulary.encode([sentence("good bad film")] * 50)
    assert len(model.train()(tokens).unique(dim=0)) > 1
    assert len(model.eval()(tokens).unique(dim=0)) == 1


def test_frozen_vectors_have_no_parameter():
    vectors = {"good": torch.ones(3), "film": torch.ones(3)}
    frozen, trained = bag(vectors), bag(vectors, freeze=False)
    assert trained.word.num_embeddings - frozen.word.num_embeddings == 2
    tokens, _ = frozen.vocabulary.encode([sentence("good film")])
    frozen(tokens).sum().backward()
    assert not frozen.word.weight.grad.any()


def test_labels():
    assert gold_sentiments(SENTENCES[:5]).tolist() == [s.sentiment for s in SENTENCES[:5]]
    with pytest.raises(ValueError, match="sentence 1: expected a sentiment, got none"):
        gold_sentiments([sentence("a b")])
