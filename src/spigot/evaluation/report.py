"""Scores as lines of text and as JSON, each with the convention that it was computed by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from spigot.data.sentence import TokenColumn
from spigot.evaluation.accuracy import AccuracyScore
from spigot.evaluation.attachment import AttachmentScore
from spigot.evaluation.categories import CategoryScore
from spigot.evaluation.counts import Counts, CountsByLabel
from spigot.evaluation.graph_f1 import GraphScore
from spigot.evaluation.punctuation import FORMS_RULE, PunctuationRule
from spigot.evaluation.tagging import ITEM, TagScore

if TYPE_CHECKING:
    # Only comparisons need numpy.
    from spigot.evaluation.significance import Comparison


@dataclass(frozen=True)
class Measure:
    """One number between 0 and 1 (None where it is undefined), the counts behind it and what it means."""

    name: str
    value: float | None
    counts: Mapping[str, int]
    convention: str
    beside: Mapping[str, float | None] = field(default_factory=dict)
    """Precision and recall, where `value` is an F1 that is shown with them."""


def tree_measures(score: AttachmentScore, punctuation: PunctuationRule = FORMS_RULE) -> list[Measure]:
    """UAS and LAS with and without punctuation, LAS and CLAS of CoNLL 2018, and complete trees.

    `punctuation` must be the rule that the score was computed by.
    """
    everything = "all tokens, punctuation included"
    words = f"without {score.punctuation} punctuation tokens ({punctuation.name}: {punctuation.description})"
    labels = "labels compared whole" if score.has_labels else "one side has no labels"
    rows = (
        ("UAS", score.uas, score.heads, score.tokens, f"heads, {everything}"),
        ("LAS", score.las, score.labels, score.tokens, f"heads and labels, {everything}; {labels}"),
        (
            "LAS-universal",
            score.universal_las,
            score.universal_labels,
            score.tokens,
            f"heads and labels without subtypes (nsubj:pass as nsubj), {everything}, as in CoNLL 2018",
        ),
        ("UAS-nopunct", score.uas_without_punctuation, score.word_heads, score.words, f"heads, {words}"),
        (
            "LAS-nopunct",
            score.las_without_punctuation,
            score.word_labels,
            score.words,
            f"heads and labels, {words}; {labels}",
        ),
        ("UEM", score.exact_match, score.trees, score.sentences, f"sentences, heads of {everything}"),
        (
            "LEM",
            score.labelled_exact_match,
            score.labelled_trees,
            score.sentences,
            f"sentences, heads and labels of {everything}; {labels}",
        ),
    )
    clas = "F1, content words, heads and labels without subtypes, as in CoNLL 2018"
    return [
        *(Measure(name, value, _share(correct, total), convention) for name, value, correct, total, convention in rows),
        Measure("CLAS", score.clas, _counts(score.content), clas),
    ]


def graph_measures(score: GraphScore) -> list[Measure]:
    """LP, LR, LF, LM and UP, UR, UF, UM with tops; F1 without tops, of tops and of predicates."""
    tops, bare = "arcs with tops (as arcs from ROOT), micro", "arcs without tops, micro"
    every = "sentences with all of them right and no others"
    return [
        *_precision_recall_f1("L", score.labelled, f"labelled {tops}"),
        Measure("LM", score.lm, _share(score.exact, score.sentences), f"labelled arcs with tops, {every}"),
        *_precision_recall_f1("U", score.unlabelled, f"unlabelled {tops}"),
        Measure(
            "UM",
            score.um,
            _share(score.exact_unlabelled, score.sentences),
            f"unlabelled arcs with tops, {every}",
        ),
        _f1("LF-notop", score.labelled_arcs, f"labelled {bare}"),
        _f1("UF-notop", score.unlabelled_arcs, f"unlabelled {bare}"),
        _f1("top-F", score.tops, "top nodes, micro"),
        _f1("pred-F", score.predicates, "tokens flagged as predicates, micro"),
    ]


def sentiment_measures(score: AccuracyScore) -> list[Measure]:
    """Accuracy, and the share of each class that was found."""
    positive = (score.correct_positive, score.positive)
    negative = (score.correct_negative, score.negative)
    return [
        Measure("accuracy", score.accuracy, _share(score.correct, score.sentences), "sentences with the right label"),
        Measure("recall-positive", _recall(*positive), _share(*positive), "positive sentences with the right label"),
        Measure("recall-negative", _recall(*negative), _share(*negative), "negative sentences with the right label"),
    ]


def tag_measures(score: TagScore, column: TokenColumn = "tags", name: str = "accuracy") -> list[Measure]:
    """Accuracy of tags, or of lemmas."""
    counts = _share(score.correct, score.tokens)
    return [Measure(name, score.accuracy, counts, f"tokens with the right {ITEM[column]}, punctuation included")]


def category_measures(score: CategoryScore) -> list[Measure]:
    """Accuracy of the classes of sentences."""
    counts = _share(score.correct, score.sentences)
    return [Measure("accuracy", score.accuracy, counts, "sentences with the right class")]


def label_measures(by_label: CountsByLabel, items: str = "arcs with this label") -> list[Measure]:
    """F1 of each label, most frequent gold label first; `items` says what carries it."""
    return [_f1(label, by_label[label], f"{items}, micro") for label in by_frequency(by_label)]


def by_frequency(by_label: CountsByLabel) -> list[str]:
    """Return the labels, most frequent gold label first."""
    return sorted(by_label, key=lambda label: (-by_label[label].gold, label))


def aligned_measure(name: str, counts: Counts, convention: str, defined: bool = True) -> Measure:
    """F1 of counts with its precision and recall; all None unless `defined`."""
    values = {"precision": counts.precision, "recall": counts.recall, "f1": counts.f1}
    beside: dict[str, float | None] = {key: value if defined else None for key, value in values.items()}
    return Measure(name, beside.pop("f1"), _counts(counts), f"F1, {convention}", beside)


def comparison_text(name: str, result: Comparison) -> str:
    """Return a comparison of two systems as one line; scores in points of 100."""
    scores = f"{100 * result.first:.2f} against {100 * result.second:.2f}"
    interval = f"[{100 * result.low:+.2f}, {100 * result.high:+.2f}]"
    return (
        f"{name}: {scores}, difference {100 * result.difference:+.2f}, p = {result.p_value:.4g} "
        f"(paired permutation of sentences, two-sided), {100 * result.confidence:g}% interval {interval} "
        f"(paired bootstrap of sentences), {result.rounds} rounds, seed {result.seed}"
    )


def comparison_json(result: Comparison) -> dict[str, Any]:
    """Return the comparison as a JSON object; scores between 0 and 1."""
    return {
        "first": result.first,
        "second": result.second,
        "difference": result.difference,
        "p_value": result.p_value,
        "test": "paired permutation of sentences, two-sided, corpus-level F1",
        "interval": [result.low, result.high],
        "interval_method": f"paired bootstrap of sentences, percentile, {result.confidence:g}",
        "rounds": result.rounds,
        "seed": result.seed,
    }


def as_text(measures: Sequence[Measure]) -> list[str]:
    """Return one line a measure: name, points of 100, precision and recall if it has them, counts, convention."""
    cells = [(m.name, _value_text(m), _counts_text(m.counts), m.convention) for m in measures]
    widths = [max((len(row[column]) for row in cells), default=0) for column in range(3)]
    return [
        f"{name:<{widths[0]}}  {value:>{widths[1]}}  {counts:>{widths[2]}}  {convention}"
        for name, value, counts, convention in cells
    ]


def as_json(measures: Iterable[Measure]) -> dict[str, Any]:
    """Return {name: {value, counts ..., convention}}; values between 0 and 1, null where undefined.

    Of measures over aligned words `precision` and `recall` are behind the value.
    """
    return {m.name: {"value": m.value, **m.beside, **m.counts, "convention": m.convention} for m in measures}


def _recall(correct: int, total: int) -> float | None:
    return correct / total if total else None


def _share(correct: int, total: int) -> dict[str, int]:
    return {"correct": correct, "total": total}


def _counts(counts: Counts) -> dict[str, int]:
    return {"correct": counts.correct, "gold": counts.gold, "system": counts.system}


def _precision_recall_f1(letter: str, counts: Counts, convention: str) -> list[Measure]:
    return [
        Measure(f"{letter}P", counts.precision, _share(counts.correct, counts.system), f"precision, {convention}"),
        Measure(f"{letter}R", counts.recall, _share(counts.correct, counts.gold), f"recall, {convention}"),
        _f1(f"{letter}F", counts, convention),
    ]


def _f1(name: str, counts: Counts, convention: str) -> Measure:
    return Measure(name, counts.f1, _counts(counts), f"F1, {convention}")


def _points(value: float | None) -> str:
    return "n/a" if value is None else f"{100 * value:.2f}"


def _value_text(measure: Measure) -> str:
    """Return the value, and what stands beside it in columns of the same width."""
    beside = (f"  {name[0].upper()} {_points(value):>6}" for name, value in measure.beside.items())
    return _points(measure.value) + "".join(beside)


def _counts_text(counts: Mapping[str, int]) -> str:
    if "total" in counts:
        return f"{counts['correct']}/{counts['total']}"
    return f"{counts['correct']}/{counts['gold']} gold/{counts['system']} system"
