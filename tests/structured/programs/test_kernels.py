"""Structures that have kernels, written once more as recurrences: all operations agree."""

from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch

from spigot import BinaryTree, DynamicProgram, KSubset, LinearChain, LinearChainParts, ProjectiveTree
from spigot.structured.parts.base import flatten, map_parts
from spigot.structured.programs.axes import within
from spigot.structured.programs.value import cat, stack
from tests.contracts.registry import equal


@dataclass(frozen=True)
class Chain(DynamicProgram):
    form: ClassVar = LinearChainParts
    axes: ClassVar = ("batch position tag", "batch position-1 tag tag")
    counted: ClassVar = "position"

    def inside(self, scores, lengths):
        positions = scores.emissions.size(1)
        return LinearChainParts(
            within(positions, lengths)[..., None], within(positions - 1, lengths - 1)[..., None, None]
        )

    def total(self, scores, lengths):
        rows = [scores.emissions[:, 0]]
        for i in range(scores.transitions.size(1)):
            rows.append((rows[-1][..., None] * scores.transitions[:, i]).sum(1) * scores.emissions[:, i + 1])
        return stack(rows, 1).at(lengths - 1).sum(1)


@dataclass(frozen=True)
class Projective(DynamicProgram):
    """Eisner (1996), cell by cell; `right[i, j]` and `left[i, j]` are headed by i and by j."""

    axes: ClassVar = "batch token+1 token+1"
    counted: ClassVar = "token"
    single_root: bool = True

    def inside(self, scores, lengths):
        nodes = within(scores.size(1), lengths + 1)
        cells = nodes[:, :, None] & nodes[:, None] & ~torch.eye(scores.size(1), dtype=torch.bool)
        cells[:, :, 0] = False
        return cells

    def total(self, scores, lengths):
        batch, nodes = scores.shape[:2]
        right = {(i, i): scores.one(batch) for i in range(nodes)}
        left, right_arc, left_arc = dict(right), {}, {}
        for width in range(1, nodes):
            for i in range(nodes - width):
                j = i + width
                halves = self._sum([right[i, k] * left[k + 1, j] for k in range(i, j)])
                right_arc[i, j], left_arc[i, j] = halves * scores[:, i, j], halves * scores[:, j, i]
                right[i, j] = self._sum([right_arc[i, k] * right[k, j] for k in range(i + 1, j + 1)])
                left[i, j] = self._sum([left[i, k] * left_arc[k, j] for k in range(i, j)])
        if not self.single_root:
            totals = [right[0, length] for length in range(1, nodes)]
        else:
            ways = [[left[1, k] * scores[:, 0, k] * right[k, j] for k in range(1, j + 1)] for j in range(1, nodes)]
            totals = list(map(self._sum, ways))
        return stack(totals, 1).at(lengths - 1)

    def _sum(self, values):
        return stack(values, 1).sum(1)


@dataclass(frozen=True)
class Binary(DynamicProgram):
    """CKY, cell by cell."""

    axes: ClassVar = "batch token token"
    counted: ClassVar = "token"

    def inside(self, scores, lengths):
        tokens = within(scores.size(1), lengths)
        return (tokens[:, :, None] & tokens[:, None]).triu()

    def total(self, scores, lengths):
        tokens = scores.size(1)
        chart = {(i, i): scores[:, i, i] for i in range(tokens)}
        for width in range(1, tokens):
            for i in range(tokens - width):
                j = i + width
                halves = [chart[i, k] * chart[k + 1, j] for k in range(i, j)]
                chart[i, j] = stack(halves, 1).sum(1) * scores[:, i, j]
        return stack([chart[0, j] for j in range(tokens)], 1).at(lengths - 1)


@dataclass(frozen=True)
class Subset(DynamicProgram):
    axes: ClassVar = "batch category"
    counted: ClassVar = "category"
    k: int = 2

    def inside(self, scores, lengths):
        return within(scores.size(1), lengths)

    def total(self, scores, lengths):
        batch = scores.size(0)
        chosen = cat([scores.one(batch, 1), scores.zero(batch, self.k)], 1)
        for score in scores.unbind(1):
            more = cat([chosen.zero(batch, 1), chosen[:, :-1] * score[:, None]], 1)
            chosen = chosen + more
        return chosen.at(lengths.clamp_max(self.k))


PAIRS = {
    "chain": (Chain(), LinearChain(), LinearChainParts((5, 3), (4, 3, 3)), [5, 1, 0, 3]),
    "projective": (Projective(), ProjectiveTree(), (6, 6), [5, 1, 0, 3]),
    "projective-multi-root": (Projective(single_root=False), ProjectiveTree(False), (6, 6), [5, 1, 0, 3]),
    "binary": (Binary(), BinaryTree(), (6, 6), [6, 1, 0, 4]),
    "subset": (Subset(k=3), KSubset(3), (7,), [7, 1, 0, 5]),
}


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("masked", [False, True])
def test_the_recurrence_and_the_kernel_agree(name, dtype, masked):
    program, structure, shapes, rows = PAIRS[name]
    generator = torch.Generator().manual_seed(0)
    lengths = torch.tensor(rows)

    def draw(shape):
        return torch.randn(len(rows), *shape, generator=generator, dtype=dtype)

    scores = draw(shapes) if not hasattr(shapes, "_fields") else type(shapes)(*map(draw, shapes))
    valid = structure.part_mask(scores, lengths)
    assert equal(program.part_mask(scores, lengths), valid)
    scores = map_parts(lambda part, cells: part.masked_fill(~cells, float("nan")), scores, valid)
    mask = None
    if masked:
        some = structure.sample(scores, lengths, generator=generator)
        mask = map_parts(lambda z: z.bool() | (torch.rand(z.shape, generator=generator) < 0.7), some)
    best = structure.argmax(scores, lengths, mask)
    assert equal(program.argmax(scores, lengths, mask), best)
    first, totals = program.top_k(scores, 1, lengths, mask)
    assert equal(map_parts(lambda part: part[:, 0], first), best)
    close = {"atol": 1e-12, "rtol": 1e-12} if dtype is torch.float64 else {"atol": 1e-5, "rtol": 1e-5}
    assert torch.allclose(totals[:, 0], structure.score(scores, best, lengths, mask), **close)
    for operation in ("log_partition", "marginals", "entropy"):
        ours, theirs = (flatten_all(getattr(s, operation)(scores, lengths, mask)) for s in (program, structure))
        assert ours.dtype == theirs.dtype == dtype
        assert torch.allclose(ours, theirs, **close), operation
    level = map_parts(torch.zeros_like, scores)
    log_count = structure.log_partition(map_parts(lambda part: part.double(), level), lengths, mask)
    assert torch.allclose(program.count(scores, lengths, mask).log(), log_count)
    sample = program.sample(scores, lengths, mask, generator=generator)
    assert torch.isfinite(structure.log_prob(scores, sample, lengths, mask)).all()


def flatten_all(result):
    return result if isinstance(result, torch.Tensor) and result.dim() == 1 else flatten(result)
