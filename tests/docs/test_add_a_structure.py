"""The structure of docs/add-a-structure.md, against all its members, and held to the contracts."""

import pytest
import torch

from tests.contracts import test_polytopes, test_structures, test_surrogates
from tests.contracts.registry import SURROGATES, PolytopeCase, StructureCase, category_shape
from tests.docs.pages import contract_tests, running


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with running("add-a-structure.md", tmp_path_factory.mktemp("page")) as names:
        yield names


def test_the_structure_is_what_it_says(page):
    segment = page["Segment"]()
    scores = torch.randn(3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    runs = [[float(i <= k <= j) for k in range(4)] for i in range(4) for j in range(i, 4)]
    members = torch.tensor(runs, dtype=torch.float64)
    totals = scores @ members.T
    assert torch.equal(segment.argmax(scores), members[totals.argmax(1)])
    assert torch.allclose(segment.log_partition(scores), totals.logsumexp(1))
    assert torch.allclose(segment.marginals(scores), totals.softmax(1) @ members)
    lengths = torch.tensor([4, 2, 0])
    padded = scores.masked_fill(torch.arange(4) >= lengths[:, None], float("nan"))
    assert torch.equal(segment.argmax(padded, lengths)[1, :2], segment.argmax(scores[1:2, :2])[0])
    assert torch.allclose(segment.marginals(padded, lengths)[1, :2], segment.marginals(scores[1:2, :2])[0])
    assert not segment.argmax(padded, lengths)[2].any()
    assert segment.log_partition(padded, lengths)[2] == 0
    with pytest.raises(ValueError, match=r"no segment.*row 1"):
        segment.argmax(scores, None, torch.tensor([True, False, True])[:, None].expand(3, 4))


def case_of(page):
    return StructureCase("segment", page["Segment"](), category_shape, None)


@pytest.mark.parametrize("test", contract_tests(test_structures, "case"))
def test_it_keeps_the_contract_of_structures(page, test):
    getattr(test_structures, test)(case_of(page))


@pytest.mark.parametrize("test", contract_tests(test_surrogates, "case", "surrogate"))
@pytest.mark.parametrize("surrogate", SURROGATES)
def test_it_keeps_the_contract_with_every_surrogate(page, surrogate, test):
    getattr(test_surrogates, test)(case_of(page), SURROGATES[surrogate])


@pytest.mark.parametrize("test", contract_tests(test_polytopes, "case"))
def test_its_relaxation_keeps_the_contract_of_polytopes(page, test):
    box = PolytopeCase("box", page["Box"](), category_shape, page["Segment"](), may_be_zero=True)
    getattr(test_polytopes, test)(box)
