"""ListOps: nested operations on lists of digits, each with its value and its tree. Made here, from a seed.

Nangia and Bowman (2018), "ListOps: A Diagnostic Dataset for Latent Tree Learning". `[MAX 2 9 [MIN 4 7 ] 0 ]` is 9:
whoever classifies such a sequence by its value needs its tree. An operator is the head of its arguments and of its
closing bracket; ROOT is the head of the outermost operator, or of a digit that stands alone.

Where the settings come from:

- `ORIGINAL`: operators, digits, probability, numbers of arguments, depth, and a median cut to an integer are those of
  the original program, `make_data.py`, as a public copy has it. Elements of its level 20 are digits, so at most 19
  operators are nested. The sizes of the published files were not confirmed.
- `SIMPLIFIED`: Paulus et al. (2020), "Gradient Estimation with Stochastic Softmax Tricks", whom Struminsky et al.
  (2021), "Leveraging Recursive Gumbel-Max Trick for Approximate Inference in Combinatorial Spaces", follow: they say
  that SM is left out, and that length and depth are bounded. The numbers are those of the program that an author of the
  second paper published (github.com/agadetsky/sochischool, listops/data_processing): depths 1 to 5; 10 to 49 tokens
  from depth 2 on (a list without lists in it has at most 7); 100,000, 10,000 and 10,000 sequences, a fifth of each
  depth. Its trees are the same too. The text of the first paper was not compared.

Sequences are drawn as those programs draw them: by rejection, and no sequence twice. One thing differs. They draw
`train` first and give the other splits what is left, so that these lack most of the short lists. Here a hash of the
sequence says which split it may be in. So the splits have the same distribution, a split does not depend on the size of
another one, and no sequence is in two splits, not even in those of different seeds or settings.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random
from types import MappingProxyType

from spigot.corpora.files import replaced
from spigot.corpora.summary import Progress, Summary, no_progress
from spigot.data.conllu import write_parses
from spigot.data.sentence import NO_LABEL, SYNTAX, Sentence, Tree
from spigot.errors import UserError

END = "]"


def _median(values: Sequence[int]) -> int:
    ordered = sorted(values)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) // 2


OPERATORS: Mapping[str, Callable[[Sequence[int]], int]] = MappingProxyType(
    {"[MAX": max, "[MIN": min, "[MED": _median, "[SM": lambda values: sum(values) % 10}
)
"""What each operator makes of its arguments; the median of an even number is the mean of the two in the middle, cut."""

SHARES: Mapping[str, int] = MappingProxyType({"train": 10, "dev": 1, "test": 1})
"""The splits, and which part of all sequences each may hold."""
_SPLIT_OF_PLACE = tuple(split for split, share in SHARES.items() for _ in range(share))

_MOST_DRAWS = 1_000_000
"""So many draws in a row without a new sequence mean that there are no more."""


@dataclass(frozen=True)
class Settings:
    """How sequences are drawn.

    Raises:
        ValueError: an operator is not known, or numbers contradict each other.
    """

    operators: tuple[str, ...]
    max_depth: int
    """How many operators may be nested in each other; a lone digit has depth 0."""
    equal_depths: bool = False
    """Whether there are as many sequences of each depth from 1 to `max_depth`, each drawn with its depth as bound."""
    min_length: int = 1
    """In tokens; sequences of depth 0 and 1 may be shorter."""
    max_length: int | None = None
    probability: float = 0.25
    """Of an operator as the next element, where one more may be nested."""
    max_arguments: int = 5
    """An operator has from 2 to so many arguments, all numbers equally likely."""

    def __post_init__(self) -> None:
        unknown = [operator for operator in self.operators if operator not in OPERATORS]
        if unknown or not self.operators:
            raise ValueError(f"operators: expected some of {', '.join(OPERATORS)}, got {', '.join(unknown) or 'none'}")
        if not 0 < self.probability < 1:
            raise ValueError(f"probability: expected a number between 0 and 1, got {self.probability}")
        for name, least in (("max_depth", 1), ("max_arguments", 2), ("max_length", self.min_length)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"{name}: expected at least {least}, got {value}")


ORIGINAL = Settings(tuple(OPERATORS), max_depth=19)
SIMPLIFIED = Settings(("[MAX", "[MIN", "[MED"), max_depth=5, equal_depths=True, min_length=10, max_length=49)
SETTINGS: Mapping[str, Settings] = MappingProxyType({"original": ORIGINAL, "simplified": SIMPLIFIED})


def generate(settings: Settings, split: str, *, seed: int = 1) -> Iterator[Sentence]:
    """Yield different sequences of a split (train, dev or test) as sentences with trees, without end.

    The k-th depends on the arguments alone. With `equal_depths` the depths take turns.

    Raises:
        UserError: there are no more, or the next one is too hard to find.
    """
    rng = Random(f"{seed}/{split}")
    depths = range(1, settings.max_depth + 1) if settings.equal_depths else (None,)
    seen: set[str] = set()
    while True:
        for depth in depths:
            tokens = _new(rng, settings, depth, split, seen)
            blank = (NO_LABEL,) * len(tokens)
            trees = {SYNTAX: Tree(_heads(tokens), blank)}
            name = f"listops-{split}-{len(seen)}"
            categories = {"category": str(_value(tokens))}
            yield Sentence(name, tokens, lemmas=blank, tags=blank, trees=trees, categories=categories)


def write_listops(
    out: Path, settings: Settings, sentences: int, *, seed: int = 1, progress: Progress = no_progress
) -> Summary:
    """Write `train.conllu`, with so many sequences, and `dev.conllu` and `test.conllu`, a tenth of it each, to `out`.

    The value of a sequence is in the comment `category`. The files appear together, when all are complete.

    Raises:
        UserError: fewer than 10 sequences, or more than there are.
    """
    if sentences < 10:
        raise UserError(f"sentences: expected at least 10, got {sentences}")
    summary = Summary()

    def counted(split: str, size: int) -> Iterator[Sentence]:
        for number, sentence in enumerate(islice(generate(settings, split, seed=seed), size), 1):
            summary.counts[f"{split}: sentences"] += 1
            summary.counts[f"{split}: tokens"] += len(sentence)
            yield sentence
            if number % 1000 == 0 or number == size:
                progress(split, number, size)

    with ExitStack() as stack:
        for split, share in SHARES.items():
            unfinished = stack.enter_context(replaced(out / f"{split}.conllu"))
            write_parses(counted(split, sentences * share // SHARES["train"]), unfinished)
    return summary


def attribution(settings: str, sentences: int, seed: int) -> str:
    """Return what is written beside the files: what they are, and how to make them again."""
    return (
        "ListOps: nested operations on lists of digits, with their values and trees\n"
        "Licence: none needed; made by spigot, with nothing of others in it\n\n"
        "After Nangia and Bowman (2018), ListOps: A Diagnostic Dataset for Latent Tree Learning;\n"
        "the simplified settings after Paulus et al. (2020), Gradient Estimation with Stochastic Softmax Tricks.\n"
        f"spigot data listops --settings {settings} --sentences {sentences} --seed {seed}\n"
    )


def _new(rng: Random, settings: Settings, depth: int | None, split: str, seen: set[str]) -> tuple[str, ...]:
    """Draw until a sequence fits and is new; add it to `seen`."""
    limit = settings.max_depth if depth is None else depth
    for _ in range(_MOST_DRAWS):
        tokens, found = _draw(rng, settings, limit)
        if depth not in (None, found) or (found > 1 and len(tokens) < settings.min_length):
            continue
        if settings.max_length is not None and len(tokens) > settings.max_length:
            continue
        text = " ".join(tokens)
        if text not in seen and _split_of(text) == split:
            seen.add(text)
            return tuple(tokens)
    kind = "" if depth is None else f" of depth {depth}"
    raise UserError(
        f"sentences: expected fewer, since after {len(seen)} for {split} no new one{kind} came in {_MOST_DRAWS} draws"
    )


def _draw(rng: Random, settings: Settings, limit: int) -> tuple[list[str], int]:
    """Draw a sequence; return its tokens and its depth, at most `limit`. One that gets too long is cut off."""
    random, operators, probability = rng.random, settings.operators, settings.probability
    longest = settings.max_length or float("inf")
    tokens: list[str] = []
    missing = [1]  # elements that are still to come: of the whole, and of each open list
    depth = 0
    while missing and len(tokens) <= longest:
        if missing[-1] == 0:
            missing.pop()
            if missing:
                tokens.append(END)
            continue
        missing[-1] -= 1
        if len(missing) <= limit and random() < probability:
            # Only `random` gives the same numbers in every version of Python.
            tokens.append(operators[int(random() * len(operators))])
            missing.append(2 + int(random() * (settings.max_arguments - 1)))
            depth = max(depth, len(missing) - 1)
        else:
            tokens.append("0123456789"[int(random() * 10)])
    return tokens, depth


def _split_of(text: str) -> str:
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return _SPLIT_OF_PLACE[int.from_bytes(digest, "big") % len(_SPLIT_OF_PLACE)]


def _heads(tokens: Sequence[str]) -> tuple[int, ...]:
    heads, opened = [], [0]
    for number, token in enumerate(tokens, 1):
        heads.append(opened[-1])
        if token == END:
            opened.pop()
        elif token in OPERATORS:
            opened.append(number)
    return tuple(heads)


def _value(tokens: Sequence[str]) -> int:
    lists: list[list[int]] = [[]]
    operators: list[str] = []
    for token in tokens:
        if token in OPERATORS:
            operators.append(token)
            lists.append([])
        elif token == END:
            value = OPERATORS[operators.pop()](lists.pop())
            lists[-1].append(value)
        else:
            lists[-1].append(int(token))
    return lists[0][0]
