from itertools import product

import pytest
import torch

from spigot import SemanticGraph, SemanticGraphParts
from spigot.models.semantic_parser import Decoded
from spigot.structured import ProjectiveTree
from spigot.structured.structures.first_order_graph import one_hot_parts
from spigot.training.objective import graph_hinge, tree_hinge, tree_nll
from tests.oracles.trees import all_trees

# The worked example: heads (2, 0, 2) are the best tree, (2, 3, 0) the gold one.
ORDER = [(0, 1), (2, 1), (3, 1), (0, 2), (1, 2), (3, 2), (0, 3), (1, 3), (2, 3)]
SCORES = [0.5, 1, -0.2, 1.5, 0.3, 0.4, 0.1, 0.2, 0.9]
GOLD = torch.tensor([[-1, 2, 3, 0]])
LENGTHS = torch.tensor([3])


def worked_scores():
    scores = torch.zeros(1, 4, 4)
    for (head, modifier), score in zip(ORDER, SCORES, strict=True):
        scores[0, head, modifier] = score
    return scores.requires_grad_()


def at(gradient):
    return {arc: gradient[0][arc].item() for arc in ORDER if gradient[0][arc] != 0}


def test_tree_hinge_worked():
    scores = worked_scores()
    loss = tree_hinge(ProjectiveTree(), scores, GOLD, LENGTHS)
    torch.testing.assert_close(loss, torch.tensor([3.9]))  # of which 2 are the cost
    loss.sum().backward()
    assert at(scores.grad) == {(0, 2): 1, (2, 3): 1, (3, 2): -1, (0, 3): -1}


def test_tree_nll_worked():
    scores = worked_scores()
    loss = tree_nll(ProjectiveTree(), scores, GOLD, LENGTHS)
    torch.testing.assert_close(loss, torch.tensor([2.375638]), atol=1e-5, rtol=0)
    loss.sum().backward()
    marginals = [0.232226, 0.714444, 0.053331, 0.621488, 0.195249, 0.183262, 0.146286, 0.118690, 0.735024]
    gold = {(2, 1), (3, 2), (0, 3)}
    for arc, marginal in zip(ORDER, marginals, strict=True):
        assert scores.grad[0][arc].item() == pytest.approx(marginal - (arc in gold), abs=1e-5)


@pytest.mark.parametrize("single_root", [True, False])
def test_tree_hinge_is_the_worst_violation_of_all_trees(single_root):
    generator = torch.Generator().manual_seed(4)
    lengths = torch.tensor([1, 2, 3, 4, 4])
    scores = torch.randn(5, 5, 5, generator=generator)
    heads = torch.full((5, 5), -1)
    expected = []
    for row, n in enumerate(lengths.tolist()):
        trees = all_trees(n, projective=True, single_root=single_root)
        gold = trees[int(torch.randint(len(trees), (), generator=generator))]
        heads[row, 1 : n + 1] = torch.tensor(gold)

        def score(tree, row=row):
            return sum(scores[row, head, modifier].item() for modifier, head in enumerate(tree, 1))

        def cost(tree, gold=gold):
            return sum(a != b for a, b in zip(tree, gold, strict=True))

        expected.append(max(score(tree) + cost(tree) for tree in trees) - score(gold))
    # What lies past the lengths must not matter.
    for row, n in enumerate(lengths.tolist()):
        scores[row, n + 1 :] = scores[row, :, n + 1 :] = float("nan")
    losses = tree_hinge(ProjectiveTree(single_root=single_root), scores, heads, lengths)
    torch.testing.assert_close(losses, torch.tensor(expected), rtol=0, atol=1e-5)


def test_a_tree_that_wins_by_its_margin_costs_nothing():
    scores = torch.zeros(1, 4, 4)
    for modifier, head in enumerate((2, 3, 0), 1):
        scores[0, head, modifier] = 5.0
    scores.requires_grad_()
    loss = tree_hinge(ProjectiveTree(), scores, GOLD, LENGTHS)
    loss.sum().backward()
    assert loss.item() == 0
    assert not scores.grad.any()


def test_a_gold_tree_outside_the_structure_does_not_go_below_zero():
    crossing = torch.tensor([[-1, 3, 4, 0, 3]])
    scores = torch.zeros(1, 5, 5)
    for modifier, head in enumerate((3, 4, 0, 3), 1):
        scores[0, head, modifier] = 50.0
    assert tree_hinge(ProjectiveTree(), scores, crossing, torch.tensor([4])).item() == 0


DETERMINISTIC = (False, True, False)


def random_case(seed, batch=4, n=4):
    generator = torch.Generator().manual_seed(seed)
    labels = len(DETERMINISTIC)
    parts = SemanticGraphParts(
        *(torch.randn(shape, generator=generator) for shape in [(batch, n), (batch, n, n), (batch, n, n, labels)])
    )
    gold_scores = SemanticGraphParts(*(torch.randn(part.shape, generator=generator) for part in parts))
    gold = Decoded(*SemanticGraph(DETERMINISTIC).decode(gold_scores))
    return parts, gold


def worst_violation(predicates, arcs, labels, gold_predicates, gold_labels):
    """max_z [<s, z> + cost(z)] - <s, gold> of one sentence: predicates share nothing, so one after the other."""
    n = len(predicates)
    total = 0.0
    for i in range(n):
        arguments = [j for j in range(1, n) if j != i]
        gold = [gold_labels[i][j] for j in arguments]

        def value(on, choice, i=i, arguments=arguments):
            pairs = zip(arguments, choice, strict=True)
            return on * predicates[i] + sum(arcs[i][j] + labels[i][j][k] for j, k in pairs if k >= 0)

        def cost(choice, gold=gold):
            pairs = list(zip(choice, gold, strict=True))
            return sum(0.4 for k, g in pairs if k >= 0 and k != g) + sum(0.6 for k, g in pairs if g >= 0 and k != g)

        candidates = []
        for choice in product([-1, 0, 1, 2], repeat=len(arguments)):
            if any(flag and choice.count(k) > 1 for k, flag in enumerate(DETERMINISTIC)):
                continue
            for on in (0, 1) if max(choice) < 0 else (1,):
                candidates.append(value(on, choice) + cost(choice))
        total += max(candidates) - value(gold_predicates[i], gold)
    return total


@pytest.mark.parametrize("seed", range(4))
def test_graph_hinge_is_the_worst_violation_of_all_graphs(seed):
    parts, gold = random_case(seed)
    losses = graph_hinge(SemanticGraph(DETERMINISTIC), parts, gold, torch.full((4,), 3))
    for row in range(4):
        one = [part[row].tolist() for part in parts]
        expected = worst_violation(*one, gold.predicates[row].int().tolist(), gold.arc_labels[row].tolist())
        assert losses[row].item() == pytest.approx(expected, abs=1e-5)


def test_graph_hinge_gradient_is_augmented_minus_gold():
    parts, gold = random_case(9)
    parts = SemanticGraphParts(*(part.requires_grad_() for part in parts))
    kept = [part.detach().clone() for part in parts]
    structure = SemanticGraph(DETERMINISTIC)
    graph_hinge(structure, parts, gold, torch.full((4,), 3)).sum().backward()
    gold_parts = one_hot_parts(*gold, parts)
    augmented = parts.labels.detach() + 0.4 * (1 - gold_parts.labels) - 0.6 * gold_parts.labels
    best = one_hot_parts(*structure.decode(parts._replace(labels=augmented)), parts)
    assert not torch.equal(best.labels, gold_parts.labels)
    for part, before, ours, theirs in zip(parts, kept, best, gold_parts, strict=True):
        torch.testing.assert_close(part.grad, ours - theirs)
        assert torch.equal(part, before)


def test_graph_cost_worked():
    # Four labelled parts; gold (1, 0, 0, 1), and scores that make (1, 1, 0, 0) win: one too many, one missing.
    labels = torch.full((1, 6, 6, 1), -torch.inf)
    labels[0, 1, 2:, 0] = torch.tensor([50.0, 50, -50, -50])
    parts = SemanticGraphParts(torch.zeros(1, 6), torch.zeros(1, 6, 6), labels)
    arc_labels = torch.full((1, 6, 6), -1)
    arc_labels[0, 1, 2] = arc_labels[0, 1, 5] = 0
    predicates = torch.zeros(1, 6, dtype=torch.bool)
    predicates[0, 1] = True
    loss = graph_hinge(SemanticGraph((False,)), parts, Decoded(predicates, arc_labels), torch.tensor([5]))
    assert loss.item() == pytest.approx(1.0 + (50 + 50) - (50 - 50))


def test_wrong_label_costs_both_ways():
    parts = SemanticGraphParts(torch.zeros(1, 3), torch.zeros(1, 3, 3), torch.full((1, 3, 3, 2), -50.0))
    parts.labels[0, 1, 2, 1] = 50.0
    arc_labels = torch.full((1, 3, 3), -1)
    arc_labels[0, 1, 2] = 0
    predicates = torch.tensor([[False, True, False]])
    loss = graph_hinge(SemanticGraph((False, False)), parts, Decoded(predicates, arc_labels), torch.tensor([2]))
    assert loss.item() == pytest.approx(1.0 + 50 + 50)


def test_losses_of_no_sentence():
    empty = torch.zeros(0, 3, 3, requires_grad=True)
    lengths, heads = torch.zeros(0, dtype=torch.int64), torch.zeros(0, 3, dtype=torch.int64)
    assert tree_hinge(ProjectiveTree(), empty, heads, lengths).shape == (0,)
    assert tree_nll(ProjectiveTree(), empty, heads, lengths).shape == (0,)
    parts = SemanticGraphParts(torch.zeros(0, 3), empty, torch.zeros(0, 3, 3, 2))
    gold = Decoded(torch.zeros(0, 3, dtype=torch.bool), heads.new_zeros(0, 3, 3))
    assert graph_hinge(SemanticGraph((False, False)), parts, gold, lengths).shape == (0,)
