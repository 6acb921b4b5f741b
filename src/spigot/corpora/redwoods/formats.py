"""A converted sentence as text: SDP 2015 for the graph, CoNLL-U for the tree."""

from __future__ import annotations

from collections.abc import Sequence

from spigot.data.blocks import new_block

from .dm import SemanticGraph
from .lemmas import EMPTY
from .tokens import Token
from .trees import Attachment

_UPOS = {
    tag: upos
    for upos, tags in {
        "ADJ": "JJ JJR JJS",
        "ADP": "IN RP",
        "ADV": "RB RBR RBS WRB",
        "AUX": "MD",
        "CCONJ": "CC",
        "DET": "DT PDT WDT",
        "INTJ": "UH",
        "NOUN": "NN NNS",
        "NUM": "CD",
        "PART": "TO POS",
        "PRON": "PRP PRP$ WP WP$ EX",
        "PROPN": "NNP NNPS",
        "PUNCT": ". , : `` '' -LRB- -RRB-",
        "SYM": "SYM # $",
        "VERB": "VB VBD VBG VBN VBP VBZ",
    }.items()
    for tag in tags.split()
}


def sdp_block(
    id: str, tokens: Sequence[Token], lemmas: Sequence[str], frames: Sequence[str], graph: SemanticGraph
) -> str:
    """Return the lines of a sentence with its graph."""
    heads = graph.predicates
    rows = [
        [
            *(str(number), token.form, lemma, token.tag),
            *("+" if flag else "-" for flag in (number == graph.top, number in heads)),
            frame,
            *(graph.labels.get((head, number), "_") for head in heads),
        ]
        for number, (token, lemma, frame) in enumerate(zip(tokens, lemmas, frames, strict=True), 1)
    ]
    return new_block([f"#{id}"], rows)


def conllu_block(id: str, tokens: Sequence[Token], lemmas: Sequence[str], tree: Sequence[Attachment]) -> str:
    """Return the lines of a sentence with its tree."""
    text = "".join(token.form + " " * token.space_after for token in tokens).rstrip()
    rows = []
    for number, (token, lemma, attachment) in enumerate(zip(tokens, lemmas, tree, strict=True), 1):
        misc = [f"Rule={attachment.rule}"] if attachment.rule else []
        if not token.space_after:
            misc.append("SpaceAfter=No")
        # In CoNLL-U punctuation is its own lemma.
        columns = [token.form, token.form if lemma == EMPTY else lemma, _UPOS.get(token.tag, "X"), token.tag, "_"]
        rows.append([str(number), *columns, str(attachment.head), attachment.label, "_", "|".join(misc) or "_"])
    return new_block([f"# sent_id = {id}", f"# text = {text}"], rows)
