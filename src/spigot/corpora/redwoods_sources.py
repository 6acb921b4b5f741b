"""The files of the English Resource Grammar that Redwoods is made from, by profile."""

from __future__ import annotations

from collections.abc import Iterator

from spigot.corpora.fetch import Source

ERG_COMMIT = "af1a9d13767d7730576c899c74804682879936f6"
PROFILES = (
    *("ws201", "ws202", "ws203", "ws204", "ws205", "ws206", "ws207", "ws208", "ws209", "ws210", "ws211"),
    *("ws212", "ws213", "ws214", "wlb03", "wnb03", "cb", "bcs", "sh-spec", "rtc000", "rtc001", "trec"),
    *("rondane", "hike", "jhk", "jhu", "ps", "psk", "psu", "tg", "tgk", "tgu"),
    *("ecoc", "ecos", "ecpa", "ecpr", "vm13", "vm31", "vm32", "vm6"),
)
_RELATIONS = "d165a03fd737797435e2373a73637d18c1a70c0c5b8bfd730a9beed6ae83385e"
_CHECKSUMS = {
    "ws201/item.gz": "dd207e0bd3b19f6c8fa875428298cc100a5004b6c7c2766c99fd346627fdbc16",
    "ws201/parse.gz": "61d86ff2118b3576eee01f9f007e029927ee8e8808794729c53ac638880f927e",
    "ws201/result.gz": "93ba08ec287c73bf79619acffbd83ff24b2dd892137c9fb851e64c883564a838",
    "ws201/relations": _RELATIONS,
    "ws202/item.gz": "633fa1308467691c994917b0743767cf36f59aa385cef561c539156527eeafec",
    "ws202/parse.gz": "1a3cd71974f912b34bf750d746000fda2f78f65e1043247e96fc5a342844a59f",
    "ws202/result.gz": "0ab73cf48d25c39f0a937dba85ddf219b3bd2f6dbf54768a384c3f217ae6263f",
    "ws202/relations": _RELATIONS,
    "bcs/item.gz": "002f0494c01f465ecefbd5d72ab8bf38911eb04843cd2332d39ef17ec15f57cf",
    "bcs/parse.gz": "3ac8d2f47903832feaf4bb79c0851c7fbf5108bdee9fe21258c368d137412c32",
    "bcs/result.gz": "6573e2d054c656a0c034c75ce26607a95415069f274db72c0f6bd6064ed57d68",
    "bcs/relations": _RELATIONS,
    "cb/item.gz": "51321573ffed32929804ea6732f2234b70ebe30b9536d4e04fee4eaee6e0526d",
    "cb/parse.gz": "b189d76450c695675d8ecebace34091c08b9eb15390f76c067ed1988e6adb67f",
    "cb/result.gz": "4ff874c15fc4a256f008dbf30a067aac8aa38ab259c8c86bc14cd5d839319e58",
    "cb/relations": _RELATIONS,
    "grammar/rules.hds": "2fce35e0c79e6505cf932e6cf94b4e8c2e893980294a4ba96e2ff8bb28e4f11f",
}
"""Those that are known; the files of the other profiles have none here."""


def redwoods_sources() -> tuple[Source, ...]:
    """Return the profiles as folders PROFILE, and the grammar's tables of heads and predicates as `grammar`."""
    return tuple(Source(url, name, _CHECKSUMS.get(name)) for url, name in _addresses())


def _addresses() -> Iterator[tuple[str, str]]:
    base = f"https://raw.githubusercontent.com/delph-in/erg/{ERG_COMMIT}"
    for profile in PROFILES:
        for file in ("item.gz", "parse.gz", "result.gz", "relations"):
            yield f"{base}/tsdb/gold/{profile}/{file}", f"{profile}/{file}"
    for file in ("rules.hds", "surface.smi", "abstract.smi"):
        yield f"{base}/etc/{file}", f"grammar/{file}"
