"""What has to work in an environment with the wheel: blocks and commands of the README and the pages, every extra."""

from __future__ import annotations

import functools
import hashlib
import http.server
import os
import re
import shutil
import subprocess
import threading
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

CORE_PAGES = ("concepts", "paper", "programs", "structures", "surrogates")
PAGES = ("builtin-corpus", "looking", "models", "parse-text", "quickstart")
TINY = (
    "--set 'data.builtin={train = {syntax = 60, semantics = 60}, dev = 5}'"
    " --set training.epochs=1 --set intermediate.pretrain_epochs=1"
)
"""A training run of seconds."""


@dataclass(frozen=True)
class Environment:
    """Programs of an environment, an empty folder to run them in, and the repository whose pages are read."""

    programs: Path
    folder: Path
    top: Path

    def run(self, command: str, code: int = 0) -> str:
        """Run a line of the shell; return what it writes to stdout and stderr."""
        done = subprocess.run(["bash", "-c", command], **self.settings(), capture_output=True, text=True)
        if done.returncode != code:
            raise SystemExit(f"{command}\nexit code {done.returncode}, expected {code}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def settings(self) -> dict[str, object]:
        """Return the working directory and the variables of a program: none that leads into the repository."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        path = f"{self.programs}{os.pathsep}{os.environ['PATH']}"
        return {"cwd": self.folder, "env": kept | {"PATH": path, "OMP_NUM_THREADS": "1"}}

    def python(self, program: str) -> str:
        """Run a Python program."""
        (self.folder / "program.py").write_text(program, "utf-8")
        return self.run("python program.py")

    def page(self, name: str) -> str:
        """Return the text of a page."""
        return (self.top / name).read_text("utf-8")

    def page_runs(self, name: str, only: Callable[[str], bool] = lambda block: True) -> None:
        """Run the Python of a page, as one program; a block that begins with a file's name is that file."""
        program = []
        for language, block in re.findall(r"^```(\w+)\n(.*?)^```$", self.page(name), re.DOTALL | re.MULTILINE):
            file = re.match(r"# (\w+\.\w+)\n", block)
            if file is not None:
                (self.folder / file[1]).write_text(block, "utf-8")
            elif language == "python" and only(block):
                program.append(block)
        self.python("\n".join(program))

    def commands(self) -> list[str]:
        """Return the commands of the README."""
        text = re.sub(r"\\\n *", "", self.page("README.md"))
        return re.findall(r"^    ((?:echo .*\| )?spigot .*)$", text, re.MULTILINE)


def core(environment: Environment) -> None:
    """The layer works; the command says what it needs."""
    where = environment.python("import spigot; print(spigot.__file__)")
    assert str(environment.programs.parent) in where, where
    environment.page_runs("README.md", lambda block: "spigot.load" not in block)
    said = environment.run("spigot --help", code=2)
    assert "pip install 'torch-spigot[nlp]'" in said, said


def nlp(environment: Environment) -> None:
    """Parsers are trained, scored and used; all Python blocks of the README run."""
    environment.run(f"spigot train demo {TINY} --out runs/spigot")
    environment.page_runs("README.md")
    environment.python(
        "from spigot.builtin import generate\n"
        "from spigot.data.conllu import write_conllu\n"
        "from spigot.data.sdp import write_sdp\n"
        "sentences = generate(20, seed=2)\n"
        "for name in ('test', 'gold', 'system', 'other'):\n"
        "    write_sdp(sentences, name + '.sdp')\n"
        "write_conllu(sentences, 'test.conllu')\n"
    )
    ours = [line for line in environment.commands() if re.search(r"(evaluate|parse|info) runs/spigot|score ", line)]
    assert len(ours) >= 4, ours
    for line in ours:
        environment.run(line)
    environment.run("spigot recipes")


def everything(environment: Environment) -> None:
    """The pages run, the English model says what the README shows, and each extra is used once."""
    nlp(environment)
    (line,) = [line for line in environment.commands() if " spigot parse en " in line]
    shown = re.search(re.escape(line) + r"\n\n```text\n(.*?)^```$", environment.page("README.md"), re.DOTALL | re.M)
    assert shown is not None, line
    said = environment.run(line)
    assert shown[1].rstrip("\n") in said, said
    for page in CORE_PAGES + PAGES:
        shutil.rmtree(environment.folder / "run", ignore_errors=True)
        environment.page_runs(f"docs/{page}.md")
    for use in (lp, experiments, corpora, redwoods, trf, ray, view):
        use(environment)


def lp(environment: Environment) -> None:
    """Linear programs."""
    environment.python(
        "import spigot, torch\n"
        "program = spigot.LinearProgram([[1.0, 1.0, 1.0]], [2.0])\n"
        "scores = torch.tensor([[3.0, 1.0, 2.0]], requires_grad=True)\n"
        "chosen = spigot.structured_argmax(scores, program, spigot.SPIGOT())\n"
        "assert chosen.tolist() == [[1, 0, 1]]\n"
        "(chosen * torch.tensor([1.0, -1.0, 2.0])).sum().backward()\n"
        "assert scores.grad.any()\n"
    )


def experiments(environment: Environment) -> None:
    """A plot of an audit."""
    environment.python(
        "import spigot, torch\n"
        "target = torch.tensor([[0.0, 1.0, 0.0]])\n"
        "found = spigot.audit(torch.randn(1, 3), spigot.Categorical(), lambda z: ((z - target) ** 2).sum(-1))\n"
        "found.plot('audit.png')\n"
    )
    assert (environment.folder / "audit.png").stat().st_size


def corpora(environment: Environment) -> None:
    """A download from a server on this machine."""
    (environment.folder / "served").mkdir()
    content = b"dog 1 2\ncat 3 4\n"
    (environment.folder / "served" / "v.txt").write_bytes(content)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(environment.folder / "served"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/v.txt --sha256 {hashlib.sha256(content).hexdigest()}"
        environment.run(f"spigot data vectors --url {address} --out vectors --cache cache")
        server.shutdown()


def redwoods(environment: Environment) -> None:
    """The conversion is there; profiles are not."""
    environment.python("import spigot.corpora.redwoods.conversion")


def trf(environment: Environment) -> None:
    """A parser on an encoder of the library transformers, which this makes."""
    environment.python(
        "from pathlib import Path\n"
        "from transformers import BertConfig, BertModel, BertTokenizerFast\n"
        "letters = [chr(c) for c in range(ord('a'), ord('z') + 1)]\n"
        "words = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', *letters, *('##' + c for c in letters)]\n"
        "Path('words.txt').write_text('\\n'.join(words))\n"
        "BertTokenizerFast('words.txt').save_pretrained('bert')\n"
        "sizes = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16)\n"
        "BertModel(BertConfig(vocab_size=len(words), **sizes)).save_pretrained('bert')\n"
    )
    small = "--set 'data.builtin={train = {syntax = 30}, dev = 5}' --set training.epochs=1"
    environment.run(f"spigot train modern/transformer {small} --set system.syntax.encoder.model=bert --out runs/bert")
    environment.run("spigot parse runs/bert --tokenized --to text <<< 'the dog sleeps .'")


def ray(environment: Environment) -> None:
    """A corpus is parsed on Ray."""
    (environment.folder / "texts").mkdir()
    (environment.folder / "texts" / "a.txt").write_text("It rains. She sleeps.\n", "utf-8")
    environment.run("spigot parse-corpus en texts --out parses --workers 1")
    (parsed,) = (environment.folder / "parses").rglob("*.conllu")
    assert parsed.read_text("utf-8").count("# text = ") == 2


def view(environment: Environment) -> None:
    """The page is served."""
    command = [str(environment.programs / "spigot"), "view", "runs/spigot", "--port", "0"]
    with subprocess.Popen(command, **environment.settings(), stderr=subprocess.PIPE, text=True) as server:
        said = ""
        while not (address := re.search(r"http://127\.0\.0\.1:\d+/", said)):
            line = server.stderr.readline()
            if not line:
                raise SystemExit(said)
            said += line
        with urllib.request.urlopen(address[0]) as answer:
            assert b"<title>" in answer.read()
        server.terminate()


CHECKS = {"core": core, "nlp": nlp, "all": everything}
