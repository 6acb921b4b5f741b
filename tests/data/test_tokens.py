"""Raw text's tokens, where they differ from spaCy's own."""

import re

import pytest

spacy = pytest.importorskip("spacy")

from spigot.data.boundaries import sentence_starts  # noqa: E402
from spigot.data.spacy_docs import pipeline  # noqa: E402
from spigot.data.tokens import RUNS  # noqa: E402


def tokens(text, language="en"):
    return [token.text for token in pipeline(f"blank:{language}")(text)]


@pytest.mark.parametrize("language", ["en", "de", "xx"])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Yes!!! Really?!", "Yes !!! Really ?!"),
        ("======= $$$ ##", "======= $$$ ##"),
        ("so,,, now", "so ,,, now"),
        ("((a))", "( ( a ) )"),
        ("copy(s) f(x).", "copy ( s ) f ( x ) ."),
        ('a"b', 'a " b'),
    ],
)
def test_marks(language, text, expected):
    assert " ".join(tokens(text, language)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I DON'T, she CAN'T, don't", "I DO N'T , she CA N'T , do n't"),
        ("wanna Dunno and/or", "wan na Du n no and / or"),
        ("an e-mail, two E-mails", "an e-mail , two E-mails"),
        ("Lt. A of Ft. B", "Lt. A of Ft. B"),
        ("call 555-010-0199 at 7:30PM", "call 555-010-0199 at 7:30 PM"),
        ("C++ at https://a.org/b_(c)//d?e=1&&f=2", "C++ at https://a.org/b_(c)//d?e=1&&f=2"),
    ],
)
def test_english(text, expected):
    assert " ".join(tokens(text)) == expected


def test_other_languages_have_no_english_rules():
    assert tokens("wanna 7:30PM", "xx") == ["wanna", "7:30PM"]


def test_characters_stay():
    text = "''So?!'' (he said)  ``a--b'' ___ 10k!!"
    assert pipeline("blank:en")(text).text == text


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("Wait!!! Why?! So what", "Wait Why So"),
        ('Well ... I see. Well ... maybe.... Or not… "No..." Yes', 'Well I Well Or " Yes'),
        ("1. Open it. 23. Close it. It is 4. Go on", "1 23 It Go"),
        ("Do as in 1. Then stop.", "Do Then"),
        ("Well...  I see.\nWell...\nmaybe... \n (No.)\n", "Well I Well ("),
        ("1.  Open it.  23. Close it.\n4.\nGo on. \n", "1 23 4"),
        ('"Why?"  he said. "Why?"\n"So." (Yes.)\nno', '" " " ('),
        ("As A. Smith did. (2019) See (1).\n(2) Open it.", "As ("),
    ],
)
def test_sentences(text, begins):
    doc = pipeline("blank:en")(text)
    assert [token.text for token, start in zip(doc, sentence_starts(doc), strict=True) if start] == begins.split()


@pytest.mark.parametrize("run", ["====", "?!!?", "!!!!"])
def test_a_suffix_begins_where_its_run_does(run):
    """Else a search of a long run inside a word takes the square of its length."""
    found = [place for rule in RUNS for place in range(4) if re.compile(rule).match(run, place)]
    assert set(found) <= {0, run.find("!!")}
    assert tokens(f"a{run}") == ["a", run]


def test_a_tokeniser_without_such_rules_stays_as_it_is():
    assert tokens("!!", "zh") == ["!", "!"]
