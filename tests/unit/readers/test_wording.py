"""From a model's text to an answer: what is left out, what is told, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from report_requests import request

from lucidray.domain.answer import Generation
from lucidray.domain.errors import AnswerError
from lucidray.domain.radiograph import Radiograph
from lucidray.readers.letterbox import padded
from lucidray.readers.wording import answer_from, confidence_of, loops, whole_sentences

NORMAL = "The lungs are clear. The heart is not enlarged. There is no pneumothorax."
LETTERBOX = padded(600, 1000, 500)


def asked(language: str = "en", max_tokens: int = 768):
    film = Radiograph(np.zeros((1000, 600), np.float32), name="f", format="array")
    return replace(request(language=language), film=film, generation=Generation(max_tokens=max_tokens))


def answered(raw: str, language: str = "en", **options):
    return answer_from(raw, LETTERBOX, asked(language), "the model", **options)


def codes(answer) -> list[str]:
    return [note.code for note in answer.notes]


def test_a_sound_report_stays_as_it_is() -> None:
    answer = answered(NORMAL, confidence=0.8)
    assert answer.text == NORMAL
    assert answer.token_confidence == 0.8
    assert answer.notes == ()
    assert answer.report is None


def test_boxes_leave_the_text() -> None:
    answer = answered(NORMAL + '\n```json\n[{"box_2d": [0, 200, 500, 500], "label": "heart"}, {"box_2d": []}]\n```')
    assert answer.text == NORMAL
    assert [box.name for box in answer.boxes] == ["heart"]
    assert answer.dropped_boxes == 1


@pytest.mark.parametrize("raw", ["", " \n ", "...", "1. 2. 3.", "<eos>", "<end_of_turn>\n"])
def test_an_empty_text_is_no_report(raw: str) -> None:
    with pytest.raises(AnswerError, match="wrote no sentence"):
        answered(raw)


def test_boxes_alone_are_no_report() -> None:
    with pytest.raises(AnswerError, match="only 1 boxes"):
        answered('[{"box_2d": [0, 200, 500, 500], "label": "heart"}]')


@pytest.mark.parametrize(
    "raw",
    [
        "No effusion. " * 40,
        "The lungs are clear and the heart is normal, " * 6,
        NORMAL + " the" * 60,
        "aaaaaaaaaaaaaaaaaaaa" * 20,
        "心影不大，" * 30,
        "x" * 250,
        " ".join(f"Zone {n % 3} is clear and {n % 2} is normal." for n in range(60)),
    ],
)
def test_loops_are_refused(raw: str) -> None:
    assert loops(raw)
    with pytest.raises(AnswerError, match="repeats itself"):
        answered(raw)


def test_a_loop_that_was_cut_off_is_called_a_loop() -> None:
    with pytest.raises(AnswerError, match="repeats itself"):
        answered("No effusion. " * 40 + "No", cut=True)


SECTIONED = """A. Airway: The trachea is in the midline. The hila are normal. The mediastinum is not widened.
B. Breathing: The right upper zone is clear. The right mid zone is clear. The right lower zone is clear.
The left upper zone is clear. The left mid zone is clear. The left lower zone is clear. No pneumothorax. No effusion.
C. Cardiac: The heart is not enlarged. The outline of the heart is normal.
D. Diaphragm: The right dome is normal. The left dome is normal. The angles are sharp. There is no free air.
E. Everything else: The ribs are intact. The clavicles are intact. There are no tubes, lines or devices.
Impression: Normal chest radiograph. ------------------------------------------------------------------------"""


def test_a_dull_report_is_no_loop() -> None:
    assert not loops(SECTIONED)
    assert answered(SECTIONED).text == SECTIONED


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("The lungs are clear. Pneumothorax is", "The lungs are clear."),
        ("A nodule of 1.5 cm. Another of 2.", "A nodule of 1.5 cm. Another of 2."),
        ("A nodule of 1.5 cm is", ""),
        ("双肺野清晰。未见", "双肺野清晰。"),
        ("First line\nsecond", "First line"),
        ("No end", ""),
        ("", ""),
    ],
)
def test_the_sentence_that_broke_off_is_left_out(text: str, whole: str) -> None:
    assert whole_sentences(text) == whole


def test_a_cut_answer_says_so() -> None:
    answer = answered(NORMAL + " Pneumothorax is", cut=True)
    assert answer.text == NORMAL
    assert codes(answer) == ["answer_cut"]


def test_a_cut_answer_without_a_whole_sentence_is_refused() -> None:
    with pytest.raises(AnswerError, match="raise --max-tokens"):
        answered("The lungs are", cut=True)


def test_another_language_is_refused() -> None:
    with pytest.raises(AnswerError, match="wrote English where French was asked for"):
        answered(NORMAL, language="fr")


def test_what_is_too_short_to_tell_is_told() -> None:
    assert codes(answered("Pneumothorax.", language="de")) == ["language_unchecked"]


def test_a_mixed_report_is_told() -> None:
    mixed = "Die Lungen sind frei. Das Herz ist nicht vergrößert. Kein Erguss und kein Stau. There is no pneumothorax."
    assert codes(answered(mixed, language="de")) == ["language_mixed"]


@pytest.mark.parametrize(
    "raw",
    [
        f"<unused94>thought\nMaybe there is a pneumothorax?<unused95>{NORMAL}",
        f"<think>Maybe there is a pneumothorax?</think>\n\n{NORMAL}",
    ],
)
def test_thoughts_are_no_report(raw: str) -> None:
    assert answered(raw).text == NORMAL


def test_a_thought_that_was_cut_off_is_refused() -> None:
    with pytest.raises(AnswerError, match="still thought"):
        answered("<unused94>thought\nThere is a pneumothorax.", cut=True)


def test_a_flood_is_refused() -> None:
    with pytest.raises(AnswerError, match="that is no report"):
        answered("A b. " * 300_000)


@pytest.mark.parametrize("piece", ["1.", "a.", ". ", "\n", "ab ", "<think>", "é", "。", "x1 "])
def test_nearly_a_megabyte_of_anything_is_judged_in_a_moment(piece: str) -> None:
    with pytest.raises(AnswerError):
        answered("Text " + piece * (990_000 // len(piece)), cut=True)


def test_confidence_is_the_geometric_mean() -> None:
    assert confidence_of([np.log(0.5), np.log(0.125)]) == pytest.approx(0.25)
    assert confidence_of([1e-9]) == 1.0
    assert confidence_of([]) is None
    assert confidence_of([float("nan")]) is None
    assert confidence_of([float("-inf"), 0.0]) == 0.0
