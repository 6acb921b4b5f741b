"""Chains whose transitions are the same at all positions: as if each step had a copy of them."""

import numpy as np
import pytest
import torch

from spigot import (
    SPIGOT,
    SPIGOTCE,
    ChainSimplices,
    LinearChain,
    LinearChainParts,
    all_structures,
    hamming_cost,
    hinge_loss,
    negative_log_likelihood,
    structured_argmax,
)
from spigot.structured.kernels.chain.shared import SHARED_CHAIN
from spigot.structured.parts.base import map_parts
from tests.contracts.registry import equal
from tests.oracles.qp import project

CHAIN = LinearChain()
INF = float("inf")


def draw(batch, positions, tags, scale, seed, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    emissions = scale * torch.randn(batch, positions, tags, generator=generator, dtype=dtype)
    transitions = scale * torch.randn(tags, tags, generator=generator, dtype=dtype)
    lengths = torch.randint(0, positions + 1, (batch,), generator=generator)
    lengths[0] = positions
    return emissions, transitions, lengths


def both(emissions, transitions):
    """Return the two forms of the same scores."""
    batch, positions, tags = emissions.shape
    copies = transitions.expand(batch, max(positions - 1, 0), tags, tags)
    return LinearChainParts.shared(emissions, transitions), LinearChainParts(emissions, copies)


def counted(chains):
    return chains._replace(transitions=chains.transitions.sum(1, keepdim=True))


@pytest.mark.parametrize(("batch", "positions", "tags"), [(3, 5, 3), (2, 1, 3), (2, 2, 3), (4, 9, 4)])
@pytest.mark.parametrize("scale", [0.0, 1.0, 50.0, 1e5, 1e16])
@pytest.mark.parametrize("forbidden", [False, True])
def test_all_operations(batch, positions, tags, scale, forbidden):
    emissions, transitions, lengths = draw(batch, positions, tags, scale, 0)
    if forbidden:
        transitions[0, 1] = transitions[2, 2] = emissions[:, 0, 1] = -INF
    emissions.requires_grad_()
    transitions.requires_grad_()
    shared, copied = both(emissions, transitions)
    for operation in (CHAIN.log_partition, CHAIN.entropy):
        found, expected = operation(shared, lengths), operation(copied, lengths)
        assert torch.allclose(found, expected, rtol=1e-12, atol=1e-11)
        of_found, of_expected = (
            torch.autograd.grad(total.sum(), (emissions, transitions), materialize_grads=True, allow_unused=True)
            for total in (found, expected)
        )
        for a, b in zip(of_found, of_expected, strict=True):
            assert torch.allclose(a, b, atol=1e-10)
    found, expected = CHAIN.marginals(shared, lengths), counted(CHAIN.marginals(copied, lengths))
    for a, b in zip(found, expected, strict=True):
        assert torch.allclose(a, b, atol=1e-12)
    seeds = torch.arange(batch)
    best, drawn = CHAIN.argmax(shared, lengths), CHAIN.sample_seeded(shared, seeds, lengths)
    assert equal(best, counted(CHAIN.argmax(copied, lengths)))
    assert equal(drawn, counted(CHAIN.sample_seeded(copied, seeds, lengths)))
    several, totals = CHAIN.top_k(shared, 3, lengths)
    assert torch.equal(totals, CHAIN.top_k(copied, 3, lengths)[1])
    assert torch.equal(several.transitions.flatten(2).sum(2)[:, 0], (lengths.double() - 1).clamp(min=0))
    for chains in (best, drawn):
        tags_of = CHAIN.to_compact(chains, lengths)
        assert equal(CHAIN.to_parts(tags_of, shared, lengths), chains)
        assert CHAIN.contains(chains, lengths).all()
        wrong = chains._replace(transitions=chains.transitions + 1)
        assert CHAIN.contains(wrong, lengths)[0] == (positions == 1)
        assert torch.allclose(CHAIN.log_prob(shared, tags_of, lengths), CHAIN.log_prob(copied, tags_of, lengths), 1e-11)
        losses = [negative_log_likelihood(form, tags_of, CHAIN, lengths=lengths) for form in (shared, copied)]
        assert torch.allclose(*losses, atol=1e-10 * max(scale, 1))
        slopes = [
            torch.autograd.grad(loss.sum(), (emissions, transitions), materialize_grads=True, allow_unused=True)
            for loss in losses
        ]
        for a, b in zip(*slopes, strict=True):
            assert torch.allclose(a, b, atol=1e-10)


def test_derivatives():
    emissions, transitions, _ = draw(2, 4, 3, 1.0, 1)
    leaves = emissions.requires_grad_(), transitions.requires_grad_()
    for operation in (CHAIN.log_partition, CHAIN.marginals, CHAIN.entropy):
        assert torch.autograd.gradcheck(
            lambda e, t, operation=operation: operation(LinearChainParts.shared(e, t), torch.tensor([4, 2])), leaves
        )
    assert torch.autograd.gradgradcheck(lambda e, t: CHAIN.log_partition(LinearChainParts.shared(e, t)), leaves)


def test_a_row_has_its_own_transitions():
    generator = torch.Generator().manual_seed(2)
    emissions = torch.randn(3, 5, 4, generator=generator).double()
    transitions = torch.randn(3, 1, 4, 4, generator=generator).double()
    mask = LinearChainParts(torch.ones(3, 5, 4, dtype=torch.bool), torch.rand(3, 1, 4, 4, generator=generator) < 0.8)
    together = CHAIN.marginals(LinearChainParts(emissions, transitions), None, mask)
    for b in range(3):
        row = slice(b, b + 1)
        alone = CHAIN.marginals(
            LinearChainParts(emissions[row], transitions[row]), None, LinearChainParts(mask[0][row], mask[1][row])
        )
        assert equal(alone, map_parts(lambda part, row=row: part[row], together))
        copies = LinearChainParts(emissions[row], transitions[row].expand(1, 4, 4, 4))
        forbidden = copies._replace(transitions=copies.transitions.masked_fill(~mask[1][row], -INF))
        for a, c in zip(alone, counted(CHAIN.marginals(forbidden)), strict=True):
            assert torch.allclose(a, c, atol=1e-13)


def test_padding_is_not_read():
    emissions, transitions, _ = draw(3, 6, 3, 1.0, 3)
    lengths = torch.tensor([6, 2, 1])
    padded = emissions.clone()
    for b, length in enumerate(lengths.tolist()):
        padded[b, length:] = float("nan")
    found = CHAIN.marginals(LinearChainParts.shared(padded, transitions), lengths)
    assert equal(found, CHAIN.marginals(LinearChainParts.shared(emissions, transitions), lengths))
    alone = LinearChainParts.shared(padded[2:], torch.full((3, 3), float("nan")))
    assert CHAIN.log_partition(alone, lengths[2:]).isfinite().all()


def test_paths_that_only_forbidden_transitions_make_unlikely():
    # State 0 is left with less and less, and in the end it is all that is allowed.
    positions = 40
    emissions = torch.zeros(1, positions, 2, dtype=torch.float64)
    emissions[0, :, 0] = -30.0
    emissions[0, -1, 1] = -INF
    transitions = torch.tensor([[0.0, -INF], [-INF, 0.0]], dtype=torch.float64)
    shared, copied = both(emissions, transitions)
    assert torch.equal(CHAIN.log_partition(shared), CHAIN.log_partition(copied))
    assert CHAIN.log_partition(shared).item() == -30.0 * positions
    assert CHAIN.marginals(shared).emissions[0, :, 0].tolist() == [1.0] * positions


def test_errors_name_the_row():
    emissions, transitions, _ = draw(3, 4, 3, 1.0, 4)
    bad = emissions.clone()
    bad[1, 2, 0] = float("nan")
    with pytest.raises(ValueError, match=r"NaN or \+inf .*row 1"):
        CHAIN.log_partition(LinearChainParts.shared(bad, transitions))
    bad[1, 2, 0], bad[2, 3] = 0.0, -INF
    with pytest.raises(ValueError, match=r"no sequence of tags .*row 2"):
        CHAIN.log_partition(LinearChainParts.shared(bad, transitions))
    with pytest.raises(ValueError, match=r"no sequence of tags .*row 0"):
        CHAIN.marginals(LinearChainParts.shared(emissions, torch.full((3, 3), -INF).double()))
    with pytest.raises(ValueError, match=r"transitions: expected shape \[previous, next\], got \[1, 3, 3\]"):
        LinearChainParts.shared(emissions, transitions[None])


@pytest.mark.parametrize("seed", range(4))
def test_counts_of_transitions_are_projected(seed):
    emissions, transitions, lengths = draw(5, 6, 3, 2.0, seed)
    lengths[1:3] = torch.tensor([1, 0])
    masked = LinearChainParts.shared(emissions, transitions)._replace(transitions=transitions.repeat(5, 1, 1, 1))
    masked.transitions[:, :, 0, 1] = -INF
    found = ChainSimplices().project(masked, lengths)
    for row, length in enumerate(lengths.tolist()):
        steps = max(length - 1, 0)
        assert found.transitions[row, 0, 0, 1] == 0
        candidates = [k for k in range(9) if k != 1]
        # The numbers are at least 0 and sum to the number of steps.
        expected = project(
            transitions.flatten()[candidates].numpy(),
            (np.ones((1, 8)), np.array([float(steps)])),
            (-np.eye(8), np.zeros(8)),
        )
        assert found.transitions[row].flatten()[candidates].numpy() == pytest.approx(expected, abs=1e-6)
    assert torch.equal(found.emissions, ChainSimplices().project(both(emissions, transitions)[1], lengths).emissions)


@pytest.mark.parametrize("surrogate", [SPIGOT(0.5), SPIGOT(0.5, max_norm=1.0), SPIGOTCE(0.5)])
def test_spigot_reaches_shared_transitions(surrogate):
    emissions, transitions, lengths = draw(4, 5, 3, 1.0, 7)
    emissions.requires_grad_()
    transitions.requires_grad_()
    weights = map_parts(torch.randn_like, LinearChainParts.shared(emissions, transitions))
    chains = structured_argmax(LinearChainParts.shared(emissions, transitions), CHAIN, surrogate, lengths=lengths)
    loss = sum((weight * part).sum() for weight, part in zip(weights, chains, strict=True))
    gradients = torch.autograd.grad(loss, (emissions, transitions))
    # By hand, from the output or the marginals, without autograd.
    with torch.no_grad():
        scores = LinearChainParts.shared(emissions, transitions)
        start = CHAIN.marginals(scores, lengths) if isinstance(surrogate, SPIGOTCE) else chains
        inside = CHAIN.part_mask(scores, lengths)
        steps = [torch.where(mask, weight, 0) for weight, mask in zip(weights, inside, strict=True)]
        if surrogate.max_norm is not None:
            norms = sum(step.flatten(1).square().sum(1) for step in steps).sqrt()
            factors = (surrogate.max_norm / norms).clamp(max=1)
            steps = [step * factors.view(-1, *[1] * (step.dim() - 1)) for step in steps]
        moved = LinearChainParts(*(z - 0.5 * step for z, step in zip(start, steps, strict=True)))
        projected = ChainSimplices().project(moved, lengths)
        for gradient, z, p, shape in zip(gradients, start, projected, (emissions.shape, None), strict=True):
            expected = z - p if shape is not None else (z - p).sum(0)[0]
            assert torch.allclose(gradient, expected, atol=1e-10)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_types(dtype):
    emissions, transitions, lengths = draw(3, 6, 4, 1.0, 5, dtype)
    shared, copied = both(emissions, transitions)
    found, expected = CHAIN.marginals(shared, lengths), counted(CHAIN.marginals(copied, lengths))
    tolerance = 1e-5 if dtype is torch.float32 else 3e-2
    for a, b in zip(found, expected, strict=True):
        assert a.dtype is dtype
        assert torch.allclose(a, b, atol=tolerance)


def test_the_operators_are_sound():
    emissions, transitions, lengths = draw(2, 4, 3, 1.0, 6)
    arguments = emissions, transitions.expand(2, 1, 3, 3), lengths, None, None
    torch.library.opcheck(SHARED_CHAIN.gibbs.log_partition, arguments, test_utils=("test_schema", "test_faketensor"))
    torch.library.opcheck(SHARED_CHAIN.gibbs.marginals, arguments, test_utils=("test_schema", "test_faketensor"))


def test_all_structures_are_those_of_the_steps():
    emissions, transitions, lengths = draw(3, 4, 2, 1.0, 5)
    shared, copied = both(emissions, transitions)
    for found, expected in zip(
        all_structures(CHAIN, shared, lengths), all_structures(CHAIN, copied, lengths), strict=True
    ):
        assert len(found.emissions) == len(expected.emissions)
        assert {tuple(row) for row in found.emissions.flatten(1).tolist()} == {
            tuple(row) for row in expected.emissions.flatten(1).tolist()
        }


def test_the_default_cost_of_the_hinge_loss_is_0_at_the_target_alone():
    """It counts tags that differ, and twice the steps with a pair of tags that the target has nowhere."""
    tags = torch.cartesian_prod(*[torch.arange(2)] * 4)
    shapes = LinearChainParts.shared(torch.zeros(16, 4, 2, dtype=torch.float64), torch.zeros(2, 2, dtype=torch.float64))
    chains = CHAIN.to_parts(tags, shapes)
    for gold in range(16):
        target = map_parts(lambda part, gold=gold: part[gold : gold + 1], chains)
        cost = hamming_cost(target)
        ours = sum(
            ((part - own) * price).flatten(1).sum(1) for part, own, price in zip(chains, target, cost, strict=True)
        )
        new = (chains.transitions * (target.transitions == 0)).flatten(1).sum(1)
        assert torch.equal(ours, 2 * (tags != tags[gold]).sum(1) + 2 * new)
        assert (ours > 0).sum() == 15
        flat = map_parts(lambda part: part[:1], shapes)
        assert hinge_loss(flat, tags[gold : gold + 1], CHAIN).item() == ours.max()
