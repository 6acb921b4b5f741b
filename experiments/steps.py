"""Watch the gradients on a syntactic parser update by update: how long they are, and where they point.

    python experiments/steps.py RECIPE --data FILE.toml --set KEY=VALUE ... --title TEXT --updates 100 --out FILE.json

Trains as `spigot train` does, for that many updates, and keeps the record alone. Each update that reaches the syntactic
parser has a row: its task; the norm of the parser's gradient before it is cut to `training.clip_norm`, with
`end_task_weight` in it; the cosine of that gradient with the mean of the treebank's and of the end task's gradients
before it (each cut, and decaying by a twentieth at each of them), and with confidence's (see `gradients.py`). Of the
parser as it is before the update, without dropout, there is its confidence on the batch and, on a batch of the
treebank, its UAS.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from collect import environment, this_command, write_json
from gradients import confidence_gradient
from run import code_commit
from torch import Tensor

from spigot.errors import UserError
from spigot.models.syntactic_parser import gold_heads
from spigot.systems.batch import Batch
from spigot.systems.syntax_then_semantics import SyntaxThenSemantics
from spigot.training.config import Recipe
from spigot.training.loop import Interrupted, Trainer
from spigot.training.processes import Processes
from spigot.training.recipe import load_recipe
from spigot.training.update import Updates

DECAY = 0.95
TINY = 1e-12


class Enough(Exception):
    """As many updates as were asked for have been made."""


def rounded(value: Any) -> Any:
    """Return a row with four digits of each number."""
    if isinstance(value, dict):
        return {name: rounded(part) for name, part in value.items()}
    return float(f"{value:.4g}") if isinstance(value, float) else value


class Watched(Updates):
    """Updates that keep a record of the gradients on the syntactic parser."""

    def __init__(self, recipe: Recipe, system: SyntaxThenSemantics, processes: Processes, limit: int) -> None:
        super().__init__(recipe, system, processes)
        assert system.syntax is not None, "RECIPE: expected a system with a syntactic parser"
        self.parser, self.limit, self.made = system.syntax, limit, 0
        self.rows: list[dict[str, Any]] = []
        self.means: dict[str, Tensor] = {}
        self.now: dict[str, Any] = {}
        self.direction = torch.zeros(())

    def update(self, batch: Batch, epoch: int, number: int, position: float) -> float:
        """Make an update, and keep its row if it reaches the parser."""
        if self.made == self.limit:
            raise Enough
        self.made += 1
        self._look(batch)
        return super().update(batch, epoch, number, position)

    def _look(self, batch: Batch) -> None:
        """Begin a row: the parser on this batch before the update, and the gradient of its confidence."""
        tree = self.parser.structure
        self.parser.eval()
        tokens = batch.encode(self.parser)[0]
        scores = self.parser(tokens).scores
        chosen = tree.argmax(scores.detach(), tokens.lengths)
        gradient = confidence_gradient(chosen, tokens.lengths)
        self.parser.train()
        found = torch.autograd.grad(scores, self._weights, gradient, allow_unused=True)
        self.direction = self._flat(found)
        value = float((gradient * scores.detach()).sum() / tokens.lengths.sum())
        self.now = {"update": self.made, "task": batch.task, "confidence": value}
        if batch.task == self.recipe.intermediate_task:
            heads = gold_heads(batch.sentences)
            self.now["uas"] = float((chosen.argmax(1) == heads)[heads >= 0].double().mean())

    @property
    def _weights(self) -> list[Tensor]:
        return [p for p in self.parser.parameters() if p.requires_grad]

    def _flat(self, gradients: Any) -> Tensor:
        """Return gradients of all weights as one vector; those of weights without any are 0."""
        pairs = zip(gradients, self._weights, strict=True)
        return torch.cat([(torch.zeros_like(w) if g is None else g).flatten() for g, w in pairs])

    def _scale_and_clip(self, sentences: int) -> list[Tensor]:
        """Finish the row between the gradient and the step."""
        raw = self._flat([p.grad for p in self._weights]) / sentences
        norms = super()._scale_and_clip(sentences)
        norm = float(raw.norm())
        if norm > TINY:
            others = {**self.means, "confidence": self.direction}
            cosines = {name: float(torch.cosine_similarity(raw, other, 0, TINY)) for name, other in others.items()}
            self.rows.append(rounded({**self.now, "norm": norm, "cosines": cosines}))
            cut = self._flat([p.grad for p in self._weights])
            self.means[self.now["task"]] = cut + DECAY * self.means.get(self.now["task"], torch.zeros_like(cut))
        return norms


def watch(recipe: Recipe, updates: int) -> list[dict[str, Any]]:
    """Train for some updates, and return the rows of those that reach the parser."""
    with TemporaryDirectory() as folder:
        trainer = Trainer(recipe, Path(folder) / "run", device="cpu")
        if not isinstance(trainer.model, SyntaxThenSemantics):
            raise UserError(f"RECIPE: expected a system of syntax, then semantics, got {trainer.model.kind!r}")
        watched = trainer.updates = Watched(recipe, trainer.model, trainer.processes, updates)
        with suppress(Enough, Interrupted):  # what has been seen until then is kept
            trainer.fit()
    return watched.rows


def main() -> int:
    """Watch, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("--data", default="")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--title", required=True, help="what is trained, for the table")
    parser.add_argument("--updates", type=int, default=100)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    try:
        recipe = load_recipe(arguments.recipe, arguments.set, arguments.data)
        rows = watch(recipe, arguments.updates)
    except UserError as error:
        parser.error(str(error))
    head = {"title": arguments.title, "command": this_command(), "commit": code_commit(), **environment()}
    write_json(arguments.out, head | {"seed": recipe.training.seed, "rows": rows})
    return 0


if __name__ == "__main__":
    sys.exit(main())
