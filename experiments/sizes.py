"""How the gain depends on the amount of data: the runs of `sizes.toml`, and those of `table1.toml` with all data.

python experiments/sizes.py          # rewrites the tables in sizes/README.md, and draws sizes/gains.svg
python experiments/sizes.py --check  # fails if the tables are not up to date
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from domains import DOMAINS, PROPBANK, Runs, average, gain, pairs, row
from gains import Gains
from regime import origin
from scored import add_ways, rewrite_page

HERE = Path(__file__).parent
PAGE = HERE / "sizes" / "README.md"
PLOT = HERE / "sizes" / "gains.svg"
AXES = {"syntax": "syntax data", "semantics": "semantic data"}
SYSTEMS = {
    "pipeline": "PIPELINE",
    "joint": "joint, no gradient",
    "spigot": "SPIGOT, weight 0.1",
    "ste": "STE, weight 0.001",
    "spigot-scaled": "SPIGOT, weight 0.1 × share",
    "joint-balanced": "joint, balanced",
    "spigot-balanced": "SPIGOT, balanced, weight 0.1",
}
NO_SYNTAX = "neurbo"
CONTRASTS = [("pipeline", "labelled"), ("joint", "heads"), ("joint", "labelled"), (NO_SYNTAX, "labelled")]
"""The differences of a table: from which system, in which counts."""
SCORES = {"heads": "UAS", "labelled": "LF"}


@dataclass(frozen=True)
class Conditions:
    """Runs that differ in their data."""

    called: str
    """What differs."""
    names: Mapping[str, str]
    """How the names of a condition's runs begin."""
    same_graphs: bool
    """Whether runs of two conditions differ in their trees alone, so that one may be compared with the other."""


BESIDE = {
    "joint": SYSTEMS["joint"],
    "spigot": SYSTEMS["spigot"],
    "joint-wide": "joint, wide bound",
    "spigot-wide": "SPIGOT, wide bound, weight 0.1",
    "penalty": "a penalty on confidence alone, weight 0.1",
    "joint-wide-second": "joint, wide bound, word dropout leaves tag and vector",
    "spigot-wide-second": "SPIGOT, wide bound, word dropout leaves tag and vector, weight 0.1",
    "joint-unknown": "joint, `modern/spigot-unknown`: the same from nothing",
    "spigot-unknown": "SPIGOT, `modern/spigot-unknown`: the same from nothing, weight 0.1",
    "joint-five-second": "joint, a bound of 5, word dropout leaves tag and vector",
    "spigot-five-second": "SPIGOT, a bound of 5, word dropout leaves tag and vector, weight 0.1",
    "spigot-tag": "SPIGOT, word dropout leaves the tag, weight 0.1",
    "spigot-second": "SPIGOT, word dropout leaves tag and vector, weight 0.1",
    "sa": "SA",
}
"""The systems of `CONDITIONS`."""
CONDITIONS = {
    "sentences": Conditions(
        "the graphs' sentences", {"those of the treebank": "sentences-25", "others": "sentences-25-others"}, False
    ),
    "silver": Conditions(
        "trees",
        {
            "a quarter, gold": "syntax-25",
            "a quarter gold, the rest silver": "silver-25",
            "the same, all words known": "known-25",
        },
        True,
    ),
}


@dataclass(frozen=True)
class Part:
    """The runs with a share of the data of one kind and all data of the other."""

    axis: str
    share: int
    runs: Runs

    @classmethod
    def read(cls, axis: str, share: int) -> Part:
        """Read those that have been scored. A whole share is Table 1's."""
        folder = PAGE.parent if share < 100 else PROPBANK.folder
        prefix = f"{axis}-{share}" if share < 100 else PROPBANK.run("gcn")
        found = {system: scored(folder, f"{prefix}-{system}") for system in SYSTEMS}
        # Without syntax the share of the syntax data is all the same.
        begun = axis == "syntax" and any(found.values())
        found[NO_SYNTAX] = scored(PROPBANK.folder, PROPBANK.run(NO_SYNTAX)) if begun else {}
        return cls(axis, share, found)


def scored(folder: Path, name: str) -> dict[int, dict[str, Any]]:
    """Return the runs of a name that have been scored, by seed."""
    return {
        int(path.stem[-1]): json.loads(path.read_text("utf-8")) for path in sorted(folder.glob(f"{name}-[0-9].json"))
    }


def short(system: str) -> str:
    """Return what a system is called beside another."""
    name = SYSTEMS.get(system, "NEURBO")
    return name.replace(", weight 0.1 ×", " ×") if "×" in name else name.partition(",")[0]


def groups() -> list[dict[str, Any]]:
    """Return those groups of the list that are scored."""
    listed = tomllib.loads((HERE / "sizes.toml").read_text("utf-8"))["group"]
    return [group for group in listed if "out" in group]


def names() -> list[str]:
    """Return the names of all runs of the list that are scored."""
    found = []
    for group in groups():
        for seed, words, run in product(group["seeds"], group["values"], group["run"]):
            name = run["name"]
            for word, value in words.items():
                name = name.replace(word, str(value))
            found.append(f"{name}-{seed}")
    return found


def read() -> list[Part]:
    """Return the parts in the order of the tables, those without a run left out."""
    listed = {words["SHARE"] for group in groups() for words in group["values"] if "SHARE" in words}
    shares = [*sorted(listed), 100]
    found = [Part.read(axis, share) for axis in AXES for share in shares]
    begun = {part.axis for part in found if part.share < 100 and any(part.runs.values())}
    return [part for part in found if any(part.runs.values()) and part.axis in begun]


def table(parts: Sequence[Part], gains: Gains) -> str:
    """Return the scores in Markdown, with differences from systems with the same data."""
    shown = {"uas": "UAS", "lf": "LF"}
    head = [
        "share",
        "system",
        "seeds",
        *(f"{label} {domain}" for domain in DOMAINS.values() for label in shown.values()),
    ]
    contrasts = [(other, score) for other, score in CONTRASTS if any(part.runs[other] for part in parts)]
    head += [f"{SCORES[score]} − {short(other)}, {domain}" for other, score in contrasts for domain in DOMAINS.values()]
    lines = [row(head), "|---" * len(head) + "|"]
    for part in parts:
        for system, label in SYSTEMS.items():
            found = part.runs[system]
            if found:
                cells = [f"{part.share} %", label, str(len(found))]
                cells += [average([*found.values()], split, score) for split in DOMAINS for score in shown]
                for other, score in contrasts:
                    for split in DOMAINS:
                        both = pairs(found, part.runs[other], split, score) if other != system else []
                        cells.append(gain(gains, both) if both else "")
                lines.append(row(cells))
    return "\n".join(lines)


def conditions_table(conditions: Conditions, gains: Gains) -> str:
    """Return in Markdown the systems in each condition, beside joint training with the same data and bound."""
    first, *_ = conditions.names.values()
    others = ["joint", "gold alone"] if conditions.same_graphs else ["joint"]
    shown = {"uas": "UAS", "lf": "LF"}
    head = [conditions.called, "system", "seeds"]
    head += [f"{label} {domain}" for domain in DOMAINS.values() for label in shown.values()]
    head += [
        f"{label} − {other}, {domain}" for other, label, domain in product(others, SCORES.values(), DOMAINS.values())
    ]
    lines = [row(head), "|---" * len(head) + "|"]
    for (label, prefix), system in product(conditions.names.items(), BESIDE):
        found = scored(PAGE.parent, f"{prefix}-{system}")
        if not found:
            continue
        cells = [label, BESIDE[system], str(len(found))]
        cells += [average([*found.values()], split, score) for split in DOMAINS for score in shown]
        same = f"joint-{system.partition('-')[2]}"
        control = same if same in BESIDE else "joint"
        for name in (f"{prefix}-{control}", f"{first}-{system}")[: len(others)]:
            other = {} if name == f"{prefix}-{system}" else scored(PAGE.parent, name)
            for score, split in product(SCORES, DOMAINS):
                both = pairs(found, other, split, score)
                cells.append(gain(gains, both) if both else "")
        lines.append(row(cells))
    return "\n".join(lines)


def unknown_table() -> str:
    """Return UAS of sentences with unknown words, and of the others, in Markdown."""
    figures = json.loads((PAGE.parent / "unknown.json").read_text("utf-8"))["runs"]
    head = ["run", "unknown words: sentences", "UAS", "their vector at zero", "all words known: sentences", "UAS"]
    lines = [row(head), "|---" * len(head) + "|"]
    for name, found in figures.items():
        scores = [f"{100 * found[key]:.1f}" for key in ("uas unknown", "uas at zero", "uas known")]
        lines.append(row([f"`{name}`", str(found["unknown"]), *scores[:2], str(found["known"]), scores[2]]))
    return "\n".join(lines)


def tables(gains: Gains) -> Mapping[str, str]:
    """Return the tables in Markdown; how many runs have not been made is said."""
    parts = read()
    made = [run for part in parts if part.share < 100 for system in SYSTEMS for run in part.runs[system].values()]
    wanted = names()
    missing = [name for name in wanted if not (PAGE.parent / f"{name}.json").is_file()]
    return {
        **{axis: table([part for part in parts if part.axis == axis], gains) for axis in AXES},
        **{name: conditions_table(conditions, gains) for name, conditions in CONDITIONS.items()},
        "unknown": unknown_table(),
        "missing": f"{len(missing)} of the {len(wanted)} runs of the list have not been run.",
        "origin": "\n\n".join(dict.fromkeys(map(origin, made))),
    }


def draw(gains: Gains, split: str = "ood") -> None:
    """Plot by how much systems with the same data differ, against the share, with intervals.

    The other domain has five times as many sentences as the test set, so that its intervals are half as wide.
    """
    from matplotlib import pyplot

    pyplot.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "spigot"})
    contrasts = {
        "spigot": "joint",
        "spigot-scaled": "joint",
        "ste": "joint",
        "joint": "pipeline",
        "pipeline": NO_SYNTAX,
    }
    parts = read()
    shares = sorted({part.share for part in parts})
    begun = {axis: label for axis, label in AXES.items() if any(part.axis == axis for part in parts)}
    size = (1 + 4 * len(begun), 6)
    figure, axes = pyplot.subplots(len(SCORES), len(begun), figsize=size, sharex=True, sharey="row", squeeze=False)
    for line, (score, measure) in enumerate(SCORES.items()):
        for column, (axis, label) in enumerate(begun.items()):
            panel = axes[line][column]
            panel.axhline(0, color="0.7", linewidth=0.8)
            for number, (system, other) in enumerate(contrasts.items()):
                both = {
                    part.share: pairs(part.runs[system], part.runs[other], split, score)
                    for part in parts
                    if part.axis == axis
                }
                drawn = {share: gains.interval(found) for share, found in both.items() if found}
                middle, low, high = ([100 * each[index] for each in drawn.values()] for index in range(3))
                panel.errorbar(
                    [share * 1.06 ** (number - 1) for share in drawn],  # beside each other: no interval hides another
                    middle,
                    yerr=[
                        [centre - end for centre, end in zip(middle, low, strict=True)],
                        [end - centre for centre, end in zip(middle, high, strict=True)],
                    ],
                    marker="o",
                    markersize=4,
                    linewidth=1.2,
                    capsize=2,
                    label=f"{short(system)} − {short(other)}",
                )
            if score == "heads":
                # Beside trees that are wrecked all other differences would be one line.
                panel.set_yscale("symlog", linthresh=2, linscale=3)
                panel.set_yticks([-50, -10, -2, -1, 0, 1, 2])
                panel.yaxis.set_major_formatter(pyplot.FuncFormatter(lambda value, _: f"{value:g}".replace("-", "−")))
            panel.set_xscale("log")
            panel.set_xlim(shares[0] * 0.8, shares[-1] * 1.25)
            panel.set_xticks(shares, [f"{share} %" for share in shares])
            panel.minorticks_off()
            panel.spines[["top", "right"]].set_visible(False)
            if line == 0:
                panel.set_title(f"share of the {label}")
            if column == 0:
                panel.set_ylabel(f"points of {measure}, {DOMAINS[split]} of the domain")
    shown = axes[0][0].get_legend_handles_labels()
    figure.legend(*shown, frameon=False, loc="upper center", ncols=len(contrasts), fontsize="small", columnspacing=1.5)
    figure.tight_layout(rect=(0, 0, 1, 0.95))
    figure.savefig(PLOT, metadata={"Date": None})
    pyplot.close(figure)


def main() -> int:
    """Rewrite the tables and draw the plot, or check the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_ways(parser)
    how = parser.parse_args()
    result = rewrite_page(PAGE, tables, how.check, how.anew)
    if not how.check:
        draw(Gains(PAGE.with_name("gains.json"), look_up=True))
    return result


if __name__ == "__main__":
    sys.exit(main())
