"""What every surrogate promises on every structure it can serve, through the layer itself."""

import pytest
import torch

from spigot import Marginals, MarginalStructure, structured_argmax
from tests.contracts.registry import STRUCTURES, SURROGATES, batch_of

NAN = float("nan")
SIZES = [4, 1, 3]
PAIRS = [
    pytest.param(case, surrogate, id=f"{case.name}-{name}")
    for case in STRUCTURES
    for name, surrogate in SURROGATES.items()
    if isinstance(case.structure, MarginalStructure) or not isinstance(surrogate, Marginals)
]
every_pair = pytest.mark.parametrize(("case", "surrogate"), PAIRS)


def run(case, surrogate, scores, lengths, grad, mask=None):
    leaf = scores.clone().requires_grad_()
    output = structured_argmax(leaf, case.structure, surrogate, lengths=lengths, mask=mask)
    return output.detach(), torch.autograd.grad(output, leaf, grad)[0]


def example(case, seed=0):
    scores = batch_of(case.shape, SIZES, seed)
    return scores, torch.tensor(SIZES), batch_of(case.shape, SIZES, seed + 1)


@every_pair
def test_padding_is_not_read_forward_or_backward(case, surrogate):
    scores, lengths, grad = example(case)
    output, scores_grad = run(case, surrogate, scores, lengths, grad)
    outside = ~case.structure.part_mask(scores, lengths)
    assert outside.any()
    assert not output[outside].any()
    assert not scores_grad[outside].any()
    noise = torch.randn(scores.shape, generator=torch.Generator().manual_seed(5))
    same = run(case, surrogate, scores.where(~outside, noise), lengths, grad.where(~outside, noise))
    assert torch.equal(same[0], output)
    assert torch.equal(same[1], scores_grad)


@every_pair
def test_a_row_does_not_depend_on_the_batch(case, surrogate):
    scores, lengths, grad = example(case)
    _, scores_grad = run(case, surrogate, scores, lengths, grad)
    for b, size in enumerate(SIZES):
        extent = (slice(b, b + 1), *(slice(e) for e in case.shape(size)))
        _, single = run(case, surrogate, scores[extent], None, grad[extent])
        assert torch.equal(single, scores_grad[extent])


@every_pair
def test_parts_outside_the_mask_get_no_gradient(case, surrogate):
    scores, lengths, grad = example(case)
    mask = case.structure.argmax(scores, lengths).bool()
    mask |= torch.rand(scores.shape, generator=torch.Generator().manual_seed(2)) < 0.5
    _, scores_grad = run(case, surrogate, scores, lengths, grad, mask)
    assert not scores_grad[~mask].any()


@every_pair
def test_half_precision_comes_back_as_it_came(case, surrogate):
    scores, lengths, grad = example(case)
    output, scores_grad = run(case, surrogate, scores.bfloat16(), lengths, grad.bfloat16())
    assert output.dtype == scores_grad.dtype == torch.bfloat16
    wide = run(case, surrogate, scores.bfloat16().float(), lengths, grad.bfloat16().float())
    assert torch.equal(output, wide[0].bfloat16())
    assert torch.equal(scores_grad, wide[1].bfloat16())


@every_pair
def test_equal_settings_are_equal(case, surrogate):
    assert surrogate == type(surrogate)(**{name: getattr(surrogate, name) for name in surrogate.__dataclass_fields__})
    assert hash(surrogate) == hash(surrogate)
    assert type(surrogate).__name__ in repr(surrogate)
    assert type(case.structure).__name__ in repr(case.structure)


@every_pair
def test_empty_batch(case, surrogate):
    scores, lengths, grad = example(case)
    output, scores_grad = run(case, surrogate, scores[:0], lengths[:0], grad[:0])
    assert output.shape == scores_grad.shape == scores[:0].shape
