"""NegativeIdentity against automatic differentiation of the projections that it stands for."""

import math

import pytest
import torch

from spigot import Categorical, NegativeIdentity, ProjectiveTree, SemanticGraph, SemanticGraphParts, structured_argmax
from spigot.structured.parts.base import flatten
from tests.structured.test_surrogates import gradient


def projected(values, centre, unit_norm):
    """P(s) over one vector."""
    values = values - values.mean() if centre else values
    return values / values.norm() if unit_norm else values


@pytest.mark.parametrize("unit_norm", [True, False])
@pytest.mark.parametrize("centre", [True, False])
def test_it_is_the_identity_after_the_projections(centre, unit_norm):
    scores, gamma = torch.randn(2, 3, 5, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    lengths = torch.tensor([4, 2, 3])
    tree = ProjectiveTree()
    valid = tree.part_mask(scores, lengths)
    scores, gamma = (torch.where(valid, x, math.nan) for x in (scores, gamma))
    grad = gradient(scores, tree, NegativeIdentity(centre, unit_norm), gamma, lengths=lengths)
    for b in range(3):
        leaf = scores[b][valid[b]].requires_grad_()
        (expected,) = torch.autograd.grad(projected(leaf, centre, unit_norm), leaf, gamma[b][valid[b]])
        assert torch.allclose(grad[b][valid[b]], expected)
    assert not grad[~valid].any()


def test_no_step_goes_where_every_decision_stays():
    scores, gamma = torch.randn(2, 4, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    grad = gradient(scores, Categorical(), NegativeIdentity(), gamma)
    assert torch.allclose(grad.sum(1), torch.zeros(4).double())
    assert torch.allclose((grad * scores).sum(1), torch.zeros(4).double())


def test_all_equal_scores_have_a_gradient():
    gamma = torch.tensor([[1.0, 2.0, 6.0]])
    grad = gradient(torch.full((1, 3), 0.7), Categorical(), NegativeIdentity(), gamma)
    assert torch.allclose(grad, gamma - 3)


def test_the_parts_of_several_tensors_are_one_vector():
    generator = torch.Generator().manual_seed(2)
    shapes = ((1, 3), (1, 3, 3), (1, 3, 3, 2))
    scores, gamma = (
        SemanticGraphParts(*(torch.randn(s, generator=generator, dtype=torch.float64) for s in shapes)) for _ in "ab"
    )
    graph = SemanticGraph([False, False])
    leaves = SemanticGraphParts(*(part.requires_grad_() for part in scores))
    output = structured_argmax(leaves, graph, NegativeIdentity(centre=False))
    grads = SemanticGraphParts(*torch.autograd.grad(output, leaves, gamma))
    valid = flatten(graph.part_mask(scores))
    leaf = flatten(scores)[valid].detach().requires_grad_()
    (expected,) = torch.autograd.grad(leaf / leaf.norm(), leaf, flatten(gamma)[valid])
    assert torch.allclose(flatten(grads)[valid], expected)
