"""What is done with a model once it is trained: told about, packed, published, trained on."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from importlib.metadata import distributions
from typing import ClassVar

import pytest
from huggingface_hub.errors import HfHubHTTPError

from spigot.systems import checkpoint
from spigot.systems.card import card, own_classes
from spigot.systems.loading import load_system
from tests.models.tiny import SENTENCES, tiny_model
from tests.training.runs import recipe, train


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("models") / "run"
    before = os.umask(0o022)
    try:
        train(out, recipe("spigot"))
    finally:
        os.umask(before)
    return out


def test_info_says_what_a_model_is(spigot, run):
    code, out, _ = spigot("info", run, "--json")
    content = json.loads(out)
    assert code == 0
    assert content["reads"] == ["lemmas", "tags", "words"]
    assert content["predicts"] == {"semantics": "graphs", "syntax": "trees"}
    assert content["surrogate"].startswith("SPIGOT(")
    assert content["dev"].keys() == {"uas", "las", "uf", "lf"}
    assert content["versions"].keys() == {"python", "torch-spigot", "torch", "numba", "numpy"}
    assert content["encoders"] == {"semantics": "BiLSTMEncoder", "syntax": "BiLSTMEncoder"}
    assert content["words"].keys() == {"semantics", "syntax"}
    assert content["licence"] == "unknown"
    lines = spigot("info", run)[1].splitlines()
    assert "reads: lemmas, tags, words" in lines
    assert f"card: {run / 'README.md'}" in lines
    dev = ", ".join(f"{name} {100 * value:.2f}" for name, value in content["dev"].items())
    assert f"dev: {dev}" in lines


def test_info_tells_the_settings_of_a_surrogate_of_ones_own(spigot, tmp_path, monkeypatch):
    code = [
        "from spigot import ArgmaxSurrogate",
        "class Halved(ArgmaxSurrogate):",
        "    def __init__(self, by: float = 2.0, name_of_it: str = 'half'):",
        "        self.by = by",
        "    def backward(self, problem, output, saved, grad_output):",
        "        return grad_output / self.by",
    ]
    (tmp_path / "halved_surrogate.py").write_text("\n".join(code), "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    tiny_model("halved_surrogate.Halved", by=3.0).save_pretrained(tmp_path / "run")
    content = json.loads(spigot("info", tmp_path / "run", "--json")[1])
    assert content["surrogate"] == "halved_surrogate.Halved(by=3.0, name_of_it='half')"


def test_info_has_the_licence_that_the_card_names(spigot, run, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    text = (copy / "README.md").read_text("utf-8")
    (copy / "README.md").write_text(text.replace("license: unknown", "license: cc-by-sa-4.0"), "utf-8")
    assert json.loads(spigot("info", copy, "--json")[1])["licence"] == "cc-by-sa-4.0"


def test_info_of_a_checkpoint_without_a_run(spigot, runs):
    code, out, _ = spigot("info", runs / "run")
    assert code == 0
    assert "date" not in out


def test_a_run_leaves_what_may_be_shared(run):
    about = json.loads((run / "about.json").read_text("utf-8"))
    assert about["recipe"]["training"]["weight_decay"] == 1e-06  # a default
    text = (run / "README.md").read_text("utf-8")
    assert "license: unknown" in text
    assert f"| lf | {100 * about['dev']['lf']:.2f} |" in text
    for name in ("about.json", "README.md", "config.json"):
        assert str(run.parent) not in (run / name).read_text("utf-8")
    for name in checkpoint.SHARED[:5]:
        assert stat.S_IMODE((run / name).stat().st_mode) == 0o644


def test_paths_are_told_by_their_names(tmp_path, monkeypatch):
    from spigot.training.about import write_about

    system = load_system_of_tiny()
    wanted = recipe("spigot", {"data": {"root": "/home/me/data", "vectors": "/home/me/v.txt", "syntax": {}}})
    monkeypatch.setattr(sys, "argv", ["spigot", "train", "/home/me/r.toml", "--set", "data.root=/home/me/data"])
    write_about(tmp_path, wanted, system, {"dev": {"lf": 0.5}, "epoch": 1})
    about = json.loads((tmp_path / "about.json").read_text("utf-8"))
    assert about["command"] == "spigot train r.toml --set data.root=data"
    assert about["recipe"]["data"]["vectors"] == "v.txt"
    assert "/home" not in (tmp_path / "about.json").read_text("utf-8") + (tmp_path / "README.md").read_text("utf-8")
    (tmp_path / "README.md").write_text("mine", "utf-8")
    write_about(tmp_path, wanted, system, {"dev": {"lf": 0.6}, "epoch": 2})
    assert (tmp_path / "README.md").read_text("utf-8") == "mine"


def test_a_card_for_which_there_is_no_room(tmp_path, monkeypatch):
    from spigot.training import about

    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    monkeypatch.setattr(about, "card", lambda *_: "too long" * 10_000)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        with pytest.raises(OSError, match=r"File too large: '.*README\.md'"):
            about.write_about(tmp_path, recipe("spigot"), load_system_of_tiny(), {"dev": {"lf": 0.5}, "epoch": 1})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [path.name for path in tmp_path.iterdir()] == ["about.json"]


def load_system_of_tiny():
    from tests.models.tiny import tiny_model

    return tiny_model()


def test_a_card_of_a_checkpoint_without_a_run():
    assert "Predicts: graphs (`semantics`); trees (`syntax`)" in card(load_system_of_tiny(), {})


def test_classes_of_ones_own_are_named(spigot, run, tmp_path):
    config = {
        "system": {"surrogate": {"name": "mine.Wild", "of": [{"name": "other.One"}]}, "encoder": {"name": "BiLSTM"}}
    }
    assert own_classes(config) == ["mine.Wild", "other.One"]
    system = load_system_of_tiny()
    assert "on the Python path" not in card(system, {})
    assert "spigot parse FOLDER sentences.conllu" in card(system, {})  # it reads tags
    system.to_config = lambda: config
    assert "- Needs beside spigot, on the Python path: `mine.Wild`, `other.One`." in card(system, {})
    assert "warning" not in spigot("package", run, "--name", "plain", "--out", tmp_path / "package")[2]


def test_a_package_is_installed_and_found(spigot, run, tmp_path):
    code, out, _ = spigot("package", run, "--name", "tiny-one", "--out", tmp_path / "package", "--version", "1.2")
    assert (code, out.split(" in ")[0]) == (0, "torch-spigot-tiny-one 1.2")
    assert out.endswith(f"install it with: pip install {tmp_path / 'package'}\n")  # a bare name would be the index's
    target = tmp_path / "installed"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run(
        [*pip, "--target", str(target), str(tmp_path / "package")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (found,) = distributions(path=[str(target)])
    (entry,) = found.entry_points.select(group="spigot.models")
    assert (found.metadata["Name"], entry.name) == ("torch-spigot-tiny-one", "tiny-one")
    sys.path.insert(0, str(target))
    try:
        folder = entry.load().path()
    finally:
        sys.path.remove(str(target))
    assert load_system(folder).parse(SENTENCES[:3]) == load_system(run).parse(SENTENCES[:3])


def test_a_package_can_have_its_weights_in_half_precision(spigot, run, tmp_path):
    assert spigot("package", run, "--name", "small", "--half", "--out", tmp_path / "p")[0] == 0
    small, whole = tmp_path / "p/spigot_model_small/model", run
    assert (small / "model.safetensors").stat().st_size < 0.7 * (whole / "model.safetensors").stat().st_size
    assert load_system(small).parse(SENTENCES[:3])


def test_a_package_has_a_proper_name_and_place(refused, run, tmp_path):
    assert "--name: expected lower-case letters" in refused("package", run, "--name", "En!", "--out", tmp_path / "p")
    (tmp_path / "file").touch()
    assert "expected a new or empty folder" in refused("package", run, "--name", "en", "--out", tmp_path)
    assert "--version: expected numbers" in refused(
        "package", run, "--name", "en", "--out", tmp_path / "p", "--version", "new"
    )


class Hub:
    """What a hub is told."""

    calls: ClassVar = []

    def create_repo(self, repo_id, **options):
        self.calls.append((repo_id, options))

    def upload_folder(self, **options):
        self.calls.append(options)
        return "https://hub/commit"


def test_push_sends_the_model_and_its_card_alone(spigot, run, monkeypatch):
    monkeypatch.setattr(checkpoint, "HfApi", Hub)
    Hub.calls.clear()
    code, out, _ = spigot("push", run, "me/parser", "--private")
    assert (code, out) == (0, "https://hub/commit\n")
    assert Hub.calls[0] == ("me/parser", {"private": True, "exist_ok": True})
    assert Hub.calls[1]["allow_patterns"] == list(checkpoint.SHARED)
    assert "recipe.json" not in checkpoint.SHARED


def test_push_refuses_a_damaged_model(refused, run, tmp_path):
    assert "expected a folder" in refused("push", tmp_path / "none", "me/parser")


def test_push_without_a_network_or_an_owner(refused, run, monkeypatch):
    of_the_library = HfHubHTTPError.__bases__[0]

    def fail(*_, **__):
        raise of_the_library("no network")

    monkeypatch.setattr(checkpoint.HfApi, "create_repo", fail)
    assert "me/parser: expected a repository that can be written: no network" in refused("push", run, "me/parser")
    for name in ("parser", "me/", "a/b/c"):
        assert refused("push", run, name).endswith(f"{name}: expected OWNER/NAME")


def test_recipes_are_listed_and_shown_whole(spigot, refused):
    code, out, _ = spigot("recipes")
    assert code == 0
    assert any(line.startswith("modern/spigot ") for line in out.splitlines())
    shown = json.loads(spigot("recipes", "modern/spigot")[1])
    assert shown["system"]["surrogate"] == {"name": "SPIGOT", "step_size": 1.0, "max_norm": 1.0}
    assert shown["training"]["betas"] == [0.9, 0.999]
    assert json.loads(spigot("recipes", "--json")[1])["modern/spigot"]
    assert "modern/spigot" in refused("recipes", "modern/spigto")


def test_a_run_is_trained_on(spigot, refused, run, tmp_path):
    settings = ["--set", "training.epochs=1", "--device", "cpu"]
    code, out, _ = spigot("train", run, "--from", run, "--out", tmp_path / "more", *settings)
    assert code == 0
    before = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    assert json.loads(out)["loss"]["syntax"] < before["loss"]["syntax"]
    words, ours = ((folder / "vocabulary.json").read_text("utf-8") for folder in (run, tmp_path / "more"))
    assert words == ours
    message = refused(
        "train", run, "--from", run, "--out", tmp_path / "x", *settings, "--set", "system.syntax.encoder.hidden=9"
    )
    assert message.startswith("training.start: expected a run with the [system] of this recipe, got ")
    assert re.search(r"with syntax\.encoder\.hidden \d+ \(here 9\)$", message)
    neurbo = refused("train", "modern/syntax", "--from", run, "--out", tmp_path / "y", "--data", "demo.toml")
    assert "demo.toml" in neurbo or "training.start" in neurbo
