"""Checkpoints: a folder with safetensors weights and JSON, from disk or from the Hugging Face hub; no pickle."""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Self

import torch
from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from spigot.errors import UserError

FORMAT = 1
CONFIG, VOCABULARY, WEIGHTS = "config.json", "vocabulary.json", "model.safetensors"


class CheckpointError(UserError):
    """A checkpoint that cannot be read; the message is one line that names the folder or file."""


class Pretrained(nn.Module, ABC):
    """A model that can be saved to a folder and rebuilt from it."""

    kind: str
    """The name of the class in config.json, by which a folder of another system is recognised."""

    @abstractmethod
    def to_config(self) -> dict[str, Any]:
        """Return the JSON description of the architecture."""

    @abstractmethod
    def to_vocabulary(self) -> dict[str, Any]:
        """Return the vocabularies in JSON types."""

    @classmethod
    @abstractmethod
    def rebuild(cls, config: dict[str, Any], vocabulary: dict[str, Any]) -> Self:
        """Make the model, with arbitrary weights, from the two descriptions."""

    def save_pretrained(self, folder: str | Path) -> None:
        """Write config.json, vocabulary.json and model.safetensors; each file is written whole or not at all."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        head = {"format": FORMAT, "kind": self.kind, **self.to_config()}
        for name, content in ((CONFIG, head), (VOCABULARY, self.to_vocabulary())):
            text = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
            part = folder / f"{name}.part"
            part.write_text(text, "utf-8")
            os.replace(part, folder / name)
        part = folder / f"{WEIGHTS}.part"
        save_file({name: tensor.contiguous() for name, tensor in self.state_dict().items()}, part)
        os.replace(part, folder / WEIGHTS)

    @classmethod
    def from_pretrained(cls, source: str | Path, device: torch.device | str = "cpu", **hub: Any) -> Self:
        """Load a model, in evaluation mode, from a local folder or a hub id ("organisation/name").

        A local folder takes precedence. `hub` goes to `huggingface_hub.snapshot_download` (`revision`, `token`,
        `local_files_only`, ...). Raises CheckpointError.
        """
        folder = find_checkpoint(source, hub)
        config, vocabulary = read_json(folder / CONFIG), read_json(folder / VOCABULARY)
        if config.pop("format", None) != FORMAT:
            raise CheckpointError(f"{folder / CONFIG}: expected a checkpoint of format {FORMAT}")
        kind = config.pop("kind", None)
        if kind != cls.kind:
            raise CheckpointError(f"{folder / CONFIG}: expected kind {cls.kind!r}, got {kind!r}")
        try:
            model = cls.rebuild(config, vocabulary)
            model.load_state_dict(load_file(folder / WEIGHTS, device="cpu"))
        except (OSError, SafetensorError, RuntimeError, ValueError, TypeError, KeyError) as error:
            raise CheckpointError(f"{folder}: expected an intact checkpoint: {_reason(error)}") from error
        return model.to(device).eval()

    def push_to_hub(self, repo_id: str, folder: str | Path, **options: Any) -> None:
        """Save to `folder` and upload it to the hub as `repo_id` (`options` go to `HfApi.upload_folder`)."""
        self.save_pretrained(folder)
        api = HfApi()
        api.create_repo(repo_id, exist_ok=True)
        allowed = [CONFIG, VOCABULARY, WEIGHTS, "README.md"]
        api.upload_folder(repo_id=repo_id, folder_path=str(folder), allow_patterns=allowed, **options)


def find_checkpoint(source: str | Path, hub: dict[str, Any]) -> Path:
    """Return the folder of a checkpoint; if there is no local folder, it is downloaded from the hub."""
    folder = Path(source)
    if folder.is_file():
        raise CheckpointError(f"{folder}: expected a folder, got a file")
    if folder.is_dir():
        if not (folder / CONFIG).is_file():
            raise CheckpointError(f"{folder}: expected a checkpoint, got no {CONFIG}")
        return folder
    try:
        return Path(snapshot_download(str(source), allow_patterns=[CONFIG, VOCABULARY, WEIGHTS], **hub))
    except HFValidationError:
        raise CheckpointError(f"{source}: expected a folder or a hub id, got neither") from None
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise CheckpointError(f"{source}: expected a folder or a hub id, got neither: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """Return an error as one line of bounded length."""
    text = " ".join(str(error).split())
    text = f"no {text}" if isinstance(error, KeyError) else text or type(error).__name__
    return text if len(text) <= 300 else text[:297] + "..."


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file of a checkpoint. Raises CheckpointError."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}: expected JSON: {_reason(error)}") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path}: expected a JSON object, got {type(content).__name__}")
    return content
