"""Likelihoods of chains by their tags: the same numbers as by their parts, without an array of these."""

import pytest
import torch

from spigot import LinearChain, LinearChainParts, negative_log_likelihood, tags_to_chains
from spigot.structured.parts.chain import TagsForm
from tests.oracles.chains import all_sequences

CHAIN = LinearChain()
LENGTHS = torch.tensor([4, 1, 3, 0])
POSITIONS, TAGS = 4, 3
KINDS = pytest.mark.parametrize("shared", [False, True], ids=["steps", "shared"])


def case(shared, seed=0, lengths=LENGTHS):
    """Return scores, NaN in the padding, and tags, nonsense in the padding."""
    generator = torch.Generator().manual_seed(seed)
    emissions = torch.randn(4, POSITIONS, TAGS, generator=generator, dtype=torch.float64)
    transitions = torch.randn(4, 1 if shared else POSITIONS - 1, TAGS, TAGS, generator=generator, dtype=torch.float64)
    tags = torch.randint(TAGS, (4, POSITIONS), generator=generator)
    outside = torch.arange(POSITIONS) >= lengths[:, None]
    emissions[outside] = torch.nan
    if not shared:
        transitions[outside[:, 1:]] = torch.nan
    return LinearChainParts(emissions, transitions), tags.masked_fill(outside, 99)


def leaves(scores):
    return LinearChainParts(*(part.clone().requires_grad_() for part in scores))


def by_parts(scores, tags, lengths, mask=None):
    """Return the loss by its definition, with parts."""
    parts = CHAIN.to_parts(tags, scores, lengths)
    return CHAIN.log_partition(scores, lengths, mask) - CHAIN.score(scores, parts, lengths, mask)


@KINDS
@pytest.mark.parametrize("given", ["tags", "parts"])
def test_the_loss_and_its_gradient_are_those_of_the_parts(shared, given):
    scores, tags = case(shared)
    own, other = leaves(scores), leaves(scores)
    target = tags if given == "tags" else CHAIN.to_parts(tags, scores, LENGTHS)
    loss = negative_log_likelihood(own, target, CHAIN, lengths=LENGTHS)
    expected = by_parts(other, tags, LENGTHS)
    weights = torch.tensor([1.0, -2.0, 0.5, 3.0], dtype=torch.float64)
    assert torch.allclose(loss, expected, atol=1e-12)
    assert torch.allclose(CHAIN.log_prob(scores, target, LENGTHS), -expected, atol=1e-12)
    for _ in range(2):  # a second backward pass starts from the same numbers
        grads = torch.autograd.grad(loss, own, weights, retain_graph=True)
        wanted = torch.autograd.grad(expected, other, weights, retain_graph=True)
        for grad, want in zip(grads, wanted, strict=True):
            assert torch.allclose(grad, want, atol=1e-12)


@KINDS
def test_the_probabilities_of_all_sequences(shared):
    scores, _ = case(shared, lengths=torch.full((4,), POSITIONS))
    steps = scores.transitions[0].expand(POSITIONS - 1, TAGS, TAGS)
    sequences, _, totals = all_sequences(scores.emissions[0], steps)
    repeated = LinearChainParts(*(part[:1].expand(len(sequences), *part.shape[1:]) for part in scores))
    found = CHAIN.log_prob(repeated, torch.as_tensor(sequences))
    assert torch.allclose(found, totals.log_softmax(0), atol=1e-12)


@KINDS
def test_integers_never_become_parts(shared, monkeypatch):
    def refuse(*_):
        raise AssertionError("parts were made")

    scores, tags = case(shared)
    monkeypatch.setattr(TagsForm, "to_parts", refuse)
    monkeypatch.setattr(LinearChain, "part_mask", refuse)
    own = leaves(scores)
    negative_log_likelihood(own, tags, CHAIN, lengths=LENGTHS).sum().backward()
    assert own.emissions.grad.isfinite().all()


@KINDS
@pytest.mark.parametrize("by", ["mask", "score"])
@pytest.mark.parametrize("what", ["emission", "transition"])
def test_an_excluded_part_gives_inf_and_no_gradient(shared, by, what):
    scores, tags = case(shared)
    mask = LinearChainParts(*(torch.ones(part.shape, dtype=torch.bool) for part in scores))
    index = (0, 1, tags[0, 1]) if what == "emission" else (0, 0, tags[0, 0], tags[0, 1])
    number = 0 if what == "emission" else 1
    if by == "mask":
        mask[number][index] = False
    else:
        scores[number][index] = -torch.inf
    own = leaves(scores)
    loss = negative_log_likelihood(own, tags, CHAIN, lengths=LENGTHS, mask=mask if by == "mask" else None)
    assert loss.isinf().tolist() == [True, False, False, False]
    loss.sum().backward()
    assert (own.emissions.grad[0] == 0).all()
    assert (own.transitions.grad[0] == 0).all()
    assert own.emissions.grad[2].any()


@KINDS
def test_derivatives_of_all_kinds(shared):
    scores, tags = case(shared, lengths=torch.full((4,), POSITIONS))
    scores, tags = LinearChainParts(*(part[:2] for part in scores)), tags[:2]

    def loss(emissions, transitions):
        return negative_log_likelihood(LinearChainParts(emissions, transitions), tags, CHAIN)

    given = tuple(leaves(scores))
    assert torch.autograd.gradcheck(loss, given, check_forward_ad=True)
    assert torch.autograd.gradgradcheck(loss, given)
    grads = torch.func.grad(lambda *parts: loss(*parts).sum(), (0, 1))(*scores)
    for grad, want in zip(grads, torch.autograd.grad(loss(*given).sum(), given), strict=True):
        assert torch.allclose(grad, want, atol=1e-12)
    mapped = torch.func.vmap(loss)(*(torch.stack([part, part + 1]) for part in scores))
    assert torch.allclose(mapped[0], loss(*scores), atol=1e-12)
    assert torch.allclose(mapped[1], loss(*(part + 1 for part in scores)), atol=1e-12)


@KINDS
def test_several_gradients_in_one_pass(shared):
    scores, tags = case(shared)
    for function in (
        lambda own: negative_log_likelihood(own, tags, CHAIN, lengths=LENGTHS),
        lambda own: CHAIN.log_partition(own, LENGTHS),
    ):
        own = leaves(scores)
        result = function(own)
        eye = torch.eye(4, dtype=torch.float64)
        batched = torch.autograd.grad(result, own, eye, retain_graph=True, is_grads_batched=True)
        for b in range(4):
            single = torch.autograd.grad(result, own, eye[b], retain_graph=True)
            for many, one in zip(batched, single, strict=True):
                assert torch.allclose(many[b], one, atol=1e-12)


@KINDS
@pytest.mark.parametrize("wrong", ["another pair", "a second pair", "a trace", "not one", "two tags"])
def test_parts_that_are_no_sequence_are_refused(shared, wrong):
    _, tags = case(shared)
    emissions, transitions = tags_to_chains(tags.masked_fill(tags == 99, -1), TAGS, torch.float64)
    transitions = transitions.sum(1, keepdim=True) if shared else transitions
    a, b = tags[0, 0], tags[0, 1]
    if wrong == "another pair":
        transitions[0, 0, a, b] -= 1
        transitions[0, 0, (a + 1) % TAGS, b] += 1
    elif wrong == "a second pair":
        transitions[0, 0, a, (b + 1) % TAGS] += 1
    elif wrong == "a trace":
        transitions[0, 0, a, (b + 1) % TAGS] += 1e-12
    elif wrong == "not one":
        transitions[0, 0, a, b] *= 0.5
    else:
        emissions[0, 0, (a + 1) % TAGS] = 1
    found = CHAIN.contains(LinearChainParts(emissions, transitions), LENGTHS)
    assert found.tolist() == [False, True, True, True]
