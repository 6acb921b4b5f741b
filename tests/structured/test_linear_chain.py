import pytest
import torch

from spigot import ChainSimplices, Hull, LinearChain, LinearChainParts
from spigot.structured.parts.base import flatten, map_parts
from tests.oracles.chains import all_sequences
from tests.structured.derivatives import marginals_vjp

INF = float("inf")
CHAIN = LinearChain()


def random_scores(batch, positions, tags, seed, scale=1.0):
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return scale * torch.randn(shape, generator=generator, dtype=torch.float64)

    return LinearChainParts(draw(batch, positions, tags), draw(batch, positions - 1, tags, tags))


def row(scores, b):
    return map_parts(lambda part: part[b], scores)


def slow_log_partition(scores):
    """The forward recurrence as it is written."""
    total = scores.emissions[:, 0]
    for i in range(scores.transitions.size(1)):
        total = (total[:, :, None] + scores.transitions[:, i]).logsumexp(1) + scores.emissions[:, i + 1]
    return total.logsumexp(1)


@pytest.mark.parametrize(("positions", "tags"), [(1, 1), (1, 4), (4, 1), (2, 3), (4, 3), (5, 2)])
@pytest.mark.parametrize("scale", [0.0, 1.0, 50.0, 1e4, 1e8])
def test_all_sequences(positions, tags, scale):
    scores = random_scores(3, positions, tags, 10 * positions + tags, scale)
    best, marginals = CHAIN.argmax(scores), CHAIN.marginals(scores)
    log_z, entropy = CHAIN.log_partition(scores), CHAIN.entropy(scores)
    for b in range(3):
        _, parts, totals = all_sequences(*row(scores, b))
        if scale > 0:
            assert torch.equal(flatten(best)[b], parts[totals.argmax()])
        p = totals.softmax(0)
        assert torch.isclose(log_z[b], totals.logsumexp(0), rtol=1e-12)
        assert torch.allclose(flatten(marginals)[b], p @ parts, atol=1e-12 * max(scale, 1))
        expected = torch.distributions.Categorical(probs=p).entropy()
        assert torch.isclose(entropy[b], expected, atol=1e-9 * max(scale, 1))


def test_ties_go_to_the_smaller_tag_from_the_end():
    generator = torch.Generator().manual_seed(1)
    emissions = torch.randint(0, 2, (60, 4, 3), generator=generator).double()
    transitions = torch.randint(0, 2, (60, 3, 3, 3), generator=generator).double()
    found = CHAIN.argmax(LinearChainParts(emissions, transitions)).emissions.argmax(2)
    tied = 0
    for b in range(60):
        sequences, _, totals = all_sequences(emissions[b], transitions[b])
        best = [s for s, total in zip(sequences, totals, strict=True) if total == totals.max()]
        tied += len(best) > 1
        assert tuple(found[b].tolist()) == min(best, key=lambda s: s[::-1])
    assert tied > 30


@pytest.mark.parametrize("seed", range(5))
def test_the_first_of_the_best_sequences_is_the_argmax_in_a_tie_too(seed):
    scores = map_parts(torch.round, random_scores(4, 5, 3, seed, 0.7))
    best, totals = CHAIN.top_k(scores, 3)
    assert (totals[:, 0] == totals[:, 1]).any()
    for found, expected in zip(map_parts(lambda part: part[:, 0], best), CHAIN.argmax(scores), strict=True):
        assert torch.equal(found, expected)


def test_forbidden_transitions():
    scores = random_scores(30, 4, 3, 5)
    generator = torch.Generator().manual_seed(6)
    allowed = map_parts(lambda part: torch.rand(part.shape, generator=generator) < 0.6, scores)
    found = 0
    for b in range(30):
        one, mask = (map_parts(lambda part, b=b: part[b : b + 1], parts) for parts in (scores, allowed))
        minus = map_parts(lambda part, cells: part.masked_fill(~cells, -INF), one, mask)
        _, parts, totals = all_sequences(*row(minus, 0))
        if totals.max() == -INF:
            for function in (CHAIN.argmax, CHAIN.log_partition, CHAIN.marginals, CHAIN.sample):
                with pytest.raises(ValueError, match=r"no sequence of tags.*row 0"):
                    function(one, None, mask)
            continue
        found += 1
        assert torch.equal(flatten(CHAIN.argmax(one, None, mask))[0], parts[totals.argmax()])
        for marginals in (CHAIN.marginals(one, None, mask), CHAIN.marginals(minus)):
            assert torch.allclose(flatten(marginals)[0], totals.softmax(0) @ parts, atol=1e-12)
        weight = random_scores(1, 4, 3, 7)
        nudged = [
            CHAIN.marginals(map_parts(lambda s, w, step=step: s + step * w, minus, weight)) for step in (1e-5, -1e-5)
        ]
        slope = (flatten(nudged[0]) - flatten(nudged[1])) / 2e-5
        assert torch.allclose(flatten(marginals_vjp(CHAIN, minus, weight)), slope, atol=1e-8)
    assert 5 < found < 30


def test_a_long_chain_with_many_tags():
    generator = torch.Generator().manual_seed(3)
    emissions = 3 * torch.randn(2, 300, 40, generator=generator)
    transitions = 3 * torch.randn(2, 299, 40, 40, generator=generator)
    scores = LinearChainParts(emissions, transitions)
    marginals = CHAIN.marginals(scores)
    assert torch.allclose(CHAIN.log_partition(scores), slow_log_partition(scores), rtol=1e-6)
    assert torch.allclose(marginals.emissions.sum(2), torch.ones(2, 300), atol=1e-5)
    assert torch.allclose(marginals.transitions.sum(2), marginals.emissions[:, 1:], atol=1e-6)
    assert torch.allclose(marginals.transitions.sum(3), marginals.emissions[:, :-1], atol=1e-6)
    best = CHAIN.argmax(scores)
    leaves = map_parts(lambda part: part.clone().requires_grad_(), scores)
    maximum = leaves.emissions[:, 0]
    for i in range(299):
        maximum = (maximum[:, :, None] + leaves.transitions[:, i]).amax(1) + leaves.emissions[:, i + 1]
    grads = torch.autograd.grad(maximum.amax(1).sum(), list(leaves))
    assert torch.equal(best.emissions, grads[0])
    assert torch.equal(best.transitions, grads[1])


def test_two_huge_sequences_that_nearly_tie():
    scores = LinearChainParts(torch.zeros(1, 3, 2, dtype=torch.float64), torch.full((1, 2, 2, 2), -1e8).double())
    scores.transitions[0, :, 0, 0] = 1e8
    scores.transitions[0, :, 1, 1] = 1e8
    scores.emissions[0, 1, 1] = 1.0
    expected = torch.tensor([0.0, 1.0], dtype=torch.float64).softmax(0)
    assert torch.allclose(CHAIN.marginals(scores).emissions[0], expected.expand(3, 2), atol=1e-7)


def test_large_scores_are_sampled_at_their_argmax():
    scores = random_scores(3, 12, 4, 9, 1e5)
    assert torch.equal(flatten(CHAIN.sample(scores)), flatten(CHAIN.argmax(scores)))


def test_samples_have_the_right_joint_distribution():
    scores = random_scores(1, 3, 2, 4)
    _, parts, totals = all_sequences(*row(scores, 0))
    count = 20_000
    many = map_parts(lambda part: part.expand(count, *part.shape[1:]), scores)
    samples = flatten(CHAIN.sample(many, generator=torch.Generator().manual_seed(0)))
    found = (samples[:, None] == parts).all(2)
    share = found.double().mean(0)
    p = totals.softmax(0)
    assert found.sum() == count
    assert ((share - p).abs() < 5 * (p * (1 - p) / count).sqrt()).all()


def test_what_only_a_chain_can_get_wrong():
    scores = random_scores(2, 3, 2, 0)
    with pytest.raises(TypeError, match=r"scores: expected LinearChainParts, got torch\.float64"):
        CHAIN.argmax(scores.emissions)
    with pytest.raises(TypeError, match=r"mask: expected LinearChainParts, got torch\.bool"):
        CHAIN.argmax(scores, None, scores.emissions > 0)
    with pytest.raises(ValueError, match=r"scores.transitions: expected shape \[2, 2, 2, 2\], got \[2, 0, 2, 2\]"):
        CHAIN.argmax(LinearChainParts(scores.emissions, scores.transitions[:, 2:]))


def test_no_positions_at_all():
    scores = LinearChainParts(torch.zeros(2, 0, 3), torch.zeros(2, 0, 3, 3))
    assert CHAIN.log_partition(scores).tolist() == [0, 0]
    for parts in (CHAIN.argmax(scores), CHAIN.marginals(scores), ChainSimplices().project(scores)):
        assert [part.shape for part in parts] == [part.shape for part in scores]


def test_the_relaxation_is_looser_than_the_hull():
    point = random_scores(1, 3, 2, 2)
    relaxed, tight = (flatten(polytope.project(point)) for polytope in (CHAIN.relaxation, Hull(CHAIN)))
    distance = [(flatten(point) - nearest).norm() for nearest in (relaxed, tight)]
    assert distance[0] < distance[1]
