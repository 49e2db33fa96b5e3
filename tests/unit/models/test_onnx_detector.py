"""Detectors as ONNX files: read by what they say of themselves, or refused."""

import json

import numpy as np
import pytest
from detectors import constant_detector, end_to_end, yolov5, yolov8

from lucidray.domain.errors import ModelError, UsageError
from lucidray.domain.protocols import Localizer
from lucidray.domain.radiograph import Radiograph
from lucidray.domain.vocabulary import OVERLAPS
from lucidray.models.detectors import open_localizer

pytestmark = pytest.mark.extra
NAMES = "{0: 'Pleural effusion', 1: 'Nodule/Mass', 2: 'Aortic enlargement'}"
BOXES = [(4.0, 6.0, 20.0, 30.0, 0.9, 1), (40.0, 8.0, 60.0, 20.0, 0.6, 0), (10.0, 40.0, 30.0, 60.0, 0.3, 2)]


def film(age: float | None = None, width: int = 64) -> Radiograph:
    pixels = np.random.default_rng(0).random((64, width), dtype=np.float32)
    return Radiograph(pixels=pixels, name="film", format="array", age_years=age)


@pytest.mark.parametrize("make", [yolov8, yolov5, lambda boxes, *_: end_to_end(boxes)], ids=["v8", "v5", "end-to-end"])
def test_boxes_of_findings_are_drawn_and_others_are_told(tmp_path, make) -> None:
    path = constant_detector(tmp_path / "d.onnx", make(BOXES, 64, 3), props={"names": NAMES, "imgsz": "[64, 64]"})
    detector = open_localizer(f"onnx:{path}", device="cpu", threads=1)
    assert isinstance(detector, Localizer)
    assert detector.used.role == "detector"
    assert len(detector.used.sha256 or "") == 64
    found = detector.locate(film())
    assert [(box.name, box.labels) for box in found.boxes] == [
        ("Nodule/Mass", OVERLAPS["focal lesion"]),
        ("Pleural effusion", ("Effusion",)),
    ]
    assert found.boxes[0].box == pytest.approx((4, 6, 20, 30), abs=1e-3)
    (note,) = found.notes
    assert "drew 1 boxes" in note.message
    assert "Aortic enlargement (1)" in note.message
    assert "Aortic enlargement" in (getattr(detector, "note", "") or "")


def test_a_wide_film_is_letterboxed_and_boxes_come_back(tmp_path) -> None:
    answer = end_to_end([(16.0, 24.0, 32.0, 40.0, 0.9, 0), (0.0, 0.0, 60.0, 14.0, 0.9, 0)])
    path = constant_detector(tmp_path / "d.onnx", answer, props={"names": NAMES})
    found = open_localizer(f"onnx:{path}", device="cpu").locate(film(width=128))
    # The film is half as large on the picture, and 16 rows below its top; what lies above it is no box.
    assert [tuple(box.box) for box in found.boxes] == [pytest.approx((32, 16, 64, 48), abs=1e-3)]


def test_thresholds_of_its_own_hold(tmp_path) -> None:
    props = {"names": NAMES, "thresholds": json.dumps({"Nodule/Mass": 0.95, "Pleural effusion": 0.1})}
    path = constant_detector(tmp_path / "d.onnx", end_to_end([*BOXES, (0.0, 0.0, 9.0, 9.0, 0.15, 0)]), props=props)
    found = open_localizer(f"onnx:{path}", device="cpu").locate(film())
    assert [(box.name, round(box.score, 2)) for box in found.boxes] == [
        ("Pleural effusion", 0.6),
        ("Pleural effusion", 0.15),
    ]


def test_a_child_is_no_adult(tmp_path) -> None:
    path = constant_detector(tmp_path / "d.onnx", end_to_end(BOXES), props={"names": NAMES})
    found = open_localizer(f"onnx:{path}", device="cpu").locate(film(age=4))
    assert found.boxes == ()
    assert "made for adults" in found.notes[0].message
    all_ages = constant_detector(tmp_path / "e.onnx", end_to_end(BOXES), props={"names": NAMES, "adults_only": "false"})
    assert len(open_localizer(f"onnx:{all_ages}", device="cpu").locate(film(age=4)).boxes) == 2


@pytest.mark.parametrize(
    ("answer", "props", "dynamic", "said"),
    [
        (end_to_end(BOXES), {}, False, "no `names`"),
        (end_to_end(BOXES), {"names": "['Fracture']"}, False, "no class is a finding"),
        (end_to_end(BOXES), {"names": NAMES, "task": "pose"}, False, "task 'pose'"),
        (end_to_end(BOXES), {"names": NAMES, "imgsz": "[96, 96]"}, False, "metadata say"),
        (end_to_end(BOXES), {"names": NAMES}, True, "imgsz"),
        (yolov8(BOXES, 64, 4), {"names": NAMES}, False, "no layout"),
        (yolov8(BOXES, 64, 3) / np.float32(64), {"names": NAMES}, False, "shares of the picture"),
        (end_to_end(BOXES)[0], {"names": NAMES}, False, "one table"),
    ],
)
def test_what_cannot_be_read_is_refused_when_it_is_opened(tmp_path, answer, props, dynamic, said) -> None:
    path = constant_detector(tmp_path / "d.onnx", answer, props=props, dynamic=dynamic)
    with pytest.raises(ModelError, match=said):
        open_localizer(f"onnx:{path}", device="cpu")


def test_a_picture_of_any_size_takes_the_size_it_was_trained_for(tmp_path) -> None:
    props = {"names": NAMES, "imgsz": "[64, 64]"}
    path = constant_detector(tmp_path / "d.onnx", yolov8(BOXES, 64, 3), props=props, dynamic=True)
    assert len(open_localizer(f"onnx:{path}", device="cpu").locate(film()).boxes) == 2


def test_names_that_are_none() -> None:
    with pytest.raises(UsageError, match="onnx:FILE"):
        open_localizer("yolo.pt")
    with pytest.raises(ModelError, match="there is no detector"):
        open_localizer("onnx:nowhere.onnx")
