"""A report on a child's film says which finding was looked for: that alone claims nothing about it."""

import pytest

from lucidray.readers.phrases import load_phrases
from lucidray.reasoning.claims import claim_languages, extract_claims, summarise

SCOPE = {
    "en": "The patient is under 18: only pneumonia was assessed on this film.",
    "de": "Die Patientin oder der Patient ist unter 18 Jahre alt: Auf dieser Aufnahme wurde nur Pneumonie beurteilt.",
    "es": "El paciente es menor de 18 años: en esta radiografía solo se ha valorado neumonía.",
    "fr": "Le patient a moins de 18 ans : ce cliché n'a été analysé que pour l'anomalie suivante : pneumonie.",
    "zh": "受检者未满18岁：本片仅评估了肺炎。",
    "ar": "عمر المريض أقل من 18 سنة: اقتصر التقييم في هذه الصورة على التهاب رئوي.",
}
ABSENT = {
    "en": "No pneumonia.",
    "de": "Keine Pneumonie.",
    "es": "No hay neumonía.",
    "fr": "Pas de pneumonie.",
    "zh": "未见肺炎。",
    "ar": "لا يوجد التهاب رئوي.",
}


def test_every_language_is_tried() -> None:
    assert set(SCOPE) == set(claim_languages())


@pytest.mark.parametrize("language", sorted(SCOPE))
def test_what_was_assessed_is_not_claimed_to_be_there(language: str) -> None:
    assert extract_claims(SCOPE[language], language) == []
    both = summarise(extract_claims(f"{SCOPE[language]}\n{ABSENT[language]}", language))
    assert both == {"Pneumonia": "absent"}


@pytest.mark.parametrize("language", sorted(SCOPE))
def test_what_the_composer_writes_of_it_claims_nothing(language: str) -> None:
    phrases = load_phrases(language)
    written = phrases.sentence("child", count=1, items=phrases.findings(["Pneumonia"], "and"))
    assert extract_claims(written, language) == []


def test_other_words_behind_it_still_claim() -> None:
    text = "Pneumonia in the right lower zone was assessed by two readers."
    assert summarise(extract_claims(text)) == {"Pneumonia": "present"}
