import importlib
import inspect
import pkgutil

import pytest

import spigot
import spigot.structured as core
from spigot import Polytope, Structure, Surrogate
from tests.contracts.registry import POLYTOPES, STRUCTURES, SURROGATES


@pytest.mark.parametrize(
    ("axis", "listed"),
    [
        (Structure, [case.structure for case in STRUCTURES]),
        (Polytope, [case.polytope for case in POLYTOPES]),
        (Surrogate, list(SURROGATES.values())),
    ],
    ids=["structures", "polytopes", "surrogates"],
)
def test_every_public_class_is_listed(axis, listed):
    public = {getattr(spigot, name) for name in spigot.__all__}
    concrete = {c for c in public if inspect.isclass(c) and issubclass(c, axis) and not inspect.isabstract(c)}
    assert concrete == {type(entry) for entry in listed}


def test_every_class_in_the_folders_is_public():
    for folder in ("structures", "programs", "polytopes", "surrogates"):
        package = importlib.import_module(f"{core.__name__}.{folder}")
        for module in pkgutil.iter_modules(package.__path__):
            contents = vars(importlib.import_module(f"{package.__name__}.{module.name}"))
            own = [c for c in contents.values() if inspect.isclass(c) and c.__module__.endswith(module.name)]
            for cls in own:
                if issubclass(cls, Structure | Polytope | Surrogate) and not inspect.isabstract(cls):
                    assert cls.__name__ in spigot.__all__, cls


def classes_of_the_core():
    for folder in ("structures", "programs", "polytopes", "surrogates"):
        package = importlib.import_module(f"{core.__name__}.{folder}")
        for module in pkgutil.iter_modules(package.__path__):
            name = f"{package.__name__}.{module.name}"
            for cls in vars(importlib.import_module(name)).values():
                if (
                    inspect.isclass(cls)
                    and cls.__module__ == name
                    and issubclass(cls, Structure | Polytope | Surrogate)
                ):
                    yield cls


REFINED = {
    ("DynamicProgram", "entropy"),
    ("Budget", "map_rows"),
    ("KSubset", "map_rows"),
    ("LinearProgram", "map_rows"),
    ("LinearProgram", "contains"),
}
"""What a class computes more exactly than its base, which has log Z and marginals, or the argmax, to make it from, and
settings of rows, which others do not have."""

FASTER = {"require", "top_k"}
"""What every structure can do with its argmax alone, and some do faster, or without rounding."""


@pytest.mark.parametrize("cls", list(classes_of_the_core()), ids=lambda cls: cls.__name__)
def test_a_class_is_abstract_or_final(cls):
    for base in cls.__mro__[1:]:
        if not base.__module__.startswith(core.__name__):
            continue
        assert inspect.isabstract(base), f"{base.__name__} is concrete and has a subclass"
        abstract = base.__abstractmethods__
        concrete = {name for name, member in vars(base).items() if inspect.isroutine(member) and name not in abstract}
        own = {name for name in vars(cls) if not name.startswith("__") and (cls.__name__, name) not in REFINED}
        assert not (concrete - FASTER) & own, f"overrides {concrete & own} of {base.__name__}"
