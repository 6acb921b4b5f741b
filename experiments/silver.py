"""A treebank whose other sentences have the trees of a parser: a remedy where few have gold ones.

    python experiments/silver.py TREES.conllu --keep FILE.ids --parser RUN --out FILE.conllu

Sentences with an id in FILE.ids keep their trees; all others get those of RUN (`spigot parse`). FILE.conllu has all
sentences in their order.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from spigot.data.conllu import read_conllu, write_conllu


def main() -> None:
    """Parse the sentences without gold trees, and write the treebank whole or not at all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trees", type=Path)
    parser.add_argument("--keep", type=Path, required=True, help="ids, one a line")
    parser.add_argument("--parser", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    gold = set(arguments.keep.read_text("utf-8").split())
    sentences = list(read_conllu(arguments.trees))
    rest, parsed, part = (arguments.out.with_name(arguments.out.name + end) for end in (".rest", ".parsed", ".part"))
    write_conllu((sentence for sentence in sentences if sentence.id not in gold), rest)
    with parsed.open("wb") as output:
        command = [sys.executable, "-m", "spigot", "parse", str(arguments.parser), str(rest)]
        subprocess.run(command, check=True, stdout=output)
    silver = {sentence.id: sentence for sentence in read_conllu(parsed)}
    write_conllu((silver.get(sentence.id, sentence) for sentence in sentences), part)
    rest.unlink()
    parsed.unlink()
    os.replace(part, arguments.out)


if __name__ == "__main__":
    main()
