"""Redwoods: DM graphs and DT trees from the gold profiles of the English Resource Grammar.

    profile -> record          reader.py       item, parse and result of an analysis; PyDelphin decodes them
    initial tokens -> tokens   tokens.py       those of the Penn Treebank
    derivation -> DT tree      derivation.py, trees.py
    MRS -> DM graph            semantics.py, anchors.py (tokens of relations), dm.py (arcs), predicates.py (tables)
    lemmas and frames          lemmas.py
    one analysis -> lines      sentences.py, formats.py; drops.py says what is left out
    all analyses -> files      conversion.py, splits.py; grammar.py finds the grammar's tables

The rules are explained in docs/redwoods.md.
"""

from __future__ import annotations

from pathlib import Path

from spigot.corpora.summary import Progress, Summary, no_progress
from spigot.errors import UserError


def convert(source: Path, out: Path, *, processes: int = 1, progress: Progress = no_progress) -> Summary:
    """Convert the gold profiles of the English Resource Grammar.

    Writes the splits `train`, `dev`, `test` and `ood` as far as their profiles are there: graphs in SPLIT.sdp, trees
    in SPLIT.dt.conllu (`train` compressed), with the same sentences and tokens. Beside them `train-quarter.ids` lists
    a fixed quarter of the training sentences, and `dropped.tsv` names each analysis that is left out (id, reason,
    detail).

    Args:
        source: the grammar's repository, or a folder with some profiles and the grammar's `rules.hds` (in `etc` or
            `grammar`, or beside the profiles). Where they are there, the SEM-I (`surface.smi`, `abstract.smi` beside
            `rules.hds`) gives the frames, and sentences of the profiles wsj* are kept out.
        out: the folder of the files.
        processes: how many work.
        progress: called as progress(profile, analyses read, None).

    Returns:
        Counts of sentences and of what is left out, by profile, and of sentences, tokens and edges, by split; `broken`
        has one line for each record or table that cannot be read.

    Raises:
        UserError: PyDelphin is not installed; there are no profiles or no `rules.hds`.
    """
    try:
        from .conversion import convert_profiles
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "delphin":
            raise
        raise UserError(
            "redwoods: expected PyDelphin, which is not installed: pip install 'torch-spigot[redwoods]'"
        ) from None
    return convert_profiles(source, out, processes, progress)
