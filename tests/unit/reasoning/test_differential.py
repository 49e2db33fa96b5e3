"""The differential: ranked by reasons, an absence only as good as the classifier that saw it."""

import pytest

from lucidray.domain.judgement import Diagnosis
from lucidray.domain.reading import Overall
from lucidray.readers.clinical import COMPATIBLE, HISTORY
from lucidray.readers.symptoms import parse
from lucidray.reasoning.comparison import compare
from lucidray.reasoning.differential import Patient, power, rank
from lucidray.reasoning.knowledge import load_knowledge
from lucidray.reasoning.rules import load_rules
from tests.sources import claim, finding, findings, wording

RULES = load_rules().differential
NOBODY = Patient()
CLEAR = Overall(probability=0.1, interval=None, threshold=0.4, status="absent", n_positive=1, prevalence=None)


def ranked(of, patient=NOBODY, claims=None, named=(), whole=CLEAR) -> dict[str, Diagnosis]:
    compared = compare(of, claims)
    return {one.diagnosis: one for one in rank(compared, whole, patient, named, "a reader", RULES, wording())}


def first(of, *given: str, **more) -> str:
    return next(iter(ranked(of, Patient(given=given, complaints=given), **more)))


@pytest.mark.parametrize(
    ("statuses", "given", "expected"),
    [
        ({"Consolidation": "present"}, ["fever", "cough"], "Pneumonia"),
        ({"Edema": "present", "Cardiomegaly": "present", "Effusion": "present"}, ["orthopnea"], "Heart failure"),
        ({"Emphysema": "present"}, ["smoking"], "COPD with emphysema"),
        ({"Mass": "present"}, ["hemoptysis", "weight_loss"], "Lung cancer"),
        ({"Nodule": "present"}, ["cancer"], "Lung metastases"),
        ({"Infiltration": "present"}, ["night_sweats", "weight_loss", "tuberculosis"], "Tuberculosis"),
        ({"Pneumothorax": "present"}, ["chest_pain"], "Pneumothorax"),
        ({"Fibrosis": "present"}, ["dyspnea"], "Interstitial lung disease"),
        ({"Hernia": "present"}, ["heartburn"], "Hiatal hernia"),
        ({"Pleural_Thickening": "present"}, ["asbestos"], "Asbestos-related pleural disease"),
        ({"Atelectasis": "present"}, [], "Atelectasis: mucus plug, shallow breathing or obstruction"),
        ({}, [], "No acute abnormality on this film"),
        ({}, ["dyspnea", "chest_pain", "syncope"], "Pulmonary embolism (a radiograph does not exclude it)"),
    ],
)
def test_the_textbook_case_comes_first(statuses, given, expected) -> None:
    assert first(findings(**statuses), *given) == expected


def test_reasons_are_told_with_their_numbers() -> None:
    patient = Patient(age_years=64.5, sex="male", given=("hemoptysis",), complaints=("hemoptysis",))
    one = ranked(findings(Mass="present", Effusion="uncertain"), patient)["Lung cancer"]
    assert one.supporting == [
        "mass is present (80 %)",
        "given: hemoptysis",
        "age 64: more common from 50",
        "pleural effusion is possible (28 %)",
    ]
    assert one.citations
    assert one.source == "knowledge"


def test_an_absence_speaks_only_as_loud_as_the_classifier_sees() -> None:
    def against(sensitivity: float | None) -> tuple[float, list[str]]:
        absent = finding("Edema", "absent", sensitivity=sensitivity, specificity=0.9)
        of = findings(absent, finding("Cardiomegaly", "present"))
        one = ranked(of, Patient(given=("orthopnea", "heart_failure")))["Heart failure"]
        return one.score, one.opposing

    blind, half, sharp, unknown = against(0.1), against(0.5), against(0.9), against(None)
    assert blind == unknown
    assert blind[1] == []
    assert half[1] == ["no pulmonary edema (3.0 %; this classifier finds 50 % of them)"]
    assert sharp[0] < half[0] < blind[0]


@pytest.mark.parametrize(
    ("sensitivity", "specificity", "expected"), [(0.7, 0.9, 2 / 3), (0.1, 0.9, 0.0), (1.0, 0.5, 1.0), (None, None, 0.0)]
)
def test_power_is_one_minus_the_negative_likelihood_ratio(sensitivity, specificity, expected) -> None:
    of = findings(finding("Edema", "absent", sensitivity=sensitivity, specificity=specificity))
    one = next(one for one in compare(of, None) if one.label == "Edema")
    assert power(one) == pytest.approx(expected)


def test_what_was_not_assessed_speaks_against_nothing() -> None:
    one = ranked(findings(Cardiomegaly="present", Edema="unsupported"))["Heart failure"]
    assert one.opposing == []


def test_denied_symptoms_and_names_of_one_shadow_count_less() -> None:
    plain = ranked(findings(Pneumonia="present"))["Pneumonia"]
    denied = ranked(findings(Pneumonia="present"), Patient(denied=("fever",)))["Pneumonia"]
    assert denied.score < plain.score
    assert denied.opposing == ["denied: fever"]
    thrice = ranked(findings(Pneumonia="present", Consolidation="present", Infiltration="present"))["Pneumonia"]
    assert thrice.score == plain.score
    assert len(thrice.supporting) == 3


def test_nothing_is_normal_beside_a_finding_a_raised_score_or_a_readers_word() -> None:
    normal = "No acute abnormality on this film"
    assert normal not in ranked(findings(Hernia="present"))
    assert normal not in ranked(findings(), whole=CLEAR.model_copy(update={"status": "present"}))
    assert normal not in ranked(findings(), claims=[claim("Free Air")])
    told = ranked(findings(Nodule="unsupported"), Patient(given=("cough",), complaints=("cough",)))[normal]
    assert told.opposing == ["a normal film does not explain: cough", "not assessed here: nodule"]


def test_a_reader_counts_half_and_names_its_own() -> None:
    seen = ranked(findings(Mass="present"))["Lung cancer"]
    said = ranked(findings(), claims=[claim("Mass")])["Lung cancer"]
    assert said.score < seen.score
    assert "the reader sees mass" in said.supporting
    of = ranked(findings(Mass="present"), named=["lung cancer.", "Hamartoma", "Hamartoma"])
    assert "a reader names it" in of["Lung cancer"].supporting
    assert (of["Hamartoma"].source, of["Hamartoma"].score) == ("a reader", 0.0)
    assert list(of)[-1] == "Hamartoma"


def test_free_air_means_a_perforation() -> None:
    assert first(findings(), claims=[claim("Free Air")]) == "Perforated hollow organ"


def test_children_have_no_diseases_of_adults() -> None:
    of = findings(Emphysema="present", Fibrosis="present", Pneumonia="present")
    child = ranked(of, Patient(age_years=4))
    assert "Pneumonia" in child
    assert not {"COPD with emphysema", "Interstitial lung disease", "Lung cancer"} & set(child)


def test_an_effusions_causes_are_as_doubtful_as_the_effusion() -> None:
    patient = Patient(given=("cancer",))
    name = "Malignant pleural effusion"
    assert (
        ranked(findings(Effusion="uncertain"), patient)[name].score
        < ranked(findings(Effusion="present"), patient)[name].score
    )
    assert name not in ranked(findings(Mass="present"), patient)


def test_the_knowledge_is_whole() -> None:
    table = wording().table
    assert {entry.key for entry in load_knowledge()} == set(table.diagnoses)
    concepts = (
        set().union(*COMPATIBLE.values())
        | HISTORY
        | {one.concept for one in parse("fever, chills, night sweats, sputum, syncope, dysphagia, heartburn")}
    )
    for entry in load_knowledge():
        assert entry.citations or entry.key == "normal"
        assert set(entry.symptoms) | set(entry.needs_symptoms) <= concepts, entry.key
        assert all(label in entry.findings for label in entry.needs_findings)
