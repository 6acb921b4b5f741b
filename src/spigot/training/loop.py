"""The training loop: one code path for all systems, on any number of processes."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import Tensor, nn

from spigot.data.sentence import Sentence
from spigot.data.vocabulary import Tokens
from spigot.models.config import Task
from spigot.systems.pruning import Candidates
from spigot.systems.semantics_then_sentiment import SemanticsThenSentiment
from spigot.systems.streaming import parse_all
from spigot.training.build import build_model
from spigot.training.corpora import load_corpora
from spigot.training.dev import SCORES, dev_scores
from spigot.training.forward import Losses
from spigot.training.plan import Step, end_task_weight, epochs, learning_rate, plan, tasks
from spigot.training.recipe import Recipe
from spigot.training.report import Report
from spigot.training.signals import noting_signals
from spigot.training.state import METRICS, RECIPE, STATE, check_folder, load_state, save_state

SAVE_SECONDS = 600
"""A running epoch is saved this often, besides at its end and when interrupted."""


class Interrupted(Exception):
    """SIGINT or SIGTERM arrived; the state was saved."""


class Trainer:
    """Trains the system of a recipe into the folder `out`.

    The folder receives the best checkpoint, `recipe.json`, `metrics.jsonl`, a TensorBoard log and, while
    the run lasts, the state to resume from.
    """

    def __init__(self, recipe: Recipe, out: Path, *, resume: bool = False, device: str | None = None) -> None:
        self.recipe, self.out = recipe, out
        check_folder(out, recipe, resume)
        self.accelerator = Accelerator(
            cpu=device == "cpu",
            mixed_precision=recipe.training.mixed_precision,
            log_with="tensorboard",
            project_dir=str(out),
        )
        self.main = self.accelerator.is_main_process
        self.report = Report(quiet=not self.main)
        how = recipe.intermediate
        trained = how.frozen and how.init is not None and not how.pretrain_epochs
        needed = [task for task in (recipe.middle, recipe.end) if task is not None]
        self.corpora = load_corpora(recipe.data, needed, recipe.middle if trained else None)
        torch.manual_seed(recipe.training.seed)
        self.model = build_model(recipe, self.corpora).to(self.accelerator.device)
        self.losses = Losses(recipe, self.model, self._share)
        self.optimizer = self._make_optimizer()
        self.epoch, self.step, self.history = 0, 0, list[dict[str, Any]]()
        self.sums: dict[str, tuple[float, int]] = {}
        self.seconds = 0.0
        self.stop = False
        if resume:
            self._restore()
        elif self.main:
            out.mkdir(parents=True, exist_ok=True)
            (out / RECIPE).write_text(recipe.model_dump_json(indent=1, exclude_unset=True) + "\n", "utf-8")

    def fit(self) -> dict[str, Any]:
        """Train to the last epoch; return the metrics of the best one. Raises Interrupted."""
        self.accelerator.init_trackers("tensorboard")
        self._describe()
        try:
            with noting_signals(self._stop_soon):
                while self.epoch < epochs(self.recipe):
                    self._run_epoch()
        finally:
            self.accelerator.end_training()
        if self.main:
            (self.out / STATE).unlink(missing_ok=True)
        return self.best() or self.history[-1]

    def _make_optimizer(self) -> torch.optim.Optimizer:
        how = self.recipe.training
        kind = torch.optim.Adam if how.optimizer == "adam" else torch.optim.AdamW
        groups: list[dict[str, Any]] = []
        for task, part in self.model.parts.items():
            own = how.semantics_betas if task == "semantics" else None
            groups.append({"params": list(part.parameters()), "betas": own or how.betas, "task": task})
        return kind(groups, how.learning_rate, how.betas, weight_decay=how.weight_decay, fused=True)

    def best(self) -> dict[str, Any] | None:
        """Return the metrics of the best epoch so far (the earliest of equals)."""
        key = self.recipe.selection
        scored = [row for row in self.history if key in row["dev"] and not row["pretraining"]]
        return max(scored, key=lambda row: row["dev"][key]) if scored else None

    # -- one epoch ---------------------------------------------------------------------------------------

    def _run_epoch(self) -> None:
        recipe, epoch = self.recipe, self.epoch
        now = tasks(recipe, epoch)
        self.model.train()
        began = saved = time.monotonic()
        if recipe.intermediate.frozen and recipe.middle not in now:
            self._freeze()
        starts = self.step == 0 and epoch == epochs(recipe) - recipe.training.epochs
        if starts and isinstance(self.model, SemanticsThenSentiment):
            self.model.set_pruner()
        if recipe.end in now:
            self._prune()
        steps = plan(recipe, self.corpora, epoch)
        title = f"epoch {epoch + 1}/{epochs(recipe)}"
        for (number, step), meter in self.report.track(
            list(enumerate(steps))[self.step :], title, len(steps), self.step
        ):
            loss = self._update(step, number, epoch + number / len(steps))
            total, count = self.sums.get(step.task, (0.0, 0))
            self.sums[step.task] = (total + loss, count + len(step.sentences))
            # What a person sees is the first process's share, taken for all.
            meter.add(step.task, loss * self.accelerator.num_processes, len(step.sentences))
            self.step = number + 1
            stop, due = self._any_process(self.stop, time.monotonic() - saved > SAVE_SECONDS)
            if stop or due:
                self.seconds += time.monotonic() - began
                began = saved = time.monotonic()
                self._save()
                if stop:
                    raise Interrupted(f"interrupted in epoch {epoch + 1}; everything is saved in {self.out}")
        self.seconds += time.monotonic() - began
        self._finish_epoch(pretraining=recipe.end not in now)

    def _update(self, step: Step, number: int, position: float) -> float:
        """Make one update; return the loss summed over the sentences of this process."""
        how = self.recipe.training
        # Dropout inside the layers draws anew at each step, the same whether the run was interrupted or not.
        torch.manual_seed(hash((how.seed, self.epoch, number, self.accelerator.process_index)))
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.recipe, position, group["task"])
        with self.accelerator.autocast():
            random = np.random.default_rng([how.seed, self.epoch, number])
            losses = self.losses(step, random, end_task_weight(self.recipe, position))
        loss = losses.sum()
        if losses.numel():
            self.accelerator.backward(loss)
        self._share_gradients(step.task, position)
        self._scale_and_clip(len(step.sentences))
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return float(loss.detach())

    def _share(self, *batches: Tensor | Tokens) -> list[Any]:
        """Return this process's rows of a batch, on its device."""
        rows = slice(self.accelerator.process_index, None, self.accelerator.num_processes)
        device = self.accelerator.device
        return [
            each.rows(rows).to(device) if isinstance(each, Tokens) else each[rows].to(device, non_blocking=True)
            for each in batches
        ]

    # -- gradients ---------------------------------------------------------------------------------------

    def _share_gradients(self, task: Task, position: float) -> None:
        """Add up the processes' gradients, those of processes without a sentence included."""
        if self.accelerator.num_processes == 1:
            return
        trained: list[nn.Module] = [self.model.parts[task]]
        if task == self.recipe.end and self.model.middle is not None and end_task_weight(self.recipe, position) > 0:
            trained.append(self.model.middle)
        parameters = [p for part in trained for p in part.parameters() if p.requires_grad]
        # What no process has a gradient for gets none: zeros would let Adam go on by its momentum.
        reached = torch.tensor([float(p.grad is not None) for p in parameters], device=self.accelerator.device)
        reached = self.accelerator.reduce(reached, "sum").tolist()
        parameters = [p for p, count in zip(parameters, reached, strict=True) if count]
        flat = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in parameters])
        flat = self.accelerator.reduce(flat, "sum")
        for parameter, piece in zip(parameters, flat.split([p.numel() for p in parameters]), strict=True):
            parameter.grad = piece.view_as(parameter)

    def _scale_and_clip(self, sentences: int) -> None:
        """Average over the sentences of the batch, then cap each part's gradient, as each has its optimiser."""
        for part in self.model.parts.values():
            gradients = [p.grad for p in part.parameters() if p.grad is not None]
            if not gradients:
                continue
            torch._foreach_div_(gradients, float(sentences))
            if self.recipe.training.clip_norm is not None:
                nn.utils.clip_grad_norm_(part.parameters(), self.recipe.training.clip_norm)

    def _freeze(self) -> None:
        """Keep the middle parser as it is; what it makes of a sentence is then found out once."""
        model = self.model
        if model.middle is not None:
            model.middle.requires_grad_(False).eval()
        if isinstance(model, SemanticsThenSentiment) and model.semantics is not None and not self.losses.parsed:
            # All of them, in batches that depend on the corpus alone: the same in every process and after a resume.
            parse, corpora = model.semantics.parse, self.corpora
            train, dev = (parse_all(parse, part) for part in (corpora.sentiment_train, corpora.sentiment_dev))
            self.corpora = corpora._replace(sentiment_train=train, sentiment_dev=dev)
            self.losses.parsed = True

    def _prune(self) -> None:
        """Find out once what the pruner, which stays as it is, leaves of a sentence."""
        model = self.model
        if isinstance(model, SemanticsThenSentiment) and model.pruner is not None and self.losses.candidates is None:
            self.losses.candidates = Candidates(model, self.corpora.sentiment_train)

    # -- the end of an epoch -----------------------------------------------------------------------------

    def _finish_epoch(self, pretraining: bool) -> None:
        names = sorted(self.sums)
        totals = torch.tensor([self.sums[name][0] for name in names], dtype=torch.float64)
        totals = self.accelerator.reduce(totals.to(self.accelerator.device), "sum").cpu()
        counts = [self.sums[name][1] for name in names]
        row = {
            "epoch": self.epoch + 1,
            "pretraining": pretraining,
            "loss": {n: t / c for n, t, c in zip(names, totals.tolist(), counts, strict=True)},
            "dev": self._dev(pretraining),
            "learning_rate": self.optimizer.param_groups[0]["lr"],
            "sentences": sum(counts),
            "seconds": round(self.seconds, 2),
            "sentences_per_second": round(sum(counts) / max(self.seconds, 1e-9), 2),
        }
        self.history.append(row)
        improved = self.best() is row
        self.report.epoch(row, improved)
        self.epoch, self.step, self.sums, self.seconds = self.epoch + 1, 0, {}, 0.0
        values = {f"dev/{k}": v for k, v in row["dev"].items()} | {f"loss/{k}": v for k, v in row["loss"].items()}
        self.accelerator.log(values | {"learning_rate": row["learning_rate"]}, step=row["epoch"])
        if self.main:
            if improved:
                self.model.save_pretrained(self.out)
            _write(self.out / METRICS, "".join(json.dumps(row) + "\n" for row in self.history))
        self._save()

    def _dev(self, pretraining: bool) -> dict[str, float]:
        """Score the dev sets, each process its share of the sentences; a frozen parser once."""
        self.model.eval()
        recipe = self.recipe
        now = [task for task in (recipe.middle, recipe.end) if task and not (pretraining and task == recipe.end)]
        known: dict[str, float] = {}
        if recipe.intermediate.frozen and recipe.middle and not pretraining and self.history:
            known = {name: value for name, value in self.history[-1]["dev"].items() if name in SCORES[recipe.middle]}
        return dev_scores(
            self.model, now, lambda task: self._part(self.corpora.dev(task)), _sum, known, self.losses.parsed
        )

    def _part(self, sentences: Sequence[Sentence]) -> Sequence[Sentence]:
        return sentences[self.accelerator.process_index :: self.accelerator.num_processes]

    # -- saving and stopping -----------------------------------------------------------------------------

    def _save(self) -> None:
        sums = [self.sums]
        if self.accelerator.num_processes > 1:
            sums = gather_object(sums)
        merged = {task: (sum(s[task][0] for s in sums), self.sums[task][1]) for task in self.sums}
        progress = {
            "epoch": self.epoch,
            "step": self.step,
            "seconds": self.seconds,
            "sums": merged,
            "history": self.history,
        }
        if self.main:
            save_state(self.out, self.model, self.optimizer, progress)
        self.accelerator.wait_for_everyone()

    def _restore(self) -> None:
        progress = load_state(self.out, self.model, self.optimizer)
        self.epoch, self.step = progress["epoch"], progress["step"]
        self.history, self.seconds = progress["history"], progress["seconds"]
        # The first process goes on with everybody's sums, the others start from nothing.
        self.sums = {k: (total if self.main else 0.0, count) for k, (total, count) in progress["sums"].items()}

    def _stop_soon(self) -> None:
        self.stop = True

    def _any_process(self, *wishes: bool) -> list[bool]:
        """Return for each wish whether any process has it: they must save and stop together."""
        if self.accelerator.num_processes == 1:
            return list(wishes)
        flags = torch.tensor(wishes, dtype=torch.float32, device=self.accelerator.device)
        return (self.accelerator.reduce(flags, "sum") > 0).tolist()

    def _describe(self) -> None:
        sizes = "  ".join(f"{name} {len(part)}" for name, part in self.corpora._asdict().items() if part)
        count = sum(p.numel() for p in self.model.parameters())
        self.report.line(
            f"spigot {version('torch-spigot')}  torch {torch.__version__}  {self.accelerator.device}"
            f" x {self.accelerator.num_processes}  {count:,} parameters  sentences: {sizes}"
        )


def _sum(score: Any) -> Any:
    """Add a score up over all processes."""
    scores = gather_object([score])
    return sum(scores[1:], scores[0])


def _write(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(text, "utf-8")
    os.replace(part, path)
