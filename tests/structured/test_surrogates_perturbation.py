"""Surrogates that call the argmax at other scores: Gumbel, Perturbed, Blackbox, IMLE, AIMLE."""

import math

import pytest
import torch
from torch.nn import functional as F

from spigot import (
    AIMLE,
    IMLE,
    Blackbox,
    Categorical,
    Gumbel,
    Perturbed,
    Problem,
    ProjectiveTree,
    SemanticGraph,
    SemanticGraphParts,
    StructuredArgmax,
    structured_argmax,
)
from spigot.structured.noise import draw_noise, draw_seeds
from tests.structured.derivatives import marginals_vjp
from tests.structured.test_surrogates import gradient

SCORES = torch.tensor([[1.0, 0.0, -1.0]], dtype=torch.float64)
SLOPE = torch.tensor([[0.5, -0.3, 0.1]], dtype=torch.float64)
P = SCORES[0].softmax(0)
JACOBIAN = P.diag() - torch.outer(P, P)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def of_tree(seed=0, batch=3, nodes=6):
    scores, gamma = torch.randn(2, batch, nodes, nodes, generator=seeded(seed), dtype=torch.float64)
    return scores, gamma, torch.tensor([nodes - 1, 2, 3])[:batch]


def the_noise(kind, structure, scores, lengths, seed, samples=1):
    """The noise that a surrogate draws first from a generator with this seed, `[sample, batch, ...]`."""
    problem = Problem(structure, scores, lengths)
    noise = draw_noise(kind, draw_seeds(problem, samples, seeded(seed)), problem)
    return noise.unflatten(0, (-1, samples)).transpose(0, 1)


def test_gumbel_samples_categories_exactly():
    rows = SCORES.expand(20_000, 3)
    drawn = structured_argmax(rows, Categorical(), Gumbel(generator=seeded()))
    assert torch.allclose(drawn.mean(0), P, atol=0.015)
    less = structured_argmax(rows, Categorical(), Gumbel(scale=0.5, generator=seeded()))
    assert torch.allclose(less.mean(0), (SCORES[0] / 0.5).softmax(0), atol=0.015)


def test_gumbel_is_the_straight_through_gumbel_softmax():
    scores = SCORES.expand(5, 3)
    noise = the_noise("gumbel", Categorical(), scores, None, 4)[0]
    grad = gradient(scores, Categorical(), Gumbel(temperature=0.7, generator=seeded(4)), SLOPE.expand(5, 3))
    leaf = scores.clone().requires_grad_()
    soft = F.softmax((leaf + noise) / 0.7, 1)
    assert torch.allclose(grad, torch.autograd.grad(soft, leaf, SLOPE.expand(5, 3))[0])
    hard = structured_argmax(scores, Categorical(), Gumbel(temperature=0.7, generator=seeded(4)))
    assert torch.equal(hard, F.one_hot(soft.argmax(1), 3).double())


def test_gumbel_caps_the_incoming_gradient():
    capped = gradient(SCORES, Categorical(), Gumbel(max_norm=0.2, generator=seeded(4)), SLOPE)
    assert torch.allclose(
        capped, gradient(SCORES, Categorical(), Gumbel(generator=seeded(4)), SLOPE * 0.2 / SLOPE.norm())
    )


def test_gumbel_of_trees():
    scores, gamma, lengths = of_tree()
    tree, surrogate = ProjectiveTree(), Gumbel(scale=2.0, generator=seeded(1))
    perturbed = scores + 2 * the_noise("gumbel", tree, scores, lengths, 1)[0]
    grad = gradient(scores, tree, surrogate, gamma, lengths=lengths)
    assert torch.equal(grad, marginals_vjp(tree, perturbed, gamma, lengths))


def test_perturbed_forward_is_softmax_for_gumbel_noise():
    output = structured_argmax(SCORES, Categorical(), Perturbed(samples=20_000, noise="gumbel", generator=seeded()))
    assert torch.allclose(output[0], P, atol=0.015)


@pytest.mark.parametrize("baseline", ["leave-one-out", "none"])
def test_perturbed_backward_is_unbiased(baseline):
    """Gumbel noise: the expectation is softmax(s / σ)."""
    surrogate = Perturbed(sigma=1.0, samples=100, noise="gumbel", baseline=baseline, generator=seeded())
    rows = 1000
    grads = gradient(SCORES.expand(rows, 3), Categorical(), surrogate, SLOPE.expand(rows, 3))
    error = grads.std(0) / math.sqrt(rows)
    assert ((grads.mean(0) - JACOBIAN @ SLOPE[0]).abs() < 4 * error).all()
    assert error.max() < 0.005


def test_perturbed_with_normal_noise_is_unbiased():
    """Two categories: the expectation is Φ((s₁ - s₂) / (σ √2))."""
    surrogate = Perturbed(sigma=0.8, samples=100, generator=seeded())
    rows, scores, slope = 1000, torch.tensor([[0.4, 0.1]]).double(), torch.tensor([[1.0, -0.5]]).double()
    grads = gradient(scores.expand(rows, 2), Categorical(), surrogate, slope.expand(rows, 2))
    spread = 0.8 * math.sqrt(2)
    density = torch.distributions.Normal(0, spread).log_prob(torch.tensor(0.3)).exp().item() * 1.5
    error = grads.std(0) / math.sqrt(rows)
    assert ((grads.mean(0) - torch.tensor([density, -density])).abs() < 4 * error).all()
    assert error.max() < 0.01


def test_a_baseline_makes_perturbed_quieter():
    rows, shifted = 500, SLOPE + 10
    spread = {}
    for baseline in ("leave-one-out", "none"):
        surrogate = Perturbed(samples=10, baseline=baseline, generator=seeded())
        spread[baseline] = gradient(SCORES.expand(rows, 3), Categorical(), surrogate, shifted.expand(rows, 3)).std()
    assert spread["leave-one-out"] < spread["none"] / 10


def test_perturbed_formula_for_trees():
    scores, gamma, lengths = of_tree()
    tree = ProjectiveTree()
    surrogate = Perturbed(sigma=0.5, samples=3, baseline="none", generator=seeded(2))
    noise = the_noise("normal", tree, scores, lengths, 2, 3)
    structures = torch.stack([tree.argmax(scores + 0.5 * eps, lengths) for eps in noise])
    output = structured_argmax(scores, tree, surrogate, lengths=lengths)
    assert torch.allclose(output, structures.mean(0))
    assert (output != output.round()).sum() > 0
    weights = (structures * gamma).sum((2, 3), keepdim=True)
    surrogate.generator.manual_seed(2)
    grad = gradient(scores, tree, surrogate, gamma, lengths=lengths)
    assert torch.allclose(grad, (weights * noise).mean(0) / 0.5)


def test_blackbox_formula():
    scores, gamma, lengths = of_tree()
    tree = ProjectiveTree()
    for step in (0.5, 3.0):
        expected = (tree.argmax(scores, lengths) - tree.argmax(scores - step * gamma, lengths)) / step
        assert torch.equal(gradient(scores, tree, Blackbox(step), gamma, lengths=lengths), expected)
    assert expected.any()


def test_blackbox_worked():
    # λ = 1: (0.5, 0.3, -1.1) still prefers the first. λ = 2: (0, 0.6, -1.2) does not.
    assert not gradient(SCORES, Categorical(), Blackbox(1.0), SLOPE).any()
    assert gradient(SCORES, Categorical(), Blackbox(2.0), SLOPE)[0].tolist() == [0.5, -0.5, 0]


def test_imle_without_noise_is_a_multiple_of_blackbox():
    scores, gamma, lengths = of_tree()
    imle = gradient(scores, ProjectiveTree(), IMLE(3.0, noise="none"), gamma, lengths=lengths)
    blackbox = gradient(scores, ProjectiveTree(), Blackbox(3.0), gamma, lengths=lengths)
    assert imle.any()
    assert torch.allclose(imle, 3 * blackbox)


@pytest.mark.parametrize("noise", ["sum-of-gamma", "gumbel"])
def test_imle_formula(noise):
    scores, gamma, lengths = of_tree()
    tree = ProjectiveTree()
    surrogate = IMLE(step_size=2.0, noise=noise, noise_scale=0.7, samples=3, generator=seeded(5))
    eps = 0.7 * the_noise(noise, tree, scores, lengths, 5, 3)
    before = torch.stack([tree.argmax(scores + e, lengths) for e in eps]).mean(0)
    after = torch.stack([tree.argmax(scores - 2 * gamma + e, lengths) for e in eps]).mean(0)
    assert torch.allclose(structured_argmax(scores, tree, surrogate, lengths=lengths), before)
    surrogate.generator.manual_seed(5)
    grad = gradient(scores, tree, surrogate, gamma, lengths=lengths)
    assert grad.any()
    assert torch.allclose(grad, before - after)


def test_imle_of_categories_is_a_difference_of_softmaxes():
    """Gumbel noise makes perturb-and-MAP exact: so the expectation is SPIGOT-EG's gradient."""
    grad = gradient(SCORES, Categorical(), IMLE(1.0, noise="gumbel", samples=20_000, generator=seeded()), SLOPE)
    assert grad[0].tolist() == pytest.approx([0.170345, -0.160458, -0.009887], abs=0.015)


def adapted(surrogate):
    return [surrogate.state.strength.item(), surrogate.state.density.item()]


@pytest.mark.parametrize("symmetric", [False, True])
def test_aimle_formula(symmetric):
    scores, gamma, lengths = of_tree()
    gamma[2] = 0
    tree, valid = ProjectiveTree(), ProjectiveTree().part_mask(scores, lengths)
    surrogate = AIMLE(noise_scale=0.7, samples=3, symmetric=symmetric, strength=0.5, generator=seeded(5))
    eps = 0.7 * the_noise("sum-of-gamma", tree, scores, lengths, 5, 3)
    norms = [torch.where(valid, x, 0).flatten(1).norm(dim=1)[:, None, None] for x in (scores, gamma)]
    step = 0.5 * norms[0] / norms[1]
    step[2] = 1
    ahead = torch.stack([tree.argmax(scores - step * gamma + e, lengths) for e in eps])
    back = torch.stack([tree.argmax(scores + (step * gamma if symmetric else 0) + e, lengths) for e in eps])
    grad = gradient(scores, tree, surrogate, gamma, lengths=lengths)
    assert grad[:2].any()
    assert not grad[2].any()
    assert torch.allclose(grad, (back - ahead).mean(0) / step / (2 if symmetric else 1))
    density = 0.9 + 0.1 * (back != ahead).double().sum((2, 3)).mean()
    assert adapted(surrogate) == pytest.approx([0.5 + (0.001 if density < 1 else -0.001), density.item()])


def test_aimle_learns_how_far_it_has_to_go():
    """At first no step changes anything; afterwards about half the samples change, two parts each."""
    surrogate = AIMLE(strength=0.001, rate=0.05, decay=0.5, generator=seeded())
    rows, slope = SCORES.expand(200, 3), SLOPE.expand(200, 3)
    first = gradient(rows, Categorical(), surrogate, slope)
    for _ in range(60):
        last = gradient(rows, Categorical(), surrogate, slope)
    density = [grad.count_nonzero(1).double().mean().item() for grad in (first, last)]
    assert density[0] < 0.1
    assert density[1] == pytest.approx(1, abs=0.35)
    fixed = AIMLE(rate=0)
    gradient(rows, Categorical(), fixed, slope)
    assert fixed.state.strength == 1


def test_aimle_at_the_bounds_of_its_rule():
    """The step changes two parts: that is the target itself, so the strength shrinks, though never to 0."""
    for strength, expected in ((0.75, 0.5), (0.25, 0.25)):
        surrogate = AIMLE(noise="none", strength=strength, density=2.0, rate=0.25, decay=0.0)
        gradient(torch.zeros(1, 3), Categorical(), surrogate, SLOPE.float())
        assert adapted(surrogate) == [expected, 2.0]


def test_aimle_starts_from_zeros():
    grad = gradient(torch.zeros(1, 3), Categorical(), AIMLE(strength=2.0, noise="none"), SLOPE.float())
    assert grad[0].tolist() == pytest.approx([SLOPE.norm().item() / 2, -SLOPE.norm().item() / 2, 0])


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("scale", [1e-39, 1e-42])
def test_aimle_of_tiny_gradients(symmetric, scale):
    """The step size of such a gradient is above what float32 holds; the step is not."""
    found, expected = (
        gradient(SCORES.to(dtype), Categorical(), AIMLE(strength=3.0, noise="none", symmetric=symmetric), slope)
        for dtype, slope in ((torch.float32, scale * SLOPE.float()), (torch.float64, SLOPE))
    )
    assert expected.any()
    assert torch.allclose(found.double() / scale, expected, rtol=1e-2)


@pytest.mark.parametrize(
    "surrogate",
    [
        Perturbed(samples=3, generator=seeded()),
        IMLE(3.0, samples=3, generator=seeded()),
        AIMLE(samples=3, strength=3.0, generator=seeded()),
        Blackbox(3.0),
    ],
    ids=lambda surrogate: type(surrogate).__name__,
)
def test_structures_of_several_tensors(surrogate):
    generator = seeded()
    shapes = ((8, 4), (8, 4, 4), (8, 4, 4, 2))
    scores = SemanticGraphParts(*(torch.randn(s, generator=generator, requires_grad=True) for s in shapes))
    mask = SemanticGraphParts(*(torch.rand(s, generator=generator) < 0.7 for s in shapes))
    lengths = torch.tensor([3, 2] * 4)
    graph = SemanticGraph([False, True])
    valid = graph.part_mask(scores, lengths, mask)
    output = structured_argmax(scores, graph, surrogate, lengths=lengths, mask=mask)
    sum((part * torch.randn(part.shape, generator=generator)).sum() for part in output).backward()
    for part, cells in zip(scores, valid, strict=True):
        assert part.grad.any()
        assert not part.grad[~cells].any()


@pytest.mark.parametrize("surrogate", [AIMLE()], ids=repr)
def test_a_compiled_graph_is_whole_and_equal(surrogate):
    scores, gamma, lengths = of_tree()
    scores.requires_grad_()

    def loss(scores):
        return (structured_argmax(scores, ProjectiveTree(), surrogate, lengths=lengths) * gamma).sum()

    torch.compiler.reset()
    grads = []
    for function in (torch.compile(loss, fullgraph=True, backend="aot_eager"), loss):
        torch.manual_seed(2)
        grads.append(torch.autograd.grad(function(scores), scores)[0])
    assert grads[0].any()
    assert torch.equal(*grads)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Gumbel(temperature=0), "temperature: expected a positive number, got 0"),
        (lambda: Perturbed(sigma=-1), "sigma: expected a positive number, got -1"),
        (lambda: Perturbed(samples=0), "samples: expected a positive integer, got 0"),
        (
            lambda: Perturbed(noise="cauchy"),
            "noise: expected one of 'normal', 'gumbel', 'multiplicative', got 'cauchy'",
        ),
        (lambda: Blackbox(0), "step_size: expected a positive number, got 0"),
        (lambda: IMLE(noise="normal"), "noise: expected one of 'sum-of-gamma', 'gumbel', 'none', got 'normal'"),
        (lambda: AIMLE(decay=1), "decay: expected a number from 0 to below 1, got 1"),
        (lambda: AIMLE(rate=-1), "rate: expected a number from 0 on, got -1"),
    ],
)
def test_settings_are_checked(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_what_aimle_learned_is_saved_with_the_module():
    layer = StructuredArgmax(Categorical(), AIMLE(rate=0.1, noise="none"))
    rows = SCORES.expand(4, 3).clone().requires_grad_()
    for _ in range(3):
        (layer(rows) * SLOPE).sum().backward()
    learned = adapted(layer.surrogate)
    assert learned != adapted(AIMLE())
    resumed = StructuredArgmax(Categorical(), AIMLE(rate=0.1, noise="none"))
    resumed.load_state_dict(layer.state_dict())
    assert adapted(resumed.surrogate) == learned
    grads = []
    for each in (layer, resumed):
        rows.grad = None
        (each(rows) * SLOPE).sum().backward()
        grads.append(rows.grad)
    assert torch.equal(*grads)
    assert adapted(resumed.surrogate) == adapted(layer.surrogate)
    assert not StructuredArgmax(Categorical(), Blackbox()).state_dict()


def test_a_model_in_half_precision_adapts_as_finely():
    layer = StructuredArgmax(Categorical(), AIMLE(noise="none")).bfloat16()
    for _ in range(3):
        scores = torch.zeros(1, 3, dtype=torch.bfloat16, requires_grad=True)
        (layer(scores) * torch.tensor([-1.0, 0.0, 1.0])).sum().backward()
    assert layer.surrogate_state.strength.dtype is torch.float64
    assert layer.surrogate_state.strength.item() != 1.0
    assert layer.to("meta").to_empty(device="cpu").surrogate_state.strength.dtype is torch.float64
