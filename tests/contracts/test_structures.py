"""What every structure promises, whatever it is a structure of."""

import math
from fractions import Fraction
from functools import cache
from typing import NamedTuple

import pytest
import torch

import spigot
from spigot import SPIGOT, DynamicProgram, Marginals, MarginalStructure, Perturbed, structured_argmax
from spigot.structured.audit.enumeration import all_structures
from spigot.structured.parts.base import flatten, like, map_parts, tensors, unflatten
from tests.contracts.registry import STRUCTURES, batch_of, equal, ones_mask, outside, random_mask, row_of, to

NAN = float("nan")
SIZES = [4, 1, 3]
every_structure = pytest.mark.parametrize("case", STRUCTURES, ids=lambda case: case.name)
every_exact = pytest.mark.parametrize("case", [c for c in STRUCTURES if c.exact], ids=lambda case: case.name)
summable = pytest.mark.parametrize(
    "case", [c for c in STRUCTURES if isinstance(c.structure, MarginalStructure)], ids=lambda case: case.name
)


def example(case, sizes=SIZES, seed=0, full=0):
    return batch_of(case.shape, sizes, seed, full), torch.tensor(sizes)


def scaled(scores, factor):
    return map_parts(lambda part: part * factor, scores)


def first_part_of(structures, row):
    """Return the tensor that holds the first part chosen in a row, and its cell."""
    for index, part in enumerate(tensors(structures)):
        if part[row].any():
            return index, (row, *part[row].nonzero()[0].tolist())
    raise LookupError("an empty structure")


def is_integral(case, part):
    """Return whether all is 0/1, or a count, where a structure may use a part more than once."""
    most = torch.inf if case.counts else 1
    return bool(((part >= 0) & (part <= most) & (part == part.round())).all())


def leaves_of(scores):
    return map_parts(lambda part: part.double().requires_grad_(), scores)


@every_structure
def test_argmax_is_zero_or_one_with_the_right_number_of_parts(case):
    scores, lengths = example(case)
    z = case.structure.argmax(scores, lengths)
    assert type(z) is type(scores)
    for part, own in zip(tensors(z), tensors(scores), strict=True):
        assert part.shape == own.shape
        assert part.dtype == own.dtype
        assert is_integral(case, part)
    if case.parts is not None:
        assert flatten(z).sum(1).tolist() == [case.parts(size) for size in SIZES]
    assert flatten(z).any()
    assert not outside(z, case.structure.part_mask(scores, lengths)).any()


@every_structure
def test_argmax_is_detached(case):
    scores, lengths = example(case)
    leaves = map_parts(lambda part: part.requires_grad_(), scores)
    assert not any(part.requires_grad for part in tensors(case.structure.argmax(leaves, lengths)))


@every_exact
def test_the_k_best_are_detached(case):
    scores, lengths = example(case, [2, 1, 2])
    leaves = map_parts(lambda part: part.requires_grad_(), scores)
    structures, totals = case.structure.top_k(leaves, 2, lengths)
    assert not any(part.requires_grad for part in (*tensors(structures), totals))


@summable
def test_sums_of_scores_without_a_gradient_have_none(case):
    scores, lengths = example(case)
    structure = case.structure
    sums = [function(scores, lengths) for function in (structure.log_partition, structure.marginals, structure.entropy)]
    soft = structured_argmax(scores, structure, Marginals(), lengths=lengths)
    assert not any(part.requires_grad for parts in (*sums, soft, scores) for part in tensors(parts))


@every_structure
def test_a_row_does_not_depend_on_the_batch(case):
    scores, lengths = example(case)
    z = case.structure.argmax(scores, lengths)
    for b, size in enumerate(SIZES):
        single = case.structure.argmax(row_of(scores, case.shape, b, size))
        assert equal(single, row_of(z, case.shape, b, size))


@every_exact
def test_argmax_beats_other_structures(case):
    scores, lengths = example(case)
    best = case.structure.score(scores, case.structure.argmax(scores, lengths), lengths)
    for seed in range(1, 6):
        other = case.structure.argmax(example(case, seed=seed)[0], lengths)
        assert (case.structure.score(scores, other, lengths) <= best + 1e-5).all()


@every_structure
def test_empty_batch_and_empty_row(case):
    scores, _ = example(case)
    nothing = map_parts(lambda part: part[:0], scores)
    empty = case.structure.argmax(nothing, torch.zeros(0, dtype=torch.int64))
    assert [part.shape for part in tensors(empty)] == [part.shape for part in tensors(nothing)]
    lengths = torch.zeros(len(SIZES), dtype=torch.int64)
    for value in (NAN, 1.0):
        filled = map_parts(lambda part, value=value: torch.full_like(part, value), scores)
        assert not flatten(case.structure.argmax(filled, lengths)).any()
        assert not flatten(case.structure.part_mask(filled, lengths)).any()
        for polytope in (case.structure.relaxation, case.structure.hull):
            assert not flatten(polytope.project(filled, lengths)).any()


@every_structure
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_any_float_dtype(case, dtype):
    scores, lengths = example(case)
    z = case.structure.argmax(to(scores, dtype), lengths)
    assert all(part.dtype == dtype for part in tensors(z))
    assert equal(z, to(case.structure.argmax(to(to(scores, dtype), torch.float32), lengths), dtype))


@every_exact
@pytest.mark.parametrize("scale", [1e4, 1e8])
def test_large_scores(case, scale):
    scores, lengths = example(case)
    # A power of two near the scale, so that scaling rounds nothing.
    scale = 2.0 ** round(torch.tensor(scale).log2().item())
    assert equal(case.structure.argmax(scaled(scores, scale), lengths), case.structure.argmax(scores, lengths))


@every_structure
def test_minus_infinity_is_the_same_as_a_mask(case):
    scores, lengths = example(case)
    chosen = case.structure.argmax(example(case, seed=9)[0], lengths)
    mask = map_parts(lambda z, half: z.bool() | half, chosen, random_mask(scores, 1))
    by_mask = case.structure.argmax(map_parts(lambda s, m: s.masked_fill(~m, NAN), scores, mask), lengths, mask)
    by_score = case.structure.argmax(map_parts(lambda s, m: s.masked_fill(~m, -torch.inf), scores, mask), lengths)
    assert equal(by_mask, by_score)
    assert not outside(by_mask, mask).any()


@every_structure
@pytest.mark.parametrize("bad", [NAN, float("inf")])
def test_a_bad_score_is_named(case, bad):
    scores, lengths = example(case)
    index, cell = first_part_of(case.structure.argmax(scores, lengths), 2)
    tensors(scores)[index][cell] = bad
    with pytest.raises(ValueError, match=r"^scores: NaN or \+inf in a candidate cell \(row 2"):
        case.structure.argmax(scores, lengths)


@every_structure
def test_a_row_with_no_structure_is_named(case):
    scores, lengths = example(case)
    mask = ones_mask(scores)
    for part in tensors(mask):
        part[1] = False
    if case.may_be_empty:
        assert not any(part[1].any() for part in tensors(case.structure.argmax(scores, lengths, mask)))
        return
    structure, z = case.structure, case.structure.argmax(scores, lengths)
    methods = [structure.argmax, structure.hull.project, lambda *given: structure.top_k(given[0], 2, *given[1:])]
    if isinstance(structure, MarginalStructure):
        methods += [structure.log_partition, structure.marginals, structure.entropy, structure.sample]
        methods.append(lambda scores, *others: structure.log_prob(scores, z, *others))
    for method in methods:
        with pytest.raises(ValueError, match="row 1"):
            method(scores, lengths, mask)


@every_structure
@pytest.mark.parametrize("length", [-1, 5])
def test_a_length_out_of_range_is_named(case, length):
    scores, lengths = example(case)
    lengths[1] = length
    with pytest.raises(ValueError, match=r"lengths.*row 1"):
        case.structure.argmax(scores, lengths)
    methods = [case.structure.argmax, lambda *given: case.structure.top_k(given[0], 2, *given[1:])]
    if isinstance(case.structure, MarginalStructure):
        methods += [getattr(case.structure, name) for name in ("log_partition", "marginals", "entropy", "sample")]
    for method in methods:
        with pytest.raises(ValueError, match=rf"^lengths: out of range .*, got \D*{length}\b.* \(row 1 "):
            method(scores, lengths)


@pytest.mark.wrong_arguments
@every_structure
def test_wrong_shapes_and_types_are_named(case):
    scores, lengths = example(case)
    argmax = case.structure.argmax
    with pytest.raises(TypeError, match=r": expected a floating-point tensor, got torch.int64"):
        argmax(map_parts(lambda part: torch.zeros(part.shape, dtype=torch.int64), scores))
    if case.structure.axis is None:
        with pytest.raises(ValueError, match=": expected shape"):
            argmax(map_parts(lambda part: part[0], scores))
    with pytest.raises(ValueError, match=r"lengths: expected shape \[3\], got \[2\]"):
        argmax(scores, lengths[:2])
    with pytest.raises(TypeError, match="lengths: expected integers"):
        argmax(scores, lengths.float())
    with pytest.raises(TypeError, match=r"mask.*: expected bool"):
        argmax(scores, lengths, map_parts(torch.ones_like, scores))
    with pytest.raises(ValueError, match=r"mask.*: expected the shape"):
        argmax(scores, lengths, map_parts(lambda _: torch.ones(11, dtype=torch.bool), scores))


class Pair(NamedTuple):
    first: torch.Tensor
    second: torch.Tensor


@pytest.mark.wrong_arguments
@every_structure
def test_scores_that_are_no_tensors_are_named(case):
    scores, _ = example(case)
    first = tensors(scores)[0]
    for given in (tuple(tensors(scores)), first.numpy(), [[0.0, 1.0]], Pair(first, first), case.structure):
        with pytest.raises(TypeError, match=rf"(scores|parts): expected .* got {type(given).__name__}"):
            case.structure.argmax(given)
        with pytest.raises(TypeError, match=rf"(scores|parts): expected .* got {type(given).__name__}"):
            structured_argmax(given, case.structure, SPIGOT())
    for dtype in (torch.int64, torch.bool, torch.complex64):
        typed = map_parts(lambda part, dtype=dtype: part.nan_to_num(0).to(dtype), scores)
        with pytest.raises(TypeError, match=rf"scores.*: expected a floating-point tensor, got {dtype}"):
            structured_argmax(typed, case.structure, SPIGOT())


@pytest.mark.wrong_arguments
@every_structure
def test_every_operation_names_what_it_cannot_take(case):
    structure = case.structure
    scores, lengths = example(case)
    scores = map_parts(lambda part: part.nan_to_num(0), scores)
    z = structure.argmax(scores, lengths)
    takes_scores = [
        lambda given: structure.top_k(given, 2),
        structure.hull.project,
        lambda given: spigot.regret(given, given, structure),
        lambda given: spigot.spo_plus_loss(given, given, structure),
        *([structure.sample, structure.entropy] if isinstance(structure, MarginalStructure) else []),
    ]
    takes_structures = [structure.contains, spigot.hamming_cost]
    if structure.compact_form is not None:
        takes_structures.append(structure.to_compact)
    first = tensors(scores)[0]
    no_tensors = [None, "scores", first.numpy(), tuple(tensors(scores)), Pair(first, first)]
    wide = map_parts(lambda part: part.to(torch.complex64), scores)
    whole = map_parts(lambda part: part.to(torch.int64), z)
    for operation in takes_scores:
        for given in (*no_tensors, wide, whole):
            with pytest.raises(TypeError, match=r": expected .*, got "):
                operation(given)
    for operation in takes_structures:
        # `hamming_cost` takes parts of any form.
        own = [given for given in no_tensors if not isinstance(given, Pair) or operation != spigot.hamming_cost]
        for given in (*own, wide, whole):
            with pytest.raises(TypeError, match=r": expected .*, got "):
                operation(given)
    if structure.axis is None:
        for given in (map_parts(lambda part: part[None], z), map_parts(lambda part: part[0], z)):
            for operation in takes_structures[:1] + takes_structures[2:]:
                with pytest.raises(ValueError, match=": expected shape"):
                    operation(given)


@pytest.mark.wrong_arguments
@every_structure
def test_lengths_of_any_integer_type(case):
    scores, lengths = example(case)
    expected = case.structure.argmax(scores, lengths)
    kinds = [SIZES, tuple(SIZES), lengths.numpy(), *(lengths.to(t) for t in (torch.uint8, torch.int8, torch.int32))]
    for given in kinds:
        assert equal(case.structure.argmax(scores, given), expected)
        assert equal(structured_argmax(scores, case.structure, SPIGOT(), lengths=given), expected)
        for polytope in (case.structure.relaxation, case.structure.hull):
            assert equal(polytope.project(scores, given), polytope.project(scores, lengths))
    for given in ([4.0, 1.0, 3.0], "413", [True, True, True], [4, None, 3]):
        with pytest.raises(TypeError, match=r"lengths: expected .*integers"):
            case.structure.argmax(scores, given)


@every_structure
def test_a_mask_broadcasts(case):
    structure = case.structure
    scores = map_parts(lambda part: part.nan_to_num(0.5), example(case)[0])
    first = map_parts(lambda part: part[:1], scores)
    chosen = structure.argmax(map_parts(torch.neg, first))
    one_row = map_parts(lambda z, half: z.bool() | half, chosen, random_mask(first, 1))
    without_batch = map_parts(lambda row: row[0], one_row)
    full = map_parts(lambda row, part: row.expand(part.shape).contiguous(), one_row, scores)

    def drawn(scores, lengths, mask):
        generator = torch.Generator().manual_seed(0)
        return structured_argmax(scores, structure, Perturbed(generator=generator), mask=mask)

    functions = [structure.argmax, structure.relaxation.project, structure.hull.project, drawn]
    functions.append(lambda s, _, m: structured_argmax(s, structure, SPIGOT(), mask=m))
    if isinstance(structure, MarginalStructure):
        functions += [structure.marginals, structure.log_partition]
        functions.append(lambda s, _, m: structure.sample_seeded(s, torch.arange(3), None, m))
    for function in functions:
        expected = function(scores, None, full)
        for mask in (one_row, without_batch):
            assert equal(function(scores, None, mask), expected)


@every_structure
def test_tensors_of_different_types_are_promoted(case):
    if not hasattr(case.shape(1), "_fields"):
        pytest.skip("one tensor")
    scores, lengths = example(case)
    types = [torch.bfloat16, torch.float32, torch.float64, torch.float64][: len(scores)]
    mixed = like(scores, tuple(part.to(dtype) for part, dtype in zip(scores, types, strict=True)))
    wide = to(mixed, torch.float64)
    z = case.structure.argmax(mixed, lengths)
    assert [part.dtype for part in z] == types
    assert equal(to(z, torch.float64), case.structure.argmax(wide, lengths))
    assert case.structure.score(mixed, z, lengths).dtype == types[-1]
    leaves = map_parts(lambda part: part.clone().requires_grad_(), mixed)
    output = structured_argmax(leaves, case.structure, SPIGOT(), lengths=lengths)
    assert equal(map_parts(torch.detach, output), z)
    assert [grad.dtype for grad in torch.autograd.grad(flatten(output).sum(), leaves)] == types
    if isinstance(case.structure, MarginalStructure):
        found, expected = case.structure.log_partition(mixed, lengths), case.structure.log_partition(wide, lengths)
        assert torch.allclose(found.double(), expected, rtol=1e-6)


@every_structure
def test_the_relaxation_contains_the_structures(case):
    scores, lengths = example(case)
    z = case.structure.argmax(scores, lengths)
    for polytope in (case.structure.relaxation, case.structure.hull):
        assert torch.allclose(flatten(polytope.project(z, lengths)), flatten(z), atol=1e-6)


@summable
def test_marginals_are_the_gradient_of_the_log_partition(case):
    scores, lengths = example(case)
    leaves = leaves_of(scores)
    grads = torch.autograd.grad(case.structure.log_partition(leaves, lengths).sum(), tensors(leaves))
    marginals = case.structure.marginals(leaves, lengths)
    for part, grad in zip(tensors(marginals), grads, strict=True):
        assert torch.allclose(part, grad, atol=1e-12)
        assert (part >= 0).all()
        assert case.counts or (part <= 1 + 1e-12).all()
    if case.parts is not None:
        expected = torch.tensor([case.parts(s) for s in SIZES]).double()
        assert torch.allclose(flatten(marginals).sum(1), expected)


@summable
def test_true_derivatives(case):
    scores, lengths = example(case, [3, 2])
    leaves = map_parts(lambda part: part.nan_to_num(0).double().requires_grad_(), scores)
    structure = case.structure

    def of_tensors(function):
        return lambda *parts: tensors(function(like(scores, parts), lengths))

    for function in (structure.log_partition, structure.marginals, structure.entropy):
        assert torch.autograd.gradcheck(of_tensors(function), tensors(leaves))
    assert torch.autograd.gradgradcheck(of_tensors(structure.log_partition), tensors(leaves))


@summable
def test_the_layer_reads_no_gradient_in_padding(case):
    scores, lengths = example(case)
    leaves = leaves_of(scores)
    valid = case.structure.part_mask(leaves, lengths)
    generator = torch.Generator().manual_seed(3)
    grad = map_parts(lambda part: torch.randn(part.shape, generator=generator, dtype=torch.float64), scores)
    marginals = case.structure.marginals(leaves, lengths)
    expected = torch.autograd.grad(tensors(marginals), tensors(leaves), tensors(grad))
    poisoned = map_parts(lambda g, cells: g.masked_fill(~cells, NAN), grad, valid)
    output = structured_argmax(leaves, case.structure, Marginals(), lengths=lengths)
    found = torch.autograd.grad(tensors(output), tensors(leaves), tensors(poisoned))
    for part, other in zip(found, expected, strict=True):
        assert torch.allclose(part, other, atol=1e-12)
    assert not outside(like(scores, found), valid).any()


@summable
@pytest.mark.parametrize("scale", [1e4, 1e8])
def test_marginals_of_large_scores(case, scale):
    scores, lengths = example(case)
    marginals = case.structure.marginals(scaled(scores, scale), lengths)
    assert torch.allclose(flatten(marginals), flatten(case.structure.argmax(scores, lengths)), atol=1e-6)
    assert torch.isfinite(case.structure.log_partition(scaled(scores, scale), lengths)).all()


@summable
def test_log_prob_and_entropy(case):
    scores, lengths = example(case)
    z = case.structure.argmax(scores, lengths)
    log_prob = case.structure.log_prob(scores, z, lengths)
    assert (log_prob <= 1e-6).all()
    entropy = case.structure.entropy(scores, lengths)
    assert (entropy >= -log_prob - 1e-5).all()
    # The parts of the others count, too: a structure with all these parts and more must not come near it.
    margins = map_parts(lambda s, one: (s + 200 * one - 100).double(), scores, z)
    peaked = case.structure.log_prob(margins, map_parts(torch.Tensor.double, z), lengths)
    assert torch.allclose(peaked, torch.zeros(3).double(), atol=1e-4)
    if case.unique:
        return
    # Some parts belong to every structure.
    probability = case.structure.marginals(scores, lengths)
    index, cell = first_part_of(map_parts(lambda one, p: one * (p < 1 - 1e-6), z, probability), 0)
    allowed = ones_mask(scores)
    tensors(allowed)[index][cell] = False
    other = case.structure.argmax(scores, lengths, allowed)
    assert case.structure.log_prob(scores, z, lengths, allowed)[0] == float("-inf")
    assert torch.isfinite(case.structure.log_prob(scores, other, lengths, allowed)).all()


@summable
def test_samples_follow_the_marginals(case):
    scores, _ = example(case, [3])
    count = 4000
    many = map_parts(lambda part: part.expand(count, *part.shape[1:]), scores)
    samples = case.structure.sample(many, generator=torch.Generator().manual_seed(0))
    flat = flatten(samples)
    assert is_integral(case, flat)
    expected = flatten(case.structure.marginals(scores))[0]
    # Five standard deviations of a mean of Bernoulli variables; of counts, at most twice as many.
    deviation = (expected * (2 if case.counts else 1 - expected) / count).sqrt()
    assert ((flat.mean(0) - expected).abs() <= 5 * deviation + 1e-6).all()
    leaves = map_parts(lambda part: part.clone().requires_grad_(), scores)
    assert not any(part.requires_grad for part in tensors(case.structure.sample(leaves)))
    assert equal(samples, case.structure.sample(many, generator=torch.Generator().manual_seed(0)))


@summable
def test_a_sample_depends_on_the_candidates_of_its_row_alone(case):
    scores, lengths = example(case)
    padded, _ = example(case, full=case.widest)
    other, _ = example(case, seed=1)
    for seed in range(10):

        def sample(scores, lengths=None, rows_before=0, seed=seed):
            generator = torch.Generator().manual_seed(seed)
            torch.randint(2**63 - 1, (rows_before, 1), generator=generator)
            return case.structure.sample(scores, lengths, generator=generator)

        samples, in_padding = sample(scores, lengths), sample(padded, lengths)
        for b, size in enumerate(SIZES):
            alone = row_of(samples, case.shape, b, size)
            assert equal(row_of(in_padding, case.shape, b, size), alone)
            assert equal(sample(row_of(scores, case.shape, b, size), rows_before=b), alone)
            among_others = map_parts(torch.clone, other)
            for part, own in zip(tensors(among_others), tensors(scores), strict=True):
                part[b] = own[b]
            assert equal(row_of(sample(among_others, lengths), case.shape, b, size), alone)


@summable
def test_an_empty_row_has_one_structure(case):
    scores, _ = example(case)
    lengths = torch.zeros(len(SIZES), dtype=torch.int64)
    nothing = map_parts(lambda part: torch.full_like(part, NAN), scores)
    assert case.structure.log_partition(nothing, lengths).tolist() == [0, 0, 0]
    entropy = case.structure.entropy(nothing, lengths)
    assert entropy.tolist() == [0, 0, 0]
    assert not entropy.signbit().any()
    assert not flatten(case.structure.marginals(nothing, lengths)).any()
    assert not flatten(case.structure.sample(nothing, lengths)).any()


def mixture(case, size, scale, huge, dtype, seed):
    """Return small random scores of one row, to `huge` of which `scale` is added or subtracted."""
    scores = to(batch_of(case.shape, [size], seed), dtype)
    flat = flatten(scores)
    generator = torch.Generator().manual_seed(seed)
    for cell in torch.randperm(flat.size(1), generator=generator)[:huge].tolist():
        flat[0, cell] += scale * (1 if torch.rand((), generator=generator) < 0.7 else -1)
    return unflatten(flat, scores)


@cache
def listed(case, size):
    """Return all structures of a row of a size, flat."""
    zeros = map_parts(torch.zeros_like, batch_of(case.shape, [size], 0))
    if isinstance(case.structure, DynamicProgram):
        return flatten(
            map_parts(lambda part: part[0], case.structure.top_k(zeros, int(case.structure.count(zeros)))[0])
        )
    return flatten(all_structures(case.structure, zeros)[0])


def distribution(case, size, scores):
    """Return all structures of one row, flat, and the logarithms of their probabilities, from exact totals."""
    structures = listed(case, size).double()
    values = [Fraction(value) for value in flatten(scores)[0].double().nan_to_num(0).tolist()]
    totals = [sum((int(n) * values[part] for part, n in enumerate(z.tolist()) if n), Fraction(0)) for z in structures]
    gaps = torch.tensor([float(total - max(totals)) for total in totals], dtype=torch.float64)
    return structures, gaps.log_softmax(0)


@summable
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [1.0, 1e3, 1e6, 1e9, 1e16, 1e30])
def test_scores_of_very_different_sizes(case, scale, dtype):
    # Sums over labels are rounded before the trees are summed.
    labels = getattr(case.structure, "labels", False)
    tolerance = 1e-10 if dtype is torch.float64 else 1e-5
    program = isinstance(case.structure, DynamicProgram)
    for seed in range(4 if program else 6):
        size = 3 if labels or program or case.name == "linear-chain" else 4
        scores = mixture(case, size, scale, 1 + seed % 4 * 2, dtype, seed)
        structures, log_p = distribution(case, size, scores)
        p = log_p.exp()
        marginals = flatten(case.structure.marginals(scores))[0].double()
        entropy = case.structure.entropy(scores)[0].double()
        assert (marginals >= 0).all()
        assert case.counts or (marginals <= 1).all()
        if case.parts is not None:
            assert marginals.sum().item() == pytest.approx(case.parts(size), abs=10 * tolerance)
        assert -tolerance <= entropy <= math.log(len(structures)) + tolerance
        drawn = case.structure.sample(map_parts(lambda part: part.expand(8, *part.shape[1:]), scores))
        drawn_log_p = case.structure.log_prob(
            map_parts(lambda part: part.expand(8, *part.shape[1:]), scores), drawn
        ).double()
        assert (drawn_log_p <= 0).all()
        best = case.structure.argmax(scores)
        assert case.structure.log_prob(scores, best)[0] <= 0
        if labels:
            continue
        assert torch.allclose(marginals, p @ structures, atol=tolerance, rtol=0)
        assert entropy.item() == pytest.approx(-(p * log_p.clamp(min=-1e6)).sum().item(), abs=tolerance)
        for z, own in zip(flatten(drawn).double(), drawn_log_p, strict=True):
            expected = log_p[(structures == z).all(1)]
            assert own.item() == pytest.approx(expected.item(), abs=tolerance, rel=1e-6)
            assert own > -40  # far from impossible
        leaves = map_parts(lambda part: part.clone().requires_grad_(), scores)
        slopes = torch.autograd.grad(case.structure.entropy(leaves).sum(), tensors(leaves))
        kept = torch.where(p > 0, log_p, 0.0)
        expected = -((p * kept) @ structures - (p @ kept) * (p @ structures))
        found = torch.cat([slope.flatten() for slope in slopes]).double()
        assert torch.allclose(found, expected, atol=tolerance, rtol=0)
