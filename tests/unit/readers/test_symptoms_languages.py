"""Symptoms as people of six languages type them: what is there, what is denied, for how long."""

import pytest

from lucidray.readers.lexicon import Term, is_misspelt, load_lexicon
from lucidray.readers.phrases import available_languages, load_phrases
from lucidray.readers.symptoms import parse


def told(text: str) -> dict[str, bool]:
    """Concepts, and whether they are there; what is named and denied counts as there."""
    found: dict[str, bool] = {}
    for symptom in parse(text):
        if symptom.concept != "other":
            found[symptom.concept] = found.get(symptom.concept, False) or not symptom.negated
    return found


def durations(text: str) -> dict[str, str | None]:
    return {symptom.concept: symptom.duration_text for symptom in parse(text) if symptom.concept != "other"}


@pytest.mark.parametrize("language", available_languages())
def test_the_names_of_a_language_are_understood(language):
    for concept, name in load_phrases(language).concepts.items():
        assert told(f"{name}") == {concept: True}


GERMAN = [
    ("Fieber, Husten seit 5 Tagen", {"fever": True, "cough": True}),
    ("Kein Fieber, Husten seit 5 Tagen", {"fever": False, "cough": True}),
    ("kein Fieber, Schüttelfrost oder Husten", {"fever": False, "chills": False, "cough": False}),
    ("Weder Fieber noch Husten", {"fever": False, "cough": False}),
    ("verneint Fieber, Husten, Atemnot", {"fever": False, "cough": False, "dyspnea": False}),
    ("ohne Brustschmerzen, aber Luftnot", {"chest_pain": False, "dyspnea": True}),
    ("Husten nicht besser", {"cough": True}),
    ("keine Besserung, Husten", {"cough": True}),
    ("Fieber: nein, Husten: ja", {"fever": False, "cough": True}),
    ("Fieber wird verneint. Husten.", {"fever": False, "cough": True}),
    ("fieberfrei, hustet", {"fever": False, "cough": True}),
    ("hustet nicht, raucht", {"cough": False, "smoking": True}),
    ("Nichtraucherin mit Kurzatmigkeit", {"smoking": False, "dyspnea": True}),
    ("Pat. klagt über atemabhängige Schmerzen, kein Auswurf", {"chest_pain": True, "sputum": False}),
    ("nicht nur Husten, auch Fieber", {"cough": True, "fever": True}),
    ("Z. n. Sturz, Hämoptysen", {"trauma": True, "hemoptysis": True}),
    ("Vater hatte Lungenkrebs, Husten", {"cough": True}),
    ("MUEDIGKEIT UND NACHTSCHWEISS", {"fatigue": True, "night_sweats": True}),
    ("hat kein Fieber, hat Husten", {"fever": False, "cough": True}),
    ("bekannte COPD, Herzinsuffizienz", {"copd": True, "heart_failure": True}),
]
FRENCH = [
    ("fièvre, toux depuis 5 jours", {"fever": True, "cough": True}),
    ("Pas de fièvre, toux depuis 5 jours", {"fever": False, "cough": True}),
    ("pas de fièvre, de frissons ni de toux", {"fever": False, "chills": False, "cough": False}),
    ("ni fièvre ni toux", {"fever": False, "cough": False}),
    ("n'a ni fièvre ni toux mais une dyspnée", {"fever": False, "cough": False, "dyspnea": True}),
    ("nie fièvre, toux, douleur thoracique", {"fever": False, "cough": False, "chest_pain": False}),
    ("sans fièvre", {"fever": False}),
    ("il ne tousse pas mais a de la fièvre", {"cough": False, "fever": True}),
    ("pas d'essoufflement", {"dyspnea": False}),
    ("pas d'asthme, pas d'hémoptysie", {"asthma": False, "hemoptysis": False}),
    ("l'asthme, la fievre", {"asthma": True, "fever": True}),
    ("toux, pas d'amélioration", {"cough": True}),
    ("toux non améliorée, dyspnée", {"cough": True, "dyspnea": True}),
    ("fièvre : non, toux : oui", {"fever": False, "cough": True}),
    ("patient apyrétique, non fumeur", {"fever": False, "smoking": False}),
    ("absence de douleur thoracique", {"chest_pain": False}),
    ("pas seulement une toux", {"cough": True}),
    ("antécédents familiaux de tuberculose, toux", {"cough": True}),
    ("angine", {}),
    ("angine de poitrine", {"chest_pain": True}),
    ("BPCO connue, œdème des membres inférieurs", {"copd": True, "leg_swelling": True}),
    ("aucune hémoptysie ; perte de poids", {"hemoptysis": False, "weight_loss": True}),
]
SPANISH = [
    ("fiebre, tos desde hace 5 días", {"fever": True, "cough": True}),
    ("Sin fiebre, tos desde hace 5 días", {"fever": False, "cough": True}),
    ("sin fiebre, escalofríos ni tos", {"fever": False, "chills": False, "cough": False}),
    ("no fiebre ni tos", {"fever": False, "cough": False}),
    ("ni tos ni fiebre", {"fever": False, "cough": False}),
    ("niega fiebre, tos, dolor torácico", {"fever": False, "cough": False, "chest_pain": False}),
    ("no tiene fiebre pero tose", {"fever": False, "cough": True}),
    ("no ha tenido fiebre", {"fever": False}),
    ("no fuma", {"smoking": False}),
    ("tos que no mejora", {"cough": True}),
    ("fiebre: no, tos: sí", {"fever": False, "cough": True}),
    ("afebril, con falta de aire", {"fever": False, "dyspnea": True}),
    ("dolor de pecho e hinchazón de piernas", {"chest_pain": True, "leg_swelling": True}),
    ("perdida de peso y sudores nocturnos", {"weight_loss": True, "night_sweats": True}),
    ("no solo tos, también fiebre", {"cough": True, "fever": True}),
    ("padre con tuberculosis, tos", {"cough": True}),
    ("sin antecedentes de asma. Tos con sangre.", {"asthma": False, "hemoptysis": True}),
    ("EPOC, exfumador", {"copd": True, "smoking": True}),
    ("caída hace 2 días, no pérdida de conocimiento", {"trauma": True, "syncope": False}),
    ("confusion", {}),
]
CHINESE = [
    ("发热、咳嗽5天", {"fever": True, "cough": True}),
    ("无发热，咳嗽5天", {"fever": False, "cough": True}),
    ("无发热、寒战、盗汗", {"fever": False, "chills": False, "night_sweats": False}),
    ("无发热、咳嗽，伴胸痛", {"fever": False, "cough": False, "chest_pain": True}),
    ("否认发热、咳嗽，咯血", {"fever": False, "cough": False, "hemoptysis": False}),
    ("患者无明显诱因出现咳嗽、咳痰3周", {"cough": True, "sputum": True}),
    ("没有发烧但是咳嗽", {"fever": False, "cough": True}),
    ("发热：无；咳嗽：有", {"fever": False, "cough": True}),
    ("发热（-）", {"fever": False}),
    ("咳嗽未见好转", {"cough": True}),
    ("不发热", {"fever": False}),
    ("不吸烟，胸闷气短", {"smoking": False, "chest_pain": True, "dyspnea": True}),
    ("全身无力", {"fatigue": True}),
    ("不能平卧", {"orthopnea": True}),
    ("不明原因发热2月", {"fever": True}),
    ("父亲患肺癌，咳嗽", {"cough": True}),
    ("痰中带血，体重下降", {"hemoptysis": True, "weight_loss": True}),
    ("无痰，无胸痛", {"sputum": False, "chest_pain": False}),
    ("车祸后胸痛，无意识丧失", {"trauma": True, "chest_pain": True, "syncope": False}),
    ("反复咳嗽，也无发热", {"cough": True, "fever": False}),
]
ARABIC = [
    ("حمى وسعال منذ 5 أيام", {"fever": True, "cough": True}),
    ("الحمى والسعال", {"fever": True, "cough": True}),
    ("لا يوجد حمى، سعال منذ 5 أيام", {"fever": False, "cough": True}),
    ("لا حمى ولا سعال", {"fever": False, "cough": False}),
    ("بدون حرارة أو سعال", {"fever": False, "cough": False}),
    ("ينفي الحمى، السعال، ألم الصدر", {"fever": False, "cough": False, "chest_pain": False}),
    ("لا يعاني من ضيق التنفس لكن لديه ألم في الصدر", {"dyspnea": False, "chest_pain": True}),
    ("حُمّى", {"fever": True}),
    ("ســعال", {"cough": True}),
    ("الم بالصدر وضيق نفس", {"chest_pain": True, "dyspnea": True}),
    ("كحه مع بلغم", {"cough": True, "sputum": True}),
    ("غير مدخن", {"smoking": False}),
    ("السعال لم يتحسن", {"cough": True}),
    ("حمى: لا، سعال: نعم", {"fever": False, "cough": True}),
    ("إغماء أو اغماء", {"syncope": True}),
    ("نقص وزن وتعرق ليلي", {"weight_loss": True, "night_sweats": True}),
    ("كسل", {}),
    ("وجع في الصدر", {"chest_pain": True}),
    ("تاريخ عائلي سرطان، سعال", {"cough": True}),
    ("لا تزال لديه حمى", {"fever": True}),
    ("يشكو من سعال بدون نفث دم", {"cough": True, "hemoptysis": False}),
]
MIXED = [
    ("fever, keine Atemnot, toux", {"fever": True, "dyspnea": False, "cough": True}),
    ("no fever, 咳嗽3天", {"fever": False, "cough": True}),
    ("COPD، سعال", {"copd": True, "cough": True}),
    ("low fiber diet, confusion", {}),
]


@pytest.mark.parametrize(("text", "expected"), [*GERMAN, *FRENCH, *SPANISH, *CHINESE, *ARABIC, *MIXED])
def test_what_is_there_and_what_is_denied(text, expected):
    assert told(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Husten seit 5 Tagen", {"cough": "5 tagen"}),
        ("seit drei Wochen Husten", {"cough": "drei wochen"}),
        ("Husten seit gestern", {"cough": "seit gestern"}),
        ("Husten, 65 Jahre alt", {"cough": None}),
        ("toux depuis 5 jours", {"cough": "5 jours"}),
        ("fièvre et toux depuis une semaine", {"fever": "une semaine", "cough": "une semaine"}),
        ("homme de 65 ans, toux", {"cough": None}),
        ("toux chez un homme de 65 ans", {"cough": None}),
        ("tos desde hace dos semanas", {"cough": "dos semanas"}),
        ("tos desde ayer", {"cough": "desde ayer"}),
        ("tos, varón de 65 años", {"cough": None}),
        ("tos, 65 años de edad", {"cough": None}),
        ("发热、咳嗽5天", {"fever": "5天", "cough": "5天"}),
        ("咳嗽三个月", {"cough": "三个月"}),
        ("胸痛2小时", {"chest_pain": "2小时"}),
        ("患者65岁，咳嗽", {"cough": None}),
        ("سعال منذ 5 أيام", {"cough": "5 أيام"}),
        ("سعال منذ ٥ أيام", {"cough": "٥ أيام"}),
        ("سعال منذ أسبوعين", {"cough": "منذ أسبوعين"}),
        ("عمره 65 سنة، سعال", {"cough": None}),
    ],
)
def test_durations(text, expected):
    assert durations(text) == expected


def test_spans_point_at_the_words_where_none_are_between_blanks():
    text = "无发热，咳嗽5天"
    assert [text[slice(*symptom.span)] for symptom in parse(text)] == ["发热", "咳嗽"]
    text = "حمى وسعال"
    assert [text[slice(*symptom.span)] for symptom in parse(text)] == ["حمى", "سعال"]


def spelt() -> dict[tuple[str, ...], set[tuple[str, tuple[str, ...], bool]]]:
    meanings: dict[tuple[str, ...], set[tuple[str, tuple[str, ...], bool]]] = {}
    for term in load_lexicon().terms:
        if not term.exact_case:
            meanings.setdefault(term.words, set()).add((term.kind, term.concepts, term.denies))
    return meanings


def test_no_word_means_different_things_in_two_languages():
    assert {words: meant for words, meant in spelt().items() if len(meant) > 1} == {}


def test_no_word_of_one_language_is_a_misspelling_of_another():
    lexicon = load_lexicon()
    terms: list[Term] = [term for term in lexicon.terms if len(term.words) == 1 and not term.exact_case]
    concepts = [term for term in terms if term.kind == "concept"]
    for term in concepts:
        for other in terms:
            if other.kind != "concept" or set(other.concepts) != set(term.concepts):
                assert not is_misspelt(other.words[0], term.words[0]), (other, term)
