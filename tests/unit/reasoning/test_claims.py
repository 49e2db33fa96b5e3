import random
import re

import pytest
from claim_cases import read_cases, told
from hypothesis import given
from hypothesis import strategies as st
from report_requests import finding, request

from lucidray.domain.claim import Claim
from lucidray.domain.errors import UsageError
from lucidray.domain.vocabulary import LABELS
from lucidray.readers.composer import Composer
from lucidray.readers.phrases import available_languages, load_phrases
from lucidray.reasoning.claim_lexicon import load_claim_lexicon
from lucidray.reasoning.claim_table import expand
from lucidray.reasoning.claims import claim_languages, extract_claims, summarise

CASES = [(language, *case) for language in claim_languages() for case in read_cases(f"claims_{language}.txt")]


def polarities(text: str, language: str = "en") -> dict[str, str]:
    return dict(summarise(extract_claims(text, language)))


@pytest.mark.parametrize(("language", "text", "expected"), CASES, ids=[f"{case[0]}: {case[1][:60]}" for case in CASES])
def test_hand_labelled_texts(language, text, expected):
    assert told(extract_claims(text, language)) == expected


def test_six_languages():
    assert set(claim_languages()) == {"ar", "de", "en", "es", "fr", "zh"}


def test_unknown_language_is_refused():
    with pytest.raises(UsageError, match="'xx'"):
        extract_claims("No effusion.", "xx")


def test_sentence_stands_as_written():
    (claim,) = extract_claims("IMPRESSION:\n1. Small LEFT  effusion, 2.5 cm.\n")
    assert claim == Claim(
        label="Effusion", polarity="present", side="left", severity="mild", sentence="Small LEFT  effusion, 2.5 cm."
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The lungs are clear.", {"Consolidation": "absent", "Infiltration": "absent", "Pneumonia": "absent"}),
        ("No acute cardiopulmonary abnormality. Possible pneumonia.", {"Pneumonia": "uncertain"}),
        ("Lungs are clear. Left lower lobe consolidation.", {"Consolidation": "present"}),
        ("Pleural spaces are clear. Small effusion.", {"Effusion": "present", "Pneumothorax": "absent"}),
        ("Normal chest. Hiatal hernia.", {"Hernia": "present", "Mass": "absent", "Free Air": "absent"}),
        ("Vascular congestion. No pulmonary edema.", {"Edema": "absent"}),
        ("Vascular congestion.", {"Edema": "present"}),
    ],
)
def test_what_is_named_goes_before_what_is_implied(text, expected):
    found = polarities(text)
    assert {label: found.get(label) for label in expected} == expected


def test_normal_chest_denies_everything():
    assert polarities("Normal chest radiograph.") == dict.fromkeys((*LABELS, "Free Air"), "absent")


def test_summary_takes_the_strongest():
    text = "No effusion. Possible effusion. Possible nodule. No nodule. Small effusion."
    assert polarities(text) == {"Effusion": "present", "Nodule": "uncertain"}


def test_skipped_sections():
    text = "HISTORY: effusion.\nTECHNIQUE: pneumothorax.\nCOMPARISON: mass.\nFINDINGS: Cardiomegaly."
    assert polarities(text) == {"Cardiomegaly": "present"}


def test_heading_in_capitals_without_colon():
    assert polarities("INDICATION Rule out pneumonia.\nFINDINGS The heart is enlarged.\nIMPRESSION Cardiomegaly.") == {
        "Cardiomegaly": "present"
    }


def test_skipped_section_ends_at_an_empty_line():
    assert polarities("INDICATION: known effusion\n\nThe heart is enlarged.") == {"Cardiomegaly": "present"}


def test_wrapped_line_keeps_its_negation():
    text = "There is no evidence of focal airspace consolidation, pneumothorax or pleural\neffusion."
    assert polarities(text)["Effusion"] == "absent"


def test_typo_that_is_another_word():
    assert extract_claims("The right hemithorax and perfusion are as expected after diffusion and infusion.") == []


def test_long_lists_are_read_once():
    claims = extract_claims("no effusion, mass, nodule and hernia, " * 3000 + "or edema.")
    assert {(claim.label, claim.polarity) for claim in claims} == {
        (label, "absent") for label in ("Effusion", "Mass", "Nodule", "Hernia", "Edema")
    }
    assert len(claims) == 5


@pytest.mark.parametrize("piece", [",", "(", "no, ", "heart ", "a b c d: ", "- a\n", "胸", "'", "e\u0301", "-"])
def test_endless_input_says_nothing(piece):
    assert extract_claims(piece * 20_000) == []


@given(st.text(max_size=300), st.sampled_from(claim_languages()))
def test_any_text_can_be_read(text, language):
    for claim in extract_claims(text, language):
        assert "".join(claim.sentence.split()) in "".join(text.split())


@given(
    st.lists(st.sampled_from([case[1] for case in CASES if case[0] == "en" and "\n" not in case[1]]), max_size=4).map(
        " ".join
    )
)
def test_reading_is_deterministic_and_case_does_not_matter(text):
    assert [claim.label for claim in extract_claims(text)] == [claim.label for claim in extract_claims(text)]


@pytest.mark.parametrize("language", sorted(set(available_languages()) & set(claim_languages())))
def test_composed_reports_are_understood(language):
    """What the composer writes of a finding is read back as that, with its side."""
    rng = random.Random(7)
    for _ in range(12):
        findings = []
        for label in LABELS:
            status = rng.choices(["absent", "present", "uncertain"], [5, 2, 1])[0]
            placed = status != "absent" and label != "Cardiomegaly"
            places = [(rng.choice(["left", "right"]), rng.choice(["upper", "mid", "lower"]))] if placed else []
            findings.append(finding(label, status, *places))
        report = Composer().write(request(*findings, language=language))
        claims = extract_claims(report.text, language)
        summary = summarise(claims)
        for each in findings:
            if each.label == "Infiltration" and each.status == "absent":
                continue  # the composer calls a consolidation an opacity, too
            assert summary.get(each.label) == each.status, (each.label, report.text)
            if each.regions and each.status == "present":
                sides = {claim.side for claim in claims if claim.label == each.label}
                assert each.regions[0].side in sides, (each.label, report.text)


@pytest.mark.parametrize("language", claim_languages())
def test_every_language_names_every_finding_and_denies_it(language):
    """A finding's first word alone is present, behind the language's first negation absent."""
    lexicon = load_claim_lexicon(language)
    no = {"en": "no", "fr": "pas de", "es": "sin", "de": "kein", "zh": "未见", "ar": "بدون"}[language]
    words = {
        "en": "effusion",
        "fr": "épanchement",
        "es": "derrame",
        "de": "Pleuraerguss",
        "zh": "胸腔积液",
        "ar": "انصباب جنبي",
    }[language]
    assert polarities(words, language) == {"Effusion": "present"}
    assert polarities(f"{no} {words}", language) == {"Effusion": "absent"}
    assert lexicon.headings


def test_alternatives_are_written_out():
    assert expand("[pleural|] effusion[|s]") == ["pleural effusion", "pleural effusions", "effusion", "effusions"]
    assert expand("[a[|b] c|d]") == ["a c", "ab c", "d"]
    with pytest.raises(ValueError, match="brackets"):
        expand("[a|b")


@pytest.mark.parametrize("language", available_languages())
def test_that_score_and_ratio_disagree_claims_no_cardiomegaly(language):
    whole = load_phrases(language).sentence("impression.heart_disagrees")
    alone = re.split("[:：]", whole, maxsplit=1)[1].strip()
    for text in (whole, alone, re.split("[;；؛]", alone)[0] + "."):
        assert "Cardiomegaly" not in {label for label, _ in summarise(extract_claims(text, language))}, text


def test_a_score_that_speaks_of_cardiomegaly_does_not_hide_one_that_is_named():
    text = "The score for cardiomegaly and the cardiothoracic ratio disagree. There is cardiomegaly."
    assert polarities(text) == {"Cardiomegaly": "present"}
