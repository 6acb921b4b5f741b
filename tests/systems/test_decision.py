"""The end task's loss as a function of the intermediate structure, against the systems' own passes."""

from dataclasses import replace

import pytest
import torch

from spigot.structured import SPIGOT, SemanticGraphParts, SparseMAP, StraightThrough
from spigot.structured.parts.base import map_parts, tensors
from spigot.systems.batch import Batch
from spigot.systems.decision import arc_weights, decision, score_gradient
from tests.models.tiny import SENTENCES, sentiment_model, syntax_model, tiny_model

BATCH = [replace(sentence, sentiment=k % 2) for k, sentence in enumerate(SENTENCES[:3])]


def own_gradient(model, scores_of):
    """The gradient that a training step of the end task gives the scores of the intermediate parser, and the losses."""
    seen = {}

    def keep(module, arguments):
        parts = map_parts(lambda part: part.detach().requires_grad_(), arguments[0])
        seen["scores"] = parts
        return (parts, *arguments[1:])

    handle = model.parse_layer.register_forward_pre_hook(keep)
    name = next(iter(model.tasks))
    task, part, batch = model.tasks[name], model.parts[name], Batch(name, BATCH)
    tokens, dropped = batch.encode(part)
    losses = task.losses(part, model.output(batch, tokens, dropped, 1.0), task.gold(part, BATCH), tokens.lengths)
    handle.remove()
    grads = torch.autograd.grad(losses.sum(), tensors(seen["scores"]), allow_unused=True, materialize_grads=True)
    return grads, losses.detach()


@pytest.mark.parametrize("make", [tiny_model, sentiment_model], ids=["semantics", "sentiment"])
@pytest.mark.parametrize("surrogate", ["SPIGOT", "StraightThrough", "Detach"])
def test_the_systems_own_surrogate_gives_the_gradient_of_training(make, surrogate):
    model = make(surrogate)
    problem = decision(model, BATCH)
    expected, losses = own_gradient(model, problem.scores)
    found = tensors(score_gradient(problem, model.parse_layer.surrogate))
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
    assert torch.equal(problem.loss_at(problem.argmax()).detach(), losses)
    assert any(bool(part.any()) for part in found) == (surrogate != "Detach")


def test_soft_systems_have_their_gradient_at_their_soft_tree():
    model = tiny_model("Marginals")
    problem = decision(model, BATCH)
    expected, _ = own_gradient(model, problem.scores)
    torch.testing.assert_close(score_gradient(problem, model.parse_layer.surrogate), expected[0])


def test_the_gradient_at_a_point_is_that_of_finite_differences():
    model = tiny_model().double()
    problem = decision(model, BATCH)
    scores = problem.scores.double()
    point = problem.structure.argmax(scores, problem.lengths) * 0.9
    # Single precision inside the scorers bounds what differences can show.
    gradient = problem.gradient_at(point)
    direction = torch.randn(point.shape, dtype=point.dtype, generator=torch.Generator().manual_seed(0)) * problem.valid
    with torch.no_grad():
        up, down = (problem.loss_at(point + sign * 1e-3 * direction).sum() for sign in (1, -1))
    assert float((up - down) / 2e-3) == pytest.approx(float((gradient * direction).sum()), rel=2e-2)


def test_it_leaves_the_system_as_it_was():
    model = tiny_model().train()
    problem = decision(model, BATCH)
    first, again = (problem.loss_at(problem.argmax()).detach() for _ in range(2))
    assert torch.equal(first, again)
    assert model.training
    assert not model.parse_layer._forward_hooks


def test_the_difference_is_that_of_its_steps_and_a_second_step_asks_the_loss_again():
    problem = decision(tiny_model(), BATCH)
    z = problem.argmax()
    for surrogate in (SPIGOT(), SPIGOT(max_norm=0.1, polytope="hull"), SPIGOT(steps=3, step_size=0.3)):
        path = surrogate.path(problem, z, problem.gradient_at(z))
        assert len(path) == surrogate.steps
        at = z
        for step in path:
            torch.testing.assert_close(step.ahead, at - surrogate.step_size * step.grad)
            at = step.projected
        torch.testing.assert_close(score_gradient(problem, surrogate), z - at)
    assert score_gradient(problem, SparseMAP()).shape == z.shape
    torch.testing.assert_close(score_gradient(problem, StraightThrough()), problem.gradient_at(z))


def test_weights_of_trees_and_graphs_by_arc():
    model, other = tiny_model(), sentiment_model()
    weights = torch.zeros(2, 4, 4)
    weights[1, 0, 2], weights[1, 3, 1], weights[1, 2, 3] = 0.5, -1.0, -torch.inf
    assert arc_weights(model, weights, 1) == {(0, 2, ""): 0.5, (3, 1, ""): -1.0}
    assert arc_weights(model, weights) == {}
    labels = torch.zeros(1, 3, 3, len(other.semantics.roles))
    labels[0, 2, 1, 1] = 0.25
    arcs = torch.zeros(1, 3, 3)
    arcs[0, 2, 1] = 1.0
    name = other.semantics.roles.names.strings[1]
    parts = SemanticGraphParts(torch.ones(1, 3), arcs, labels)
    assert arc_weights(other, parts) == {(2, 1, ""): 1.0, (2, 1, name): 0.25}
    with pytest.raises(ValueError, match="parts: expected those of trees or semantic graphs, got tuple"):
        arc_weights(model, (weights,))


def test_a_system_without_an_intermediate_parser_is_refused():
    for model in (tiny_model(syntax=False), syntax_model(), sentiment_model(None)):
        assert model.parse_layer is None
        with pytest.raises(ValueError, match="system: expected one with an intermediate parser"):
            decision(model, BATCH)
