import math

import numpy as np
import pytest
import torch

from spigot import ProjectiveTree, arcs_to_heads, heads_to_arcs
from spigot.structured.kernels.forest.rows import OUT_OF_RANGE, sum_wide_rows
from spigot.structured.kernels.forest.sums import MARGINALS, SLOPES
from spigot.structured.kernels.projective.forest import projective_forest
from spigot.structured.kernels.projective.scaled import slopes_of_marginals, sum_trees
from tests.oracles import trees
from tests.structured.derivatives import marginals_vjp

ROOTS = pytest.mark.parametrize("single_root", [True, False], ids=["single-root", "multi-root"])
# (head, modifier) of the worked example, in its order.
ARCS = [(0, 1), (2, 1), (3, 1), (0, 2), (1, 2), (3, 2), (0, 3), (1, 3), (2, 3)]


def matrix(values, dtype=torch.float64):
    scores = torch.zeros(1, 4, 4, dtype=dtype)
    for (head, modifier), value in zip(ARCS, values, strict=True):
        scores[0, head, modifier] = value
    return scores


def vector(arcs):
    return [arcs[0, head, modifier].item() for head, modifier in ARCS]


EXAMPLE = matrix([0.5, 1, -0.2, 1.5, 0.3, 0.4, 0.1, 0.2, 0.9])


def random_scores(batch, tokens, seed, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(batch, tokens + 1, tokens + 1, generator=generator, dtype=torch.float64)


@ROOTS
@pytest.mark.parametrize("tokens", [1, 2, 3, 4, 5])
def test_argmax_is_the_best_of_all_trees(tokens, single_root):
    scores = random_scores(8, tokens, tokens)
    best = ProjectiveTree(single_root).argmax(scores)
    for row in range(8):
        arcs, totals = trees.tree_scores(scores[row], projective=True, single_root=single_root)
        assert torch.equal(best[row], arcs[totals.argmax()])


@ROOTS
@pytest.mark.parametrize("scale", [0.0, 1.0, 50.0, 150.0, 1e4, 1e8])
def test_sums_over_all_trees(single_root, scale):
    scores = random_scores(6, 4, 7, scale)
    tree = ProjectiveTree(single_root)
    log_z, marginals, entropy = tree.log_partition(scores), tree.marginals(scores), tree.entropy(scores)
    for row in range(6):
        like = {"projective": True, "single_root": single_root}
        assert torch.isclose(log_z[row], trees.log_partition(scores[row], **like), rtol=1e-12)
        assert torch.allclose(marginals[row], trees.marginals(scores[row], **like), atol=1e-12 * max(scale, 1))
        assert torch.isclose(entropy[row], trees.entropy(scores[row], **like), atol=1e-9 * max(scale, 1))
    assert ((marginals >= 0) & (marginals <= 1 + 1e-12)).all()
    assert torch.allclose(marginals.sum(1)[:, 1:], torch.ones(6, 4, dtype=torch.float64))


@ROOTS
def test_large_scores_that_nearly_tie(single_root):
    # 1 -> 2 and 2 -> 1 are huge and exclude each other, so no offset of the scores brings all into range.
    scores = torch.zeros(1, 4, 4, dtype=torch.float64)
    scores[0, 1, 2] = 1e4
    scores[0, 2, 1] = 1e4 + 1
    expected = trees.marginals(scores[0], projective=True, single_root=single_root)
    assert 0.5 < expected[2, 1] < 0.9
    marginals = ProjectiveTree(single_root).marginals(scores)[0]
    assert torch.allclose(marginals, expected, atol=1e-10)
    direction = random_scores(1, 3, 5)
    vjp = marginals_vjp(ProjectiveTree(single_root), scores, direction)
    nudged = [
        trees.marginals(scores[0] + step * direction[0], projective=True, single_root=single_root)
        for step in (1e-4, -1e-4)
    ]
    assert torch.allclose(vjp[0], (nudged[0] - nudged[1]) / 2e-4, atol=1e-6)


@ROOTS
def test_samples_of_large_scores(single_root):
    tree = ProjectiveTree(single_root)
    scores = random_scores(4, 12, 9, 1e4)
    assert torch.equal(tree.sample(scores), tree.argmax(scores))


@ROOTS
def test_candidates(single_root):
    scores = random_scores(12, 4, 3)
    mask = torch.rand(scores.shape, generator=torch.Generator().manual_seed(4)) < 0.5
    tree = ProjectiveTree(single_root)
    found = 0
    for row in range(12):
        allowed = scores[row].masked_fill(~mask[row], float("-inf"))
        arcs, totals = trees.tree_scores(allowed, projective=True, single_root=single_root)
        arguments = (scores[row : row + 1], None, mask[row : row + 1])
        if totals.max() == float("-inf"):
            for function in (tree.argmax, tree.log_partition, tree.marginals, tree.sample):
                with pytest.raises(ValueError, match=r"no projective tree.*row 0"):
                    function(*arguments)
        else:
            found += 1
            assert torch.equal(tree.argmax(*arguments)[0], arcs[totals.argmax()])
            assert torch.isclose(tree.log_partition(*arguments)[0], totals.logsumexp(0))
            expected = torch.einsum("t,thm->hm", totals.softmax(0), arcs)
            assert torch.allclose(tree.marginals(*arguments)[0], expected)
    assert 0 < found < 12


def test_number_of_trees():
    for single_root, counts in ((True, [1, 2, 7, 30, 143, 728]), (False, [1, 3, 12, 55, 273, 1428])):
        for tokens, count in enumerate(counts, start=1):
            log_z = ProjectiveTree(single_root).log_partition(torch.zeros(1, tokens + 1, tokens + 1))
            assert round(log_z.double().exp().item()) == count


def test_worked_example():
    tree = ProjectiveTree()
    best = tree.argmax(EXAMPLE)
    assert arcs_to_heads(best).tolist() == [[-1, 2, 0, 2]]
    assert tree.score(EXAMPLE, best).item() == pytest.approx(3.4)
    assert tree.log_partition(EXAMPLE).item() == pytest.approx(3.875638, abs=1e-6)
    assert tree.entropy(EXAMPLE).item() == pytest.approx(1.291747, abs=1e-6)
    marginals = [0.232226, 0.714444, 0.053331, 0.621488, 0.195249, 0.183262, 0.146286, 0.118690, 0.735024]
    assert vector(tree.marginals(EXAMPLE)) == pytest.approx(marginals, abs=1e-6)
    gold = heads_to_arcs(torch.tensor([[-1, 2, 3, 0]]), torch.float64)
    assert tree.log_prob(EXAMPLE, gold).item() == pytest.approx(-2.375638, abs=1e-6)


def test_worked_example_of_cost_augmented_decoding():
    scores = EXAMPLE.clone().requires_grad_()
    tree = ProjectiveTree()
    gold = heads_to_arcs(torch.tensor([[-1, 2, 3, 0]]), torch.float64)
    cost = (1 - gold) * tree.part_mask(scores)
    best = tree.argmax(scores + cost)
    assert arcs_to_heads(best).tolist() == [[-1, 2, 0, 2]]
    assert (cost * best).sum() == 2
    hinge = tree.score(scores + cost, best) - tree.score(scores, gold)
    assert hinge.item() == pytest.approx(3.9)
    hinge.backward()
    assert torch.equal(scores.grad, best - gold)


@ROOTS
@pytest.mark.parametrize("score", [0.0, 0.1, -1e4, 1e8])
def test_if_all_trees_are_equal(single_root, score):
    heads = arcs_to_heads(ProjectiveTree(single_root).argmax(torch.full((1, 8, 8), score)))
    assert heads.tolist() == [[-1, 0, 1, 1, 1, 1, 1, 1] if single_root else [-1, 0, 0, 0, 0, 0, 0, 0]]


def documented_choice(candidates, tokens, single_root):
    """Of equally good trees, the one that the docstring of `ProjectiveTree` describes."""

    def descendants(heads, node):
        below = {node}
        for _ in range(tokens):
            below |= {m for m in range(1, tokens + 1) if heads[m - 1] in below}
        return below

    def choose(candidates, trait, last=True):
        pick = (max if last else min)(map(trait, candidates))
        return [heads for heads in candidates if trait(heads) == pick], pick

    def right_of(candidates, head, end):
        """What hangs from `head` on its right, up to `end`."""
        if end == head:
            return candidates
        last = not (single_root and head == 0)
        candidates, child = choose(
            candidates, lambda h: max(m for m in range(head + 1, end + 1) if h[m - 1] == head), last
        )
        return right_of(between(candidates, head, child), child, end)

    def left_of(candidates, head, begin):
        if begin == head:
            return candidates
        candidates, child = choose(candidates, lambda h: min(m for m in range(begin, head) if h[m - 1] == head))
        return left_of(between(candidates, child, head), child, begin)

    def between(candidates, a, b):
        candidates, split = choose(
            candidates,
            lambda h: (
                max([a, *(m for m in range(a + 1, b) if m in descendants(h, a) - descendants(h, b))])
                if b in descendants(h, a)
                else max([a, *(m for m in range(a + 1, b) if m in descendants(h, a))])
            ),
        )
        return left_of(right_of(candidates, a, split), b, split + 1)

    (chosen,) = right_of(candidates, 0, tokens)
    return chosen


@ROOTS
def test_ties_are_broken_as_documented(single_root):
    generator = torch.Generator().manual_seed(11)
    scores = torch.randint(0, 2, (150, 6, 6), generator=generator).float()
    heads = arcs_to_heads(ProjectiveTree(single_root).argmax(scores))[:, 1:]
    everything = trees.all_trees(5, projective=True, single_root=single_root)
    tied = 0
    for row in range(150):
        _, totals = trees.tree_scores(scores[row], projective=True, single_root=single_root)
        best = [tree for tree, total in zip(everything, totals, strict=True) if total == totals.max()]
        tied += len(best) > 1
        assert tuple(heads[row].tolist()) == documented_choice(best, 5, single_root)
    assert tied > 100


@ROOTS
def test_one_token(single_root):
    scores = torch.full((1, 2, 2), float("nan"))
    scores[0, 0, 1] = 2.5
    tree = ProjectiveTree(single_root)
    only = torch.tensor([[[0.0, 1.0], [0.0, 0.0]]])
    assert torch.equal(tree.argmax(scores), only)
    assert torch.equal(tree.marginals(scores), only)
    assert torch.equal(tree.sample(scores), only)
    assert tree.log_partition(scores).item() == 2.5
    assert tree.entropy(scores).item() == 0


def test_a_long_sentence():
    tree = ProjectiveTree()
    flat = torch.zeros(1, 601, 601)
    planted = tree.sample(flat, generator=torch.Generator().manual_seed(0))
    heads = arcs_to_heads(planted)
    assert (heads[0, 1:] == 0).sum() == 1
    noise = 0.3 * torch.rand(flat.shape, generator=torch.Generator().manual_seed(1))
    assert torch.equal(tree.argmax(planted + noise), planted)
    marginals = tree.marginals(10 * planted)
    assert torch.allclose(marginals.sum(1)[0, 1:], torch.ones(600))
    assert torch.equal(arcs_to_heads(marginals), heads)


def test_the_two_arithmetics_agree():
    # From about scale 60 on, sums of products of 40 tokens' potentials leave the range of float64.
    tree = ProjectiveTree()
    scores = random_scores(1, 40, 8)
    for scale in (10.0, 50.0, 60.0, 100.0):
        marginals = tree.marginals(scale * scores)
        step = 1e-5
        log_z = [tree.log_partition(scale * scores + sign * step * scores) for sign in (1, -1)]
        slope = (log_z[0] - log_z[1]) / (2 * step)
        assert torch.isclose(slope, tree.score(scores, marginals), rtol=1e-6)
        assert torch.allclose(marginals.sum(1)[0, 1:], torch.ones(40, dtype=torch.float64))


@ROOTS
def test_a_long_sentence_whose_sum_leaves_the_range(single_root):
    scores, direction = random_scores(2, 130, 12, 8.0).numpy(), random_scores(2, 130, 13).numpy()
    lengths, mask = np.array([130, 123]), np.empty((1, 0, 0), dtype=np.bool_)
    arguments = (0, 2, scores, lengths, mask, single_root)
    found, expected = ([np.zeros((2, 3)), np.zeros_like(scores), np.zeros_like(scores)] for _ in range(2))
    status, logs = np.zeros((2, 2), dtype=np.int64), np.empty((1, 0, 0, 0))
    sum_trees(*arguments, *found[:2], logs, status[0])
    slopes_of_marginals(*arguments, direction, found[2], status[1])
    assert (status == 0).all()
    status[:] = OUT_OF_RANGE
    for wanted, out, row in ((MARGINALS, expected[1], status[0]), (SLOPES, expected[2], status[1])):
        sum_wide_rows(
            lambda length, _: projective_forest(length + 1, 131, single_root),
            lengths,
            (scores,),
            (mask,),
            row,
            expected[0],
            (out,),
            wanted,
            (direction,),
        )
    found[0], expected[0] = found[0].sum(1), expected[0].sum(1)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-11)
    # Z with the best score of each modifier taken off, which is at most as small with the offsets that come first.
    offsets = sum(np.delete(scores[0, :, modifier], modifier).max() for modifier in range(1, 131))
    assert expected[0][0] - offsets < math.log(1e-250)
