"""Compare the end task's gradient on a syntactic scorer with the treebank's: how large they are, and where they point.

    python experiments/gradients.py RUN --title TEXT --graphs FILE.sdp --trees FILE.conllu --out FILE.json

The sentences of both files are paired by their ids and put into batches as in training. Each batch gives the gradient
of the treebank's loss and, with each surrogate, that of the semantic loss. Both have full weight, are averaged over the
sentences, and are measured before the parser's gradient as a whole is clipped. Dropout is off. `end_task_weight`
multiplies what the surrogate returns, so other weights need no other run; where the product of weight and norm exceeds
the clipping norm, the weight has no effect. "confidence" is a gradient to compare with: that of the difference between
the chosen heads' scores and the mean score of all heads. A gradient like it makes the parser less sure of all its
heads, right or wrong.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from collect import environment, this_command, write_json
from run import code_commit
from torch import Tensor

from spigot import SPIGOT, StraightThrough, Surrogate, structured_argmax
from spigot.cli.gold import read_together
from spigot.data.batching import make_batches
from spigot.data.sentence import Sentence
from spigot.models.graph_scorer import Decoded
from spigot.models.semantic_parser import gold_graphs
from spigot.models.syntactic_parser import gold_heads
from spigot.systems.syntax_then_semantics import SyntaxThenSemantics
from spigot.tasks.semantics import graph_hinge
from spigot.tasks.syntax import tree_hinge

SURROGATES: dict[str, Surrogate] = {
    "STE": StraightThrough(),
    "STE, cap 1": StraightThrough(max_norm=1.0),
    "SPIGOT, cap 1": SPIGOT(max_norm=1.0),
    "SPIGOT": SPIGOT(),
}
TINY = 1e-7


def confidence_gradient(chosen: Tensor, lengths: Tensor) -> Tensor:
    """Return the gradient on scores, `[batch, head, modifier]`, of how far chosen heads score above the mean of all."""
    nodes = lengths[:, None, None] + 1
    number = torch.arange(chosen.shape[1])
    inside = (number[:, None] < nodes) & (number < nodes) & (number > 0)
    return chosen - inside / nodes


def score_gradients(
    model: SyntaxThenSemantics, sentences: list[Sentence], arc_scores: Tensor
) -> tuple[dict[str, Tensor], Tensor, Tensor]:
    """Return each loss's gradient on the arc scores, `[batch, head, modifier]`; and the chosen and the gold heads."""
    assert model.syntax is not None, "RUN: expected a system with a syntactic parser"
    tree = model.syntax.structure
    tokens, _ = model.encode(sentences)
    heads = gold_heads(sentences)
    scores = arc_scores.detach().requires_grad_()
    treebank = tree_hinge(tree, scores, heads, tokens.lengths).sum()
    result = {"treebank": torch.autograd.grad(treebank, scores)[0]}
    chosen = tree.argmax(scores.detach(), tokens.lengths).requires_grad_()
    gold = Decoded(*gold_graphs(sentences, model.semantics.roles))
    loss = graph_hinge(model.semantics.structure, model.semantics(tokens, None, chosen), gold, tokens.lengths).sum()
    (downstream,) = torch.autograd.grad(loss, chosen)
    result["confidence"] = confidence_gradient(chosen.detach(), tokens.lengths)
    for name, surrogate in SURROGATES.items():
        arcs = structured_argmax(scores, tree, surrogate, lengths=tokens.lengths)
        result[name] = torch.autograd.grad(arcs, scores, downstream)[0]
    return result, chosen.detach().argmax(1), heads


class Sums:
    """Sums of one loss's gradient over the batches so far."""

    def __init__(self) -> None:
        self.sentence_norms: list[float] = []
        self.norms: list[float] = []
        self.cosines: dict[str, list[float]] = {"treebank": [], "confidence": []}
        self.direction: Tensor | float = 0.0
        self.counts = np.zeros(8)

    def add(
        self, gradient: Tensor, parameters: Tensor, others: dict[str, Tensor], chosen: Tensor, gold: Tensor
    ) -> None:
        """Add a batch: its gradient on scores and on parameters, and the gradients of `others` on parameters."""
        self.sentence_norms += torch.linalg.vector_norm(gradient.flatten(1), dim=1).tolist()
        norm = float(parameters.norm())
        self.norms.append(norm)
        if norm > TINY:
            for name, found in self.cosines.items():
                found.append(float(parameters @ others[name] / (norm * others[name].norm().clamp_min(TINY))))
            self.direction = self.direction + parameters / norm
        token = gold >= 0
        right = (chosen == gold)[token]
        columns = gradient.transpose(1, 2)[token]
        at_gold = columns.gather(1, gold[token][:, None])[:, 0]
        at_chosen = columns.gather(1, chosen[token][:, None])[:, 0]
        mass = columns.abs().sum(1)
        reached = mass > TINY
        self.counts += [
            len(right),
            int((~right).sum()),
            int(reached.sum()),
            int((reached & ~right).sum()),
            int((right & (at_gold > TINY)).sum()),
            int((~right & (at_gold < at_chosen - TINY)).sum()),
            float(mass.sum()),
            float(mass[right].sum()),
        ]

    def summary(self) -> dict[str, Any]:
        """Return means over sentences, batches and tokens."""
        tokens, wrong, reached, reached_wrong, pushed, pulled, mass, mass_right = self.counts
        n = len(self.cosines["treebank"])
        # The mean cosine of two different batches: 1 if all gradients have one direction, 0 if they are unrelated.
        alike = (float(torch.as_tensor(self.direction).norm()) ** 2 - n) / (n * (n - 1)) if n > 1 else None
        return {
            "norm_on_scores": float(np.mean(self.sentence_norms)),
            "norms": {f"{share:.0%}": float(np.quantile(self.norms, share)) for share in (0.1, 0.5, 0.9)},
            **{f"cosine_with_{name}": float(np.mean(found)) if n else None for name, found in self.cosines.items()},
            "cosine_with_treebank_sd": float(np.std(self.cosines["treebank"], ddof=1)) if n > 1 else None,
            "cosine_between_batches": alike,
            "tokens_reached": reached / tokens,
            "reached_that_are_wrong": reached_wrong / max(reached, 1),
            "right_heads_pushed_down": pushed / max(tokens - wrong, 1),
            "wrong_heads_moved_towards_gold": pulled / max(wrong, 1),
            "mass_on_right_heads": mass_right / max(mass, TINY),
        }


def measure(model: SyntaxThenSemantics, sentences: list[Sentence], batches: int, seed: int) -> dict[str, Any]:
    """Return the summary of each gradient over some batches."""
    assert model.syntax is not None, "RUN: expected a system with a syntactic parser"
    weights = [p for p in model.syntax.parameters() if p.requires_grad]
    sums = {name: Sums() for name in ("treebank", "confidence", *SURROGATES)}
    confidences: list[float] = []
    drawn = make_batches([len(s) for s in sentences], 256, np.random.default_rng(seed))[:batches]
    for batch in drawn:
        some = [sentences[k] for k in batch]
        syntax_tokens = model.encode(some)[1]
        assert syntax_tokens is not None
        arc_scores = model.syntax(syntax_tokens).scores
        found, chosen, gold = score_gradients(model, some, arc_scores)
        confidences += (found["confidence"] * arc_scores.detach()).sum(1)[gold >= 0].tolist()
        flat: dict[str, Tensor] = {}
        for name, gradient in found.items():
            parts = torch.autograd.grad(arc_scores, weights, gradient / len(some), retain_graph=True, allow_unused=True)
            flat[name] = torch.cat([part.flatten() for part in parts if part is not None]).double()
        for name, gradient in found.items():
            sums[name].add(gradient, flat[name], flat, chosen, gold)
    tokens, wrong = sums["treebank"].counts[:2]
    gradients = {name: part.summary() for name, part in sums.items()}
    sizes = {"batches": len(drawn), "sentences": sum(map(len, drawn)), "tokens": int(tokens)}
    scores = {"uas": 1 - wrong / tokens, "confidence": float(np.mean(confidences))}
    return {**sizes, **scores, "gradients": gradients}


def main() -> None:
    """Measure and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--title", required=True, help="what the run is, for the table")
    parser.add_argument("--graphs", type=Path, required=True)
    parser.add_argument("--trees", type=Path, required=True)
    parser.add_argument("--ids", type=Path, help="a file with the ids of the sentences to take; otherwise all")
    parser.add_argument("--max-length", type=int, default=60)
    parser.add_argument("--batches", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1, help="of the batches")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    model = SyntaxThenSemantics.from_pretrained(arguments.run)
    wanted = None if arguments.ids is None else set(arguments.ids.read_text("utf-8").split())
    sentences = [s for s in read_together([arguments.graphs, arguments.trees]) if wanted is None or s.id in wanted]
    sentences = [s for s in sentences if len(s) <= arguments.max_length]
    made = {"command": this_command(), "commit": code_commit(), **environment()}
    head = {"title": arguments.title, "graphs": arguments.graphs.name, "seed": arguments.seed, **made}
    write_json(arguments.out, head | measure(model, sentences, arguments.batches, arguments.seed))


if __name__ == "__main__":
    main()
