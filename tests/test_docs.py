"""The code in docs/ runs, page by page, and the tables name what there is."""

import re
import sys
from inspect import isabstract
from pathlib import Path
from typing import Any

import pytest
import torch

import spigot
from spigot import Structure, Surrogate

PAGES = sorted((Path(__file__).parents[1] / "docs").glob("*.md"))


def run(page: Path) -> dict[str, Any]:
    """Execute the blocks of a page one after the other, and return what they define.

    A block that begins with the name of a file is written to that file, not executed.
    """
    names: dict[str, Any] = {"__name__": "docs"}
    for block in re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
        file = re.match(r"# (\w+\.py)\n", block)
        if file is not None:
            Path(file[1]).write_text(block, "utf-8")
            continue
        exec(compile(block, page.name, "exec"), names)  # the pages are ours
    return names


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
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


def test_the_encoder_of_the_example_is_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from spigot.models.config import NamedEncoder
    from tests.models.tiny import SENTENCES, tiny_vocabularies

    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "window", raising=False)
    (page,) = [page for page in PAGES if page.name == "encoders.md"]
    config = run(page)["config"]
    assert config.syntax.encoder.arguments == {"size": 40, "reach": 2}
    vocabulary = tiny_vocabularies().semantics
    encoder = config.syntax.encoder.build(vocabulary=vocabulary, vectors=None)
    together = encoder(vocabulary.encode(SENTENCES[:5])[0])
    for row, sentence in enumerate(SENTENCES[:5]):
        alone = encoder(vocabulary.encode([sentence])[0])
        assert alone.shape == (1, len(sentence) + 1, encoder.output_dim)
        torch.testing.assert_close(together[row, : len(sentence) + 1], alone[0], rtol=0, atol=1e-6)
        assert not together[row, len(sentence) + 1 :].any()
    with pytest.raises(ValueError, match=r"^reach: expected an integer from 0 on, got -1"):
        NamedEncoder("window.Window", reach=-1).build(vocabulary=vocabulary)
