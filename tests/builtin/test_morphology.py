from __future__ import annotations

import pytest

from spigot.builtin.inflection import Shape, conjugate
from spigot.builtin.morphology import finite, gerund, indefinite, participle, plural


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (Shape(), "wrote"),
        (Shape(tense="present"), "writes"),
        (Shape(tense="present", agreement="pl", negation="not"), "do write"),
        (Shape(inverted=True), "did write"),
        (Shape(perfect=True, progressive=True), "had been writing"),
        (Shape(tense="present", modal="can", passive=True), "can be written"),
        (Shape("infinitive"), "write"),
        (Shape("participle"), "writing"),
        (Shape("past participle"), "written"),
    ],
)
def test_conjugation(shape, expected):
    assert " ".join(part.form for part in conjugate("write", shape)) == expected


def test_be_agrees_and_needs_no_do():
    assert finite("be", "present", "1sg") == ("am", "VBP")
    assert finite("be", "past", "pl") == ("were", "VBD")
    assert [part.form for part in conjugate("be", Shape(negation="not", inverted=True))] == ["was"]


def test_morphology():
    assert [plural(word) for word in ("box", "story", "boy", "woman", "loaf", "hero", "piano")] == (
        ["boxes", "stories", "boys", "women", "loaves", "heroes", "pianos"]
    )
    assert [gerund(word) for word in ("bake", "run", "see", "carry")] == (["baking", "running", "seeing", "carrying"])
    assert [participle(word) for word in ("worry", "stop", "take", "love")] == [
        "worried",
        "stopped",
        "taken",
        "loved",
    ]
    assert [indefinite(word) for word in ("honest", "useless", "umbrella", "old", "Ugly", "hat")] == (
        ["an", "a", "an", "an", "an", "a"]
    )
