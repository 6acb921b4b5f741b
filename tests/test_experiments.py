"""The scripts of experiments/: the runs of the list are valid recipes; scores and gradients are those of the system."""

import json
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch

import spigot
from spigot import SPIGOT, ProjectiveTree, structured_argmax
from spigot.cli import main as cli
from spigot.cli.gold import read_together
from spigot.data.conllu import read_conllu, write_conllu
from spigot.data.sdp import read_sdp, write_sdp
from spigot.data.sentence import Tree
from spigot.evaluation.attachment import attachment
from spigot.evaluation.changes import linked_heads
from spigot.evaluation.counts import Counts
from spigot.evaluation.significance import compare
from spigot.training.loop import Trainer
from spigot.training.plan import plan
from spigot.training.recipe import load_recipe
from tests.models.tiny import SENTENCES, multitask_model, tiny_model
from tests.training import runs as tiny

FOLDER = Path(__file__).parents[1] / "experiments"


@pytest.fixture
def script(monkeypatch):
    """Import a script by its name."""
    monkeypatch.syspath_prepend(FOLDER)
    before = set(sys.modules)
    yield import_module
    for name in set(sys.modules) - before:
        if Path(getattr(sys.modules[name], "__file__", None) or "").parent == FOLDER:
            del sys.modules[name]


@pytest.fixture
def data(tmp_path):
    """A folder with the sentences of `tiny`: their graphs, and the trees of all but the first three."""
    write_sdp(SENTENCES, tmp_path / "dev.sdp")
    write_conllu(SENTENCES[3:], tmp_path / "dev.conllu")
    return tmp_path


def test_every_run_of_the_list_is_a_valid_recipe(script):
    listed = script("run").read_runs(FOLDER / "runs.toml")
    recipes, ids = {}, set(listed[1]["ids"])
    assert not listed[1]["files"]
    assert listed[0]
    for run in listed[0]:
        recipe = load_recipe(run.recipe, run.settings, run.data)
        assert run.needs <= ids | set(recipes), f"{run.name} needs {run.needs}, which come later or never"
        assert run.name not in recipes
        assert [script("collect").Split.parse(split).name for split in run.splits] == ["dev"]
        # The runs that are done had no labels.
        assert "syntax" not in recipe.made_tasks or not recipe.made_tasks["syntax"].labels
        # All tasks are trained on the same sample.
        files = [recipe.data.tasks[task] for task in recipe.made_tasks]
        assert all(each.train and each.dev for each in files)
        assert len({each.train_ids for each in files}) == 1
        start = recipe.intermediate.init
        if start is not None:
            first = recipes[start.name]
            assert first.system.same_part(recipe.intermediate_task, recipe.system)
            assert first.data == recipe.data
        recipes[run.name] = recipe


def test_runs_with_latent_trees_are_valid_recipes(script):
    runs, made = script("run").read_runs(FOLDER / "latent.toml")
    assert made == {"ids": {}, "files": {}}
    assert len({run.name for run in runs}) == len(runs) > 0
    for number, run in enumerate(runs):
        recipe = load_recipe(run.recipe, run.settings, run.data)
        assert run.needs <= {before.name for before in runs[:number]}
        assert "category" in recipe.made_tasks
        latent = "syntax" in recipe.made_tasks and not recipe.made_tasks["syntax"].has_loss
        assert latent == (run.recipe == "modern/category-latent")
        assert [script("collect").Split.parse(split).name for split in run.splits] == ["dev", "test"]


def test_runs_of_the_tables_are_valid_recipes(script):
    recipes, known = {}, set()
    for name in ("table1", "sizes", "sentiment"):  # the later ones start from runs of the first
        runs, made = script("run").read_runs(FOLDER / f"{name}.toml")
        known |= {*made["files"], *made["ids"]}
        for run in runs:
            assert run.needs <= known, f"{run.name} needs {run.needs - known}, which come later or never"
            assert run.name not in known
            known.add(run.name)
            if run.script:
                assert (FOLDER / run.script[0]).is_file()
                continue
            recipe = recipes[run.name] = load_recipe(run.recipe, run.settings, run.data)
            splits = [script("collect").Split.parse(split).name for split in run.splits]
            assert splits in ([], ["dev", "test"], ["dev", "test", "ood"])
            if recipe.intermediate.init is not None:
                part = recipe.intermediate_task
                assert recipe.intermediate.pretrain_epochs == 0
                assert recipes[recipe.intermediate.init.name].system.same_part(part, recipe.system)
    assert len(recipes) > 200
    for name in (name for name in recipes if name.startswith(("pbo-", "syntax-", "semantics-"))):
        # No system sees a review before the last test, and all see the same sentences.
        recipe = recipes[name]
        files = [recipe.data.tasks[task] for task in recipe.made_tasks if task != "dm"]
        assert all("inside-train" in str(each.train) and "inside-dev" in str(each.dev) for each in files)


def test_part_of_a_corpus(script, tmp_path):
    write_conllu(SENTENCES, tmp_path / "all.conllu")
    write_sdp(SENTENCES, tmp_path / "all.sdp")
    for ending, read in (("conllu", read_conllu), ("sdp", read_sdp)):
        whole = tmp_path / f"all.{ending}"
        odd = [s.id for s in read(whole) if s.id[-1] in "13579"]
        for name, keep in (("odd", True), ("even", False)):
            script("run").write_part(tmp_path / f"{name}.{ending}", [whole], "[13579]$", keep)
        assert [s.id for s in read(tmp_path / f"odd.{ending}")] == odd
        both = {s.id: s for name in ("odd", "even") for s in read(tmp_path / f"{name}.{ending}")}
        assert [both[s.id] for s in read(whole)] == list(read(whole))


def test_a_script_of_the_list_makes_a_file(script, tmp_path):
    path = tmp_path / "runs.toml"
    run = '[[group.run]]\nname = "x.txt"\nscript = ["make.py", "--out=RUNS/x.txt", "RUNS/a.txt"]\n'
    path.write_text(f'[files."a.txt"]\nof = []\nids = ""\nkeep = true\n[[group]]\nseeds = [1]\n{run}')
    runs, made = script("run").read_runs(path)
    assert list(made["files"]) == ["a.txt"]
    work = script("run").Runner(runs, tmp_path, tmp_path / "runs")
    assert work.state(runs[0]) == "waits for a.txt"
    assert not (tmp_path / "runs").exists()
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "a.txt").touch()
    assert work.state(runs[0]) == "start"
    (tmp_path / "runs" / "x.txt").touch()
    assert work.state(runs[0]) == "done"


def test_jackknifed_trees_come_from_parsers_that_have_not_seen_them(script, tmp_path, monkeypatch):
    jackknife = script("jackknife")
    write_conllu(SENTENCES, tmp_path / "all.conllu")
    trained = {}

    def spigot(arguments, out, log):
        if arguments[0] == "train":
            file = next(a for a in arguments if a.startswith("data.syntax.train=")).partition("=")[2]
            trained[arguments[-1]] = {s.id for s in read_conllu(file)}
            return
        fold = list(read_conllu(arguments[2]))
        assert not trained[arguments[1]] & {s.id for s in fold}
        assert len(trained[arguments[1]]) + len(fold) == len(SENTENCES)
        chains = (s.with_tree("syntax", Tree(tuple(range(len(s))), ("_",) * len(s))) for s in fold)
        write_conllu(chains, out)

    monkeypatch.setattr(jackknife, "spigot", spigot)
    out = tmp_path / "jackknifed.conllu"
    arguments = [str(tmp_path / "all.conllu"), "modern/syntax", "--folds", "4", "--jobs", "2", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", ["jackknife.py", *arguments])
    jackknife.main()
    parsed = list(read_conllu(out))
    assert [s.id for s in parsed] == [s.id for s in SENTENCES]
    assert all(s.trees["syntax"].heads == tuple(range(len(s))) for s in parsed)
    assert len(trained) == 4


def test_silver_trees_stand_in_for_gold_ones(script, tmp_path, monkeypatch):
    silver = script("silver")
    write_conllu(SENTENCES, tmp_path / "all.conllu")
    (tmp_path / "some.ids").write_text("\n".join(s.id for s in SENTENCES[::2]))

    def run(command, check, stdout):
        assert check
        assert command[1:5] == ["-m", "spigot", "parse", str(tmp_path / "parser")]
        rest = list(read_conllu(command[5]))
        assert [s.id for s in rest] == [s.id for s in SENTENCES[1::2]]
        chains = (s.with_tree("syntax", Tree(tuple(range(len(s))), ("_",) * len(s))) for s in rest)
        write_conllu(chains, stdout.name)

    monkeypatch.setattr(silver.subprocess, "run", run)
    names = {"--keep": "some.ids", "--parser": "parser", "--out": "silver.conllu"}
    options = [word for key, name in names.items() for word in (key, str(tmp_path / name))]
    monkeypatch.setattr(sys, "argv", ["silver.py", str(tmp_path / "all.conllu"), *options])
    silver.main()
    found = list(read_conllu(tmp_path / "silver.conllu"))
    assert [s.id for s in found] == [s.id for s in SENTENCES]
    gold = [s.trees["syntax"].heads for s in SENTENCES]
    heads = [s.trees["syntax"].heads for s in found]
    assert heads[::2] == gold[::2]
    assert heads[1::2] == [tuple(range(len(s))) for s in SENTENCES[1::2]]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.conllu", "silver.conllu", "some.ids"]


def test_settings_name_the_seed_and_other_runs(script, tmp_path):
    path = tmp_path / "runs.toml"
    group = 'data = "data/propbank"\nset = ["training.seed=SEED"]\nseeds = [1, 2]\nsplits = []\nout = "x"\n'
    run = '[[group.run]]\nname = "a"\nrecipe = "modern/ste"\nset = ["intermediate.init=RUNS/b-SEED"]\n'
    path.write_text(f"[[group]]\n{group}{run}")
    runs, made = script("run").read_runs(path)
    assert made == {"ids": {}, "files": {}}
    assert [(run.name, run.needs) for run in runs] == [("a-1", {"b-1"}), ("a-2", {"b-2"})]
    assert " ".join(runs[1].command) == (
        "train modern/ste --data data/propbank --set data.root=DATA --set training.seed=2"
        " --set intermediate.init=RUNS/b-2 --out RUNS/a-2"
    )


GROUP = 'seeds = [1]\n[[group.run]]\nname = "a"\nrecipe = "demo"\n'


@pytest.mark.parametrize(
    ("content", "arguments", "problem"),
    [
        ("[[group", [], "runs.toml: Expected"),
        ("x = 1\n", [], "runs.toml: the list: expected a key 'group', got x"),
        (
            f"[[group]]\n{GROUP}sets = []\n",
            [],
            "runs.toml: a run (a): expected one of label, name, recipe, set, got the",
        ),
        (f"[[group]]\nsplit = []\n{GROUP}", [], "runs.toml: a group: expected one of "),
        ('[[group]]\nseeds = [1]\n[[group.run]]\nname = "a"\n', [], "runs.toml: a run (a): expected a key 'recipe'"),
        (f"[[group]]\n{GROUP}[[group]]\n{GROUP}", [], "runs.toml: a-1: expected one run of this name, got 2"),
        (f"[[group]]\n{GROUP}", ["--only", "("], "--only: expected a pattern, got '('"),
        (f"[[group]]\n{GROUP}", ["--only", "b"], "--only: expected a pattern that a run's name matches, got 'b'"),
        (f"[[group]]\n{GROUP}", ["--data", "/none"], "--data: expected a folder, got /none"),
        (f"[[group]]\n{GROUP}", ["--file", "/none.toml"], "/none.toml: no such file or directory"),
        (f"[[group]]\n{GROUP}".replace("[1]", "1"), [], "a group: seeds: expected a list of whole numbers, got 1"),
        (
            f"[[group]]\n{GROUP}".replace('"a"', '"../a"'),
            [],
            "a run (../a): name: expected letters, digits, . and -, got",
        ),
        (f'[[group]]\n{GROUP}set = "a=b"\n', [], "a run (a): set: expected a list of texts, got 'a=b'"),
        (
            f'[[group]]\nsplits = ["dev"]\n{GROUP}',
            [],
            "a group: splits: expected a list of texts NAME=FILE, got ['dev']",
        ),
        (f"[[group]]\nvalues = [3]\n{GROUP}", [], "a group: values: expected a list of tables, got [3]"),
        (f'[files.x]\nof = ["y"]\nids = ""\nkeep = true\n[[group]]\n{GROUP}', [], "y: no such file or directory"),
    ],
)
def test_what_is_wrong_with_a_list_is_one_line(script, tmp_path, monkeypatch, capsys, content, arguments, problem):
    path = tmp_path / "runs.toml"
    path.write_text(content)
    given = ["--file", str(path), "--data", str(tmp_path), "--runs", str(tmp_path / "runs"), *arguments]
    monkeypatch.setattr(sys, "argv", ["run.py", *given])
    assert script("run").main() == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("run.py: error: ")
    assert problem in line


def test_scores_may_lie_elsewhere(script, tmp_path, monkeypatch, capsys):
    path = tmp_path / "runs.toml"
    path.write_text(f'[[group]]\nout = "scores"\n{GROUP}')
    (tmp_path / "here" / "scores").mkdir(parents=True)
    (tmp_path / "here" / "scores" / "a-1.json").touch()
    states = []
    for scores in ("here", "there"):
        given = ["--file", str(path), "--data", str(tmp_path), "--runs", str(tmp_path / "runs")]
        monkeypatch.setattr(sys, "argv", ["run.py", *given, "--scores", str(tmp_path / scores), "--list"])
        assert script("run").main() == 0
        out, err = capsys.readouterr()
        states.append((out.split()[-1], "--scores FOLDER" in err))
    assert states == [("done", True), ("start", False)]
    assert not (tmp_path / "runs").exists()


def test_a_group_may_have_values(script, tmp_path):
    path = tmp_path / "runs.toml"
    group = 'data = "d"\nseeds = [1, 2]\nvalues = [{ SHARE = 5, EPOCHS = 80 }, { SHARE = 10, EPOCHS = 40 }]\n'
    run = '[[group.run]]\nname = "a-SHARE"\nrecipe = "r"\nset = ["x=RUNS/b-SHARE-SEED", "training.epochs=EPOCHS"]\n'
    path.write_text(f"[[group]]\n{group}{run}")
    runs, _ = script("run").read_runs(path)
    assert [run.name for run in runs] == ["a-5-1", "a-10-1", "a-5-2", "a-10-2"]
    assert runs[3].settings == ("x=RUNS/b-10-2", "training.epochs=40")


def test_a_script_may_have_values(script, tmp_path):
    path = tmp_path / "runs.toml"
    run = '[[group.run]]\nname = "s-SHARE-SEED.conllu"\nscript = ["silver.py", "--out=RUNS/s-SHARE-SEED.conllu"]\n'
    path.write_text(f"[[group]]\nseeds = [1, 2]\nvalues = [{{ SHARE = 5 }}]\n{run}")
    runs, _ = script("run").read_runs(path)
    assert [run.name for run in runs] == ["s-5-1.conllu", "s-5-2.conllu"]
    assert runs[1].script == ("silver.py", "--out=RUNS/s-5-2.conllu")


def test_a_run_continues_from_its_files(script, tmp_path):
    runner = script("run")
    run = runner.Run("a-1", "modern/ste", "data/propbank", ("x=RUNS/b-1",), (), str(tmp_path / "scores"))
    work = runner.Runner([run], tmp_path, tmp_path)
    assert work.state(run) == "waits for b-1"
    (tmp_path / "b-1").mkdir()
    (tmp_path / "b-1" / "metrics.jsonl").touch()
    (tmp_path / "b-1.out").write_text('{"dev": {}}\n')
    assert work.state(run) == "start"
    (tmp_path / "a-1").mkdir()
    (tmp_path / "a-1" / "state.safetensors").touch()
    (tmp_path / "a-1" / "metrics.jsonl").touch()
    assert work.state(run) == "resume"
    with work._lock(run):
        assert work.state(run) == "runs"
    (tmp_path / "a-1.out").write_text('{"dev": {}}\n')
    assert work.state(run) == "score"
    (tmp_path / "scores").mkdir()
    (tmp_path / "scores" / "a-1.json").touch()
    assert work.state(run) == "done"


def test_the_command_of_the_training_is_kept(script, tmp_path, monkeypatch, capsys):
    runner, started = script("run"), []
    monkeypatch.setattr(runner.subprocess, "Popen", lambda command, **options: started.append(command))
    monkeypatch.setattr(runner, "code_commit", lambda: "abc1234")
    first, second = (runner.Run("a-1", "demo", "", (f"training.epochs={n}",), (), str(tmp_path / "x")) for n in (6, 7))
    work = runner.Runner([first], tmp_path, tmp_path)
    work._begin(first, "start")
    work._begin(first, "score")
    assert capsys.readouterr().err == ""
    work._begin(second, "score")  # the list has changed since
    given = [command[command.index("--command") + 1] for command in started[1:]]
    assert given == 2 * ["spigot train demo --set data.root=DATA --set training.epochs=6 --out RUNS/a-1"]
    assert capsys.readouterr().err == f"a-1: trained with other settings than the list's: {given[0]}\n"
    work._begin(second, "start")
    work._begin(second, "score")
    assert "training.epochs=7" in started[-1][started[-1].index("--command") + 1]


def test_collected_scores_are_those_of_the_system(script, data):
    collect, model, run = script("collect"), tiny_model(), data / "run-1"
    model.save_pretrained(run)
    history = {"epoch": 1, "dev": {"lf": 0.0}, "seconds": 3600}
    (run / "metrics.jsonl").write_text(json.dumps(history) + "\n")
    (run / "recipe.json").write_text('{"data": {"root": "/there", "vectors": "/there/v.txt"}, "training": {"seed": 2}}')
    split = collect.Split.parse("dev=dev.sdp,dev.conllu")
    found = collect.collect(run, data, run, [split])
    assert found["recipe"] == {"data": {"vectors": "v.txt"}, "training": {"seed": 2}}
    assert (found["seed"], found["hours"], found["history"]) == (2, 1.0, [history])
    scores, graphs, trees = found["scores"]["dev"], model.score("semantics", SENTENCES), SENTENCES[3:]
    assert (scores["uf"], scores["lf"]) == (graphs.uf, graphs.lf)
    assert graphs.lf > 0
    assert scores["uas"] == model.score("syntax", trees).uas
    labelled, heads = (collect.read_counts(scores[name]) for name in ("labelled", "heads"))
    assert sum(labelled[1:], labelled[0]) == graphs.labelled
    assert [count.gold for count in heads] == [len(sentence) for sentence in trees]
    assert scores["lf_against_run"]["difference"] == scores["uas_against_run"]["difference"] == 0
    # Others have a classifier beside, this one has none.
    named = collect.Split.parse("dev=semantics:dev.sdp,category:none.conllu")
    assert collect.collect(run, data, None, [named])["scores"]["dev"]["labelled"] == scores["labelled"]


def test_collected_scores_of_several_graphs(script, data):
    collect, run = script("collect"), data / "run"
    sentences = [s.with_graph("dm", s.graphs["semantics"]).with_graph("pb", s.graphs["semantics"]) for s in SENTENCES]
    model = multitask_model(sentences=sentences, graphs=("dm", "pb"))
    model.save_pretrained(run)
    (run / "metrics.jsonl").write_text('{"epoch": 1, "dev": {}, "seconds": 1}\n')
    (run / "recipe.json").write_text('{"data": {}, "training": {}}')
    split = collect.Split.parse("dev=dm:dev.sdp,pb:dev.sdp,syntax:dev.conllu,pos:dev.conllu")
    scores = collect.collect(run, data, None, [split])["scores"]["dev"]
    expected = {name: model.score(name, sentences) for name in ("dm", "pb")}
    assert {name: scores[f"{name}.lf"] for name in expected} == {name: score.lf for name, score in expected.items()}
    assert scores["pos.accuracy"] == model.score("pos", SENTENCES[3:]).accuracy
    assert len(collect.read_counts(scores["heads"])) == len(SENTENCES) - 3
    with pytest.raises(ValueError, match=r"split dev: expected TASK:dev.sdp with one task of dm, pb, pos, syntax"):
        collect.collect(run, data, None, [collect.Split.parse("dev=dev.sdp")])


def test_gradients_are_measured_on_sentences_with_both_annotations(script, data):
    gradients, model = script("gradients"), tiny_model()
    sentences = read_together([str(data / "dev.sdp"), str(data / "dev.conllu")])
    assert [sentence.id for sentence in sentences] == [sentence.id for sentence in SENTENCES[3:]]
    found = gradients.measure(model, sentences, 100, 1)
    assert (found["sentences"], found["tokens"]) == (37, sum(map(len, sentences)))
    assert found["uas"] == pytest.approx(model.score("syntax", sentences).uas)
    treebank, capped = found["gradients"]["treebank"], found["gradients"]["SPIGOT, cap 1"]
    assert treebank["cosine_with_treebank"] == pytest.approx(1)
    # The hinge loss never lowers a gold head that is chosen, and pulls wrong ones to gold.
    assert (treebank["right_heads_pushed_down"], treebank["wrong_heads_moved_towards_gold"]) == (0, 1)
    assert 0 < capped["norm_on_scores"] <= 1 + 1e-6
    assert found["gradients"]["STE, cap 1"]["norm_on_scores"] <= 1 + 1e-6


def test_gradients_are_watched_update_by_update(script, data):
    steps, wanted = script("steps"), tiny.recipe("spigot")
    trainer = Trainer(wanted, data / "watched", device="cpu")
    watched = trainer.updates = steps.Watched(wanted, trainer.model, trainer.processes, 8)
    with pytest.raises(steps.Enough):
        trainer.fit()
    assert [row["update"] for row in watched.rows] == list(range(1, 9))
    assert [row["task"] for row in watched.rows] == [step.task for step in plan(wanted, trainer.corpora, 0)[:8]]
    seen = set()
    for row in watched.rows:
        assert row["norm"] > 0
        assert ("uas" in row) == (row["task"] == "syntax")
        assert row["cosines"].keys() == seen | {"confidence"}
        assert all(abs(cosine) <= 1 for cosine in row["cosines"].values())
        seen.add(row["task"])
    assert seen == {"syntax", "semantics"}
    # Who watches changes nothing: the weights are those of training without it, after as many updates.
    other = Trainer(wanted, data / "other", device="cpu")
    for number, step in enumerate(plan(wanted, other.corpora, 0)[:8]):
        other.model.train()
        other.updates.update(other._batch(step), 0, number, number / len(plan(wanted, other.corpora, 0)))
    weights = other.model.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in trainer.model.state_dict().items())


def test_a_weight_of_nothing_sends_the_parser_no_gradient(script):
    rows = script("steps").watch(tiny.recipe("spigot", {"intermediate": {"end_task_weight": 0.0}}), 8)
    assert rows
    assert {row["task"] for row in rows} == {"syntax"}


def test_a_kept_command_names_no_folder_of_the_machine(script, monkeypatch):
    arguments = ["/a/b/RUN", "--set", "x=/a/b.conllu", "--title", "a, b/c", "--data", "data/propbank", "data.root=/a"]
    monkeypatch.setattr(sys, "argv", ["/there/steps.py", *arguments])
    assert script("collect").this_command() == (
        "python experiments/steps.py RUN --set x=b.conllu --title 'a, b/c' --data data/propbank data.root=a"
    )


def test_calibration_counts_what_is_right(script, data, capsys):
    calibration, model = script("calibration"), tiny_model()
    bins = calibration.bins_of([(0.05, False), (0.95, True), (1.0, True), (0.91, False)], 10)
    assert [(b.low, b.decisions, b.right) for b in bins] == [(0.0, 1, 0.0), (0.9, 3, pytest.approx(2 / 3))]
    assert calibration.calibration_error(bins) == pytest.approx((0.05 + 3 * abs(2.86 / 3 - 2 / 3)) / 4)
    surest = [(0.9, True), (0.8, False), (0.1, True)]
    assert calibration.right_of_surest(surest, 0.67) == pytest.approx(1 / 2)
    model.save_pretrained(data / "run")
    gold = [f"--gold=semantics={data / 'dev.sdp'}", f"--gold=syntax={data / 'dev.conllu'}"]
    calibration.main([str(data / "run"), *gold, "--out", str(data / "out.json")])
    rows = {(row["task"], row["kind"]): row for row in json.loads((data / "out.json").read_text())["rows"]}
    score = model.score("syntax", SENTENCES[3:])
    tokens = sum(map(len, SENTENCES[3:]))
    assert rows["syntax", "arcs"]["decisions"] == tokens
    assert rows["syntax", "arcs"]["right"] == pytest.approx(score.uas)
    labels, graphs = rows["syntax", "labels"], model.score("semantics", SENTENCES)
    assert labels["decisions"] * labels["right"] == pytest.approx(score.las * tokens)
    arcs = rows["semantics", "arcs"]["bins"]
    assert sum(b["decisions"] * b["right"] for b in arcs) == pytest.approx(graphs.unlabelled.correct)
    assert "syntax, arcs" in capsys.readouterr().out


def test_runs_are_scored_on_the_test_set_with_the_records_of_dev(script, data, monkeypatch, capsys):
    on_test, model, runs = script("on_test"), tiny_model(), data / "runs"
    monkeypatch.setattr(on_test, "DEV", data / "regime")
    monkeypatch.setattr(on_test, "TEST", data / "test")
    monkeypatch.setattr(on_test, "SPLIT", "test=dev.sdp,dev.conllu")
    model.save_pretrained(runs / "pbh-again-pipeline-1")
    history = {"epoch": 1, "dev": {"lf": 0.5}, "seconds": 1}
    (runs / "pbh-again-pipeline-1" / "metrics.jsonl").write_text(json.dumps(history) + "\n")
    (runs / "pbh-again-pipeline-1" / "recipe.json").write_text('{"data": {}, "training": {}}')
    # Left out: one without a record on dev, and one that is still being trained.
    for name in ("pbh-again-warm-w0-1", "pbh-ste-warm-w0.001-1"):
        model.save_pretrained(runs / name)
    (runs / "pbh-ste-warm-w0.001-1" / "state.safetensors").touch()
    record = {"command": "spigot train", "commit": "abc", "history": [history]}
    (data / "regime").mkdir()
    (data / "regime" / "pbh-ste-warm-w0.001-1.json").write_text(json.dumps(record))
    (data / "regime" / "pbh-again-pipeline-1.json").write_text(json.dumps(record))
    on_test.score(data, runs)
    assert capsys.readouterr().out == "pbh-again-pipeline-1.json\n"
    found = json.loads((data / "test" / "pbh-again-pipeline-1.json").read_text())
    assert (found["command"], found["commit"]) == ("spigot train", "abc")
    assert found["scores"]["test"]["lf"] == model.score("semantics", SENTENCES).lf
    assert (
        on_test.tables(script("gains").Gains()).count("| pipeline: 8 epochs of syntax, then 8 of semantics, seed 1 |")
        == 1
    )
    (data / "test" / "pbh-again-pipeline-1.json").unlink()
    (data / "regime" / "pbh-again-pipeline-1.json").write_text(json.dumps(record | {"history": []}))
    with pytest.raises(ValueError, match=r"expected the run of .*, got one with another learning curve"):
        on_test.score(data, runs)


@pytest.mark.parametrize("kept", [False, True], ids=["checkpoints", "predictions"])
def test_compared_runs_have_the_figures_of_the_command(script, data, monkeypatch, capsys, kept):
    compare, runs, gains = script("compare"), data / "runs", script("gains").Gains()
    names, labels = ("first", "control", "spigot"), {"first": "pipeline", "control": "joint", "spigot": "SPIGOT"}
    family = compare.Family(*names[:2], names[2:], labels, (1,), "DATA/dev.sdp", "DATA/dev.conllu")
    monkeypatch.setattr(compare, "OUT", data / "out")
    monkeypatch.setattr(compare, "families", lambda: {"tiny": family})
    files = ["--sdp", str(data / "dev.sdp"), "--conllu", str(data / "dev.conllu")]
    for seed, name in enumerate(names):
        model, folder = tiny_model(seed=seed), runs / f"{name}-1"
        model.save_pretrained(folder)
        if kept:
            for task, file in (("semantics", "ood.semantics.sdp"), ("syntax", "ood.syntax.conllu")):
                parsed = model.parse_task(task, read_together([files[1], files[3]]))
                script("collect").write_predictions(
                    runs / "predictions" / folder.name / file, model.tasks[task], parsed
                )
            (folder / "model.safetensors").rename(folder / "not-here.safetensors")
    compare.score(data, runs)
    done = {path.stem: json.loads(path.read_text()) for path in (data / "out").glob("*.json")}
    assert {name: list(run["against"]) for name, run in done.items()} == {
        "first-1": [],
        "control-1": ["first-1"],
        "spigot-1": ["first-1", "control-1"],
    }
    if kept:
        for name in names:
            (runs / f"{name}-1" / "not-here.safetensors").rename(runs / f"{name}-1" / "model.safetensors")
    capsys.readouterr()
    assert cli.main(["compare", str(runs / "first-1"), str(runs / "spigot-1"), *files, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    heads, scores = answer["changed_heads"], answer["groups"]["DIFF"]
    label = "| pipeline → SPIGOT | 1 |"
    (line,) = (line for line in compare.changes_table(family, done, gains).splitlines() if line.startswith(label))
    shares = [compare.points(heads[kind] / heads["changed"]) for kind in compare.KINDS.values()]
    assert line.startswith(f"{label} {heads['changed']} | {' | '.join(shares)} | ")
    (line,) = (line for line in compare.split_table(family, done, gains).splitlines() if line.startswith(label))
    before, after = (compare.points(scores["LF"][side]) for side in ("before", "after"))
    low, high = map(compare.points, scores["LF"]["interval"])
    difference = f"{compare.points(scores['LF']['difference'])} [{low}, {high}], {scores['LF']['p_value']:.1g}"
    assert line.endswith(f"| {before} → {after} | {difference} |")
    (line,) = (line for line in compare.control_table(family, done, gains).splitlines() if line.startswith("| SPIGOT"))
    ours, theirs = (compare.read_changes(done[f"{name}-1"]["against"]["first-1"]) for name in ("spigot", "control"))
    shares = [sum(each.related for each in side) / sum(each.changed for each in side) for side in (ours, theirs)]
    assert line.split(" | ")[5].startswith(f"{compare.points(shares[0] - shares[1])} [")


def test_runs_are_compared_again_once_more_of_them_are_there(script, data, monkeypatch):
    compare, runs = script("compare"), data / "runs"
    family = compare.Family("first", "control", ("spigot",), {}, (1,), "DATA/dev.sdp", "DATA/dev.conllu")
    monkeypatch.setattr(compare, "OUT", data / "out")
    monkeypatch.setattr(compare, "families", lambda: {"tiny": family})
    compared = {}
    for name in ("spigot", "control", "first"):
        tiny_model().save_pretrained(runs / f"{name}-1")
        compare.score(data, runs)
        compared[name] = list(json.loads((data / "out" / "spigot-1.json").read_text())["against"])
        assert compare.split_table(family, {"spigot-1": {"against": {}, "run": "spigot-1"}}, script("gains").Gains())
    assert compared == {"spigot": [], "control": ["control-1"], "first": ["first-1", "control-1"]}


def test_the_parts_of_spigot_along_the_confidence_and_across_it(script):
    controls = script("controls")
    torch.manual_seed(0)
    scores, downstream = torch.randn(2, 2, 6, 6, dtype=torch.float64)
    lengths = torch.tensor([5, 3])
    tree, settings = ProjectiveTree(), {"step_size": 0.3, "max_norm": 1.0}
    scores.requires_grad_()
    found = {}
    for surrogate in (SPIGOT(**settings), controls.ConfidencePart(**settings), controls.RestPart(**settings)):
        arcs = structured_argmax(scores, tree, surrogate, lengths=lengths)
        found[type(surrogate).__name__] = torch.autograd.grad(arcs, scores, downstream)[0]
    whole, part, rest = found.values()
    torch.testing.assert_close(part + rest, whole)
    assert all(torch.all(each[1, :, 4:] == 0) and torch.all(each[1, 4:] == 0) for each in (part, rest))
    # Along the confidence: the chosen head down, all others of the token up by the same.
    heads = tree.argmax(scores.detach(), lengths).argmax(1)
    for row, length in enumerate(lengths.tolist()):
        columns = part[row, : length + 1, 1 : length + 1]
        falls = columns.gather(0, heads[row, None, 1 : length + 1])
        assert (falls > 0).all()
        assert (columns < 0).sum() == (columns != 0).sum() - length
        torch.testing.assert_close(columns.sum(0), torch.zeros(length, dtype=torch.float64))
        torch.testing.assert_close((part[row] * rest[row]).sum(), torch.zeros((), dtype=torch.float64))
    # The penalty has the same direction, and nothing of the loss.
    arcs = structured_argmax(scores, tree, controls.Penalty(norm=0.5), lengths=lengths)
    penalties = [torch.autograd.grad(arcs, scores, g, retain_graph=True)[0] for g in (downstream, -downstream)]
    torch.testing.assert_close(penalties[0], penalties[1])
    torch.testing.assert_close(penalties[0].flatten(1).norm(dim=1), torch.full((2,), 0.5, dtype=torch.float64))
    torch.testing.assert_close(0.5 * part / part.flatten(1).norm(dim=1)[:, None, None], penalties[0])


def test_the_links_of_right_and_wrong_heads_are_all_links(script):
    linked, sentences = script("linked"), SENTENCES[:10]
    parsed = [s.with_tree("syntax", Tree(tuple(range(len(s))), ("_",) * len(s))) for s in sentences]
    for gold, system in zip(sentences, parsed, strict=True):
        right, wrong = (linked.of_kind(gold, system, kind) for kind in (True, False))
        assert right + wrong == linked_heads(gold, system)
        assert right.gold == attachment(gold, system).heads
    assert sum(linked.of_kind(*pair, True).correct for pair in zip(sentences, parsed, strict=True)) > 0


def test_unknown_words_are_those_that_the_parser_has_not(script, data):
    unknown, run = script("unknown"), data / "run"
    model = tiny_model(encoder={"second": "word"})
    model.save_pretrained(run)
    strange = [replace(SENTENCES[0], forms=("Zyzzyva", *SENTENCES[0].forms[1:])), *SENTENCES[1:4]]
    found = unknown.measure(run, strange)
    assert (found["unknown"], found["known"]) == (1, 3)

    def right(sentences):
        pairs = zip(spigot.load(run).stream(sentences), sentences, strict=True)
        heads = [(p.trees["syntax"].heads, s.trees["syntax"].heads) for p, s in pairs]
        return np.mean([a == b for parsed, gold in heads for a, b in zip(parsed, gold, strict=True)])

    assert found["uas unknown"] == right(strange[:1])
    assert found["uas known"] == right(strange[1:])
    with torch.no_grad():
        model.syntax.encoder.second.weight[0] = 0
    model.save_pretrained(run)
    assert found["uas at zero"] == right(strange[:1])


def test_each_run_of_table_1_is_tested_within_its_seed(script):
    domains, gains = script("domains"), script("gains").Gains()
    counts = script("collect").counts_json

    def run(right):
        found = {name: counts([Counts(10, 10, n) for n in right]) for name in ("heads", "unlabelled", "labelled")}
        row = {"uas": 0.5, "uf": 0.5, "lf": 0.5, **found}
        return {"scores": dict.fromkeys(("dev", "test", "ood"), row)}

    low, middle, high = ([n + k % 3 for k in range(20)] for n in (3, 4, 5))
    right = {"pbo-pipeline": [low, low], "pbo-gcn-joint": [middle, middle], "pbo-gcn-spigot": [high, middle]}
    runs = {name: dict(enumerate(map(run, of), 1)) for name, of in right.items()}
    lines = domains.each_table(domains.PROPBANK, runs, gains).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    found = {(row[0], row[1]): dict(zip(cells[0], row, strict=True)) for row in cells[2:]}
    label = domains.PROPBANK.labels["pbo-gcn-spigot"]
    for seed, (pipeline, control) in {"1": (20, 10), "2": (10, 0)}.items():
        for name in ("UAS", "LF"):
            for domain in ("in", "out"):
                assert found[label, seed][f"{name} − PIPELINE, {domain}"].startswith(f"{pipeline}.00 [")
                assert found[label, seed][f"{name} − no gradient, {domain}"].startswith(f"{control}.00 [")
    p_value = compare([Counts(10, 10, n) for n in high], [Counts(10, 10, n) for n in low]).p_value
    assert found[label, "1"]["LF − PIPELINE, in"].endswith(f"], {p_value:.1g}")
    assert not any(found[domains.PROPBANK.labels["pbo-pipeline"], "1"][name] for name in cells[0] if "−" in name)


def test_known_gains_are_looked_up(script, tmp_path, monkeypatch):
    gains = script("gains")
    path = tmp_path / "gains.json"
    ours, theirs = [Counts(4, 4, 3), Counts(2, 2, 2)], [Counts(4, 4, 1), Counts(2, 2, 2)]
    first = gains.Gains(path)
    shown = first.of(ours, theirs), first.mean([(ours, theirs), (theirs, theirs)])
    found = compare(ours, theirs)
    assert shown[0].startswith(f"33.33 [{100 * found.low:.2f}, {100 * found.high:.2f}], ")
    assert shown[1].startswith("16.67 [")
    assert first.mean([(ours, theirs)]) == ""
    first.save()
    monkeypatch.delattr(gains, "compare")
    monkeypatch.delattr(gains, "bootstrap_over_runs")
    again = gains.Gains(path, look_up=True)
    assert (again.of(ours, theirs), again.mean([(ours, theirs), (theirs, theirs)])) == shown
    with pytest.raises(NameError):  # other counts, even by one, are compared
        again.of(theirs, ours)


def test_the_unit_of_an_effect_of_two_by_two_is_the_seed(script):
    accuracy, found = script("accuracy"), []
    right = {"a-1": "1 1 0", "b-1": "0 1 0", "c-1": "1 1 1", "d-1": "1 0 0", "a-2": "1 1 1", "b-2": "0 0 0"}
    done = {
        name: {"scores": {"test": {"right": {"correct": each, "gold": "1 1 1", "system": "1 1 1"}}}}
        for name, each in right.items()
    }

    class Gains(script("gains").Gains):
        def of(self, ours, theirs):
            found.append((ours, theirs))
            return "so many"

    group = {"seeds": [1, 2], "square": {"cap": [["a", "b"], ["c", "d"]]}}
    assert accuracy.effects(group, done, Gains()) == "The cap adds so many points."
    # Of the second seed a contrast is missing. The first has both, in counts whose F1 is their mean accuracy.
    ((ours, theirs),) = found
    assert ours == [Counts(2, 2, 2), Counts(2, 2, 2), Counts(2, 2, 1)]
    assert theirs == [Counts(2, 2, 1), Counts(2, 2, 1), Counts(2, 2, 0)]


def test_intervals_are_counted_once(script, tmp_path):
    intervals, page = script("intervals"), tmp_path / "gains.json"
    kept = ["0.2 0.1 0.3", "-0.2 -0.3 -0.1000000000001", "0.2 -0.1 0.3 0.4", "0 0 0", "0.3 0.1 0.4 0.02"]
    page.write_text(json.dumps({str(number): row for number, row in enumerate(kept)}))
    one, other = intervals.read(page), {(0.2, 0.1, 0.3), (0.1, 0.0, 0.2)}
    assert one == {(0.2, 0.1, 0.3), (0.2, -0.1, 0.3, 0.4), (0.3, 0.1, 0.4, 0.02)}
    rows = intervals.table({"x": one, "y": other}).splitlines()[2:]
    assert rows == ["| x | 1 | 1 | 0 | 2 | 1 | 0 |", "| y | 2 | 1 | 0 | 0 | 0 | 0 |", "| all | 2 | 1 | 0 | 2 | 1 | 0 |"]


def test_how_often_intervals_hold_the_true_difference(script):
    held = script("held")

    def share(common, own, seed, seeds):
        return held.held(held.Variances(common, own, seed), seeds, np.random.default_rng(0))

    # Where sentences alone vary, and all seeds see the same, each number of seeds does what it says.
    assert share(1, 0, -0.1, 1) == pytest.approx(0.95, abs=0.02)
    assert share(1, 0, 0, 3) == pytest.approx(0.95, abs=0.02)
    # One seed knows nothing of seeds; of two, the interval holds the truth if they lie on both sides of it.
    assert share(0, 0, 1, 1) == 0
    assert share(0, 0, 1, 2) == pytest.approx(0.5, abs=0.04)


def test_what_varies_between_seeds(script):
    held, rng = script("held"), np.random.default_rng(0)

    def side(share):
        return [Counts(20, 20, int(correct)) for correct in rng.binomial(20, share, 500)]

    ours, theirs = side(0.8), side(0.7)
    common, own, seed = held.variances([(ours, theirs)] * 3)
    assert own == pytest.approx(0, abs=1e-12)
    assert seed == pytest.approx(0, abs=1e-12)
    assert common**0.5 == pytest.approx((0.8 * 0.2 / 10_000 + 0.7 * 0.3 / 10_000) ** 0.5, rel=0.1)
    _, own, seed = held.variances([(side(0.8), side(0.7)) for _ in range(60)])
    assert own**0.5 == pytest.approx((0.37 / 10_000) ** 0.5, rel=0.1)
    assert abs(seed) < own / 2
    _, _, seed = held.variances([(side(0.7 + 0.1 * (number % 2)), side(0.7)) for number in range(40)])
    assert seed**0.5 == pytest.approx(0.05, rel=0.1)


def test_tables_are_rewritten_with_known_differences_or_anew(script, tmp_path, monkeypatch):
    scored, page = script("scored"), tmp_path / "page.md"
    page.write_text("<!-- x:begin -->\n<!-- x:end -->\n")
    pair, computed = ([Counts(4, 4, 3), Counts(2, 2, 2)], [Counts(4, 4, 1), Counts(2, 2, 2)]), []
    monkeypatch.setattr(script("gains"), "compare", lambda *both: computed.append(both) or compare(*both))
    for option, times in ((), 1), (("--check",), 1), ((), 1), (("--anew",), 2), (("--check",), 2):
        monkeypatch.setattr(sys, "argv", ["script.py", *option])
        assert scored.rewrite_or_check(None, {page: lambda gains: {"x": gains.of(*pair)}}) == 0
        assert len(computed) == times
    assert "33.33 [" in page.read_text()


@pytest.mark.parametrize(
    "command",
    [
        ("english",),
        ("table",),
        ("regime",),
        ("on_test", "table"),
        ("compare", "table"),
        ("accuracy",),
        ("domains",),
        ("sizes",),
        ("intervals",),
        ("held",),
    ],
    ids=" ".join,
)
def test_tables_are_those_of_the_records(script, monkeypatch, command):
    name, *arguments = command
    monkeypatch.setattr(sys, "argv", [name, *arguments, "--check"])
    assert script(name).main() == 0


def test_intervals_in_prose_are_those_of_tables(script, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["prose"])
    code = script("prose").main()
    assert (code, capsys.readouterr().out) == (0, "")


def test_stale_intervals_are_found(script):
    known = [(0.564, 0.228, 0.904), (-0.35, -1.03, 0.32)]
    text = "0.56 [0.23, 0.90], −0.6 [−0.9, −0.2]\n<!-- a:begin -->\n9 [8, 10]\n<!-- a:end -->\n0.35 UAS [-0.32, 1.03]\n"
    stale = script("prose").stale
    assert [*stale(text, known)] == []
    assert [*stale(f"{text}so 0.57 [0.23, 0.90], 0.56 LF [0.2, 1]", known)] == ["6: 0.57 [0.23, 0.90]"]


def test_a_page_may_have_the_intervals_of_its_tables_and_of_pages_that_it_links_to(script):
    known = {"a": [(1.0, 0.5, 1.5)], "b": [(2.0, 1.5, 2.5)], "c": [(3.0, 2.5, 3.5)]}
    allowed = script("prose").allowed
    assert allowed(FOLDER / "a" / "README.md", "", known) == known["a"]
    linking = allowed(FOLDER / "a" / "README.md", "as [there](../b/README.md#table)", known)
    assert sorted(linking) == [*known["a"], *known["b"]]
    assert len(allowed(FOLDER.parent / "README.md", "", known)) == 3


def test_a_table_is_rewritten_between_its_marks(script, tmp_path):
    page, rewrite = tmp_path / "page.md", script("marks").rewrite
    page.write_text("a\n<!-- x:begin -->\nold\n<!-- x:end -->\nb\n<!-- y:begin -->\n\n<!-- y:end -->\nc\n")
    tables = {"x": r"new \1", "y": "two\nlines"}
    assert rewrite(page, tables, check=True) == 1
    assert "old" in page.read_text()
    assert rewrite(page, tables, check=False) == 0
    assert page.read_text() == (
        "a\n<!-- x:begin -->\nnew \\1\n<!-- x:end -->\nb\n<!-- y:begin -->\ntwo\nlines\n<!-- y:end -->\nc\n"
    )
    assert rewrite(page, tables, check=True) == 0
    with pytest.raises(ValueError, match="one pair of marks for 'z'"):
        rewrite(page, {"z": ""}, check=False)
