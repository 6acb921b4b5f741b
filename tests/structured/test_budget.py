"""Budgets against enumeration."""

import math

import pytest
import torch

from spigot import (
    PCFG,
    SPIGOT,
    Budget,
    Categorical,
    KSubset,
    LinearChain,
    LinearChainParts,
    Matching,
    NonProjectiveTree,
    PCFGParts,
    ProjectiveTree,
    all_structures,
    hinge_loss,
    structured_argmax,
)
from spigot.structured.parts.base import flatten, map_parts


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def tensor(structure, shape, batch, generator):
    if shape == "chain":
        parts = LinearChainParts(torch.Size([batch, 4, 3]), torch.Size([batch, 3, 3, 3]))
        return LinearChainParts(*(torch.randn(size, generator=generator, dtype=torch.float64) for size in parts))
    if shape == "shared":
        parts = torch.Size([batch, 4, 3]), torch.Size([batch, 1, 3, 3])
        return LinearChainParts(*(torch.randn(size, generator=generator, dtype=torch.float64) for size in parts))
    return torch.randn(batch, *shape, generator=generator, dtype=torch.float64)


CASES = {
    "projective": (ProjectiveTree(), (5, 5)),
    "nonprojective": (NonProjectiveTree(), (5, 5)),
    "multi-root": (ProjectiveTree(single_root=False), (4, 4)),
    "chain": (LinearChain(), "chain"),
    "shared-chain": (LinearChain(), "shared"),
    "matching": (Matching(), (4, 4)),
    "subset": (KSubset(3), (7,)),
    "category": (Categorical(), (6,)),
    "free-matching": (Matching(at_most_one=True), (3, 3)),
    "free-subset": (KSubset(3, at_most=True), (6,)),
}


@pytest.mark.parametrize("share", [0.05, 0.3, 0.7])
@pytest.mark.parametrize("integers", [False, True], ids=["reals", "integers"])
@pytest.mark.parametrize("name", CASES)
def test_the_argmax_is_the_best_of_all_within_the_limit(name, integers, share):
    structure, shape = CASES[name]
    generator = seeded(1)
    scores = tensor(structure, shape, 8, generator)
    weights = map_parts(torch.Tensor.abs, tensor(structure, shape, 8, generator))
    weights = map_parts(lambda part: (2 * part).round(), weights) if integers else weights
    members = [flatten(each) for each in all_structures(structure, scores)]
    heavy = [z @ flatten(weights)[b] for b, z in enumerate(members)]
    limits = torch.stack([each.quantile(share) for each in heavy]) + 1e-6
    budget = Budget(structure, weights, limits)
    best = budget.argmax(scores)
    cut = 0
    for b, z in enumerate(members):
        kept = heavy[b] <= limits[b]
        totals = (z @ flatten(scores)[b]).masked_fill(~kept, -math.inf)
        assert (flatten(best)[b] @ flatten(scores)[b]).item() == pytest.approx(totals.max().item(), abs=1e-9)
        assert flatten(weights)[b] @ flatten(best)[b] <= limits[b]
        cut += bool((z[kept] @ flatten(scores)[b]).max() < (z @ flatten(scores)[b]).max())
    assert cut > 0 or share > 0.5
    assert budget.contains(best).all()


@pytest.mark.parametrize("name", CASES)
def test_the_k_best_within_the_limit(name):
    structure, shape = CASES[name]
    generator = seeded(7)
    scores = tensor(structure, shape, 4, generator)
    weights = map_parts(torch.Tensor.abs, tensor(structure, shape, 4, generator))
    members = [flatten(each) for each in all_structures(structure, scores)]
    heavy = [z @ flatten(weights)[b] for b, z in enumerate(members)]
    limits = torch.stack([each.quantile(0.4) for each in heavy]) + 1e-6
    found, totals = Budget(structure, weights, limits).top_k(scores, 6)
    for b, z in enumerate(members):
        want = (z[heavy[b] <= limits[b]] @ flatten(scores)[b]).sort(descending=True).values[:6]
        torch.testing.assert_close(totals[b, : len(want)], want)
        assert torch.isinf(totals[b, len(want) :]).all()
        flat = flatten(map_parts(lambda part, b=b: part[b], found))
        assert flat[: len(want)].unique(dim=0).size(0) == len(want)


def test_one_weight_for_all_rows_and_many_tokens():
    """Trees of which at most three arcs may be long, against a relaxed bound: no tree scores more."""
    scores = torch.randn(6, 13, 13, generator=seeded(2))
    long = ((torch.arange(13)[:, None] - torch.arange(13)).abs() > 2).float()[None]
    budget = Budget(ProjectiveTree(), long, 3.0)
    best = budget.argmax(scores)
    assert ((best * long).sum((1, 2)) <= 3).all()
    free = ProjectiveTree().argmax(scores)
    assert ((free * long).sum((1, 2)) > 3).any()
    for price in (0.0, 0.5, 1.0, 1.5, 2.0):
        tree = ProjectiveTree().argmax(scores - price * long)
        bound = ((scores - price * long) * tree).sum((1, 2)) + 3 * price
        assert ((scores * best).sum((1, 2)) <= bound + 1e-4).all()
    assert torch.equal(torch.cat([budget.argmax(row) for row in scores.split(1)]), best)


def test_shared_transitions_may_have_weights_that_depend_on_the_step():
    """At most one change of tags in the first two steps; the structures are those of transitions for each step."""
    scores = LinearChainParts.shared(torch.randn(5, 4, 2, generator=seeded(5)), torch.tensor([[-9.0, 9], [9, -9]]))
    changes = torch.zeros(1, 3, 2, 2)
    changes[:, :2] = 1 - torch.eye(2)
    budget = Budget(LinearChain(), LinearChainParts(torch.zeros(1, 4, 2), changes), 1.0)
    lengths = torch.tensor([4, 3, 2, 1, 0])
    every = scores._replace(transitions=scores.transitions.expand(-1, 3, -1, -1))
    best, each = budget.argmax(scores, lengths), budget.argmax(every, lengths)
    assert torch.equal(best.emissions, each.emissions)
    assert torch.equal(best.transitions, each.transitions.sum(1, keepdim=True))
    assert budget.contains(best, lengths).all()
    assert not budget.contains(LinearChain().argmax(scores, lengths), lengths)[:2].any()
    found, totals = budget.top_k(scores, 3, lengths)
    torch.testing.assert_close(totals, budget.top_k(every, 3, lengths)[1])
    assert torch.equal(found.emissions[:, 0], best.emissions)


def test_what_comes_several_times_has_no_weight():
    sizes = (1, 3, 2), (1, 3, 3, 2), (1, 2, 4, 4), (1, 4)
    scores, zeros = (PCFGParts(*(make(size) for size in sizes)) for make in (torch.randn, torch.zeros))
    spans = zeros._replace(spans=torch.ones(sizes[1]))
    assert torch.equal(Budget(PCFG(), spans, 99.0).argmax(scores).rules, PCFG().argmax(scores).rules)
    with pytest.raises(ValueError, match=r"weights\.rules: expected zeros, as a rule may be used several times"):
        Budget(PCFG(), zeros._replace(rules=torch.ones(sizes[2])), 99.0).argmax(scores)
    with pytest.raises(TypeError, match=r"structure: expected one that has each part at most once, got PCFG"):
        Budget(PCFG(), spans, 99.0).top_k(scores, 2)


@pytest.mark.parametrize("limit", [0.4, 0.9, 1.6])
def test_a_category_for_each_of_several_tokens(limit):
    scores = torch.randn(6, 3, 4, generator=seeded(6), dtype=torch.float64)
    weights = torch.rand(6, 3, 4, generator=seeded(7), dtype=torch.float64) / 2
    weights[:, :, 0] = 0.1
    best = Budget(Categorical(), weights, limit).argmax(scores)
    for row, price, chosen in zip(scores, weights, best, strict=True):
        picks = torch.cartesian_prod(*[torch.arange(4)] * 3)
        totals, heavy = (each[torch.arange(3), picks].sum(1) for each in (row, price))
        assert (chosen * row).sum().item() == pytest.approx(totals[heavy <= limit].max().item())
    with pytest.raises(ValueError, match=r"expected shape \[batch, category\] here"):
        Budget(Categorical(), weights, limit).top_k(scores, 2)


def test_targets_and_gradients():
    scores = torch.randn(2, 4, 4, generator=seeded(3), requires_grad=True)
    weights = torch.ones(1, 4, 4).triu(2)
    budget = Budget(ProjectiveTree(), weights, 0.0)
    chain = torch.tensor([[-1, 0, 1, 2], [-1, 2, 0, 2]])
    heads = torch.tensor([[-1, 0, 1, 2], [-1, 0, 1, 1]])
    with pytest.raises(ValueError, match=r"target: expected a structure of Budget\(.*row 1"):
        hinge_loss(scores, heads, budget)
    assert budget.contains(budget.to_parts(heads, scores)).tolist() == [True, False]
    assert Budget(Categorical(), torch.tensor([[0.0, 2]]), 1.0).contains(torch.eye(2)).tolist() == [True, False]
    with pytest.raises(ValueError, match=r"target: .*row 1"):
        hinge_loss(torch.zeros(2, 2), torch.tensor([0, 1]), Budget(Categorical(), torch.tensor([[0.0, 2]]), 1.0))
    allowed = budget.argmax(torch.randn(2, 4, 4, generator=seeded(4)))
    assert hinge_loss(scores, allowed, budget).shape == (2,)
    assert budget.to_compact(budget.to_parts(chain, scores)).tolist() == chain.tolist()
    output = structured_argmax(scores, budget, SPIGOT(polytope="hull"))
    output.square().sum().backward()
    assert ((output * weights) == 0).all()


def test_what_cannot_be_is_named():
    scores = torch.zeros(2, 4, 4)
    with pytest.raises(ValueError, match=r"^weights: expected finite numbers from 0 on, got -1\.0$"):
        Budget(ProjectiveTree(), -torch.ones(1, 4, 4), 1.0)
    with pytest.raises(ValueError, match="limit: expected numbers, got NaN"):
        Budget(ProjectiveTree(), torch.ones(1, 4, 4), torch.tensor([1.0, math.nan]))
    with pytest.raises(TypeError, match="weights: expected tensors, in the form of the scores, got list"):
        Budget(ProjectiveTree(), [1.0], 1.0)
    with pytest.raises(TypeError, match="weights: expected LinearChainParts, as the scores are, got a tensor"):
        Budget(LinearChain(), torch.ones(1, 2, 2), 1.0).argmax(
            LinearChainParts(torch.zeros(1, 2, 2), torch.zeros(1, 1, 2, 2))
        )
    with pytest.raises(TypeError, match="limit: expected a number, or one for each row, got str"):
        Budget(ProjectiveTree(), torch.ones(1, 4, 4), "all")
    with pytest.raises(ValueError, match="max_splits: expected a positive integer, got True"):
        Budget(ProjectiveTree(), torch.ones(1, 4, 4), 1.0, max_splits=True)
    with pytest.raises(TypeError, match="structure: expected a Structure"):
        Budget(ProjectiveTree, torch.ones(1, 4, 4), 1.0)
    with pytest.raises(ValueError, match=r"scores: no structure within the budget.*row 1"):
        Budget(ProjectiveTree(), torch.ones(1, 4, 4), torch.tensor([3.0, 2.0])).argmax(scores)
    with pytest.raises(ValueError, match=r"weights: expected shape \[1, 4, 4\], got \[4, 4\]"):
        Budget(ProjectiveTree(), torch.ones(4, 4), 1.0).argmax(scores)
    with pytest.raises(ValueError, match=r"limit: expected one number or shape \[2\], got \[3\]"):
        Budget(ProjectiveTree(), torch.ones(1, 4, 4), torch.ones(3)).argmax(scores)


def test_a_search_that_is_too_long_is_given_up():
    """A knapsack, whose bound is not reached at once."""
    scores = torch.randn(1, 14, generator=seeded(5)).abs() + 5
    weights = torch.rand(1, 14, generator=seeded(6)) + 1
    budget = Budget(KSubset(7), weights, 10.2, max_splits=1)
    with pytest.raises(RuntimeError, match=r"Budget: expected a proof within 1 splits.*row 0"):
        budget.argmax(scores)


def test_a_price_whose_rounding_hides_a_small_score():
    """The price is so much larger than the score that rounding makes a line look higher than itself."""
    scores = torch.tensor([[9.2e-10, -96.91521241229]], dtype=torch.float64)
    best = Budget(Categorical(), torch.tensor([[0.71, 0.54]]), 0.625).argmax(scores)
    assert best.tolist() == [[0, 1]]
