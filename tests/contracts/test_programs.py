"""What one recurrence gives, for each of the dynamic programs: all of it against the list of all structures."""

import pytest
import torch

import spigot
import spigot.structured.programs.program as program_module
from spigot import CTCParts, PCFGParts, SegmentationParts
from spigot.structured.parts.base import flatten, like, map_parts, tensors
from tests.contracts.registry import equal, random_mask
from tests.oracles import programs as oracle

INF = float("inf")


class Case:
    def __init__(self, name, program, shapes, rows, listed):
        self.name, self.program, self.shapes, self.rows, self.listed = name, program, shapes, rows, listed

    def scores(self, seed, scale=1.0):
        """Return float64 scores of a row for each length; padding is NaN where the program has no part."""
        generator = torch.Generator().manual_seed(seed)

        def draw(shape):
            return scale * torch.randn(len(self.rows), *shape, generator=generator, dtype=torch.float64)

        single = not hasattr(self.shapes, "_fields")
        drawn = draw(self.shapes) if single else type(self.shapes)(*map(draw, self.shapes))
        cells = self.program.part_mask(drawn, self.lengths)
        return map_parts(lambda part, own: part.masked_fill(~own, float("nan")), drawn, cells)

    @property
    def lengths(self):
        return torch.tensor(self.rows)

    def all_of(self, scores, row):
        """Return the structures of a row, `[structure, D]`, and their scores, -inf for those that are forbidden."""
        size = self.rows[row]
        members = flatten(self.listed(scores, *(size if isinstance(size, tuple) else (size,))))
        own = flatten(scores)[row]
        return members, torch.where(members > 0, members * own, 0.0).sum(1)


CASES = [
    Case(
        "semi-markov",
        spigot.SemiMarkov(),
        SegmentationParts((4, 3, 2), (3, 2, 2)),
        [4, 1, 0, 3],
        oracle.segmentations,
    ),
    Case(
        "alignment", spigot.MonotoneAlignment(), (4, 5, 3), [(3, 4), (1, 4), (0, 0), (0, 2), (3, 3)], oracle.alignments
    ),
    Case("pcfg", spigot.PCFG(), PCFGParts((4, 1), (4, 4, 2), (2, 3, 3), (3,)), [4, 1, 0, 3], oracle.derivations),
    Case("ctc", spigot.CTC(), CTCParts((5, 5), (4, 5)), [(5, 2), (3, 1), (0, 0), (4, 0), (2, 2)], oracle.ctc_paths),
]


def rows_of(parts, rows):
    return map_parts(lambda part: part[rows], parts)


every_program = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


@every_program
@pytest.mark.parametrize("scale", [0.0, 1.0, 50.0, 1e6])
def test_sums_and_the_best(case, scale):
    program, scores, lengths = case.program, case.scores(1, scale), case.lengths
    best, marginals = program.argmax(scores, lengths), program.marginals(scores, lengths)
    log_z, entropy = program.log_partition(scores, lengths), program.entropy(scores, lengths)
    values = case.scores(2)
    expected_value = program.expectation(scores, values, lengths)
    for b in range(len(case.rows)):
        members, totals = case.all_of(scores, b)
        _, worth = case.all_of(values, b)
        p = totals.softmax(0)
        if scale > 0:
            assert torch.equal(flatten(best)[b], members[totals.argmax()])
        assert torch.isclose(log_z[b], totals.logsumexp(0), rtol=1e-12)
        assert torch.allclose(flatten(marginals)[b], p @ members, atol=1e-12 * max(scale, 1))
        assert torch.isclose(entropy[b], torch.special.entr(p).sum(), atol=1e-12 * max(scale, 1))
        assert torch.isclose(expected_value[b], p @ worth, atol=1e-11 * max(scale, 1))
        assert program.count(scores, lengths)[b] == len(members)
    assert program.feasible(scores, lengths).all()


@every_program
@pytest.mark.parametrize("by_mask", [True, False])
def test_forbidden_parts(case, by_mask):
    program, lengths = case.program, case.lengths
    left = 0
    for seed in range(10):
        scores = case.scores(seed)
        allowed = random_mask(scores, seed, 0.7)
        forbidden = map_parts(lambda part, cells: part.masked_fill(~cells, -INF), scores, allowed)
        listed = [case.all_of(forbidden, b) for b in range(len(case.rows))]
        possible = [bool(totals.max() > -INF) for _, totals in listed]
        given, mask = (scores, allowed) if by_mask else (forbidden, None)
        assert program.feasible(given, lengths, mask).tolist() == possible
        counts = [int((totals > -INF).sum()) for _, totals in listed]
        assert program.count(given, lengths, mask).tolist() == counts
        if not all(possible):
            row = possible.index(False)
            for function in (program.argmax, program.log_partition, program.marginals, program.sample):
                with pytest.raises(ValueError, match=rf"scores: {program.none} over the candidates.* {row} "):
                    function(given, lengths, mask)
        keep = torch.tensor(possible)
        some, some_mask = rows_of(given, keep), None if mask is None else rows_of(mask, keep)
        best = program.argmax(some, lengths[keep], some_mask)
        marginals = program.marginals(some, lengths[keep], some_mask)
        entropy = program.entropy(some, lengths[keep], some_mask)
        for k, (members, totals) in enumerate(pair for pair, one in zip(listed, possible, strict=True) if one):
            left += 1
            p = totals.softmax(0)
            assert torch.equal(flatten(best)[k], members[totals.argmax()])
            assert torch.allclose(flatten(marginals)[k], p @ members, atol=1e-12)
            assert torch.isclose(entropy[k], torch.special.entr(p).sum(), atol=1e-12)
    assert left > 15


@every_program
@pytest.mark.parametrize("k", [1, 2, 7, 40])
def test_the_k_best_with_ties(case, k):
    program, lengths = case.program, case.lengths
    tied = 0
    for seed in range(3):
        scores = map_parts(torch.round, case.scores(seed, 1.5))
        structures, totals = program.top_k(scores, k, lengths)
        for b in range(len(case.rows)):
            members, all_totals = case.all_of(scores, b)
            expected = all_totals.sort(descending=True).values[:k]
            tied += len(expected.unique()) < len(expected)
            found = flatten(rows_of(structures, b))
            assert torch.equal(totals[b, : len(expected)], expected)
            assert (totals[b, len(expected) :] == -INF).all()
            assert not found[len(expected) :].any()
            # Each is one of the structures with this score, and none comes twice.
            which = (found[: len(expected), None] == members).all(2)
            assert (which.sum(1) == 1).all()
            assert (which.sum(0) <= 1).all()
            assert torch.equal(which.double() @ all_totals, expected)
        first = map_parts(lambda part: part[:, 0], structures)
        assert equal(first, program.argmax(scores, lengths))
        again = program.top_k(scores, k, lengths)
        assert equal(structures, again[0])
    assert tied or k < 7


@every_program
def test_samples_have_the_right_joint_distribution(case):
    count = 20_000
    scores = case.scores(4)
    row = max(range(len(case.rows)), key=lambda b: len(case.all_of(scores, b)[1]))
    members, totals = case.all_of(scores, row)
    many = map_parts(lambda part: part[row : row + 1].expand(count, *part.shape[1:]), scores)
    lengths = case.lengths[row : row + 1].expand(count, *case.lengths.shape[1:])
    samples = flatten(case.program.sample(many, lengths, generator=torch.Generator().manual_seed(0)))
    share = torch.stack([(samples == one).all(1).double().mean() for one in members])
    p = totals.softmax(0)
    assert torch.isclose(share.sum(), torch.tensor(1.0).double())
    assert ((share - p).abs() < 5 * (p * (1 - p) / count).sqrt() + 1e-4).all()


@every_program
def test_a_sample_depends_on_its_row_alone(case):
    scores, lengths = case.scores(5), case.lengths
    seeds = torch.arange(len(case.rows)) * 12345
    together = case.program.sample_seeded(scores, seeds, lengths)
    different = 0
    for b in range(len(case.rows)):
        alone = rows_of(scores, slice(b, b + 1))
        single = case.program.sample_seeded(alone, seeds[b : b + 1], lengths[b : b + 1])
        assert equal(single, rows_of(together, slice(b, b + 1)))
        other = case.program.sample_seeded(alone, seeds[b : b + 1] + 1, lengths[b : b + 1])
        different += not equal(single, other)
    assert different


@every_program
def test_derivatives(case):
    scores, lengths = map_parts(lambda part: part.nan_to_num(0)[:2], case.scores(6)), case.lengths[:2]
    values = map_parts(lambda part: part.nan_to_num(0)[:2], case.scores(7))
    leaves = tuple(part.requires_grad_() for part in tensors(scores))
    program = case.program

    def of_tensors(function):
        return lambda *parts: tensors(function(like(scores, parts)))

    for function in (
        lambda s: program.log_partition(s, lengths),
        lambda s: program.entropy(s, lengths),
        lambda s: program.expectation(s, values, lengths),
    ):
        assert torch.autograd.gradcheck(of_tensors(function), leaves, fast_mode=True)
        assert torch.autograd.gradgradcheck(of_tensors(function), leaves, fast_mode=True)


def test_transforms_of_torch_func():
    program, lengths = CASES[1].program, CASES[1].lengths
    scores, towards = (CASES[1].scores(seed).nan_to_num(0) for seed in (10, 11))

    def log_z(parts):
        return program.log_partition(parts, lengths).sum()

    def marginals(parts):
        return program.marginals(parts, lengths)

    by_autograd = torch.autograd.functional
    assert torch.allclose(torch.func.grad(log_z)(scores), marginals(scores))
    slope = torch.func.jvp(lambda parts: program.log_partition(parts, lengths), (scores,), (towards,))[1]
    assert torch.allclose(slope, program.expectation(scores, towards, lengths))
    assert torch.allclose(torch.func.hessian(log_z)(scores), by_autograd.hessian(log_z, scores))
    jacobian = by_autograd.jacobian(marginals, scores)
    for transform in (torch.func.jacrev, torch.func.jacfwd):
        assert torch.allclose(transform(marginals)(scores), jacobian)
    best = program.argmax(scores, lengths)
    assert torch.equal(torch.func.grad(lambda parts: (parts * program.argmax(parts, lengths)).sum())(scores), best)


@every_program
def test_all_is_on_the_device_of_the_scores(case, monkeypatch):
    # What is on two devices does not add up, which "meta" tells without there being another; it has no values to check.
    monkeypatch.setattr(program_module, "refuse_rows", lambda bad, message: None)
    scores, lengths = map_parts(lambda part: part.to("meta"), case.scores(0)), case.lengths
    seeds = torch.zeros(len(case.rows), dtype=torch.int64, device="meta")
    for given in (lengths, None):
        results = [
            *(getattr(case.program, name)(scores, given) for name in ("argmax", "marginals", "log_partition")),
            *(getattr(case.program, name)(scores, given) for name in ("entropy", "count", "feasible")),
            *case.program.top_k(scores, 3, given),
            case.program.sample_seeded(scores, seeds, given),
        ]
        assert {part.device.type for result in results for part in tensors(result)} == {"meta"}


@every_program
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_results_have_the_type_of_the_scores(case, dtype):
    scores, lengths = map_parts(lambda part: part.to(dtype), case.scores(12)), case.lengths
    wide = map_parts(torch.Tensor.double, scores)
    for name in ("argmax", "marginals", "log_partition", "entropy"):
        narrow, exact = (tensors(getattr(case.program, name)(parts, lengths)) for parts in (scores, wide))
        assert all(torch.equal(a, b.to(dtype)) for a, b in zip(narrow, exact, strict=True))


@every_program
def test_huge_scores_among_small_ones(case):
    scores, lengths = case.scores(8), case.lengths
    best = case.program.argmax(scores, lengths)
    huge = map_parts(lambda part, z: part + 1e30 * z, scores, best)
    marginals = case.program.marginals(huge, lengths)
    assert torch.allclose(flatten(marginals), flatten(best), atol=1e-12)
    assert (case.program.entropy(huge, lengths).abs() < 1e-12).all()


@every_program
def test_compiled_graphs_are_whole_and_equal(case):
    program, lengths = case.program, case.lengths
    scores = map_parts(lambda part: part.nan_to_num(0), case.scores(9))
    seeds = torch.arange(len(case.rows))
    operations = {
        "sample": lambda s: program.sample_seeded(s, seeds, lengths),
        "count": lambda s: program.count(s, lengths),
        "top_k": lambda s: program.top_k(s, 3, lengths)[0],
    }
    for name, operation in operations.items():
        # Tracing takes seconds. The table of derivatives compiles the other operations of each.
        if name != "sample" and case is not CASES[0]:
            continue
        torch.compiler.reset()
        compiled = torch.compile(operation, fullgraph=True, backend="aot_eager")
        for a, b in zip(tensors(compiled(scores)), tensors(operation(scores)), strict=True):
            assert torch.allclose(a, b, atol=1e-12), name


def test_a_compiled_graph_keeps_the_derivative_of_marginals():
    case = CASES[0]
    scores = map_parts(lambda part: part.nan_to_num(0), case.scores(9))
    leaves = map_parts(lambda part: part.requires_grad_(), scores)

    def marginals(scores):
        return case.program.marginals(scores, case.lengths)

    torch.compiler.reset()
    slopes = []
    for operation in (marginals, torch.compile(marginals, fullgraph=True, backend="aot_eager")):
        squares = sum(part.square().sum() for part in tensors(operation(leaves)))
        slopes.append(torch.autograd.grad(squares, tensors(leaves)))
    assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(*slopes, strict=True))
