"""The documentation site: `make docs`. Pages are Markdown; the reference is made from the code when it is built."""

import json
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
TOP = HERE.parent
sys.path.insert(0, str(HERE))

import make_reference  # noqa: E402

project = "spigot"
author = "The spigot developers"
copyright = author
release = metadata.version("torch-spigot")
extensions = ["myst_nb", "sphinx_copybutton"]
nb_execution_mode = "off"  # notebooks have their outputs, which the tests compare
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 4
exclude_patterns = ["_build", "make_reference.py"]
html_theme = "furo"
html_title = f"spigot {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False
copybutton_prompt_text = r">>> |\$ "
copybutton_prompt_is_regexp = True

MIRRORED = {
    "experiments": TOP / "experiments/README.md",
    "regime": TOP / "experiments/regime/README.md",
    "half-of-propbank": TOP / "experiments/table1-half/README.md",
    "changed-trees": TOP / "experiments/table3/README.md",
    "latent-runs": TOP / "experiments/latent/README.md",
    "english-runs": TOP / "experiments/english/README.md",
    "benchmarks": TOP / "benchmarks/README.md",
    "architecture": TOP / "ARCHITECTURE.md",
    "contributing": TOP / "CONTRIBUTING.md",
    "readme": TOP / "README.md",
    "english": TOP / "models/en/README.md",
}
"""Pages that stand elsewhere in the repository, so that they are read there too; the site has them in reference/."""


def with_links(text: str, folder: Path) -> str:
    """Return a page of `folder` with links that the site has; a link to another file of the repository is its text."""
    pages = {path: f"/reference/{name}.md" for name, path in MIRRORED.items()}

    def change(match: re.Match[str]) -> str:
        shown, target, heading = match.group(1), (folder / match.group(2)).resolve(), match.group(3) or ""
        if target in pages:
            return f"[{shown}]({pages[target]}{heading})"
        if HERE in target.parents and target.exists():
            return f"[{shown}](/{target.relative_to(HERE).as_posix()}{heading})"
        return shown if target.exists() else match.group(0)

    return re.sub(r"\[([^\]\[]+)\]\((?!https?:)([^)#\s]+)(#[^)\s]*)?\)", change, text)


def with_download(text: str, file: str) -> str:
    """Return a notebook with a link, below its title, to its file."""
    notebook = json.loads(text)
    title = notebook["cells"][0]["source"]
    title[1:1] = ["\n", f"{{download}}`Download this notebook <{file}>`, and open it in Jupyter.\n"]
    return json.dumps(notebook)


def _read(app: Any, name: str, content: list[str]) -> None:
    if Path(app.env.doc2path(name)).suffix == ".ipynb":
        content[0] = with_download(content[0], f"{Path(name).name}.ipynb")
    if not name.startswith("reference/"):
        content[0] = with_links(content[0], (HERE / name).parent)


def setup(app: Any) -> None:
    """Write the pages that are made, before the site looks for pages."""
    make_reference.write(HERE / "reference")
    for name, path in MIRRORED.items():
        make_reference.write_changed(HERE / f"reference/{name}.md", with_links(path.read_text("utf-8"), path.parent))
    app.connect("source-read", _read)
