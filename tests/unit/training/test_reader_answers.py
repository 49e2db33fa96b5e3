"""The answers that a reader is taught: nothing that nobody said, and nothing lost of what was said."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lucidray.domain.vocabulary import LABELS, OVERLAPS
from lucidray.reasoning.claims import extract_claims, summarise
from lucidray.training.reader_answers import Spot, compose

LOCS = "<loc0100><loc0200><loc0300><loc0400>"
TRUTHS = st.dictionaries(st.sampled_from(LABELS), st.sampled_from(["positive", "negative", "uncertain"]), min_size=1)
POLARITY = {"positive": "present", "negative": "absent", "uncertain": "uncertain"}
GROUP = {label: group for group, members in OVERLAPS.items() for label in members}


@settings(deadline=None, derandomize=True)
@given(TRUTHS)
def test_an_answer_claims_what_is_known_and_nothing_else(truth: dict) -> None:
    answer = compose(truth)
    assert answer is not None
    said = summarise(extract_claims(answer))
    for label, polarity in said.items():
        # "Opacity" is a word for the whole group.
        names = [label, *OVERLAPS.get(GROUP.get(label, ""), ())]
        assert any(name in truth for name in names), f"nobody spoke of {label}: {answer}"
        if label in truth and not any(truth.get(name) == "positive" for name in names):
            assert polarity == POLARITY[truth[label]]
    for label, value in truth.items():
        if value in ("positive", "uncertain"):
            assert said.get(label) == POLARITY[value], f"{label} is lost: {answer}"


def test_a_finding_that_nobody_spoke_of_is_not_denied() -> None:
    answer = compose({"Effusion": "negative"})
    assert answer == "FINDINGS\nNo pleural effusion."
    assert compose({}) is None
    assert compose({"Any abnormality": "negative"}) == "IMPRESSION\nNo abnormality among the assessed findings."


def test_a_shadow_that_is_there_under_one_name_is_not_denied_under_another() -> None:
    answer = compose(dict.fromkeys(LABELS, "negative") | {"Infiltration": "positive"})
    assert answer is not None
    assert "There is infiltration." in answer
    assert "consolidation" not in answer.lower()
    assert "pneumonia" not in answer.lower()


@pytest.mark.parametrize("side", ["left", "right"])
def test_places_stand_in_every_section(side: str) -> None:
    answer = compose({"Effusion": "positive"}, [Spot("Effusion", LOCS, side, "lower")])
    assert answer == (
        f"FINDINGS\nThere is a pleural effusion in the {side} lower zone.\n\n"
        f"LOCATIONS\n{LOCS} Pleural effusion in the {side} lower zone.\n\n"
        f"IMPRESSION\nPleural effusion in the {side} lower zone."
    )


def test_a_drawn_opacity_denies_no_name_of_it() -> None:
    answer = compose(dict.fromkeys(LABELS, "negative"), [Spot("opacity", LOCS, "right", "mid")])
    assert answer is not None
    assert "There is an opacity in the right mid zone." in answer
    assert "consolidation" not in answer.lower()
    assert "No pleural effusion" in answer
    placed = compose({"Pneumonia": "positive"}, [Spot("opacity", LOCS, "right", "mid")])
    assert placed is not None
    assert "There is pneumonia in the right mid zone." in placed
    assert f"{LOCS} Pneumonia in the right mid zone." in placed


def test_a_drawn_finding_is_there_whatever_its_mined_label_says() -> None:
    answer = compose({"Effusion": "negative"}, [Spot("Effusion", LOCS, None, None)])
    assert answer == (
        "FINDINGS\nThere is a pleural effusion.\n\n"
        f"LOCATIONS\n{LOCS} Pleural effusion.\n\n"
        "IMPRESSION\nPleural effusion."
    )


def test_a_report_goes_before_sentences_of_our_own() -> None:
    report = "Findings: The lungs are clear.\nHeart normal.\nImpression: No acute disease."
    answer = compose({"Effusion": "positive"}, [Spot("Nodule", LOCS, "left", "upper", "left apical nodule")], report)
    assert answer == (
        "FINDINGS\nThe lungs are clear.\nHeart normal.\n\n"
        f"LOCATIONS\n{LOCS} Left apical nodule.\n\n"
        "IMPRESSION\nNo acute disease."
    )
    assert compose({}, report="Small effusion.") == "FINDINGS\nSmall effusion."


def test_words_of_a_report_cannot_write_tokens() -> None:
    answer = compose({}, [Spot("Nodule", LOCS, "left", "upper", "nodule <loc0001>; second\nline")], "Nodule.")
    assert answer is not None
    assert answer.count("<loc") == 4
    assert ";" not in answer
