import itertools
from collections import Counter

import pytest

from spigot.training.corpora import Corpora
from spigot.training.plan import end_task_weight, epochs, learning_rate, plan, tasks
from spigot.training.recipe import parse_recipe
from tests.models.tiny import SENTENCES

CORPORA = Corpora(
    {"syntax": SENTENCES[:25], "semantics": SENTENCES[20:]}, {"syntax": SENTENCES[:5], "semantics": SENTENCES[:5]}
)


def recipe(surrogate="SPIGOT", intermediate=None, tasks=None, **training):
    system = {"surrogate": {"name": surrogate}} if surrogate else {"syntax": False}
    content = {"system": system, "training": {"batch_tokens": 40, "epochs": 4} | training, "tasks": tasks or {}}
    if intermediate is not None:
        content["intermediate"] = intermediate
    return parse_recipe(content, "test")


def test_a_step_has_the_indices_of_its_sentences():
    for step in plan(recipe(tasks={"syntax": {"sample": 0.5}}), CORPORA, 0):
        assert step.sentences == [CORPORA.train[step.task][number] for number in step.numbers]


def ids(steps, task):
    return Counter(s.id for step in steps if step.task == task for s in step.sentences)


@pytest.mark.parametrize("epoch", [0, 1, 7])
def test_every_sentence_of_both_corpora_once(epoch):
    steps = plan(recipe(), CORPORA, epoch)
    assert ids(steps, "syntax") == Counter(s.id for s in CORPORA.train["syntax"])
    assert ids(steps, "semantics") == Counter(s.id for s in CORPORA.train["semantics"])


def test_a_task_is_sampled_beside_others_alone():
    shares = {"semantics": {"sample": 0.5}, "syntax": {"sample": 0.2}}
    sampled = recipe(tasks=shares, intermediate={"pretrain_epochs": 1})
    assert ids(plan(sampled, CORPORA, 0), "syntax") == Counter(s.id for s in CORPORA.train["syntax"])
    drawn = [ids(plan(sampled, CORPORA, epoch), "semantics") for epoch in (1, 2)]
    assert [each.total() for each in drawn] == [len(each) for each in drawn] == [10, 10]
    assert drawn[0] != drawn[1]
    assert ids(plan(sampled, CORPORA, 1), "syntax").total() == 5
    # The whole number nearest to 8.75, and at least one.
    for share, number in ((0.35, 9), (0.01, 1)):
        few = recipe(tasks={"syntax": {"sample": share}})
        assert ids(plan(few, CORPORA, 1), "syntax").total() == number


def test_batches_are_of_one_task_and_keep_to_the_budget():
    for step in plan(recipe(), CORPORA, 0):
        widest = max(len(s) + 1 for s in step.sentences)
        assert len(step.sentences) == 1 or widest * len(step.sentences) <= 40
    assert all(len(step.sentences) == 1 for step in plan(recipe(batch_tokens=1), CORPORA, 0))


def test_tasks_are_mixed():
    order = [step.task for step in plan(recipe(batch_tokens=1), CORPORA, 0)]
    assert len(order) == len(CORPORA.train["syntax"]) + len(CORPORA.train["semantics"])
    changes = sum(a != b for a, b in itertools.pairwise(order))
    assert changes > 10  # 22 are to be expected; one after the other would be 1


def test_the_plan_depends_on_seed_and_epoch_alone():
    first = plan(recipe(), CORPORA, 3)
    assert plan(recipe(), CORPORA, 3) == first
    assert plan(recipe(), CORPORA, 4) != first
    assert plan(recipe(seed=2), CORPORA, 3) != first


def test_phases():
    joint = recipe(intermediate={"pretrain_epochs": 2})
    assert epochs(joint) == 6
    assert [tasks(joint, k) for k in range(4)] == [["syntax"]] * 2 + [["syntax", "semantics"]] * 2
    assert {step.task for step in plan(joint, CORPORA, 1)} == {"syntax"}
    pipeline = recipe("Detach", {"pretrain_epochs": 1, "frozen": True})
    assert [tasks(pipeline, k) for k in range(3)] == [["syntax"], ["semantics"], ["semantics"]]
    assert {step.task for step in plan(pipeline, CORPORA, 1)} == {"semantics"}
    assert (epochs(recipe(None)), tasks(recipe(None), 0)) == (4, ["semantics"])
    warm = recipe("Detach", {"init": "run", "frozen": True})
    assert (epochs(warm), tasks(warm, 0)) == (4, ["semantics"])


def test_the_rate_is_halved_in_each_phase():
    how = recipe(intermediate={"pretrain_epochs": 3}, learning_rate=0.8, halve_every=2)
    rates = [learning_rate(how, position) for position in (0, 1.9, 2, 2.9, 3, 4.9, 5, 6.9)]
    assert rates == [0.8, 0.8, 0.4, 0.4, 0.8, 0.8, 0.4, 0.4]


def test_the_parser_has_its_own_learning_rate_from_the_beginning_of_joint_training_on():
    how = recipe(
        intermediate={"pretrain_epochs": 2, "learning_rate_factor": 0.5}, learning_rate=0.8, schedule="constant"
    )
    assert [learning_rate(how, position, "syntax") for position in (0, 1.9, 2, 5)] == [0.8, 0.8, 0.4, 0.4]
    assert learning_rate(how, 2, "semantics") == learning_rate(how, 2) == 0.8


def test_the_linear_schedule():
    how = recipe(learning_rate=1.0, schedule="linear", warmup_epochs=1, epochs=5)
    positions = (0.5, 1, 2, 3, 4, 4.5)
    assert [learning_rate(how, p) for p in positions] == pytest.approx([0.5, 1, 0.75, 0.5, 0.25, 0.125])
    assert learning_rate(how, 0) > 0
    assert all(0 < learning_rate(how, k / 100) <= 1 for k in range(500))
    unwarmed = recipe(learning_rate=1.0, schedule="linear", epochs=4)
    assert [learning_rate(unwarmed, p) for p in (0, 1, 2)] == [1, 0.75, 0.5]


def test_the_constant_schedule():
    how = recipe(learning_rate=0.3, schedule="constant")
    assert {learning_rate(how, k / 10) for k in range(40)} == {0.3}


def test_the_end_tasks_weight_grows_with_joint_training():
    how = recipe(intermediate={"pretrain_epochs": 2, "end_task_weight": 0.6, "end_task_warmup": 3})
    assert [end_task_weight(how, p) for p in (2, 3, 3.5, 5, 6)] == pytest.approx([0, 0.2, 0.3, 0.6, 0.6])
    assert end_task_weight(recipe(), 0) == 1


def test_a_pipeline_gives_the_end_task_no_weight():
    assert end_task_weight(recipe("Detach"), 2) == 0
