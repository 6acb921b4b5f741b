"""The losses of one step: a batch of one task, forward through the parts of the system that the task needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor
from torch.nn import functional as F

from spigot.data.vocabulary import Tokens
from spigot.models.semantic_parser import Decoded, gold_graphs
from spigot.models.sentiment_classifier import gold_sentiments
from spigot.models.syntactic_parser import gold_heads
from spigot.structured.parts.base import map_parts
from spigot.systems.base import JointSystem
from spigot.systems.pruning import Candidates
from spigot.systems.semantics_then_sentiment import SemanticsThenSentiment
from spigot.training.objective import graph_hinge, tree_hinge, tree_nll
from spigot.training.plan import Step
from spigot.training.recipe import Recipe


class Losses:
    """Computes the losses of steps.

    `share` turns tensors and tokens of a whole batch into this process's rows of them, on its device. With `parsed`,
    sentences of the end task carry the graphs that a frozen parser made of them; with `candidates`, it is known
    what a pruner leaves of them.
    """

    def __init__(self, recipe: Recipe, model: JointSystem, share: Callable[..., list[Any]]) -> None:
        self.recipe, self.share = recipe, share
        # Any: which parts it has is known from the task of a step.
        self.model: Any = model
        self.parsed = False
        self.candidates: Candidates | None = None

    def __call__(self, step: Step, random: np.random.Generator, end_task_weight: float) -> Tensor:
        """Return the losses `[sentences]` of this process's sentences; `random` draws the word dropout.

        The parser in the middle runs without word dropout when it serves the end task.
        """
        part, sentences = self.model.parts[step.task], step.sentences
        # The whole batch is drawn everywhere, so that the draws do not depend on the number of processes.
        tokens, dropped = self.share(*part.vocabulary.encode(sentences, part.word_dropout, random))
        if step.task != self.recipe.end:
            output = part(tokens, dropped)
        else:
            output = self._end_task(step, tokens, dropped, end_task_weight)
        if step.task == "syntax":
            (heads,) = self.share(gold_heads(sentences))
            loss = tree_nll if self.recipe.intermediate.loss == "nll" else tree_hinge
            return loss(self.model.tree, output, heads, tokens.lengths)
        if step.task == "semantics":
            gold = Decoded(*self.share(*gold_graphs(sentences, part.roles)))
            return graph_hinge(part.structure, output, gold, tokens.lengths)
        (labels,) = self.share(gold_sentiments(sentences))
        return F.cross_entropy(output, labels, reduction="none")

    def _end_task(self, step: Step, tokens: Tokens, dropped: Tensor, weight: float) -> Any:
        model, middle, sentences = self.model, self.model.middle, step.sentences
        if self.parsed and isinstance(model, SemanticsThenSentiment):
            graph = model.given_graphs(sentences)
            return model(tokens, dropped=dropped, graph=map_parts(self._share_one, graph))[0]
        middle_tokens = None
        if middle is not None:
            middle_tokens, _ = self.share(*middle.vocabulary.encode(sentences))
        if self.candidates is not None:
            known = map_parts(self._share_one, self.candidates.masks(sentences))
            return model(tokens, middle_tokens, dropped, weight, candidates=known)[0]
        return model(tokens, middle_tokens, dropped, weight)[0]

    def _share_one(self, tensor: Tensor) -> Tensor:
        return self.share(tensor)[0]
