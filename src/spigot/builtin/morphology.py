"""English inflection: regular rules and tables of exceptions for the words of the lexicon."""

from __future__ import annotations

_PLURALS = {
    "woman": "women",
    "man": "men",
    "child": "children",
    "mouse": "mice",
    "goose": "geese",
    "knife": "knives",
    "loaf": "loaves",
    "thief": "thieves",
}

# Past tense and past participle.
_IRREGULAR = {
    "have": ("had", "had"),
    "do": ("did", "done"),
    "become": ("became", "become"),
    "begin": ("began", "begun"),
    "break": ("broke", "broken"),
    "bring": ("brought", "brought"),
    "buy": ("bought", "bought"),
    "catch": ("caught", "caught"),
    "cut": ("cut", "cut"),
    "draw": ("drew", "drawn"),
    "eat": ("ate", "eaten"),
    "fall": ("fell", "fallen"),
    "find": ("found", "found"),
    "forbid": ("forbade", "forbidden"),
    "forget": ("forgot", "forgotten"),
    "give": ("gave", "given"),
    "hide": ("hid", "hidden"),
    "hit": ("hit", "hit"),
    "keep": ("kept", "kept"),
    "kneel": ("knelt", "knelt"),
    "know": ("knew", "known"),
    "lend": ("lent", "lent"),
    "make": ("made", "made"),
    "meet": ("met", "met"),
    "read": ("read", "read"),
    "run": ("ran", "run"),
    "say": ("said", "said"),
    "see": ("saw", "seen"),
    "sell": ("sold", "sold"),
    "send": ("sent", "sent"),
    "shine": ("shone", "shone"),
    "show": ("showed", "shown"),
    "sing": ("sang", "sung"),
    "sink": ("sank", "sunk"),
    "sleep": ("slept", "slept"),
    "speak": ("spoke", "spoken"),
    "steal": ("stole", "stolen"),
    "swim": ("swam", "swum"),
    "take": ("took", "taken"),
    "teach": ("taught", "taught"),
    "tell": ("told", "told"),
    "think": ("thought", "thought"),
    "write": ("wrote", "written"),
}
_DOUBLING = frozenset(["stop", "plan", "run", "swim", "cut", "hit", "forget", "forbid", "begin", "regret", "admit"])
_BE = {
    "present": {"1sg": "am", "sg": "is", "pl": "are"},
    "past": {"1sg": "was", "sg": "was", "pl": "were"},
}
_VOWELS = "aeiou"
_AN = ("honest", "hour")
_A = ("use", "uni", "eu", "one")


def plural(noun: str) -> str:
    """The plural of a count noun."""
    return _PLURALS.get(noun) or _with_s(noun)


def finite(verb: str, tense: str, agreement: str) -> tuple[str, str]:
    """The form and tag of a verb in the "present" or "past" tense for a "sg", "1sg" or "pl" subject."""
    third = agreement == "sg"
    tag = "VBD" if tense == "past" else "VBZ" if third else "VBP"
    if verb == "be":
        return _BE[tense][agreement], tag
    if tense == "past":
        return _past(verb, 0), tag
    if not third:
        return verb, tag
    return ("has" if verb == "have" else _with_s(verb)), tag


def participle(verb: str) -> str:
    """The past participle."""
    return "been" if verb == "be" else _past(verb, 1)


def gerund(verb: str) -> str:
    """The form in -ing."""
    if verb in _DOUBLING:
        return verb + verb[-1] + "ing"
    silent = verb.endswith("e") and not verb.endswith(("ee", "be"))
    return (verb[:-1] if silent else verb) + "ing"


def indefinite(following: str) -> str:
    """The indefinite article for the word that follows it: "a" or "an"."""
    word = following.lower()
    vowel = word.startswith(_AN) or (word[:1] in _VOWELS and not word.startswith(_A))
    return "an" if vowel else "a"


def _past(verb: str, slot: int) -> str:
    if verb in _IRREGULAR:
        return _IRREGULAR[verb][slot]
    if verb in _DOUBLING:
        return verb + verb[-1] + "ed"
    if verb.endswith("y") and verb[-2] not in _VOWELS:
        return verb[:-1] + "ied"
    return verb + ("d" if verb.endswith("e") else "ed")


def _with_s(word: str) -> str:
    if word.endswith("y") and word[-2] not in _VOWELS:
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("s", "x", "z", "ch", "sh", "do", "go", "ero")) else "s")
