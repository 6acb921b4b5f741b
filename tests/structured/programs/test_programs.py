"""What single programs are known for, and what a recurrence of one's own can get wrong."""

from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch

import spigot
from spigot import CTC, PCFG, DynamicProgram, MonotoneAlignment, SegmentationParts, SemiMarkov
from spigot.structured.parts.base import flatten, map_parts
from spigot.structured.programs.axes import within
from spigot.structured.programs.value import stack
from tests.docs.pages import running


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def levenshtein(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        diagonal, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (x != y))
    return row[-1]


def test_edit_distances():
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randint(0, 3, (20, size), generator=generator) for size in (7, 9))
    lengths = torch.stack([torch.randint(0, size + 1, (20,), generator=generator) for size in (7, 9)], 1)
    unequal = -(a[:, :, None] != b[:, None]).double()
    scores = spigot.alignment_scores(unequal, -torch.ones(20, 7).double(), -torch.ones(20, 9).double())
    best = MonotoneAlignment().argmax(scores, lengths)
    expected = [levenshtein(a[k, :m].tolist(), b[k, :n].tolist()) for k, (m, n) in enumerate(lengths.tolist())]
    assert (-MonotoneAlignment().score(scores, best, lengths)).tolist() == expected


@pytest.mark.parametrize("gamma", [1.0, 1e-3])
def test_soft_dynamic_time_warping(gamma):
    cells = randn(3, 5, 6).square()
    log_z = MonotoneAlignment().log_partition(spigot.warping_scores(-cells / gamma))
    for k in range(3):
        total = torch.full((6, 7), torch.inf, dtype=torch.float64)
        total[0, 0] = 0
        for i in range(1, 6):
            for j in range(1, 7):
                before = torch.stack([total[i - 1, j - 1], total[i - 1, j], total[i, j - 1]])
                total[i, j] = cells[k, i - 1, j - 1] - gamma * (-before / gamma).logsumexp(0)
        assert torch.isclose(-gamma * log_z[k], total[5, 6])


def test_delannoy_numbers():
    counts = MonotoneAlignment().count(torch.zeros(4, 6, 6, 3), torch.arange(2, 6))
    assert counts.tolist() == [13, 63, 321, 1683]


def test_ctc_is_that_of_torch():
    generator = torch.Generator().manual_seed(1)
    log_probs = torch.randn(6, 12, 4, generator=generator, dtype=torch.float64).log_softmax(2)
    labels = torch.randint(1, 4, (6, 5), generator=generator)  # of three, so that many repeat
    lengths = torch.tensor([[12, 5], [12, 3], [10, 5], [9, 1], [7, 0], [11, 4]])
    for blank, given in ((0, labels), (3, labels - 1)):
        leaf = log_probs.clone().requires_grad_()
        ours = CTC().log_partition(spigot.ctc_scores(leaf, given, blank), lengths)
        loss = torch.nn.functional.ctc_loss(
            log_probs.transpose(0, 1), given, lengths[:, 0], lengths[:, 1], blank=blank, reduction="none"
        )
        assert torch.allclose(ours, -loss)
        (share,) = torch.autograd.grad(ours.sum(), leaf)
        frames = within(12, lengths[:, 0])
        assert torch.allclose(share.sum(2), frames.double())


def test_ctc_needs_a_blank_between_equal_labels():
    scores = spigot.ctc_scores(torch.zeros(2, 3, 3), torch.tensor([[1, 1], [1, 2]]))
    assert CTC().count(scores).tolist() == [1, 5]
    assert CTC().feasible(scores, torch.tensor([[2, 2], [2, 2]])).tolist() == [False, True]


def test_a_label_or_symbol_that_does_not_exist_is_not_another_one():
    """Past a row's length anything may stand, in front of it nothing."""
    log_probs = randn(2, 6, 4).log_softmax(2)
    for wrong in (4, -1, 0):
        labels = torch.tensor([[1, wrong], [2, 1]])
        scores = spigot.ctc_scores(log_probs, labels)
        assert CTC().log_partition(scores, torch.tensor([[6, 1], [6, 2]])).isfinite().all()
        with pytest.raises(ValueError, match=r"NaN.*row 0"):
            CTC().log_partition(scores)
    initial, transition, emission = randn(3), randn(3, 3, seed=1), randn(3, 4, seed=2)
    for wrong in (4, -1):
        parts = spigot.hidden_markov_scores(initial, transition, emission, torch.tensor([[1, 2], [3, wrong]]))
        assert spigot.LinearChain().log_partition(parts, torch.tensor([2, 1])).isfinite().all()
        with pytest.raises(ValueError, match=r"NaN.*row 1"):
            spigot.LinearChain().log_partition(parts)


def test_makers_of_scores_name_what_they_cannot_take():
    b, labels, seen = randn(2, 6, 4), torch.tensor([[1, 2], [1, 1]]), torch.tensor([[0, 2, 1], [1, 1, 0]])
    square, wide = randn(3, 3), randn(3, 4)
    hidden, chain = spigot.hidden_markov_scores, spigot.LinearChainParts.shared
    for error, message, make in (
        (ValueError, r"log_probs: expected shape \[batch", lambda: spigot.ctc_scores(b[0], labels)),
        (TypeError, "log_probs: expected a floating-point", lambda: spigot.ctc_scores(b.long(), labels)),
        (TypeError, "labels: expected integers", lambda: spigot.ctc_scores(b, labels.float())),
        (ValueError, r"labels: expected shape \[batch, label", lambda: spigot.ctc_scores(b, labels[0])),
        (ValueError, r"labels: expected shape \[2, label", lambda: spigot.ctc_scores(b, labels[:1])),
        (ValueError, "blank: expected one of 4", lambda: spigot.ctc_scores(b, labels, 4)),
        (ValueError, r"initial: expected shape \[state", lambda: hidden(square, square, wide, seen)),
        (ValueError, r"transition: expected shape \[3, 3", lambda: hidden(randn(3), wide, wide, seen)),
        (ValueError, r"emission: expected shape \[3, 3", lambda: hidden(randn(3), square, wide.T[:, :3], seen)),
        (TypeError, "observations: expected integers", lambda: hidden(randn(3), square, wide, seen.tolist())),
        (ValueError, r"cells: expected shape \[batch", lambda: spigot.warping_scores(square)),
        (TypeError, "cells: expected a floating-point", lambda: spigot.warping_scores(b.long())),
        (ValueError, r"deletion: expected shape \[2, 6", lambda: spigot.alignment_scores(b, b[:, 0], b[:, 0])),
        (ValueError, r"insertion: expected shape \[2, 4", lambda: spigot.alignment_scores(b, b[:, :, 0], b[:, :, 0])),
        (TypeError, "deletion: expected a floating-point", lambda: spigot.alignment_scores(b, -1.0, -1.0)),
        (ValueError, r"emissions: expected shape \[batch", lambda: chain(wide, square)),
        (ValueError, r"transitions: expected shape \[previous", lambda: chain(b, b)),
        (TypeError, "transitions: expected floating-point", lambda: chain(b, None)),
    ):
        with pytest.raises(error, match=message):
            make()


def test_segments_of_any_length_are_compositions():
    parts = SegmentationParts(torch.zeros(4, 6, 6, 2), torch.zeros(4, 5, 2, 2))
    # Σ_k C(n - 1, k - 1) 2^k
    assert SemiMarkov().count(parts, torch.tensor([1, 2, 4, 6])).tolist() == [2, 6, 54, 486]


def test_segments_of_one_position_are_a_chain():
    chain = spigot.LinearChainParts(randn(3, 6, 4), randn(3, 5, 4, 4, seed=1))
    parts = SegmentationParts(chain.emissions[:, :, None], chain.transitions)
    lengths = torch.tensor([6, 1, 4])
    assert torch.allclose(
        SemiMarkov().log_partition(parts, lengths), spigot.LinearChain().log_partition(chain, lengths)
    )


def test_a_hidden_markov_model():
    initial, transition, emission = randn(3), randn(3, 3, seed=1), randn(3, 4, seed=2)
    observations = torch.tensor([[0, 2, 1, 3], [3, 1, -1, -1]])
    lengths = torch.tensor([4, 2])
    parts = spigot.hidden_markov_scores(initial, transition, emission, observations)
    log_z = spigot.LinearChain().log_partition(parts, lengths)
    for k, size in enumerate(lengths.tolist()):
        state = initial.softmax(0)
        likelihood = state * emission.softmax(1)[:, observations[k, 0]]
        for seen in observations[k, 1:size]:
            likelihood = (likelihood @ transition.softmax(1)) * emission.softmax(1)[:, seen]
        assert torch.isclose(log_z[k], likelihood.sum().log())
    everything = torch.cartesian_prod(*[torch.arange(4)] * 3)
    parts = spigot.hidden_markov_scores(initial, transition, emission, everything)
    assert torch.isclose(spigot.LinearChain().log_partition(parts).exp().sum(), torch.tensor(1.0).double())
    assert spigot.hidden_markov_scores(initial, transition, emission, everything[:, :0]).emissions.shape[1] == 0


def test_a_grammar_with_one_symbol_is_a_binary_tree():
    spans = randn(2, 5, 5)
    # One nonterminal, one tag; the nonterminal never covers a single token.
    parts = spigot.PCFGParts(
        spans.diagonal(dim1=1, dim2=2)[..., None],
        spans[..., None],
        torch.zeros(2, 1, 2, 2).double(),
        torch.zeros(2, 2).double(),
    )
    lengths = torch.tensor([5, 3])
    trees = spigot.BinaryTree()
    assert torch.allclose(PCFG().log_partition(parts, lengths), trees.log_partition(spans, lengths))
    best = PCFG().argmax(parts, lengths)
    whole = best.spans[..., 0] + torch.diag_embed(best.tags[..., 0])
    assert torch.equal(whole, trees.argmax(spans, lengths))
    assert PCFG().count(parts, lengths).tolist() == [14, 2]


def test_sentences_of_a_grammar_have_probabilities():
    # S -> S S (p) | a (1 - p): the trees over n tokens have C_(n-1) p^(n-1) (1 - p)^n.
    p = torch.tensor(0.3, dtype=torch.float64)
    parts = spigot.PCFGParts(
        (1 - p).log().expand(1, 6, 1),
        torch.zeros(1, 6, 6, 1).double(),
        p.log().expand(1, 1, 2, 2),
        torch.zeros(1, 2).double(),
    )
    for n, catalan in ((1, 1), (4, 5), (6, 42)):
        log_z = PCFG().log_partition(parts, torch.tensor([n]))
        assert torch.isclose(log_z.exp(), catalan * p ** (n - 1) * (1 - p) ** n)
        assert PCFG().marginals(parts, torch.tensor([n])).rules.sum().isclose(torch.tensor(n - 1.0).double())


def test_a_rule_may_be_used_twice():
    rules = torch.full((1, 1, 2, 2), -5.0).double()
    rules[0, 0, 0, 1] = 1.0  # A -> A t
    parts = spigot.PCFGParts(
        torch.zeros(1, 5, 1).double(), torch.zeros(1, 5, 5, 1).double(), rules, torch.zeros(1, 2).double()
    )
    best = PCFG().argmax(parts)
    assert best.rules[0, 0].tolist() == [[0, 3], [0, 1]]
    assert PCFG().score(parts, best) == -2
    nearest = PCFG().hull.project(parts)
    assert torch.isfinite(nearest.rules).all()
    assert torch.allclose(spigot.Hull(PCFG()).project(best).rules, best.rules)


def test_projection_onto_a_hull_of_counts_is_nearest():
    parts = spigot.PCFGParts(randn(1, 4, 1), randn(1, 4, 4, 1, seed=1), randn(1, 1, 2, 2, seed=2), randn(1, 2, seed=3))
    doubled = map_parts(lambda part: 2 * part, parts)
    point, solution = flatten(doubled), PCFG().hull.solve(doubled)
    found = flatten(solution.point)
    vertices = flatten(map_parts(lambda part: part[0], PCFG().top_k(parts, 5)[0]))
    valid = flatten(PCFG().part_mask(parts))
    for vertex in vertices:
        assert (((point - found) * valid) @ (vertex - found[0])).item() < 1e-6
    assert len(vertices.unique(dim=0)) == 5
    assert solution.converged.all()


def test_what_only_a_program_can_get_wrong():
    parts = SegmentationParts(torch.zeros(2, 4, 3, 2), torch.zeros(2, 3, 2, 2))
    program = SemiMarkov()
    with pytest.raises(TypeError, match="scores: expected SegmentationParts, got Tensor"):
        program.argmax(parts.segments)
    with pytest.raises(TypeError, match="mask: expected SegmentationParts, got Tensor"):
        program.argmax(parts, None, parts.segments > 0)
    with pytest.raises(ValueError, match=r"scores\.transitions: expected shape \[2, 3, 2, 2\], got \[2, 4, 2, 2\]"):
        program.argmax(SegmentationParts(parts.segments, torch.zeros(2, 4, 2, 2)))
    with pytest.raises(ValueError, match="k: expected a whole number, at least 1, got 0"):
        program.top_k(parts, 0)
    with pytest.raises(ValueError, match=r"lengths: expected shape \[2\], got \[2, 2\]"):
        program.argmax(parts, torch.ones(2, 2, dtype=torch.int64))
    alignment = torch.zeros(2, 4, 5, 3)
    with pytest.raises(ValueError, match=r"lengths: expected shape \[2, 2\], got \[2, 3\]"):
        MonotoneAlignment().argmax(alignment, torch.ones(2, 3, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"lengths: out of range .* \(row 1"):
        MonotoneAlignment().argmax(alignment, torch.tensor([[3, 4], [3, 5]]))
    with pytest.raises(ValueError, match=r"scores: expected shape \[2, 4, 5, 3\], got \[2, 4, 5, 4\]"):
        MonotoneAlignment().argmax(torch.zeros(2, 4, 5, 4))
    grammar = spigot.PCFGParts(
        torch.zeros(1, 2, 2), torch.zeros(1, 2, 2, 1), torch.zeros(1, 1, 2, 2), torch.zeros(1, 2)
    )
    with pytest.raises(ValueError, match=r"scores.roots: expected 1 nonterminals and 2 tags, got 2 symbols"):
        PCFG().argmax(grammar)


def test_a_total_of_the_wrong_shape():
    @dataclass(frozen=True)
    class Wrong(DynamicProgram):
        axes: ClassVar = "batch token"
        counted: ClassVar = "token"

        def inside(self, scores, lengths):
            return within(scores.size(1), lengths)

        def total(self, scores, lengths):
            return stack(scores.unbind(1), 1)

    with pytest.raises(ValueError, match=r"^Wrong\.total: expected shape \[2\], got \[2, 3\]"):
        Wrong().argmax(torch.zeros(2, 3))

    class Forgets(Wrong):
        def total(self, scores, lengths):
            return None

    with pytest.raises(TypeError, match=r"^Forgets\.total: expected a Value, got NoneType$"):
        Forgets().argmax(torch.zeros(2, 3))

    class Counts(Wrong):
        counted: ClassVar = "tokens"

    message = r"^Counts\.counted: expected axes of the scores \(batch, token\), got 'tokens'$"
    with pytest.raises(ValueError, match=message):
        Counts().argmax(torch.zeros(2, 3))


def test_no_positions_at_all():
    parts = SegmentationParts(torch.zeros(2, 0, 3, 2), torch.zeros(2, 0, 2, 2))
    leaves = SegmentationParts(*(part.requires_grad_() for part in parts))
    log_z = SemiMarkov().log_partition(leaves)
    assert log_z.tolist() == [0, 0]
    log_z.sum().backward()
    for found in (SemiMarkov().argmax(parts), SemiMarkov().marginals(parts), SemiMarkov().sample(parts)):
        assert [part.shape for part in found] == [part.shape for part in parts]
    assert SemiMarkov().top_k(parts, 2)[1].tolist() == [[0, -torch.inf]] * 2


def test_the_program_of_the_docs_is_what_it_says(tmp_path):
    scores = randn(3, 5)
    subsets = torch.cartesian_prod(*[torch.tensor([0.0, 1.0]).double()] * 5)
    members = subsets[(subsets[:, 1:] * subsets[:, :-1]).sum(1) == 0]
    totals = scores @ members.T
    assert len(members) == 13
    with running("programs.md", tmp_path) as names:
        apart = names["Apart"]()
        assert torch.equal(apart.argmax(scores), members[totals.argmax(1)])
        assert torch.allclose(apart.log_partition(scores), totals.logsumexp(1))
        assert torch.allclose(apart.marginals(scores), totals.softmax(1) @ members)
        assert torch.allclose(apart.top_k(scores, 13)[1], totals.sort(1, descending=True).values)
        assert apart.count(scores, torch.tensor([5, 3, 0])).tolist() == [13, 5, 1]
