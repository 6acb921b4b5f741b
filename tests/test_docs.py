"""The code in docs/ runs, page by page, and the tables name what there is."""

import re
from inspect import isabstract
from pathlib import Path
from typing import Any

import pytest
import torch

import spigot
from spigot import Structure, Surrogate

PAGES = sorted((Path(__file__).parents[1] / "docs").glob("*.md"))


def run(page: Path) -> dict[str, Any]:
    """Execute the blocks of a page one after the other, and return what they define."""
    names: dict[str, Any] = {"__name__": "docs"}
    for block in re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
        exec(compile(block, page.name, "exec"), names)  # the pages are ours
    return names


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run(page)


def test_every_structure_has_its_row() -> None:
    (page,) = [page for page in PAGES if page.name == "structures.md"]
    listed = set(re.findall(r"^\| `(\w+)\(", page.read_text("utf-8"), re.MULTILINE))
    public = [getattr(spigot, name) for name in spigot.__all__]
    structures = {c.__name__ for c in public if isinstance(c, type) and issubclass(c, Structure)}
    assert listed == structures - {"Structure", "MarginalStructure"}


def test_every_surrogate_and_loss_has_its_row() -> None:
    (page,) = [page for page in PAGES if page.name == "surrogates.md"]
    text = page.read_text("utf-8")
    public = {name: getattr(spigot, name) for name in spigot.__all__}
    surrogates = {
        name for name, c in public.items() if isinstance(c, type) and issubclass(c, Surrogate) and not isabstract(c)
    }
    assert set(re.findall(r"^\| `(\w+)\(\)`", text, re.MULTILINE)) == surrogates
    losses = {name for name in public if name.endswith(("_loss", "_likelihood"))}
    assert set(re.findall(r"^\| `(\w+)`", text, re.MULTILINE)) == losses


def test_the_structure_of_the_example_is_what_it_says() -> None:
    (page,) = [page for page in PAGES if page.name == "extending.md"]
    segment = run(page)["Segment"]()
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
