import numpy as np
import pytest
import torch

from spigot.structured.structures.semantic_graph import SemanticGraph, SemanticGraphParts
from tests.oracles.graphs import enumerated_score, integer_program_score, is_graph

INF = float("inf")


def random_parts(batch, n, label_count, seed, integers=False, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    shapes = [(batch, n), (batch, n, n), (batch, n, n, label_count)]
    if integers:
        return SemanticGraphParts(*(torch.randint(-2, 3, s, generator=generator).to(dtype) for s in shapes))
    return SemanticGraphParts(*(torch.randn(s, generator=generator, dtype=dtype) for s in shapes))


def row(parts, b):
    return SemanticGraphParts(*(part[b : b + 1] for part in parts))


def one_predicate(arcs, labels):
    """One sentence in which only node 1 is a predicate; arcs[j] and labels[j] are those of 1 -> 2 + j."""
    labels = torch.tensor(labels)
    n = len(labels) + 2
    parts = SemanticGraphParts(
        torch.full((1, n), -INF), torch.zeros(1, n, n), torch.full((1, n, n, labels.shape[1]), -INF)
    )
    parts.predicates[0, 1] = 0.0
    parts.arcs[0, 1, 2:] = torch.tensor(arcs)
    parts.labels[0, 1, 2:] = labels
    return parts


def compact(graph, parts):
    predicates, arc_labels = graph.decode(parts)
    assert not arc_labels[0, 2:].ne(-1).any()
    return bool(predicates[0, 1]), arc_labels[0, 1, 2:].tolist()


@pytest.mark.parametrize("integers", [False, True], ids=["reals", "ties"])
@pytest.mark.parametrize("deterministic", [(False,) * 3, (True, False, True), (True,) * 3])
def test_score_is_that_of_the_best_graph(deterministic, integers):
    graph = SemanticGraph(deterministic)
    for n in (2, 3, 4, 5):
        parts = random_parts(12, n, 3, seed=n, integers=integers)
        predicates, arc_labels = graph.decode(parts)
        scores = graph.score_decoded(parts, predicates, arc_labels)
        for b in range(12):
            assert is_graph(predicates[b].tolist(), arc_labels[b].tolist(), deterministic)
            one = [part[b].double().numpy() for part in parts]
            assert scores[b].item() == pytest.approx(enumerated_score(*one, deterministic), abs=1e-5)


@pytest.mark.parametrize("integers", [False, True], ids=["reals", "ties"])
@pytest.mark.parametrize("deterministic", [(False,) * 3, (True, False, True), (True,) * 3])
def test_small_graphs_agree_with_an_integer_program(deterministic, integers):
    graph = SemanticGraph(deterministic)
    for tokens in (1, 2, 3, 4, 5):
        parts = random_parts(3, tokens + 1, 3, seed=10 * tokens, integers=integers)
        # Several tops in the first sentence; in the second, some arcs without a label that they may have.
        parts.predicates[0, 0] = 1.0
        parts.arcs[0, 0] += 3.0
        bare = torch.rand(parts.arcs.shape[1:], generator=torch.Generator().manual_seed(tokens)) < 0.4
        parts.labels[1, bare] = -INF
        predicates, arc_labels = graph.decode(parts)
        assert not (arc_labels[1, bare] >= 0).any()
        assert predicates[0, 0]
        for b in range(3):
            assert is_graph(predicates[b].tolist(), arc_labels[b].tolist(), deterministic)
            one = [part[b].double().numpy() for part in parts]
            expected = integer_program_score(*one, deterministic)
            found = graph.score_decoded(row(parts, b), predicates[b : b + 1], arc_labels[b : b + 1])
            assert found.item() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_score_agrees_with_an_integer_program(share):
    # Many arguments and few labels: the assignment has long augmenting paths.
    generator = np.random.default_rng(int(10 * share))
    for seed, (n, label_count) in enumerate([(5, 4), (7, 3), (9, 6), (9, 5), (12, 8)]):
        deterministic = (generator.random(label_count) < share).tolist()
        parts = random_parts(1, n, label_count, seed)
        parts = parts._replace(arcs=parts.arcs + 1)
        parts.labels[torch.rand(parts.labels.shape, generator=torch.Generator().manual_seed(seed)) < 0.2] = -INF
        graph = SemanticGraph(deterministic)
        predicates, arc_labels = graph.decode(parts)
        assert is_graph(predicates[0].tolist(), arc_labels[0].tolist(), deterministic)
        expected = integer_program_score(*(part[0].double().numpy() for part in parts), deterministic)
        assert graph.score_decoded(parts, predicates, arc_labels).item() == pytest.approx(expected, abs=1e-4)


def test_parts_are_consistent_and_have_the_dtype_of_the_scores():
    parts = random_parts(4, 5, 3, seed=0)
    parts = SemanticGraphParts(parts[0].double(), parts[1].half(), parts[2].bfloat16())
    graph = SemanticGraph([True, False, False])
    decoded = graph.argmax(parts)
    predicates, arc_labels = graph.decode(parts)
    assert [part.dtype for part in decoded] == [torch.float64, torch.float16, torch.bfloat16]
    assert torch.equal(decoded.predicates.bool(), predicates)
    assert torch.equal(decoded.labels.sum(-1).float(), decoded.arcs.float())
    assert torch.equal(decoded.labels.argmax(-1)[arc_labels >= 0], arc_labels[arc_labels >= 0])
    expected = sum(
        (score.double() * part.double()).flatten(1).sum(1) for score, part in zip(parts, decoded, strict=True)
    )
    in_full = SemanticGraphParts(*(part.double() for part in parts))
    torch.testing.assert_close(graph.score_decoded(in_full, predicates, arc_labels), expected)


def test_a_contested_label_goes_where_the_total_is_best():
    # Both want label 0. The second has the higher score for it, but the first has no good alternative.
    parts = one_predicate([0.0, 0.0], [[4.0, 1.0], [5.0, 4.5]])
    assert compact(SemanticGraph([True, False]), parts) == (True, [0, 1])
    assert compact(SemanticGraph([True, True]), parts) == (True, [0, 1])
    assert compact(SemanticGraph(), parts) == (True, [0, 0])


def test_a_chain_of_displacements_ends_with_an_argument_left_out():
    # The third argument takes label 0 from the first, which takes label 1 from the second.
    parts = one_predicate([0.0, 0.0, 0.0], [[5.0, 4.0], [-INF, 1.0], [5.0, -INF]])
    assert compact(SemanticGraph([True, True]), parts) == (True, [1, -1, 0])


def test_ties():
    free, deterministic = SemanticGraph([False, False]), SemanticGraph([True, False])
    # No arc at exactly 0, and then no predicate.
    assert compact(free, one_predicate([1.0], [[-1.0, -2.0]])) == (False, [-1])
    assert compact(free, one_predicate([1.0, 2.0], [[-1.0, -2.0], [0.0, 0.0]])) == (True, [-1, 0])
    # The smaller label, be it deterministic or not.
    assert compact(free, one_predicate([0.0], [[1.0, 1.0]])) == (True, [0])
    assert compact(deterministic, one_predicate([0.0], [[1.0, 1.0]])) == (True, [0])
    # The smaller argument, of those that compete on equal terms.
    assert compact(deterministic, one_predicate([0.0, 0.0], [[1.0, -INF], [1.0, -INF]])) == (True, [0, -1])
    assert compact(deterministic, one_predicate([0.0, 0.0], [[2.0, 1.0], [2.0, 1.0]])) == (True, [0, 1])


def test_a_predicate_is_on_only_if_it_pays():
    parts = one_predicate([1.0, 1.0], [[1.0], [2.0]])
    for score, on in [(-4.0, True), (-5.0, False), (-6.0, False)]:
        parts.predicates[0, 1] = score
        assert compact(SemanticGraph(), parts) == (on, [0, 0] if on else [-1, -1])
    # Without a label to give, there are no arcs.
    parts.labels.fill_(-INF)
    parts.predicates[0, 1] = 1.0
    assert compact(SemanticGraph(), parts) == (True, [-1, -1])


def test_tops_are_arcs_from_root_and_root_is_no_modifier():
    parts = SemanticGraphParts(torch.zeros(1, 3), torch.ones(1, 3, 3), torch.ones(1, 3, 3, 2))
    decoded = SemanticGraph().argmax(parts)
    assert decoded.arcs[0].tolist() == [[0, 1, 1], [0, 0, 1], [0, 1, 0]]
    single_top = SemanticGraph([True, True]).argmax(parts)
    assert single_top.arcs[0].tolist() == [[0, 1, 1], [0, 0, 1], [0, 1, 0]]
    assert single_top.labels[0, 0].tolist() == [[0, 0], [1, 0], [0, 1]]


def test_padding_is_never_read_and_sentences_are_independent():
    lengths = torch.tensor([4, 0, 2, 1, 3])
    clean = random_parts(5, 5, 3, seed=3)
    poisoned = SemanticGraphParts(*(part.clone() for part in clean))
    node = torch.arange(5)
    outside = node > lengths[:, None]
    poisoned.predicates[outside] = float("nan")
    cells = outside[:, :, None] | outside[:, None, :] | (node == 0) | torch.eye(5, dtype=torch.bool)
    poisoned.arcs[cells] = float("nan")
    poisoned.labels[cells] = INF
    graph = SemanticGraph([True, True, False])
    together = graph.argmax(poisoned, lengths)
    for found, outside_cells in zip(together, [outside, cells, cells], strict=True):
        assert not found[outside_cells].any()
    for b, length in enumerate(lengths):
        n = int(length) + 1
        alone = SemanticGraphParts(clean[0][b : b + 1, :n], clean[1][b : b + 1, :n, :n], clean[2][b : b + 1, :n, :n])
        for found, expected in zip(row(together, b), graph.argmax(alone), strict=True):
            cut = found[(slice(None),) + (slice(n),) * min(found.ndim - 1, 2)]
            assert torch.equal(cut, expected)


def test_mask_is_the_same_as_minus_infinity_and_hides_nan():
    parts = random_parts(6, 5, 3, seed=4)
    generator = torch.Generator().manual_seed(5)
    mask = SemanticGraphParts(*(torch.rand(part.shape, generator=generator) < 0.7 for part in parts))
    graph = SemanticGraph([True, False, True])
    with_inf = SemanticGraphParts(*(p.masked_fill(~m, -INF) for p, m in zip(parts, mask, strict=True)))
    with_nan = SemanticGraphParts(*(p.masked_fill(~m, float("nan")) for p, m in zip(parts, mask, strict=True)))
    for found, expected in zip(graph.decode(with_nan, mask=mask), graph.decode(with_inf), strict=True):
        assert torch.equal(found, expected)
    # A mask of labels alone: the other two broadcast.
    everything = torch.ones(1, dtype=torch.bool)
    labels_only = SemanticGraphParts(everything, everything, torch.tensor([True, False, True]))
    _, arc_labels = graph.decode(parts, mask=labels_only)
    assert (arc_labels == 0).any()
    assert not (arc_labels == 1).any()


def test_empty_batch_and_empty_sentence():
    predicates, arc_labels = SemanticGraph().decode(random_parts(0, 4, 3, seed=0))
    assert predicates.shape == (0, 4)
    assert arc_labels.shape == (0, 4, 4)
    alone = random_parts(2, 1, 3, seed=0)
    decoded = SemanticGraph().argmax(alone)
    assert not any(part.any() for part in decoded)


@pytest.mark.parametrize("name", ["predicates", "arcs", "labels"])
@pytest.mark.parametrize("bad", [float("nan"), INF])
def test_nan_or_infinity_in_a_part_names_the_sentence(name, bad):
    parts = random_parts(3, 4, 2, seed=6)
    getattr(parts, name)[(1, 2, 3)[: getattr(parts, name).ndim]] = bad
    with pytest.raises(ValueError, match=r"NaN or \+inf .*row 1 "):
        SemanticGraph().decode(parts)


def test_wrong_arguments_are_named():
    parts = random_parts(2, 4, 3, seed=0)
    with pytest.raises(ValueError, match=r"scores.labels: expected 2 labels.* got 3"):
        SemanticGraph([True, False]).decode(parts)
    with pytest.raises(ValueError, match=r"scores.arcs: expected as many heads"):
        SemanticGraph().decode(parts._replace(arcs=parts.arcs[:, :3]))
    with pytest.raises(ValueError, match=r"lengths: out of range.*row 0 "):
        SemanticGraph().decode(parts, torch.tensor([4, 1]))
    mask = SemanticGraphParts(*(torch.ones(1, dtype=torch.bool),) * 3)
    with pytest.raises(TypeError, match=r"mask\.arcs: expected bool"):
        SemanticGraph().decode(parts, mask=mask._replace(arcs=torch.ones(1)))


def test_frozen_and_hashable_whatever_the_flags_came_in():
    assert SemanticGraph(torch.tensor([True, False])) == SemanticGraph([True, False])
    assert hash(SemanticGraph([True])) == hash(SemanticGraph((True,)))
