"""Sentences as JSON, one object a line: all that a sentence holds, read back without loss.

    {"id": "1", "text": "It rains.", "forms": ["It", "rains", "."], "spans": [[0, 2], [3, 8], [8, 9]],
     "lemmas": [...], "tags": [...], "upos": [...],
     "trees": {"ud": {"heads": [2, 0, 2], "labels": ["nsubj", "root", "punct"]}},
     "graphs": {"dm": {"predicates": [2], "arcs": [[0, 2, "__TOP__"], [2, 1, "ARG1"]], "frames": [...]}},
     "categories": {"topic": "sports"}, "sentiment": "positive", "probability": 0.9,
     "confidence": {"ud": {"arcs": [0.98, 1.0, 0.99], "labels": [...]}, "dm": {...}}}

Tokens count from 1; head 0 is ROOT, and its arcs in a graph mark the tops. `spans` are (start, end) in characters of
`text`, which begins at `start` of its document, is followed by the white space `after`, and may begin a `paragraph`.
Keys are left out where there is nothing to say; only `id` and `forms` are always there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

from spigot.errors import UserError

from .blocks import fits_column, fits_comment, token_on_cycle
from .errors import DataError, shown
from .files import BOM, Readable, Writable, display_name, numbered_lines, open_output, parse_json
from .sentence import SENTIMENTS, Arc, Confidence, Graph, Sentence, Surface, Tree
from .surface import joined, surface_of

FORMAT = "json"
DIGITS = 6
"""Decimal places of probabilities."""


def read_json_lines(source: Readable) -> Iterator[Sentence]:
    """Yield the sentences of a file in the format above, one at a time; names of trees and graphs are the file's.

    Args:
        source: path ("-" is standard input, ".gz" is unpacked) or open file.

    Raises:
        DataError: a line that is no JSON object of this kind; lists of another length than `forms`; tokens that are
            not there.
    """
    name = display_name(source)
    for number, line in numbered_lines(source):
        text = line.removeprefix(BOM) if number == 1 else line
        if not text.strip():
            continue
        try:
            sentence = sentence_of_json(text)
        except UserError as error:
            raise DataError(name, number, str(error)) from None
        yield sentence


def write_json_lines(sentences: Iterable[Sentence], target: Writable) -> None:
    """Write sentences as JSON, one object a line; the file grows as they come.

    Args:
        sentences: what to write.
        target: path ("-" is standard output, ".gz" is packed) or open text file.
    """
    with open_output(target) as file:
        for sentence in sentences:
            file.write(json.dumps(object_of_sentence(sentence), ensure_ascii=False) + "\n")


def object_of_sentence(sentence: Sentence) -> dict[str, Any]:
    """Return a sentence in JSON types, as above."""
    surface = surface_of(sentence)
    content: dict[str, Any] = {"id": sentence.id, "text": surface.text, "forms": list(sentence.forms)}
    if surface != joined(sentence.forms):
        content["spans"] = [list(span) for span in surface.spans]
        content |= {key: getattr(surface, key) for key, usual in _PLACE.items() if getattr(surface, key) != usual}
    for key in ("lemmas", "tags", "upos"):
        values = getattr(sentence, key)
        if any(value != "_" for value in values):
            content[key] = list(values)
    content["trees"] = {
        name: {"heads": list(tree.heads), "labels": list(tree.labels)} for name, tree in sentence.trees.items()
    }
    content["graphs"] = {name: _object_of_graph(graph) for name, graph in sentence.graphs.items()}
    content["categories"] = dict(sentence.categories)
    if sentence.sentiment is not None:
        content["sentiment"] = SENTIMENTS[sentence.sentiment]
    if sentence.probability is not None:
        content["probability"] = round(sentence.probability, DIGITS)
    content["confidence"] = {name: _object_of_confidence(value) for name, value in sentence.confidences.items()}
    return {key: value for key, value in content.items() if value != {}}


_PLACE = {"start": 0, "after": " ", "paragraph": False}


def _object_of_graph(graph: Graph) -> dict[str, Any]:
    content = {"predicates": sorted(graph.predicates), "arcs": [list(arc) for arc in graph.arcs]}
    return content | ({"frames": list(graph.frames)} if graph.frames else {})


def _object_of_confidence(confidence: Confidence) -> dict[str, list[float]]:
    values = confidence._asdict().items()
    return {key: [round(number, DIGITS) for number in numbers] for key, numbers in values if numbers}


def sentence_of_json(text: str) -> Sentence:
    """Return the sentence of a line as above. Raises UserError."""
    if not isinstance(text, str):
        raise UserError(f"expected a JSON object as text, got {type(text).__name__}")
    try:
        return sentence_of_object(parse_json(text))
    except RecursionError:
        raise UserError("expected a JSON object, got too many brackets") from None
    except json.JSONDecodeError as error:
        raise UserError(f"expected a JSON object, got: {error}") from None
    except ValueError as error:
        raise UserError(str(error)) from None


def sentence_of_object(content: Any) -> Sentence:
    """Return the sentence of an object as above. Raises ValueError: the message is one line that names the key."""
    if not isinstance(content, dict) or not {"id", "forms"} <= set(content):
        got = (", ".join(content) or "an empty one") if isinstance(content, dict) else type(content).__name__
        raise ValueError(f"expected an object with id and forms, got {shown(got)[1:-1]}")
    known = {"id", "text", "forms", "spans", *_PLACE, "lemmas", "tags", "upos", "trees", "graphs"}
    known |= {"categories", "sentiment", "probability", "confidence"}
    if strange := sorted(set(content) - known):
        raise ValueError(f"expected keys {', '.join(sorted(known))}, got {shown(strange[0])}")
    if not isinstance(content["id"], str) or not fits_column(content["id"]):
        raise ValueError(f"id: expected text without tabs, got {shown(str(content['id']))}")
    forms = _texts("forms", content["forms"], None)
    n = len(forms)
    sentiment, probability = content.get("sentiment"), content.get("probability")
    if sentiment not in (None, *SENTIMENTS):
        raise ValueError(f"sentiment: expected {' or '.join(SENTIMENTS)}, got {shown(str(sentiment))}")
    graphs = {name: _graph(f"graphs.{name}", item, n) for name, item in _items("graphs", content)}
    trees = {name: _tree(f"trees.{name}", item, n) for name, item in _items("trees", content)}
    upos = _texts("upos", content["upos"], n) if "upos" in content else ()
    categories, blank = _categories(content.get("categories", {})), ["_"] * n
    counts = {name: len(graph.arcs) for name, graph in graphs.items()} | dict.fromkeys(categories, 1)
    return Sentence(
        id=content["id"],
        forms=forms,
        lemmas=_texts("lemmas", content.get("lemmas", blank), n),
        tags=_texts("tags", content.get("tags", blank), n),
        upos=upos if any(tag != "_" for tag in upos) else (),
        trees=trees,
        graphs=graphs,
        sentiment=None if sentiment is None else SENTIMENTS.index(sentiment),
        probability=None if probability is None else _numbers("probability", [probability], 1)[0],
        categories=categories,
        surface=_surface(content, forms),
        confidences={
            name: _confidence(f"confidence.{name}", item, counts.get(name, n))
            for name, item in _items("confidence", content)
        },
    )


def _items(key: str, content: dict[str, Any]) -> Iterable[tuple[str, dict[str, Any]]]:
    items = content.get(key, {})
    if not isinstance(items, dict) or not all(isinstance(item, dict) for item in items.values()):
        raise ValueError(f"{key}: expected an object of objects, got {shown(str(items))}")
    return items.items()


def _categories(items: Any) -> dict[str, str]:
    if not isinstance(items, dict) or not all(isinstance(item, str) for item in items.values()):
        raise ValueError(f"categories: expected an object of texts, got {shown(str(items))}")
    for name, item in items.items():
        if not fits_comment(name, item):
            raise ValueError(f"categories: expected a name and a class for a comment, got {shown(f'{name} = {item}')}")
    return items


def _texts(key: str, values: Any, length: int | None) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(value, str) and fits_column(value) for value in values):
        raise ValueError(f"{key}: expected a list of texts without tabs and line ends, got {shown(str(values))}")
    return tuple(_of_length(key, values, length))


def _of_length(key: str, values: list[Any], length: int | None) -> list[Any]:
    if length is not None and len(values) != length:
        raise ValueError(f"{key}: expected {length} values, got {len(values)}")
    return values


def _numbers(key: str, values: Any, length: int) -> tuple[float, ...]:
    good = isinstance(values, list) and all(type(v) in (int, float) and 0 <= v <= 1 for v in values)
    if not good:
        raise ValueError(f"{key}: expected numbers from 0 to 1, got {shown(str(values))}")
    return tuple(map(float, _of_length(key, values, length)))


def _is_token(value: Any, first: int, n: int) -> bool:
    return type(value) is int and first <= value <= n


def _tree(key: str, item: dict[str, Any], n: int) -> Tree:
    heads = item.get("heads")
    if not isinstance(heads, list) or not all(_is_token(head, 0, n) for head in heads):
        raise ValueError(f"{key}.heads: expected a list of tokens from 0 to {n}, got {shown(str(heads))}")
    labels = _texts(f"{key}.labels", item.get("labels", ["_"] * n), n)
    if (token := token_on_cycle(_of_length(f"{key}.heads", heads, n))) is not None:
        raise ValueError(f"{key}.heads: expected a tree, got a cycle through token {token}")
    return Tree(tuple(heads), labels)


def _graph(key: str, item: dict[str, Any], n: int) -> Graph:
    predicates, arcs, frames = item.get("predicates", []), item.get("arcs", []), item.get("frames", [])
    if not isinstance(predicates, list) or not all(_is_token(token, 1, n) for token in predicates):
        raise ValueError(f"{key}.predicates: expected a list of tokens from 1 to {n}, got {shown(str(predicates))}")
    good = isinstance(arcs, list) and all(
        isinstance(arc, list)
        and len(arc) == 3
        and _is_token(arc[0], 0, n)
        and _is_token(arc[1], 1, n)
        and isinstance(arc[2], str)
        and arc[2]
        for arc in arcs
    )
    if not good:
        message = f"expected a list of [head, modifier, label] with tokens up to {n}"
        raise ValueError(f"{key}.arcs: {message}, got {shown(str(arcs))}")
    heads = {arc[0] for arc in arcs} - {0}
    return Graph(
        tuple(Arc(*arc) for arc in arcs),
        frozenset(predicates) | heads,
        _texts(f"{key}.frames", frames, n if frames else None),
    )


def _confidence(key: str, item: dict[str, Any], length: int) -> Confidence:
    if strange := set(item) - set(Confidence._fields):
        raise ValueError(f"{key}: expected {' and '.join(Confidence._fields)}, got {shown(min(strange))}")
    return Confidence(**{name: _numbers(f"{key}.{name}", values, length) for name, values in item.items()})


def _surface(content: dict[str, Any], forms: tuple[str, ...]) -> Surface | None:
    """Return the text with its spans; None where the text is the forms with blanks between them."""
    text, spans = content.get("text"), content.get("spans")
    if spans is None:
        usual = joined(forms)
        if text not in (None, usual.text):
            raise ValueError(f"text: expected the forms with blanks between them, or spans, got {shown(str(text))}")
        return None
    if not isinstance(text, str):
        raise ValueError(f"text: expected text beside spans, got {shown(str(text))}")
    good = isinstance(spans, list) and all(
        isinstance(span, list)
        and len(span) == 2
        and all(type(place) is int for place in span)
        and 0 <= span[0] <= span[1] <= len(text)
        for span in spans
    )
    # Words of a multiword token have its span in common.
    if not good or any(span[0] < old[1] and span != old for old, span in pairwise(spans)):
        raise ValueError(
            f"spans: expected a list of [start, end] in the text, one after the other, got {shown(str(spans))}"
        )
    place: dict[str, Any] = {key: content.get(key, usual) for key, usual in _PLACE.items()}
    for key, default in _PLACE.items():
        if type(place[key]) is not type(default):
            raise ValueError(f"{key}: expected {type(default).__name__}, got {shown(str(place[key]))}")
    return Surface(text, tuple((a, b) for a, b in _of_length("spans", spans, len(forms))), **place)
