import dataclasses

import pytest
import torch

from spigot.data.sentence import TOP, Arc, Graph
from spigot.data.vocabulary import Roles, Vocabulary
from spigot.models.config import NamedTreeFeature, ParserConfig
from spigot.models.semantic_parser import SemanticParser, gold_graphs
from spigot.structured import heads_to_arcs
from spigot.structured.structures.semantic_graph import SemanticGraphParts
from tests.models.tiny import SENTENCES, parser, sentence, tiny_model, top


class FixedStates(torch.nn.Module):
    def __init__(self, states):
        super().__init__()
        self.states = states

    def forward(self, tokens, dropped=None):
        return self.states


def features(parser, tokens, syntax):
    """What the perceptrons read."""
    seen = []
    for scorer in (parser.predicate, parser.arc, parser.label):
        scorer.register_forward_pre_hook(lambda module, arguments: seen.append(arguments[0]))
    parser(tokens, syntax=syntax)
    assert all(torch.equal(seen[0], other) for other in seen)
    return seen[0]


def test_equation_7_worked():
    sentences = [sentence("a b c")]
    vocabulary = Vocabulary.build(sentences)
    config = ParserConfig.model_validate(parser(hidden=1))
    model = SemanticParser(config, vocabulary, Roles([TOP, "x"], [False, False]), NamedTreeFeature("Concatenation"))
    model.encoder = FixedStates(torch.tensor([[[1.0, 0], [0, 1], [2, 3], [-1, 1]]]))
    arcs = heads_to_arcs(torch.tensor([[-1, 2, 0, 2]])).requires_grad_()
    read = features(model, vocabulary.encode(sentences)[0], arcs)
    expected = torch.tensor([[1.0, 0, 0, 0], [0, 1, 2, 3], [2, 3, 1, 0], [-1, 1, 2, 3]])
    assert torch.equal(read[0], expected)  # ROOT has no head

    c = torch.tensor([[1.0, -1], [0.5, 0], [0, 2]])
    (c * read[0, 1:, 2:]).sum().backward()
    order = [(0, 1), (2, 1), (3, 1), (0, 2), (1, 2), (3, 2), (0, 3), (1, 3), (2, 3)]
    assert [arcs.grad[0, head, modifier].item() for head, modifier in order] == [1, -1, -2, 0.5, 0, -0.5, 0, 2, 6]


def random_parts(model, sentences, seed=0):
    """Scores at random, but for those that the parser itself rules out."""
    tokens, syntax = model.encode(sentences)
    parts, _ = model(tokens, syntax)
    generator = torch.Generator().manual_seed(seed)
    noise = SemanticGraphParts(*(3 * torch.randn(part.shape, generator=generator) for part in parts))
    return SemanticGraphParts(*(part.detach() + n for part, n in zip(parts, noise, strict=True))), tokens.lengths


def test_tops_and_nothing_else_hang_from_root():
    model = tiny_model()
    parts, lengths = random_parts(model, SENTENCES[:8])
    top_role = model.semantics.roles.names[TOP]
    assert torch.isneginf(parts.labels[:, 1:, :, top_role]).all()
    others = [k for k in range(len(model.semantics.roles)) if k != top_role]
    assert torch.isneginf(parts.labels[:, 0][..., others]).all()
    assert parts.labels[:, 0, :, top_role].isfinite().all()
    assert parts.labels[:, 1:][..., others].isfinite().all()
    graphs = model.semantics.graphs(model.semantics.decode(parts, lengths), SENTENCES[:8])
    arcs = [arc for graph in graphs for arc in graph.arcs]
    assert any(arc.head == 0 for arc in arcs)
    assert all((arc.head == 0) == (arc.label == TOP) for arc in arcs)


def test_the_unknown_role_is_never_predicted():
    model = tiny_model()
    parts, lengths = random_parts(model, SENTENCES[:8])
    parts.labels[:, 1:, :, 0] = 100.0
    kept = parts.labels.clone()
    decoded = model.semantics.decode(parts, lengths)
    assert (decoded.arc_labels > 0).any()
    assert not (decoded.arc_labels == 0).any()
    assert torch.equal(parts.labels, kept)  # the scores are left as they were: training needs them


def test_decoded_graphs_keep_the_rules():
    model = tiny_model()
    parts, lengths = random_parts(model, SENTENCES)
    graphs = model.semantics.graphs(model.semantics.decode(parts, lengths), SENTENCES)
    roles = model.semantics.roles
    once = {name for name, flag in zip(roles.names.strings, roles.deterministic, strict=True) if flag}
    for graph, s in zip(graphs, SENTENCES, strict=True):
        assert {arc.head for arc in graph.arcs} - {0} <= graph.predicates <= set(range(1, len(s) + 1))
        assert all(1 <= arc.modifier <= len(s) for arc in graph.arcs)
        limited = [(arc.head, arc.label) for arc in graph.arcs if arc.label in once]
        assert len(limited) == len(set(limited))


def test_gold_graphs_come_back():
    model = tiny_model()
    lone = dataclasses.replace(sentence("run !", arcs=[]), graphs={"semantics": Graph((), frozenset({1}))})
    sentences = [*SENTENCES[:10], lone]
    decoded = gold_graphs(sentences, model.semantics.roles)
    assert decoded.predicates[:, 0].tolist() == [True] * 10 + [False]  # a top needs ROOT as its predicate
    graphs = model.semantics.graphs(decoded, sentences)
    assert graphs == [
        Graph(tuple(sorted(s.graphs["semantics"].arcs)), s.graphs["semantics"].predicates) for s in sentences
    ]


def test_gold_roles_that_are_rare_become_unknown():
    sentences = [sentence("a b c", arcs=[top(2), (2, 1, "common"), (2, 3, "rare")])]
    roles = Roles([*"?", TOP, "common"], [False, True, False])
    assert gold_graphs(sentences, roles).arc_labels[0].tolist() == [
        [-1, -1, 1, -1],
        [-1, -1, -1, -1],
        [-1, 2, -1, 0],
        [-1, -1, -1, -1],
    ]


def test_a_sentence_without_graph_is_named():
    with pytest.raises(ValueError, match="sentence s7: expected a graph 'semantics', got none"):
        gold_graphs([sentence("a", id="s7")], Roles([TOP], [False]))


def test_arcs_of_a_graph_are_those_of_the_tensor():
    model = tiny_model()
    decoded = gold_graphs([sentence("a b", arcs=[top(1), (1, 2, "ARG1")])], model.semantics.roles)
    (graph,) = model.semantics.graphs(decoded, [sentence("a b")])
    assert graph.arcs == (Arc(0, 1, TOP), Arc(1, 2, "ARG1"))
