"""What the page asks for, as sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from spigot.data.sentence import SENTIMENTS, Arc, Graph, Sentence
from spigot.data.spacy_docs import BLANK, pipeline
from spigot.errors import UserError
from spigot.systems.base import System
from spigot.systems.parser import bare
from spigot.tasks.category import Category
from spigot.tasks.semantics import Semantics
from spigot.tasks.sentiment import Sentiment

LONGEST = 200
"""The most tokens of a sentence."""


def sentence_of(text: str, tokenized: bool, number: int | None, gold: Sequence[Sentence], language: str) -> Sentence:
    """Return a gold sentence, or a text as one sentence. Raises UserError.

    Its tokens are those of spaCy's rules for the language; of a `tokenized` text, what stands between blanks.
    """
    if number is not None:
        if number >= len(gold):
            raise UserError(f"gold: expected a number below {len(gold)}, got {number}")
        sentence = gold[number]
    else:
        forms = tuple(text.split())
        if not tokenized and forms:
            forms = tuple(token.text for token in pipeline(BLANK + language).make_doc(text) if not token.is_space)
        blank = ("_",) * len(forms)
        sentence = Sentence("1", forms, blank, blank)
    if not len(sentence):
        raise UserError("text: expected a sentence, got none")
    if len(sentence) > LONGEST:
        raise UserError(f"text: expected at most {LONGEST} tokens, got {len(sentence)}")
    return sentence


def target_of(target: str, sentence: Sentence, name: str, system: System, systems: Mapping[str, System]) -> Sentence:
    """Return the sentence with the annotation that an end task's loss compares with.

    Args:
        target: "gold": that of the sentence; "own": what the system itself predicts; the name of a system: what that
            predicts; else the annotation itself: a graph as lines "head modifier label", head 0 for tops; a sentiment
            as "negative" or "positive"; a class as "NAME = CLASS", with the name of the task.
        sentence: the sentence.
        name: the end task.
        system: the system that has the loss.
        systems: all systems by name.

    Raises:
        UserError: there is no such annotation.
    """
    task = system.tasks[name]
    found = sentence
    if target == "own" or target in systems:
        found = (system if target == "own" else systems[target]).parse([bare(sentence)])[0]
    elif target != "gold" and isinstance(task, Sentiment):
        found = replace(sentence, sentiment=_class(target))
    elif target != "gold" and isinstance(task, Semantics):
        found = sentence.with_graph(task.name, _graph(target, len(sentence)))
    elif target != "gold" and isinstance(task, Category):
        found = sentence.with_category(task.name, _category(target, name, system))
    if not task.has_gold(found):
        raise UserError(f"target: expected a sentence with {task.name}, got {target!r}, which has none")
    return found


def classes_of(name: str, system: System) -> list[str]:
    """Return the classes that an end task may be given as its target; none for a task of another kind."""
    part: Any = system.parts[name]
    return list(part.labels.names) if isinstance(system.tasks[name], Category) else []


def _category(target: str, name: str, system: System) -> str:
    classes = {f"{name} = {each}": each for each in classes_of(name, system)}
    if target not in classes:
        raise UserError(f"target: expected one of {', '.join(classes)}, got {target[:40]!r}")
    return classes[target]


def _class(target: str) -> int:
    if target not in SENTIMENTS:
        raise UserError(f"target: expected {' or '.join(SENTIMENTS)}, got {target[:40]!r}")
    return SENTIMENTS.index(target)


def _graph(lines: str, length: int) -> Graph:
    arcs = []
    for number, line in enumerate(lines.splitlines(), 1):
        if not line.strip():
            continue
        columns = line.split()
        if len(columns) != 3 or not all(column.isascii() and column.isdigit() for column in columns[:2]):
            raise UserError(f"target: expected lines 'head modifier label', got {line[:40]!r} (line {number})")
        head, modifier = int(columns[0]), int(columns[1])
        if head > length or not 1 <= modifier <= length or head == modifier:
            raise UserError(
                f"target: expected two tokens of {length}, head 0 for a top, got {line[:40]!r} (line {number})"
            )
        arcs.append(Arc(head, modifier, columns[2]))
    return Graph(tuple(arcs), frozenset(arc.head for arc in arcs if arc.head))
