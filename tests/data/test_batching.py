import numpy as np
import pytest

from spigot.data.batching import LONG, cost, make_batches

LENGTHS = np.random.default_rng(0).integers(1, 50, 400).tolist()


def flat(batches):
    return sorted(item for batch in batches for item in batch)


@pytest.mark.parametrize("budget", [1, 30, 256, 10**9])
@pytest.mark.parametrize("seed", [None, 3])
def test_every_sentence_once_and_no_batch_over_the_budget(budget, seed):
    random = None if seed is None else np.random.default_rng(seed)
    batches = make_batches(LENGTHS, budget, random)
    assert flat(batches) == list(range(len(LENGTHS)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(LENGTHS[k] + 1 for k in batch) <= budget
    if budget == 1:
        assert len(batches) == len(LENGTHS)
    if budget == 10**9:
        assert len(batches) == 1


def test_a_very_long_sentence_is_alone():
    lengths = [5] * 10 + [5000] + [6] * 10
    batches = make_batches(lengths, 2048, np.random.default_rng(1))
    assert [10] in batches
    assert flat(batches) == list(range(21))


def test_long_sentences_count_for_their_arcs():
    assert cost(LONG - 1) == LONG
    assert cost(4 * LONG - 1) == 16 * LONG
    costs = [cost(n) for n in range(500)]
    assert costs == sorted(costs)
    # Half as many sentences of twice the length would have twice the arcs: they get a quarter.
    short, long = (max(map(len, make_batches([n - 1] * 100, 4096))) for n in (LONG, 2 * LONG))
    assert short // long == 4


def test_most_sentences_of_a_batch():
    batches = make_batches([3] * 10, 10**6, max_sentences=4)
    assert sorted(map(len, batches)) == [2, 4, 4]


def test_a_batch_may_cost_the_whole_budget():
    assert make_batches([4, 4, 4], 10) == [[0, 1], [2]]


def test_padding_is_small():
    batches = make_batches(LENGTHS, 512, np.random.default_rng(5))
    padded = sum(max(LENGTHS[k] for k in batch) * len(batch) for batch in batches)
    assert sum(LENGTHS) >= 0.85 * padded


def test_batches_depend_on_the_generator_alone():
    first = make_batches(LENGTHS, 200, np.random.default_rng(7))
    assert make_batches(LENGTHS, 200, np.random.default_rng(7)) == first
    other = make_batches(LENGTHS, 200, np.random.default_rng(8))
    assert {frozenset(batch) for batch in other} != {frozenset(batch) for batch in first}
    assert make_batches(LENGTHS, 200) == make_batches(LENGTHS, 200)


def test_no_sentences():
    assert make_batches([], 10) == []
    assert make_batches([], 10, np.random.default_rng(0)) == []


@pytest.mark.parametrize(("budget", "most"), [(0, 1), (1, 0), (-3, 1)])
def test_limits_below_one(budget, most):
    with pytest.raises(ValueError, match=f"expected at least 1, got {budget}, {most}"):
        make_batches([1], budget, max_sentences=most)
