"""`spigot demo`: train a small system on the built-in corpus and parse with it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spigot.cli.console import emit
from spigot.errors import UserError


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the run: new or empty.")],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a setting of the demo's recipe."),
    ] = None,
) -> None:
    """Train a small parser through a hard syntactic parse, then show its parses of new sentences.

    A grammar that comes with the package generates the corpus. It takes the place of a treebank in this
    demonstration; scores on it say nothing about real text.
    """
    from spigot.builtin import splits
    from spigot.data.draw import draw_graph, draw_tree
    from spigot.evaluation import report
    from spigot.systems.loading import load_system
    from spigot.training.loop import Interrupted, Trainer
    from spigot.training.recipe import load_recipe

    recipe = load_recipe("demo", settings or [])
    trainer = Trainer(recipe, out, device="cpu")
    trainer.report.line("training on the built-in corpus (generated sentences, not real text)")
    try:
        trainer.fit()
    except Interrupted as interrupted:
        typer.echo(f"spigot: {interrupted}", err=True)
        raise typer.Exit(interrupted.code) from None

    model = load_system(out)
    sizes = recipe.data.builtin
    if sizes is None:
        raise UserError("data.builtin: expected the sizes of the built-in corpus, got none")
    fresh = splits(train=0, dev=0, test=sizes.test, seed=sizes.seed)["test"]
    emit(f"On {len(fresh)} new sentences of the built-in corpus:")
    measures = [m for name in ("syntax", "semantics") for m in model.tasks[name].measures(model.score(name, fresh))]
    for line in report.as_text([m for m in measures if m.name in {"UAS", "UEM", "LF", "UF", "LM"}]):
        emit(f"  {line}")
    for sentence in model.parse([s for s in fresh if 7 <= len(s) <= 12][:2]):
        emit("")
        emit(" ".join(sentence.forms))
        emit("syntactic tree, the intermediate structure, chosen by the layer:")
        emit(draw_tree(sentence))
        emit("semantic graph, the end task:")
        emit(draw_graph(sentence))
    emit("")
    emit(f"Parse your own:  echo 'the dog wants to sleep .' | spigot parse {out} --tokenized --to text")
