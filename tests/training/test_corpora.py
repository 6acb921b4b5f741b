import gzip
import logging
from dataclasses import replace
from types import SimpleNamespace

import pytest

from spigot.data.conllu import write_conllu
from spigot.data.errors import DataError
from spigot.data.sdp import write_sdp
from spigot.data.sentence import Tree
from spigot.data.sst import write_sst
from spigot.data.vocabulary import Labels, Roles
from spigot.tasks import make_task
from spigot.training.build import build_system
from spigot.training.config import BuiltinConfig, DataConfig, RecipeError
from spigot.training.corpora import Corpora, check_labels, check_unchanged, fingerprints, load_corpora, with_trees
from spigot.training.recipe import parse_recipe
from tests.models.tiny import SENTENCES, system


@pytest.fixture
def files(tmp_path):
    """A recipe's table for treebanks in files: 20 sentences to train on, 5 to select on."""
    write_conllu(SENTENCES[:20], tmp_path / "train.conllu")
    write_sdp(SENTENCES[10:30], tmp_path / "train.sdp.gz")
    write_conllu(SENTENCES[30:35], tmp_path / "dev.conllu")
    write_sdp(SENTENCES[30:35], tmp_path / "dev.sdp")
    return {
        "root": tmp_path,
        "syntax": {"train": "train.conllu", "dev": "dev.conllu"},
        "semantics": {"train": "train.sdp.gz", "dev": "dev.sdp"},
    }


BOTH = ["syntax", "semantics"]


def tasks(names):
    return {name: make_task(name, {}) for name in names}


def load(files, names=BOTH, trained=None, **changes):
    """Load; `changes` are keys of a task's table, or of [data]."""
    tables = dict(files)
    for key, value in changes.items():
        tables[key] = files[key] | value if isinstance(value, dict) and key in files else value
    return load_corpora(DataConfig.model_validate(tables), tasks(names), trained)


def ids(sentences):
    return [s.id for s in sentences]


def test_files(files):
    train, dev = load(files)
    assert ids(train["syntax"]) == ids(SENTENCES[:20])
    assert ids(train["semantics"]) == ids(SENTENCES[10:30])
    assert ids(dev["syntax"]) == ids(dev["semantics"]) == ids(SENTENCES[30:35])
    assert [s.trees["syntax"].heads for s in train["syntax"]] == [s.trees["syntax"].heads for s in SENTENCES[:20]]
    gold = [tuple(sorted(s.graphs["semantics"].arcs)) for s in SENTENCES[30:35]]
    assert [s.graphs["semantics"].arcs for s in dev["semantics"]] == gold


def test_without_syntax_its_files_are_not_touched(files):
    train, dev = load(files, ["semantics"], syntax={"train": "none", "dev": None})
    assert set(train) == set(dev) == {"semantics"}
    assert len(train["semantics"]) == 20


def test_two_formalisms_have_files_of_their_own(files):
    formalisms = {name: make_task(name, {"kind": "semantics"}) for name in ("dm", "pb")}
    tables = {"root": files["root"], "dm": files["semantics"], "pb": {"train": "dev.sdp", "dev": "dev.sdp"}}
    train, dev = load_corpora(DataConfig.model_validate(tables), formalisms)
    assert {name: len(part) for name, part in train.items()} == {"dm": 20, "pb": 5}
    assert {name: {key for s in part for key in s.graphs} for name, part in dev.items()} == {"dm": {"dm"}, "pb": {"pb"}}


def test_each_task_has_its_own_train_ids(files, tmp_path, caplog):
    (tmp_path / "ids").write_text("\n".join([*ids(SENTENCES[15:25]), "no-such-sentence"]))
    with caplog.at_level(logging.WARNING):
        train, dev = load(files, semantics={"train_ids": "ids"})
    assert ids(train["syntax"]) == ids(SENTENCES[:20])
    assert ids(train["semantics"]) == ids(SENTENCES[15:25])
    assert len(dev["semantics"]) == 5
    assert "data.semantics.train_ids: 1 of 11 ids are not in the training data" in caplog.text
    (tmp_path / "none").write_text("no-such-sentence")
    with pytest.raises(
        RecipeError, match=r"data.syntax.train_ids: expected ids of training sentences, got none in .*none"
    ):
        load(files, syntax={"train_ids": "none"})
    with pytest.raises(DataError, match=r"nothing: No such file"):
        load(files, syntax={"train_ids": "nothing"})


def test_long_training_sentences_are_left_out_and_counted(files, caplog):
    limit = sorted(len(s) for s in SENTENCES[:20])[-3] - 1
    with caplog.at_level(logging.WARNING):
        train, dev = load(files, max_length=limit)
    out = sum(len(s) > limit for s in SENTENCES[:20])
    assert len(train["syntax"]) == 20 - out
    assert f"data.syntax.train: {out} sentences of more than {limit} tokens are left out" in caplog.text
    assert len(dev["syntax"]) == 5
    assert len(load(files, max_length=max(len(s) for s in SENTENCES[:20])).train["syntax"]) == 20
    with pytest.raises(
        RecipeError, match=r"data.syntax.train: expected training sentences of at most 1 tokens, got none"
    ):
        load(files, max_length=1)


def test_a_file_that_the_recipe_lacks(files):
    with pytest.raises(RecipeError, match=r"data.semantics.train: expected a file \(or \[data.builtin\]\), got none"):
        load(files, semantics={"train": None})
    with pytest.raises(FileNotFoundError):
        load(files, syntax={"train": "none.conllu"})


def test_files_that_lack_what_is_needed(files, tmp_path):
    with pytest.raises(DataError, match=r"dev.conllu: sentence .*: expected a graph, got none"):
        load(files, semantics={"dev": "dev.conllu"})
    with pytest.raises(DataError, match=r"dev.sdp: sentence .*: expected a tree, got none"):
        load(files, syntax={"dev": "dev.sdp"})
    (tmp_path / "empty.sdp").write_text("#SDP 2015\n")
    with pytest.raises(DataError, match=r"empty.sdp: expected sentences, got none"):
        load(files, semantics={"dev": "empty.sdp"})
    with gzip.open(tmp_path / "broken.sdp.gz", "wt") as file:
        file.write("#SDP 2015\n#1\n1\ta\ta\tX\n\n")
    with pytest.raises(DataError, match=r"broken.sdp.gz:3: expected"):
        load(files, semantics={"train": "broken.sdp.gz"})


def builtin(names, **sizes):
    return load_corpora(DataConfig(builtin=BuiltinConfig.model_validate(sizes)), tasks(names))


SIZES = {"train": {"syntax": 30, "semantics": 20, "sentiment": 25}, "dev": 10, "test": 15, "seed": 4}


def test_builtin():
    train, dev = builtin(BOTH, **SIZES)
    assert {name: len(part) for name, part in train.items()} == {"syntax": 30, "semantics": 20}
    assert dev["syntax"] == dev["semantics"]
    assert len(dev["syntax"]) == 10
    judged = {s.forms for s in dev["syntax"]}
    assert not judged & {s.forms for s in train["syntax"] + train["semantics"]}
    assert not set(ids(train["syntax"])) & set(ids(train["semantics"]))
    assert builtin(BOTH, **SIZES) == (train, dev)
    assert builtin(["semantics"], **SIZES).train["semantics"] == train["semantics"]
    assert builtin(BOTH, **SIZES | {"seed": 5}) != (train, dev)


def test_builtin_sentiment_leaves_the_other_tasks_as_they_are():
    without = builtin(BOTH, **SIZES)
    train, dev = builtin(["sentiment", "semantics"], **SIZES)
    assert {name: len(part) for name, part in train.items()} == {"sentiment": 25, "semantics": 20}
    assert train["semantics"] == without.train["semantics"]
    assert dev["sentiment"] == without.dev["semantics"]
    others = {s.forms for s in without.train["semantics"] + without.train["syntax"] + without.dev["syntax"]}
    assert not others & {s.forms for s in train["sentiment"]}
    assert {s.sentiment for s in train["sentiment"]} == {0, 1}


def test_sentiment_files(files, tmp_path):
    write_sst(SENTENCES[:12], tmp_path / "train.tsv")
    write_sst(SENTENCES[12:20], tmp_path / "dev.tsv")
    named = files | {"sentiment": {"train": "train.tsv", "dev": "dev.tsv"}}
    train, dev = load(named, ["sentiment", "semantics"])
    assert [s.sentiment for s in train["sentiment"]] == [s.sentiment for s in SENTENCES[:12]]
    assert (len(dev["sentiment"]), len(train["semantics"])) == (8, 20)
    train, dev = load(named, ["sentiment", "semantics"], trained="semantics", semantics={"train": "none"})
    assert (set(train), len(dev["semantics"])) == ({"sentiment"}, 5)
    with pytest.raises(DataError, match=r"dev.sdp: sentence .*: expected a sentiment, got none"):
        load(named, ["sentiment"], sentiment={"dev": "dev.sdp"})
    with pytest.raises(RecipeError, match=r"data.sentiment.train: expected a file"):
        load(files, ["sentiment"])


def test_vectors_of_a_task_come_before_those_of_all(files):
    config = DataConfig.model_validate(files | {"vectors": "all.txt", "sentiment": {"vectors": "own.txt"}})
    assert [str(config.vectors_of(name)) for name in ("syntax", "sentiment")] == ["all.txt", "own.txt"]


@pytest.mark.parametrize("pack", [lambda text: b"\xef\xbb\xbf" + text, gzip.compress])
def test_lists_of_ids_are_read_like_other_text(files, pack):
    named = [replace(SENTENCES[0], id="with two blanks"), *SENTENCES[1:5]]
    write_conllu(named, files["root"] / "train.conllu")
    (files["root"] / "ids").write_bytes(pack(f"{SENTENCES[2].id}\r\n\r\n with two blanks\r\n".encode()))
    train, _ = load(files, syntax={"train_ids": "ids"})
    assert ids(train["syntax"]) == ["with two blanks", SENTENCES[2].id]
    (files["root"] / "ids").write_bytes("caf\u00e9\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"ids:1: expected UTF-8 text, got b'\\xe9'"):
        load(files, syntax={"train_ids": "ids"})


def test_the_coverage_of_the_words_by_vectors_is_told(files):
    word = SENTENCES[0].forms[0].lower()
    tables = {"data": {**files, "vectors": "vectors.txt"}, "system": system(syntax=False), "tasks": {}}
    recipe = parse_recipe({**tables, "training": {}}, "test")
    corpora = load(files, ["semantics"])
    told = []
    (files["root"] / "vectors.txt").write_text(f"{word}\t0 0 0 0 0 1\n")
    build_system(recipe, corpora, told.append)
    forms = [form.lower() for sentence in corpora.train["semantics"] for form in sentence.forms]
    share = f"{100 * forms.count(word) / len(forms):.1f} %"
    expected = f"semantics: 1 of {len(set(forms))} words ({share} of the tokens) have a vector in "
    assert told == [expected + str(files["root"] / "vectors.txt")]
    other = next(form for form in forms if form != word)
    (files["root"] / "vectors.txt").write_text(f"{word}\t0 0 0 0 0 1\n{other}\t0 0 0 0 0 1\n")
    build_system(recipe, corpora, told.append)
    assert told[1].endswith(f"have a vector in {files['root'] / 'vectors.txt'}; they share 1 vectors")
    (files["root"] / "vectors.txt").write_text("none-of-them 0 0 0 0 0 1\n")
    with pytest.raises(RecipeError, match="expected vectors of words in the training data of semantics, got none in"):
        build_system(recipe, corpora)


def test_trees_of_other_parsers(files, tmp_path):
    chains = [s.with_tree("syntax", Tree(tuple(range(len(s))), ("_",) * len(s))) for s in SENTENCES]
    write_conllu(chains, tmp_path / "chains.conllu")
    config, made = DataConfig.model_validate(files), tasks(BOTH)
    train = load(files).train["semantics"]

    def given(path):
        return with_trees(config, tmp_path / path, train, made["semantics"], made["syntax"])

    found = given("chains.conllu")
    assert [s.trees["syntax"].heads for s in found] == [tuple(range(len(s))) for s in train]
    assert [(s.id, s.graphs) for s in found] == [(s.id, s.graphs) for s in train]
    with pytest.raises(DataError, match=r"train.conllu: sentence .* of .*train.sdp.gz is missing"):
        given("train.conllu")
    with pytest.raises(RecipeError, match=r"intermediate.trees: expected trees of the training sentences of semantics"):
        given("dev.conllu")


KNOWN = {
    "category": (lambda known: {"labels": Labels(known)}, ["negative", "positive"], "sentences", "class"),
    "tags": (lambda known: {"labels": Labels(known)}, sorted({t for s in SENTENCES for t in s.tags}), "tokens", "tag"),
    "syntax": (lambda known: {"labels": Labels(known)}, Labels.build(SENTENCES).names, "arcs", "label"),
    "semantics": (
        lambda known: {"roles": Roles(["_UNKROLE_", *known], [False] * (1 + len(known)))},
        Roles.build(SENTENCES).names.strings[1:],
        "arcs",
        "role",
    ),
}


@pytest.mark.parametrize("kind", KNOWN)
def test_labels_of_dev_that_training_lacks_are_counted(kind, caplog):
    make, known, things, label = KNOWN[kind]
    task, dev = make_task(kind, {"min_role_count": 1} if kind == "semantics" else {}), SENTENCES[:20]
    every = {
        "category": [["negative", "positive"][s.sentiment] for s in dev],
        "tags": [tag for s in dev for tag in s.tags],
        "syntax": [each for s in dev for each in s.trees["syntax"].labels],
        "semantics": [arc.label for s in dev for arc in s.graphs["semantics"].arcs],
    }[kind]

    def check(labels, selection=(task.score_names[-1],)):
        parts = {kind: SimpleNamespace(**make(labels))}
        check_labels(selection, {kind: task}, parts, Corpora({}, {kind: dev}))

    check(known)
    assert not caplog.messages
    *few, lacking = [label for label in known if label in every]
    check(few)
    count, total = every.count(lacking), len(every)
    assert 0 < count < total
    assert caplog.messages == [f"data.{kind}.dev: {count} of {total} {things} have no {label} that training has"]
    message = rf"^data\.{kind}\.dev: expected {things} with a {label} that training has, got none of {total}$"
    with pytest.raises(RecipeError, match=message):
        check(["another"])
    # Where other scores select an epoch too, training makes sense.
    check(["another"], ("uas", task.score_names[-1]))
    assert caplog.messages[1:] == [f"data.{kind}.dev: {total} of {total} {things} have no {label} that training has"]


def test_trees_without_labels_lack_none(caplog):
    part = {"syntax": SimpleNamespace(labels=None)}
    check_labels(("uas",), tasks(["syntax"]), part, Corpora({}, {"syntax": SENTENCES}))
    assert not caplog.messages


def test_fingerprints_name_the_file_that_changed(files):
    (files["root"] / "vectors.txt").write_text("a 1\n")
    config = DataConfig.model_validate({**files, "vectors": "vectors.txt"})
    before = fingerprints(config, tasks(BOTH))
    assert len(before) == 5
    check_unchanged(before, fingerprints(config, tasks(BOTH)))
    text = (files["root"] / "train.conllu").read_text("utf-8")
    (files["root"] / "train.conllu").write_text("\n\n".join(reversed(text.strip().split("\n\n"))) + "\n\n", "utf-8")
    with pytest.raises(RecipeError, match=r"--resume: expected .*train\.conllu as it was when the run began"):
        check_unchanged(before, fingerprints(config, tasks(BOTH)))


def test_what_latent_trees_do_not_read_may_change(files):
    latent = {"syntax": make_task("syntax", {"loss": "none", "labels": False})}
    found = fingerprints(DataConfig.model_validate(files), latent)
    assert list(found) == [str(files["root"] / "dev.conllu")]


def test_latent_trees_leave_the_other_sentences_of_the_built_in_corpus_as_they_are():
    config = DataConfig(builtin=BuiltinConfig(train={"semantics": 6, "syntax": 4}, dev=3))
    both = tasks(BOTH)
    latent = both | {"syntax": make_task("syntax", {"loss": "none", "labels": False})}
    (train, dev), (without, same) = (load_corpora(config, made) for made in (both, latent))
    assert without == {"semantics": train["semantics"]}
    assert dev == same
