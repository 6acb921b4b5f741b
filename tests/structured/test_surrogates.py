"""Surrogate gradients against their formulas and against numbers worked out by hand."""

import pytest
import torch

from spigot import SPIGOT, Categorical, Detach, Marginals, Polytope, ProjectiveTree, StraightThrough, structured_argmax
from tests.structured.test_projective_tree import ARCS, EXAMPLE, matrix, vector

GAMMA = matrix([0.3, 0.9, -0.4, 0.2, -0.5, 0.1, 0, 0.4, -0.6])


def gradient(scores, structure, surrogate, grad, **kwargs):
    scores = scores.clone().requires_grad_()
    output = structured_argmax(scores, structure, surrogate, **kwargs)
    return torch.autograd.grad(output, scores, grad)[0]


@pytest.mark.parametrize(
    ("surrogate", "expected"),
    [
        (SPIGOT(), [0, 0.65, -0.65, 0.35, -0.35, 0, 0, 0, 0]),
        (SPIGOT(step_size=0.5), [0, 0.325, -0.325, 0.175, -0.175, 0, 0, 0, 0]),
        (SPIGOT(max_norm=1.0), [0, 0.474061, -0.474061, 0.255264, -0.255264, 0, 0, 0, 0]),
        (SPIGOT(max_norm=2.0), [0, 0.65, -0.65, 0.35, -0.35, 0, 0, 0, 0]),
        (StraightThrough(), [0.3, 0.9, -0.4, 0.2, -0.5, 0.1, 0, 0.4, -0.6]),
        (StraightThrough(max_norm=2.0), [0.3, 0.9, -0.4, 0.2, -0.5, 0.1, 0, 0.4, -0.6]),
        (Detach(), [0] * 9),
        (
            Marginals(),
            [-0.109311, 0.158791, -0.049481, 0.097701, -0.169283, 0.071582, 0.011610, 0.020437, -0.032047],
        ),
    ],
    ids=repr,
)
def test_worked_example(surrogate, expected):
    grad = gradient(EXAMPLE, ProjectiveTree(), surrogate, GAMMA)
    assert vector(grad) == pytest.approx(expected, abs=1e-6)


def test_the_cap_is_one_number_for_each_sentence():
    assert GAMMA.norm().item() == pytest.approx(1.371131, abs=1e-6)
    grad = gradient(EXAMPLE, ProjectiveTree(), StraightThrough(max_norm=1.0), GAMMA)
    assert torch.allclose(grad, 0.729325 * GAMMA, atol=1e-6)
    # A neighbour with a large gradient has a cap of its own, and padding has no part in it.
    scores = torch.cat([EXAMPLE, EXAMPLE])
    upstream = torch.cat([GAMMA, 100 * GAMMA])
    upstream[:, :, 0] = float("nan")
    both = gradient(scores, ProjectiveTree(), StraightThrough(max_norm=1.0), upstream)
    assert torch.allclose(both[:1], grad)
    assert both[1].norm().item() == pytest.approx(1)


def test_a_zero_gradient_survives_the_cap():
    for surrogate in (StraightThrough(max_norm=1.0), SPIGOT(max_norm=1.0)):
        assert not gradient(EXAMPLE, ProjectiveTree(), surrogate, torch.zeros_like(GAMMA)).any()


@pytest.mark.parametrize(
    ("surrogate", "expected"),
    [
        (SPIGOT(), [0.4, -0.4, 0]),
        (SPIGOT(step_size=2.0), [0.8, -0.8, 0]),
        (Marginals(), [0.154200, -0.139056, -0.015144]),
    ],
    ids=repr,
)
def test_worked_example_of_categories(surrogate, expected):
    scores = torch.tensor([[1.0, 0.0, -1.0]], dtype=torch.float64)
    gamma = torch.tensor([[0.5, -0.3, 0.1]], dtype=torch.float64)
    grad = gradient(scores, Categorical(), surrogate, gamma)
    assert grad[0].tolist() == pytest.approx(expected, abs=1e-6)


def test_worked_example_through_a_loss():
    scores = torch.tensor([[2.0, 0.0, 0.0]], dtype=torch.float64, requires_grad=True)
    z = structured_argmax(scores, Categorical(), SPIGOT(step_size=0.5))
    ((z - torch.tensor([0.1, 0.7, 0.2])) ** 2).sum().div(2).backward()
    assert scores.grad[0].tolist() == pytest.approx([0.45, -0.35, -0.1])


@pytest.fixture(scope="module")
def random_tree_case():
    generator = torch.Generator().manual_seed(5)
    scores, gamma = torch.randn(2, 6, 7, 7, generator=generator, dtype=torch.float64)
    return scores, gamma, torch.tensor([6, 5, 4, 3, 2, 1])


def test_spigot_takes_from_each_modifier_what_it_gives(random_tree_case):
    scores, gamma, lengths = random_tree_case
    grad = gradient(scores, ProjectiveTree(), SPIGOT(), 3 * gamma, lengths=lengths)
    assert grad.any()
    assert grad.sum(1).abs().max() < 1e-12
    assert grad.abs().max() <= 1


def test_spigot_sees_only_differences_between_the_heads_of_a_modifier(random_tree_case):
    scores, gamma, lengths = random_tree_case
    shift = torch.arange(7.0)
    plain = gradient(scores, ProjectiveTree(), SPIGOT(), gamma, lengths=lengths)
    assert torch.allclose(
        gradient(scores, ProjectiveTree(), SPIGOT(), gamma + shift, lengths=lengths), plain, atol=1e-12
    )


def test_spigot_is_silent_where_the_chosen_head_is_the_best(random_tree_case):
    scores, gamma, lengths = random_tree_case
    tree = ProjectiveTree()
    arcs, valid = tree.argmax(scores, lengths).bool(), tree.part_mask(scores, lengths)
    grad = gradient(scores, tree, SPIGOT(step_size=0.1), gamma, lengths=lengths)
    least = gamma.masked_fill(~valid, float("inf")).amin(1)
    chosen = torch.where(arcs, gamma, 0).sum(1)
    real = arcs.any(1)
    silent = ~grad.any(1)
    assert torch.equal(silent[real], (chosen == least)[real])
    assert 0 < silent[real].sum() < real.sum()


@pytest.mark.parametrize("step", [0.3, 1.0, 4.0])
def test_spigot_of_two_heads(step):
    scores = torch.tensor([[1.0, 0.0]])
    for gamma in ([0.5, -0.4], [-0.5, 0.4], [2.0, -3.0]):
        grad = gradient(scores, Categorical(), SPIGOT(step_size=step), torch.tensor([gamma]))
        size = min(max(step * (gamma[0] - gamma[1]) / 2, 0), 1)
        assert grad[0].tolist() == pytest.approx([size, -size], abs=1e-6)


def test_another_polytope():
    class Everything(Polytope):
        def project(self, point, lengths=None, mask=None):
            return point

    grad = gradient(EXAMPLE, ProjectiveTree(), SPIGOT(step_size=0.5, polytope=Everything()), GAMMA)
    assert torch.allclose(grad, 0.5 * GAMMA)


@pytest.mark.parametrize("surrogate", [SPIGOT, StraightThrough])
def test_settings_are_checked(surrogate):
    with pytest.raises(ValueError, match="max_norm: expected None or a positive number, got 0"):
        surrogate(max_norm=0)
    if surrogate is SPIGOT:
        with pytest.raises(ValueError, match="step_size: expected a positive number, got -1"):
            SPIGOT(step_size=-1)


def test_the_example_names_every_arc():
    assert len(ARCS) == ProjectiveTree().part_mask(EXAMPLE).sum()
