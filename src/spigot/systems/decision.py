"""The decision of a system's intermediate parser, with the end task's loss as a function of it.

So the end task's gradient can be seen where it enters the parser, and any surrogate compared with the system's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import signature
from typing import Any

import torch
from torch import Tensor

from spigot.data.sentence import Sentence
from spigot.structured import Problem, SemanticGraphParts, Surrogate, structured_argmax
from spigot.structured.parts.base import like, map_parts, tensors
from spigot.systems.base import System
from spigot.systems.batch import Batch

ArcWeights = dict[tuple[int, int, str], float]
"""By head, modifier and label; "" is the arc itself."""


def decision(system: System, sentences: Sequence[Sentence], task: str | None = None) -> Problem[Any]:
    """Return the problem that the intermediate parser solves for a batch; its `downstream` is the end task's loss.

    The end task is computed without dropout. `gradient_at(z)` of the result is ∇ẑL, `loss_at(z)` the losses.

    Args:
        system: a system with an intermediate parser.
        sentences: at least one, annotated for the end task.
        task: the end task, by default the first of the system's `end_tasks`.

    Raises:
        ValueError: the system has no intermediate parser, or the task does not read it.
    """
    layer = system.parse_layer
    if layer is None or not system.end_tasks:
        raise ValueError("system: expected one with an intermediate parser, got one without")
    name = system.end_tasks[0] if task is None else task
    if name not in system.end_tasks:
        raise ValueError(f"task: expected one of {', '.join(system.end_tasks)}, got {name!r}")
    end, part = system.tasks[name], system.parts[name]
    batch = Batch(name, sentences, device=system.device)
    calls: list[dict[str, Any]] = []

    def losses(replace: Callable[[Any], Any]) -> Tensor:
        """Return the end task's losses where `replace` changes the output of the layer."""

        def hook(module: Any, arguments: Any, keywords: Any, output: Any) -> Any:
            calls.append(dict(signature(layer.forward).bind(*arguments, **keywords).arguments))
            return replace(output)

        training = system.training
        handle = layer.register_forward_hook(hook, with_kwargs=True)
        try:
            system.eval()
            tokens, dropped = batch.encode(system.reader(name))
            output = system.output(batch, tokens, dropped, 1.0)
            return end.losses(part, output, [batch.share(gold) for gold in end.gold(part, sentences)], tokens.lengths)
        finally:
            handle.remove()
            system.train(training)

    with torch.no_grad():
        losses(lambda output: output)
    call = calls[0]
    scores = map_parts(torch.detach, call["scores"])
    return Problem(
        layer.structure, scores, call.get("lengths"), call.get("mask"), lambda point: losses(lambda _: point)
    )


def score_gradient(problem: Problem[Any], surrogate: Surrogate, seed: int = 0) -> Any:
    """Return the loss's gradient for the scores under a surrogate, as parts; `seed` is that of its samples, if any."""
    scores = map_parts(lambda part: part.detach().requires_grad_(), problem.scores)
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(seed)
        output = structured_argmax(
            scores,
            problem.structure,
            surrogate,
            lengths=problem.lengths,
            mask=problem.mask,
            downstream=problem.downstream if surrogate.needs_downstream else None,
        )
        loss = problem.loss_at(output).sum()
        grads = torch.autograd.grad(loss, tensors(scores), allow_unused=True, materialize_grads=True)
    return like(problem.scores, grads)


def arc_weights(system: System, parts: Any, row: int = 0) -> ArcWeights:
    """Return the numbers of one row of parts of the intermediate parser by arc, those that are 0 or -inf left out.

    Raises:
        ValueError: parts that are neither those of trees nor those of semantic graphs.
    """
    if isinstance(parts, Tensor):
        return _nonzero(parts[row], "")
    if isinstance(parts, SemanticGraphParts):
        names = system.parts[str(system.config.intermediate)].roles.names.strings
        weights = _nonzero(parts.arcs[row], "")
        for number, name in enumerate(names):
            weights |= _nonzero(parts.labels[row, ..., number], name)
        return weights
    raise ValueError(f"parts: expected those of trees or semantic graphs, got {type(parts).__name__}")


def _nonzero(weights: Tensor, label: str) -> ArcWeights:
    where = torch.nonzero((weights != 0) & weights.isfinite())
    values = weights[where[:, 0], where[:, 1]].tolist()
    return {(head, modifier, label): value for (head, modifier), value in zip(where.tolist(), values, strict=True)}
