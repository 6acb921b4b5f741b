"""The tree features with parameters, against loops over the nodes of one tree."""

import pytest
import torch

from spigot import SPIGOT, ProjectiveTree, structured_argmax
from spigot.models.config import NamedTreeFeature
from spigot.models.tree_features.graph_convolution import GraphConvolution
from spigot.models.tree_features.path_lstm import PathLSTM
from spigot.models.tree_features.tree_lstm import TreeLSTM
from spigot.structured import heads_to_arcs

HEADS = [[-1, 2, 0, 5, 5, 2], [-1, 0, 1, 2, -1, -1]]
LENGTHS = [5, 3]
DIM, HIDDEN = 4, 3


def convolution_of_a_node(feature, states, heads, node):
    def modifiers(j):
        return [k for k in range(len(heads)) if heads[k] == j]

    def seen(j, layers):
        if layers == 0:
            return states[j]
        own, head, modifier = (m[layers - 1] for m in (feature.own, feature.from_head, feature.from_modifiers))
        total = own(seen(j, layers - 1))
        if heads[j] >= 0:
            total = total + head(seen(heads[j], layers - 1))
        if modifiers(j):
            total = total + torch.stack([modifier(seen(k, layers - 1)) for k in modifiers(j)]).mean(0)
        return total.relu()

    return seen(node, len(feature.own))


def tree_lstm_of_a_node(feature, states, heads, node):
    def run(j):
        children = [run(k) for k in range(len(heads)) if heads[k] == j]
        below = sum((h for h, _ in children), torch.zeros(HIDDEN, dtype=states.dtype))
        entry, out, new = (feature.gates(states[j]) + feature.gates_below(below)).chunk(3)
        cell = entry.sigmoid() * new.tanh()
        for h, c in children:
            cell = cell + (feature.forget(states[j]) + feature.forget_below(h)).sigmoid() * c
        return out.sigmoid() * cell.tanh(), cell

    return run(node)[0]


def path_lstm_of_a_node(feature, states, heads, node):
    def run(j):
        h, c = run(heads[j]) if heads[j] >= 0 else (torch.zeros(HIDDEN, dtype=states.dtype),) * 2
        entry, forget, out, new = (feature.gates(states[j]) + feature.gates_above(h)).chunk(4)
        cell = forget.sigmoid() * c + entry.sigmoid() * new.tanh()
        return out.sigmoid() * cell.tanh(), cell

    return run(node)[0]


CASES = {
    "convolution": (lambda: GraphConvolution(DIM, hidden=HIDDEN, layers=2), convolution_of_a_node),
    "tree-lstm": (lambda: TreeLSTM(DIM, hidden=HIDDEN), tree_lstm_of_a_node),
    "path-lstm": (lambda: PathLSTM(DIM, hidden=HIDDEN), path_lstm_of_a_node),
}
every = pytest.mark.parametrize("name", CASES)


def example(name):
    torch.manual_seed(4)
    feature, of_a_node = CASES[name]
    states = torch.randn(2, 6, DIM, dtype=torch.float64)
    states[1, 4:] = 0
    return feature().double(), of_a_node, states, heads_to_arcs(torch.tensor(HEADS), dtype=torch.float64)


@every
def test_node_by_node(name):
    feature, of_a_node, states, arcs = example(name)
    read = feature(states, arcs)
    assert read.shape == (2, 6, feature.output_dim)
    assert torch.equal(read[..., :DIM], states)
    for row, length in enumerate(LENGTHS):
        for node in range(length + 1):
            expected = of_a_node(feature, states[row], HEADS[row][: length + 1], node)
            torch.testing.assert_close(read[row, node, DIM:], expected)
    assert not read[1, 4:].any()


@every
def test_a_row_does_not_depend_on_the_others(name):
    feature, _, states, arcs = example(name)
    alone = feature(states[1:, :4], arcs[1:, :4, :4])
    torch.testing.assert_close(feature(states, arcs)[1:, :4], alone, rtol=1e-12, atol=1e-12)


@every
def test_the_gradient_of_a_relaxed_tree_is_true(name):
    feature, _, states, _ = example(name)
    arcs = torch.rand(2, 6, 6, dtype=torch.float64)
    arcs[..., 0] = 0
    arcs = (arcs / arcs.sum(1, keepdim=True).clamp(min=1e-9)).requires_grad_()
    if hasattr(feature, "max_depth"):
        feature.max_depth = 4
    assert torch.autograd.gradcheck(lambda z: feature(states, z), arcs)


@every
def test_a_loss_moves_the_scores_of_the_tree(name):
    feature, _, states, _ = example(name)
    scores = torch.randn(2, 6, 6, dtype=torch.float64, requires_grad=True)
    lengths = torch.tensor(LENGTHS)
    arcs = structured_argmax(scores, ProjectiveTree(), SPIGOT(), lengths=lengths)
    feature(states, arcs).square().sum().backward()
    assert torch.isfinite(scores.grad).all()
    assert scores.grad.any((1, 2)).all()


@pytest.mark.parametrize("name", ["TreeLSTM", "PathLSTM"])
def test_a_deeper_tree_is_read_to_its_bound(name):
    states = torch.randn(1, 5, DIM)
    arcs = heads_to_arcs(torch.tensor([[-1, 0, 1, 2, 3]]))
    torch.manual_seed(0)
    feature = NamedTreeFeature(name, hidden=HIDDEN, max_depth=2).build(input_dim=DIM)
    near, far = states.clone(), states.clone()
    end = 0 if name == "TreeLSTM" else 4  # the node that reads all others
    far[0, 4 - end] += 1
    near[0, abs(end - 2)] += 1
    assert torch.equal(feature(states, arcs)[0, end, DIM:], feature(far, arcs)[0, end, DIM:])
    assert not torch.equal(feature(states, arcs)[0, end, DIM:], feature(near, arcs)[0, end, DIM:])


@pytest.mark.parametrize("name", ["GraphConvolution", "TreeLSTM", "PathLSTM"])
def test_half_precision_stays(name):
    feature = NamedTreeFeature(name, hidden=HIDDEN).build(input_dim=DIM).bfloat16()
    arcs = heads_to_arcs(torch.tensor(HEADS))
    assert feature(torch.randn(2, 6, DIM, dtype=torch.bfloat16), arcs).dtype == torch.bfloat16
