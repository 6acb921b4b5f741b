"""A treebank in the manner of UD English EWT, written for these tests."""

from pathlib import Path

TRAIN = """\
# newdoc id = weblog-kites
# sent_id = weblog-kites-0001
# text = Mia wants to fly it.
1	Mia	Mia	PROPN	NNP	_	2	nsubj	2:nsubj|4:nsubj:xsubj	_
2	wants	want	VERB	VBZ	_	0	root	0:root	_
3	to	to	PART	TO	_	4	mark	4:mark	_
4	fly	fly	VERB	VB	_	2	xcomp	2:xcomp	_
5	it	it	PRON	PRP	_	4	obj	4:obj	SpaceAfter=No
6	.	.	PUNCT	.	_	2	punct	2:punct	_

# sent_id = weblog-kites-0002
# text = Wow
1	Wow	wow	INTJ	UH	_	0	root	0:root	_

# sent_id = weblog-kites-0003
# text = The wind of May dropped and the kite fell.
1	The	the	DET	DT	_	2	det	2:det	_
2	wind	wind	NOUN	NN	_	5	nsubj	5:nsubj	_
3	of	of	ADP	IN	_	4	case	4:case	_
4	May	May	PROPN	NNP	_	2	nmod	2:nmod:of	_
5	dropped	drop	VERB	VBD	_	0	root	0:root	_
6	and	and	CCONJ	CC	_	9	cc	9:cc	_
7	the	the	DET	DT	_	8	det	8:det	_
8	kite	kite	NOUN	NN	_	9	nsubj	9:nsubj	_
9	fell	fall	VERB	VBD	_	5	conj	5:conj:and	SpaceAfter=No
10	.	.	PUNCT	.	_	5	punct	5:punct	_

"""

DEV = """\
# newdoc id = answers-tea_ans
# sent_id = answers-tea_ans-0001
# text = I drank tea and you coffee
1	I	I	PRON	PRP	_	2	nsubj	2:nsubj	_
2	drank	drink	VERB	VBD	_	0	root	0:root	_
3	tea	tea	NOUN	NN	_	2	obj	2:obj	_
4	and	and	CCONJ	CC	_	5	cc	5.1:cc	_
5	you	you	PRON	PRP	_	2	conj	5.1:nsubj|2:conj:and	_
5.1	drank	drink	VERB	VBD	_	_	_	2:conj:and	CopyOf=2
6	coffee	coffee	NOUN	NN	_	5	orphan	5.1:obj	_

"""

TEST = """\
# newdoc id = reviews-0007
# sent_id = reviews-0007-0001
# text = She gave up
1	She	she	PRON	PRP	_	2	nsubj	2:nsubj	_
2	gave	give	VERB	VBD	_	0	root	0:root	_
3	up	up	ADP	RP	_	2	compound:prt	2:compound:prt	_

# newdoc id = reviews-0008
# sent_id = reviews-0008-0001
# text = Good .
1	Good	good	ADJ	JJ	_	0	root	0:root	_
2	.	.	PUNCT	.	_	1	punct	1:punct	_

"""

BROKEN = """\
# sent_id = broken-head
1	Oh	oh	INTJ	UH	_	7	root	0:root	_

# sent_id = no-tokens

# sent_id = broken-deps
1	Oh	oh	INTJ	UH	_	0	root	9:root	_
2	no	no	INTJ	UH	_	1	discourse	1:discourse	_

"""


def write_treebank(folder: Path, *, train: str = TRAIN, dev: str = DEV, test: str = TEST) -> Path:
    """Write the three files into a folder and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, text in (("train", train), ("dev", dev), ("test", test)):
        (folder / f"en_ewt-ud-{split}.conllu").write_text(text, "utf-8")
    return folder


def skeleton(document: str, sentence: int, *rows: str) -> str:
    """Return the lines of a sentence of PropBank from rows `TAG LEMMA ROLESET SPANS...`."""
    lines = []
    for token, row in enumerate(rows):
        tag, *rest = row.split()
        lines.append(f"google/ewt/{document}.xml {sentence} {token} [WORD] {tag} * {' '.join(rest)} \n")
    return "".join(lines) + "\n"


KITES = (
    skeleton(
        "weblog/00/kites",
        0,
        "NNP - - (ARG0*) (ARG0*)",
        "VBZ want want.01 (V*) *",
        "TO - - (ARG1* *",
        "VB fly fly.01 * (V*)",
        "PRP - - *) (ARG1*)",
        ". - - * *",
    )
    + skeleton("weblog/00/kites", 1, "UH - -")
    + skeleton(
        "weblog/00/kites",
        2,
        "DT - - (ARG1* *",
        "NN - - * *",
        "IN - - * *",
        "NNP - - *) *",
        "VBD drop drop.01 (V*) *",
        "CC - - * *",
        "DT - - * (ARG1-DSP*",
        "NN - - * *)",
        "VBD fall fall.01 * (V*)",
        ". - - * *",
    )
)
REVIEW = skeleton("reviews/00/0007", 0, "PRP - - (ARG0*)", "VBD give give_up.07 (V*)", "RP - - (C-V*)")
TEA = skeleton(
    "answers/00/tea_ans",
    0,
    "PRP - - (ARG0*)",
    "VBD drink drink.01 (V*)",
    "NN - - (ARG1*)",
    "CC - - *",
    "PRP - - *",
    "NN - - *",
)


def write_skeletons(folder: Path, documents: dict[str, str]) -> Path:
    """Write documents `GENRE/00/NAME` into a checkout of PropBank's release and return its folder."""
    for name, text in documents.items():
        path = folder / "data" / "google" / "ewt" / f"{name}.xml.gold_skel"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder
