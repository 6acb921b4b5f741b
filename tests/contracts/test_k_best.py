"""The k best structures of every kind, against the list of all."""

import pytest
import torch

import spigot
from spigot import all_structures
from spigot.structured.parts.base import flatten, map_parts, tensors
from tests.contracts.registry import STRUCTURES, batch_of, equal, random_mask, to

INF = float("inf")
SIZES = [3, 0, 2]
# Programs are held to this by test_programs.py. A graph with more than one token has too many subsets of arcs to list.
EACH = [case for case in STRUCTURES if not isinstance(case.structure, spigot.DynamicProgram) and case.exact]
every_structure = pytest.mark.parametrize("case", EACH, ids=lambda case: case.name)


def candidates(case, scores, seed):
    """Return a mask under which each row has a structure, and graphs are few."""
    share = 0.3 if case.may_be_empty else 0.7
    some = case.structure.argmax(batch_of(case.shape, SIZES, seed + 100), torch.tensor(SIZES))
    return map_parts(lambda z, half: z.bool() | half, some, random_mask(scores, seed, share))


@every_structure
@pytest.mark.parametrize("k", [1, 2, 9])
def test_against_the_list_of_all(case, k):
    lengths, tied = torch.tensor(SIZES), 0
    for seed in range(6):
        scores = batch_of(case.shape, SIZES, seed)
        # Whole numbers have ties.
        scores = map_parts(lambda part: (0.5 * part).round(), scores) if seed % 2 else to(scores, torch.float64)
        mask = candidates(case, scores, seed)
        structures, totals = case.structure.top_k(scores, k, lengths, mask)
        listed = all_structures(case.structure, scores, lengths, mask)
        values = flatten(map_parts(lambda part: part.nan_to_num(0).double(), scores))
        assert [part.shape for part in tensors(structures)] == [(3, k, *part.shape[1:]) for part in tensors(scores)]
        for b in range(3):
            members = flatten(listed[b]).double()
            expected = (members * values[b]).sum(1).sort(descending=True).values[:k]
            tied += len(expected.unique()) < len(expected)
            found = flatten(map_parts(lambda part, b=b: part[b], structures)).double()
            assert torch.allclose(totals[b, : len(expected)].double(), expected, atol=1e-12)
            assert (totals[b, len(expected) :] == -INF).all()
            assert not found[len(expected) :].any()
            which = (found[: len(expected), None] == members).all(2)
            assert (which.sum(1) == 1).all()
            assert (which.sum(0) <= 1).all()
            assert torch.allclose(found[: len(expected)] @ values[b], expected, atol=1e-12)
        assert equal(structures, case.structure.top_k(scores, k, lengths, mask)[0])
    assert tied or k < 9


@every_structure
def test_a_row_does_not_depend_on_the_batch_and_infinity_excludes(case):
    lengths = torch.tensor(SIZES)
    scores = batch_of(case.shape, SIZES, 1, full=min(case.widest, 5))
    mask = candidates(case, batch_of(case.shape, SIZES, 1), 1)
    narrow = batch_of(case.shape, SIZES, 1)
    forbidden = map_parts(lambda part, cells: part.masked_fill(~cells, -INF), narrow, mask)
    assert equal(case.structure.top_k(narrow, 4, lengths, mask)[0], case.structure.top_k(forbidden, 4, lengths)[0])
    padded, totals = case.structure.top_k(scores, 4, lengths)
    for b, size in enumerate(SIZES):
        alone, own = case.structure.top_k(map_parts(lambda part, b=b: part[b : b + 1], narrow), 4, lengths[b : b + 1])
        assert torch.equal(own[0], totals[b])
        for part, wide, row in zip(tensors(alone), tensors(padded), tensors(narrow), strict=True):
            cut = wide[(b, slice(None), *(slice(extent) for extent in row.shape[1:]))]
            assert torch.equal(cut, part[0]), size


def test_k_is_checked():
    for k in (0, 1.5, True):
        with pytest.raises(ValueError, match="k: expected a whole number, at least 1, got"):
            spigot.ProjectiveTree().top_k(torch.zeros(1, 3, 3), k)


def test_approximate_graphs_are_ranked_exactly():
    case = next(case for case in STRUCTURES if not case.exact)
    exact = spigot.SemanticGraph(case.structure.deterministic)
    scores = batch_of(case.shape, [3], 0)
    assert equal(case.structure.top_k(scores, 3)[0], exact.top_k(scores, 3)[0])


def test_scores_of_any_size_lose_nothing():
    # Added to what is required, anything large would round the rest away.
    for structure in (spigot.SemanticGraph([True, False, True]), spigot.KSubset(2)):
        case = next(case for case in EACH if type(case.structure) is type(structure))
        scores = to(batch_of(case.shape, [4], 2), torch.float64)
        small = map_parts(lambda part: part * 1e-12, scores)
        raised = map_parts(torch.clone, small)
        tensors(raised)[0][0, 1] += 1.0
        _, totals = structure.top_k(raised, 6)
        assert len(totals.unique()) == 6


class NoRows(spigot.Structure):
    """Trees whose errors do not tell which rows have none."""

    def __init__(self):
        self.trees = spigot.ProjectiveTree()

    relaxation = hull = None

    def part_mask(self, scores, lengths=None, mask=None):
        return self.trees.part_mask(scores, lengths, mask)

    def require(self, scores, required, valid):
        return self.trees.require(scores, required, valid)

    def argmax(self, scores, lengths=None, mask=None):
        try:
            return self.trees.argmax(scores, lengths, mask)
        except ValueError as error:
            raise ValueError(str(error)) from None


def test_an_error_that_does_not_tell_the_rows_is_understood():
    scores = torch.randn(2, 5, 5, generator=torch.Generator().manual_seed(1))
    found, expected = (structure.top_k(scores, 9) for structure in (NoRows(), spigot.ProjectiveTree()))
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])
