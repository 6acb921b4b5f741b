"""Argument columns, as SDP and CoNLL-2009 have them: one column for each predicate, in the order of the predicates."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from .blocks import Block, Row, check_values
from .errors import DataError, WriteError
from .sentence import TOP, Arc, Graph, Sentence


def read_arguments(block: Block, rows: Sequence[Row], fixed: int, predicates: Sequence[int]) -> list[Arc]:
    """Return the arcs in the columns after the first `fixed` ones.

    Raises:
        DataError: wrong number of columns, or an empty one.
    """
    expected = fixed + len(predicates)
    arcs = []
    for token, (line, columns) in enumerate(rows, 1):
        if len(columns) != expected:
            message = f"expected {expected} columns ({len(predicates)} predicates), got {len(columns)}"
            raise DataError(block.path, line, message)
        for head, label in zip(predicates, columns[fixed:], strict=True):
            if not label:
                raise DataError(block.path, line, "expected a label or _ in each argument column, got nothing")
            if label != "_":
                arcs.append(Arc(head, token, sys.intern(label)))
    return arcs


def argument_columns(sentence: Sentence, graph: Graph) -> list[list[str]]:
    """Return for each token the label of its arc from each predicate, or "_".

    Raises:
        ValueError: a token outside the sentence, an arc from a token that is no predicate, or two arcs between
            the same tokens; the message names the sentence.
    """
    n = len(sentence)
    check_values(sentence, "arc labels", [arc.label for arc in graph.arcs])
    predicates = sorted(graph.predicates)
    if predicates and not 1 <= predicates[0] <= predicates[-1] <= n:
        raise WriteError(f"sentence {sentence.id}: expected predicates from 1 to {n}, got {predicates}")
    column = {head: index for index, head in enumerate(predicates)}
    arguments = [["_"] * len(predicates) for _ in range(n)]
    for arc in graph.arcs:
        if not 1 <= arc.modifier <= n:
            raise WriteError(f"sentence {sentence.id}: expected modifiers from 1 to {n}, got {arc}")
        if arc.head == 0 and arc.label == TOP:
            continue
        if arc.head not in column or arc.label == "_":
            raise WriteError(f"sentence {sentence.id}: expected arcs from predicates (or {TOP} from 0), got {arc}")
        if arguments[arc.modifier - 1][column[arc.head]] != "_":
            raise WriteError(
                f"sentence {sentence.id}: expected at most one arc between two tokens, got a second: {arc}"
            )
        arguments[arc.modifier - 1][column[arc.head]] = arc.label
    return arguments


def frames_of(sentence: Sentence, graph: Graph) -> Sequence[str]:
    """Return the frame of each token, "_" for those without one.

    Raises:
        ValueError: there is not one for each token, or one does not fit into a column.
    """
    frames = graph.frames or ("_",) * len(sentence)
    if len(frames) != len(sentence):
        raise WriteError(f"sentence {sentence.id}: expected {len(sentence)} frames, got {len(frames)}")
    check_values(sentence, "frames", frames)
    return frames
