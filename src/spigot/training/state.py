"""The files of a run. The state to resume from is one safetensors file, replaced as a whole."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, NonNegativeInt
from safetensors import safe_open
from torch import nn
from torch.optim import Optimizer

from spigot.data.files import in_the_way, named_if_full
from spigot.systems.checkpoint import (
    CHECKSUM,
    CheckpointError,
    check_checksum,
    checksum,
    read_json,
    reason,
    save_tensors,
)
from spigot.training.config import Recipe, RecipeError

try:
    import fcntl
except ImportError:  # on Windows there is no lock
    fcntl = None  # type: ignore[assignment]

METRICS, RECIPE, STATE, LOCK = "metrics.jsonl", "recipe.json", "state.safetensors", "training.lock"
BEFORE_SAVING = {RECIPE, LOCK, "tensorboard", f"{STATE}.part"}
"""What a run writes before its first save."""


def check_folder(out: Path, recipe: Recipe, resume: bool) -> None:
    """Raise a RecipeError if a new run would overwrite files, or if there is no run of this recipe to resume."""
    if not resume:
        # A run that was killed before its first save leaves nothing to go on with: it may start again.
        if got := in_the_way(out, BEFORE_SAVING):
            raise RecipeError(f"--out {out}: expected a new or empty folder (or --resume), got {got}")
        return
    if not (out / STATE).is_file():
        what = "a finished run" if (out / METRICS).is_file() else "no saved run"
        raise RecipeError(f"--resume: expected an interrupted run in {out}, got {what}")
    try:
        old = read_json(out / RECIPE)
    except CheckpointError as error:
        raise RecipeError(f"--resume: {error}") from None
    new = json.loads(recipe.model_dump_json(exclude_unset=True))
    if old != new:
        key = next(k for k in [*old, *new] if old.get(k) != new.get(k))
        raise RecipeError(f"--resume: expected the recipe of {out / RECIPE}, got another [{key}]")


def save_state(
    folder: Path, model: nn.Module, optimizer: Optimizer, progress: dict[str, Any], apart: Optimizer | None = None
) -> None:
    """Write the model's and the optimiser's tensors, and `progress` (JSON types) into the file's header.

    `apart` is the optimiser of the end task's updates of the intermediate parser, if they have their own.

    Random numbers need no state: every epoch and step draws from its own seed.
    """
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    names: dict[torch.Tensor, str] = {parameter: name for name, parameter in model.named_parameters()}
    for group, each in _optimizers(optimizer, apart).items():
        for parameter, values in each.state.items():
            for key, value in values.items():
                tensors[f"{group}.{key}.{names[parameter]}"] = torch.as_tensor(value)
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(progress)
    save_tensors(tensors, folder / STATE, {"progress": text, CHECKSUM: checksum(tensors, text)})


def _optimizers(optimizer: Optimizer, apart: Optimizer | None) -> dict[str, Optimizer]:
    """Return the optimisers by the first part of their tensors' names."""
    return {"optimizer": optimizer} | ({} if apart is None else {"end_task_optimizer": apart})


def load_state(folder: Path, model: nn.Module, optimizer: Optimizer, apart: Optimizer | None = None) -> dict[str, Any]:
    """Put the saved tensors back and return `progress`. Raises RecipeError if the state is damaged."""
    path = folder / STATE
    try:
        return _load_state(path, model, _optimizers(optimizer, apart))
    except Exception as error:  # there is no end to what a damaged file may hold
        raise RecipeError(f"--resume: expected an intact state in {path}: {reason(error)}") from error


def _load_state(path: Path, model: nn.Module, optimizers: Mapping[str, Optimizer]) -> dict[str, Any]:
    parameters = dict(model.named_parameters())
    tensors: dict[str, torch.Tensor] = {}
    weights: dict[str, torch.Tensor] = {}
    moments: dict[str, dict[torch.Tensor, dict[str, torch.Tensor]]] = {group: {} for group in optimizers}
    with safe_open(path, "pt") as file:
        header = file.metadata()
        progress = json.loads(header["progress"])
        for name in file.keys():  # noqa: SIM118 (not a dict)
            group, rest = name.split(".", 1)
            tensor = tensors[name] = file.get_tensor(name)
            if not torch.isfinite(tensor).all():
                raise ValueError(f"{name}: expected finite numbers, got inf or nan")
            if group == "model":
                weights[rest] = tensor
            else:
                key, parameter = rest.split(".", 1)
                target = parameters[parameter]
                if tensor.shape not in ((), target.shape):
                    raise ValueError(f"{name}: expected shape {[*target.shape]}, got {[*tensor.shape]}")
                moments[group].setdefault(target, {})[key] = tensor.to(target.device)
    if not isinstance(progress, dict):
        raise TypeError(f"progress: expected an object, got {type(progress).__name__}")
    check_checksum(header, tensors, header["progress"])
    model.load_state_dict(weights)
    for group, optimizer in optimizers.items():
        optimizer.state.update(moments[group])
    return progress


class Progress(BaseModel):
    """How far a run is, as its state tells."""

    model_config = ConfigDict(strict=True, extra="forbid")

    epoch: NonNegativeInt
    step: NonNegativeInt
    seconds: float
    losses: dict[str, list[float | int]]
    history: list[dict[str, Any]]
    start: dict[str, float] | None = None
    """The score of the intermediate parser as joint training began."""
    files: dict[str, str]
    """A checksum of each data file, by its path."""


def parse_progress(folder: Path, content: dict[str, Any]) -> Progress:
    """Check what `load_state` returned. Raises RecipeError."""
    try:
        progress = Progress.model_validate(content)
        for row in progress.history:
            if not {"epoch", "loss", "dev"} <= set(row) or not all(type(v) is float for v in row["dev"].values()):
                raise ValueError("history: expected rows with epoch, loss and dev")
        if not all(len(pair) == 2 for pair in progress.losses.values()):
            raise ValueError("losses: expected pairs")
    except (ValueError, KeyError, TypeError) as error:
        raise RecipeError(f"--resume: expected an intact state in {folder / STATE}: {reason(error)}") from error
    return progress


class FolderLock:
    """Keeps other processes from training into a folder; the system lets go of it when the process ends."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOCK
        folder.mkdir(parents=True, exist_ok=True)
        self.file = open(self.path, "a+", encoding="ascii")  # noqa: SIM115 (open as long as the lock is held)
        try:
            if fcntl is not None:
                fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.file.seek(0)
            owner = self.file.read().strip() or "unknown"
            self.file.close()
            raise RecipeError(f"--out {folder}: expected no other training into it, got process {owner}") from None
        with named_if_full(self.path):
            self.file.truncate(0)
            self.file.write(f"{os.getpid()}\n")
            self.file.flush()

    def release(self) -> None:
        """Let go; a second call does nothing."""
        if not self.file.closed:
            self.path.unlink(missing_ok=True)
            self.file.close()
