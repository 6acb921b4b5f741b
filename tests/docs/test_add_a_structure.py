"""The structure of docs/add-a-structure.md, against all its members."""

import pytest
import torch

from tests.docs.pages import running


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
