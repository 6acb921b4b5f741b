"""Adjectives, adverbs, determiners, pronouns and connectives."""

from __future__ import annotations

from functools import cache

from spigot.builtin.choice import Weighted, zipf
from spigot.builtin.lexicon.words import Word, kinds, parse

_PHYSICAL = "device food animal site part feature cutlery pen"

# Share, classes of the nouns, adjectives.
_ADJECTIVES: list[tuple[float, str, str]] = [
    (
        3,
        "anything",
        "good+ great+ bad- wonderful+ terrible- excellent+ awful- lovely+ horrible- splendid+ dreadful-",
    ),
    (2, _PHYSICAL, "old new small big strange heavy tiny huge odd"),
    (
        1.5,
        "device feature cutlery pen",
        "red green blue expensive black cheap- yellow shiny ugly- antique useless-",
    ),
    (
        3,
        "person",
        "young old tall famous rich clever+ tired kind+ brave+ rude- honest+ lazy- cruel- gentle+ greedy-",
    ),
    (1, "animal", "hungry wild brown loyal+ vicious- sleepy"),
    (
        3,
        "text event idea",
        "new long boring- funny+ dull- exciting+ short brilliant+ tedious- inspiring+ absurd-",
    ),
    (3, "edible", "fresh+ hot cold tasty+ stale- sweet delicious+ bitter- rotten- aromatic+"),
    (1.5, "site", "quiet large charming+ filthy- ancient distant dreary-"),
    (2, "idea", "simple secret useful+ foolish- obvious elegant+"),
]


@cache
def adjectives(kind: str) -> Weighted[Word] | None:
    """The adjectives that go with nouns of the class, if there are any."""
    items: list[Word] = []
    weights: list[float] = []
    for share, of, text in _ADJECTIVES:
        if kind in kinds(of):
            row = zipf(parse(text), exponent=0.7)
            items += row.items
            weights += [share * weight for weight in row.weights]
    return Weighted(items, weights) if items else None


CONTROL_ADJECTIVES = zipf(parse("ready eager happy+ willing glad+ reluctant proud+ afraid- ashamed-"))
"""The subject is what acts: "eager to please"."""
TOUGH_ADJECTIVES = zipf(parse("easy hard! difficult! pleasant+ impossible! unpleasant- safe"))
"""The subject is what is acted upon: "easy to please"."""

MANNER = zipf(
    parse(
        "quickly slowly quietly carefully loudly suddenly secretly eagerly patiently angrily elegantly+ "
        "bravely+ clumsily- beautifully+ rudely- incompetently-"
    )
)
FREQUENCY = zipf(parse("often never! always rarely! usually sometimes seldom! still"))
DEGREE = zipf(["very", "rather", "quite", "really", "extremely", "unusually"])

DETERMINERS = {
    "singular": Weighted(("the", "a", "this", "that", "every", "another"), (50, 32, 3, 5, 4, 2)),
    "plural": Weighted(("the", "", "these", "those", "some", "many", "several"), (40, 18, 3, 4, 8, 6, 4)),
    "mass": Weighted(("the", "", "this", "that", "some"), (45, 30, 3, 4, 12)),
}
DETERMINER_TAGS = {"many": "JJ", "several": "JJ"}
NUMERALS = zipf(("two", "three", "four", "five", "seven", "eight", "eleven"))

# Nominative, accusative, possessive, agreement.
PRONOUNS = Weighted(
    (
        ("she", "her", "her", "sg"),
        ("he", "him", "his", "sg"),
        ("they", "them", "their", "pl"),
        ("I", "me", "my", "1sg"),
        ("we", "us", "our", "pl"),
        ("you", "you", "your", "pl"),
    ),
    (6, 6, 4, 3, 3, 2),
)
PARTITIVES = zipf(("some", "one", "many", "most", "two", "several"))

MODALS = Weighted(("can", "must", "may", "could", "should", "might"), (5, 3, 2, 3, 3, 2))
SUBORDINATORS = zipf(("because", "when", "although", "after", "if", "before", "while"))
PAST_TIMES = zipf(("yesterday", "today"))
PRESENT_TIMES = zipf(("today", "now", "tonight"))
