"""Parsing speed and peak memory for short and long sentences, each case in a process of its own.

Run `python benchmarks/parsing.py --help`. Without --run the model is an untrained one of published
sizes, its scores shifted so that it finds about as many arcs as a trained one would. Sentences are random words of its
vocabulary, all of one length.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import tables
import torch
from common import finish, options, peak_memory, progress, resident_memory, start

from spigot.builtin import generate
from spigot.data.sentence import TOP, Sentence
from spigot.data.vocabulary import UNKNOWN_ROLE, Roles, Vocabulary
from spigot.systems.streaming import parse_stream
from spigot.systems.syntax_then_semantics import SyntaxThenSemantics, SyntaxThenSemanticsConfig, Vocabularies

CASES = ((14, 200, 1), (10, 1000, None), (60, 200, None), (200, 24, None), (600, 4, None))
"""Tokens in a sentence, sentences, and tokens in a batch (None: what `spigot parse` uses)."""
QUICK_CASES = ((14, 4, 1), (10, 8, None), (60, 2, None))
ROLES = 33
"""As many as 8,000 sentences of DM have with 30 arcs or more."""
ARCS_PER_TOKEN = 0.9
"""In DM graphs, tops included."""


def untrained_model() -> SyntaxThenSemantics:
    """Make a joint model of published sizes."""
    torch.manual_seed(0)
    sentences = generate(1000, seed=0)
    words = Vocabulary.build(sentences)
    names = [UNKNOWN_ROLE, TOP, *(f"role{k}" for k in range(2, ROLES))]
    roles = Roles(names, [name != UNKNOWN_ROLE for name in names])
    return SyntaxThenSemantics(SyntaxThenSemanticsConfig(), Vocabularies(words, roles, words)).eval()


@torch.inference_mode()
def thin_out(model: SyntaxThenSemantics, sentences: Sequence[Sentence]) -> None:
    """Set the bias of the arc scores so that graphs of `sentences` have a likely number of arcs.

    Random scores would fill them, at a cost that no trained parser has.
    """
    final = model.semantics.arc.layers[-1]
    if not isinstance(final, torch.nn.Linear):
        raise TypeError(f"the arc scorer: expected a linear layer at its end, got {final}")
    tokens, syntax_tokens = model.encode(sentences)
    parts, _ = model(tokens, syntax_tokens)
    wanted = ARCS_PER_TOKEN * int(tokens.lengths.sum())
    low, high = -20.0, 20.0
    for _ in range(20):
        middle = (low + high) / 2
        found = model.semantics.decode(parts._replace(arcs=parts.arcs + middle), tokens.lengths).arc_labels >= 0
        low, high = (low, middle) if int(found.sum()) > wanted else (middle, high)
    final.bias.add_((low + high) / 2)


def random_sentences(model: SyntaxThenSemantics, length: int, count: int, seed: int) -> list[Sentence]:
    """Make sentences from the words that the model was trained on."""
    draw = random.Random(seed)
    vocabulary = model.semantics.vocabulary
    words = vocabulary.words.strings[3 : vocabulary.trained_words]
    lemmas, tags = vocabulary.lemmas.strings[3:], vocabulary.tags.strings[3:]
    return [
        Sentence(
            str(k),
            forms=tuple(draw.choices(words, k=length)),
            lemmas=tuple(draw.choices(lemmas, k=length)),
            tags=tuple(draw.choices(tags, k=length)),
        )
        for k in range(count)
    ]


def measure(length: int, count: int, budget: int | None, run: str) -> dict[str, Any]:
    """Parse in this process; return speed and peak memory."""
    model = SyntaxThenSemantics.from_pretrained(run)
    # The first call loads the compiled kernels.
    warm_up = random_sentences(model, 5, 8, seed=1)
    list(parse_stream(model.parse, warm_up))
    loaded = resident_memory()
    sentences = random_sentences(model, length, count, seed=0)
    batches = {} if budget is None else {"budget": budget}
    times = []
    for _ in range(3):
        began = time.perf_counter()
        parsed = list(parse_stream(model.parse, sentences, **batches))
        times.append(time.perf_counter() - began)
    seconds = median(times)
    arcs = sum(len(graph.arcs) for sentence in parsed for graph in sentence.graphs.values())
    return {
        "length": length,
        "sentences": count,
        "batch_tokens": budget,
        "sentences_per_second": count / seconds,
        "words_per_second": count * length / seconds,
        "arcs_per_token": arcs / (count * length),
        "peak_bytes": peak_memory(),
        "loaded_bytes": loaded,
    }


def main() -> None:
    parser = options(__doc__.splitlines()[0])
    parser.add_argument("--run", help="folder of a trained model, in place of the untrained one")
    parser.add_argument(
        "--case", type=int, help="measure the case of this number here, and print JSON (used internally)"
    )
    arguments = parser.parse_args()
    cases = QUICK_CASES if arguments.quick else CASES
    if arguments.case is not None:
        torch.set_num_threads(arguments.threads)
        length, count, budget = cases[arguments.case]
        print(json.dumps(measure(length, count, budget, arguments.run)))
        return
    result = start(arguments)
    result["model"] = "untrained, published sizes" if arguments.run is None else "trained"
    result["cases"] = []
    with tempfile.TemporaryDirectory() as folder:
        for number, (length, count, _) in enumerate(cases):
            progress(f"{count} sentences of {length} tokens")
            run = arguments.run
            if run is None:
                run = folder
                model = untrained_model()
                thin_out(model, random_sentences(model, length, max(1, 600 // length), seed=0))
                model.save_pretrained(run)
            command = [sys.executable, str(Path(__file__)), "--threads", str(arguments.threads), "--run", run]
            command += ["--case", str(number), *["--quick"] * arguments.quick]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            result["cases"].append(json.loads(done.stdout))
    print(tables.parsing(result))
    finish(arguments, result)


if __name__ == "__main__":
    main()
