import copy
import inspect
import json
import math
import sys
import textwrap

import pytest
from pydantic import BaseModel

import spigot
from spigot import Surrogate
from spigot.models.config import NamedSurrogate
from spigot.named import public_classes
from spigot.signature import NamedError
from spigot.systems.semantics_then_sentiment_config import SemanticsThenSentimentConfig
from spigot.systems.syntax_then_semantics import SyntaxThenSemanticsConfig

NEED_MARGINALS = {"Gumbel", "MarginalJacobian", "Marginals", "SIMPLE", "SPIGOTCE", "SPIGOTEG"}
NEED_DOWNSTREAM = {"PerturbedScoreFunction", "ScoreFunction"}
EXPORTED = {
    name
    for name in spigot.__all__
    if isinstance(getattr(spigot, name), type)
    and issubclass(getattr(spigot, name), Surrogate)
    and not inspect.isabstract(getattr(spigot, name))
}


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A module of a user's, with a surrogate in it."""
    (tmp_path / "their_surrogates.py").write_text(
        textwrap.dedent(
            """
            from __future__ import annotations
            from dataclasses import dataclass
            from spigot import ArgmaxSurrogate, StraightThrough, Surrogate

            LOADED = True

            class Halved(StraightThrough):
                def __init__(self, times: int, floor: float = 0.0, corners: tuple[int, ...] = (), loose=None):
                    if times > 9:
                        raise ValueError(f"times: expected at most 9, got {times}")
                    if floor > times:
                        raise TypeError("more floor than house")
                    if isinstance(loose, str):
                        loose = {"a": 1}[loose]
                    super().__init__()
                    object.__setattr__(self, "told", (times, floor, corners, loose))

            @dataclass
            class Point:
                x: int
                y: float = 0.5

            class Placed(StraightThrough):
                def __init__(self, at: Point):
                    object.__setattr__(self, "at", at)

            class Misspelt(StraightThrough):
                def __init__(self, at: Pont = None): ...

            class Open(ArgmaxSurrogate):
                def __init__(self, **anything): ...
                def backward(self, problem, output, saved, grad_output): ...

            class Abstract(Surrogate):
                pass
            """
        )
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield "their_surrogates"
    sys.modules.pop("their_surrogates", None)


def test_every_surrogate_that_is_exported_has_a_name():
    assert set(public_classes("spigot.structured", Surrogate)) == EXPORTED
    assert len(EXPORTED) > 10
    for name in EXPORTED - NEED_DOWNSTREAM:
        made = NamedSurrogate(name).build()
        assert type(made) is getattr(spigot, name)
        assert SyntaxThenSemanticsConfig(surrogate={"name": name}).surrogate == NamedSurrogate(name)
    # They run the loss again on samples, but a system does not pass the loss to its surrogate.
    for name in NEED_DOWNSTREAM:
        message = f"expected a surrogate that does not run the end task again, got {name}"
        with pytest.raises(ValueError, match=message):
            SyntaxThenSemanticsConfig(surrogate={"name": name})
    with pytest.raises(ValueError, match="got SPIGOT with steps = 2"):
        SyntaxThenSemanticsConfig(surrogate={"name": "SPIGOT", "steps": 2})


def test_arguments_reach_the_constructor():
    named = NamedSurrogate("SPIGOTEG", step_size=0.3, steps=2)
    assert named.build() == spigot.SPIGOTEG(step_size=0.3, steps=2)
    assert named.named_class is spigot.SPIGOTEG
    assert named.arguments == {"step_size": 0.3, "steps": 2}
    assert named.settings == {"step_size": 0.3, "max_norm": None, "steps": 2, "normalize": False}
    assert NamedSurrogate("SPIGOT", polytope="hull").build() == spigot.SPIGOT(polytope="hull")
    # An integer is a number: it is converted to the annotated type.
    assert isinstance(NamedSurrogate("SPIGOT", step_size=2).build().step_size, float)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("SPIGOT", {"stepsize": 1.0}, r"stepsize: expected an argument of SPIGOT \(step_size, steps\), got stepsize"),
        ("Detach", {"max_norm": 1.0}, r"max_norm: expected an argument of Detach \(none\), got max_norm"),
        ("SPIGOT", {"step_size": True}, "step_size: expected a number, got True"),
        ("SPIGOT", {"step_size": "1"}, "step_size: expected a number, got '1'"),
        ("SPIGOT", {"step_size": math.nan}, "step_size: expected a finite number, got nan"),
        ("SPIGOT", {"max_norm": math.inf}, "max_norm: expected a finite number, got inf"),
        ("SPIGOT", {"step_size": 0.0}, "step_size: expected a positive number, got 0.0"),
        ("SPIGOT", {"steps": 2.0}, "steps: expected an integer, got 2.0"),
        ("SPIGOT", {"steps": True}, "steps: expected an integer, got True"),
        ("SPIGOT", {"polytope": "hul"}, "polytope: expected 'hull', got 'hul'"),
        ("SPIGOT", {"polytope": spigot.Simplex()}, "polytope: expected a number, a string, .*, got Simplex"),
        ("IMLE", {"noise": "normal"}, "noise: expected 'sum-of-gamma', 'gumbel' or 'none', got 'normal'"),
        ("IMLE", {"generator": 3}, r"generator: expected no value \(a recipe cannot hold one\), got 3"),
        ("NegativeIdentity", {"centre": 1}, "centre: expected a boolean, got 1"),
        ("ScoreFunction", {"samples": 1}, "samples: expected at least 2 for .*, got 1"),
        ("SPIGTO", {}, "name: expected SPIGOT, .*, got 'SPIGTO'"),
        ("spigot", {}, "name: expected SPIGOT, .*, got 'spigot'"),
        ("Surrogate", {}, "name: expected .*, got 'Surrogate'"),
        ("ProjectiveTree", {}, "name: expected .*, got 'ProjectiveTree'"),
        ("nothing.like.It", {}, r"name: expected the dotted path of an importable class, got 'nothing.like.It' \(No"),
        (".It", {}, "name: expected the dotted path of an importable class, got '.It'"),
        ("..It", {}, "name: expected the dotted path of an importable class, got '..It'"),
        ("torch.nn.Linear", {}, "name: expected a concrete Surrogate, got 'torch.nn.Linear'"),
        ("torch.nn.Missing", {}, "name: expected a concrete Surrogate, got 'torch.nn.Missing'"),
    ],
)
def test_errors_name_the_argument(name, arguments, message):
    with pytest.raises(NamedError, match=f"^{message}"):
        NamedSurrogate(name, **arguments)
    with pytest.raises(ValueError, match=message):
        SyntaxThenSemanticsConfig(surrogate={"name": name, **arguments})


@pytest.mark.parametrize("table", [{}, {"step_size": 1.0}, 3, {"name": 3}, None])
def test_a_table_needs_a_name(table):
    with pytest.raises(NamedError, match=r"^name: expected the name of a Surrogate, got "):
        NamedSurrogate.from_table(table)


def test_a_name_alone_is_no_table():
    with pytest.raises(NamedError, match=r'^expected a table such as { name = "SPIGOT" }, got \'SPIGOT\''):
        NamedSurrogate.from_table("SPIGOT")


def test_a_table_is_written_as_given_and_read_again():
    config = SyntaxThenSemanticsConfig(surrogate={"name": "SPIGOTEG", "step_size": 1})
    content = json.loads(json.dumps(config.model_dump(mode="json")))
    assert content["surrogate"] == {"name": "SPIGOTEG", "step_size": 1}
    again = SyntaxThenSemanticsConfig.model_validate(content)
    assert again == config
    assert again.surrogate.build() == spigot.SPIGOTEG()
    assert json.loads(config.model_dump_json())["surrogate"] == content["surrogate"]


def test_equal_by_content():
    one, same, other = (NamedSurrogate("SPIGOT", step_size=size) for size in (1, 1.0, 2.0))
    assert one == same != other
    assert hash(one) == hash(same)
    assert one != NamedSurrogate("SPIGOTCE", step_size=1)
    assert copy.deepcopy(other) == other
    assert repr(other) == "NamedSurrogate('SPIGOT', step_size=2.0)"


def test_it_is_immutable(own):
    corners = [1, 2]
    named = NamedSurrogate(f"{own}.Halved", times=3, corners=corners, loose={"a": [1]})
    corners.append(3)
    named.arguments["corners"].append(4)
    named.settings["loose"]["a"].append(2)
    assert named.arguments == {"times": 3, "corners": [1, 2], "loose": {"a": [1]}}
    assert named.build().told == (3, 0.0, (1, 2), {"a": [1]})  # a list of a recipe is a tuple where one is wanted
    with pytest.raises(AttributeError):
        named.name = "SPIGOT"


def test_a_users_class_is_imported_only_when_it_is_named(own):
    NamedSurrogate("SPIGOT")
    assert own not in sys.modules
    config = SyntaxThenSemanticsConfig(surrogate={"name": f"{own}.Halved", "times": 2})
    assert sys.modules[own].LOADED
    assert type(config.surrogate.build()) is sys.modules[own].Halved
    assert SyntaxThenSemanticsConfig.model_validate(config.model_dump(mode="json")) == config
    assert NamedSurrogate(f"{own}.Placed", at={"x": 1}).build().at == sys.modules[own].Point(1, 0.5)
    assert NamedSurrogate(f"{own}.Open", anything=[1, {"b": None}]).arguments == {"anything": [1, {"b": None}]}


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("Halved", {}, r"times: expected a value \(Halved has no default\), got none"),
        ("Halved", {"times": 10}, "times: expected at most 9, got 10"),
        ("Halved", {"times": 1, "floor": 2.0}, "name: their_surrogates.Halved: more floor than house"),
        ("Halved", {"times": 1, "loose": "b"}, "name: their_surrogates.Halved: KeyError: 'b'"),
        ("Halved", {"times": 1, "corners": [1, "x"]}, r"corners: expected an integer, got \[1, 'x'\]"),
        ("Halved", {"times": 1, "loose": {1}}, r"loose: expected a number, a string, .*, got \{1\}"),
        ("Placed", {"at": {"x": 1.5}}, r"at: expected an integer, got \{'x': 1.5\}"),
        (
            "Misspelt",
            {},
            "name: their_surrogates.Misspelt: expected annotations of defined .*'Pont' is not defined",
        ),
        ("Abstract", {}, "name: expected a concrete Surrogate, got 'their_surrogates.Abstract'"),
    ],
)
def test_a_users_class_is_checked_like_any_other(own, name, arguments, message):
    with pytest.raises(NamedError, match=f"^{message}"):
        NamedSurrogate(f"{own}.{name}", **arguments)


def test_a_table_over_a_default():
    default = NamedSurrogate("SPIGOT", step_size=0.5, max_norm=1.0)
    assert NamedSurrogate.over(default, {"max_norm": 2.0}) == NamedSurrogate("SPIGOT", step_size=0.5, max_norm=2.0)
    assert NamedSurrogate.over(default, {"name": "SPIGOT"}) == default
    assert NamedSurrogate.over(default, {"name": "SPIGOTCE", "steps": 1}) == NamedSurrogate("SPIGOTCE", steps=1)
    assert NamedSurrogate.over(default, NamedSurrogate("Detach")) == NamedSurrogate("Detach")


def test_a_field_of_a_model():
    class Holder(BaseModel):
        how: NamedSurrogate = NamedSurrogate("Detach")

    assert Holder().model_dump() == {"how": {"name": "Detach"}}
    assert Holder(how=NamedSurrogate("SPIGOT", steps=1)).how.arguments == {"steps": 1}


@pytest.mark.parametrize("name", sorted(EXPORTED - NEED_DOWNSTREAM))
def test_surrogates_with_marginals_are_refused_for_graphs(name):
    table = {"kind": "semantics-then-sentiment", "surrogate": {"name": name}}
    if name in NEED_MARGINALS:
        with pytest.raises(ValueError, match=f"name: expected a surrogate without marginals of .*, got '{name}'"):
            SemanticsThenSentimentConfig.model_validate(table)
    else:
        assert SemanticsThenSentimentConfig.model_validate(table).surrogate.name == name
