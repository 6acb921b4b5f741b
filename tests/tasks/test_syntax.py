import math

import pytest
import torch

from spigot.data.sentence import Sentence, Tree
from spigot.data.vocabulary import Labels
from spigot.structured import ProjectiveTree
from spigot.tasks import make_task
from spigot.tasks.syntax import label_hinge, label_nll, tree_hinge, tree_nll
from tests.models.tiny import SENTENCES, sentence, syntax_model
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


def test_a_gold_tree_outside_the_structure_is_no_reward():
    # Its score grows without end while that of all projective trees lags behind.
    scores = torch.zeros(1, 5, 5)
    for modifier, head in enumerate((3, 4, 0, 3), 1):
        scores[0, head, modifier] = 50.0
    scores.requires_grad_()
    loss = tree_nll(ProjectiveTree(), scores, torch.tensor([[-1, 3, 4, 0, 3]]), torch.tensor([4]))
    loss.sum().backward()
    assert loss.item() == 0
    assert not scores.grad.any()


def label_scores():
    scores = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(1)).mul_(2).requires_grad_()
    return scores, torch.tensor([[-1, 2, 0, 4], [-1, 1, -1, -1], [-1, -1, -1, -1]])


def test_label_hinge_token_by_token():
    scores, labels = label_scores()
    losses = label_hinge(scores, labels)
    for row in range(3):
        expected = 0.0
        for token, gold in enumerate(labels[row].tolist()):
            if gold >= 0:
                cost = [scores[row, token, label].item() + (label != gold) for label in range(5)]
                expected += max(cost) - scores[row, token, gold].item()
        assert losses[row].item() == pytest.approx(expected, abs=1e-5)
    losses.sum().backward()
    assert not scores.grad[labels < 0].any()
    # The gold label goes up where another one is too near, by as much as that goes down.
    assert scores.grad[labels >= 0].sum(-1).abs().max() < 1e-6
    assert losses[0] > 0
    assert losses[2] == 0


def test_label_nll_token_by_token():
    scores, labels = label_scores()
    losses = label_nll(scores, labels)
    for row in range(3):
        chances = [
            scores[row, token].softmax(-1)[gold].item() for token, gold in enumerate(labels[row].tolist()) if gold >= 0
        ]
        assert losses[row].item() == pytest.approx(-sum(map(math.log, chances)), abs=1e-5)


@pytest.mark.parametrize("loss", ["hinge", "nll"])
def test_the_loss_is_that_of_the_tree_and_of_the_labels_of_its_arcs(loss):
    task, system = make_task("syntax", {"loss": loss}), syntax_model()
    part, batch = system.syntax, SENTENCES[:4]
    tokens = part.vocabulary.encode(batch)[0]
    output, (heads, labels) = part(tokens), task.gold(part, batch)
    losses = task.losses(part, output, (heads, labels), tokens.lengths)
    tree = {"hinge": tree_hinge, "nll": tree_nll}[loss](part.structure, output.scores, heads, tokens.lengths)
    every = part.label(output.states)
    at_gold = torch.zeros_like(part.label_scores(output.states, heads))
    for row, s in enumerate(batch):
        for modifier, head in enumerate(s.trees["syntax"].heads, 1):
            at_gold[row, modifier] = every[row, head, modifier]
            name = part.labels.names[labels[row, modifier]]
            assert name == s.trees["syntax"].labels[modifier - 1]
    label = {"hinge": label_hinge, "nll": label_nll}[loss](at_gold, labels)
    torch.testing.assert_close(losses, tree + label, rtol=1e-4, atol=1e-4)


def test_labels_may_be_off():
    off, on = make_task("syntax", {"labels": False}), make_task("syntax", {})
    assert (off.score_names, on.score_names) == (("uas",), ("uas", "las"))
    assert off.label_names(SENTENCES) is None
    assert set(on.label_names(SENTENCES).names) == {label for s in SENTENCES for label in s.trees["syntax"].labels}
    with pytest.raises(
        ValueError, match=r"syntax: expected training trees with labels \(or tasks.syntax.labels = false\)"
    ):
        on.label_names([sentence("a b", heads=(0, 1))])
    predicted = on.annotate(SENTENCES[:1], [Tree(SENTENCES[0].trees["syntax"].heads, ("x",) * len(SENTENCES[0]))])
    score = off.score(SENTENCES[:1], predicted)
    assert (off.values(score), on.values(score)) == ((1.0,), (1.0, 0.0))


def test_a_label_that_training_never_showed_costs_nothing():
    system, task = syntax_model(), make_task("syntax", {})
    words = SENTENCES[0].forms
    bare = Sentence(
        "1", words, words, words, trees={"syntax": Tree(SENTENCES[0].trees["syntax"].heads, ("new",) * len(words))}
    )
    assert task.gold(system.syntax, [bare])[1].eq(-1).all()
    assert Labels(["a", "b"])["new"] == -1
