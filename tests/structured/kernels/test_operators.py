"""How operators are differentiated, and documented."""

import pytest
import torch

from spigot.structured.kernels.projective.argmax import projective_argmax
from spigot.structured.kernels.projective.sums import PROJECTIVE
from spigot.structured.kernels.simplex.columns import project_columns

LENGTHS = torch.tensor([3, 2])


def test_a_projection_is_differentiable_twice():
    point = torch.rand(2, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1), requires_grad=True)
    grad = torch.randn(2, 4, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x: project_columns(x, LENGTHS, None, True), point, grad)


def test_a_derivative_too_many_is_refused():
    scores = torch.randn(2, 4, 4, generator=torch.Generator().manual_seed(0), requires_grad=True)
    marginals = PROJECTIVE.marginals(scores, LENGTHS, None, True)
    (slope,) = torch.autograd.grad(marginals[0, 0, 1], scores, create_graph=True)
    with pytest.raises(RuntimeError, match="differentiated once"):
        torch.autograd.grad(slope.sum(), scores)


def test_an_operator_keeps_its_docstring():
    assert "highest-scoring projective tree" in projective_argmax.__doc__
