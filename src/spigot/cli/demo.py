"""`spigot demo`: train a small system on the built-in corpus and parse with it."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spigot.cli.console import emit
from spigot.cli.kernels import announce_compilation
from spigot.errors import UserError

if TYPE_CHECKING:
    from spigot.training.config import Recipe


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the run: new or empty.")],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a setting of the demo's recipe."),
    ] = None,
) -> None:
    """Show the layer; train a small parser through a hard syntactic parse, and a pipeline beside it; show its parses.

    A grammar that comes with the package generates the corpus. It takes the place of a treebank in this
    demonstration; scores on it say nothing about real text.
    """
    from spigot.builtin import splits
    from spigot.data.draw import draw_graph, draw_tree
    from spigot.evaluation import report
    from spigot.systems.loading import load_system
    from spigot.training.recipe import load_recipe, shipped_recipes

    _take_one_thread()
    announce_compilation()
    recipe = load_recipe(str(shipped_recipes()["demo"]), settings or [])
    sizes = recipe.data.builtin
    if sizes is None:
        raise UserError("data.builtin: expected the sizes of the built-in corpus, got none")
    pipeline_recipe = _pipeline(recipe)  # what is wrong in either is said before both are trained
    _train(recipe, out, "training through a hard parse, with SPIGOT, on the built-in corpus (no real text)")
    _train(pipeline_recipe, out / "pipeline", "training the same without a gradient through the parse: a pipeline")
    _show_layer()
    model, pipeline = load_system(out), load_system(out / "pipeline")
    fresh = splits(train=0, dev=0, test=sizes.test, seed=sizes.seed)["test"]
    emit(f"2. Two systems on {len(fresh)} new sentences of the built-in corpus:")
    for title, system in (("SPIGOT", model), ("pipeline", pipeline)):
        emit(f"  {title}")
        measures = [m for name, task in system.tasks.items() for m in task.measures(system.score(name, fresh))]
        for line in report.as_text([m for m in measures if m.name in {"UAS", "LF", "UF"}]):
            emit(f"    {line}")
    emit("")
    emit("3. Parses of SPIGOT's system")
    examples = [s for s in fresh if 7 <= len(s) <= 12][:2]
    for gold, sentence in zip(examples, model.parse(examples), strict=True):
        emit("")
        emit(" ".join(sentence.forms))
        emit("syntactic tree, the intermediate structure, chosen by the layer (left; right: gold)")
        emit(_beside(draw_tree(sentence), draw_tree(gold)))
        emit("semantic graph, the end task (left; right: gold)")
        emit(_beside(draw_graph(sentence), draw_graph(gold)))
    emit("")
    emit(f"Parse your own:  echo 'the dog wants to sleep .' | {_program()} parse {out} --tokenized --to text")


def _take_one_thread() -> None:
    """Let torch work on one thread, if the user has not said on how many.

    Products as small as the demo's gain hardly anything from more (43 s on two, 49 s on one), and where another program
    holds a core, its threads wait for each other after each product: the demo did not end in ten minutes.
    """
    import torch

    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(1)


def _train(recipe: Recipe, out: Path, title: str) -> None:
    from spigot.training.loop import Interrupted, Trainer

    trainer = Trainer(recipe, out, device="cpu")
    trainer.report.line(title)
    try:
        trainer.fit()
    except Interrupted as interrupted:
        typer.echo(f"spigot: {interrupted}", err=True)
        raise typer.Exit(interrupted.code) from None


def _pipeline(recipe: Recipe) -> Recipe:
    """Return a recipe whose syntactic parser is trained first, for as many epochs in all, and then kept as it is."""
    from spigot.training.recipe import parse_recipe

    content = json.loads(recipe.model_dump_json(exclude_unset=True))
    content["system"]["surrogate"] = {"name": "Detach"}
    epochs = recipe.intermediate.pretrain_epochs + recipe.training.epochs
    content["intermediate"] = {"pretrain_epochs": epochs, "frozen": True}
    return parse_recipe(content, "demo")


def _show_layer() -> None:
    """Show what the layer does on the way there and on the way back."""
    import torch

    import spigot

    emit("1. The layer: scores of arcs in, the best tree out; on the way back SPIGOT's gradient for the scores")
    arc_scores = torch.tensor([[[0.0, 1, 2, 0], [0, 0, 1, 0], [0, 3, 0, 2], [0, 0, 1, 0]]], requires_grad=True)
    arcs = spigot.structured_argmax(arc_scores, spigot.ProjectiveTree(single_root=True), spigot.SPIGOT())
    heads = spigot.arcs_to_heads(arcs.detach(), torch.tensor([3]))[0, 1:].tolist()
    emit(f"  heads of three tokens (0 is ROOT): {heads}")
    arcs[0, 1, 3].neg().backward()  # a loss that wants token 1 to be the head of token 3
    gradient = arc_scores.grad
    assert gradient is not None
    emit(f"  a loss wants head 1 for token 3; gradient of its heads' scores: {gradient[0, :, 3].tolist()}")
    emit("")


def _beside(left: str, right: str) -> str:
    """Return two drawings of the same sentence beside each other."""
    from spigot.data.cells import cells, padded

    ours, theirs = left.splitlines(), right.splitlines()
    width = max(map(cells, ours))
    return "\n".join(f"{padded(one, width)}  |  {other}".rstrip() for one, other in zip(ours, theirs, strict=True))


def _program() -> str:
    """Return how this command was called, in a form that works in the same folder."""
    called = Path(sys.argv[0])
    if called.name != "spigot" or not called.is_file():
        return shlex.join([sys.executable, "-m", "spigot"])
    found = shutil.which("spigot")
    return "spigot" if found is not None and called.samefile(found) else shlex.quote(str(called))
