"""A recipe: one experiment, as a TOML file read into a typed, checked description."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

import spigot
from spigot.errors import UserError
from spigot.models.config import AnySystemConfig, SystemConfig, Task

Decay = Annotated[float, Field(ge=0, lt=1)]


class RecipeError(UserError):
    """A recipe that cannot be read; the message is one line that names the file and the key."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BuiltinConfig(_Strict):
    """How many sentences of the built-in corpus to use. The training sets do not overlap."""

    syntax_train: int = Field(1000, ge=1)
    semantics_train: int = Field(1000, ge=1)
    sentiment_train: int = Field(1000, ge=1)
    dev: int = Field(200, ge=1)
    test: int = Field(200, ge=1)
    """Sentences kept out of all of them, to be looked at in the end."""
    seed: int = Field(1, ge=0)


class DataConfig(_Strict):
    """Where the corpora are, which need not overlap; paths are relative to `root`."""

    root: Path = Path(".")
    syntax_train: Path | None = None
    """CoNLL-U or CoNLL-X, plain or gzip."""
    syntax_dev: Path | None = None
    semantics_train: Path | None = None
    """SDP 2015, plain or gzip."""
    semantics_dev: Path | None = None
    sentiment_train: Path | None = None
    """SST: see `spigot.data.sst`."""
    sentiment_dev: Path | None = None
    train_ids: Path | None = None
    """A file with one sentence id a line: only these trees and graphs train."""
    vectors: Path | None = None
    """The parsers' word vectors in GloVe's text format, plain or gzip."""
    sentiment_vectors: Path | None = None
    """The classifier's; None: the same."""
    max_length: int | None = Field(None, ge=1)
    """Longer training sentences are left out (and counted in the log)."""
    builtin: BuiltinConfig | None = None

    @model_validator(mode="after")
    def _one_source(self) -> DataConfig:
        tasks: tuple[Task, ...] = get_args(Task)
        files = [getattr(self, f"{task}_{part}") for task in tasks for part in ("train", "dev")]
        if self.builtin is not None and any(files):
            raise ValueError("builtin: expected either the built-in corpus or files, got both")
        return self


class IntermediateConfig(_Strict):
    """How the parser in the middle is trained, and what the end task may do to it."""

    loss: Literal["hinge", "nll"] = "hinge"
    pretrain_epochs: int = Field(0, ge=0)
    """Epochs over the parser's own data alone before joint training starts."""
    init: Path | None = None
    """A run whose parser (and its vocabulary) to start from instead of a random one."""
    frozen: bool = False
    """Whether joint training leaves the parser as it is: the paper's PIPELINE."""
    sample: float = Field(1.0, gt=0, le=1)
    """Share of the parser's own training sentences that each epoch of joint training draws anew."""
    learning_rate_factor: float = Field(1.0, gt=0)
    """Factor on the parser's learning rate in joint training."""
    end_task_weight: float = Field(1.0, ge=0)
    """Factor on the gradient that the end task sends into the parser."""
    end_task_warmup: float = Field(0.0, ge=0)
    """Epochs of joint training over which that factor grows linearly from 0."""


class TrainingConfig(_Strict):
    """Optimisation. The defaults are the published ones, but for the size of a batch."""

    epochs: int = Field(100, ge=1)
    """Epochs of joint training: passes over the union of the two corpora."""
    batch_tokens: int = Field(256, ge=1)
    """Most tokens in a batch, ROOT and padding included; 1 gives batches of one sentence."""
    batch_sentences: int | None = Field(None, ge=1)
    """Most sentences in a batch."""
    optimizer: Literal["adam", "adamw"] = "adam"
    learning_rate: float = Field(1e-3, gt=0)
    betas: tuple[Decay, Decay] = (0.9, 0.999)
    """Decay of Adam's averages of the gradient and of its square."""
    semantics_betas: tuple[Decay, Decay] | None = None
    """Those of the semantic parser, if they differ: as in the original, each part has its own optimiser."""
    weight_decay: float = Field(1e-6, ge=0)
    clip_norm: float | None = Field(1.0, gt=0)
    """Cap on the norm of the gradient of each part of the system, after averaging over the sentences of the batch."""
    schedule: Literal["constant", "halve", "linear"] = "halve"
    halve_every: int = Field(10, ge=1)
    warmup_epochs: float = Field(0.0, ge=0)
    """Epochs over which the learning rate grows linearly from 0, with schedule "linear"."""
    min_role_count: int = Field(30, ge=1)
    """Roles with fewer training arcs are never predicted."""
    selection: Literal["uas", "lf", "accuracy"] | None = None
    """The dev score that decides which epoch is kept; None: that of the end task."""
    mixed_precision: Literal["no", "bf16"] = "no"
    seed: int = Field(1, ge=0)

    @model_validator(mode="after")
    def _schedule(self) -> TrainingConfig:
        given = self.model_fields_set
        if "halve_every" in given and self.schedule != "halve":
            raise ValueError(f'halve_every: expected schedule = "halve" beside it, got "{self.schedule}"')
        if "warmup_epochs" in given and self.schedule != "linear":
            raise ValueError(f'warmup_epochs: expected schedule = "linear" beside it, got "{self.schedule}"')
        return self


SCORES: dict[Task, Literal["uas", "lf", "accuracy"]] = {"syntax": "uas", "semantics": "lf", "sentiment": "accuracy"}
"""The dev score of each task."""


class Recipe(_Strict):
    """One experiment."""

    description: str = ""
    system: AnySystemConfig = SystemConfig()
    data: DataConfig = DataConfig()
    intermediate: IntermediateConfig = IntermediateConfig()
    training: TrainingConfig = TrainingConfig()

    @property
    def end(self) -> Task:
        """The task that the system is for."""
        return self.system.tasks[0]

    @property
    def middle(self) -> Task | None:
        """The task of the parser in the middle, if there is one."""
        return self.system.tasks[1]

    @property
    def selection(self) -> Literal["uas", "lf", "accuracy"]:
        """The dev score that decides which epoch is kept."""
        return self.training.selection or SCORES[self.end]

    @model_validator(mode="after")
    def _consistent(self) -> Recipe:
        how, surrogate, middle = self.intermediate, self.system.surrogate, self.middle
        of_middle = {"surrogate", "tree_feature"} & self.system.model_fields_set
        if middle is None and ("intermediate" in self.model_fields_set or of_middle):
            absent = {"semantics": "syntax", "sentiment": "semantics"}[self.end]
            raise ValueError(
                f"system.{absent}: expected a parser for [intermediate], a surrogate or a tree feature, got none"
            )
        scores = [SCORES[task] for task in self.system.tasks if task is not None]
        if self.selection not in scores:
            expected = " or ".join(f'"{score}"' for score in scores)
            raise ValueError(f'training.selection: expected {expected} in this system, got "{self.selection}"')
        if middle == "semantics" and how.loss != "hinge":
            raise ValueError(f'intermediate.loss: expected "hinge" for semantic graphs, got "{how.loss}"')
        if how.frozen and surrogate.passes_gradient and surrogate.name != "Marginals":
            raise ValueError(f'intermediate.frozen: expected surrogate "Detach" beside it, got "{surrogate.name}"')
        if how.frozen and not how.pretrain_epochs and how.init is None:
            raise ValueError("intermediate.frozen: expected pretrain_epochs or init beside it, got neither")
        if not surrogate.passes_gradient and {"end_task_weight", "end_task_warmup"} & how.model_fields_set:
            raise ValueError(
                f'intermediate.end_task_weight: expected a surrogate with a gradient, got "{surrogate.name}"'
            )
        return self


_TAGS = {"bilstm", "bag", "syntax-then-semantics", "semantics-then-sentiment"}
"""Kinds and names that pydantic puts into the path of a key."""


def find_recipe(name: str) -> Path:
    """Return the file of a recipe: a path, or the name of one that comes with the package ("paper/spigot")."""
    package = Path(spigot.__file__).parent
    # Beside the package in a wheel, at the top of a checkout.
    shipped = [folder / "recipes" for folder in (package, package.parent.parent)]
    for path in (Path(name), *(folder / f"{name.removesuffix('.toml')}.toml" for folder in shipped)):
        if path.is_file():
            return path
    known = sorted(
        path.relative_to(folder).with_suffix("").as_posix() for folder in shipped for path in folder.rglob("*.toml")
    )
    # A slip in the last part of a name ("spigto" for "paper/spigot") is near enough, too.
    parts = {key: full for full in known for key in (full, full.rpartition("/")[2])}
    near = dict.fromkeys(parts[key] for key in difflib.get_close_matches(name, parts))
    raise RecipeError(f"{name}: expected a file or one of {', '.join(near or known)}; got neither")


def load_recipe(name: str, overrides: Sequence[str] = (), data: str | None = None) -> Recipe:
    """Read a recipe, with `section.key=value` overrides (values in TOML; bare words are strings).

    A recipe may start from another with `base = "FILE"`, relative to its own folder. `data` is a file (or
    a shipped name) that holds a [data] table, to take the place of the recipe's own.
    """
    path = find_recipe(name)
    content = _read(path)
    if data is not None:
        try:
            described = _read(find_recipe(data))
        except RecipeError as error:
            raise RecipeError(f"--data {error}") from None
        if set(described) - {"description"} != {"data"}:
            raise RecipeError(f"--data {data}: expected one table, [data], got {', '.join(described) or 'none'}")
        content["data"] = described["data"]
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals or not key.strip():
            raise RecipeError(f"--set {override}: expected section.key=value")
        _merge(content, _nested(key.strip().split("."), _value(value.strip())))
    return parse_recipe(content, str(path))


def parse_recipe(content: Mapping[str, Any], where: str) -> Recipe:
    """Check the content of a recipe; `where` names it in errors."""
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"] if part not in _TAGS)
        if first["type"] == "value_error":
            # Messages of the validators above begin with the key that is wrong.
            message = ".".join(filter(None, (key, str(first["ctx"]["error"]))))
        elif first["type"] == "extra_forbidden":
            message = f"{key}: no such key"
        else:
            message = f"{key}: {first['msg']}"
            message += "" if first["type"] == "missing" else f", got {first['input']!r}"
        raise RecipeError(f"{where}: {message}") from None


def _read(path: Path, above: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Return the content of a recipe, laid over that of its bases; `above` are the recipes that build on it."""
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: expected TOML: {error}") from None
    base = content.pop("base", None)
    if base is None:
        return content
    if not isinstance(base, str) or not (path.parent / base).is_file():
        raise RecipeError(f"{path}: base: expected the path of a recipe, got {base!r}")
    above = (*above, path.resolve())
    if (path.parent / base).resolve() in above:
        raise RecipeError(f"{path}: base: expected a recipe that does not build on this one, got {base!r}")
    merged = _read(path.parent / base, above)
    merged.pop("description", None)
    return _merge(merged, content)


def _merge(content: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Put `changes` into `content`, table by table; a table with another `name` replaces the old one."""
    for key, value in changes.items():
        old = content.get(key)
        if (
            isinstance(old, dict)
            and isinstance(value, Mapping)
            and value.get("name", old.get("name")) == old.get("name")
        ):
            _merge(old, value)
        else:
            content[key] = value
    return content


def _nested(keys: Sequence[str], value: Any) -> dict[str, Any]:
    for key in reversed(keys):
        value = {key: value}
    return value


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
