"""Teach a trained system of several tasks one more column of tags; all that it predicts stays as it is.

    python experiments/add_tags.py RUN --name upos --column upos --train FILE --dev FILE --out FOLDER

RUN's encoder is frozen, and the tagger on its states is a linear map like any other: it learns by Adam, from states
with the encoder's dropout. The epoch with the highest accuracy on the file of --dev is kept. FOLDER is a whole
checkpoint, and `add_tags.json` in it says how it was made.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
from pathlib import Path

import numpy as np
import torch

from spigot.data.readers import read_sentences
from spigot.data.sentence import Sentence
from spigot.systems.batch import Batch
from spigot.systems.loading import load_system
from spigot.systems.multitask import Multitask
from spigot.tasks.tags import Tags

BATCH = 32
LONGEST = 100
"""Longer sentences are left out, as in the recipe `english`."""


def extended(old: Multitask, task: Tags, train: list[Sentence]) -> Multitask:
    """Return the system with one more task, or one anew, whose part is untrained."""
    config, vocabulary = copy.deepcopy(old.to_config()), old.to_vocabulary()
    config["system"]["parts"][task.name] = {"kind": "tags"}
    config["tasks"][task.name] = task.model_dump(mode="json", exclude={"name"})
    vocabulary["names"][task.name] = task.tag_names(train).to_dict()
    system = Multitask.rebuild(config, vocabulary)
    own = f"scorers.{task.name}."
    kept = {name: tensor for name, tensor in old.state_dict().items() if not name.startswith(own)}
    missing, unexpected = system.load_state_dict(kept, strict=False)
    assert not unexpected
    assert all(name.startswith(own) for name in missing)
    return system


def train_epoch(
    system: Multitask,
    task: Tags,
    sentences: list[Sentence],
    optimizer: torch.optim.Optimizer,
    random: np.random.Generator,
) -> float:
    """Go once over the sentences, in batches of about equal length; return the mean loss of a token."""
    part, total, tokens = system.parts[task.name], 0.0, 0
    order = sorted(random.permutation(len(sentences)), key=lambda number: len(sentences[number]))
    begins = random.permutation(range(0, len(order), BATCH))
    system.train()
    for begin in begins:
        batch = Batch(task.name, [sentences[number] for number in order[begin : begin + BATCH]])
        encoded, dropped = batch.encode(system.reader(task.name), random)
        with torch.no_grad():
            states = system.encoders[system.config.encoder_of(task.name)](encoded, dropped)
        count = sum(map(len, batch.sentences))
        loss = task.losses(part, part.score(states), task.gold(part, batch.sentences), encoded.lengths).sum() / count
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total, tokens = total + loss.item() * count, tokens + count
    return total / tokens


def main() -> int:
    """Train, keep the best epoch, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--name", default="upos")
    parser.add_argument("--column", choices=["tags", "upos"], default="upos")
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--dev", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--half", action="store_true", help="store the weights in half precision")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    random = np.random.default_rng(arguments.seed)
    task = Tags(name=arguments.name, column=arguments.column)
    train, dev = (
        [s for s in read_sentences(path) if task.has_gold(s) and len(s) <= LONGEST]
        for path in (arguments.train, arguments.dev)
    )
    old = load_system(arguments.run)
    assert isinstance(old, Multitask)
    system = extended(old, task, train)
    part = system.parts[task.name]
    optimizer = torch.optim.Adam(part.parameters(), lr=arguments.rate)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.1, arguments.epochs - 1)
    history: list[dict[str, float]] = []
    best: dict[str, torch.Tensor] = {}
    for epoch in range(1, arguments.epochs + 1):
        loss = train_epoch(system, task, train, optimizer, random)
        schedule.step()
        accuracy = system.eval().score(task.name, dev).accuracy
        if accuracy > max((row["accuracy"] for row in history), default=0.0):
            best = copy.deepcopy(part.state_dict())
        history.append({"epoch": epoch, "loss": loss, "accuracy": accuracy})
        print(json.dumps(history[-1]), file=sys.stderr, flush=True)
    part.load_state_dict(best)
    system.save_pretrained(arguments.out, half=arguments.half)
    record = {
        "settings": {key: str(value) for key, value in vars(arguments).items() if key != "out"},
        "history": history,
    }
    (arguments.out / "add_tags.json").write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
