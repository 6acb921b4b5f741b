"""The audit against closed forms, and against gradients whose quality is known beforehand."""

import inspect
import math
import sys

import pytest
import torch

import spigot
from spigot import (
    AIMLE,
    SPIGOT,
    ArgmaxSurrogate,
    Categorical,
    Detach,
    Marginals,
    ProjectiveTree,
    ScoreFunction,
    SemanticGraph,
    SemanticGraphParts,
    StraightThrough,
    Surrogate,
    audit,
    default_surrogates,
)

SCORES = torch.tensor([[1.0, 0.0, -1.0]], dtype=torch.float64)
SLOPE = torch.tensor([[0.5, -0.3, 0.1]], dtype=torch.float64)
P = SCORES[0].softmax(0)
EXACT = (P.diag() - torch.outer(P, P)) @ SLOPE[0]


def linear(z):
    return (z * SLOPE).sum(1)


def trees(seed=0, batch=6):
    scores, target = torch.randn(2, batch, 4, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)

    def loss(z):
        return ((z - target)[:, :, 1:] ** 2).sum((1, 2))

    return scores, loss


class Opposite(ArgmaxSurrogate):
    """Straight-through with the wrong sign."""

    def backward(self, problem, output, saved, grad_output):
        return -grad_output


def test_closed_forms_of_categories():
    found = audit(SCORES, Categorical(), linear, {"ste": StraightThrough(), "spigot": SPIGOT(), "soft": Marginals()})
    for name, gradient in (("ste", SLOPE[0]), ("spigot", torch.tensor([0.4, -0.4, 0]).double()), ("soft", EXACT)):
        row = found[name]
        assert row.bias == pytest.approx(((gradient - EXACT).norm() / EXACT.norm()).item())
        assert row.spread == pytest.approx(0, abs=1e-9)
        assert row.cosine == pytest.approx(torch.cosine_similarity(gradient, EXACT, dim=0).item())
        # From the first category to the second, which has the smallest loss.
        way = torch.tensor([1.0, -1, 0]).double()
        assert row.descent == pytest.approx(torch.cosine_similarity(gradient, way, dim=0).item())
        assert (row.better, row.worse, row.silent) == (1, 0, 0)


def test_gradients_whose_quality_is_known():
    found = audit(SCORES, Categorical(), linear, {"none": Detach(), "opposite": Opposite()})
    none, opposite = found.rows
    assert (none.better, none.worse, none.silent, none.bias) == (0, 0, 1, 1)
    assert math.isnan(none.descent)
    # The first category has the largest loss already: the wrong way is to stay.
    assert (opposite.better, opposite.silent) == (0, 1)
    assert opposite.cosine < 0
    middle = audit(SCORES, Categorical(), lambda z: (z * SLOPE[:, [2, 1, 0]]).sum(1), {"opposite": Opposite()})
    assert middle["opposite"].worse == 1


def test_the_score_function_is_unbiased_and_noisy_and_marginals_are_exact_for_linear_losses():
    scores, loss = trees()
    weights = torch.randn(4, 4, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    ours = {"score": ScoreFunction(32), "marginals": Marginals()}
    curved = audit(scores, ProjectiveTree(), loss, ours, repeats=40)
    assert curved["score"].bias < 0.1 < curved["marginals"].bias
    assert curved["score"].spread > 0.1
    assert curved["score"].cosine > 0.95
    straight = audit(scores, ProjectiveTree(), lambda z: (z * weights).sum((1, 2)), ours, repeats=2)
    assert straight["marginals"].bias == pytest.approx(0, abs=1e-9)
    assert straight["marginals"].cosine == pytest.approx(1)


def test_padding_and_masks_have_no_part_in_it():
    scores, loss = trees()
    lengths = torch.tensor([3, 2, 1, 0, 3, 2])
    valid = ProjectiveTree().part_mask(scores, lengths)
    found = [
        audit(s, ProjectiveTree(), loss, {"spigot": SPIGOT()}, lengths=lengths)
        for s in (scores, torch.where(valid, scores, math.nan))
    ]
    assert found[0] == found[1]
    masked = audit(scores, ProjectiveTree(), loss, {"spigot": SPIGOT()}, lengths=lengths, mask=valid)
    assert masked == found[0]


def test_random_numbers_are_its_own():
    scores, loss = trees()
    adaptive = AIMLE()
    state = torch.random.get_rng_state()
    first = audit(scores, ProjectiveTree(), loss, {"aimle": adaptive}, repeats=4)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert adaptive.state.strength == AIMLE().state.strength
    assert audit(scores, ProjectiveTree(), loss, {"aimle": adaptive}, repeats=4) == first
    assert audit(scores, ProjectiveTree(), loss, {"aimle": adaptive}, repeats=4, seed=1) != first


def test_by_default_everything_that_the_structure_can_serve():
    scores, loss = trees(batch=2)
    found = audit(scores, ProjectiveTree(), loss, repeats=2)
    used = {type(surrogate) for surrogate in default_surrogates(ProjectiveTree()).values()}
    public = {getattr(spigot, name) for name in spigot.__all__}
    every = {c for c in public if isinstance(c, type) and issubclass(c, Surrogate) and not inspect.isabstract(c)}
    assert used == every - {Detach}
    assert [row.surrogate for row in found.rows] == list(default_surrogates(ProjectiveTree()))
    for row in found.rows:
        assert row.better + row.worse + row.silent <= 1 + 1e-9
        assert row.surrogate in str(found)


def test_a_structure_of_several_tensors_without_sums():
    generator = torch.Generator().manual_seed(0)
    shapes = ((3, 3), (3, 3, 3), (3, 3, 3, 2))
    scores, price = (SemanticGraphParts(*(torch.randn(s, generator=generator) for s in shapes)) for _ in "ab")
    graph = SemanticGraph([False, True])
    found = audit(scores, graph, lambda z: graph.score(price, z), repeats=4)
    assert "ScoreFunction" not in [row.surrogate for row in found.rows]
    assert found["StraightThrough"].better > 0.5


def test_the_plot_is_a_file(tmp_path, monkeypatch):
    found = audit(SCORES, Categorical(), linear, {"ste": StraightThrough(), "none": Detach()}, repeats=2)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"Audit.plot: expected matplotlib to be installed"):
        found.plot(str(tmp_path / "audit.png"))
    monkeypatch.undo()
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    found.plot(str(tmp_path / "audit.png"))
    assert (tmp_path / "audit.png").read_bytes().startswith(b"\x89PNG")


def test_arguments_are_checked():
    with pytest.raises(ValueError, match="repeats: expected at least 2, got 1"):
        audit(SCORES, Categorical(), linear, repeats=1)
    for name in ("repeats", "limit"):
        with pytest.raises(ValueError, match=f"^{name}: expected a positive integer, got 2.5$"):
            audit(SCORES, Categorical(), linear, **{name: 2.5})
    with pytest.raises(ValueError, match=r"^scores: expected one instance at least, got an empty batch$"):
        audit(SCORES[:0], Categorical(), linear)
    with pytest.raises(ValueError, match="limit: row 0 has more than 2 structures"):
        audit(SCORES, Categorical(), linear, limit=2)
    with pytest.raises(ValueError, match=r"^loss: expected one loss for each row, shape \[1\]"):
        audit(SCORES, Categorical(), lambda z: z.sum())
    for loss, got in ((lambda z: 1.0, "float"), (lambda z: z.detach().sum(1), "one without a gradient")):
        with pytest.raises(TypeError, match=f"^loss: expected a tensor of losses .*, got {got}$"):
            audit(SCORES, Categorical(), loss)


def test_arguments_of_the_wrong_type_are_named():
    tree, scores = spigot.ProjectiveTree(), torch.randn(2, 3, 3)

    def loss(z):
        return z.sum((1, 2))

    for name, call in (
        ("scores", lambda: spigot.audit(tree, scores, loss)),
        ("structure", lambda: spigot.audit(scores, spigot.ProjectiveTree, loss)),
        ("surrogates", lambda: spigot.audit(scores, tree, loss, [spigot.SPIGOT()])),
        (r"surrogates\['SPIGOT'\]", lambda: spigot.audit(scores, tree, loss, {"SPIGOT": spigot.SPIGOT})),
        ("structure", lambda: spigot.all_structures(scores, tree)),
        ("scores", lambda: spigot.all_structures(tree, scores.long())),
        ("structure", lambda: spigot.default_surrogates(spigot.ProjectiveTree)),
    ):
        with pytest.raises(TypeError, match=f"^{name}: expected a"):
            call()


def test_lengths_may_be_a_list():
    tree, scores = spigot.ProjectiveTree(), torch.randn(2, 4, 4)
    counted = [len(of_row) for of_row in spigot.all_structures(tree, scores, [3, 2])]
    assert counted == [7, 2]
    weights = torch.randn(4, 4)
    found, again = (
        spigot.audit(scores, tree, lambda z: (z * weights).sum((1, 2)), {"SPIGOT": spigot.SPIGOT()}, lengths=lengths)
        for lengths in ([3, 2], torch.tensor([3, 2]))
    )
    assert found == again
