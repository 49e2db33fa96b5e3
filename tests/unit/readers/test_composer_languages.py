# ruff: noqa: E501 - sentences are written whole
"""What holds for every report in every language: it flips with the finding, keeps its side, and says nothing twice."""

import re
from dataclasses import replace
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_requests import MIRRORED, finding, ratio, reading, request
from report_strategies import STATUSES, requests

from lucidray.domain.prediction import NO_OUTPUT, NOT_IN_CALIBRATION, UNCALIBRATED
from lucidray.domain.reading import WORDING_UNREVIEWED
from lucidray.domain.vocabulary import LABELS, finding_id
from lucidray.readers.composer import Composer
from lucidray.readers.phrases import available_languages, load_phrases
from lucidray.reasoning.claims import extract_claims

LANGUAGES = available_languages()


class Grammar(NamedTuple):
    """How a language names things, written out here so that a wrong word in the table is seen."""

    terms: dict[str, str]
    uncertain: str
    absent: str
    not_assessed: str
    sides: dict[str, str]
    normal: str


def named(*terms: str) -> dict[str, str]:
    return dict(zip(LABELS, terms, strict=True))


GRAMMAR = {
    "de": Grammar(
        named(
            "atelektase", "kardiomegalie", "pleuraerg", "infiltrat", "raumforderung", "rundherd", "pneumonie", "pneumothora",
            "konsolidierung", "lungenödem", "lungenemphysem", "lungenfibrose", "pleuraverdickung", r"\bhernie",
        ),
        "^möglicherweise|nicht auszuschließen|^mögliche", r"\bkein(e|en)?\b", "Nicht beurteilt:",
        {"right": r"\brecht", "left": r"\blink"}, "normal|unauffällig",
    ),
    "fr": Grammar(
        named(
            "atélectasie", "cardiomégalie", "épanchement", "infiltrat", r"\bmasse", "nodule", "pneumonie", "pneumothorax",
            "condensation", "œdème", "emphysème", "fibrose", "épaississement", r"\bhernie",
        ),
        "^possible|ne peut exclure", r"\bpas\b|n'indiquent pas", "Non évalué",
        {"right": r"\bdroit", "left": r"\bgauche"}, "normal",
    ),
    "es": Grammar(
        named(
            "atelectasia", "cardiomegalia", "derrame", "infiltrado", r"\bmasas?\b", "nódulo", "neumonía", "neumotórax",
            "consolidaci", r"\bedema pulmonar", "enfisema", "fibrosis", "engrosamiento", r"\bhernia",
        ),
        "^posible|no se puede descartar", r"\bsin evidencia|\bsin cardio|no indica", "No valorado:",
        {"right": r"\bderech", "left": r"\bizquierd"}, "normal",
    ),
    "zh": Grammar(
        named(
            "肺不张", "心影增大", "胸腔积液", "浸润", "肿块", "结节", "肺炎", "气胸", "实变", "肺水肿", "肺气肿", "纤维化", "胸膜增厚", "疝",
        ),
        "可疑|不除外", "未见|未提示|未另提示", "未评估：", {"right": "右", "left": "左"}, "正常",
    ),
    "ar": Grammar(
        named(
            "انخماص", "ضخامة", "انصباب", "ارتشاح", "كتل", "عُقيد", "التهاب رئوي", "استرواح", "تكثف", "وذمة", "نفاخ", "تليف", "تسمك", "فتق",
        ),
        "احتمال وجود|لا يمكن استبعاد", "لا دليل|لا تشير|لا توجد", "لم يجر تقييم:",
        {"right": "الأيمن|اليمنى", "left": "الأيسر|اليسرى"}, "طبيعي",
    ),
}  # fmt: skip
OTHERS = sorted(GRAMMAR)


def stance(text: str, label: str, language: str) -> str | None:
    grammar = GRAMMAR[language]
    if not re.search(grammar.terms[label], text, re.IGNORECASE):
        return None
    if re.search(grammar.uncertain, text, re.IGNORECASE):
        return "uncertain"
    return "absent" if re.search(grammar.absent, text, re.IGNORECASE) else "present"


def test_every_language_but_english_has_its_grammar_here():
    assert sorted({"en", *GRAMMAR}) == sorted(LANGUAGES)


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize("others", ["absent", "uncertain", "unsupported"])
@pytest.mark.parametrize("label", LABELS)
def test_flip_the_finding_and_the_sentence_flips(label, others, language):
    told = set()
    for status in STATUSES:
        asked = request(statuses={label: status}, others=others, whole="uncertain", language=language)
        report = Composer().write(asked)
        stances = {stance(sentence.text, label, language) for sentence in report.findings} - {None}
        assert stances == ({status} if status != "unsupported" else set())
        cited = [sentence for sentence in report.findings if finding_id(label) in sentence.evidence]
        assert len(cited) == (status != "unsupported")
        told.add(report.text)
    assert len(told) == len(STATUSES)


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize("zone", ["upper", "mid", "lower"])
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("status", ["present", "uncertain"])
@pytest.mark.parametrize("label", sorted(set(LABELS) - {"Cardiomegaly"}))
def test_side_is_never_exchanged(label, status, side, zone, language):
    other = {"left": "right", "right": "left"}[side]
    report = Composer().write(request(finding(label, status, (side, zone)), language=language))
    sides = GRAMMAR[language].sides
    assert re.search(sides[side], report.text, re.IGNORECASE)
    assert not re.search(sides[other], report.text, re.IGNORECASE)


@pytest.mark.parametrize("language", LANGUAGES)
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_every_report_is_well_formed(language, data):
    asked = data.draw(requests(language))
    report = Composer().write(asked)
    reading(asked, report)  # all evidence is there, or this raises
    texts = [sentence.text for sentence in report.sentences]
    assert len(texts) == len(set(texts))
    stop = "。" if language == "zh" else "."
    for sentence in report.sentences:
        text = sentence.text
        assert text.isprintable()
        assert text.endswith(stop)
        assert not re.search(r"[{}]|  | [,.]|\b(None|nan)\b|\(\)|（）|\.\.|。。", text), text
        assert text[0] == text[0].upper()
        # Numbers have the language's own decimal sign.
        wrong = r"\d\.\d" if language in {"de", "fr", "es"} else r"\d,\d"
        assert not re.search(wrong, text), text
    assert not re.search(GRAMMAR[language].normal if language in GRAMMAR else r"\bnormal\b", report.text, re.IGNORECASE)


@pytest.mark.parametrize("language", OTHERS)
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_every_language_says_what_english_says(language, data):
    asked = data.draw(requests("en"))
    english = Composer().write(asked)
    other = Composer().write(request_in(asked, language))
    for theirs, ours in zip(english.sentences, other.sentences, strict=True):
        assert theirs.evidence == ours.evidence
        assert theirs.verdict == ours.verdict
    # What was not assessed is named once, where it is said that it was not assessed.
    unsupported = [each.label for each in asked.findings if each.status == "unsupported"]
    for sentence in other.sentences:
        mentioned = {label for label in unsupported if stance(sentence.text, label, language)}
        if sentence.text.startswith(GRAMMAR[language].not_assessed):
            assert mentioned == set(unsupported)
        else:
            assert not mentioned, sentence.text


def request_in(asked, language):
    from dataclasses import replace

    return replace(asked, language=language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_report_says_that_nobody_has_reviewed_its_wording(language):
    report = Composer().write(request(language=language))
    assert report.wording is not None
    assert report.wording.reviewed_by is None
    assert report.wording.notice_english == WORDING_UNREVIEWED
    assert report.wording.notice
    assert report.text.endswith(report.wording.notice)
    assert (report.wording.notice == WORDING_UNREVIEWED) == (language == "en")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_mirrored_film_warns_in_every_language(language):
    plain = Composer().write(request(language=language))
    warned = Composer().write(request(language=language, warnings=[MIRRORED], measurements=[ratio(0.6)]))
    assert warned.findings[0].evidence == ["warning-mirrored"]
    assert warned.findings[0].text not in plain.text


@pytest.mark.parametrize("language", available_languages())
def test_what_was_not_assessed_is_named_with_its_own_reason(language: str) -> None:
    statuses = dict.fromkeys(("Hernia", "Fibrosis", "Mass", "Edema", "Nodule"), "unsupported")
    bases = {
        "Fibrosis": UNCALIBRATED,
        "Mass": f"{UNCALIBRATED}; a remark",
        "Edema": f"borrowed {NO_OUTPUT}",
        "Nodule": f"the calibration own.json {NOT_IN_CALIBRATION}",
    }
    asked = request(statuses=statuses, language=language)
    findings = [one.model_copy(update={"basis": bases.get(one.label, one.basis)}) for one in asked.findings]
    report = Composer().write(replace(asked, findings=findings))
    phrases = load_phrases(language)
    wanted = {
        "impression.not_assessed": ["Hernia"],
        "impression.not_assessed_uncalibrated": ["Mass", "Nodule", "Fibrosis"],
        "impression.not_assessed_no_output": ["Edema"],
    }
    told = {sentence.text: set(sentence.evidence) for sentence in report.impression}
    for key, labels in wanted.items():
        ordered = [label for label in LABELS if label in labels]
        text = phrases.sentence(key, count=len(labels), items=phrases.findings(ordered, "and"))
        assert told[text] == {finding_id(label) for label in labels}
        assert extract_claims(text, language) == []
    assert len({phrases.sentence(key, count=2, items="x") for key in wanted}) == 3
