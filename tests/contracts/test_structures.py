"""What every structure promises, whatever it is a structure of."""

import pytest
import torch

from spigot import MarginalStructure
from tests.contracts.registry import STRUCTURES, batch_of

NAN = float("nan")
SIZES = [4, 1, 3]
every_structure = pytest.mark.parametrize("case", STRUCTURES, ids=lambda case: case.name)
summable = pytest.mark.parametrize(
    "case", [c for c in STRUCTURES if isinstance(c.structure, MarginalStructure)], ids=lambda case: case.name
)


def example(case, sizes=SIZES, seed=0, full=0):
    return batch_of(case.shape, sizes, seed, full), torch.tensor(sizes)


def alone(scores, case, b, size):
    """Row b without padding."""
    return scores[(slice(b, b + 1), *(slice(extent) for extent in case.shape(size)))]


@every_structure
def test_argmax_is_zero_or_one_with_the_right_number_of_parts(case):
    scores, lengths = example(case)
    z = case.structure.argmax(scores, lengths)
    assert z.shape == scores.shape
    assert z.dtype == scores.dtype
    assert ((z == 0) | (z == 1)).all()
    assert z.flatten(1).sum(1).tolist() == [case.parts(size) for size in SIZES]
    assert not z[~case.structure.part_mask(scores, lengths)].any()


@every_structure
def test_argmax_is_detached(case):
    scores, lengths = example(case)
    assert not case.structure.argmax(scores.requires_grad_(), lengths).requires_grad


@every_structure
def test_a_row_does_not_depend_on_the_batch(case):
    scores, lengths = example(case)
    z = case.structure.argmax(scores, lengths)
    for b, size in enumerate(SIZES):
        single = case.structure.argmax(alone(scores, case, b, size))
        assert torch.equal(single, alone(z, case, b, size))


@every_structure
def test_argmax_beats_other_structures(case):
    scores, lengths = example(case)
    best = case.structure.score(scores, case.structure.argmax(scores, lengths), lengths)
    for seed in range(1, 6):
        other = case.structure.argmax(example(case, seed=seed)[0], lengths)
        assert (case.structure.score(scores, other, lengths) <= best + 1e-5).all()


@every_structure
def test_empty_batch_and_empty_row(case):
    scores, _ = example(case)
    assert case.structure.argmax(scores[:0], torch.zeros(0, dtype=torch.int64)).shape == scores[:0].shape
    lengths = torch.zeros(len(SIZES), dtype=torch.int64)
    assert not case.structure.argmax(torch.full_like(scores, NAN), lengths).any()


@every_structure
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_any_float_dtype(case, dtype):
    scores, lengths = example(case)
    z = case.structure.argmax(scores.to(dtype), lengths)
    assert z.dtype == dtype
    assert torch.equal(z, case.structure.argmax(scores.to(dtype).float(), lengths).to(dtype))


@every_structure
@pytest.mark.parametrize("scale", [1e4, 1e8])
def test_large_scores(case, scale):
    scores, lengths = example(case)
    # A power of two near the scale, so that scaling rounds nothing.
    scale = 2.0 ** round(torch.tensor(scale).log2().item())
    assert torch.equal(case.structure.argmax(scores * scale, lengths), case.structure.argmax(scores, lengths))


@every_structure
def test_minus_infinity_is_the_same_as_a_mask(case):
    scores, lengths = example(case)
    chosen = case.structure.argmax(example(case, seed=9)[0], lengths).bool()
    mask = chosen | (torch.rand(scores.shape, generator=torch.Generator().manual_seed(1)) < 0.5)
    by_mask = case.structure.argmax(scores.masked_fill(~mask, NAN), lengths, mask)
    by_score = case.structure.argmax(scores.masked_fill(~mask, float("-inf")), lengths)
    assert torch.equal(by_mask, by_score)
    assert not by_mask[~mask].any()


@every_structure
@pytest.mark.parametrize("bad", [NAN, float("inf")])
def test_a_bad_score_is_named(case, bad):
    scores, lengths = example(case)
    chosen = case.structure.argmax(scores, lengths)
    cell = tuple(chosen[2].nonzero()[0].tolist())
    scores[(2, *cell)] = bad
    with pytest.raises(ValueError, match=r"NaN or \+inf .*sentence 2"):
        case.structure.argmax(scores, lengths)


@every_structure
def test_a_row_with_no_structure_is_named(case):
    scores, lengths = example(case)
    mask = torch.ones(scores.shape, dtype=torch.bool)
    mask[1] = False
    with pytest.raises(ValueError, match="sentence 1"):
        case.structure.argmax(scores, lengths, mask)


@every_structure
@pytest.mark.parametrize("length", [-1, 5])
def test_a_length_out_of_range_is_named(case, length):
    scores, lengths = example(case)
    lengths[1] = length
    with pytest.raises(ValueError, match=r"lengths.*sentence 1"):
        case.structure.argmax(scores, lengths)


@every_structure
def test_wrong_shapes_and_types_are_named(case):
    scores, lengths = example(case)
    argmax = case.structure.argmax
    with pytest.raises(TypeError, match=r"scores: expected a floating-point tensor, got torch.int64"):
        argmax(torch.zeros(scores.shape, dtype=torch.int64))
    with pytest.raises(ValueError, match="scores: expected shape"):
        argmax(scores[0])
    with pytest.raises(ValueError, match=r"lengths: expected shape \[3\], got \[2\]"):
        argmax(scores, lengths[:2])
    with pytest.raises(TypeError, match="lengths: expected integers"):
        argmax(scores, lengths.float())
    with pytest.raises(TypeError, match="mask: expected bool"):
        argmax(scores, lengths, torch.ones_like(scores))
    with pytest.raises(ValueError, match="mask: expected the shape"):
        argmax(scores, lengths, torch.ones(1, dtype=torch.bool))


@every_structure
def test_the_relaxation_contains_the_structures(case):
    scores, lengths = example(case)
    z = case.structure.argmax(scores, lengths)
    assert torch.allclose(case.structure.relaxation.project(z, lengths), z, atol=1e-6)


@summable
def test_marginals_are_the_gradient_of_the_log_partition(case):
    scores, lengths = example(case)
    scores = scores.double().requires_grad_()
    (grad,) = torch.autograd.grad(case.structure.log_partition(scores, lengths).sum(), scores)
    marginals = case.structure.marginals(scores, lengths)
    assert torch.allclose(marginals, grad, atol=1e-12)
    assert ((marginals >= 0) & (marginals <= 1 + 1e-12)).all()
    assert torch.allclose(marginals.flatten(1).sum(1), torch.tensor([case.parts(s) for s in SIZES]).double())


@summable
def test_true_derivatives(case):
    scores, lengths = example(case, [3, 2])
    scores = scores.nan_to_num(0).double().requires_grad_()
    for function in (case.structure.log_partition, case.structure.marginals, case.structure.entropy):
        assert torch.autograd.gradcheck(lambda s, f=function: f(s, lengths), scores)
    assert torch.autograd.gradgradcheck(lambda s: case.structure.log_partition(s, lengths), scores)


@summable
def test_vjp_agrees_with_autograd_and_reads_no_padding(case):
    scores, lengths = example(case)
    scores = scores.double().requires_grad_()
    valid = case.structure.part_mask(scores, lengths)
    grad = torch.randn(scores.shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    (expected,) = torch.autograd.grad(case.structure.marginals(scores, lengths), scores, grad)
    vjp = case.structure.marginals_vjp(scores.detach(), grad.masked_fill(~valid, NAN), lengths)
    assert torch.allclose(vjp, expected, atol=1e-12)
    assert not vjp[~valid].any()


@summable
@pytest.mark.parametrize("scale", [1e4, 1e8])
def test_marginals_of_large_scores(case, scale):
    scores, lengths = example(case)
    marginals = case.structure.marginals(scores * scale, lengths)
    assert torch.allclose(marginals, case.structure.argmax(scores, lengths), atol=1e-6)
    assert torch.isfinite(case.structure.log_partition(scores * scale, lengths)).all()


@summable
def test_log_prob_and_entropy(case):
    scores, lengths = example(case)
    z = case.structure.argmax(scores, lengths)
    log_prob = case.structure.log_prob(scores, z, lengths)
    assert (log_prob <= 1e-6).all()
    entropy = case.structure.entropy(scores, lengths)
    assert (entropy >= -log_prob - 1e-5).all()
    peaked = case.structure.log_prob(scores + 100 * torch.nan_to_num(z), z, lengths)
    assert torch.allclose(peaked, torch.zeros(3), atol=1e-4)
    refused = torch.ones(scores.shape, dtype=torch.bool)
    refused[0] = ~z[0].bool()
    other = case.structure.argmax(scores, lengths, refused)
    assert case.structure.log_prob(scores, z, lengths, refused)[0] == float("-inf")
    assert torch.isfinite(case.structure.log_prob(scores, other, lengths, refused)).all()


@summable
def test_samples_follow_the_marginals(case):
    scores, _ = example(case, [3])
    count = 4000
    generator = torch.Generator().manual_seed(0)
    samples = case.structure.sample(scores.expand(count, *scores.shape[1:]), generator=generator)
    assert ((samples == 0) | (samples == 1)).all()
    expected = case.structure.marginals(scores)[0]
    # Five standard deviations of a mean of Bernoulli variables.
    assert ((samples.mean(0) - expected).abs() <= 5 * (expected * (1 - expected) / count).sqrt() + 1e-6).all()
    assert not case.structure.sample(scores.clone().requires_grad_()).requires_grad
    again = case.structure.sample(scores.expand(count, *scores.shape[1:]), generator=torch.Generator().manual_seed(0))
    assert torch.equal(samples, again)


@summable
def test_an_empty_row_has_one_structure(case):
    scores, _ = example(case)
    lengths = torch.zeros(len(SIZES), dtype=torch.int64)
    nothing = torch.full_like(scores, NAN)
    assert case.structure.log_partition(nothing, lengths).tolist() == [0, 0, 0]
    assert case.structure.entropy(nothing, lengths).tolist() == [0, 0, 0]
    assert not case.structure.marginals(nothing, lengths).any()
    assert not case.structure.sample(nothing, lengths).any()
