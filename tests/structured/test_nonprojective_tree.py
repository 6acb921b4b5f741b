import math

import networkx
import numpy as np
import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck
from ufal.chu_liu_edmonds import chu_liu_edmonds

from spigot.structured.kernels.nonprojective import sums as matrix_tree
from spigot.structured.kernels.numerics import splitmix
from spigot.structured.kernels.runtime.status import OK
from spigot.structured.parts.arcs import arcs_to_heads
from spigot.structured.structures.nonprojective_tree import NonProjectiveTree
from tests.oracles import laplacian, trees
from tests.structured.derivatives import marginals_vjp

INF = float("inf")
BOTH = pytest.mark.parametrize("single_root", [True, False], ids=["single-root", "multi-root"])


def random_scores(batch, tokens, seed, *, scale=1.0, missing=0.0):
    """float64, `[batch, head, modifier]`, a share of the arcs being no candidates."""
    generator = torch.Generator().manual_seed(seed)
    scores = scale * torch.randn(batch, tokens + 1, tokens + 1, generator=generator, dtype=torch.float64)
    scores[torch.rand(scores.shape, generator=generator) < missing] = -INF
    return scores


def feasible(scores, single_root):
    """Rows of `scores` that have a tree."""
    return torch.stack(
        [row for row in scores if trees.log_partition(row, projective=False, single_root=single_root) > -INF]
    )


def integers(batch, tokens, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-2, 3, (batch, tokens + 1, tokens + 1), generator=generator).double()


def total(scores, arcs):
    return torch.where(arcs > 0, scores, 0.0).flatten(1).sum(1)


# The highest-scoring tree


@BOTH
@pytest.mark.parametrize("tokens", [1, 2, 3, 4, 5])
def test_argmax_is_the_best_of_all_trees(tokens, single_root):
    structure = NonProjectiveTree(single_root)
    every = set(trees.all_trees(tokens, projective=False, single_root=single_root))
    sparse = feasible(random_scores(40, tokens, 1, missing=0.4), single_root)
    for scores in (random_scores(40, tokens, 0), integers(40, tokens, 2), sparse):
        arcs = structure.argmax(scores)
        assert {tuple(heads[1:]) for heads in arcs_to_heads(arcs).tolist()} <= every
        for row, found in zip(scores, total(scores, arcs), strict=True):
            _, of_all = trees.tree_scores(row, projective=False, single_root=single_root)
            assert found.item() == pytest.approx(of_all.max().item(), abs=1e-12)


def test_argmax_agrees_with_ufal_and_networkx():
    for tokens in (8, 20, 45):
        scores = random_scores(4, tokens, tokens).float()
        arcs = NonProjectiveTree(single_root=False).argmax(scores)
        for row, found in zip(scores, arcs, strict=True):
            heads, _ = chu_liu_edmonds(row.double().T.contiguous().numpy())
            assert arcs_to_heads(found[None])[0, 1:].tolist() == heads[1:]
        graph = networkx.DiGraph()
        for head in range(tokens + 1):
            for modifier in range(1, tokens + 1):
                if head != modifier:
                    graph.add_edge(head, modifier, weight=scores[0, head, modifier].item())
        best = networkx.maximum_spanning_arborescence(graph)
        assert set(best.edges) == {(h, m) for h, m in arcs[0].nonzero().tolist()}


def test_single_root_argmax_is_the_best_over_all_children_of_root():
    scores = random_scores(3, 15, 7)
    scores[:, 0] += 3  # many children of ROOT, if they were free
    arcs = NonProjectiveTree(single_root=True).argmax(scores)
    assert arcs[:, 0].sum(1).tolist() == [1, 1, 1]
    for row, found in zip(scores, total(scores, arcs), strict=True):
        best = -INF
        for child in range(1, 16):
            only = row.clone()
            only[0, 1:child] = -INF
            only[0, child + 1 :] = -INF
            best = max(best, total(only[None], NonProjectiveTree(single_root=False).argmax(only[None])).item())
        assert found.item() == pytest.approx(best, abs=1e-12)


def test_large_scores_do_not_blur_the_choice_of_a_single_root():
    # 1e7 apart and more, with differences that a penalty on arcs from ROOT would swallow.
    scores = torch.full((1, 4, 4), -1e7)
    scores[0, 0, 1:] = torch.tensor([1e7, 1e7 + 1, 1e7])
    scores[0, 2, 1] = scores[0, 2, 3] = -1e7 + 1
    assert arcs_to_heads(NonProjectiveTree().argmax(scores)).tolist() == [[-1, 2, 0, 2]]


@BOTH
def test_argmax_of_equal_scores_takes_the_smallest_heads(single_root):
    heads = arcs_to_heads(NonProjectiveTree(single_root).argmax(torch.zeros(1, 6, 6)))
    assert heads.tolist() == [[-1, 0, 1, 1, 1, 1] if single_root else [-1, 0, 0, 0, 0, 0]]


def test_argmax_of_nested_cycles():
    # 1 <-> 2 and 3 <-> 4 attract each other, then both cycles do; the way in from ROOT is through 3.
    scores = torch.full((1, 5, 5), -INF)
    for head, modifier, score in [
        (1, 2, 10.0), (2, 1, 10.0), (3, 4, 10.0), (4, 3, 10.0), (2, 3, 5.0), (4, 1, 5.0), (0, 3, 1.0)
    ]:  # fmt: skip
        scores[0, head, modifier] = score
    assert arcs_to_heads(NonProjectiveTree().argmax(scores)).tolist() == [[-1, 4, 1, 0, 3]]


def test_argmax_of_a_long_chain_of_cycles():
    # Every contraction makes the next cycle: as deep as it gets.
    tokens = 600
    scores = torch.full((1, tokens + 1, tokens + 1), -1e4)
    for token in range(1, tokens):
        scores[0, token, token + 1] = 1.0
        scores[0, token + 1, token] = 2.0
    for single_root in (True, False):
        heads = arcs_to_heads(NonProjectiveTree(single_root).argmax(scores))[0, 1:].tolist()
        assert heads == [*range(2, tokens + 1), 0]


# Sums over trees


def test_number_of_trees():
    for tokens, (single, multi) in enumerate([(1, 1), (2, 3), (9, 16), (64, 125), (625, 1296)], start=1):
        zeros = torch.zeros(1, tokens + 1, tokens + 1, dtype=torch.float64)
        for single_root, count in ((True, single), (False, multi)):
            log_z = NonProjectiveTree(single_root).log_partition(zeros).item()
            assert log_z == pytest.approx(math.log(count), abs=1e-12)


@BOTH
@pytest.mark.parametrize("scale", [1.0, 30.0, 1000.0])
@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_sums_agree_with_enumeration(single_root, scale, missing):
    structure = NonProjectiveTree(single_root)
    for tokens in (1, 2, 3, 4):
        scores = feasible(random_scores(15, tokens, tokens, scale=scale, missing=missing), single_root)
        marginals, log_z, entropy = (
            f(scores) for f in (structure.marginals, structure.log_partition, structure.entropy)
        )
        direction = random_scores(len(scores), tokens, 99)
        derivative = marginals_vjp(structure, scores, direction)
        for b, row in enumerate(scores):
            arcs, of_all = trees.tree_scores(row, projective=False, single_root=single_root)
            p = of_all.softmax(0)
            expected = torch.einsum("t,thm->hm", p, arcs)
            change = (arcs * direction[b]).flatten(1).sum(1)
            covariance = torch.einsum("t,thm->hm", p * (change - p @ change), arcs)
            torch.testing.assert_close(log_z[b], of_all.logsumexp(0), rtol=1e-13, atol=1e-11)
            torch.testing.assert_close(marginals[b], expected, rtol=1e-11, atol=1e-13)
            torch.testing.assert_close(derivative[b], covariance, rtol=1e-10, atol=1e-11)
            expected = trees.entropy(row, projective=False, single_root=single_root)
            torch.testing.assert_close(entropy[b], expected, rtol=0, atol=1e-9)


@BOTH
def test_linear_and_logarithmic_weights_agree(single_root):
    everything = np.empty((0, 0), dtype=np.bool_)
    for row, direction in zip(random_scores(4, 12, 3).numpy(), random_scores(4, 12, 4).numpy(), strict=True):
        for dual in (False, True):
            linear, logarithmic, best = np.zeros((13, 13)), np.zeros((13, 13)), np.zeros(13)
            sums = [
                matrix_tree._sums(row, everything, direction, 12, single_root, dual, True, form, out, best)
                for form, out in ((False, linear), (True, logarithmic))
            ]
            assert [status for status, _ in sums] == [OK, OK]
            assert sums[0][1] == pytest.approx(sums[1][1], abs=1e-11)
            np.testing.assert_allclose(linear, logarithmic, rtol=1e-11, atol=1e-12 if dual else 0)


@pytest.mark.parametrize(
    ("tokens", "scale", "single_root", "digits"),
    [(100, 50.0, True, 220), (40, 50.0, False, 200), (16, 300.0, True, 400), (16, 300.0, False, 400)],
)
def test_sums_are_right_where_the_laplacian_is_singular(tokens, scale, single_root, digits):
    scores = random_scores(1, tokens, 0, scale=scale)
    oracle = laplacian.log_partition_and_marginals(scores[0], single_root=single_root, digits=digits)
    structure = NonProjectiveTree(single_root)
    assert structure.log_partition(scores).item() == pytest.approx(oracle[0], rel=1e-13)
    np.testing.assert_allclose(structure.marginals(scores)[0].numpy(), oracle[1], rtol=1e-10, atol=1e-200)


@BOTH
def test_gradients(single_root):
    structure = NonProjectiveTree(single_root)
    lengths = torch.tensor([4, 2, 0])
    scores = random_scores(3, 4, 0, scale=2.0).requires_grad_()
    mask = torch.ones(3, 5, 5, dtype=torch.bool)
    mask[0, 2, 3] = mask[0, 0, 1] = False
    for function in (structure.log_partition, structure.marginals, structure.entropy):
        assert gradcheck(lambda s, f=function: f(s, lengths, mask), scores)
    assert gradgradcheck(lambda s: structure.log_partition(s, lengths, mask), scores)
    log_z = structure.log_partition(scores, lengths, mask)
    (grad,) = torch.autograd.grad(log_z.sum(), scores)
    assert torch.equal(grad, structure.marginals(scores.detach(), lengths, mask))


def test_worked_example():
    # The example of the reference description has the same best tree as in the projective case; the sums differ.
    scores = torch.zeros(1, 4, 4, dtype=torch.float64)
    arcs = [(0, 1), (2, 1), (3, 1), (0, 2), (1, 2), (3, 2), (0, 3), (1, 3), (2, 3)]
    for (head, modifier), score in zip(arcs, [0.5, 1, -0.2, 1.5, 0.3, 0.4, 0.1, 0.2, 0.9], strict=True):
        scores[0, head, modifier] = score
    structure = NonProjectiveTree()
    best = structure.argmax(scores)
    assert arcs_to_heads(best).tolist() == [[-1, 2, 0, 2]]
    assert total(scores, best).item() == pytest.approx(3.4)
    # Nine trees, written out by the child of ROOT.
    trees_of = {
        1: [0.5 + 0.3 + 0.2, 0.5 + 0.3 + 0.9, 0.5 + 0.4 + 0.2],
        2: [1.5 + 1 + 0.9, 1.5 + 1 + 0.2, 1.5 - 0.2 + 0.9],
        3: [0.1 - 0.2 + 0.4, 0.1 + 1 + 0.4, 0.1 - 0.2 + 0.3],
    }
    masses = {child: sum(math.exp(score) for score in found) for child, found in trees_of.items()}
    z = sum(masses.values())
    assert structure.log_partition(scores).item() == pytest.approx(math.log(z), abs=1e-12)
    marginals = structure.marginals(scores)[0]
    assert marginals[0, 1:].tolist() == pytest.approx([masses[child] / z for child in (1, 2, 3)], abs=1e-12)


# Samples


@BOTH
@pytest.mark.parametrize("case", ["dense", "sparse", "logarithmic"])
def test_samples_have_the_right_distribution(single_root, case):
    tokens, draws = 4, 20_000
    row = feasible(random_scores(20, tokens, 5, scale=1.3, missing=0.3 * (case == "sparse")), single_root)[:1]
    if case == "logarithmic":
        # Heads of token 4 all 5000 nats below its best: no linear weights, and the same for all other tokens.
        row[0, :3, 4] -= 5000.0
    scores = row.expand(draws, -1, -1)
    generator = torch.Generator().manual_seed(1)
    heads = arcs_to_heads(NonProjectiveTree(single_root).sample(scores, generator=generator))[:, 1:]
    _, of_all = trees.tree_scores(row[0], projective=False, single_root=single_root)
    every = trees.all_trees(tokens, projective=False, single_root=single_root)
    found = dict.fromkeys(every, 0)
    for drawn in heads.tolist():
        found[tuple(drawn)] += 1
    counts = torch.tensor([found[heads] for heads in every], dtype=torch.float64)
    expected = draws * of_all.softmax(0)
    assert not counts[expected < 1e-9].any()
    # Pearson's statistic over the trees that are expected often enough, 5 standard deviations.
    often = expected > 5
    statistic = ((counts - expected)[often] ** 2 / expected[often]).sum().item()
    freedom = int(often.sum())
    assert statistic < freedom + 5 * math.sqrt(2 * freedom)


def test_samples_follow_their_generator_and_end_at_any_scale():
    structure = NonProjectiveTree()
    scores = random_scores(6, 30, 2)
    first, again = (structure.sample(scores, generator=torch.Generator().manual_seed(3)) for _ in range(2))
    other = structure.sample(scores, generator=torch.Generator().manual_seed(4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first[:, 0].sum(1).eq(1).all()
    # Two strong cycles, between which a random walk would go round for e^300 steps.
    trapped = torch.full((1, 5, 5), -300.0)
    for head, modifier in [(1, 2), (2, 1), (3, 4), (4, 3)]:
        trapped[0, head, modifier] = 300.0
    assert total(trapped, structure.sample(trapped)).item() == 0.0


def test_uniform_numbers_are_uniform():
    state = np.array([12345], dtype=np.uint64)
    numbers = np.array([splitmix.uniform(state) for _ in range(20_000)])
    assert 0 <= numbers.min() < 0.001
    assert 0.999 < numbers.max() < 1
    assert np.histogram(numbers, 20, (0, 1))[0].std() < 3 * math.sqrt(1000)


# Edges


@BOTH
@pytest.mark.parametrize("method", ["argmax", "log_partition", "marginals", "sample"])
def test_sentences_without_a_tree_are_named(single_root, method):
    call = getattr(NonProjectiveTree(single_root), method)
    scores = torch.zeros(3, 4, 4)
    scores[1, 0] = -INF  # nothing hangs from ROOT
    with pytest.raises(ValueError, match=r"no tree.*row 1 "):
        call(scores)
    scores[1, 0] = 0.0
    scores[1, 1:, 1] = scores[1, 1:, 2] = -INF  # two tokens have ROOT as their only head
    if single_root:
        with pytest.raises(ValueError, match=r"no tree with one child of ROOT.*row 1 "):
            call(scores)
    else:
        call(scores)


@pytest.mark.parametrize("method", ["argmax", "log_partition", "marginals", "sample"])
def test_forced_child_of_root(method):
    # Token 2 has no head but ROOT, so with one child of ROOT all other arcs from ROOT are void.
    scores = random_scores(1, 4, 8)
    scores[0, 1:, 2] = -INF
    structure = NonProjectiveTree()
    if method == "log_partition":
        expected = trees.log_partition(scores[0], projective=False, single_root=True)
        assert structure.log_partition(scores).item() == pytest.approx(expected.item(), abs=1e-12)
    else:
        assert getattr(structure, method)(scores)[0, 0].tolist() == [0, 0, 1, 0, 0]


def test_padding_is_never_read():
    lengths = torch.tensor([3, 0, 5, 1])
    scores = random_scores(4, 5, 6).float()
    poisoned = scores.clone()
    node = torch.arange(6)
    outside = node > lengths[:, None]
    cells = outside[:, :, None] | outside[:, None, :] | (node == 0) | torch.eye(6, dtype=torch.bool)
    poisoned[cells] = float("nan")
    structure = NonProjectiveTree()
    log_z = structure.log_partition(poisoned, lengths)
    assert log_z[1] == 0
    for result in (structure.argmax(poisoned, lengths), structure.marginals(poisoned, lengths)):
        assert not result[cells].any()
    for b, length in enumerate(lengths.tolist()):
        alone = scores[b : b + 1, : length + 1, : length + 1]
        for method in ("argmax", "marginals"):
            together = getattr(structure, method)(poisoned, lengths)[b, : length + 1, : length + 1]
            assert torch.equal(together, getattr(structure, method)(alone)[0])
        assert torch.equal(structure.log_partition(alone)[0], log_z[b])


@pytest.mark.parametrize("single_root", [True, False])
def test_of_equally_good_ways_into_a_cycle_the_smaller_modifier_is_taken(single_root):
    """The cycle 3 -> 2 -> 3 is met at 3, from 1; ROOT -> 2 and ROOT -> 3 are as good."""
    scores = torch.zeros(1, 4, 4)
    for head, modifier, score in ((3, 1, 5.0), (2, 3, 5.0), (3, 2, 5.0), (0, 2, 1.0), (0, 3, 1.0)):
        scores[0, head, modifier] = score
    tree = NonProjectiveTree(single_root)
    assert tree.to_compact(tree.argmax(scores)).tolist() == [[-1, 3, 0, 2]]
