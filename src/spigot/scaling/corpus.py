"""`spigot parse-corpus` and its function: a folder of text in, a folder of parses out; and one's own datasets."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from spigot.data.files import fingerprint
from spigot.data.lengths import MAX_LENGTH
from spigot.errors import UserError
from spigot.precision import MixedPrecision
from spigot.scaling.actors import ColumnParser, PartParser, Work
from spigot.scaling.output import missing, remove_halves, start_job, without_job
from spigot.scaling.parts import Ends, Part, cut, files_in
from spigot.systems.checkpoint import CONFIG, HUB, VOCABULARY, WEIGHTS, find_checkpoint, installed_models
from spigot.systems.loading import load_system

PART_BYTES = 1_000_000
"""About 10,000 sentences of raw text."""


def parse_corpus(work: Work, workers: int = 2, part_bytes: int = PART_BYTES) -> Iterator[dict[str, Any]]:
    """Parse all files of a folder with Ray; yield a row for each part as it is done.

    Each part goes to a file of its own in `work.out`, whole or not at all; parts that are there already are left
    out, so that an interrupted or failed job goes on where it stopped. A worker that dies is replaced, and its part
    parsed again. A part that cannot be read has its `error` in its row, and the others go on.

    Args:
        work: what is done.
        workers: the number of actors, each with a model and a processor.
        part_bytes: the size of a part.

    Raises:
        UserError: no files, no such model, or the output is that of another job, or within the folder.
    """
    if work.out.resolve().is_relative_to(work.folder.resolve()):
        raise UserError(f"{work.out}: expected a folder outside of {work.folder}, or the parses would be parsed, too")
    ray = _ray()
    model = find_checkpoint(work.model, {})
    needs = load_system(model).needs - {"words"} if work.source != "conllu" else ()
    if needs:
        read = " and ".join(sorted(needs))
        raise UserError(
            f"--from: expected conllu with {read}, which {work.model} reads beside words, got {work.source}"
        )
    ends: Ends = "line" if work.source in ("lines", "tokenized") else "blank"
    files = without_job(work.folder, files_in(work.folder))
    job = {
        "model": {name: fingerprint(model / name) for name in (CONFIG, VOCABULARY, WEIGHTS)},
        "files": {name: fingerprint(work.folder / name) for name in files},
        "how": {"source": work.source, "to": work.to, "confidence": work.confidence, "part_bytes": part_bytes}
        | {"max_length": work.max_length, "mixed_precision": work.mixed_precision},
    }
    start_job(work.out, job)
    parts = [part for name in files for part in cut(work.folder, name, ends, part_bytes)]
    left = missing(work.out, parts, work.to)
    try:
        if left:
            yield from _rows(ray, left, replace(work, model=_anywhere(work.model)), min(workers, len(left)))
    finally:
        remove_halves(work.out)


def _anywhere(model: str) -> str:
    """Return what names the model where workers run, which is another directory: a folder's absolute path."""
    here = not model.startswith(HUB) and model not in installed_models() and Path(model).expanduser().is_dir()
    return str(Path(model).expanduser().absolute()) if here else model


def _rows(ray: Any, parts: list[Part], work: Work, workers: int) -> Iterator[dict[str, Any]]:
    dataset = ray.data.from_items([part.to_dict() for part in parts], override_num_blocks=len(parts))
    pool = ray.data.ActorPoolStrategy(size=workers)
    parsed = dataset.map(PartParser, fn_constructor_args=(work,), compute=pool, num_cpus=1)
    yield from parsed.iter_rows()


def parse_dataset(
    dataset: Any,
    model: str,
    column: str = "text",
    *,
    output: str = "parses",
    workers: int = 2,
    batch_size: int = 256,
    confidence: bool = False,
    max_length: int = MAX_LENGTH,
    mixed_precision: MixedPrecision = "no",
) -> Any:
    """Return a Ray dataset with the parses of a column.

    Args:
        dataset: a `ray.data.Dataset`.
        model: an installed model, a run's folder, or "hf://OWNER/NAME".
        column: raw texts, or lists of tokens; a missing one has no sentences.
        output: the column that is added: a JSON list with an object for each sentence of the text, as
            `Parse.to_json` has it.
        workers: the number of actors, each with a model and a processor.
        batch_size: rows that an actor gets at a time.
        confidence: whether the parses have confidences.
        max_length: tokens of the longest sentence; a longer one is an error.
        mixed_precision: see `spigot.load`.
    """
    pool = _ray().data.ActorPoolStrategy(size=workers)
    arguments = (_anywhere(model), column, output, confidence, mixed_precision, max_length)
    return dataset.map_batches(
        ColumnParser, fn_constructor_args=arguments, compute=pool, batch_size=batch_size, num_cpus=1
    )


@contextmanager
def connect(address: str | None = None) -> Iterator[None]:
    """Connect to a Ray cluster, or start one on this computer, which ends with the block."""
    ray = _ray()
    ours = not ray.is_initialized()
    if ours:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR", include_dashboard=False)
        logging.getLogger("ray.data").setLevel(logging.ERROR)  # it has a level of its own
    ray.data.DataContext.get_current().enable_progress_bars = False
    try:
        yield
    finally:
        if ours:
            ray.shutdown()


def _ray() -> Any:
    try:
        import ray
        import ray.data
    except ImportError:
        raise UserError("Ray: expected it, which is not installed: pip install 'torch-spigot[ray]'") from None
    return ray
