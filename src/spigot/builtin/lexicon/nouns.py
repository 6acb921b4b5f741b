"""Nouns by semantic class, with what may stand beside them.

The classes decide what attaches where: "with a handle" goes to a cup, "with a telescope" to an act of seeing.
"""

from __future__ import annotations

from functools import cache

from spigot.builtin.choice import Weighted, zipf
from spigot.builtin.lexicon.words import Noun, kinds, parse

# Class, share of the class among all nouns, classes of the argument of a relational noun, words.
_NOUNS: list[tuple[str, float, str, str]] = [
    (
        "person",
        4.0,
        "",
        "woman man girl boy child doctor teacher student neighbor waiter farmer nurse hero+ painter sailor "
        "thief- lawyer baker fool- actor poet singer officer gardener genius+ guest tourist liar- clerk monk "
        "tailor bully- plumber champion+ dentist juggler beekeeper astronomer",
    ),
    ("person", 0.5, "being", "friend brother mother sister father daughter uncle rival companion"),
    ("person", 0.4, "object animal vehicle text", "owner seller collector admirer+"),
    (
        "animal",
        1.4,
        "",
        "dog cat horse bird cow fox goat rabbit mouse owl goose donkey parrot otter turtle hedgehog",
    ),
    ("vehicle", 0.8, "", "car bus train boat bicycle truck van ship tram sled"),
    (
        "object",
        1.5,
        "",
        "table chair clock lamp door window coat painting piano mirror vase hat statue violin umbrella "
        "carpet kite lantern anvil",
    ),
    ("container", 0.6, "substance", "cup bottle bowl glass bucket jar barrel"),
    ("container", 0.5, "", "box bag basket teapot crate"),
    ("food", 0.8, "", "cake apple pie sandwich egg loaf pancake plum cookie dumpling"),
    ("substance", 0.6, "", "tea~ coffee~ bread~ soup~ water~ milk~ honey~ rice~ wine~ butter~"),
    (
        "text",
        1.5,
        "",
        "book letter story poem report song novel article film speech masterpiece+ diary recipe essay",
    ),
    (
        "place",
        1.0,
        "",
        "house garden school kitchen street office park hotel market station forest library castle church mill cellar",
    ),
    ("region", 0.4, "", "town village city island valley harbor province"),
    (
        "event",
        0.7,
        "",
        "party meeting wedding concert game dinner festival lecture disaster- match triumph+ trial",
    ),
    ("part", 0.4, "object container vehicle", "handle lid wheel label cover lock hinge knob rim"),
    ("feature", 0.3, "", "beard scar smile mustache limp tattoo accent wig dimple"),
    ("optical", 0.3, "", "telescope camera microscope lens periscope"),
    ("tool", 0.4, "", "hammer knife saw axe rope shovel wrench chisel crowbar"),
    ("cutlery", 0.2, "", "spoon fork ladle chopstick"),
    ("pen", 0.2, "", "pencil pen brush crayon quill"),
    ("material", 0.3, "", "silver~ steel~ paper~ stone~ leather~ copper~ velvet~ plastic~"),
    (
        "idea",
        0.6,
        "",
        "plan idea answer rule secret problem decision success+ rumor theory failure- nightmare-",
    ),
]


@cache
def nouns(of: frozenset[str]) -> Weighted[Noun]:
    """All nouns of the given classes; each row of the table above follows Zipf's law."""
    items: list[Noun] = []
    weights: list[float] = []
    for kind, share, argument, text in _NOUNS:
        if kind in of:
            row = zipf([Noun(w.lemma, w.polarity, w.reverses, w.mass, kind, kinds(argument)) for w in parse(text)])
            items += row.items
            weights += [share * weight for weight in row.weights]
    return Weighted(items, weights)


NAMES = {
    "she": zipf(("Anna", "Maria", "Clara", "Ines", "Rosa", "Olga", "Edith", "Yara", "Ursula")),
    "he": zipf(("Tom", "Paul", "Omar", "Felix", "Hugo", "Igor", "Anton", "Ulrich", "Ezra")),
}
WEEKDAYS = zipf(("Monday", "Friday", "Sunday", "Tuesday", "Thursday", "Saturday", "Wednesday"))

# What postmodifies a noun of a class: preposition, classes of its object, weight.
_PREPOSITIONS: dict[str, list[tuple[str, str, float]]] = {
    "person": [
        ("with", "feature", 3),
        ("from", "site", 2),
        ("in", "place", 1.5),
        ("near", "place object", 1),
        ("with", "instrument", 0.6),
    ],
    "animal": [
        ("with", "feature", 1),
        ("from", "site", 1),
        ("in", "site", 2),
        ("behind", "object vehicle", 1),
    ],
    "vehicle": [("with", "part", 3), ("from", "site", 1), ("near", "place", 2), ("of", "person", 1)],
    "object": [("with", "part", 3), ("in", "place", 2.5), ("from", "site", 1), ("of", "person", 1)],
    "container": [("with", "part", 3), ("on", "object", 2), ("in", "place", 2), ("behind", "object", 1)],
    "food": [("with", "substance", 2), ("from", "site", 1.5), ("on", "object", 1.5), ("for", "person", 1)],
    "substance": [("from", "site", 2), ("in", "container", 2)],
    "text": [
        ("about", "being site event idea", 4),
        ("by", "person", 2),
        ("from", "person", 1),
        ("for", "person", 1),
    ],
    "place": [("near", "place", 2), ("in", "region", 3), ("of", "person", 1)],
    "region": [("near", "region", 1), ("behind", "place", 0.5)],
    "event": [("in", "site", 2), ("for", "person", 1.5), ("with", "person", 0.7)],
    "part": [("from", "site", 1), ("with", "feature", 0.2)],
    "feature": [("of", "person", 1)],
    "idea": [("about", "being event text", 2), ("from", "text", 1), ("of", "person", 1.5)],
    "tool": [("with", "part", 2), ("from", "site", 1), ("of", "person", 1)],
}
_PREPOSITIONS |= dict.fromkeys(("optical", "cutlery", "pen"), _PREPOSITIONS["tool"])

POSTMODIFIERS: dict[str, Weighted[tuple[str, frozenset[str]]]] = {
    kind: Weighted([(preposition, kinds(of)) for preposition, of, _ in rows], [weight for _, _, weight in rows])
    for kind, rows in _PREPOSITIONS.items()
}

COMPOUNDS = {
    "object": kinds("material place"),
    "container": kinds("material substance"),
    "cutlery": kinds("material substance"),
    "tool": kinds("material place"),
    "vehicle": kinds("material place"),
    "part": kinds("object container vehicle material"),
    "food": kinds("substance region"),
    "text": kinds("animal region"),
    "event": kinds("place region food"),
    "person": kinds("place region"),
}
"""The classes that a noun of a class is compounded with on its left (a relational person: its argument's)."""
