"""The files of a run. The state to resume from is one safetensors file, replaced as a whole."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn
from torch.optim import Optimizer

from spigot.training.config import Recipe, RecipeError

METRICS, RECIPE, STATE = "metrics.jsonl", "recipe.json", "state.safetensors"


def check_folder(out: Path, recipe: Recipe, resume: bool) -> None:
    """Raise a RecipeError if a new run would overwrite files, or if there is no run of this recipe to resume."""
    if not resume:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise RecipeError(f"--out {out}: expected a new or empty folder (or --resume), got files in it")
        return
    if not (out / STATE).is_file():
        what = "a finished run" if (out / METRICS).is_file() else "no saved run"
        raise RecipeError(f"--resume: expected an interrupted run in {out}, got {what}")
    old = json.loads((out / RECIPE).read_text("utf-8"))
    new = json.loads(recipe.model_dump_json(exclude_unset=True))
    if old != new:
        key = next(k for k in [*old, *new] if old.get(k) != new.get(k))
        raise RecipeError(f"--resume: expected the recipe of {out / RECIPE}, got another [{key}]")


def save_state(folder: Path, model: nn.Module, optimizer: Optimizer, progress: dict[str, Any]) -> None:
    """Write the model's and the optimiser's tensors, and `progress` (JSON types) into the file's header.

    Random numbers need no state: every epoch and step draws from its own seed.
    """
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    names: dict[torch.Tensor, str] = {parameter: name for name, parameter in model.named_parameters()}
    for parameter, values in optimizer.state.items():
        for key, value in values.items():
            tensors[f"optimizer.{key}.{names[parameter]}"] = torch.as_tensor(value)
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{STATE}.part"
    save_file({name: t.contiguous() for name, t in tensors.items()}, part, {"progress": json.dumps(progress)})
    os.replace(part, folder / STATE)


def load_state(folder: Path, model: nn.Module, optimizer: Optimizer) -> dict[str, Any]:
    """Put the saved tensors back and return `progress`."""
    parameters = dict(model.named_parameters())
    weights: dict[str, torch.Tensor] = {}
    with safe_open(folder / STATE, "pt") as file:
        progress = json.loads(file.metadata()["progress"])
        for name in file.keys():  # noqa: SIM118 (not a dict)
            group, rest = name.split(".", 1)
            if group == "model":
                weights[rest] = file.get_tensor(name)
            else:
                key, parameter = rest.split(".", 1)
                target = parameters[parameter]
                optimizer.state[target][key] = file.get_tensor(name).to(target.device)
    model.load_state_dict(weights)
    return progress
