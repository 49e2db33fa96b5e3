"""A reader's text, cut up: nothing is lost, nothing is reworded, nothing steers."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lucidray.reasoning.sections import MAX_CHARACTERS, MAX_SENTENCE_CHARACTERS, cut, plain, sentences


def test_headings_sort_sentences() -> None:
    parts = cut("FINDINGS: Lungs clear. Heart normal.\n\nIMPRESSION: No disease.")
    assert parts.findings == ["Lungs clear.", "Heart normal."]
    assert parts.impression == ["No disease."]
    assert parts.report_text == "FINDINGS:\nLungs clear.\nHeart normal.\n\nIMPRESSION:\nNo disease."


def test_text_without_headings_is_findings() -> None:
    assert cut("There is a mass. It is large.").findings == ["There is a mass.", "It is large."]


def test_markdown_goes_and_words_stay() -> None:
    parts = cut(
        "## **Findings**\n\n- **Lungs:** *clear*, no `nodule`.\n> 1. See [this](http://x.example/a).\n---\n"
        "| Organ | State |\n|---|---|\n| Heart | enlarged |\n```\n**Impression:** __Cardiomegaly__."
    )
    assert parts.findings == ["Lungs: clear, no nodule.", "See this.", "Organ: State", "Heart: enlarged"]
    assert parts.impression == ["Cardiomegaly."]


def test_an_organ_as_a_heading_stays_with_its_sentence() -> None:
    assert cut("Lungs\nClear.\nHeart:\nEnlarged. Calcified aorta.").findings == [
        "Lungs: Clear.",
        "Heart: Enlarged.",
        "Calcified aorta.",
    ]


@pytest.mark.parametrize("heading", ["Indication", "Technique", "COMPARISON", "Clinical history", "Recommendation"])
def test_what_is_no_report_makes_no_sentence(heading) -> None:
    parts = cut(f"{heading}: rule out pneumothorax.\nFindings: Clear.")
    assert parts.findings == ["Clear."]
    assert "pneumothorax" not in parts.report_text
    assert "pneumothorax" in parts.text


def test_a_differential_is_a_list_and_no_claim() -> None:
    parts = cut("Impression: Opacity.\nDifferential diagnosis: pneumonia, aspiration; hemorrhage.\n")
    assert parts.differential == ["pneumonia", "aspiration", "hemorrhage"]
    assert "aspiration" not in parts.report_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A 2.5 cm nodule. No effusion.", ["A 2.5 cm nodule.", "No effusion."]),
        ("A nodule of 2 cm. No effusion.", ["A nodule of 2 cm.", "No effusion."]),
        ("Opacity, e.g. pneumonia, vs. edema.", ["Opacity, e.g. pneumonia, vs. edema."]),
        ("肺部清晰。心影正常。", ["肺部清晰。", "心影正常。"]),
        ("هل هناك انصباب؟ لا يوجد.", ["هل هناك انصباب؟", "لا يوجد."]),
        ("Pneumothorax: no. Effusion: yes.", ["Pneumothorax: no.", "Effusion: yes."]),
    ],
)
def test_sentences_end_where_they_end(text, expected) -> None:
    assert sentences(text) == expected


def test_wrapped_lines_are_one_sentence() -> None:
    assert cut("The heart is\nenlarged and the\nlungs are clear.\nNo effusion").findings == [
        "The heart is enlarged and the lungs are clear.",
        "No effusion",
    ]


@pytest.mark.parametrize(
    ("language", "text", "findings", "impression"),
    [
        ("fr", "Résultats : Pas d'épanchement.\nConclusion : Normal.", ["Pas d'épanchement."], ["Normal."]),
        ("de", "Befund: Kein Erguss.\nBeurteilung: Unauffällig.", ["Kein Erguss."], ["Unauffällig."]),
        ("es", "Hallazgos: Sin derrame.\nConclusión: Normal.", ["Sin derrame."], ["Normal."]),
        ("zh", "影像所见：心影增大。\n印象：心脏增大。", ["心影增大。"], ["心脏增大。"]),
        ("ar", "النتائج: لا يوجد انصباب.\nالانطباع: طبيعي.", ["لا يوجد انصباب."], ["طبيعي."]),
    ],
)
def test_headings_of_other_languages_are_known(language, text, findings, impression) -> None:
    parts = cut(text)
    assert (parts.findings, parts.impression) == (findings, impression)


def test_escapes_and_turns_of_direction_do_not_survive() -> None:
    assert plain("a\x1b[31mred\x1b[0m\u202eb\u2066c\x07\ud800d\x9b") == "aredbc d"
    assert plain("one\r\ntwo\tthree") == "one\ntwo three"


def test_a_terminals_string_goes_with_its_sequence_and_glues_no_words() -> None:
    # "titleNo effusion" would be an effusion.
    assert plain("mass.\x1b]0;title\x07No effusion. \x1b]8;;http://x\x1b\\No mass.") == "mass.No effusion. No mass."
    assert plain("No mass.\x00No effusion.\x1b]0;without end") == "No mass. No effusion.0;without end"
    assert plain("pneumo\u00adthorax") == "pneumothorax"


def test_a_numbered_differential_on_one_line_is_a_list() -> None:
    parts = cut("DIFFERENTIAL: 1. Lung metastases 2. Lymphoma 3) TB")
    assert parts.differential == ["Lung metastases", "Lymphoma", "TB"]


def test_a_text_without_end_is_cut_and_says_so() -> None:
    parts = cut("The lungs are clear. " * 10_000)
    assert parts.shortened
    assert len(parts.text) <= MAX_CHARACTERS
    assert not cut("Clear.").shortened
    assert max(map(len, cut("word " * 3000).findings)) <= MAX_SENTENCE_CHARACTERS


@given(st.text(max_size=400))
def test_any_text_comes_out_clean(text: str) -> None:
    parts = cut(text)
    for sentence in [*parts.findings, *parts.locations, *parts.impression, *parts.differential]:
        assert sentence.strip()
        assert "\n" not in sentence
        assert not any(unicodedata.category(char) in {"Cc", "Cf", "Cs"} for char in sentence)


@given(st.lists(st.sampled_from(["There is a mass.", "No effusion!", "Heart normal.", "2.5 cm nodule."]), min_size=1))
def test_every_sentence_comes_back_in_order(given_: list[str]) -> None:
    assert cut(" ".join(given_)).findings == given_
    assert cut("\n- ".join(["", *given_])).findings == given_


@pytest.mark.parametrize(
    "hostile", ["*" * 20_000, "[" * 20_000, "> " * 9_000, "_" * 9_999 + "a", "| " * 9_000, "<a" * 9_000]
)
def test_time_grows_with_the_text_alone(hostile) -> None:
    # Nested repetition would take minutes here; no clock is needed to notice that.
    cut(hostile)
