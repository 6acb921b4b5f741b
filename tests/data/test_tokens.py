"""Raw text's tokens, where they differ from spaCy's own."""

import pytest

spacy = pytest.importorskip("spacy")

from spigot.data.spacy_docs import pipeline, sentence_starts  # noqa: E402


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
    ],
)
def test_sentences(text, begins):
    doc = pipeline("blank:en")(text)
    assert [token.text for token, start in zip(doc, sentence_starts(doc), strict=True) if start] == begins.split()


def test_a_tokeniser_without_such_rules_stays_as_it_is():
    assert tokens("!!", "zh") == ["!", "!"]
