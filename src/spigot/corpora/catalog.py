"""The corpora by name: where each is published, under which licence, and what it becomes.

Sources are pinned by commit or checksum. A checksum of None means that it is not known here; such files are refused
unless the user takes them unverified.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from spigot.corpora.fetch import Source
from spigot.corpora.redwoods_sources import ERG_COMMIT, redwoods_sources
from spigot.errors import UserError

EWT_COMMIT = "15d613d"
PROPBANK_COMMIT = "4abade0b53ce4a181e1d98b3518101c1a44d395a"
SPIGOT_COMMIT = "f1e74019cb568420aacd7e30e21064756c725ca1"
EWT_TRAIN_DIGEST = "cfa761083a388cc59cb44b3ce9e53a390541ba3e147464a4f045d018f54605c4"
"""See `ewt.digest`: of the treebank's sources of single documents, from which the file train is put together."""
PROPBANK_DIGEST = "00267812a5114da4074fa59a2013abff562fa5bce821f1aa669cd23073508fe1"
"""See `skeleton.digest`: GitHub packs archives anew at times, so the bytes of an archive are no measure."""

GLOVE = Source(
    "https://nlp.stanford.edu/data/glove.6B.zip",
    "glove.6B.zip",
    # As several projects that pin it have published it.
    "617afb2fe6cbd085c235baf7a465b96f4112bd7f7ccb2b2cbd649fed9cbcf2fb",
)
GLOVE_MEMBER = "glove.6B.100d.txt"
GLOVE_LICENCE = (
    "Licence: PDDL 1.0 (https://opendatacommons.org/licenses/pddl/1-0/)\n"
    "GloVe 6B, https://nlp.stanford.edu/projects/glove/; Pennington, Socher and Manning (2014), "
    "GloVe: Global Vectors for Word Representation."
)

CC_BY_SA_4 = "CC BY-SA 4.0 (https://creativecommons.org/licenses/by-sa/4.0/)"
CC_BY_SA_3 = "CC BY-SA 3.0 (https://creativecommons.org/licenses/by-sa/3.0/)"


@dataclass(frozen=True)
class Corpus:
    """One entry: `spigot data NAME`."""

    name: str
    """Also the module of its converter, `spigot.corpora.NAME`, and the folder of its files."""
    title: str
    licence: str
    attribution: tuple[str, ...]
    """Lines: origin, authors, what was changed, what is to be known before passing the files on."""
    sources: tuple[Source, ...]
    tables: Mapping[str, Mapping[str, str]]
    """Files for training, by task and part (train, dev), relative to the folder that holds the corpora."""
    beside: tuple[str, ...] = ()
    """Other corpora that are made from the same sources and come with it."""
    notices: tuple[str, ...] = ()
    """Licence texts, in `licences/`, that have to go with the files."""
    verify: Callable[[Path], None] | None = None
    """The check of downloads whose content is known, but not their bytes; raises a UserError if it is another."""


def _ewt_sources() -> tuple[Source, ...]:
    base = f"https://raw.githubusercontent.com/UniversalDependencies/UD_English-EWT/{EWT_COMMIT}"
    checksums = {
        "train": None,  # see `_verify_ewt`
        "dev": "d3506d763fae0d38e26a5d61ac35d90cc59d7304d3b7e6d0f233db36e9be7553",
        "test": "a7b69fe3222b8546f17a8ae15375c5109c67a4ce4ad68f1ca04700fd5b1f0d50",
    }
    files = {f"en_ewt-ud-{split}.conllu": checksum for split, checksum in checksums.items()}
    return tuple(
        Source(f"{base}/{name}", name, checksum, known_content=checksum is None) for name, checksum in files.items()
    )


def _sst_sources() -> tuple[Source, ...]:
    base = f"https://raw.githubusercontent.com/Noahs-ARK/SPIGOT/{SPIGOT_COMMIT}/data/sst"
    checksums = {
        "train": "f50e2b87212e147da2f62358aab2f787c401f2bcda4aace611041fa8d87c1d55",
        "dev": "805528533101ee6e81314f95c1fb7e37b9f28bf3bdb9f50ad9b29e1c832d8816",
        "test": "57476336e402149222523f8936463e776e1f7a5e40e7c894e632bae8153f5a88",
    }
    return tuple(Source(f"{base}/{name}", name, checksum) for name, checksum in checksums.items())


def _verify_ewt(folder: Path) -> None:
    from spigot.corpora.ewt import digest, find_splits

    path = find_splits(folder)["train"]
    if (found := digest(path)) != EWT_TRAIN_DIGEST:
        raise UserError(f"{path}: expected sentences with digest {EWT_TRAIN_DIGEST[:16]}…, got {found[:16]}…")


def _verify_propbank(folder: Path) -> None:
    from spigot.corpora.propbank.skeleton import digest, find_documents

    _verify_ewt(folder)
    if (found := digest(find_documents(folder))) != PROPBANK_DIGEST:
        expected = f"PropBank's skeletons with digest {PROPBANK_DIGEST[:16]}…"
        raise UserError(f"{folder}: expected {expected}, got {found[:16]}…")


_EWT_ATTRIBUTION = (
    f"UD English EWT, https://github.com/UniversalDependencies/UD_English-EWT, commit {EWT_COMMIT} (2025-05-10).",
    "Silveira et al. (2014), A Gold Standard Dependency Corpus for English, and the treebank's contributors.",
    "The treebank's README says of the texts: some parts are in the public domain; portions may be © 2012 Google Inc.,",
    "© 2011 Yahoo! Inc., © 2012 Trustees of the University of Pennsylvania and/or © other original authors.",
)
_EWT_TREES = {"train": "ewt/en_ewt-ud-train.conllu", "dev": "ewt/en_ewt-ud-dev.conllu"}

_ENTRIES = (
    Corpus(
        name="ewt",
        title="UD English EWT: syntactic trees",
        licence=CC_BY_SA_4,
        attribution=(*_EWT_ATTRIBUTION, "Changes made: none."),
        sources=_ewt_sources(),
        tables={"syntax": _EWT_TREES},
        verify=_verify_ewt,
    ),
    Corpus(
        name="eud",
        title="UD English EWT: enhanced graphs, with the trees",
        licence=CC_BY_SA_4,
        attribution=(
            *_EWT_ATTRIBUTION,
            "Changes made: the column DEPS as graphs in SDP format; labels cut to relations, empty nodes taken out,",
            "sentences without an arc left out. Derived data, not released by the UD project.",
        ),
        sources=_ewt_sources(),
        tables={"syntax": _EWT_TREES, "semantics": {"train": "eud/train.sdp.gz", "dev": "eud/dev.sdp"}},
        beside=("ewt",),
        verify=_verify_ewt,
    ),
    Corpus(
        name="propbank",
        title="PropBank over UD English EWT: role graphs, with the trees",
        licence=CC_BY_SA_4,
        attribution=(
            f"PropBank, https://github.com/propbank/propbank-release, commit {PROPBANK_COMMIT} (2022-10-06),",
            "licence CC BY-SA 4.0; words, lemmas, tags and trees are those of",
            *_EWT_ATTRIBUTION,
            "Changes made: spans of arguments became arcs to their head words; tokens were aligned with UD's;",
            "auxiliaries without arguments and sentences without an arc left out. Derived data, released by neither",
            "project.",
        ),
        sources=(
            *_ewt_sources(),
            Source(
                f"https://codeload.github.com/propbank/propbank-release/tar.gz/{PROPBANK_COMMIT}",
                "propbank-release.tar.gz",
                known_content=True,  # see `_verify_propbank`
            ),
        ),
        tables={"syntax": _EWT_TREES, "semantics": {"train": "propbank/train.sdp.gz", "dev": "propbank/dev.sdp"}},
        beside=("ewt",),
        verify=_verify_propbank,
    ),
    Corpus(
        name="redwoods",
        title="Redwoods: DM graphs and DT trees over the same sentences",
        licence=f"MIT; its Wikipedia texts {CC_BY_SA_3}",
        attribution=(
            f"English Resource Grammar, https://github.com/delph-in/erg, commit {ERG_COMMIT}, folder tsdb/gold.",
            "Oepen et al. (2004), LinGO Redwoods; Flickinger (2000), and the grammar's contributors.",
            "dev, test and a quarter of train are Wikipedia text of July 2008 (WeScience): pass them on under",
            "CC BY-SA 3.0.",
            "Nothing is stated about the rights in the other texts.",
            "Changes made: gold analyses became bi-lexical DM graphs and DT trees. Derived data, not released by the",
            "organisers of the SDP tasks.",
        ),
        sources=redwoods_sources(),
        tables={
            "syntax": {"train": "redwoods/train.dt.conllu.gz", "dev": "redwoods/dev.dt.conllu"},
            "semantics": {"train": "redwoods/train.sdp.gz", "dev": "redwoods/dev.sdp"},
        },
        notices=("erg.txt", "wescience.txt"),
    ),
    Corpus(
        name="sst",
        title="Stanford Sentiment Treebank: whole sentences, two classes",
        licence="none stated where it is published; for research",
        attribution=(
            f"https://github.com/Noahs-ARK/SPIGOT, commit {SPIGOT_COMMIT}, folder data/sst, made from",
            "Socher et al. (2013), Recursive Deep Models for Semantic Compositionality Over a Sentiment Treebank",
            "(https://nlp.stanford.edu/sentiment/), film reviews collected by Pang and Lee (2005).",
            "Changes made: none.",
        ),
        sources=_sst_sources(),
        tables={"sentiment": {"train": "sst/train.tsv", "dev": "sst/dev.tsv"}},
    ),
)

CORPORA: Mapping[str, Corpus] = MappingProxyType({corpus.name: corpus for corpus in _ENTRIES})
