"""The main path, with models that answer what they are told to."""

from dataclasses import replace

import numpy as np
import pytest

from lucidray.domain.anatomy import Appearance
from lucidray.domain.errors import UsageError
from lucidray.domain.reading import Reading
from lucidray.domain.vocabulary import LABELS
from lucidray.models.fake import UPRIGHT, FakeClassifier, FakeSegmenter
from lucidray.pipeline import Models, Request, interpret
from lucidray.readers.composer import Composer

ALL = dict.fromkeys(LABELS, 0.1)


def film(height: int = 400, width: int = 300) -> np.ndarray:
    y, x = np.indices((height, width)) / height
    return (0.5 + 0.4 * np.sin(7 * x) * np.cos(5 * y)).astype(np.float32)


def models(appearance: Appearance = UPRIGHT, **probabilities: float) -> Models:
    return Models(FakeSegmenter(appearance), FakeClassifier({**ALL, **probabilities}), Composer())


class Turned(FakeSegmenter):
    """Sees a film as turned until it is upright: landscape films count as turned by 90 degrees clockwise."""

    def segment(self, pixels):
        if pixels.shape[1] > pixels.shape[0]:
            return self.anatomy, replace(UPRIGHT, turn=(0.01, 0.01, 0.01, 0.97))
        return self.anatomy, UPRIGHT


def test_an_accepted_film_lists_all_findings() -> None:
    reading = interpret(film(), models(Effusion=0.9))
    assert reading.accepted
    assert [finding.label for finding in reading.findings] == list(LABELS)
    present = [finding.label for finding in reading.findings if finding.status == "present"]
    assert "Effusion" in present
    assert reading.image.width_px == 300
    assert reading.image.height_px == 400
    assert set(reading.provenance.timings_ms) >= {"load", "anatomy", "findings", "regions", "report", "total"}


def test_side_follows_the_patient_not_the_viewer() -> None:
    hot_on_image_left = Models(
        FakeSegmenter(), FakeClassifier({**ALL, "Effusion": 0.9}, hot_xy=(0.25, 0.65)), Composer()
    )
    hot_on_image_right = Models(
        FakeSegmenter(), FakeClassifier({**ALL, "Effusion": 0.9}, hot_xy=(0.75, 0.65)), Composer()
    )
    for chosen, side in ((hot_on_image_left, "right"), (hot_on_image_right, "left")):
        reading = interpret(film(), chosen)
        sides = {box.side for box in reading.boxes if box.label == "Effusion"}
        assert sides == {side}
        assert f"{side} " in reading.explanation.lower()


@pytest.mark.parametrize(
    ("appearance", "code"),
    [
        (replace(UPRIGHT, frontal=0.02, lateral=0.97), "lateral"),
        (replace(UPRIGHT, frontal=0.02, lateral=0.01, not_chest=0.97), "not_chest"),
        (replace(UPRIGHT, inverted=0.99), "inverted"),
        (replace(UPRIGHT, turn=(0.01, 0.01, 0.97, 0.01)), "turned_180"),
    ],
)
def test_a_refused_film_carries_no_probability(appearance: Appearance, code: str) -> None:
    reading = interpret(film(), models(appearance, Effusion=0.9))
    assert not reading.accepted
    assert code in {note.code for note in reading.refusal}
    assert reading.findings == []
    assert [model.role for model in reading.provenance.models] == ["anatomy"]
    assert '"probability"' not in reading.model_dump_json()


def test_a_film_below_128_pixels_is_refused_before_any_network() -> None:
    reading = interpret(film(127, 300), models())
    assert [note.code for note in reading.refusal] == ["too_small"]
    assert "anatomy" not in reading.provenance.timings_ms
    assert reading.provenance.models == []


def test_a_turned_film_is_refused_or_on_request_read_with_boxes_on_the_stored_pixels() -> None:
    chosen = Models(Turned(), FakeClassifier({**ALL, "Effusion": 0.9}, hot_xy=(0.25, 0.65)), Composer())
    stored = np.ascontiguousarray(np.rot90(film(), -1))  # 300 rows, 400 columns
    assert not interpret(stored, chosen).accepted
    reading = interpret(stored, chosen, Request(fix_orientation=True))
    assert reading.accepted
    assert [note.code for note in reading.image.corrections] == ["turned"]
    assert (reading.image.width_px, reading.image.height_px) == (400, 300)
    region, *_ = [box for box in reading.boxes if box.label == "Effusion"]
    x0, y0, x1, y1 = region.box_xyxy_px
    # Upright, the region is at (0.25, 0.65) of 300 x 400; stored, the film is turned clockwise: x' = 400 - y, y' = x.
    assert x0 < 400 - 0.65 * 400 < x1
    assert y0 < 0.25 * 300 < y1
    assert region.side == "right"


def test_the_json_is_read_back_as_it_was() -> None:
    reading = interpret(film(), models(Effusion=0.9), Request(symptoms="fever"))
    again = Reading.model_validate_json(reading.model_dump_json())
    assert again.model_dump() == reading.model_dump()
    with pytest.raises(UsageError):
        again.overlay()


def test_age_below_18_comes_with_a_banner() -> None:
    reading = interpret(film(), models(), Request(age_years=4))
    assert "child" in {note.code for note in reading.warnings}


def test_symptoms_never_change_a_probability() -> None:
    without = interpret(film(), models(Pneumonia=0.9))
    with_symptoms = interpret(film(), models(Pneumonia=0.9), Request(symptoms="fever and cough"))
    assert [finding.probability for finding in without.findings] == [
        finding.probability for finding in with_symptoms.findings
    ]
    assert with_symptoms.symptoms == "fever and cough"


@pytest.mark.parametrize(
    "request_",
    [
        Request(language="xx"),
        Request(symptoms="a" * 2001),
        Request(age_years=-1),
        Request(age_years=float("nan")),
        Request(view="pa"),
        Request(sex="M"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is_read(request_: Request) -> None:
    with pytest.raises(UsageError):
        interpret("no-such-file.dcm", models(), request_)


def test_symptoms_come_back_on_one_clean_line() -> None:
    reading = interpret(film(100, 100), models(), Request(symptoms="fever\x1b[31m\ncough"))
    assert not reading.accepted
    assert reading.symptoms is not None
    assert "\x1b" not in reading.symptoms
    assert "\n" not in reading.symptoms


def test_what_the_caller_says_against_the_file_is_told() -> None:
    reading = interpret(film(), models(), Request(view="PA", age_years=70))
    assert (reading.image.view, reading.image.age) == ("PA", 70)
    assert not {"view_given", "age_given"} & {note.code for note in reading.warnings}


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "Not read: The film shows next to no contrast"),
        ("de", "Nicht befundet: Die Aufnahme zeigt so gut wie keinen Kontrast"),
        ("fr", "Cliché non interprété : Le cliché ne montre presque aucun contraste"),
        ("es", "No leída: La radiografía apenas muestra contraste"),
        ("zh", "未阅片：影像几乎没有对比度"),
        ("ar", "لم تقرأ الصورة: لا يكاد يظهر في الصورة أي تباين"),
    ],
)
def test_a_refused_film_says_why_in_the_language_of_the_report(language: str, said: str) -> None:
    reading = interpret(np.full((300, 300), 0.5, np.float32), models(), Request(language=language))
    assert not reading.accepted
    assert reading.refusal[0].message.startswith("The film shows next to no contrast")
    assert reading.report.impression[0].text.startswith(said)
    assert reading.report.wording is not None
    assert reading.explanation.endswith(str(reading.report.wording.notice))
    assert Reading.model_validate_json(reading.model_dump_json()).report == reading.report
