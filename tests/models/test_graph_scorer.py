"""From states to graphs, without tags."""

import torch

from spigot.data.sentence import TOP
from spigot.data.vocabulary import Roles
from spigot.models.config import NamedScorer, NamedTreeFeature
from spigot.models.graph_scorer import GraphScorer
from tests.models.tiny import SENTENCES

ROLES = Roles.build(SENTENCES)


def scorer(**settings):
    torch.manual_seed(3)
    return GraphScorer(NamedScorer("Perceptron", hidden=6), ROLES, 8, **settings).eval()


def test_tops_hang_from_root_and_nothing_else_does():
    made, states = scorer(), torch.randn(3, 5, 8)
    labels = made.score(states).labels
    top = ROLES.names[TOP]
    others = [k for k in range(len(ROLES)) if k != top]
    assert torch.isfinite(labels[:, 0, :, top]).all()
    assert (labels[:, 0][..., others] == -torch.inf).all()
    assert (labels[:, 1:, :, top] == -torch.inf).all()
    assert torch.isfinite(labels[:, 1:][..., others]).all()


def test_the_best_graphs_have_no_unknown_role():
    made, states = scorer(), torch.randn(6, 5, 8)
    lengths = torch.tensor([4, 3, 4, 2, 1, 4])
    parts = made.score(states)
    for one, other in zip(made.parse(states, lengths), made.decode(parts, lengths), strict=True):
        assert torch.equal(one, other)
    assert (made.parse(states, lengths).arc_labels > 0).any()
    assert not (made.parse(states, lengths).arc_labels == 0).any()


def test_a_low_threshold_finds_more_arcs():
    made, states = scorer(tree_feature=NamedTreeFeature("Concatenation")), torch.randn(6, 5, 8)
    lengths, syntax = torch.full((6,), 4), torch.zeros(6, 5, 5)
    found = [(made.parse(states, lengths, syntax, t).arc_labels >= 0).sum() for t in (0.01, 0.3, 0.9)]
    assert found[0] > found[2]
    assert found[0] >= found[1] >= found[2]
