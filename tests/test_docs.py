"""The pages of docs/ and at the top: their code runs, their links lead somewhere, their tables name what there is."""

import re
from inspect import isabstract
from pathlib import Path

import pytest

import spigot
from spigot import Structure, Surrogate
from tests.docs.pages import DOCS, running

TOP = DOCS.parent
PAGES = sorted(DOCS.glob("*.md"))
TESTED = {path.stem.removeprefix("test_").replace("_", "-") for path in (TOP / "tests/docs").glob("test_*.py")}
"""Pages with a file of tests, which runs them."""
WRITTEN = sorted([*TOP.glob("*.md"), *PAGES, *(TOP / "experiments").rglob("*.md"), *(TOP / "benchmarks").glob("*.md")])
EACH = {Path("src/spigot/tasks"), Path("src/spigot/systems")}
"""Folders that ARCHITECTURE.md calls "one file each", though it names what else is in them."""
GUIDES = sorted(DOCS.glob("add-*.md"))


@pytest.mark.parametrize("page", [page for page in PAGES if page.stem not in TESTED], ids=lambda page: page.name)
def test_python_blocks_run(page: Path, tmp_path: Path) -> None:
    with running(page.name, tmp_path):
        pass


def test_every_guide_has_its_tests() -> None:
    assert {page.stem for page in GUIDES} == TESTED - {"tutorials"}  # a folder of notebooks
    assert {"add-a-structure", "add-a-surrogate", "add-an-encoder", "add-a-task", "add-a-system"} <= TESTED


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_a_guide_names_at_most_three_files(page: Path) -> None:
    text = page.read_text("utf-8")
    files = re.findall(r"^\| `((?:src|tests)/\S+\.py)` \|", text, re.MULTILINE)
    assert f"touch these **{['no', 'one', 'two', 'three'][len(files)]} file" in text
    for file in files:
        # A file of one's own, in a folder that is there; or a registry.
        assert (TOP / file).parent.is_dir() if "NAME" in file else (TOP / file).is_file(), file


def anchors(page: Path) -> set[str]:
    """Return what a link to a heading of the page may end in."""
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.relative_to(TOP).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith(("https://", "http://")):
            continue
        path, _, heading = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if target.parent == DOCS / "reference":  # made when the site is built, whose test looks for dead links
            continue
        assert target.exists(), link
        assert not heading or heading in anchors(target), link


def listed_tree() -> list[Path]:
    """Return the paths of the tree in ARCHITECTURE.md, in its order."""
    text = (TOP / "ARCHITECTURE.md").read_text("utf-8")
    (tree,) = re.findall(r"^```text\n(src/spigot/\n.*?)^```$", text, re.DOTALL | re.MULTILINE)
    found, above = [], [Path()]
    for line in tree.splitlines():
        indent, names = re.match(r"( *)([^\s,]+(?:, [^\s,]+)*)", line).groups()
        above = above[: len(indent) // 2 + 1]
        paths = [above[-1] / name for name in names.split(", ")]
        found += paths
        if names.endswith("/"):
            above.append(paths[-1])
    return found


def test_the_tree_of_the_architecture_is_the_one_on_disk() -> None:
    listed = listed_tree()
    assert not [path for path in listed if not (TOP / path).exists()]
    assert len(set(listed)) == len(listed)
    package = TOP / "src/spigot"
    folders = {path.parent.relative_to(TOP) for path in package.rglob("*.py")}
    assert not folders - set(listed)
    # Where the page names files of a folder, it names all of them, unless they are one for each member of a kind.
    for folder in {path.parent for path in listed if path.suffix == ".py"} - EACH:
        assert not {path.relative_to(TOP) for path in (TOP / folder).glob("[!_]*.py")} - set(listed), folder


def test_every_structure_has_its_row() -> None:
    (page,) = [page for page in PAGES if page.name == "structures.md"]
    listed = set(re.findall(r"^\| `(\w+)\(", page.read_text("utf-8"), re.MULTILINE))
    public = [getattr(spigot, name) for name in spigot.__all__]
    structures = {c.__name__ for c in public if isinstance(c, type) and issubclass(c, Structure)}
    assert listed == structures - {"Structure", "MarginalStructure", "DynamicProgram"}


def test_every_surrogate_and_loss_has_its_row() -> None:
    (page,) = [page for page in PAGES if page.name == "surrogates.md"]
    text = page.read_text("utf-8")
    public = {name: getattr(spigot, name) for name in spigot.__all__}
    surrogates = {
        name for name, c in public.items() if isinstance(c, type) and issubclass(c, Surrogate) and not isabstract(c)
    }
    assert set(re.findall(r"^\| `(\w+)\(\)`", text, re.MULTILINE)) == surrogates
    losses = {name for name in public if name.endswith(("_loss", "_likelihood"))}
    assert set(re.findall(r"^\| `(\w+)`", text, re.MULTILINE)) == losses
