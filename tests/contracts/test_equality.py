"""Every member of an axis can be compared and can be a key, whatever its settings are."""

from copy import deepcopy
from dataclasses import fields, is_dataclass

import pytest
import torch
from torch import nn

import spigot
from spigot.structured.equality import equal_settings, hash_settings
from tests.contracts.registry import POLYTOPES, STRUCTURES, SURROGATES

MEMBERS = (
    {case.name: case.structure for case in STRUCTURES}
    | {case.name: case.polytope for case in POLYTOPES}
    | {f"surrogate-{name}": surrogate for name, surrogate in SURROGATES.items()}
)
MEMBERS["k-subset-rows"] = spigot.KSubset(torch.tensor([1, 2]))
MEMBERS["hull-rows"] = spigot.Hull(spigot.KSubset(torch.tensor([1, 2])))
MEMBERS["program-rows"] = spigot.LinearProgram(torch.ones(2, 1, 3), torch.tensor([1.0, 2.0])[:, None])


@pytest.mark.parametrize("name", MEMBERS)
def test_it_equals_its_copy_and_nothing_else(name):
    member = MEMBERS[name]
    same = deepcopy(member)
    assert member == same
    assert hash(member) == hash(same)
    assert [other for other in MEMBERS if MEMBERS[other] == member] == [name]
    assert member in {same}
    assert member != name


@pytest.mark.parametrize("kind", list(dict.fromkeys(map(type, MEMBERS.values()))), ids=lambda kind: kind.__name__)
def test_settings_that_may_be_tensors_are_compared_by_value(kind):
    # Those of `deterministic` are kept as a tuple.
    held = (
        [field for field in fields(kind) if field.compare and field.name != "deterministic"]
        if is_dataclass(kind)
        else None
    )
    if held is None or any("Tensor" in str(field.type) for field in held):
        assert (kind.__eq__, kind.__hash__) == (equal_settings, hash_settings)


def test_a_setting_that_is_kept_as_a_tuple_may_be_given_as_a_tensor():
    flags = [True, False, True]
    for kind in (spigot.SemanticGraph, spigot.ApproximateSemanticGraph, spigot.GraphHull):
        assert kind(torch.tensor(flags)) == kind(flags)
        assert hash(kind(torch.tensor(flags))) == hash(kind(flags))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (spigot.KSubset(torch.tensor([1, 2])), spigot.KSubset(torch.tensor([1, 3]))),
        (spigot.KSubset(torch.tensor([1, 2])), spigot.KSubset(torch.tensor([1, 2, 3]))),
        (spigot.KSubset(torch.tensor(2)), spigot.KSubset(2)),
        (spigot.KSubset(2), spigot.KSubset(torch.tensor(2))),
        (spigot.KSubset(torch.tensor(2)), spigot.KSubset(torch.tensor(2), at_most=True)),
        (spigot.KSubset(torch.tensor(2)), spigot.CappedSimplex(torch.tensor(2))),
        (spigot.SparseMAP(nn.Parameter(torch.tensor(2.0))), spigot.SparseMAP(torch.tensor(3.0))),
        (
            spigot.Budget(spigot.Categorical(), torch.ones(1, 3), 2.0),
            spigot.Budget(spigot.Categorical(), torch.ones(1, 3), 1.0),
        ),
        (spigot.LinearProgram([[1, 1]], [1]), spigot.LinearProgram([[1, 2]], [1])),
        (spigot.LinearProgram([[1, 1]], [1]), spigot.LinearProgram([[1, 1]], [1], continuous=[0])),
    ],
    ids=repr,
)
def test_what_differs_in_one_setting_is_not_equal(one, other):
    assert one != other


def test_a_learnt_setting_equals_its_value_and_stays_the_same_key():
    temperature = nn.Parameter(torch.tensor(2.0))
    surrogate = spigot.Marginals(temperature)
    assert surrogate == spigot.Marginals(torch.tensor(2.0))
    held = {surrogate: "kept"}
    with torch.no_grad():
        temperature.add_(1.0)
    assert held[surrogate] == "kept"
    assert surrogate != spigot.Marginals(torch.tensor(2.0))
