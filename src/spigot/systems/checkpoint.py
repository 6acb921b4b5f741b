"""Checkpoints: a folder with safetensors weights and JSON, from disk or from the Hugging Face hub; no pickle."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cache, partial
from importlib.metadata import EntryPoint, entry_points
from inspect import signature
from pathlib import Path
from types import ModuleType
from typing import Any, Self

import torch
from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from spigot.data.errors import shown
from spigot.data.files import read_text, write_text
from spigot.errors import UserError
from spigot.validation import first_problem

FORMAT = 1
HUB = "hf://"
DOWNLOAD_ARGUMENTS = signature(snapshot_download).parameters.keys() - {"repo_id", "allow_patterns"}
"""What a user may say of a download."""
HUB_ERRORS: tuple[type[Exception], ...] = (HFValidationError, HfHubHTTPError, LocalEntryNotFoundError, OSError)
# Without a network the error is that of the hub's HTTP library, which is not the same in all versions.
HUB_ERRORS += tuple(kind for kind in HfHubHTTPError.__bases__ if issubclass(kind, Exception))
MODELS = "spigot.models"
"""The group of entry points of installed models."""
SMALL = 10_000
"""Numbers up to this are taken for sizes without a look at the weights."""
CONFIG, VOCABULARY, WEIGHTS = "config.json", "vocabulary.json", "model.safetensors"
CHECKSUM = "checksum"
"""Its key in the header of a safetensors file."""
SHARED = (CONFIG, VOCABULARY, WEIGHTS, "about.json", "README.md", "LICENSE")
"""What is published of a checkpoint's folder, as far as it is there."""


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

    def save_pretrained(self, folder: str | Path, half: bool = False) -> None:
        """Write config.json, vocabulary.json and model.safetensors; each file is written whole or not at all.

        `half`: weights are stored in half precision, in half of the space; a model that is loaded has float32 again.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        head, vocabulary = {"format": FORMAT, "kind": self.kind, **self.to_config()}, self.to_vocabulary()
        for name, content in ((CONFIG, head), (VOCABULARY, vocabulary)):
            write_text(folder / name, json.dumps(content, ensure_ascii=False, indent=1) + "\n")
        weights = self.state_dict()
        if half:
            weights = {
                name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in weights.items()
            }
        save_tensors(weights, folder / WEIGHTS, {CHECKSUM: checksum(weights, json.dumps([head, vocabulary]))})

    @classmethod
    def from_pretrained(cls, source: str | Path, device: torch.device | str = "cpu", **hub: Any) -> Self:
        """Load a model, in evaluation mode; `source` is as in `find_checkpoint`.

        `hub` goes to
        `huggingface_hub.snapshot_download` (`revision`, `token`, `local_files_only`, ...). Raises CheckpointError.
        """
        folder = find_checkpoint(source, hub)
        config, vocabulary = read_json(folder / CONFIG), read_json(folder / VOCABULARY)
        if (version := config.pop("format", None)) != FORMAT:
            got = f"expected a checkpoint of format {FORMAT}, got {version!r}"
            raise CheckpointError(f"{folder / CONFIG}: {got} (of another version of spigot?)")
        kind = config.pop("kind", None)
        if kind != cls.kind:
            raise CheckpointError(f"{folder / CONFIG}: expected kind {cls.kind!r}, got {kind!r}")
        _spare_forks()
        try:
            described = json.dumps([{"format": FORMAT, "kind": kind, **config}, vocabulary])
            weights = load_file(folder / WEIGHTS, device="cpu")
            _check_sizes(config, weights)
            model = cls.rebuild(config, vocabulary)
            model.load_state_dict(weights)
            # Last, since everything else that may be wrong has a message that says more.
            with safe_open(folder / WEIGHTS, "pt") as file:
                check_checksum(file.metadata() or {}, weights, described)
        except Exception as error:  # there is no end to what damaged files may hold
            raise CheckpointError(f"{folder}: expected an intact checkpoint: {reason(error)}") from error
        return model.to(device).eval()

    def push_to_hub(self, repo_id: str, **options: Any) -> None:
        """Upload the weights, and what they need, to the hub as `repo_id`; `options` go to `HfApi.upload_folder`.

        `push_folder` uploads a run's folder, with its card and licence.
        """
        with tempfile.TemporaryDirectory() as folder:
            self.save_pretrained(folder)
            push_folder(Path(folder), repo_id, **options)


def push_folder(folder: Path, repo_id: str, private: bool | None = None, **options: Any) -> str:
    """Upload a checkpoint's folder to the hub, with its card; return the address of the commit."""
    api = HfApi()
    api.create_repo(repo_id, private=private, exist_ok=True)
    return str(api.upload_folder(repo_id=repo_id, folder_path=str(folder), allow_patterns=list(SHARED), **options))


def save_tensors(tensors: Mapping[str, torch.Tensor], path: Path, metadata: dict[str, str] | None = None) -> None:
    """Write a safetensors file, whole or not at all: if that fails, what was there stays. Raises OSError."""
    part = path.with_name(f"{path.name}.part")
    try:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, part, metadata)
        os.chmod(part, 0o666 & ~_umask())  # safetensors makes it readable for its owner alone
        os.replace(part, path)
    except SafetensorError as error:  # its form of a full disk
        raise OSError(f"{path}: not saved: {reason(error)}") from error
    finally:
        part.unlink(missing_ok=True)


def checksum(tensors: Mapping[str, torch.Tensor], text: str) -> str:
    """Return the SHA-256 of tensors, with their names, types and shapes, and of a text.

    It ties what was saved together: files that are intact, each by itself, may be of different models.
    """
    digest = hashlib.sha256(text.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"\n{name} {tensor.dtype} {[*tensor.shape]}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def check_checksum(header: Mapping[str, str], tensors: Mapping[str, torch.Tensor], text: str) -> None:
    """Compare what was read with the checksum in the file's header; files of earlier versions have none.

    Raises:
        ValueError: they differ.
    """
    expected = header.get(CHECKSUM)
    if expected is not None and (got := checksum(tensors, text)) != expected:
        raise ValueError(f"expected what was saved together (SHA-256 {expected[:12]}), got other content ({got[:12]})")


@cache
def _spare_forks() -> None:
    """Let processes that are forked from now on begin with one thread.

    torch's threads, which loading starts, do not survive a fork; a child that counts on them would wait for ever.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=partial(torch.set_num_threads, 1))


def _umask() -> int:
    """Return the permissions that new files do not get; it can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _check_sizes(config: Any, weights: Mapping[str, torch.Tensor]) -> None:
    """Check, before anything is built, that the weights are finite and that no size exceeds what they can hold.

    Raises:
        ValueError: a number in `config` is larger than the number of all weights, or inf or nan among them.
    """
    most = sum(tensor.numel() for tensor in weights.values())
    for name, tensor in weights.items():
        if not torch.isfinite(tensor).all():
            raise ValueError(f"{name}: expected finite numbers, got inf or nan")
    items: list[tuple[str, Any]] = [("", config)]
    for key, value in items:  # grows while it is read
        if isinstance(value, dict):
            items += value.items()
        elif isinstance(value, list):
            items += ((key, item) for item in value)
        elif isinstance(value, int) and value > (len(weights) if key == "layers" else max(most, SMALL)):
            raise ValueError(f"{key}: expected a size that the {most} weights can have, got {shown(str(value))}")


def find_checkpoint(source: str | Path, hub: Mapping[str, Any] | None = None) -> Path:
    """Return the folder of a checkpoint.

    A name without a slash is first looked for among the installed model packages. One that begins with "hf://" is
    downloaded from the hub. Everything else is a folder. `hub` is refused where it names no argument of
    `huggingface_hub.snapshot_download`, for other sources too: it may be a misspelt argument of another function.
    """
    if not isinstance(source, str | os.PathLike):
        raise CheckpointError(f"source: expected the name of a model or a folder, got {type(source).__name__}")
    for name in (hub or {}).keys() - DOWNLOAD_ARGUMENTS:
        raise UserError(f"{name}: expected an argument of huggingface_hub.snapshot_download, got {name!r}")
    if str(source).startswith(HUB):
        return _download(str(source), hub or {})
    models = installed_models() if isinstance(source, str) and not set(source) & {"/", "\\"} else {}
    folder = Path(os.path.expanduser(source))
    if str(source) in models:
        folder = _folder_of(models[str(source)])
    if folder.is_file():
        raise CheckpointError(f"{folder}: expected a folder, got a file")
    if folder.is_dir():
        if not (folder / CONFIG).is_file():
            raise CheckpointError(f"{folder}: expected a checkpoint, got no {CONFIG}")
        return folder
    known = f"an installed model ({', '.join(sorted(models)) or 'there is none'}) or "
    known = "" if not isinstance(source, str) or set(source) & {"/", "\\"} else known
    raise CheckpointError(f"{source}: expected {known}a folder, got none (models on the hub are {HUB}OWNER/NAME)")


def installed_models() -> dict[str, EntryPoint]:
    """Return the installed models by name: the entry points of the group `spigot.models`.

    Each is a module with a function `path`, which returns the folder of the checkpoint, or such a function or path.
    """
    return {entry.name: entry for entry in entry_points(group=MODELS)}


def _folder_of(entry: EntryPoint) -> Path:
    """Return the folder of an installed model."""
    try:
        value = entry.load()
        value = getattr(value, "path", value) if isinstance(value, ModuleType) else value
        return Path(value() if callable(value) else value)
    except Exception as error:  # it is someone else's program
        raise CheckpointError(f"{entry.name}: expected a model in {entry.value}: {reason(error)}") from error


def _download(source: str, hub: Mapping[str, Any]) -> Path:
    try:
        return Path(snapshot_download(source[len(HUB) :], allow_patterns=list(SHARED), **hub))
    except HUB_ERRORS as error:
        raise CheckpointError(f"{source}: expected a model on the hub, got none: {reason(error)}") from error


def reason(error: Exception) -> str:
    """Return an error as one line of bounded length."""
    text = " ".join((first_problem(error, None) if isinstance(error, ValidationError) else str(error)).split())
    text = f"no {text}" if isinstance(error, KeyError) else text or type(error).__name__
    return text if len(text) <= 300 else text[:297] + "..."


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file of a checkpoint. Raises CheckpointError."""
    try:
        if path.exists() and not path.is_file():  # to read a device or a pipe may take forever
            raise ValueError("not a file")
        content = json.loads(read_text(path), parse_constant=_no_constant)
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: expected JSON: {reason(error)}") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path}: expected a JSON object, got {type(content).__name__}")
    return content


def _no_constant(name: str) -> None:
    raise ValueError(f"expected numbers of JSON, got {name}")
