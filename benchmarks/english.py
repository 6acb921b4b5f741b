"""Speed, memory and loading of the English model beside spaCy's, in turn, each in a process of its own.

Run `python benchmarks/english.py --help`. It needs the package `torch-spigot-en` (models/en) and a spaCy model, of
which the parser and the tagger run. spaCy loads torch, and what plugs into spaCy, where they are installed, and needs
neither: --spacy-python names the interpreter of an environment without them. Both parse the same tokens.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from importlib.metadata import version
from itertools import islice, pairwise
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import tables
from common import finish, options, peak_memory, progress, start

if TYPE_CHECKING:
    from spigot.precision import MixedPrecision

ROUNDS = 5


def spigot_model(name: str, mixed_precision: MixedPrecision = "no") -> Iterator[Any]:
    """Yield once after the import, then what makes a tree, two graphs and tags of each sentence."""
    import torch

    import spigot
    import spigot.systems.parser

    yield
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    parser = spigot.load(name, mixed_precision=mixed_precision)
    yield lambda sentences: list(parser.stream(sentences))


def spacy_model(name: str) -> Iterator[Any]:
    """Yield once after the import, then what makes a tree and tags of each sentence."""
    import spacy
    from spacy.tokens import Doc

    yield
    nlp = spacy.load(name, exclude=["ner", "lemmatizer", "attribute_ruler", "senter"])
    yield lambda sentences: list(nlp.pipe(Doc(nlp.vocab, words=words) for words in sentences))


LOADERS = {"spigot": spigot_model, "spigot-bf16": partial(spigot_model, mixed_precision="bf16"), "spacy": spacy_model}
PACKAGES = {"spigot": "torch-spigot", "spigot-bf16": "torch-spigot", "spacy": "spacy"}


def pieces(path: str | None, length: int, count: int) -> list[list[str]]:
    """Return the running text of a file, or of the built-in corpus, in pieces of so many tokens."""

    def tokens() -> Iterator[str]:
        if path is None:
            from spigot.builtin import generate as corpus

            sentences = iter(corpus(count * length // 5, seed=0))
        else:
            from spigot.data.readers import read_sentences

            sentences = read_sentences(path)
        for sentence in sentences:
            yield from sentence.forms

    running = tokens()
    found = [list(islice(running, length)) for _ in range(count)]
    return [piece for piece in found if len(piece) == length]


def work(program: str, name: str) -> None:
    """Load, then parse once for each line of the input; print how long it took, as JSON.

    Beside the time that passed it is that of the processor, which others that compute on the machine change little.
    """
    sentences = json.loads(input())
    loading = LOADERS[program](name)
    clock = [time.process_time()]
    next(loading)
    clock.append(time.process_time())
    parse = next(loading)
    clock.append(time.process_time())
    parse(sentences[:1])
    clock.append(time.process_time())
    passed = [after - before for before, after in pairwise(clock)]
    names = ("import_seconds", "load_seconds", "first_seconds")
    print(json.dumps(dict(zip(names, passed, strict=True)) | {"version": version(PACKAGES[program])}), flush=True)
    for _ in sys.stdin:
        began, of_processor = time.perf_counter(), time.process_time()
        parse(sentences)
        times = {"seconds": time.perf_counter() - began, "processor_seconds": time.process_time() - of_processor}
        print(json.dumps(times | {"peak_bytes": peak_memory()}), flush=True)


def main() -> None:
    parser = options(__doc__.splitlines()[0])
    parser.add_argument("--model", default="en", help="what spigot.load takes (default en)")
    parser.add_argument("--spacy", default="en_core_web_sm", help="what spacy.load takes")
    parser.add_argument("--spacy-python", default=sys.executable, help="the interpreter that runs spaCy")
    parser.add_argument("--data", help="a file of sentences, in any format, in place of the built-in corpus")
    parser.add_argument("--length", type=int, default=20, help="tokens in a sentence (default 20)")
    parser.add_argument("--work", nargs=2, metavar=("PROGRAM", "NAME"), help="parse in this process (used internally)")
    arguments = parser.parse_args()
    if arguments.work is not None:
        work(*arguments.work)
        return
    result = start(arguments)
    result["data"] = "the built-in corpus" if arguments.data is None else Path(arguments.data).name
    sentences = pieces(arguments.data, arguments.length, 20 if arguments.quick else 1000)
    result |= {"length": arguments.length, "sentences": len(sentences)}
    names = {"spigot": arguments.model, "spigot-bf16": arguments.model, "spacy": arguments.spacy}
    environment = os.environ | dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"), str(arguments.threads))
    running, found = {}, {}
    for program, name in names.items():
        progress(f"{program}: {name}")
        python = arguments.spacy_python if program == "spacy" else sys.executable
        command = [python, str(Path(__file__)), "--work", program, name]
        running[program] = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        found[program] = {"model": name, "seconds": [], "processor_seconds": []} | ask(
            running[program], json.dumps(sentences)
        )
    for number in range(1 + ROUNDS):  # the first round warms up
        for program, process in running.items():
            row = ask(process, "again")
            if number:
                for clock in ("seconds", "processor_seconds"):
                    found[program][clock].append(row[clock])
            found[program]["peak_bytes"] = row["peak_bytes"]
    for process in running.values():
        process.communicate()
    for row in found.values():
        row["sentences_per_second"] = len(sentences) / median(row["seconds"])
        row["sentences_per_processor_second"] = len(sentences) / median(row["processor_seconds"])
    result["programs"] = found
    print(tables.english(result))
    finish(arguments, result)


def ask(process: subprocess.Popen[str], line: str) -> dict[str, Any]:
    """Send a line to a process and return its answer."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()
    answer = process.stdout.readline()
    if not answer:
        raise SystemExit(f"{' '.join(map(str, process.args[-2:]))}: expected an answer, got none (see above)")
    content: dict[str, Any] = json.loads(answer)
    return content


if __name__ == "__main__":
    main()
