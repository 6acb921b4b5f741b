from itertools import product

import pytest
import torch
from torch.nn import functional as F

from spigot import SemanticGraph, SemanticGraphParts
from spigot.models.graph_scorer import Decoded, over_threshold
from spigot.structured.structures.first_order_graph import one_hot_parts
from spigot.tasks.semantics import graph_hinge, graph_nll

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


def test_the_loss_of_gold_that_no_structure_has_is_not_below_zero():
    """A token with two arcs of a label that may not repeat, which scores more than any graph without one of them."""
    gold = Decoded(torch.tensor([[False, True, False, False]]), torch.full((1, 4, 4), -1))
    gold.arc_labels[0, 1, 2:] = 1
    parts = SemanticGraphParts(torch.zeros(1, 4), torch.zeros(1, 4, 4), torch.full((1, 4, 4, 3), -9.0))
    parts.labels[0, 1, 2:, 1] = 9
    assert graph_hinge(SemanticGraph(DETERMINISTIC), parts, gold, torch.tensor([3])).item() == 0


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


def test_the_loss_of_no_sentence():
    parts = SemanticGraphParts(torch.zeros(0, 3), torch.zeros(0, 3, 3), torch.zeros(0, 3, 3, 2))
    gold = Decoded(torch.zeros(0, 3, dtype=torch.bool), torch.zeros(0, 3, 3, dtype=torch.int64))
    lengths = torch.zeros(0, dtype=torch.int64)
    assert graph_hinge(SemanticGraph((False, False)), parts, gold, lengths).shape == (0,)


def test_graph_nll_is_the_log_loss_of_each_part():
    parts, gold = random_case(5)
    lengths = torch.tensor([3, 1, 2, 3])
    losses = graph_nll(parts, gold, lengths)
    for row, length in enumerate(lengths.tolist()):
        expected = 0.0
        for i in range(length + 1):
            sign = 1.0 if gold.predicates[row, i] else -1.0
            expected -= F.logsigmoid(sign * parts.predicates[row, i])
            for j in {*range(1, length + 1)} - {i}:
                scores = torch.cat([torch.zeros(1), parts.arcs[row, i, j] + parts.labels[row, i, j]])
                expected -= scores.log_softmax(0)[gold.arc_labels[row, i, j] + 1]
        torch.testing.assert_close(losses[row], expected)


def test_graph_nll_reads_no_padding_and_bears_barred_roles():
    parts, gold = random_case(6)
    gold.arc_labels[gold.arc_labels == 1] = 0
    parts.labels[..., 1] = -torch.inf
    lengths = torch.full((4,), 2)
    given = [part.clone() for part in parts]
    expected = graph_nll(SemanticGraphParts(*given), gold, lengths)
    for part in given:
        part[:, 3] = torch.nan
    for part in given[1:]:
        part[:, :, 3] = torch.nan
    leaves = [part.requires_grad_() for part in given]
    losses = graph_nll(SemanticGraphParts(*leaves), gold, lengths)
    torch.testing.assert_close(losses, expected, rtol=0, atol=0)
    losses.sum().backward()
    inside = [leaf.grad[:, :3] if leaf.dim() == 2 else leaf.grad[:, :3, :3] for leaf in leaves]
    assert all(torch.isfinite(grad).all() for grad in inside)


@pytest.mark.parametrize("threshold", [0.1, 0.35, 0.5, 0.8])
def test_a_threshold_is_for_the_probability_of_the_best_label(threshold):
    parts, _ = random_case(7, batch=8, n=6)
    parts.labels[0, :, :, 2] = -torch.inf
    parts.labels[1, 2] = -torch.inf
    parts.arcs[2, 3, 4] = -torch.inf
    none = torch.zeros_like(parts.arcs)[..., None]
    probabilities = torch.cat([none, parts.arcs[..., None] + parts.labels], -1).softmax(-1)[..., 1:]
    best, label = probabilities.max(-1)
    # Predicates that are always there, and no role that excludes itself: each arc is chosen by itself.
    open_parts = parts._replace(predicates=torch.full_like(parts.predicates, 50.0))
    found = Decoded(*SemanticGraph().decode(over_threshold(open_parts, threshold)))
    n = torch.arange(6)
    expected = torch.where((best > threshold) & (n > 0) & (n[:, None] != n), label, -1)
    assert torch.equal(found.arc_labels, expected)
    assert (expected >= 0).any()
