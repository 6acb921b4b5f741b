"""All structures of an instance, counted and compared with lists made otherwise."""

from itertools import product

import pytest
import torch

from spigot import Categorical, NonProjectiveTree, ProjectiveTree, SemanticGraph, SemanticGraphParts, all_structures
from tests.oracles.graphs import NO_ARC, is_graph
from tests.oracles.trees import all_trees


@pytest.mark.parametrize("single_root", [True, False])
@pytest.mark.parametrize("kind", [ProjectiveTree, NonProjectiveTree])
def test_trees(kind, single_root):
    lengths = torch.tensor([4, 0, 1, 3])
    found = all_structures(kind(single_root), torch.randn(4, 5, 5), lengths)
    for arcs, size in zip(found, lengths.tolist(), strict=True):
        heads = {tuple(arc.argmax(0)[1 : size + 1].tolist()) for arc in arcs}
        assert heads == set(all_trees(size, projective=kind is ProjectiveTree, single_root=single_root))
        assert len(heads) == len(arcs)
        assert arcs.flatten(1).sum(1).tolist() == [size] * len(arcs)


def test_order_and_mask():
    mask = torch.tensor([[True, True, False], [False, True, True]])
    first, second = all_structures(Categorical(), torch.tensor([[1.0, 2, 3], [4, 5, 6]]), mask=mask)
    assert first.tolist() == [[1, 0, 0], [0, 1, 0]]
    assert second.tolist() == [[0, 1, 0], [0, 0, 1]]


def test_graphs():
    flags = [False, True]
    shapes = ((1, 3), (1, 3, 3), (1, 3, 3, 2))
    scores = SemanticGraphParts(*(torch.zeros(shape) for shape in shapes))
    (found,) = all_structures(SemanticGraph(flags), scores)
    arcs = [(0, 1), (0, 2), (1, 2), (2, 1)]
    expected = set()
    for predicates in product([0, 1], repeat=3):
        for choice in product([NO_ARC, 0, 1], repeat=4):
            labels = [[NO_ARC] * 3 for _ in range(3)]
            for (head, modifier), label in zip(arcs, choice, strict=True):
                labels[head][modifier] = label
            if is_graph(predicates, labels, flags):
                expected.add((predicates, choice))
    listed = {
        (
            tuple(found.predicates[i].int().tolist()),
            tuple(int(found.arcs[i, h, m] * (1 + found.labels[i, h, m].argmax()) - 1) for h, m in arcs),
        )
        for i in range(len(found.predicates))
    }
    assert listed == expected
    assert len(found.predicates) == len(expected)


def test_too_many():
    with pytest.raises(ValueError, match="limit: row 1 has more than 20 structures"):
        all_structures(ProjectiveTree(), torch.zeros(2, 5, 5), torch.tensor([2, 4]), limit=20)
