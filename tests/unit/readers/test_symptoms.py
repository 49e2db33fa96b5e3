import pytest
from hypothesis import given
from hypothesis import strategies as st

from lucidray.domain.errors import UsageError
from lucidray.readers.lexicon import is_misspelt, load_lexicon
from lucidray.readers.symptoms import clean, parse


def told(text: str) -> dict[str, bool]:
    """Concepts, and whether they are there."""
    return {symptom.concept: not symptom.negated for symptom in parse(text)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fever, cough for 5 days", {"fever": True, "cough": True}),
        ("no fever", {"fever": False}),
        ("denies chest pain", {"chest_pain": False}),
        ("SOB", {"dyspnea": True}),
        ("sob and CP", {"dyspnea": True, "chest_pain": True}),
        ("LOC yesterday", {"syncope": True}),
        ("haemoptysis", {"hemoptysis": True}),
        ("hemoptysis", {"hemoptysis": True}),
        ("known COPD", {"copd": True}),
        ("FEVER AND COUGH", {"fever": True, "cough": True}),
        ("productive cough", {"cough": True, "sputum": True}),
        ("short-of-breath", {"dyspnea": True}),
    ],
)
def test_concepts(text, expected):
    assert told(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no fever or cough but dyspnoea", {"fever": False, "cough": False, "dyspnea": True}),
        ("no fever, chills or cough", {"fever": False, "chills": False, "cough": False}),
        ("no fever, cough for 5 days", {"fever": False, "cough": True}),
        ("no fever and cough", {"fever": False, "cough": False}),
        ("no fever/cough", {"fever": False, "cough": False}),
        ("fever no cough", {"fever": True, "cough": False}),
        ("denies fever, chills, cough", {"fever": False, "chills": False, "cough": False}),
        ("denies fever, cough for 3 days", {"fever": False, "cough": True}),
        ("denies fever, 5 days of cough", {"fever": False, "cough": True}),
        ("no fever at night but fever by day", {"fever": True}),
        ("denies fever. Cough.", {"fever": False, "cough": True}),
        ("no fever\ncough", {"fever": False, "cough": True}),
        ("no fever with cough", {"fever": False, "cough": True}),
        ("never had fever", {"fever": False}),
        ("has not had any fever", {"fever": False}),
        ("w/o chest pain", {"chest_pain": False}),
        ("afebrile", {"fever": False}),
        ("non-smoker", {"smoking": False}),
        ("fever: no, cough: yes", {"fever": False, "cough": True}),
        ("fever (-) cough (+)", {"fever": False, "cough": True}),
        ("fever: no cough", {"fever": True, "cough": False}),
        ("chest pain - none", {"chest_pain": False}),
        ("fever absent; cough", {"fever": False, "cough": True}),
        ("no change in cough", {"cough": True}),
        ("cough not improving", {"cough": True}),
        ("does not deny fever", {"fever": True}),
        ("not well and feverish", {"fever": True}),
        ("not only cough", {"cough": True}),
        ("nobody has fever", {"fever": True, "other": True}),
    ],
)
def test_negation(text, expected):
    assert told(text) == expected


def test_what_relatives_have_is_left_out():
    assert told("family history of lung cancer, cough") == {"cough": True}
    assert told("father had tuberculosis. Fever") == {"fever": True}
    assert told("mother reports fever") == {"fever": True, "other": True}


@pytest.mark.parametrize(
    ("text", "durations"),
    [
        ("fever, cough for 5 days", [None, "5 days"]),
        ("fever and cough for 5-7 days", ["5-7 days", "5-7 days"]),
        ("5 days of fever", ["5 days"]),
        ("5-day history of fever", ["5-day"]),
        ("fever, 3 days", ["3 days"]),
        ("fever x 3/7", ["3/7"]),
        ("cough for a few weeks", ["a few weeks"]),
        ("cough since yesterday", ["since yesterday"]),
        ("45 year old with cough", [None]),
        ("cough since 2019", [None]),
    ],
)
def test_durations(text, durations):
    assert [symptom.duration_text for symptom in parse(text) if symptom.concept != "other"] == durations


@pytest.mark.parametrize(
    ("text", "concept"), [("haemoptisis", "hemoptysis"), ("dyspnoae", "dyspnea"), ("wieght loss", "weight_loss")]
)
def test_small_misspellings(text, concept):
    assert told(text) == {concept: True}


@pytest.mark.parametrize("text", ["never", "lever", "couch", "dysphasia", "reflex", "loc", "cp", "hemolysis"])
def test_other_words_are_no_misspellings(text):
    assert set(told(text)) <= {"other"}


@pytest.mark.parametrize(
    ("typed", "word", "expected"),
    [
        ("weezing", "wheezing", True),
        ("wheezign", "wheezing", True),
        ("wheeziing", "wheezing", True),
        ("wheazing", "wheezing", True),
        ("wheezing", "wheezing", False),
        ("whaezign", "wheezing", False),
        ("never", "fever", False),
        ("", "wheezing", False),
    ],
)
def test_one_letter_wrong(typed, word, expected):
    assert (is_misspelt(typed, word) and typed != word) is expected


def test_unknown_text_is_kept_as_other():
    (symptom,) = parse("xyzzy und qwrtz")
    assert (symptom.concept, symptom.span) == ("other", (0, 15))


def test_span_points_at_the_words():
    text = "  fever,\tchest   pain "
    assert [clean(text)[slice(*symptom.span)] for symptom in parse(text)] == ["fever", "chest pain"]


def test_clean_strips_what_steers_terminals_and_direction():
    assert clean("a\x1b[31m\u202eb\u200b\x00c\r\nd\u2028e") == "a [31m b c; d; e"


def test_length_is_capped():
    assert clean("x" * 2000)
    with pytest.raises(UsageError, match="2001 characters"):
        parse("x" * 2001)


@given(st.text(max_size=200))
def test_any_text_is_parsed(text):
    cleaned = clean(text)
    assert cleaned.isprintable() or not cleaned
    for symptom in parse(text):
        start, end = symptom.span
        assert 0 <= start < end <= len(cleaned)


@given(
    st.lists(
        st.sampled_from(sorted({" ".join(term.words) for term in load_lexicon().terms} | {",", ".", "3"})), max_size=20
    )
)
def test_any_row_of_known_words_is_parsed(words):
    for symptom in parse(" ".join(words)[:2000]):
        assert symptom.concept


def test_longest_text_is_parsed_quickly():
    import time

    start = time.process_time()
    parse("wheezign " * 222)
    assert time.process_time() - start < 4
