"""Scores over aligned words as measures: F1, precision and recall, by the names that they have of equal tokens."""

from __future__ import annotations

from spigot.data.sentence import TokenColumn
from spigot.evaluation.aligned_attachment import AlignedAttachmentScore
from spigot.evaluation.aligned_graph_f1 import AlignedGraphScore
from spigot.evaluation.alignment import Alignment
from spigot.evaluation.counts import Counts, CountsByLabel
from spigot.evaluation.punctuation import FORMS_RULE, PunctuationRule
from spigot.evaluation.report import Measure, aligned_measure, by_frequency
from spigot.evaluation.tagging import ITEM


def alignment_measures(alignment: Alignment) -> list[Measure]:
    """Sentences, tokens (where both files tell them from words) and words."""
    tokens = alignment.tokens
    return [
        aligned_measure("sentences", alignment.sentences, "sentences of the same characters"),
        *([aligned_measure("tokens", tokens, "tokens of the same characters")] if tokens is not None else []),
        aligned_measure("words", alignment.words, "aligned words"),
    ]


def aligned_tree_measures(score: AlignedAttachmentScore, punctuation: PunctuationRule = FORMS_RULE) -> list[Measure]:
    """As `tree_measures`. `punctuation` must be the rule that the score was computed by."""
    everything = "all words, punctuation included"
    left_out = f"{score.punctuation.gold} gold/{score.punctuation.system} system"
    words = f"without {left_out} punctuation words ({punctuation.name}: {punctuation.description})"
    labels = "labels compared whole" if score.has_labels else "one side has no labels"
    universal = "labels without subtypes (nsubj:pass as nsubj)"
    has = score.has_labels
    trees = "sentences of the same words with all of them right"
    return [
        aligned_measure("UAS", score.heads, f"heads, {everything}, as in CoNLL 2018"),
        aligned_measure("LAS", score.labels, f"heads and labels, {everything}; {labels}", has),
        aligned_measure(
            "LAS-universal",
            score.universal_labels,
            f"heads and {universal}, {everything}: LAS of CoNLL 2018",
            has,
        ),
        aligned_measure("UAS-nopunct", score.word_heads, f"heads, {words}"),
        aligned_measure("LAS-nopunct", score.word_labels, f"heads and labels, {words}; {labels}", has),
        aligned_measure("UEM", score.trees, f"heads, {trees}"),
        aligned_measure("LEM", score.labelled_trees, f"heads and labels, {trees}; {labels}", has),
        aligned_measure(
            "CLAS",
            score.content,
            f"content words, heads and {universal}, as in CoNLL 2018",
            score.has_content,
        ),
    ]


def aligned_tag_measure(name: str, counts: Counts, column: TokenColumn) -> Measure:
    """As that of `tag_measures`."""
    return aligned_measure(name, counts, f"words with their {ITEM[column]}, punctuation included")


def aligned_graph_measures(score: AlignedGraphScore) -> list[Measure]:
    """As `graph_measures`, precision and recall beside F1."""
    whole = score.whole
    tops, bare = "arcs with tops (as arcs from ROOT), micro", "arcs without tops, micro"
    graphs = "sentences of the same words with all of them right and no others"
    return [
        aligned_measure("LF", whole.labelled, f"labelled {tops}"),
        aligned_measure("LM", score.exact, f"labelled arcs with tops, {graphs}"),
        aligned_measure("UF", whole.unlabelled, f"unlabelled {tops}"),
        aligned_measure("UM", score.exact_unlabelled, f"unlabelled arcs with tops, {graphs}"),
        aligned_measure("LF-notop", whole.labelled_arcs, f"labelled {bare}"),
        aligned_measure("UF-notop", whole.unlabelled_arcs, f"unlabelled {bare}"),
        aligned_measure("top-F", whole.tops, "top nodes, micro"),
        aligned_measure("pred-F", whole.predicates, "words flagged as predicates, micro"),
    ]


def aligned_label_measures(by_label: CountsByLabel) -> list[Measure]:
    """As `label_measures`, precision and recall beside F1."""
    convention = "arcs with this label, micro"
    return [aligned_measure(label, by_label[label], convention) for label in by_frequency(by_label)]
