import gzip
import logging

import pytest

from spigot.data.conllu import write_conllu
from spigot.data.errors import DataError
from spigot.data.sdp import write_sdp
from spigot.data.sst import write_sst
from spigot.training.corpora import load_corpora
from spigot.training.recipe import BuiltinConfig, DataConfig, RecipeError
from tests.models.tiny import SENTENCES, sentence, top


@pytest.fixture
def files(tmp_path):
    """A recipe's table for treebanks in files: 20 sentences to train on, 5 to select on."""
    write_conllu(SENTENCES[:20], tmp_path / "train.conllu")
    write_sdp(SENTENCES[10:30], tmp_path / "train.sdp.gz")
    write_conllu(SENTENCES[30:35], tmp_path / "dev.conllu")
    write_sdp(SENTENCES[30:35], tmp_path / "dev.sdp")
    return {
        "root": tmp_path,
        "syntax_train": "train.conllu",
        "syntax_dev": "dev.conllu",
        "semantics_train": "train.sdp.gz",
        "semantics_dev": "dev.sdp",
    }


BOTH = ["syntax", "semantics"]


def load(files, tasks=BOTH, **changes):
    return load_corpora(DataConfig.model_validate(files | changes), tasks)


def ids(sentences):
    return [s.id for s in sentences]


def test_files(files):
    corpora = load(files)
    assert ids(corpora.syntax_train) == ids(SENTENCES[:20])
    assert ids(corpora.semantics_train) == ids(SENTENCES[10:30])
    assert ids(corpora.syntax_dev) == ids(corpora.semantics_dev) == ids(SENTENCES[30:35])
    assert [s.trees["syntax"].heads for s in corpora.syntax_train] == [s.trees["syntax"].heads for s in SENTENCES[:20]]
    assert [s.graphs["semantics"].arcs for s in corpora.semantics_dev] == [
        tuple(sorted(s.graphs["semantics"].arcs)) for s in SENTENCES[30:35]
    ]


def test_without_syntax_its_files_are_not_touched(files):
    corpora = load(files, ["semantics"], syntax_train="none", syntax_dev=None)
    assert corpora.syntax_train == corpora.syntax_dev == []
    assert len(corpora.semantics_train) == 20


def test_train_ids(files, tmp_path):
    (tmp_path / "ids").write_text("\n".join([*ids(SENTENCES[15:25]), "no-such-sentence"]))
    corpora = load(files, train_ids="ids")
    assert ids(corpora.syntax_train) == ids(SENTENCES[15:20])
    assert ids(corpora.semantics_train) == ids(SENTENCES[15:25])
    assert len(corpora.syntax_dev) == 5
    (tmp_path / "ids").write_text("no-such-sentence")
    with pytest.raises(RecipeError, match=r"data.syntax_train: expected training sentences, got none that train_ids"):
        load(files, train_ids="ids")
    with pytest.raises(DataError, match=r"nothing: No such file"):
        load(files, train_ids="nothing")


def test_long_training_sentences_are_left_out_and_counted(files, caplog):
    limit = sorted(len(s) for s in SENTENCES[:20])[-3] - 1
    with caplog.at_level(logging.WARNING):
        corpora = load(files, max_length=limit)
    out = sum(len(s) > limit for s in SENTENCES[:20])
    assert len(corpora.syntax_train) == 20 - out
    assert f"data.syntax_train: {out} sentences of more than {limit} tokens are left out" in caplog.text
    assert len(corpora.syntax_dev) == 5


def test_a_file_that_the_recipe_lacks(files):
    with pytest.raises(RecipeError, match=r"data.semantics_train: expected a file \(or \[data.builtin\]\), got none"):
        load(files, semantics_train=None)
    with pytest.raises(FileNotFoundError):
        load(files, syntax_train="none.conllu")


def test_files_that_lack_what_is_needed(files, tmp_path):
    with pytest.raises(DataError, match=r"dev.conllu: sentence .*: expected a graph, got none"):
        load(files, semantics_dev="dev.conllu")
    with pytest.raises(DataError, match=r"dev.sdp: sentence .*: expected a tree, got none"):
        load(files, syntax_dev="dev.sdp")
    (tmp_path / "empty.sdp").write_text("#SDP 2015\n")
    with pytest.raises(DataError, match=r"empty.sdp: expected sentences, got none"):
        load(files, semantics_dev="empty.sdp")
    with gzip.open(tmp_path / "broken.sdp.gz", "wt") as file:
        file.write("#SDP 2015\n#1\n1\ta\ta\tX\n\n")
    with pytest.raises(DataError, match=r"broken.sdp.gz:3: expected"):
        load(files, semantics_train="broken.sdp.gz")


def test_builtin():
    sizes = BuiltinConfig(syntax_train=30, semantics_train=20, dev=10, test=15, seed=4)
    corpora = load_corpora(DataConfig(builtin=sizes), BOTH)
    assert [len(part) for part in corpora] == [30, 20, 0, 10, 10, 0]
    assert corpora.syntax_dev == corpora.semantics_dev
    judged = {s.forms for s in corpora.syntax_dev}
    assert not judged & {s.forms for s in corpora.syntax_train + corpora.semantics_train}
    assert not set(ids(corpora.syntax_train)) & set(ids(corpora.semantics_train))
    assert load_corpora(DataConfig(builtin=sizes), BOTH) == corpora
    assert load_corpora(DataConfig(builtin=sizes), ["semantics"]).semantics_train == corpora.semantics_train
    assert load_corpora(DataConfig(builtin=sizes.model_copy(update={"seed": 5})), BOTH) != corpora


def test_builtin_sentiment_leaves_the_other_tasks_as_they_are():
    sizes = BuiltinConfig(syntax_train=30, semantics_train=20, sentiment_train=25, dev=10, test=15, seed=4)
    without = load_corpora(DataConfig(builtin=sizes), BOTH)
    corpora = load_corpora(DataConfig(builtin=sizes), ["sentiment", "semantics"])
    assert [len(part) for part in corpora] == [0, 20, 25, 0, 10, 10]
    assert corpora.semantics_train == without.semantics_train
    assert corpora.sentiment_dev == without.semantics_dev
    others = {s.forms for s in without.semantics_train + without.syntax_train + without.syntax_dev}
    assert not others & {s.forms for s in corpora.sentiment_train}
    assert {s.sentiment for s in corpora.sentiment_train} == {0, 1}


def test_sentiment_files(files, tmp_path):
    write_sst(SENTENCES[:12], tmp_path / "train.tsv")
    write_sst(SENTENCES[12:20], tmp_path / "dev.tsv")
    (tmp_path / "ids").write_text("\n".join(ids(SENTENCES[15:25])))
    named = files | {"sentiment_train": "train.tsv", "sentiment_dev": "dev.tsv", "train_ids": "ids"}
    corpora = load(named, ["sentiment", "semantics"])
    assert [s.sentiment for s in corpora.sentiment_train] == [s.sentiment for s in SENTENCES[:12]]
    assert (len(corpora.sentiment_dev), len(corpora.semantics_train)) == (8, 10)
    config = DataConfig.model_validate(named | {"semantics_train": "none"})
    trained = load_corpora(config, ["sentiment", "semantics"], scored_only="semantics")
    assert (len(trained.semantics_train), len(trained.semantics_dev)) == (0, 5)
    with pytest.raises(DataError, match=r"dev.sdp: sentence .*: expected a sentiment, got none"):
        load(named, ["sentiment"], sentiment_dev="dev.sdp")
    with pytest.raises(RecipeError, match=r"data.sentiment_train: expected a file"):
        load(files, ["sentiment"])


def test_sentences_without_tokens_are_left_out(tmp_path):
    from spigot.data.gold import read_gold

    write_sdp([sentence("a b", arcs=[top(1), (1, 2, "x")])], tmp_path / "one.sdp")
    assert [s.forms for s in read_gold(tmp_path / "one.sdp", "graph")] == [("a", "b")]
