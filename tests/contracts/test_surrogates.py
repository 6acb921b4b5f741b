"""What every surrogate promises on every structure it can serve, through the layer itself."""

import copy
import dataclasses

import pytest
import torch

from spigot import Matching, ProjectiveTree, structured_argmax
from spigot.structured.parts.base import flatten, inner, like, map_parts, masked, tensors
from tests.contracts.registry import (
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
    if surrogate.serves(case.structure)
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
    if surrogate.needs_downstream:
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


def is_whole(parts):
    return bool(((flatten(parts) == 0) | (flatten(parts) == 1)).all())


@pytest.mark.parametrize("surrogate", SURROGATES.values(), ids=SURROGATES)
def test_class_facts_are_true(surrogate):
    whole, moved = [], []
    for seed in range(3):
        scores, lengths, grad = example(STRUCTURES[0], seed)
        output, scores_grad = run(STRUCTURES[0], surrogate, scores, lengths, 3 * grad)
        whole.append(is_whole(output))
        moved.append(bool(scores_grad.any()))
    assert all(whole) != surrogate.relaxes
    assert any(moved) == surrogate.passes_gradient
    leaf = torch.randn(2, 3, 3, requires_grad=True)
    if surrogate.needs_downstream:
        with pytest.raises(ValueError, match="downstream"):
            structured_argmax(leaf, ProjectiveTree(), surrogate).sum().backward()
    assert surrogate.serves(ProjectiveTree())
    assert surrogate.serves(Matching()) != surrogate.needs_marginals
    if surrogate.needs_marginals:
        with pytest.raises(TypeError, match="needs a MarginalStructure, but Matching"):
            structured_argmax(leaf, Matching(), surrogate)
    else:
        assert structured_argmax(leaf, Matching(), surrogate).shape == leaf.shape


@every_pair
def test_a_second_derivative_is_true_or_an_error(case, surrogate):
    scores, lengths, grad = (
        map_parts(lambda part: part.nan_to_num(0).double(), parts) if index != 1 else parts
        for index, parts in enumerate(example(case))
    )
    if surrogate.needs_downstream:
        pytest.skip("its gradient is not that of the output")
    direction = map_parts(lambda part: part.nan_to_num(0).double(), batch_of(case.shape, SIZES, 7))

    def penalty(leaves):
        """The square of the gradient of a linear loss plus a quadratic one."""
        output = structured_argmax(leaves, case.structure, copy.deepcopy(surrogate), lengths=lengths)
        loss = (flatten(output) * flatten(grad) + flatten(output) ** 2).sum()
        grads = torch.autograd.grad(loss, tensors(leaves), create_graph=True)
        return flatten(like(leaves, grads)).square().sum()

    def at(step):
        moved = map_parts(lambda s, d: (s + step * d).requires_grad_(), scores, direction)
        torch.manual_seed(0)
        return penalty(moved), moved

    value, leaves = at(0.0)
    if not surrogate.passes_gradient:
        assert not value.requires_grad
        return
    assert value.requires_grad
    try:
        found = torch.autograd.grad(value, tensors(leaves))
    except RuntimeError as error:
        if "expected to be differentiated once" not in str(error):
            raise
        return
    slope = inner(like(leaves, found), direction).sum()
    expected = (at(1e-5)[0] - at(-1e-5)[0]) / 2e-5
    assert torch.allclose(slope, expected, rtol=1e-4, atol=1e-6)
