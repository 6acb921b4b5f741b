"""Surrogates built on marginals and inner gradient steps: MarginalJacobian, SPIGOTCE, SPIGOTEG."""

import pytest
import torch

from spigot import (
    SPIGOT,
    SPIGOTCE,
    SPIGOTEG,
    Categorical,
    MarginalJacobian,
    ProjectiveTree,
    SemanticGraph,
    SemanticGraphParts,
    structured_argmax,
)
from tests.structured.test_projective_tree import EXAMPLE, vector
from tests.structured.test_surrogates import GAMMA, gradient

SCORES = torch.tensor([[1.0, 0.0, -1.0]], dtype=torch.float64)
SLOPE = torch.tensor([[0.5, -0.3, 0.1]], dtype=torch.float64)
TARGET = torch.tensor([0.1, 0.7, 0.2], dtype=torch.float64)


def half_squared_distance(z):
    return ((z - TARGET) ** 2).sum(1) / 2


@pytest.mark.parametrize(
    ("surrogate", "expected"),
    [
        (MarginalJacobian(), [0.154200, -0.139056, -0.015144]),
        (SPIGOTCE(), [0.4, -0.4, 0]),
        (SPIGOTCE(step_size=2.0), [0.665241, -0.732620, 0.067380]),
        (SPIGOTEG(), [0.170345, -0.160458, -0.009887]),
    ],
    ids=repr,
)
def test_worked_examples_of_categories(surrogate, expected):
    grad = gradient(SCORES, Categorical(), surrogate, SLOPE)
    assert grad[0].tolist() == pytest.approx(expected, abs=1e-6)


def test_worked_example_of_the_marginals_jacobian_of_trees():
    grad = gradient(EXAMPLE, ProjectiveTree(), MarginalJacobian(), GAMMA)
    expected = [-0.109311, 0.158791, -0.049481, 0.097701, -0.169283, 0.071582, 0.011610, 0.020437, -0.032047]
    assert vector(grad) == pytest.approx(expected, abs=1e-6)
    output = structured_argmax(EXAMPLE, ProjectiveTree(), MarginalJacobian())
    assert torch.equal(output, ProjectiveTree().argmax(EXAMPLE))


def test_caps_come_before_everything_else():
    norm = SLOPE.norm().item()
    capped = gradient(SCORES, Categorical(), MarginalJacobian(max_norm=norm / 2), SLOPE)
    assert torch.allclose(capped, gradient(SCORES, Categorical(), MarginalJacobian(), SLOPE / 2))
    capped = gradient(SCORES, Categorical(), SPIGOTEG(max_norm=norm / 2), SLOPE)
    assert torch.allclose(capped, gradient(SCORES, Categorical(), SPIGOTEG(step_size=0.5), SLOPE))


def test_ce_and_eg_with_a_constant_gradient_need_no_second_look():
    """Where the loss is linear, k steps without projection are one of k times the size."""
    linear = lambda z: (z * SLOPE).sum(1)  # noqa: E731
    for surrogate, long in [
        (SPIGOTEG(step_size=0.5, steps=4), SPIGOTEG(step_size=2.0)),
        (SPIGOTCE(step_size=0.02, steps=5), SPIGOTCE(step_size=0.1)),
    ]:
        steps = gradient(SCORES, Categorical(), surrogate, SLOPE, downstream=linear)
        assert torch.allclose(steps, gradient(SCORES, Categorical(), long, SLOPE))


def test_ce_takes_the_gradient_at_the_marginals_and_again_at_each_step():
    surrogate = SPIGOTCE(step_size=0.5, steps=3)
    # Of the incoming gradient nothing must be left.
    grad = gradient(SCORES, Categorical(), surrogate, 100 * SLOPE, downstream=half_squared_distance)
    p = SCORES.softmax(1)
    # Inside the simplex, and so along the line from p to the target: each step halves the way.
    assert torch.allclose(grad, (p - TARGET) * (1 - 0.5**3))


def test_eg_of_several_steps():
    surrogate = SPIGOTEG(step_size=0.5, steps=3)
    grad = gradient(SCORES, Categorical(), surrogate, 100 * SLOPE, downstream=half_squared_distance)
    u = SCORES.softmax(1)
    for _ in range(3):
        u = (u.log() - 0.5 * (u - TARGET)).softmax(1)
    assert torch.allclose(grad, SCORES.softmax(1) - u)


def test_eg_of_trees_is_a_difference_of_marginals():
    tree = ProjectiveTree()
    grad = gradient(EXAMPLE, tree, SPIGOTEG(step_size=0.7), GAMMA)
    assert torch.allclose(grad, tree.marginals(EXAMPLE) - tree.marginals(EXAMPLE - 0.7 * GAMMA))


def test_ce_is_spigot_where_all_probability_is_on_one_structure():
    generator = torch.Generator().manual_seed(2)
    gamma = torch.randn(2, 6, 6, generator=generator, dtype=torch.float64)
    tree = ProjectiveTree()
    scores = 500 * tree.argmax(torch.randn(2, 6, 6, generator=generator, dtype=torch.float64))
    for polytope in (None, "hull"):
        ce = gradient(scores, tree, SPIGOTCE(polytope=polytope), gamma)
        assert ce.any()
        assert torch.allclose(ce, gradient(scores, tree, SPIGOT(polytope=polytope), gamma), atol=1e-6)


def test_second_steps_need_the_loss():
    for surrogate in (SPIGOTCE(steps=2), SPIGOTEG(steps=2)):
        with pytest.raises(ValueError, match=f"downstream: {type(surrogate).__name__} evaluates the loss again"):
            gradient(SCORES, Categorical(), surrogate, SLOPE)


@pytest.mark.parametrize("surrogate", [MarginalJacobian(), SPIGOTCE(), SPIGOTEG()], ids=lambda s: type(s).__name__)
def test_marginals_of_a_structure_without_them(surrogate):
    shapes = ((1, 3), (1, 3, 3), (1, 3, 3, 2))
    scores = SemanticGraphParts(*(torch.zeros(shape, requires_grad=True) for shape in shapes))
    with pytest.raises(TypeError, match=f"{type(surrogate).__name__} needs a MarginalStructure, got SemanticGraph"):
        structured_argmax(scores, SemanticGraph([False, False]), surrogate)


def test_settings_are_checked():
    for surrogate in (SPIGOTCE, SPIGOTEG):
        with pytest.raises(ValueError, match="step_size: expected a positive number, got 0"):
            surrogate(step_size=0)
        with pytest.raises(ValueError, match="steps: expected a positive integer, got 0"):
            surrogate(steps=0)
    with pytest.raises(ValueError, match="max_norm: expected None or a positive number, got -1"):
        MarginalJacobian(max_norm=-1)
