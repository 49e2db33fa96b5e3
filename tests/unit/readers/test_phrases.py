import re
import string

import pytest

from lucidray.domain.vocabulary import LABELS
from lucidray.readers.clinical import ANATOMICAL_ORDER, COMPATIBLE, HISTORY, INFECTION, OVERLAPS, RED_FLAGS, URGENCY
from lucidray.readers.lexicon import load_lexicon
from lucidray.readers.phrases import Noun, Phrases, available_languages, load_phrases
from lucidray.wording.plurals import Template

LANGUAGES = available_languages()
CONCEPTS = {concept for term in load_lexicon().terms for concept in term.concepts}


PARSE = string.Formatter().parse


def versions(template: Template) -> list[str]:
    return list(template.values()) if isinstance(template, dict) else [template]


def slots(template: Template) -> set[str]:
    return {name for version in versions(template) for _, name, _, _ in PARSE(version) if name}


def test_the_six_languages_are_there():
    assert LANGUAGES == ("ar", "de", "en", "es", "fr", "zh")


@pytest.mark.parametrize("language", LANGUAGES)
def test_table_is_whole(language):
    table, english = load_phrases(language), load_phrases("en")
    assert set(table.subjects) == set(LABELS) | set(OVERLAPS)
    assert set(table.concepts) == CONCEPTS
    assert set(table.causes) == {flag.cause for flag in RED_FLAGS} | {"child"}
    assert set(table.lists) == {"and", "or", "nor"}
    for part in ("parts", "advice", "places", "zones"):
        assert set(getattr(table, part)) == set(getattr(english, part))
    assert set(table.sentences) == set(english.sentences)
    for label in set(LABELS) - {"Cardiomegaly"}:
        assert {"present", "present_unplaced"} <= set(table.subjects[label].sentences) | set(table.sentences)
    for group in OVERLAPS:
        assert set(table.subjects[group].sentences) == set(english.subjects[group].sentences)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_has_the_slots_of_the_english_one(language):
    table, english = load_phrases(language), load_phrases("en")
    for key, template in english.sentences.items():
        for version in versions(table.sentences[key]):
            assert slots(version) == slots(template), key
    for key, template in english.parts.items():
        assert slots(table.parts[key]) == slots(template), key
    for label, subject in table.subjects.items():
        for key, template in subject.sentences.items():
            for version in versions(template):
                assert slots(version) == slots(english.subjects[label].sentences[key]), (label, key)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_form_that_a_sentence_asks_for_is_there(language):
    table = load_phrases(language)
    templates = [*table.sentences.values(), *(each for s in table.subjects.values() for each in s.sentences.values())]
    asked = {spec for each in templates for version in versions(each) for _, _, spec, _ in PARSE(version) if spec}
    for subject in table.subjects.values():
        assert set(subject.forms) == asked, subject.name


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_ends_with_a_full_stop(language):
    table = load_phrases(language)
    stop = "。" if language == "zh" else "."
    templates = [*table.sentences.values(), *(each for s in table.subjects.values() for each in s.sentences.values())]
    for template in templates:
        for version in versions(template):
            assert version.endswith(stop)
            assert "  " not in version
            assert version.count("(") == version.count(")")
            assert version.count("（") == version.count("）")
    assert not any(advice.endswith(stop) for advice in table.advice.values())


# What a place must say and what it must not, per language: an exchanged side is the worst of all errors.
SIDES = {
    "en": {"right": "right", "left": "left", "both": "both", "midline": "midline"},
    "de": {"right": "recht", "left": "link", "both": "beid", "midline": "Mittellinie"},
    "fr": {"right": "droit", "left": "gauche", "both": "deux", "midline": "médiane"},
    "es": {"right": "derech", "left": "izquierd", "both": "amb", "midline": "línea media"},
    "zh": {"right": "右", "left": "左", "both": "双", "midline": "中线"},
    "ar": {"right": "الأيمن|اليمنى", "left": "الأيسر|اليسرى", "both": "الجانبين", "midline": "الخط الناصف"},
}
ZONES = {
    "en": {"upper": "upper", "mid": r"\bmid\b", "lower": "lower", "all": "all"},
    "de": {"upper": "Ober", "mid": "Mittelf|Mittel-", "lower": "Unter", "all": "allen"},
    "fr": {"upper": "supérieur", "mid": "moyen", "lower": "inférieur", "all": r"\btou[ts]"},
    "es": {"upper": "superior", "mid": r"\bmedios?\b", "lower": "inferior", "all": r"\btodos?\b"},
    "zh": {"upper": "上", "mid": "中(?!线)", "lower": "下", "all": "全"},
    "ar": {"upper": "علوي", "mid": "الأوسط|الوسطى", "lower": "سفلي", "all": "جميع"},
}


def said(text: str, words: dict[str, str]) -> set[str]:
    return {name for name, pattern in words.items() if re.search(pattern, text)}


@pytest.mark.parametrize("language", LANGUAGES)
def test_places_say_their_side_and_zones_and_no_other(language):
    table = load_phrases(language)
    for key, text in [*table.places.items(), *table.zones.items()]:
        side, _, zones = key.partition(" ")
        expected = {"all"} if zones == "upper+mid+lower" else set(zones.split("+")) - {""}
        assert said(text, SIDES[language]) == {side}, text
        assert said(text, ZONES[language]) == expected, text
    assert len(set(table.places.values())) == len(table.places)
    assert len(set(table.zones.values())) == len(table.zones)


def texts(language: str) -> list[str]:
    """Everything that a table can say, without its slots."""
    table = load_phrases(language)
    templates: list[Template] = [
        table.unreviewed,
        *table.headings.model_dump().values(),
        *table.sentences.values(),
        *(each for subject in table.subjects.values() for each in subject.sentences.values()),
    ]
    for part in (table.parts, table.advice, table.places, table.zones, table.causes):
        templates += part.values()
    nouns = [*table.subjects.values(), *(Noun(name=f"{each}") for each in table.concepts.values())]
    templates += [text for noun in nouns for text in (noun.name, *noun.forms.values())]
    return ["".join(text for text, *_ in PARSE(version)) for each in templates for version in versions(each)]


ENGLISH = r"\b(the|of|is|are|no|with|and|or|for|not|in the|there|cannot|recommended|possible|film|heart|lung|score)\b"


@pytest.mark.parametrize("language", sorted(set(LANGUAGES) - {"en"}))
def test_no_english_is_left(language):
    # "no" is Spanish, "possible" French, "Score" German as well.
    own = {"es": {"no"}, "fr": {"possible", "score"}, "de": {"score"}}.get(language, set())
    for text in texts(language):
        assert {word.lower() for word in re.findall(ENGLISH, text, re.IGNORECASE)} <= own, text


@pytest.mark.parametrize(("language", "allowed"), [("zh", {"CT", "mm"}), ("ar", set())])
def test_no_latin_letter_strays_into_another_script(language, allowed):
    for text in texts(language):
        assert set(re.findall(r"[A-Za-z]+", text)) <= allowed, text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_table_that_nobody_signed_says_so(language):
    table = load_phrases(language)
    assert table.review.reviewed_by == table.reviewed_by
    assert (table.review.notice is None) == (table.reviewed_by is not None)
    signed = table.model_copy(update={"reviewed_by": "Dr. A. Example"})
    assert signed.review.notice is None
    assert signed.review.notice_english is None


def test_plurals_of_another_language_are_refused():
    with pytest.raises(ValueError, match="plural categories"):
        Phrases.model_validate(load_phrases("zh").model_dump() | {"sentences": {"a": {"one": "x.", "other": "y."}}})


def test_the_last_member_decides_how_a_spanish_list_ends():
    spanish = load_phrases("es")
    assert spanish.join(["neumonía", "infiltrado"], "and") == "neumonía e infiltrado"
    assert spanish.join(["neumonía", "hernia"], "and") == "neumonía y hernia"
    assert spanish.join(["tos", "ortopnea"], "or") == "tos u ortopnea"
    assert spanish.join(["tos", "fiebre", "disnea"], "nor") == "tos, fiebre ni disnea"


def test_french_elides():
    french = load_phrases("fr")
    absent = french.sentence("absent", items=french.findings(["Effusion", "Pneumothorax", "Edema", "Hernia"], "nor"))
    assert absent == "Pas d'épanchement pleural, de pneumothorax, d'œdème pulmonaire ni de hernie."


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
