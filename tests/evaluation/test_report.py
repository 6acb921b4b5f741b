import json

from spigot.data.sentence import TOP, Arc, Graph, Sentence, Tree
from spigot.evaluation import report
from spigot.evaluation.attachment import attachment
from spigot.evaluation.counts import Counts, CountsByLabel
from spigot.evaluation.graph_f1 import graph_score
from spigot.evaluation.punctuation import TAGS_RULE
from spigot.evaluation.significance import Comparison

FORMS, TAGS = ("Go", "home", "!"), ("VB", "RB", ".")
LABELS = ("root", "advmod", "punct")


def tree(heads, labels=LABELS):
    return Sentence("t", FORMS, FORMS, TAGS, trees={"syntax": Tree(heads, labels)})


def graph(*arcs):
    return Sentence("g", FORMS, FORMS, TAGS, graphs={"semantics": Graph(tuple(Arc(*a) for a in arcs), frozenset({1}))})


def test_tree_measures_state_convention_and_counts():
    score = attachment(tree((0, 1, 1)), tree((0, 1, 2)), TAGS_RULE)
    uas, las, universal, uas_bare, las_bare, uem, lem, clas = report.tree_measures(score, TAGS_RULE)
    assert (uas.name, uas.value, uas.counts) == ("UAS", 2 / 3, {"correct": 2, "total": 3})
    assert uas.convention == "heads, all tokens, punctuation included"
    assert (uas_bare.value, las_bare.value) == (1, 1)
    assert uas_bare.convention.startswith("heads, without 1 punctuation tokens (tags: gold tags `` ''")
    assert las.value == universal.value == 2 / 3
    assert (clas.name, clas.value, clas.counts) == ("CLAS", 1, {"correct": 2, "gold": 2, "system": 2})
    assert (uem.value, lem.value) == (0, 0)


def test_undefined_las_is_reported():
    score = attachment(tree((0, 1, 1)), tree((0, 1, 1), ("_", "_", "_")))
    las = report.tree_measures(score)[1]
    assert las.value is None
    assert las.convention.endswith("one side has no labels")
    assert "n/a" in report.as_text([las])[0]
    assert json.loads(json.dumps(report.as_json([las])))["LAS"]["value"] is None


def test_graph_measures_state_convention_and_counts():
    score = graph_score(graph((0, 1, TOP), (1, 2, "loc")), graph((0, 1, TOP), (1, 2, "dir"), (1, 3, "dir")))
    measures = {m.name: m for m in report.graph_measures(score)}
    assert list(measures) == [
        *("LP", "LR", "LF", "LM", "UP", "UR", "UF", "UM", "LF-notop", "UF-notop", "top-F", "pred-F")
    ]
    # Labelled: the top alone is right, of 2 gold and 3 system items.
    assert [measures[name].value for name in ("LP", "LR", "LF")] == [1 / 3, 1 / 2, 2 / 5]
    assert [measures[name].value for name in ("UP", "UR", "UF")] == [2 / 3, 1, 4 / 5]
    assert (measures["LF-notop"].value, measures["top-F"].value, measures["pred-F"].value) == (0, 1, 1)
    assert measures["LF"].counts == {"correct": 1, "gold": 2, "system": 3}
    assert measures["LF"].convention == "F1, labelled arcs with tops (as arcs from ROOT), micro"


def test_label_measures_are_ordered_by_gold_frequency():
    table = CountsByLabel({"b": Counts(1, 1, 1), "a": Counts(1, 0, 0), "c": Counts(5, 2, 2)})
    assert [m.name for m in report.label_measures(table)] == ["c", "a", "b"]


def test_text_lines_are_aligned():
    lines = report.as_text(
        [
            report.Measure("UAS", 0.5, {"correct": 1, "total": 2}, "heads"),
            report.Measure("pred-F", 1.0, {"correct": 10, "gold": 10, "system": 10}, "predicates"),
        ]
    )
    assert lines == [
        "UAS      50.00                   1/2  heads",
        "pred-F  100.00  10/10 gold/10 system  predicates",
    ]
    assert report.as_text([]) == []


def test_comparison_reports_how_to_repeat_it():
    result = Comparison(0.9, 0.88, 0.0123, 0.005, 0.035, 0.95, 10_000, 7)
    text = report.comparison_text("LF", result)
    for part in (
        "LF: 90.00 against 88.00",
        "+2.00",
        "p = 0.0123",
        "[+0.50, +3.50]",
        "10000 rounds",
        "seed 7",
    ):
        assert part in text
    value = report.comparison_json(result)
    assert (value["interval"], value["rounds"], value["seed"]) == ([0.005, 0.035], 10_000, 7)
