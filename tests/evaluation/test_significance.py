from itertools import product

import numpy as np
import pytest

from spigot.evaluation import significance
from spigot.evaluation.counts import ZERO, Counts
from spigot.evaluation.significance import bootstrap_interval, bootstrap_over_runs, compare, permutation_test


def random_counts(seed, sentences, advantage=0.0):
    random = np.random.default_rng(seed)
    first, second = [], []
    for _ in range(sentences):
        gold = int(random.integers(1, 12))
        for system, chance in ((first, 0.7 + advantage), (second, 0.7)):
            correct = int(random.binomial(gold, chance))
            system.append(Counts(gold, correct + int(random.integers(0, 4)), correct))
    return first, second


def f1(counts):
    return sum(counts, ZERO).f1


def exact_p_value(first, second):
    """Share of all 2^N swaps whose difference is at least as large as the observed one."""
    observed = abs(f1(first) - f1(second))
    hits = 0
    for swaps in product([False, True], repeat=len(first)):
        ours = [b if swap else a for a, b, swap in zip(first, second, swaps, strict=True)]
        theirs = [a if swap else b for a, b, swap in zip(first, second, swaps, strict=True)]
        hits += abs(f1(ours) - f1(theirs)) >= observed - 1e-12
    return hits / 2 ** len(first)


@pytest.mark.parametrize(("seed", "advantage"), [(0, 0.0), (1, 0.1), (2, 0.2)])
def test_permutation_test_agrees_with_all_swaps(seed, advantage):
    first, second = random_counts(seed, 9, advantage)
    exact, rounds = exact_p_value(first, second), 20_000
    # The estimate's standard deviation is sqrt(p (1 - p) / rounds).
    tolerance = 5 * np.sqrt(exact * (1 - exact) / rounds) + 1 / rounds
    assert permutation_test(first, second, rounds, seed=seed) == pytest.approx(exact, abs=tolerance)


def test_worked_example():
    # Ten sentences of one token; the first system is right on 8 that the second gets wrong, both else agree.
    # Only "all 8 one way" is as extreme: p = 2 / 2^8.
    first = [Counts(1, 1, 1)] * 10
    second = [Counts(1, 1, 0)] * 8 + [Counts(1, 1, 1)] * 2
    assert exact_p_value(first, second) == 2 / 2**8
    assert permutation_test(first, second, 100_000) == pytest.approx(2 / 2**8, abs=0.0015)


def test_equal_systems_are_never_different():
    first, _ = random_counts(3, 20)
    result = compare(first, first, rounds=200)
    assert (result.difference, result.p_value, result.low, result.high) == (0, 1, 0, 0)


def test_order_of_systems_only_turns_the_sign():
    first, second = random_counts(4, 30, 0.1)
    one, other = compare(first, second, 500), compare(second, first, 500)
    assert one.p_value == other.p_value
    assert one.difference == pytest.approx(-other.difference)
    assert (one.low, one.high) == (pytest.approx(-other.high), pytest.approx(-other.low))


def test_equal_differences_count_whatever_their_rounding():
    """3/5 - 1/3 and, with one sentence swapped, 2/3 - 2/5 are 4/15, the second less by rounding."""
    first, second = [Counts(1, 4, 1), Counts(2, 3, 2)], [Counts(1, 0, 0), Counts(2, 3, 1)]
    assert permutation_test(first, second, 100) == 1


def test_p_value_is_at_least_one_in_rounds_plus_one():
    first, second = [Counts(5, 5, 5)] * 40, [Counts(5, 5, 0)] * 40
    assert permutation_test(first, second, rounds=99) == 1 / 100


def test_bootstrap_agrees_with_all_resamples():
    first, second = random_counts(5, 5, 0.1)
    differences = [
        f1([first[k] for k in drawn]) - f1([second[k] for k in drawn]) for drawn in product(range(5), repeat=5)
    ]
    exact = np.quantile(differences, [0.1, 0.9])
    assert bootstrap_interval(first, second, 20_000, confidence=0.8) == pytest.approx(exact, abs=0.01)
    assert exact[1] - exact[0] > 0.05


def test_interval_surrounds_the_difference_and_narrows_with_data():
    few, many = (compare(*random_counts(6, n, 0.1), rounds=1000) for n in (30, 3000))
    for result in (few, many):
        assert result.low < result.difference < result.high
    assert many.high - many.low < (few.high - few.low) / 5


def test_results_depend_on_the_seed_alone(monkeypatch):
    first, second = random_counts(7, 30, 0.05)
    once = compare(first, second, 1000, seed=3)
    assert compare(first, second, 1000, seed=3) == once
    assert compare(first, second, 1000, seed=4) != once
    # Small chunks cover every round too.
    monkeypatch.setattr(significance, "CHUNK", 100)
    assert permutation_test(first, second, 1000, seed=3) == pytest.approx(once.p_value, abs=0.1)


def test_the_last_chunk_has_what_is_left_of_the_rounds(monkeypatch):
    monkeypatch.setattr(significance, "CHUNK", 7)
    first, _ = random_counts(3, 2)
    assert permutation_test(first, first, 10) == 1


def test_sentences_without_items_score_nothing():
    result = compare([ZERO] * 3, [ZERO] * 3, rounds=20)
    assert (result.difference, result.p_value, result.low, result.high) == (0, 1, 0, 0)


def test_bad_arguments_are_named():
    first, second = random_counts(8, 4)
    with pytest.raises(ValueError, match="got 4 and 3"):
        permutation_test(first, second[:3])
    with pytest.raises(ValueError, match="got 0 and 0"):
        permutation_test([], [])
    with pytest.raises(ValueError, match="same gold counts"):
        permutation_test(first, [Counts(99, 1, 1)] * 4)
    with pytest.raises(ValueError, match="same gold counts"):
        permutation_test(first, [*second[:3], Counts(99, 1, 1)])
    with pytest.raises(ValueError, match="rounds: expected at least 1, got 0"):
        permutation_test(first, second, rounds=0)
    with pytest.raises(ValueError, match=r"confidence: .* got 95"):
        bootstrap_interval(first, second, confidence=95)


def test_runs_that_differ_widen_the_interval():
    # Each run's difference is known exactly: all sentences are alike, so that only the choice of runs varies.
    def run(correct):
        return [Counts(10, 10, correct)] * 50, [Counts(10, 10, 5)] * 50

    runs = [run(6), run(9)]
    low, high = bootstrap_over_runs(runs, rounds=2000)
    # The two runs are drawn twice each with probability 1/4, so that the ends are their own differences.
    assert (low, high) == pytest.approx((0.1, 0.4))
    assert bootstrap_over_runs([run(6), run(6)], rounds=100) == pytest.approx((0.1, 0.1))


def test_one_run_has_the_interval_of_its_sentences():
    first, second = random_counts(5, 40, 0.1)
    assert bootstrap_over_runs([(first, second)], 500, seed=3) == bootstrap_interval(first, second, 500, seed=3)
    # The same run twice is no new evidence: the sentences are the same ones for both.
    assert bootstrap_over_runs([(first, second)] * 2, 2000) == pytest.approx(
        bootstrap_interval(first, second), abs=0.01
    )


def test_runs_have_the_same_sentences():
    first, second = random_counts(6, 5)
    with pytest.raises(ValueError, match="runs: expected at least one, got none"):
        bootstrap_over_runs([])
    with pytest.raises(ValueError, match=r"runs: expected counts of the same sentences, got \[5, 4\] of them"):
        bootstrap_over_runs([(first, second), (first[:4], second[:4])])
