"""The distribution over each structure that has sums, against the list of all structures."""

import math

import pytest
import torch

import spigot
from spigot import Gibbs, MarginalStructure, all_structures
from spigot.structured.parts.base import flatten, like, map_parts, tensors
from tests.contracts.registry import STRUCTURES, batch_of, equal, row_of, to

INF = float("inf")
SIZES = [3, 0, 2]
LENGTHS = torch.tensor(SIZES)
SUMMABLE = [case for case in STRUCTURES if isinstance(case.structure, MarginalStructure)]
every = pytest.mark.parametrize("case", SUMMABLE, ids=lambda case: case.name)


def scores_of(case, seed, dtype=torch.float64):
    return to(batch_of(case.shape, SIZES, seed), dtype)


def mask_of(case, seed):
    """Return a mask that leaves each row some structures: those without one part that not all have."""
    scores = scores_of(case, seed)
    marginals = case.structure.marginals(scores, LENGTHS)
    mask = map_parts(lambda part: torch.ones(part.shape, dtype=torch.bool), scores)
    for b in range(3):
        for part, cells in zip(tensors(marginals), tensors(mask), strict=True):
            some = ((part[b] > 1e-9) & (part[b] < 1 - 1e-9)).nonzero()
            if len(some):
                cells[(b, *some[0].tolist())] = False
                break
    return mask


def listed(case, scores, b, mask=None):
    """Return the structures of row b, flat, and the logarithms of their probabilities; -inf for those excluded."""
    # Only parts that are there count, and a PCFG's list has to count rules.
    row = map_parts(lambda part: part[b : b + 1], scores)
    members = spigot.Gibbs(case.structure, row, lengths=LENGTHS[b : b + 1]).structure.top_k(
        row, 400, LENGTHS[b : b + 1]
    )
    found = members[1][0] > -INF
    flat = flatten(map_parts(lambda part: part[0], members[0]))[found].double()
    values = flatten(row)[0].nan_to_num(0, neginf=0).double()
    totals = flat @ values
    if mask is not None:
        bad = ~flatten(map_parts(lambda part: part[b : b + 1], mask))[0]
        totals = totals.masked_fill((flat[:, bad] > 0).any(1), -INF)
    return flat, totals.log_softmax(0)


@every
@pytest.mark.parametrize("masked", [False, True])
def test_against_the_list_of_all(case, masked):
    scores, mask = scores_of(case, 0), mask_of(case, 0) if masked else None
    p = Gibbs(case.structure, scores, lengths=LENGTHS, mask=mask)
    q = Gibbs(case.structure, scores_of(case, 1), lengths=SIZES, mask=mask)
    drawn = p.sample((5, 2), generator=torch.Generator().manual_seed(0))
    log_probs = p.log_prob(drawn)
    best, best_log_p = p.top_k(3)
    mbr = flatten(p.mbr)
    for b in range(3):
        members, log_p = listed(case, scores, b, mask)
        _, unmasked = listed(case, scores, b)
        others, log_q = listed(case, q.scores, b, mask)
        order = (members[:, None] == others).all(2).double() @ torch.arange(len(others)).double()
        log_q = log_q[order.long()]
        kept = log_p > -INF
        prob = log_p.exp()
        assert torch.isclose(p.log_partition[b], (flatten(scores)[b].nan_to_num(0) * members[0]).sum() - log_p[0]) or (
            masked and not kept[0]
        )
        assert torch.allclose(flatten(p.marginals)[b], prob @ members, atol=1e-12)
        assert torch.isclose(p.entropy()[b], -(prob[kept] * log_p[kept]).sum(), atol=1e-12)
        assert torch.isclose(p.cross_entropy(q)[b], -(prob[kept] * log_q[kept]).sum(), atol=1e-11)
        assert torch.isclose(p.kl(q)[b], (prob[kept] * (log_p - log_q)[kept]).sum(), atol=1e-11)
        assert p.count[b] == kept.sum()
        assert torch.isclose(p.log_count[b], kept.sum().double().log(), atol=1e-12)
        risk = members[kept] @ flatten(p.marginals)[b]
        chosen = (members[kept] == mbr[b]).all(1)
        assert chosen.sum() == 1
        assert torch.isclose(risk[chosen], risk.max())
        number = min(3, int(kept.sum()))
        assert torch.allclose(best_log_p[b, :number], log_p.sort(descending=True).values[:number], atol=1e-11)
        assert (best_log_p[b, number:] == -INF).all()
        for z, own in zip(
            flatten(map_parts(lambda part, b=b: part[:, :, b].flatten(0, 1), drawn)),
            log_probs[:, :, b].flatten(),
            strict=True,
        ):
            assert torch.isclose(own, log_p[(members == z).all(1)][0], atol=1e-11)
        assert len(unmasked) == len(members)
    assert equal(map_parts(lambda part: part[:, 0], best), p.argmax)
    assert p.kl(p).tolist() == [0, 0, 0]


@every
def test_what_the_other_excludes_makes_kl_infinite(case):
    scores, mask = scores_of(case, 0), mask_of(case, 0)
    p = Gibbs(case.structure, scores, lengths=LENGTHS)
    q = Gibbs(case.structure, scores, lengths=LENGTHS, mask=mask)
    narrower = [math.inf if a > b else 0.0 for a, b in zip(p.count.tolist(), q.count.tolist(), strict=True)]
    assert p.kl(q).tolist() == pytest.approx(narrower, abs=1e-12)
    assert p.cross_entropy(q).isinf().tolist() == [math.isinf(x) for x in narrower]
    assert torch.allclose(q.kl(p), p.log_partition - q.log_partition, atol=1e-11)
    if not case.unique:
        assert math.inf in narrower


@every
def test_derivatives(case):
    rows = [3, 2]
    leaves = [
        map_parts(lambda part: part.nan_to_num(0).double().requires_grad_(), batch_of(case.shape, rows, seed))
        for seed in (0, 1)
    ]
    count = len(tensors(leaves[0]))

    def divergences(*parts):
        p, q = (Gibbs(case.structure, like(leaves[0], some), lengths=rows) for some in (parts[:count], parts[count:]))
        return p.kl(q), p.cross_entropy(q), p.entropy(), p.log_partition

    assert torch.autograd.gradcheck(divergences, [part for some in leaves for part in tensors(some)], fast_mode=True)


@every
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_types(case, dtype):
    p, q = (Gibbs(case.structure, scores_of(case, seed, dtype), lengths=LENGTHS) for seed in (0, 1))
    wide = [Gibbs(case.structure, to(each.scores, torch.float64), lengths=LENGTHS) for each in (p, q)]
    for own, exact in ((p.kl(q), wide[0].kl(wide[1])), (p.cross_entropy(q), wide[0].cross_entropy(wide[1]))):
        assert own.dtype is dtype
        assert torch.equal(own, exact.to(dtype))
    for structures in (p.argmax, p.mbr, p.sample(), p.top_k(2)[0]):
        assert all(part.dtype is dtype for part in tensors(structures))


@every
def test_samples_are_those_of_the_structure_and_rows_are_independent(case):
    scores = scores_of(case, 0)
    p = Gibbs(case.structure, scores, lengths=LENGTHS)
    one, many = (p.sample(shape, generator=torch.Generator().manual_seed(3)) for shape in ((), (4,)))
    assert equal(one, case.structure.sample(scores, LENGTHS, generator=torch.Generator().manual_seed(3)))
    assert equal(map_parts(lambda part: part[0], many), one)
    q = Gibbs(case.structure, scores_of(case, 1), lengths=LENGTHS)
    for b, size in enumerate(SIZES):
        alone = [Gibbs(case.structure, row_of(each.scores, case.shape, b, size)) for each in (p, q)]
        assert torch.isclose(alone[0].kl(alone[1])[0], p.kl(q)[b], rtol=1e-12)


@pytest.mark.parametrize("quiet", [torch.no_grad, torch.inference_mode])
def test_what_was_computed_without_gradients_has_them_later(quiet):
    scores = torch.randn(2, 4, 4, dtype=torch.float64, requires_grad=True)
    p = Gibbs(spigot.ProjectiveTree(), scores)
    with quiet():
        shown, marginals = p.log_partition, p.marginals
        assert p.log_partition is shown
    (share,) = torch.autograd.grad(p.log_partition.sum(), scores, retain_graph=True)
    assert torch.equal(share, marginals)
    assert p.marginals.requires_grad
    kept = p.log_partition
    with quiet():
        assert p.log_partition is kept
    constant = Gibbs(spigot.ProjectiveTree(), scores.detach())
    with quiet():
        shown = constant.log_partition
    assert constant.log_partition is shown


def test_compact_values_with_a_shape_of_samples():
    p = Gibbs(spigot.ProjectiveTree(), torch.randn(2, 5, 5).double(), lengths=[4, 2])
    drawn = p.sample((3,))
    heads = torch.stack([p.structure.to_compact(each, p.lengths) for each in drawn])
    assert heads.shape == (3, 2, 5)
    assert torch.equal(p.log_prob(heads), p.log_prob(drawn))
    assert torch.equal(p.log_prob(heads[0].tolist()), p.log_prob(drawn[0]))


@every
def test_integers_of_samples_and_of_the_k_best(case):
    p = Gibbs(case.structure, scores_of(case, 0), lengths=LENGTHS)
    drawn = p.sample((2, 3), generator=torch.Generator().manual_seed(0))
    best, totals = p.top_k(2)
    if case.structure.compact_form is None:
        with pytest.raises(TypeError, match="structure: expected one with a compact form"):
            p.to_compact(drawn)
        return
    assert torch.equal(p.to_compact(p.argmax), case.structure.to_compact(p.argmax, LENGTHS))
    heads, of_best = p.to_compact(drawn), p.to_compact(best)
    assert heads.shape[:3] == (2, 3, len(SIZES))
    assert of_best.shape[:2] == (len(SIZES), 2)
    for i, j in ((0, 0), (1, 2)):
        again = case.structure.to_parts(heads[i, j], p.scores, LENGTHS)
        assert equal(again, map_parts(lambda part, i=i, j=j: part[i, j], drawn))
    for place in range(2):
        found = totals[:, place] > -torch.inf
        again = case.structure.to_parts(
            of_best[found, place], map_parts(lambda part, f=found: part[f], p.scores), LENGTHS[found]
        )
        assert equal(again, map_parts(lambda part, f=found, k=place: part[f, k], best))


def test_a_size_for_each_row_holds_in_all_samples():
    sizes = torch.tensor([1, 3, 2])
    scores = torch.randn(3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    p = Gibbs(spigot.KSubset(sizes), scores)
    drawn = p.sample((5, 2), generator=torch.Generator().manual_seed(1))
    assert torch.equal(drawn.sum(-1), sizes.double().expand(5, 2, 3))
    of_rows = [Gibbs(spigot.KSubset(k), scores[b : b + 1]) for b, k in enumerate(sizes.tolist())]
    torch.testing.assert_close(
        p.log_prob(drawn), torch.cat([q.log_prob(drawn[:, :, b : b + 1]) for b, q in enumerate(of_rows)], 2)
    )


def test_long_inputs():
    generator = torch.Generator().manual_seed(0)
    one, other = (1e3 * torch.randn(1, 400, 20, generator=generator).double() for _ in range(2))
    steps = torch.zeros(1, 399, 20, 20, dtype=torch.float64)
    p, q = (Gibbs(spigot.LinearChain(), spigot.LinearChainParts(each, steps)) for each in (one, other))
    # Without transitions, positions are independent.
    logs = [each.log_softmax(2) for each in (one, other)]
    expected = (logs[0].exp() * (logs[0] - logs[1])).sum()
    assert torch.isclose(p.kl(q)[0], expected, rtol=1e-12)


def test_log_partition_is_computed_once():
    p = Gibbs(spigot.NonProjectiveTree(), torch.randn(1, 4, 4, requires_grad=True))
    assert p.log_partition is p.log_partition
    assert p.marginals is p.marginals


def test_wrong_arguments_are_named():
    scores = torch.zeros(2, 4, 4)
    with pytest.raises(TypeError, match=r"structure: expected a MarginalStructure such as .*, got Matching"):
        Gibbs(spigot.Matching(), scores)
    with pytest.raises(TypeError, match=r"structure: expected a MarginalStructure .*, got the class ProjectiveTree"):
        Gibbs(spigot.ProjectiveTree, scores)
    for categories, shape in ((spigot.Categorical(), (4,)), (spigot.KSubset(1, dim=1), (2, 3, 4))):
        with pytest.raises(ValueError, match=r"scores: expected shape \[batch, category\] here, got \["):
            Gibbs(categories, torch.zeros(shape))
    with pytest.raises(ValueError, match=r"got \[3, 4\] with dim=0"):
        Gibbs(spigot.Categorical(dim=0), torch.zeros(3, 4))
    p = Gibbs(spigot.ProjectiveTree(), scores)
    with pytest.raises(TypeError, match="other: expected a Gibbs"):
        p.kl(scores)
    with pytest.raises(ValueError, match="other: expected the structure ProjectiveTree"):
        p.kl(Gibbs(spigot.NonProjectiveTree(), scores))
    with pytest.raises(ValueError, match=r"other: expected scores of shape \[2, 4, 4\], got \[2, 5, 5\]"):
        p.kl(Gibbs(spigot.ProjectiveTree(), torch.zeros(2, 5, 5)))
    with pytest.raises(ValueError, match="other: expected the same lengths"):
        p.cross_entropy(Gibbs(spigot.ProjectiveTree(), scores, lengths=[3, 1]))
    with pytest.raises(ValueError, match="form none"):
        p.log_prob(scores)
    assert all_structures(p.structure, scores)


def test_samples_of_nothing():
    """No cells, no rows, or no samples."""
    for structure, scores in ((spigot.BinaryTree(), torch.zeros(2, 0, 0)), (spigot.KSubset(0), torch.zeros(2, 0))):
        assert Gibbs(structure, scores).sample((3,)).shape == (3, *scores.shape)
        assert Gibbs(structure, scores[:0]).sample((3,)).shape == (3, 0, *scores.shape[1:])
    assert Gibbs(spigot.ProjectiveTree(), torch.zeros(2, 4, 4)).sample((0, 3)).shape == (0, 3, 2, 4, 4)


def test_a_sample_shape_of_the_wrong_kind_is_named():
    p = Gibbs(spigot.ProjectiveTree(), torch.randn(2, 3, 3))
    for given in (5, ("a",), (2.0,)):
        with pytest.raises(TypeError, match="sample_shape: expected a tuple of whole numbers"):
            p.sample(given)
    with pytest.raises(ValueError, match="sample_shape: expected numbers of at least 0"):
        p.sample((2, -1))


@every
def test_no_samples_and_no_rows(case):
    scores = scores_of(case, 0)
    for each, lengths in ((scores, LENGTHS), (map_parts(lambda part: part[:0], scores), LENGTHS[:0])):
        p = Gibbs(case.structure, each, lengths=lengths)
        for shape in ((0,), (2, 0)):
            drawn = p.sample(shape)
            assert tensors(drawn)[0].shape[: len(shape) + 1] == (*shape, len(lengths))
            assert p.log_prob(drawn).shape == (*shape, len(lengths))
