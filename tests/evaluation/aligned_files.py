"""Files of one text, cut into sentences and tokens in many ways."""

import io
import random

from spigot.data.conllu import read_conllu

LABELS = ("nsubj", "nsubj:pass", "obj", "det", "punct", "root")


def sentences_of(text):
    """Return sentences, with blank lines between them, from rows "ID FORM HEAD LABEL [DEPS]"."""
    blocks = []
    for block in text.strip().split("\n\n"):
        rows = [row.split() for row in block.splitlines()]
        lines = []
        for number, form, *rest in rows:
            head, label, deps = [*rest, *("_",) * (3 - len(rest))]
            lines.append("\t".join([number, form, "_", "_", "_", "_", head, label, deps, "_"]))
        graph = ["# graphs = semantics"] if any(row[4:] for row in rows) else []
        blocks.append("\n".join([*graph, *lines]))
    return list(read_conllu(io.StringIO("\n\n".join(blocks) + "\n\n")))


def random_file(text, rng, multiword=0.2, forms="abc"):
    """Cut a text at random; words of multiword tokens have forms of their own from the letters in `forms`."""
    blocks, position = [], 0
    while position < len(text):
        rows, words = [], 0
        for _ in range(rng.randint(1, 6)):
            token = text[position : position + rng.randint(1, 3)]
            if not token:
                break
            position += len(token)
            if rng.random() < multiword:
                inner = [rng.choice(forms) for _ in range(rng.randint(1, 3))]
                rows.append(f"{words + 1}-{words + len(inner)} {token} _ _")
            else:
                inner = [token]
            for form in inner:
                words += 1
                rows.append((words, form))
        rng.shuffle(order := list(range(1, words + 1)))
        heads = {word: rng.choice([0, *order[:place]]) for place, word in enumerate(order)}
        arcs = {
            w: [f"{h}:{rng.choice('xy')}" for h in range(words + 1) if h != w and rng.random() < 0.2] for w in order
        }
        blocks.append(
            "\n".join(
                row
                if isinstance(row, str)
                else f"{row[0]} {row[1]} {heads[row[0]]} {rng.choice(LABELS)} {'|'.join(arcs[row[0]]) or '_'}"
                for row in rows
            )
        )
    return sentences_of("\n\n".join(blocks))


def random_pair(seed, **settings):
    rng = random.Random(seed)
    text = "".join(rng.choice("abc") for _ in range(rng.randint(1, 60)))
    return random_file(text, rng, **settings), random_file(text, rng, **settings)
