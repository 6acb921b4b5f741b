"""Runs the notebooks of docs/tutorials: `python docs/run_notebooks.py` stores anew what their cells print and draw.

The cells of a notebook run in one namespace in this process, without a Jupyter kernel, so that the tests can do the
same. Of Jupyter's own syntax they may use `%%writefile NAME` alone.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import io
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "tutorials"
VARIES = "varies"
"""The tag of a cell whose numbers depend on the processor or on versions, as those of a training do."""
PICTURES = {"image/svg+xml": "_repr_svg_", "image/png": "_repr_png_", "text/html": "_repr_html_"}


def read(path: Path) -> dict[str, Any]:
    """Return a notebook as JSON."""
    return dict(json.loads(path.read_text("utf-8")))


def code_cells(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the cells that are run."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def run(notebook: dict[str, Any], name: str) -> Iterator[list[dict[str, Any]]]:
    """Run a notebook in the working directory, cell by cell; yield the outputs of each."""
    names: dict[str, Any] = {"__name__": name}
    for number, cell in enumerate(code_cells(notebook), 1):
        try:
            yield _outputs("".join(cell["source"]), f"{name}, cell {number}", names)
        except Exception as error:
            error.add_note(f"in code cell {number} of {name}")
            raise


def _outputs(source: str, where: str, names: dict[str, Any]) -> list[dict[str, Any]]:
    magic, _, rest = source.partition("\n")
    if magic.startswith("%%writefile "):
        file = magic.removeprefix("%%writefile ")
        Path(file).write_text(rest, "utf-8")
        return [_stream(f"Writing {file}\n")]
    body = ast.parse(source, where)
    last = body.body.pop() if body.body and isinstance(body.body[-1], ast.Expr) else None
    printed, value = io.StringIO(), None
    with contextlib.redirect_stdout(printed):
        exec(compile(body, where, "exec"), names)  # the notebooks are ours
        if isinstance(last, ast.Expr) and not source.rstrip().endswith(";"):
            value = eval(compile(ast.Expression(last.value), where, "eval"), names)
        elif last is not None:
            exec(compile(ast.Module([last], []), where, "exec"), names)
    outputs = [_stream(printed.getvalue())] if printed.getvalue() else []
    if value is not None:
        data = _data(value)
        outputs.append({"output_type": "execute_result", "execution_count": None, "metadata": {}, "data": data})
    return outputs + _figures()


def _stream(text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stdout", "text": text.splitlines(keepends=True)}


def _data(value: Any) -> dict[str, Any]:
    """Return the forms in which Jupyter keeps a result."""
    for kind, method in PICTURES.items():
        picture = getattr(value, method, lambda: None)()
        if picture is not None:
            shown = base64.b64encode(picture).decode() if isinstance(picture, bytes) else picture.splitlines(True)
            return {"text/plain": [f"<{type(value).__name__}>"], kind: shown}
    return {"text/plain": repr(value).splitlines(keepends=True)}


def _figures() -> list[dict[str, Any]]:
    """Return the figures that the cell has drawn, and close them."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        return []
    outputs = []
    for number in pyplot.get_fignums():
        file = io.BytesIO()
        pyplot.figure(number).savefig(file, format="png", dpi=144, bbox_inches="tight", metadata={"Software": None})
        pyplot.close(number)
        data = {"image/png": base64.b64encode(file.getvalue()).decode(), "text/plain": ["<Figure>"]}
        outputs.append({"output_type": "display_data", "metadata": {}, "data": data})
    return outputs


def text_of(outputs: list[dict[str, Any]]) -> str:
    """Return what is read of outputs; a picture is its kind."""
    parts = []
    for output in outputs:
        data = output.get("data", {})
        kinds = [kind for kind in PICTURES if kind in data]
        parts.append(kinds[0] if kinds else "".join(output.get("text", data.get("text/plain", []))))
    return "\n".join(parts)


def without_numbers(text: str) -> str:
    """Return a text whose numbers may differ."""
    return re.sub(r"[ +−-]*[\d.]+", "#", text)


def is_fresh(cell: dict[str, Any], outputs: list[dict[str, Any]]) -> bool:
    """Whether a cell has stored what it gives now; where numbers vary, everything but these."""
    stored, found = text_of(cell["outputs"]), text_of(outputs)
    if VARIES in cell["metadata"].get("tags", ()):
        stored, found = without_numbers(stored), without_numbers(found)
    return stored == found


def store(path: Path) -> None:
    """Run a notebook in a folder of its own, and store its outputs."""
    notebook, before = read(path), Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        sys.path.insert(0, folder)
        try:
            for number, (cell, outputs) in enumerate(
                zip(code_cells(notebook), run(notebook, path.name), strict=True), 1
            ):
                cell["execution_count"] = number
                for output in outputs:
                    if "execution_count" in output:
                        output["execution_count"] = number
                cell["outputs"] = outputs
        finally:
            os.chdir(before)
            sys.path.remove(folder)
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("MPLBACKEND", "Agg")
    for chosen in [Path(name) for name in sys.argv[1:]] or sorted(FOLDER.glob("*.ipynb")):
        store(chosen.resolve())
