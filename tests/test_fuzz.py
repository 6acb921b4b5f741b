"""Damaged inputs of every kind are refused in one line, or read; none gives a traceback or takes long.

Mutations are seeded. SPIGOT_FUZZ sets how many there are of each kind.
"""

import json
import os
import random
import shutil
import signal
import tomllib
from collections import Counter
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from spigot.data.readers import READERS, read_sentences
from spigot.data.sentence import SEMANTICS
from spigot.data.vectors import read_vectors
from spigot.data.writers import WRITERS, fitting
from spigot.errors import UserError
from spigot.systems.checkpoint import CONFIG, VOCABULARY
from spigot.systems.loading import load_system
from spigot.training.recipe import load_recipe, parse_recipe
from spigot.training.state import RECIPE, STATE, check_folder, load_state, parse_progress, save_state
from tests.models.tiny import SENTENCES, tiny_model

MUTATIONS = int(os.environ.get("SPIGOT_FUZZ", "200"))
SECONDS = 10
"""How long one mutation may take."""
PIECES = [
    *(b"", b"\t", b"\n", b"\n\n", b"\r", b"\r\n", b"\0", b" ", b"#", b"_", b"-", b".", b"=", b'"', b"[", b"{", b":"),
    *(b"\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xff\xfe", b"\x1f\x8b", "\u0665".encode(), "\u2028".encode()),
    *(b"0", b"-1", b"1e400", b"nan", b"9" * 5000, b"1000000000", b"null", b"true", b"[]", b"{}", b"\\ud800", b"a\\tb"),
]
VALUES = [None, True, -1, 0, 1.5, 10**9, 10**30, "", "x", "\0", [], ["x"], {}, {"x": 1}, [[]], 1e308]


def mutated_bytes(content, draw):
    """Change a few places: replace, insert, delete, repeat or cut."""
    content = bytearray(content)
    for _ in range(draw.randint(1, 4)):
        start = draw.randint(0, len(content))
        end = min(len(content), start + draw.choice([0, 1, 1, 2, 8, 40]))
        kind = draw.randrange(5)
        if kind == 0:
            content[start:end] = draw.choice(PIECES)
        elif kind == 1:
            content[start:start] = draw.choice(PIECES)
        elif kind == 2:
            del content[start:end]
        elif kind == 3:
            content[start:start] = content[start:end] * 2
        elif draw.random() < 0.3:
            del content[start:]
    return bytes(content)


def mutated_tree(content, draw):
    """Replace, add or delete one value anywhere in nested tables and lists."""
    places = [(None, None)]
    pending = [content]
    for node in pending:
        for key in node if isinstance(node, dict) else range(len(node)):
            places.append((node, key))
            if isinstance(node[key], dict | list):
                pending.append(node[key])
    node, key = draw.choice(places[1:])
    kind = draw.randrange(4)
    if kind == 0:
        del node[key]
    elif kind == 1 and isinstance(node, dict):
        node[draw.choice(["x", "", "name", "layers"])] = draw.choice(VALUES)
    else:
        node[key] = draw.choice(VALUES)
    return content


def in_time(action):
    """Do something that may raise a UserError; fail if it takes too long, or if the message is not one line."""

    def too_long(number, frame):
        pytest.fail(f"expected an end within {SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(SECONDS)
    try:
        return action()
    except (UserError, FileNotFoundError, IsADirectoryError) as error:
        if "\n" in str(error) or not str(error):
            pytest.fail(f"expected one line, got {error!r}")
        return None
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A valid file in each format."""
    folder, texts = tmp_path_factory.mktemp("inputs"), {}
    for format in READERS:
        path = folder / format
        WRITERS[format](fitting(SENTENCES[:3], format, Counter()), path)
        texts[format] = path.read_bytes()
    return texts


@pytest.mark.parametrize("format", READERS)
def test_readers(tmp_path, inputs, format):
    path, draw = tmp_path / "input", random.Random(f"reader {format}")
    for _ in range(MUTATIONS):
        path.write_bytes(mutated_bytes(inputs[format], draw))
        guess = format if draw.random() < 0.8 else None
        read = in_time(lambda guess=guess: list(read_sentences(path, guess, graph=SEMANTICS)))
        if read is not None and guess is not None:
            # What a reader takes its own writer can write; others may refuse it, in one line.
            WRITERS[format](fitting(read, format, Counter()), tmp_path / "output")
            target = draw.choice([*WRITERS])
            in_time(lambda read=read, target=target: WRITERS[target](fitting(read, target, Counter()), tmp_path / "o"))


def test_vectors(tmp_path):
    path, draw = tmp_path / "vectors.txt", random.Random("vectors")
    for _ in range(MUTATIONS):
        path.write_bytes(mutated_bytes(b"3 2\nthe 0.1 0.2\ndog 1 2\n. -1 3e-2\n", draw))
        in_time(lambda: read_vectors(path))


RECIPES = sorted((Path(__file__).parents[1] / "recipes").rglob("*.toml"))


def test_recipes(tmp_path):
    draw = random.Random("recipes")
    path = tmp_path / "mine.toml"
    for _ in range(MUTATIONS):
        content = draw.choice(RECIPES).read_bytes().replace(b"base = ", b"# ")
        path.write_bytes(mutated_bytes(content, draw))
        in_time(lambda: load_recipe(str(path)))
        in_time(lambda: load_recipe("demo", data=str(path)))


def test_settings(tmp_path):
    """Values of wrong types anywhere in a recipe."""
    draw = random.Random("settings")
    for _ in range(MUTATIONS):
        content = tomllib.loads(draw.choice(RECIPES).read_text("utf-8"))
        content.pop("base", None)
        in_time(lambda content=content: parse_recipe(mutated_tree(content, draw), "mine.toml"))


@pytest.mark.parametrize("name", [CONFIG, VOCABULARY])
@pytest.mark.parametrize("how", ["bytes", "tree"])
def test_checkpoints(tmp_path, name, how):
    draw = random.Random(f"checkpoint {name} {how}")
    tiny_model().save_pretrained(tmp_path / "whole")
    whole = (tmp_path / "whole" / name).read_bytes()
    shutil.copytree(tmp_path / "whole", tmp_path / "run")
    for _ in range(MUTATIONS):
        if how == "bytes":
            content = mutated_bytes(whole, draw)
        else:
            content = json.dumps(mutated_tree(json.loads(whole), draw)).encode()
        (tmp_path / "run" / name).write_bytes(content)
        in_time(lambda: load_system(tmp_path / "run"))


PROGRESS = {
    "epoch": 1,
    "step": 2,
    "seconds": 1.5,
    "losses": {"syntax": [3.5, 2]},
    "files": {"a.conllu": "0"},
    "start": None,
}
PROGRESS["history"] = [{"epoch": 1, "loss": {"syntax": 1.5}, "dev": {"uas": 0.5}}]


def mutated_tensors(tensors, draw):
    """Drop, rename, reshape, convert or change one tensor."""
    tensors = dict(tensors)
    name = draw.choice([*tensors])
    tensor = tensors.pop(name)
    kind = draw.randrange(5)
    if kind == 1:
        tensors[draw.choice(["x", f"{name}x", name.partition(".")[2]])] = tensor
    elif kind == 2:
        tensors[name] = tensor[None]
    elif kind == 3:
        tensors[name] = tensor.to(draw.choice([torch.int64, torch.bool, torch.float16, torch.complex64]))
    elif kind == 4:
        tensors[name] = tensor + draw.choice([1, float("nan"), float("inf")])
    return tensors


@pytest.mark.parametrize("how", ["bytes", "tree", "tensors"])
def test_states(tmp_path, how):
    """What is not refused is what was saved."""
    draw = random.Random(f"state {how}")
    model, other = tiny_model(), tiny_model(seed=1)
    optimizer = torch.optim.Adam(model.parameters())
    sum(parameter.square().sum() for parameter in model.parameters()).backward()
    optimizer.step()
    save_state(tmp_path, model, optimizer, PROGRESS)
    whole, tensors = (tmp_path / STATE).read_bytes(), load_file(tmp_path / STATE)
    with safe_open(tmp_path / STATE, "pt") as file:
        header = file.metadata()
    head = 8 + int.from_bytes(whole[:8], "little")
    for _ in range(MUTATIONS):
        if how == "bytes":  # of the header, as often as not: it is short
            content = (
                mutated_bytes(whole[:head], draw) + whole[head:] if draw.random() < 0.5 else mutated_bytes(whole, draw)
            )
            (tmp_path / STATE).write_bytes(content)
        elif how == "tree":
            progress = json.dumps(mutated_tree(json.loads(json.dumps(PROGRESS)), draw))
            save_file(tensors, tmp_path / STATE, header | {"progress": progress})
        else:
            save_file(mutated_tensors(tensors, draw), tmp_path / STATE, header)
        again = torch.optim.Adam(other.parameters())
        read = in_time(lambda again=again: parse_progress(tmp_path, load_state(tmp_path, other, again)))
        if read is not None:
            save_state(tmp_path, other, again, read.model_dump())
            found = load_file(tmp_path / STATE)
            assert read.model_dump() == PROGRESS
            assert all(torch.equal(found[name], tensors[name]) for name in tensors)


@pytest.mark.parametrize("how", ["bytes", "tree"])
def test_recipes_of_runs(tmp_path, how):
    """The recipe of an interrupted run goes with --resume, or it is refused."""
    draw = random.Random(f"recipe of a run {how}")
    recipe = load_recipe("demo")
    whole = recipe.model_dump_json(exclude_unset=True).encode()
    (tmp_path / STATE).touch()
    for _ in range(MUTATIONS):
        if how == "bytes":
            content = mutated_bytes(whole, draw)
        else:
            content = json.dumps(mutated_tree(json.loads(whole), draw)).encode()
        (tmp_path / RECIPE).write_bytes(content)
        in_time(lambda: check_folder(tmp_path, recipe, resume=True))
