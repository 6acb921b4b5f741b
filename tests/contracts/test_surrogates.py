"""What every surrogate promises on every structure it can serve, through the layer itself."""

import copy
import dataclasses

import pytest
import torch

from spigot import MarginalStructure, ScoreFunction, structured_argmax
from spigot.structured.parts.base import flatten, inner, like, map_parts, masked, tensors
from tests.contracts.registry import (
    NEEDS_MARGINALS,
    STRUCTURES,
    SURROGATES,
    batch_of,
    equal,
    outside,
    random_mask,
    row_of,
    to,
)

SIZES = [4, 1, 3]
PAIRS = [
    pytest.param(case, surrogate, id=f"{case.name}-{name}")
    for case in STRUCTURES
    for name, surrogate in SURROGATES.items()
    if isinstance(case.structure, MarginalStructure) or not isinstance(surrogate, NEEDS_MARGINALS)
]
every_pair = pytest.mark.parametrize(("case", "surrogate"), PAIRS)


def run(case, surrogate, scores, lengths, grad, mask=None, row=0):
    """Run forward and backward. `row`: which row of a batch the first one is to be as far as its noise goes.

    Each call begins with the same random numbers, and a surrogate that adapts itself with what it was set to.
    """
    torch.manual_seed(0)
    torch.randint(2**63 - 1, (row, 1))
    surrogate = copy.deepcopy(surrogate)
    valid = case.structure.part_mask(scores, lengths, mask)

    def downstream(z):
        # In float64: then a row's sum is the same whatever its padding.
        return inner(masked(to(grad, torch.float64), valid), z)

    leaves = map_parts(lambda part: part.clone().requires_grad_(), scores)
    rest = {"lengths": lengths, "mask": mask}
    if isinstance(surrogate, ScoreFunction):
        rest["downstream"] = downstream
    output = structured_argmax(leaves, case.structure, surrogate, **rest)
    grads = torch.autograd.grad(tensors(output), tensors(leaves), tensors(grad))
    return map_parts(torch.detach, output), like(scores, grads)


def example(case, seed=0):
    scores = batch_of(case.shape, SIZES, seed)
    return scores, torch.tensor(SIZES), batch_of(case.shape, SIZES, seed + 1)


@every_pair
def test_padding_is_not_read_forward_or_backward(case, surrogate):
    scores, lengths, grad = example(case)
    output, scores_grad = run(case, surrogate, scores, lengths, grad)
    valid = case.structure.part_mask(scores, lengths)
    assert outside(scores, valid).numel()
    assert not outside(output, valid).any()
    assert not outside(scores_grad, valid).any()
    generator = torch.Generator().manual_seed(5)
    noise = map_parts(lambda part: torch.randn(part.shape, generator=generator), scores)
    other_scores, other_grad = (map_parts(torch.where, valid, parts, noise) for parts in (scores, grad))
    same = run(case, surrogate, other_scores, lengths, other_grad)
    assert equal(same[0], output)
    assert equal(same[1], scores_grad)


@every_pair
def test_a_row_does_not_depend_on_neighbours_or_padding(case, surrogate):
    scores, lengths, grad = example(case)
    together = run(case, surrogate, scores, lengths, grad)
    wider = (batch_of(case.shape, SIZES, seed, full=case.widest) for seed in (0, 1))
    padded = run(case, surrogate, next(wider), lengths, next(wider))
    for b, size in enumerate(SIZES):
        alone, its_grad = (row_of(parts, case.shape, b, size) for parts in (scores, grad))
        single = run(case, surrogate, alone, None, its_grad, row=b)
        for found in (together, padded):
            assert equal(single[0], row_of(found[0], case.shape, b, size))
            assert equal(single[1], row_of(found[1], case.shape, b, size))


@every_pair
def test_parts_outside_the_mask_get_no_gradient(case, surrogate):
    scores, lengths, grad = example(case)
    chosen = case.structure.argmax(scores, lengths)
    mask = map_parts(lambda z, half: z.bool() | half, chosen, random_mask(scores, 2))
    _, scores_grad = run(case, surrogate, scores, lengths, grad, mask)
    assert not outside(scores_grad, mask).any()


@every_pair
def test_half_precision_comes_back_as_it_came(case, surrogate):
    scores, lengths, grad = example(case)
    scores, grad = to(scores, torch.bfloat16), to(grad, torch.bfloat16)
    output, scores_grad = run(case, surrogate, scores, lengths, grad)
    assert all(part.dtype == torch.bfloat16 for part in (*tensors(output), *tensors(scores_grad)))
    wide = run(case, surrogate, to(scores, torch.float32), lengths, to(grad, torch.float32))
    assert equal(output, to(wide[0], torch.bfloat16))
    assert equal(scores_grad, to(wide[1], torch.bfloat16))


@every_pair
def test_equal_settings_are_equal(case, surrogate):
    settings = {field.name: getattr(surrogate, field.name) for field in dataclasses.fields(surrogate) if field.init}
    assert surrogate == type(surrogate)(**settings)
    assert hash(surrogate) == hash(surrogate)
    assert type(surrogate).__name__ in repr(surrogate)
    assert type(case.structure).__name__ in repr(case.structure)


@every_pair
def test_empty_batch(case, surrogate):
    scores, lengths, grad = (map_parts(lambda part: part[:0], parts) for parts in example(case))
    output, scores_grad = run(case, surrogate, scores, lengths, grad)
    for part, own, its_grad in zip(*map(tensors, (output, scores, scores_grad)), strict=True):
        assert part.shape == its_grad.shape == own.shape
    assert flatten(output).size(0) == 0
