"""What torch asks of a custom operator: schema, fake implementation, autograd registration."""

import pytest
import torch
from torch.library import opcheck

from spigot.structured.kernels.eisner import projective_argmax
from spigot.structured.kernels.inside_outside import (
    projective_log_partition,
    projective_marginals,
    projective_marginals_jvp,
)
from spigot.structured.kernels.projective_sampling import projective_sample
from spigot.structured.kernels.simplex import project_columns
from spigot.structured.kernels.support import off_mean

LENGTHS = torch.tensor([3, 2])


def arguments(*, mask, grad):
    scores = torch.randn(2, 4, 4, generator=torch.Generator().manual_seed(0), requires_grad=grad)
    return scores, LENGTHS, torch.ones(2, 4, 4, dtype=torch.bool) if mask else None


@pytest.mark.parametrize("mask", [True, False])
@pytest.mark.parametrize("operator", [projective_log_partition, projective_marginals, project_columns])
def test_differentiable(operator, mask):
    opcheck(operator, (*arguments(mask=mask, grad=True), True))


@pytest.mark.parametrize("mask", [True, False])
def test_not_differentiable(mask):
    scores, lengths, candidates = arguments(mask=mask, grad=False)
    opcheck(projective_argmax, (scores, lengths, candidates, True))
    opcheck(projective_marginals_jvp, (scores, scores, lengths, candidates, True))
    opcheck(projective_sample, (scores, lengths, candidates, True, torch.full((2, 8), 0.5, dtype=torch.float64)))


def test_a_projection_is_differentiable_twice():
    point = torch.rand(2, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1), requires_grad=True)
    grad = torch.randn(2, 4, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64, requires_grad=True)
    projected = project_columns(point.detach(), LENGTHS, None, True)
    opcheck(off_mean, (grad, projected, 1.0))
    assert torch.autograd.gradgradcheck(lambda x: project_columns(x, LENGTHS, None, True), point, grad)


def test_a_derivative_too_many_is_refused():
    scores, lengths, _ = arguments(mask=False, grad=True)
    marginals = projective_marginals(scores, lengths, None, True)
    (slope,) = torch.autograd.grad(marginals[0, 0, 1], scores, create_graph=True)
    with pytest.raises(RuntimeError, match="differentiated once"):
        torch.autograd.grad(slope.sum(), scores)


def test_an_operator_keeps_its_docstring():
    assert "highest-scoring projective tree" in projective_argmax.__doc__
