import string

import pytest

from lucidray.domain.vocabulary import LABELS
from lucidray.readers.clinical import ANATOMICAL_ORDER, COMPATIBLE, HISTORY, INFECTION, OVERLAPS, RED_FLAGS, URGENCY
from lucidray.readers.lexicon import load_lexicon
from lucidray.readers.phrases import Template, available_languages, load_phrases

LANGUAGES = available_languages()
CONCEPTS = {concept for term in load_lexicon().terms for concept in term.concepts}


def slots(template: Template) -> set[str]:
    versions = template.values() if isinstance(template, dict) else [template]
    return {name for version in versions for _, name, _, _ in string.Formatter().parse(version) if name}


def test_english_is_there():
    assert "en" in LANGUAGES


@pytest.mark.parametrize("language", LANGUAGES)
def test_table_is_whole(language):
    table, english = load_phrases(language), load_phrases("en")
    assert set(table.subjects) == set(LABELS) | set(OVERLAPS)
    assert set(table.concepts) == CONCEPTS
    assert set(table.causes) == {flag.cause for flag in RED_FLAGS} | {"child"}
    for part in ("parts", "advice", "places", "zones"):
        assert set(getattr(table, part)) == set(getattr(english, part))
    assert set(table.sentences) == set(english.sentences)
    assert all(slots(table.sentences[key]) <= slots(english.sentences[key]) | {"name"} for key in english.sentences)
    for label in set(LABELS) - {"Cardiomegaly"}:
        assert {"present", "present_unplaced"} <= set(table.subjects[label].sentences) | set(table.sentences)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_ends_with_a_full_stop(language):
    table = load_phrases(language)
    templates = [*table.sentences.values(), *(each for s in table.subjects.values() for each in s.sentences.values())]
    for template in templates:
        for version in template.values() if isinstance(template, dict) else [template]:
            assert version.endswith(".")
            assert "  " not in version


def test_lists_and_numbers():
    english = load_phrases("en")
    assert english.join(["a"], "or") == "a"
    assert english.join(["a", "b"], "or") == "a or b"
    assert english.join(["a", "b", "c"], "and") == "a, b and c"
    assert english.score(0.4, 0.0123) == "probability 0.40, threshold 0.012"
    assert english.score(0.0001, None) == "probability below 0.001"
    german = english.model_copy(update={"decimal_point": ","})
    assert german.number(0.5, 2) == "0,50"


def test_clinical_tables_cover_every_label_and_known_concepts_only():
    assert sorted(ANATOMICAL_ORDER) == sorted(URGENCY) == sorted(COMPATIBLE) == sorted(LABELS)
    named = set().union(*COMPATIBLE.values(), HISTORY, INFECTION, *(flag.concepts for flag in RED_FLAGS))
    assert named <= CONCEPTS
