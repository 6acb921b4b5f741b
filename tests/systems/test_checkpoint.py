import json
import os
import re
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

import spigot
from spigot.errors import UserError
from spigot.systems.checkpoint import CONFIG, SHARED, VOCABULARY, WEIGHTS, CheckpointError, Pretrained
from spigot.systems.loading import load_system
from spigot.systems.syntax_then_semantics import SyntaxThenSemantics
from tests.models.tiny import SENTENCES, system, tiny_model, tiny_vocabularies


@pytest.fixture
def saved(tmp_path):
    tiny_model().save_pretrained(tmp_path / "run")
    return tmp_path / "run"


@pytest.mark.parametrize("syntax", [True, False])
def test_what_was_saved_comes_back(tmp_path, syntax):
    model = tiny_model(syntax=syntax).train()
    model.save_pretrained(tmp_path)
    loaded = SyntaxThenSemantics.from_pretrained(tmp_path)
    assert not any(module.training for module in loaded.modules())
    assert loaded.config == model.config
    model.eval()
    assert loaded.parse(SENTENCES) == model.parse(SENTENCES)
    for ours, theirs in zip(loaded(*loaded.encode(SENTENCES))[0], model(*model.encode(SENTENCES))[0], strict=True):
        assert torch.equal(ours, theirs)


def test_vectors_of_words_outside_training_are_kept(tmp_path):
    vectors = {"wolf": torch.arange(6.0)}
    config = tiny_model().config
    model = SyntaxThenSemantics(
        config, tiny_vocabularies(vector_words=["wolf"]), {"syntax": vectors, "semantics": vectors}
    )
    model.save_pretrained(tmp_path)
    loaded = SyntaxThenSemantics.from_pretrained(str(tmp_path))
    for parser in (loaded.syntax, loaded.semantics):
        assert torch.equal(parser.encoder.vector_word, vectors["wolf"][None])


def test_the_files_are_json_and_safetensors(saved):
    assert {path.name for path in saved.iterdir()} == {CONFIG, VOCABULARY, WEIGHTS}
    config = json.loads((saved / CONFIG).read_text("utf-8"))
    assert (config["format"], config["kind"]) == (1, "syntax-then-semantics")
    assert set(json.loads((saved / VOCABULARY).read_text("utf-8"))) == {"semantics", "roles", "syntax", "labels"}
    assert load_file(saved / WEIGHTS).keys() == tiny_model().state_dict().keys()


def test_weights_in_half_precision(tmp_path):
    model = tiny_model()
    model.save_pretrained(tmp_path / "whole")
    model.save_pretrained(tmp_path / "half", half=True)
    sizes = [(tmp_path / name / "model.safetensors").stat().st_size for name in ("whole", "half")]
    assert sizes[1] < 0.7 * sizes[0]
    loaded = SyntaxThenSemantics.from_pretrained(tmp_path / "half")
    for (name, tensor), known in zip(loaded.state_dict().items(), model.state_dict().values(), strict=True):
        assert tensor.dtype == known.dtype, name
        torch.testing.assert_close(tensor, known.half().to(known.dtype), rtol=0, atol=0)


def test_saving_again_replaces_the_files(saved):
    other = tiny_model(seed=5)
    other.save_pretrained(saved)
    assert SyntaxThenSemantics.from_pretrained(saved).parse(SENTENCES) == other.parse(SENTENCES)
    assert len(list(saved.iterdir())) == 3


def edit(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes), "utf-8")


def other_sizes(folder):
    config = json.loads((folder / CONFIG).read_text("utf-8"))
    config["system"]["semantics"]["scorer"]["hidden"] = 9
    (folder / CONFIG).write_text(json.dumps(config), "utf-8")


def one_tensor_less(folder):
    tensors = load_file(folder / WEIGHTS)
    del tensors["semantics.arc.head.weight"]
    save_file(tensors, folder / WEIGHTS)


def nan_weight(folder):
    tensors = load_file(folder / WEIGHTS)
    tensors["semantics.arc.head.weight"][0, 0] = float("nan")
    save_file(tensors, folder / WEIGHTS)


def other_weight(folder):
    with safe_open(folder / WEIGHTS, "pt") as file:
        header = file.metadata()
    tensors = load_file(folder / WEIGHTS)
    tensors["semantics.arc.head.weight"][0, 0] += 1
    save_file(tensors, folder / WEIGHTS, header)


def other_structure(folder):
    config = json.loads((folder / CONFIG).read_text("utf-8"))
    config["system"]["syntax"]["structure"]["single_root"] = False
    (folder / CONFIG).write_text(json.dumps(config), "utf-8")


def other_order(folder):
    """The words of another training file: as many, but not where the weights were trained for them."""
    content = json.loads((folder / VOCABULARY).read_text("utf-8"))
    content["semantics"]["words"][3:] = content["semantics"]["words"][:2:-1]
    edit(folder / VOCABULARY, **content)


def words(folder, *strings):
    content = json.loads((folder / VOCABULARY).read_text("utf-8"))
    content["semantics"]["words"][-1:] = strings
    edit(folder / VOCABULARY, **content)


def huge(folder, key):
    """Set a key, wherever it is, to a size that takes minutes to build."""
    text = (folder / CONFIG).read_text("utf-8")
    changed = re.sub(rf'"{key}": [0-9]+', f'"{key}": 1000000000', text)
    assert changed != text
    (folder / CONFIG).write_text(changed, "utf-8")


DAMAGES = {
    "no config": (lambda f: (f / CONFIG).unlink(), "expected a checkpoint, got no config.json"),
    "no vocabulary": (lambda f: (f / VOCABULARY).unlink(), "vocabulary.json: expected JSON"),
    "no weights": (lambda f: (f / WEIGHTS).unlink(), "expected an intact checkpoint"),
    "no JSON": (lambda f: (f / CONFIG).write_text("{"), "config.json: expected JSON"),
    "no UTF-8": (lambda f: (f / VOCABULARY).write_bytes(b"\xff"), "vocabulary.json: expected JSON"),
    "a list": (lambda f: (f / VOCABULARY).write_text("[1]"), "expected a JSON object, got list"),
    "another format": (lambda f: edit(f / CONFIG, format=2), "expected a checkpoint of format 1, got 2 "),
    "another kind": (
        lambda f: edit(f / CONFIG, kind="classifier"),
        "expected kind 'syntax-then-semantics', got 'classifier'",
    ),
    "a strange key": (lambda f: edit(f / CONFIG, system=system() | {"colour": 1}), "system.colour|colour"),
    "a strange key beside the system": (
        lambda f: edit(f / CONFIG, colour=1),
        "the keys system and tasks, got 'colour'",
    ),
    "no system": (lambda f: (f / CONFIG).write_text('{"format": 1, "kind": "syntax-then-semantics"}'), "no 'system'"),
    "no roles": (lambda f: edit(f / VOCABULARY, roles=None), "expected an intact checkpoint"),
    "a list of roles": (lambda f: edit(f / VOCABULARY, roles=[]), "expected an intact checkpoint"),
    "other sizes": (other_sizes, "size mismatch for semantics"),
    "a tensor missing": (one_tensor_less, "semantics.arc.head.weight"),
    "weights cut short": (
        lambda f: (f / WEIGHTS).write_bytes((f / WEIGHTS).read_bytes()[:5000]),
        "expected an intact checkpoint",
    ),
    "a kind that is a list": (lambda f: edit(f / CONFIG, kind=["x"]), r"expected kind .*, got \['x'\]"),
    "tasks that are a list": (lambda f: edit(f / CONFIG, tasks=[]), "expected an intact checkpoint"),
    "a system that is a number": (
        lambda f: edit(f / CONFIG, system=1),
        "expected an intact checkpoint: expected a table, got 1",
    ),
    "huge sizes": (lambda f: huge(f, "word_dim"), "word_dim: expected a size that the .* weights can have"),
    "many layers": (lambda f: huge(f, "layers"), "layers: expected a size that the .* weights can have"),
    "words that are numbers": (lambda f: words(f, 1), "strings: expected text"),
    "NaN in JSON": (lambda f: edit(f / CONFIG, format=float("nan")), "config.json: expected JSON: .* got NaN"),
    "deep JSON": (lambda f: (f / CONFIG).write_text("[" * 100_000), "config.json: expected JSON: "),
    "NaN weights": (nan_weight, "expected finite numbers, got inf or nan"),
    "words in another order": (other_order, "expected what was saved together .*, got other content"),
    "another structure": (other_structure, "expected what was saved together .*, got other content"),
    "a weight that was changed": (other_weight, "expected what was saved together .*, got other content"),
    "empty weights": (lambda f: (f / WEIGHTS).write_bytes(b""), "expected an intact checkpoint"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_an_error_of_one_line(saved, damage):
    harm, message = DAMAGES[damage]
    harm(saved)
    with pytest.raises(CheckpointError, match=message) as caught:
        SyntaxThenSemantics.from_pretrained(saved)
    assert str(saved) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, UserError)


def test_files_that_say_the_same_are_intact(saved):
    """Such as those that an editor or git has written anew, and weights of a version that saved no checksum."""
    for name in (CONFIG, VOCABULARY):
        edit(saved / name)
    SyntaxThenSemantics.from_pretrained(saved)
    save_file(load_file(saved / WEIGHTS), saved / WEIGHTS)
    SyntaxThenSemantics.from_pretrained(saved)


def test_neither_folder_nor_hub_id(tmp_path, saved):
    with pytest.raises(CheckpointError, match=r"expected a folder, got none \(models on the hub are hf://OWNER/NAME\)"):
        SyntaxThenSemantics.from_pretrained(tmp_path / "nothing" / "here")
    with pytest.raises(CheckpointError, match="expected a folder, got a file"):
        SyntaxThenSemantics.from_pretrained(saved / CONFIG)
    with pytest.raises(CheckpointError, match="expected a model on the hub, got none: "):
        SyntaxThenSemantics.from_pretrained("hf://some/model", local_files_only=True, cache_dir=tmp_path / "cache")


def test_a_hub_id_is_downloaded(saved, monkeypatch):
    asked = {}

    def snapshot_download(repo_id, **options):
        asked.update(options, repo_id=repo_id)
        return str(saved)

    monkeypatch.setattr("spigot.systems.checkpoint.snapshot_download", snapshot_download)
    model = SyntaxThenSemantics.from_pretrained("hf://some/model", revision="v2")
    assert model.parse(SENTENCES) == tiny_model().parse(SENTENCES)
    assert asked == {
        "repo_id": "some/model",
        "revision": "v2",
        "allow_patterns": list(SHARED),
    }


@pytest.mark.parametrize("source", ["hf://some/model", "folder"])
def test_an_argument_that_nothing_takes_is_refused(saved, monkeypatch, source):
    monkeypatch.setattr("spigot.systems.checkpoint.snapshot_download", lambda *a, **k: pytest.fail("the hub was asked"))
    source = saved if source == "folder" else source
    message = "mixed_precission: expected an argument of huggingface_hub.snapshot_download, got 'mixed_precission'"
    for load in (spigot.load, load_system, SyntaxThenSemantics.from_pretrained):
        with pytest.raises(UserError, match=message):
            load(source, mixed_precission="bf16")
    assert load_system(saved, local_files_only=True)  # one call may serve folders and the hub


def test_push_to_hub_sends_the_checkpoint_alone(monkeypatch):
    calls = []

    class Api:
        def create_repo(self, repo_id, exist_ok, private):
            calls.append(("create", repo_id, exist_ok))

        def upload_folder(self, **options):
            files = {path.name for path in Path(options["folder_path"]).iterdir()}
            calls.append(("upload", options["repo_id"], options["allow_patterns"], files))

    monkeypatch.setattr("spigot.systems.checkpoint.HfApi", Api)
    tiny_model().push_to_hub("some/model")
    files = {CONFIG, VOCABULARY, WEIGHTS}
    assert calls == [("create", "some/model", True), ("upload", "some/model", list(SHARED), files)]


def test_the_base_class_has_no_description_of_its_own():
    with pytest.raises(TypeError, match="abstract"):
        Pretrained()


def test_the_hub_is_asked_only_for_names_that_say_so(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("spigot.systems.checkpoint.snapshot_download", lambda *a, **k: pytest.fail("the hub was asked"))
    for load in (load_system, SyntaxThenSemantics.from_pretrained):
        with pytest.raises(CheckpointError, match="runs/demo: expected a folder, got none"):
            load("runs/demo")


def test_a_pipe_in_place_of_a_file_does_not_hang(saved):
    (saved / VOCABULARY).unlink()
    os.mkfifo(saved / VOCABULARY)
    with pytest.raises(CheckpointError, match=r"vocabulary\.json: expected JSON: not a file"):
        load_system(saved)


def test_a_kind_that_is_a_list(saved):
    edit(saved / CONFIG, kind=["x"])
    with pytest.raises(CheckpointError, match="expected a kind of"):
        load_system(saved)


def test_a_full_disk_leaves_the_weights_as_they_were(saved, monkeypatch):
    before = (saved / WEIGHTS).read_bytes()

    def full(tensors, path, metadata=None):
        path.write_bytes(b"half")
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("spigot.systems.checkpoint.save_file", full)
    with pytest.raises(OSError, match=r"model\.safetensors: not saved: .*No space left on device"):
        tiny_model(seed=5).save_pretrained(saved)
    assert (saved / WEIGHTS).read_bytes() == before
    assert len(list(saved.iterdir())) == 3
