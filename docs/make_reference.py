"""The reference part of the site, made from the code: names of core and parsers, the commands, the keys of recipes.

It writes Markdown into docs/reference/, which is not in the repository. Docstrings are Markdown too, but for their
sections (Args, Raises), which griffe reads.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from inspect import cleandoc
from pathlib import Path
from typing import Any

import griffe
import typer
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

SRC = Path(__file__).parents[1] / "src"
FAMILIES = {
    "The layer": ("layer", "problem"),
    "Structures": ("structures", "programs", "base"),
    "Surrogates": ("surrogates",),
    "Polytopes": ("polytopes",),
    "Losses": ("losses",),
    "Parts": ("parts",),
    "Audit and noise": ("audit", "noise", "seeds"),
}
"""The chapters of the core's reference, by the module that a name comes from; others stand at the end."""
PARSERS = {
    "Parse": ("load", "systems.parser.Parser", "systems.parse.Parse", "systems.parse.Parses"),
    "Sentences": (
        "data.sentence.Sentence",
        "data.sentence.Tree",
        "data.sentence.Graph",
        "data.sentence.Arc",
        "data.sentence.Confidence",
        "data.sentence.Surface",
        "builtin.corpus.generate",
        "builtin.corpus.splits",
        "drawing.parses.draw",
    ),
    "Train": ("training.recipe.load_recipe", "training.recipe.parse_recipe", "training.loop.Trainer"),
    "Extend": (
        "models.encoders.base.Encoder",
        "models.scorers.base.Scorer",
        "models.tree_features.base.TreeFeature",
        "tasks.base.Task",
        "systems.base.System",
    ),
}
"""The chapters of the parsers' reference, with what is described in each."""


def write(folder: Path) -> None:
    """Write all pages."""
    folder.mkdir(exist_ok=True)
    for name, text in {"core": core(), "parsers": parsers(), "commands": commands(), "recipes": recipes()}.items():
        write_changed(folder / f"{name}.md", text)


def write_changed(path: Path, text: str) -> None:
    """Write a page unless it is there already: an unchanged page is not built again."""
    if not path.exists() or path.read_text("utf-8") != text:
        path.write_text(text, "utf-8")


@cache
def _code() -> Any:
    """Return what griffe reads in the package."""
    return griffe.load("spigot", search_paths=[str(SRC)])


# -- the core ---------------------------------------------------------------------------------------------------


def core() -> str:
    """Return the page of all public names of `spigot`."""
    import spigot

    package = _code()["structured"]
    chapters: dict[str, list[str]] = {title: [] for title in [*FAMILIES, "Others"]}
    # What a reader looks for first stands first.
    for name in sorted(spigot.__all__, key=lambda name: name.lower() not in ("structured_argmax", "structuredargmax")):
        thing = _find(package, name, getattr(spigot, name))
        module = thing.canonical_path.removeprefix("spigot.structured.").split(".")[0]
        title = next((title for title, modules in FAMILIES.items() if module in modules), "Others")
        chapters[title] += [f"### {name}", "", *_described(thing, name)]
    lines = ["# The core", "", "All names of `spigot`, which is `spigot.structured`.", ""]
    for title, found in chapters.items():
        if found:
            lines += [f"## {title}", "", *found]
    return "\n".join(lines) + "\n"


def _find(package: Any, name: str, value: Any) -> Any:
    """Return what griffe knows of a public name; a function may have the name of its module."""
    where, qualified = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if qualified is not None and str(where).startswith("spigot.structured."):
        return package[f"{where.removeprefix('spigot.structured.')}.{qualified}"]
    member = package[name]
    return member.final_target if member.is_alias else member


def _described(thing: Any, name: str) -> Iterator[str]:
    yield from ("```python", _signature(thing, name), "```", "", *_docstring(thing), "")
    if thing.is_class:
        methods = [
            (key, member)
            for key, member in thing.members.items()
            if not key.startswith("_") and (member.is_function or "property" in member.labels) and member.has_docstring
        ]
        for key, member in methods:
            own = member.final_target if member.is_alias else member
            heading = f"{name}.{key}" if "property" in own.labels else _signature(own, f"{name}.{key}")
            yield from (f"**`{_line(heading)}`**", "", *_docstring(own), "")


def _signature(thing: Any, name: str) -> str:
    if thing.is_attribute:
        return f"{name} = {thing.value}" if thing.value is not None else name
    parameters = [p for p in thing.parameters if p.name not in ("self", "cls")]
    shown, starred = [], False
    for p in parameters:
        kind = str(p.kind)
        if "keyword-only" in kind and not starred:
            shown.append("*")
            starred = True
        starred = starred or "variadic positional" in kind
        star = {"variadic positional": "*", "variadic keyword": "**"}.get(kind, "")
        shown.append(star + p.name + (f"={p.default}" if p.default is not None and not star else ""))
    return f"{name}({', '.join(shown)})"


def _line(text: str) -> str:
    return " ".join(text.split())


def _docstring(thing: Any) -> Iterator[str]:
    if thing.docstring is None:
        return
    sections = griffe.parse_google(thing.docstring, warnings=False)
    for section in sections:
        kind = section.kind.value
        if kind == "text":
            yield from (_markdown(section.value), "")
        elif kind in ("parameters", "attributes", "other parameters", "raises", "returns"):
            titles = {"parameters": "Arguments", "raises": "Raises", "returns": "Returns"}
            yield from (f"*{titles.get(kind, kind.capitalize())}*", "")
            for item in section.value:
                label = item.annotation if kind == "raises" else getattr(item, "name", "")
                text = _markdown(item.description).replace("\n", "\n  ")
                yield f"- `{label}`: {text}" if label else f"- {text}"
            yield ""
        else:
            yield from (_markdown(str(getattr(section.value, "description", section.value))), "")


def _markdown(text: str) -> str:
    """Return a docstring's text as Markdown: tables and code that are indented stay code."""
    return re.sub(r"(?<![`\\])<(?=[A-Za-z/])", r"\\<", text)


# -- the parsers -----------------------------------------------------------------------------------------------


def parsers() -> str:
    """Return the page of what is used of the parsers from Python."""
    lines = ["# The parsers", "", "What programs use of the parsers.", ""]
    for title, paths in PARSERS.items():
        lines += [f"## {title}", ""]
        for path in paths:
            module, _, name = f"spigot.{path}".rpartition(".")
            lines += [f"### {name}", "", f"`from {module} import {name}`", "", *_described(_code()[path], name)]
    return "\n".join(lines) + "\n"


# -- the commands -----------------------------------------------------------------------------------------------


def commands() -> str:
    """Return the page of the command line."""
    from spigot.cli.main import app

    group: Any = typer.main.get_command(app)
    lines = ["# The command line", "", f"{group.help}", ""]
    lines += [f"- [`spigot {name}`](#spigot-{name}): {_first(command)}" for name, command in group.commands.items()]
    lines += [
        "",
        "Every command has `--help`; `--debug` shows the traceback of an error.",
        "Exit codes: 0 done, 1 failed, 2 wrong input, 130 interrupted, 143 terminated.",
        "",
    ]
    for name, command in group.commands.items():
        lines += [f"## spigot {name}", "", *_command(f"spigot {name}", command)]
    return "\n".join(lines) + "\n"


def _first(command: Any) -> str:
    return (command.help or "").strip().split("\n")[0]


def _command(name: str, command: Any) -> Iterator[str]:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and p.name != "help"]
    usage = " ".join([name, *(_usage(p) for p in arguments), "[OPTIONS]" if options else ""]).strip()
    yield from ("```text", usage, "```", "", (command.help or "").strip(), "")
    rows = [(_usage(p), p) for p in arguments] + [(", ".join(p.opts), p) for p in options]
    if rows:
        yield from ("| | | default |", "|---|---|---|")
        for label, p in rows:
            default = "" if p.default in (None, False, ()) or callable(p.default) else f"`{p.default}`"
            yield f"| `{label}` | {_cell(getattr(p, 'help', '') or '')}{_choices(p)} | {default} |"
        yield ""


def _usage(p: Any) -> str:
    name = (p.metavar or p.name).upper() + ("..." if p.nargs == -1 else "")
    return name if p.required else f"[{name}]"


def _choices(p: Any) -> str:
    found = getattr(getattr(p, "type", None), "choices", None)
    return f" One of {', '.join(f'`{choice}`' for choice in found)}." if found else ""


def _cell(text: str) -> str:
    return _markdown(_line(text)).replace("|", r"\|")


# -- the keys of recipes ----------------------------------------------------------------------------------------


def recipes() -> str:
    """Return the page of all keys of a recipe."""
    from spigot.systems import SYSTEMS
    from spigot.tasks import TASKS
    from spigot.training.config import Recipe

    lines = [
        "# The keys of a recipe",
        "",
        "A recipe is a TOML file; `base` names one that it changes, and `--set TABLE.KEY=VALUE` changes one key.",
        "Paths may begin with `~`. None, for which TOML has no word, is `--set KEY=null`.",
        "",
    ]
    tables = {"data", "training", "intermediate"}
    lines += _table("Top level", None, Recipe, skip={*tables, "system", "tasks"})
    for name in ("data", "training", "intermediate"):
        model = _model(Recipe.model_fields[name].annotation)
        lines += _table(f"[{name}]", None, model)
    from spigot.training.config import BuiltinConfig, TaskDataConfig

    lines += _table("[data.NAME]", "The files of one task.", TaskDataConfig)
    lines += _table("[data.builtin]", None, BuiltinConfig)
    for kind, system in SYSTEMS.items():
        lines += _table(f'[system], kind = "{kind}"', None, system.config_class)
    seen: dict[type[BaseModel], None] = {}
    for system in SYSTEMS.values():
        for field in system.config_class.model_fields.values():
            for part in _models(field.annotation):
                seen[part] = None
    for part in seen:
        lines += _table(f"A part: {part.__name__}", None, part)
    for kind, task in TASKS.items():
        lines += _table(f'[tasks.NAME], kind = "{kind}"', None, task, skip={"name"})
    lines += _named()
    return "\n".join(lines) + "\n"


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type):
        return [annotation] if issubclass(annotation, BaseModel) else []
    return [model for inner in getattr(annotation, "__args__", ()) for model in _models(inner)]


def _model(annotation: Any) -> type[BaseModel]:
    return _models(annotation)[0]


def _table(title: str, intro: str | None, model: type[BaseModel], skip: Iterable[str] = ()) -> list[str]:
    docs, types = _attributes(model)
    about = _markdown(cleandoc(model.__doc__ or "")) if intro is None else intro
    lines = [f"## {title}", "", about, "", "| key | type | default | |", "|---|---|---|---|"]
    for name, field in model.model_fields.items():
        if name in skip:
            continue
        default = field.default
        if default is PydanticUndefined and field.default_factory is None:
            shown = "required"
        elif default is PydanticUndefined or isinstance(default, BaseModel):
            shown = ""
        else:
            text = repr(str(default)) if isinstance(default, Path) else repr(default)
            shown = f"`{text}`".replace("|", r"\|")
        lines.append(f"| `{name}` | {types.get(name, '')} | {shown} | {_cell(docs.get(name, ''))} |")
    return [*lines, ""]


def _attributes(model: type[BaseModel]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the docstring below each field and its type, those of base classes included."""
    docs: dict[str, str] = {}
    types: dict[str, str] = {}
    for owner in reversed(model.__mro__):
        if owner.__module__.startswith("spigot."):
            here = _code()[f"{owner.__module__.removeprefix('spigot.')}.{owner.__qualname__}"]
            for name, member in here.members.items():
                if member.is_attribute:
                    types[name] = f"`{_type(str(member.annotation or ''))}`".replace("|", r"\|")
                    if member.docstring:
                        docs[name] = member.docstring.value
    return docs, types


def _type(annotation: str) -> str:
    """Return an annotation as readers know it, without the conditions of `Annotated`."""

    class Plain(ast.NodeTransformer):
        def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
            self.generic_visit(node)
            annotated = ast.unparse(node.value) == "Annotated"
            return node.slice.elts[0] if annotated and isinstance(node.slice, ast.Tuple) else node

    return re.sub(r"\bHomePath\b", "path", ast.unparse(Plain().visit(ast.parse(annotation))))


def _named() -> list[str]:
    """Return the classes that a recipe names, with their arguments."""
    from spigot.models import config

    titles = {
        "NamedSurrogate": "surrogate",
        "NamedEncoder": "encoder",
        "NamedScorer": "scorer",
        "NamedTreeFeature": "tree_feature",
    }
    from spigot.named import public_classes

    lines = [
        "## Classes by name",
        "",
        'A key that takes a class holds its name and its arguments: `{ name = "SPIGOT", step_size = 1.0 }`.',
        "",
    ]
    for named, key in titles.items():
        kind = getattr(config, named)
        lines += [f"### {key}", ""]
        for name, found in sorted(public_classes(kind.package, kind.base).items()):
            thing = _code()[f"{found.__module__.removeprefix('spigot.')}.{found.__qualname__}"]
            shown = _signature(thing, name)
            for given in kind.context:
                shown = re.sub(rf"\b{given}(=[^,)]*)?(, )?", "", shown, count=1)
            lines += [f"**`{_line(shown.replace('(*, ', '('))}`**", "", *_docstring(thing), ""]
    return lines
