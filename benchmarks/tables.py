"""The tables of docs/speed.md, made from the JSON in results/: `python benchmarks/tables.py` rewrites them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from math import log2
from pathlib import Path
from typing import Any

from common import digits, duration, ratio, table

HERE = Path(__file__).parent
Result = Mapping[str, Any]

REFERENCE_TRAINING = {"original program, as published": 11.0, "original program, matrix-vector products repaired": 34.0}
"""Sentences a second of the joint model, one sentence a batch, 14 tokens a sentence, one thread: from a run of the
original C++ program on a machine of this kind. Quoted, not measured here."""
REFERENCE_PARSING = 60.0
"""Sentences a second, as above."""


def trees(result: Result) -> str:
    """Return the tables of trees.py."""
    peak, speeds = result["efficiency"]["peak"], result["efficiency"]["rows"]
    clock = peak["clock_hz"]
    return "\n\n".join(
        [
            _machine(result),
            f"Projective trees, single root, batch of {result['batch']}:",
            table(
                [
                    "task",
                    "n",
                    "spigot",
                    "plain loop",
                    "plain torch",
                    "supar",
                    "loop / spigot",
                    "torch / spigot",
                    "supar / spigot",
                    "largest difference",
                ],
                [
                    [
                        row["task"],
                        row["n"],
                        *(duration(row["seconds"].get(name)) for name in ("spigot", "loop", "torch", "supar")),
                        *(_times(row["seconds"], name) for name in ("loop", "torch", "supar")),
                        f"{row['largest_difference']:.0e}",
                    ]
                    for row in result["projective"]
                ],
            ),
            "The argmax as a share of the peak of one core (single precision, one thread), and the growth of its time "
            "and of that of the marginals: t ~ n^k between each length and the one before. Measured on this core: "
            f"clock {clock / 1e9:.2f} GHz; row update x[j] = max(x[j], a + y[j]), in the first-level cache, "
            f"{peak['row_update'] / 1e9:.1f} G additions and maxima a second ({peak['row_update'] / clock:.1f} a "
            f"cycle); arithmetic alone {peak['arithmetic'] / 1e9:.1f} G ({peak['arithmetic'] / clock:.1f} a cycle).",
            table(
                [
                    "n",
                    "a sentence",
                    "operations",
                    "G/s",
                    "a cycle",
                    "of row update",
                    "of arithmetic",
                    "k",
                    "k, marginals",
                ],
                [
                    [
                        row["n"],
                        duration(row["seconds"]["argmax"]),
                        f"{row['operations']:,}",
                        f"{row['operations_per_second'] / 1e9:.2f}",
                        f"{row['operations_per_second'] / clock:.2f}",
                        f"{row['operations_per_second'] / peak['row_update']:.0%}",
                        f"{row['operations_per_second'] / peak['arithmetic']:.0%}",
                        *(f"{row['exponent'][k]:.2f}" if "exponent" in row else "-" for k in ("argmax", "marginals")),
                    ]
                    for row in speeds
                ],
            ),
            f"Maximum arborescence, batch of {result['batch']}, times for the whole batch; `ufal.chu_liu_edmonds` has "
            "neither batches nor a single root:",
            table(
                ["n", "ufal", "spigot", "one at a time", "single root", "ufal / spigot", "ufal / one at a time"],
                [
                    [
                        row["n"],
                        duration(row["seconds"]["ufal"]),
                        duration(row["seconds"]["spigot"]),
                        duration(row["seconds"]["spigot, one at a time"]),
                        duration(row["seconds"]["spigot, single root"]),
                        _times(row["seconds"], "ufal"),
                        _times(row["seconds"], "ufal", "spigot, one at a time"),
                    ]
                    for row in result["nonprojective"]
                ],
            ),
            "Projections, forward and with gradient, against `entmax.sparsemax` (for `SingleHead` over the heads, the "
            "diagonal masked):",
            table(
                ["polytope", "shape", "entmax", "spigot", "ratio", "entmax, gradient", "spigot, gradient", "ratio"],
                [
                    [
                        row["polytope"],
                        " x ".join(map(str, row["shape"])),
                        *(
                            cell
                            for key in ("seconds", "seconds_with_gradient")
                            for cell in (
                                duration(row[key]["entmax"]),
                                duration(row[key]["spigot"]),
                                _times(row[key], "entmax"),
                            )
                        ),
                    ]
                    for row in result["projections"]
                ],
            ),
        ]
    )


def graphs(result: Result) -> str:
    """Return the tables of graphs.py."""
    return "\n\n".join(
        [
            _machine(result),
            f"The best graph under random scores, {result['labels']} labels, {result['deterministic']} of them "
            f"at most once for each predicate; time for one sentence, in batches of {result['batch']}. `assignment` is "
            "`scipy.optimize.linear_sum_assignment`, called for each predicate. AD³ is set as in the original program "
            "(at most 500 iterations). Fractional: predicates with an arc or label between about 0.05 and 0.95. "
            "Score: the total score of its rounded graphs over that of the best graphs.",
            table(
                [
                    "scores",
                    "n",
                    "arcs a token",
                    "spigot",
                    "assignment",
                    "AD³",
                    "assignment / spigot",
                    "AD³ / spigot",
                    "AD³ iterations",
                    "fractional",
                    "score",
                ],
                [
                    [
                        row["scores"],
                        row["n"],
                        f"{row['arcs_per_token']:.2f}",
                        *(duration(row["seconds"].get(name)) for name in ("spigot", "assignment", "AD3")),
                        *(_times(row["seconds"], name) for name in ("assignment", "AD3")),
                        f"{row['ad3_iterations']:.0f}",
                        f"{row['ad3_fractional']:.1%}",
                        f"{row['ad3_score']:.2%}",
                    ]
                    for row in result["decoding"]
                ],
            ),
            "Projections a second, of points a small step away from a graph (forward alone):",
            table(
                ["n", *result["projections"][0]["per_second"]],
                [[row["n"], *map(digits, row["per_second"].values())] for row in result["projections"]],
            ),
        ]
    )


def training(result: Result) -> str:
    """Return the tables of training.py."""
    budgets = sorted({row["batch_tokens"] for row in result["throughput"]})
    speed = {(row["system"], row["batch_tokens"]): row for row in result["throughput"]}
    rows = []
    for system in dict.fromkeys(row["system"] for row in result["throughput"]):
        here = [speed[system, budget] for budget in budgets]
        rates = [row["sentences_per_second"] for row in here]
        versus = [rates[-1] / reference for reference in REFERENCE_TRAINING.values()] if system == "spigot" else []
        rows.append([system, *map(digits, rates), *(map(ratio, versus) if versus else ("-", "-"))])
    sizes = [speed["spigot", budget]["sentences_per_batch"] for budget in budgets]
    heads = ["1 sentence a batch" if budget == 1 else f"{budget} tokens a batch" for budget in budgets]
    references = [[name, digits(rate), *["-"] * (len(budgets) + 1)] for name, rate in REFERENCE_TRAINING.items()]
    labels = list(result["where"][0]["share"])
    labels.sort(key=lambda label: -result["where"][-1]["share"].get(label, 0.0))
    return "\n\n".join(
        [
            _machine(result),
            f"Sentences a second in training at published sizes ({result['parameters']:,} parameters), over both "
            f"corpora; corpus: {result['corpus']}, {result['mean_length']:.1f} tokens a sentence. Batches hold "
            f"{', '.join(digits(size) for size in sizes)} sentences on average. The original "
            "program's figures are quoted from its own run on a machine of this kind, not measured here; the last two "
            "columns compare the largest batches with them.",
            table(["system", *heads, "/ published", "/ repaired"], [*rows, *references]),
            "A step on semantics with SPIGOT against one with the straight-through estimator (STE), in one model, on "
            'identical batches, in turn; the medians over batches and the sums. "STE again" shows the noise.',
            table(
                ["batch", "STE", "SPIGOT", "SPIGOT / STE, median", "sum", "STE again / STE, median", "sum"],
                [
                    [
                        _batch(row),
                        duration(row["seconds_per_step"]["ste"]),
                        duration(row["seconds_per_step"]["spigot"]),
                        *(
                            f"{row[kind][name] - 1:+.1%}"
                            for name in ("spigot", "ste again")
                            for kind in ("median_ratio_to_ste", "total_ratio_to_ste")
                        ),
                    ]
                    for row in result["step_cost"]
                ],
            ),
            "Decoding and projection as a share of joint training with SPIGOT (clocks around the calls; decoding "
            "trees is that of the layer and of the loss, projection is all of SPIGOT's backward):",
            table(
                ["batch", "a step", "decoding trees", "decoding graphs", "projection", "sum"],
                [
                    [
                        _batch(row),
                        duration(row["seconds_per_step"]),
                        *(f"{row['share'][k]:.1%}" for k in DECODING),
                        f"{sum(row['share'][k] for k in DECODING):.1%}",
                    ]
                    for row in result["shares"]
                ],
            ),
            "Profile of joint training with SPIGOT (torch's profiler, whose overhead inflates small operations):",
            table(
                ["work", *(_batch(row) for row in result["where"])],
                [[label, *(f"{row['share'].get(label, 0.0):.1%}" for row in result["where"])] for label in labels],
            ),
        ]
    )


def sentiment(result: Result) -> str:
    """Return the table of sentiment.py."""
    labels = list(result["shares"][0]["share"])
    return "\n\n".join(
        [
            _machine(result),
            f"Structured operations as a share of joint training with SPIGOT, `modern/sentiment-spigot` on "
            f"{result['corpus']}; parser: {result['parser']}.",
            table(
                ["steps of", "steps", "sentences/s", *labels, "sum"],
                [
                    [
                        row["steps_of"],
                        row["steps"],
                        digits(row["sentences"] / row["seconds"]),
                        *(f"{row['share'][label]:.1%}" for label in labels),
                        f"{sum(row['share'].values()):.1%}",
                    ]
                    for row in result["shares"]
                ],
            ),
        ]
    )


DECODING = ("decoding trees", "decoding graphs", "projection")


def _batch(row: Result) -> str:
    return "1 sentence" if row["batch_tokens"] == 1 else f"{row['batch_tokens']} tokens"


def parsing(result: Result) -> str:
    """Return the table of parsing.py."""
    rows = []
    for case in result["cases"]:
        reference = case["sentences_per_second"] / REFERENCE_PARSING if case["length"] == 14 else None
        rows.append(
            [
                case["length"],
                "1 sentence" if case["batch_tokens"] == 1 else "default",
                digits(case["sentences_per_second"]),
                digits(case["words_per_second"]),
                f"{case['arcs_per_token']:.2f}",
                f"{case['peak_bytes'] / 2**20:,.0f} MiB",
                f"{(case['peak_bytes'] - case['loaded_bytes']) / 2**20:,.0f} MiB",
                ratio(reference),
            ]
        )
    return "\n\n".join(
        [
            _machine(result),
            f"Trees and graphs; model: {result['model']}; random words; each case in a fresh process. The original "
            f"program parses {REFERENCE_PARSING:.0f} sentences of 14 tokens a second, one at a time (quoted from its "
            "own run on a machine of this kind, not measured here).",
            table(
                [
                    "tokens",
                    "batch",
                    "sentences/s",
                    "words/s",
                    "arcs a token",
                    "peak memory",
                    "of that, above the loaded model",
                    "/ original",
                ],
                rows,
            ),
        ]
    )


def _precision(name: str) -> str:
    return ", mixed_precision='bf16'" if name.endswith("-bf16") else ""


def english(result: Result) -> str:
    """Return the table of english.py."""
    ours = "tree, two graphs, tags"
    made = {"spigot": ours, "spigot-bf16": ours, "spacy": "tree, tags"}
    programs = result["programs"]
    rounds = len(programs["spacy"]["seconds"])
    rows = [
        [
            f"`{name.removesuffix('-bf16')}.load({row['model']!r}{_precision(name)})` {row['version']}",
            made[name],
            digits(row["sentences_per_second"]),
            digits(row["sentences_per_processor_second"]),
            ratio(row["sentences_per_processor_second"] / programs["spacy"]["sentences_per_processor_second"]),
            f"{row['import_seconds']:.1f} s",
            f"{row['load_seconds']:.2f} s",
            f"{row['first_seconds']:.2f} s",
            f"{row['peak_bytes'] / 2**20:,.0f} MiB",
        ]
        for name, row in programs.items()
    ]
    header = [
        "",
        "makes",
        "sentences/s",
        "of processor time",
        "/ spaCy",
        "import",
        "load",
        "first sentence",
        "peak memory",
    ]
    return "\n\n".join(
        [
            _machine(result),
            f"{result['sentences']:,} sentences of {result['length']} tokens, running text of {result['data']}, given "
            f"as tokens. Each program runs in a process of its own, all in turn, {rounds} times after a first one; "
            "medians. The times before that are processor time, with compiled kernels.",
            table(header, rows),
        ]
    )


def structures(result: Result) -> str:
    """Return the tables of structures.py."""

    def times(row: Result, *names: str) -> list[str]:
        return [duration(row["seconds"][name]) for name in names]

    def faster(row: Result, ours: str, theirs: str) -> str:
        return ratio(row["seconds"][theirs] / row["seconds"][ours])

    exponents = [
        digits(log2(b["seconds"]["forward"] / a["seconds"]["forward"]))
        for a, b in pairwise(result["projections"])
        if b["n"] == 2 * a["n"]
    ]
    return "\n\n".join(
        [
            _machine(result),
            f"Perfect matchings of {result['batch']} matrices, from a tensor of scores to one of 0/1, in one "
            "call and one at a time, for both programs; scipy's bare call is from an array to indices:",
            table(
                [
                    "n",
                    "scores",
                    "spigot",
                    "one at a time",
                    "scipy",
                    "one at a time",
                    "bare",
                    "scipy / spigot",
                    "one at a time",
                    "bare / spigot",
                    "bare / one at a time",
                ],
                [
                    [
                        *(row[key] for key in ("n", "scores")),
                        *times(row, "spigot", "spigot, one at a time", "scipy", "scipy, one at a time", "scipy, bare"),
                        *(
                            faster(row, "spigot" + how, "scipy" + their)
                            for how, their in (
                                ("", ""),
                                (", one at a time", ", one at a time"),
                                ("", ", bare"),
                                (", one at a time", ", bare"),
                            )
                        ),
                    ]
                    for row in result["matchings"]
                ],
            ),
            f"Projection onto the doubly stochastic matrices, batch of {result['batch']}"
            + (f" (doubling n: t ~ n^{', '.join(exponents)}):" if exponents else ":"),
            table(
                ["n", "forward", "with gradient"],
                [[row["n"], *times(row, "forward", "with gradient")] for row in result["projections"]],
            ),
            "Linear chains:",
            table(
                ["task", "batch", "positions", "tags", "spigot", "plain torch", "torch / spigot"],
                [
                    [
                        *(row[key] for key in ("task", "batch", "positions", "tags")),
                        *times(row, "spigot", "torch"),
                        faster(row, "spigot", "torch"),
                    ]
                    for row in result["chains"]
                ],
            ),
            "Subsets of k:",
            table(
                ["k", "of", "batch", "argmax", "projection", "marginals", "marginals, plain torch", "torch / spigot"],
                [
                    [
                        *(row[key] for key in ("k", "size", "batch")),
                        *times(row, "argmax", "projection", "marginals", "marginals, torch"),
                        faster(row, "marginals", "marginals, torch"),
                    ]
                    for row in result["subsets"]
                ],
            ),
        ]
    )


def programs(result: Result) -> str:
    """Return the tables of programs.py."""

    def against(row: Result, task: str) -> list[str]:
        seconds, others = row["seconds"], ("kernel", "plain torch", "torch-struct")
        times = [seconds[task], *(seconds.get(f"{task}, {other}") for other in others)]
        ratios = [ratio(seconds[f"{task}, {o}"] / seconds[task] if f"{task}, {o}" in seconds else None) for o in others]
        return [*map(duration, times), *ratios]

    return "\n\n".join(
        [
            _machine(result),
            "The recurrence, in float64, beside the kernel, the same loop in plain torch and torch-struct, in float32; "
            "of log Z, with its gradient. Shapes are `[batch, position, tag]` and `[batch, position, length, tag]`:",
            table(
                [
                    "structure",
                    "shape",
                    "task",
                    "recurrence",
                    "kernel",
                    "plain torch",
                    "torch-struct",
                    "kernel / recurrence",
                    "torch / recurrence",
                    "torch-struct / recurrence",
                ],
                [
                    [row["name"], row["shape"], task, *against(row, task)]
                    for row in result["rows"]
                    for task in ("argmax", "log Z")
                ],
            ),
            "Samples and the 8 best structures, beside one argmax of the same recurrence:",
            table(
                ["structure", "shape", "argmax", "sample", "8 best", "sample / argmax", "8 best / argmax"],
                [
                    [
                        *(row["name"], row["shape"]),
                        *(duration(row["seconds"][task]) for task in ("argmax", "sample", "8 best")),
                        *(ratio(row["seconds"][task] / row["seconds"]["argmax"]) for task in ("sample", "8 best")),
                    ]
                    for row in result["rows"]
                ],
            ),
        ]
    )


def memory(result: Result) -> str:
    """Return the table of memory.py."""
    lengths = list(dict.fromkeys(n for row in result["rows"] for n in row["bytes"]))
    cell = {n: 4 * result["batch"] * (int(n) + 1) ** 2 for n in lengths}
    return "\n\n".join(
        [
            _machine(result),
            f"Memory of one argmax, including its result, batch of {result['batch']}; in brackets, the "
            "ratio to the scores (float32), which are batch n² numbers. The last column is k in memory ~ n^k, from the "
            "first length to the last.",
            table(
                ["argmax", *(f"n = {n}" for n in lengths), "k"],
                [
                    [
                        row["case"],
                        *(
                            f"{row['bytes'][n] / 2**20:,.1f} MiB ({digits(row['bytes'][n] / cell[n])})"
                            if n in row["bytes"]
                            else "-"
                            for n in lengths
                        ),
                        f"{row['exponent']:.2f}",
                    ]
                    for row in result["rows"]
                ],
            ),
        ]
    )


def hull(result: Result) -> str:
    """Return the tables of hull.py."""
    return "\n\n".join(
        [
            _machine(result),
            f"The layer, forward and backward, batch of {result['batch']}, for standard normal scores and a normal "
            "gradient of the given size. Steps: of the active set for SPIGOT with the hull, each an argmax of the rows "
            "that are not done; gap: the largest duality gap left; cosine: between the gradients for the scores of "
            "SPIGOT with the hull and with the relaxation.",
            table(
                [
                    "trees",
                    "n",
                    "gradient",
                    "single head",
                    "hull",
                    "SparseMAP",
                    "hull / single head",
                    "steps (most)",
                    "vertices",
                    "gap",
                    "SparseMAP's steps",
                    "cosine",
                ],
                [
                    [
                        row["trees"],
                        row["n"],
                        row["gradient"],
                        *(duration(row["seconds"][name]) for name in ("single head", "hull", "SparseMAP")),
                        _times(row["seconds"], "hull", "single head"),
                        f"{row['steps']:.0f} ({row['most_steps']})",
                        f"{row['vertices']:.0f}",
                        f"{row['gap']:.0e}",
                        f"{row['sparsemap_steps']:.0f}",
                        f"{row['cosine']:.2f}",
                    ]
                    for row in result["layers"]
                ],
            ),
        ]
    )


def _times(seconds: Mapping[str, float], slower: str, faster: str = "spigot") -> str:
    return ratio(seconds[slower] / seconds[faster] if slower in seconds else None)


def chain(result: Result) -> str:
    """Return the tables of chain.py."""
    others = ("plain torch", "torch-struct")

    def cells(row: Result) -> list[str]:
        seconds = row["seconds"]
        ratios = [ratio(seconds[o] / seconds["spigot"] if o in seconds else None) for o in others]
        return [*map(duration, (seconds["spigot"], *map(seconds.get, others))), *ratios]

    return "\n\n".join(
        [
            _machine(result),
            "The loss of a linear-chain CRF with its gradient, in float32. Transitions are the same at all positions, "
            "or each step has its own; targets are tags, or 0/1 parts. Shapes are `[batch, position, tag]`:",
            table(
                [
                    *("transitions", "target", "shape", "spigot", *others),
                    *(f"{other} / spigot" for other in others),
                ],
                [[row["transitions"], row["target"], str(row["shape"]), *cells(row)] for row in result["losses"]],
            ),
            f"The {result['k_best'][0]['k']} best structures of four rows of 20 tokens, beside as many argmaxes:",
            table(
                ["structure", "k best", "k argmaxes", "k best / k argmaxes"],
                [
                    [
                        row["structure"],
                        *map(duration, row["seconds"].values()),
                        ratio(row["seconds"]["k best"] / row["seconds"]["k argmaxes"]),
                    ]
                    for row in result["k_best"]
                ],
            ),
        ]
    )


def perceptron(result: Result) -> str:
    """Return the table of perceptron.py."""
    return "\n\n".join(
        [
            _machine(result),
            f"Scores of all arcs of a batch of {result['tokens']:,} tokens, and their gradients:",
            table(
                ["sentences of", "gradients for", "what", "spigot's tanh", "torch's tanh", "torch / spigot"],
                [
                    [
                        f"{row['n']} tokens",
                        row["gradients"],
                        row["what"],
                        *(duration(row["seconds"][name]) for name in ("spigot", "torch")),
                        _times(row["seconds"], "torch"),
                    ]
                    for row in result["rows"]
                ],
            ),
        ]
    )


def gpu(result: Result) -> str:
    """Return the table of gpu.py, a row for each task and length, a column for each batch."""
    rows = result["rows"]
    batches = sorted({row["batch"] for row in rows})
    found = {(row["task"], row["n"], row["batch"]): row for row in rows}
    head = [f"{what}, batch of {batch:,}" for batch in batches for what in ("time", "peak memory")]
    lines = []
    for task, n in sorted({(row["task"], row["n"]) for row in rows}):
        cells = [found[task, n, batch] for batch in batches]
        columns = [(duration(cell["seconds"]), f"{cell['peak_bytes'] / 2**20:,.1f} MiB") for cell in cells]
        lines.append([task, n, *(part for column in columns for part in column)])
    return f"{result['device']['name']}. {_machine(result)}\n\n{table(['task', 'n', *head], lines)}"


def _machine(result: Result) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in result["versions"].items() if number is not None)
    threads = "one thread" if result["threads"] == 1 else f"{result['threads']} threads"
    line = f"{result['processor']}, {threads}; {versions}. `{result['command']}`"
    if result.get("cpu_time"):
        line += (
            "\n\nMeasured on a busy machine, in processor time, with the compared programs in turn and the median of "
            "up to 50 rounds. Times are longer than on an idle machine; look at ratios, and not at those within a "
            "third of 1."
        )
    return line + ("\n\n**Made with --quick: the figures mean nothing.**" if result["quick"] else "")


def rewrite(text: str, name: str, content: str) -> str:
    """Return `text` with `content` between the markers of `name`."""
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if not pattern.search(text):
        raise SystemExit(f"docs/speed.md: expected the markers <!-- {name} --> and <!-- /{name} -->, got none")
    return pattern.sub(lambda match: f"{match[1]}\n{content}\n\n{match[2]}", text)


def main() -> None:
    makers: dict[str, Callable[[Result], str]] = {
        "trees": trees,
        "graphs": graphs,
        "hull": hull,
        "perceptron": perceptron,
        "training": training,
        "sentiment": sentiment,
        "parsing": parsing,
        "english": english,
        "memory": memory,
        "structures": structures,
        "programs": programs,
        "chain": chain,
        "gpu": gpu,
    }
    page = HERE.parent / "docs" / "speed.md"
    text = page.read_text("utf-8")
    for name, make in makers.items():
        # One thread, then all of them.
        sources = [HERE / "results" / f"{name}{suffix}.json" for suffix in ("", "-all-threads")]
        contents = [make(json.loads(source.read_text("utf-8"))) for source in sources if source.is_file()]
        text = rewrite(text, name, "\n\n### All threads\n\n".join(contents))
    page.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
