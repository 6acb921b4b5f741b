from __future__ import annotations

from spigot.builtin.lexicon.verbs import verbs


def test_verbs_are_selected_by_class():
    barking = verbs("intransitive", "animal")
    assert barking is not None
    assert "bark" in {entry.lemma for entry in barking.items}
    people = verbs("intransitive", "person", avoid="animal")
    assert people is not None
    assert "bark" not in {entry.lemma for entry in people.items}
    assert verbs("dative", "animal") is None
