"""The training loop: one code path for all systems, on any number of processes."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from spigot.data.files import write_text
from spigot.data.sentence import Sentence
from spigot.errors import UserError
from spigot.systems.base import Candidates
from spigot.systems.batch import Batch
from spigot.systems.checkpoint import WEIGHTS
from spigot.training.about import write_about
from spigot.training.build import build_system
from spigot.training.config import Recipe, RecipeError
from spigot.training.corpora import (
    check_labels,
    check_selection,
    check_unchanged,
    fingerprints,
    fingerprints_of_runs,
    load_corpora,
    with_trees,
)
from spigot.training.history import History, Losses
from spigot.training.plan import Step, epochs, plan, tasks
from spigot.training.processes import Processes, make_accelerator
from spigot.training.report import Report
from spigot.training.signals import noting_signals
from spigot.training.state import RECIPE, STATE, FolderLock, check_folder, load_state, parse_progress, save_state
from spigot.training.update import Updates

WORSE = 0.01
"""How much worse the intermediate parser may get by joint training before a warning."""
SAVE_SECONDS = 600
"""Seconds between two saves within an epoch; it is also saved at its end and when interrupted."""


class Interrupted(Exception):
    """SIGINT or SIGTERM arrived; the state was saved."""

    def __init__(self, message: str, number: int = signal.SIGINT) -> None:
        super().__init__(message)
        self.code = 128 + number
        """The exit code by which shells know the signal."""


class Diverged(UserError):
    """The loss or a gradient became inf or nan; nothing was saved since."""


class Trainer:
    """Trains the system of a recipe into the folder `out`.

    The folder receives the best checkpoint, `recipe.json`, `metrics.jsonl`, a TensorBoard log and, while
    the run lasts, the state to resume from.
    """

    def __init__(self, recipe: Recipe, out: Path, *, resume: bool = False, device: str | None = None) -> None:
        self.recipe, self.out = recipe, out
        check_folder(out, recipe, resume)
        self.accelerator = make_accelerator(
            device, mixed_precision=recipe.training.mixed_precision, log_with="tensorboard", project_dir=str(out)
        )
        self.processes = Processes(self.accelerator)
        self.main = self.processes.first
        self.report = Report(quiet=not self.main)
        how = recipe.intermediate
        trained = how.frozen and how.init is not None and not how.pretrain_epochs
        self.corpora = load_corpora(recipe.data, recipe.made_tasks, recipe.intermediate_task if trained else None)
        check_selection(recipe.selection, recipe.made_tasks, self.corpora)
        self.given = self._given_trees()
        torch.manual_seed(recipe.training.seed)
        self.model = build_system(recipe, self.corpora, self.report.line).to(self.processes.device)
        if recipe.data.builtin is None:
            check_labels(recipe.selection, self.model.tasks, self.model.parts, self.corpora)
        self.updates = Updates(recipe, self.model, self.processes)
        self.history = History(recipe.selection)
        self.losses = Losses()
        self.epoch, self.step, self.seconds = 0, 0, 0.0
        self.start: dict[str, float] | None = None
        """The score of the intermediate parser on dev, as joint training began."""
        self.stop = False
        self.signal: int = signal.SIGINT
        self.annotated, self.pruned = False, False
        self.candidates: Candidates | None = None
        self.files = fingerprints(recipe.data, recipe.made_tasks, recipe.intermediate.trees)
        self.files |= fingerprints_of_runs(recipe.intermediate.init, recipe.training.start)
        self.lock = FolderLock(out) if self.main else None
        if resume:
            try:
                self._restore()
            except BaseException:
                self._unlock()
                raise
        elif self.main:
            write_text(out / RECIPE, recipe.model_dump_json(indent=1, exclude_unset=True) + "\n")

    def fit(self) -> dict[str, Any]:
        """Train to the last epoch; return the metrics of the best one. Raises Interrupted."""
        self.accelerator.init_trackers("tensorboard")
        try:
            self._describe()
            with noting_signals(self._stop_soon):
                while self.epoch < epochs(self.recipe):
                    self._run_epoch()
        finally:
            self.accelerator.end_training()
            self._unlock()
        if self.main:
            self.history.write(self.out)
            (self.out / STATE).unlink(missing_ok=True)
        return self.history.best() or self.history.rows[-1]

    # -- one epoch ---------------------------------------------------------------------------------------

    def _run_epoch(self) -> None:
        recipe, epoch = self.recipe, self.epoch
        self.model.train()
        began = saved = time.monotonic()
        self._prepare()
        steps = plan(recipe, self.corpora, epoch)
        title = f"epoch {epoch + 1}/{epochs(recipe)}"
        for (number, step), meter in self.report.track(
            list(enumerate(steps))[self.step :], title, len(steps), self.step
        ):
            try:
                loss = self.updates.update(self._batch(step), epoch, number, epoch + number / len(steps))
            except ValueError as error:  # structures refuse scores that are not finite
                if self.updates.finite:
                    raise
                raise self._diverged(step.task, epoch, number) from error
            self.losses.add(step.task, loss, len(step.sentences))
            # The progress bar shows the loss of the first process, scaled up to all processes.
            meter.add(step.task, loss * self.processes.count, len(step.sentences))
            self.step = number + 1
            late = time.monotonic() - saved > SAVE_SECONDS
            stop, due, diverged = self.processes.any(self.stop, late, not math.isfinite(loss))
            if diverged:
                raise self._diverged(step.task, epoch, number)
            if stop or due:
                self.seconds += time.monotonic() - began
                began = saved = time.monotonic()
                self._save()
                if stop:
                    message = f"interrupted in epoch {epoch + 1}; everything is saved in {self.out}"
                    raise Interrupted(message, self.signal)
        self.seconds += time.monotonic() - began
        self._finish_epoch()

    def _batch(self, step: Step) -> Batch:
        ends = step.task != self.recipe.intermediate_task
        candidates = self.candidates.of(step.numbers) if ends and self.candidates is not None else None
        return Batch(
            step.task,
            step.sentences,
            self.processes.rows,
            self.processes.device,
            annotated=ends and self.annotated,
            candidates=candidates,
        )

    def _prepare(self) -> None:
        """Prepare the training of the end task; a resumed run does it again."""
        recipe, model, intermediate = self.recipe, self.model, self.model.intermediate
        if tasks(recipe, self.epoch) == [recipe.intermediate_task]:
            return
        if self.step == 0 and self.epoch == epochs(recipe) - recipe.training.epochs:
            started = recipe.intermediate.init is not None and not recipe.intermediate.frozen
            if started and intermediate is not None and intermediate.name in self.corpora.dev:
                self.start = {intermediate.score_names[0]: self._score(intermediate.name)[intermediate.score_names[0]]}
                model.train()
            model.start_joint_training()
        if intermediate is not None and recipe.intermediate.frozen:
            model.parts[intermediate.name].requires_grad_(False).eval()
            if not self.annotated:
                self._annotate()
        if not self.annotated and not self.pruned:
            self.candidates, self.pruned = model.candidates(self.corpora.train[recipe.end_task]), True

    def _annotate(self) -> None:
        """Store the frozen parser's predictions, in each process for all sentences and again after a resume."""
        end = self.recipe.end_task
        train = self.given or self.model.annotate(self.corpora.train[end])
        dev = self.model.annotate(self.corpora.dev[end])
        if train is not None and dev is not None:
            self.corpora = self.corpora._replace(
                train={**self.corpora.train, end: train}, dev={**self.corpora.dev, end: dev}
            )
            self.annotated = True

    def _given_trees(self) -> list[Sentence] | None:
        """Return the end task's training sentences with the trees of `intermediate.trees`, if there are any."""
        recipe, trees = self.recipe, self.recipe.intermediate.trees
        if trees is None or recipe.intermediate_task is None:
            return None
        end, intermediate = (recipe.made_tasks[name] for name in (recipe.end_task, recipe.intermediate_task))
        return with_trees(recipe.data, trees, self.corpora.train[end.name], end, intermediate)

    # -- the end of an epoch -----------------------------------------------------------------------------

    def _finish_epoch(self) -> None:
        losses = self.losses.merged(self.processes.gather(self.losses.sums))
        sentences = sum(count for _, count in losses.values())
        pretraining = tasks(self.recipe, self.epoch) == [self.recipe.intermediate_task]
        scores = self._dev(pretraining)
        self._warn_of_a_worse_parser(pretraining, scores)
        row: dict[str, Any] = {
            "epoch": self.epoch + 1,
            "pretraining": pretraining,
            "loss": {task: total / count for task, (total, count) in sorted(losses.items())},
            "dev": scores,
            "learning_rate": self.updates.learning_rate,
            "sentences": sentences,
            "seconds": round(self.seconds, 2),
            "sentences_per_second": round(sentences / max(self.seconds, 1e-9), 2),
        }
        improved = self.history.add(row)
        self.report.epoch(row, improved)
        self.epoch, self.step, self.losses, self.seconds = self.epoch + 1, 0, Losses(), 0.0
        values = {f"{group}/{name}": value for group in ("dev", "loss") for name, value in row[group].items()}
        self.accelerator.log(values | {"learning_rate": row["learning_rate"]}, step=row["epoch"])
        if self.main and improved:
            self.model.save_pretrained(self.out)
            write_about(self.out, self.recipe, self.model, row)
        # First what a run goes on from: one whose disk is full then must not look finished.
        self._save()
        if self.main:
            self.history.write(self.out)

    def _warn_of_a_worse_parser(self, pretraining: bool, scores: Mapping[str, float]) -> None:
        """Say so if joint training has made the intermediate parser worse than it began."""
        task = self.model.intermediate
        if task is None or self.recipe.intermediate.frozen or not task.has_loss:
            return
        name = task.score_names[0]
        if pretraining or self.start is None:
            self.start = {name: scores[name]} if pretraining else None
            return
        lost = self.start[name] - scores[name]
        if lost > WORSE:
            weight, advice = self.recipe.intermediate.end_task_weight, ""
            if self.recipe.system.surrogate.named_class.passes_gradient:
                advice = f"; an intermediate.end_task_weight below {weight:g} keeps the parser"
                if self.recipe.data.builtin is None:
                    advice += self._unknown_words(task.name)
            self.report.line(
                f"warning: joint training has brought {name.upper()} from {100 * self.start[name]:.1f} to "
                f"{100 * scores[name]:.1f}{advice}"
            )

    def _unknown_words(self, syntax: str) -> str:
        """Say how many sentences of the other tasks have words that the treebank has not.

        No tree contradicts what the end task makes of an unknown word: experiments/sizes/README.md.
        """
        train = self.corpora.train
        known = {form.lower() for sentence in train[syntax] for form in sentence.forms}
        others = [sentence for task in self.recipe.joint_tasks if task != syntax for sentence in train[task]]
        lacking = sum(any(form.lower() not in known for form in sentence.forms) for sentence in others)
        advice = f", or trees of the end task's sentences: {lacking:,} of {len(others):,} have words that no tree has"
        return advice if lacking else ""

    def _dev(self, pretraining: bool) -> dict[str, float]:
        """Score the dev sets, each process its share of the sentences; a frozen parser is scored once."""
        self.model.eval()
        intermediate, scores = self.recipe.intermediate_task, dict[str, float]()
        last = self.history.rows[-1]["dev"] if self.history.rows else {}
        for name, task in sorted(self.model.tasks.items(), key=lambda item: item[0] != intermediate):
            if name not in self.corpora.dev or (pretraining and name != intermediate):
                continue
            frozen = name == intermediate and self.recipe.intermediate.frozen and not pretraining
            if frozen and set(task.score_names) <= set(last):
                scores |= {key: last[key] for key in task.score_names}
                continue
            scores |= self._score(name)
        return scores

    def _score(self, name: str) -> dict[str, float]:
        """Return the dev scores of one task."""
        self.model.eval()
        task, sentences = self.model.tasks[name], self.processes.mine(self.corpora.dev[name])
        annotated = self.annotated and name != self.recipe.intermediate_task
        score = self.processes.total(self.model.score(name, sentences, annotated))
        names, values = task.score_names, task.values(score)
        numbers = isinstance(values, tuple | list) and all(isinstance(v, float | int) and 0 <= v <= 1 for v in values)
        if not numbers or len(values) != len(names):
            # NaN would be the best score for ever, as nothing is above it.
            number = f"{len(names)} number{'s' if len(names) > 1 else ''}"
            raise ValueError(f"{type(task).__name__}.values: expected {number} from 0 to 1, got {values!r}")
        return dict(zip(names, values, strict=True))

    # -- saving and stopping -----------------------------------------------------------------------------

    def _save(self) -> None:
        losses = self.losses.merged(self.processes.gather(self.losses.sums))
        progress = {
            "epoch": self.epoch,
            "step": self.step,
            "seconds": self.seconds,
            "losses": losses,
            "history": self.history.rows,
            "files": self.files,
            "start": self.start,
        }
        if self.main:
            updates = self.updates
            save_state(self.out, self.model, updates.optimizer, progress, updates.end_task_optimizer)
        self.processes.wait()

    def _restore(self) -> None:
        updates = self.updates
        saved = load_state(self.out, self.model, updates.optimizer, updates.end_task_optimizer)
        progress = parse_progress(self.out, saved)
        check_unchanged(progress.files, self.files)
        self.epoch, self.step, self.seconds = progress.epoch, progress.step, progress.seconds
        self.history.rows, self.start = progress.history, progress.start
        if self.history.best() is not None and not (self.out / WEIGHTS).is_file():
            raise RecipeError(f"--resume: expected the best checkpoint so far in {self.out}, got no {WEIGHTS}")
        # The first process continues with the sums of all processes; the others start at zero.
        self.losses = Losses({k: (total if self.main else 0.0, int(n)) for k, (total, n) in progress.losses.items()})

    def _diverged(self, task: str, epoch: int, number: int) -> Diverged:
        best = self.history.best()
        kept = f"epoch {best['epoch']} is kept in {self.out}" if best else "no epoch was finished"
        return Diverged(
            f"training: expected finite losses and gradients, got inf or nan in epoch {epoch + 1}, step {number + 1} "
            f"(task {task}); {kept} (a lower training.learning_rate or training.clip_norm may help)"
        )

    def _unlock(self) -> None:
        if self.lock is not None:
            self.lock.release()

    def _stop_soon(self, number: int) -> None:
        self.stop, self.signal = True, number

    def _describe(self) -> None:
        sizes = [
            f"{name} {split} {len(part)}"
            for split, parts in self.corpora._asdict().items()
            for name, part in parts.items()
        ]
        count = sum(p.numel() for p in self.model.parameters())
        self.report.line(
            f"spigot {version('torch-spigot')}  torch {torch.__version__}  {self.processes.device}"
            f" x {self.processes.count}  {count:,} parameters  sentences: {'  '.join(sizes)}"
        )
