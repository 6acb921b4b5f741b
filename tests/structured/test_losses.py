"""Losses against enumeration, against worked numbers, and against finite differences."""

import math

import pytest
import torch

from spigot import (
    Categorical,
    KSubset,
    NonProjectiveTree,
    ProjectiveTree,
    SemanticGraph,
    SemanticGraphParts,
    hamming_cost,
    hinge_loss,
    negative_log_likelihood,
    perceptron_loss,
    perturbed_loss,
    sparsemap_loss,
)
from spigot.structured.parts.arcs import heads_to_arcs
from tests.oracles.qp import project_onto_simplex
from tests.oracles.trees import tree_scores
from tests.structured.test_projective_tree import EXAMPLE

TREE = ProjectiveTree()
GOLD = heads_to_arcs(torch.tensor([[-1, 2, 3, 0]]))
LENGTHS = [4, 2, 3, 1]


def random_case(seed=0, dtype=torch.float64):
    """Scores and a target for four sentences, NaN in the padding."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.tensor(LENGTHS)
    scores, other = torch.randn(2, 4, 5, 5, generator=generator, dtype=dtype)
    target = TREE.argmax(other, lengths)
    for b, size in enumerate(LENGTHS):
        scores[b, size + 1 :] = scores[b, :, size + 1 :] = math.nan
    return scores, target, lengths


def enumerated(scores, b):
    """All trees of row b and their scores."""
    size = LENGTHS[b] + 1
    return tree_scores(scores[b, :size, :size], projective=True, single_root=True)


def gradient(loss, scores):
    scores = scores.clone().requires_grad_()
    value = loss(scores)
    return value.detach(), torch.autograd.grad(value.sum(), scores)[0]


def test_worked_tree():
    loss, grad = gradient(lambda s: negative_log_likelihood(s, GOLD, TREE), EXAMPLE)
    assert loss.item() == pytest.approx(2.375638, abs=1e-6)
    # Heads (2, 0, 2) win with two wrong: cost 2, score 3.4 against 1.5.
    wrong_heads = hamming_cost(GOLD, 1.0, 0.0)
    loss, grad = gradient(lambda s: hinge_loss(s, GOLD, TREE, wrong_heads), EXAMPLE)
    assert loss.item() == pytest.approx(3.9, abs=1e-6)
    expected = torch.zeros(1, 4, 4)
    expected[0, [0, 2], [2, 3]], expected[0, [3, 0], [2, 3]] = 1, -1
    assert torch.equal(grad.float(), expected)
    # The Hamming cost counts a wrong head twice, the arc too many and the one missing; so a third wrong one pays now.
    assert hinge_loss(EXAMPLE, GOLD, TREE).item() == pytest.approx(6 + 1.7 - 1.5, abs=1e-6)
    assert perceptron_loss(EXAMPLE, GOLD, TREE).item() == pytest.approx(1.9, abs=1e-6)


@pytest.mark.parametrize("weights", [(0.0, 0.0), (1.0, 1.0), (0.4, 0.6)])
def test_hinge_is_the_worst_violation_of_all_trees(weights):
    scores, target, lengths = random_case()
    losses, grad = gradient(
        lambda s: hinge_loss(s, target, TREE, hamming_cost(target, *weights), lengths=lengths), scores
    )
    perceptron = perceptron_loss(scores, target, TREE, lengths=lengths)
    assert torch.equal(perceptron, losses) == (weights == (0.0, 0.0))
    for b, size in enumerate(LENGTHS):
        trees, of_trees = enumerated(scores, b)
        gold = target[b, : size + 1, : size + 1]
        cost = (weights[0] * trees * (1 - gold) + weights[1] * (1 - trees) * gold).sum((1, 2))
        total = of_trees + cost
        gold_score = of_trees[(trees == gold).all(2).all(1)].item()
        assert losses[b].item() == pytest.approx(total.max().item() - gold_score)
        assert torch.equal(grad[b, : size + 1, : size + 1], trees[total.argmax()] - gold)


def test_negative_log_likelihood_of_all_trees():
    scores, target, lengths = random_case()
    losses = negative_log_likelihood(scores, target, TREE, lengths=lengths)
    for b, size in enumerate(LENGTHS):
        trees, of_trees = enumerated(scores, b)
        gold = (trees == target[b, : size + 1, : size + 1]).all(2).all(1)
        assert losses[b].item() == pytest.approx(-of_trees.log_softmax(0)[gold].item())


def test_sparsemap_loss_of_categories():
    scores = torch.tensor([[0.9, 0.5, -1.0], [3.0, 1.0, 0.0]], dtype=torch.float64)
    target = torch.tensor([[0.0, 1, 0], [1, 0, 0]], dtype=torch.float64)
    losses, grad = gradient(lambda s: sparsemap_loss(s, target, Categorical()), scores)
    for b in range(2):
        nearest = torch.from_numpy(project_onto_simplex(scores[b].numpy()))
        expected = ((scores[b] - target[b]) ** 2).sum() / 2 - ((scores[b] - nearest) ** 2).sum() / 2
        assert losses[b].item() == pytest.approx(expected.item(), abs=1e-8)
        assert torch.allclose(grad[b], nearest - target[b], atol=1e-8)
    # The second target leads by the margin of 1.
    assert losses[1].item() == pytest.approx(0, abs=1e-8)


def test_sparsemap_loss_of_trees_is_between_zero_and_a_hinge():
    """max_y <s, y - z*> - ½‖y‖² + ½‖z*‖²: at most the largest violation with ½‖z*‖² as a margin, which is n / 2."""
    scores, target, lengths = random_case()
    losses = sparsemap_loss(scores, target, TREE, lengths=lengths)
    violation = perceptron_loss(scores, target, TREE, lengths=lengths)
    assert (losses >= violation - 1e-6).all()
    assert (losses <= violation + lengths / 2).all()
    best = TREE.argmax(scores, lengths)
    assert torch.allclose(sparsemap_loss(100 * best, best, TREE, lengths=lengths), torch.zeros(4).double(), atol=1e-6)


def test_perturbed_loss_of_categories_is_the_log_loss():
    """Gumbel noise: E max is log Σ exp plus Euler's constant, and the mean argmax is softmax."""
    scores = torch.tensor([[1.0, 0.0, -1.0]], dtype=torch.float64)
    target = torch.tensor([[0.0, 1, 0]])
    generator = torch.Generator().manual_seed(0)
    loss, grad = gradient(
        lambda s: perturbed_loss(s, target, Categorical(), samples=20_000, noise="gumbel", generator=generator), scores
    )
    assert loss.item() - 0.5772157 == pytest.approx(scores.logsumexp(1).item(), abs=0.03)
    assert torch.allclose(grad, scores.softmax(1) - target, atol=0.015)


@pytest.mark.parametrize("noise", ["normal", "gumbel"])
def test_perturbed_loss_scales_with_scores_and_noise(noise):
    scores, target, lengths = random_case()
    one, other = (
        perturbed_loss(
            scale * scores,
            target,
            TREE,
            sigma=scale,
            noise=noise,
            lengths=lengths,
            generator=torch.Generator().manual_seed(1),
        )
        for scale in (1.0, 0.3)
    )
    assert torch.allclose(0.3 * one, other)


def test_the_cost_of_hinge_loss_gets_no_gradient():
    scores, target, lengths = random_case()
    cost = hamming_cost(target).requires_grad_()
    losses = hinge_loss(scores.requires_grad_(), target, TREE, cost, lengths=lengths)
    assert torch.autograd.grad(losses.sum(), cost, allow_unused=True) == (None,)


def every_loss(structure, summable=True):
    """Losses as functions of scores, target and the rest; the same noise at each call."""

    def perturbed(scores, target, **rest):
        generator = torch.Generator().manual_seed(1)
        return perturbed_loss(scores, target, structure, samples=3, generator=generator, **rest)

    plain = [perceptron_loss, hinge_loss, sparsemap_loss, *([negative_log_likelihood] if summable else [])]
    bound = {f.__name__: lambda scores, target, f=f, **rest: f(scores, target, structure, **rest) for f in plain}
    return {**bound, "perturbed_loss": perturbed}


LOSSES = every_loss(TREE)
each_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)


@each_loss
def test_gradients_are_those_of_the_loss(loss):
    scores, target, lengths = random_case()
    valid = TREE.part_mask(scores, lengths)
    leaf = torch.where(valid, scores, 0).requires_grad_()
    assert torch.autograd.gradcheck(lambda s: loss(s, target, lengths=lengths), leaf, atol=1e-4)


@each_loss
def test_padding_and_neighbours_do_not_matter(loss):
    scores, target, lengths = random_case()
    garbage = target.clone()
    garbage[:, :, 0] = math.nan
    losses, grad = gradient(lambda s: loss(s, target, lengths=lengths), scores)
    assert torch.isfinite(losses).all()
    assert not grad[~TREE.part_mask(scores, lengths)].any()
    if loss is not LOSSES["negative_log_likelihood"]:
        assert torch.equal(loss(scores, garbage, lengths=lengths), losses)
    size = LENGTHS[0] + 1
    alone = loss(scores[:1, :size, :size], target[:1, :size, :size])
    assert torch.allclose(alone, losses[:1])


@each_loss
def test_half_precision_and_empty_batch(loss):
    scores, target, lengths = random_case(dtype=torch.float32)
    scores = scores.bfloat16()
    half, grad = gradient(lambda s: loss(s, target, lengths=lengths), scores)
    assert half.dtype == grad.dtype == torch.bfloat16
    assert torch.equal(half, loss(scores.float(), target, lengths=lengths).bfloat16())
    assert loss(scores[:0], target[:0], lengths=lengths[:0]).shape == (0,)


def test_a_mask_takes_competitors_away():
    scores, target, lengths = random_case()
    for loss in LOSSES.values():
        losses = loss(scores, target, lengths=lengths, mask=target.bool())
        assert torch.allclose(losses, torch.zeros(4).double(), atol=1e-6) or loss is LOSSES["perturbed_loss"]


def test_a_target_outside_the_structure_does_not_go_below_zero():
    crossing = heads_to_arcs(torch.tensor([[-1, 3, 4, 0, 3]]))
    scores = 50 * crossing
    for loss in (hinge_loss, perceptron_loss):
        value, grad = gradient(lambda s, loss=loss: loss(s, crossing, TREE, outside="clip"), scores)
        assert value.item() == 0
        assert not grad.any()
    assert negative_log_likelihood(scores, crossing, TREE, outside="clip").item() == 0


def test_a_target_that_is_no_candidate_is_infinitely_unlikely():
    scores, target, lengths = random_case()
    mask = torch.ones_like(scores, dtype=torch.bool)
    mask[0] = ~target[0].bool()
    losses = negative_log_likelihood(scores, target, TREE, lengths=lengths, mask=mask)
    assert losses[0] == math.inf
    assert torch.isfinite(losses[1:]).all()


def graph_case():
    generator = torch.Generator().manual_seed(3)
    graph = SemanticGraph([False, True])
    shapes = ((3, 4), (3, 4, 4), (3, 4, 4, 2))
    scores, other = (SemanticGraphParts(*(torch.randn(s, generator=generator).double() for s in shapes)) for _ in "ab")
    return graph, scores, graph.argmax(other), torch.tensor([3, 2, 1])


def test_losses_of_structures_of_several_tensors():
    graph, scores, target, lengths = graph_case()
    for loss in every_loss(graph, summable=False).values():
        leaves = SemanticGraphParts(*(part.clone().requires_grad_() for part in scores))
        losses = loss(leaves, target, lengths=lengths)
        assert losses.shape == (3,)
        losses.sum().backward()
        assert all(part.grad.any() for part in leaves)
        best = graph.argmax(scores, lengths)
        easy = SemanticGraphParts(*(1000 * (2 * part - 1) for part in best))
        assert (loss(easy, best, lengths=lengths) < 20).all()


def test_the_graph_hinge_of_the_parsers():
    """A cost on labelled arcs alone, as NeurboParser has it."""
    graph, scores, target, lengths = graph_case()
    cost = SemanticGraphParts(*map(torch.zeros_like, target[:2]), hamming_cost(target.labels, 0.4, 0.6))
    losses = hinge_loss(scores, target, graph, cost, lengths=lengths)
    best = graph.argmax(scores._replace(labels=scores.labels + cost.labels), lengths)
    valid = graph.part_mask(scores, lengths).labels
    wrong = 0.4 * (best.labels > target.labels) + 0.6 * (best.labels < target.labels)
    expected = graph.score(scores, best, lengths) - graph.score(scores, target, lengths)
    assert torch.allclose(losses, expected + torch.where(valid, wrong, 0).sum((1, 2, 3)))


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_a_cost_that_is_no_number_is_refused_where_it_counts(bad):
    scores = torch.randn(2, 4, 4)
    target = torch.tensor([[-1, 0, 1, 2], [-100] * 4])
    cost = torch.zeros_like(scores)
    cost[0, 3:], cost[0, :, 3:], cost[1] = bad, bad, bad
    expected = hinge_loss(scores, target, TREE, torch.zeros_like(scores), lengths=[2, 3])
    assert torch.equal(hinge_loss(scores, target, TREE, cost, lengths=[2, 3]), expected)
    with pytest.raises(ValueError, match=r"^cost: expected finite numbers in candidate cells, .* \(row 0 of"):
        hinge_loss(scores, target, TREE, cost)


def test_what_is_missing_is_named():
    graph, scores, target, _ = graph_case()
    with pytest.raises(
        TypeError, match="structure: negative_log_likelihood needs a MarginalStructure, got SemanticGraph"
    ):
        negative_log_likelihood(scores, target, graph)
    with pytest.raises(ValueError, match="sigma: expected a positive number, got 0"):
        perturbed_loss(scores, target, graph, sigma=0)


@pytest.mark.parametrize("loss", [hinge_loss, perceptron_loss, negative_log_likelihood, sparsemap_loss, perturbed_loss])
@pytest.mark.parametrize(
    ("structure", "scores", "target"),
    [
        (Categorical(), torch.randn(2, 4, generator=torch.Generator().manual_seed(5)), [-100, 2]),
        (
            ProjectiveTree(),
            torch.randn(2, 3, 3, generator=torch.Generator().manual_seed(6)),
            [[-1, -100, -100], [-1, 0, 1]],
        ),
    ],
)
def test_a_row_without_a_target_is_not_read(loss, structure, scores, target):
    target = torch.tensor(target)
    results = []
    for poison in (0.0, torch.nan, torch.inf, -torch.inf):
        given = scores.clone()
        given[0] = poison
        given.requires_grad_()
        torch.manual_seed(0)
        value = loss(given, target, structure, reduction="mean")
        value.backward()
        results.append((value.detach(), given.grad))
        assert given.grad[0].abs().max() == 0
    assert all(torch.equal(value, results[0][0]) for value, _ in results)
    assert all(torch.equal(grad, results[0][1]) for _, grad in results)


@pytest.mark.parametrize("structure", [Categorical(), KSubset(2), ProjectiveTree(), NonProjectiveTree()], ids=repr)
@pytest.mark.parametrize("compact", [True, False])
def test_the_likelihood_of_large_scores_keeps_its_digits(structure, compact):
    size = (3, 6) if structure in (Categorical(), KSubset(2)) else (3, 6, 6)
    scores = torch.randn(size, generator=torch.Generator().manual_seed(7)).round(decimals=2)
    scores[0] = 0
    scores = scores + 2.0**20  # exact in float32 up to a sixteenth
    target = structure.argmax(torch.randn(size, generator=torch.Generator().manual_seed(8)))
    given = structure.to_compact(target) if compact else target
    found = negative_log_likelihood(scores, given, structure)
    wide = negative_log_likelihood(scores.double() - 2.0**20, given, structure)
    assert torch.allclose(found.double(), wide, rtol=1e-5)
