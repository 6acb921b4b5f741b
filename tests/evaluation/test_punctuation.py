import pytest

from spigot.evaluation.punctuation import FORMS_RULE, PUNCTUATION_RULES, TAGS_RULE


@pytest.mark.parametrize("form", [".", "...", "``", "''", "-LRB-", "«", "—", "؟", "。", "?!", "%"])
def test_forms_of_punctuation(form):
    assert FORMS_RULE.test(form, "_")


@pytest.mark.parametrize("form", ["U.S.", "'s", "$", "+", "e-mail", "", "3.5"])
def test_other_forms(form):
    assert not FORMS_RULE.test(form, "PUNCT")


def test_tags_rule_knows_penn_and_universal_tags():
    assert [tag for tag in ("PUNCT", "``", "-RRB-", ":", "SYM", "NN", "$", "HYPH") if TAGS_RULE.test("x", tag)] == [
        "PUNCT",
        "``",
        "-RRB-",
        ":",
    ]


def test_rules_are_found_by_name():
    assert {name: rule.name for name, rule in PUNCTUATION_RULES.items()} == {"forms": "forms", "tags": "tags"}
