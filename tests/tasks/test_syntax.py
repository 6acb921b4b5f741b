import pytest
import torch

from spigot.structured import ProjectiveTree
from spigot.tasks.syntax import tree_hinge, tree_nll
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


def test_losses_of_no_sentence():
    empty = torch.zeros(0, 3, 3)
    lengths, heads = torch.zeros(0, dtype=torch.int64), torch.zeros(0, 3, dtype=torch.int64)
    assert tree_hinge(ProjectiveTree(), empty, heads, lengths).shape == (0,)
    assert tree_nll(ProjectiveTree(), empty, heads, lengths).shape == (0,)
