"""Boxes, pointing, and the two baselines."""

from pathlib import Path

import numpy as np
import pytest

from lucidray.domain.box import Box
from lucidray.domain.errors import InputError
from lucidray.domain.prediction import Prediction
from lucidray.domain.radiograph import Radiograph
from lucidray.evaluation.boxes import read_boxes
from lucidray.evaluation.localization import (
    OPACITY,
    Answer,
    DrawnBox,
    answer,
    evaluate,
    hits,
    hottest,
    random_rates,
    usual_answer,
)
from lucidray.evaluation.predict import Seen
from lucidray.models.fake import FakeClassifier, drawn_anatomy

DRAWN = Box(0.2, 0.2, 0.4, 0.4)


def test_hits_of_a_box_that_fits() -> None:
    found = hits(DRAWN, Answer((0.3, 0.3), (Box(0.2, 0.2, 0.4, 0.3),)))
    assert found["pointing"]
    assert found["iou_over_0.3"]
    assert not found["iou_over_0.5"]  # one half exactly is not over one half
    assert found["iobb_over_0.75"]


def test_no_region_hits_nothing() -> None:
    assert not any(hits(DRAWN, Answer(None, ())).values())


def test_the_region_that_fits_best_counts() -> None:
    assert hits(DRAWN, Answer(None, (Box(0.8, 0.8, 0.9, 0.9), DRAWN)))["iou_over_0.5"]


def test_iobb_is_of_the_found_box() -> None:
    whole = hits(DRAWN, Answer(None, (Box(0, 0, 1, 1),)))
    assert not whole["iobb_over_0.1"]


def test_places_that_tie_are_answered_by_their_middle() -> None:
    values = np.zeros((9, 9), dtype=np.float32)
    values[2:5, 3:6] = 1.0
    x, y = hottest(values) or (0.0, 0.0)
    assert x == pytest.approx(4.5 / 9, abs=0.03)
    assert y == pytest.approx(3.5 / 9, abs=0.03)
    assert hottest(np.zeros((4, 4), dtype=np.float32)) is None


def test_random_boxes_hit_as_often_as_their_area_says() -> None:
    rates = random_rates(Box(0.0, 0.0, 0.5, 1.0), [Box(0, 0, 0.1, 0.1)], np.random.default_rng(0), 4000)
    assert rates["pointing"] == pytest.approx(0.5, abs=0.03)


def test_random_boxes_are_seeded() -> None:
    first, second = (
        random_rates(DRAWN, [DRAWN], np.random.default_rng(3), 50),
        random_rates(DRAWN, [DRAWN], np.random.default_rng(3), 50),
    )
    assert first == second


def test_the_usual_place_is_where_most_boxes_lie() -> None:
    others = [DRAWN, Box(0.22, 0.2, 0.42, 0.4), Box(0.7, 0.7, 0.8, 0.8)]
    found = usual_answer(others)
    assert found.point is not None
    assert DRAWN.x0 < found.point[0] < DRAWN.x1
    assert found.boxes[0] in others[:2]


def drawn(film: str, box: Box = DRAWN, label: str = "Mass") -> DrawnBox:
    return DrawnBox(film, label, box, "test")


def test_a_film_never_serves_as_its_own_usual_place() -> None:
    far = Box(0.8, 0.8, 0.9, 0.9)
    answers = {(film, "Mass"): Answer((0.3, 0.3), (DRAWN,)) for film in ("a", "b")}
    result = evaluate([drawn("a"), drawn("b", far)], answers, draws=10)
    pointing = result["groups"]["Mass"]["pointing"]
    assert pointing["value"] == 0.5
    assert pointing["usual_place"] == 0.0
    assert result["groups"]["Mass"]["n_films"] == 2


def test_boxes_without_a_map_are_counted_apart() -> None:
    answers = {("a", "Mass"): Answer(None, ())}
    result = evaluate([drawn("a"), drawn("b"), drawn("b", label="Nodule")], answers, draws=10)
    assert result["groups"]["all boxes"]["n"] == 1
    assert result["not_scored"] == {"Mass": 1, "Nodule": 1}


def test_intervals_of_all_and_none_are_not_points() -> None:
    answers = {(film, "Mass"): Answer((0.3, 0.3), (DRAWN,)) for film in "abcde"}
    group = evaluate([drawn(film) for film in "abcde"], answers, draws=10)["groups"]["Mass"]
    assert group["pointing"]["value"] == 1.0
    assert 0.4 < group["pointing"]["low"] < 0.8


def test_what_is_shown_comes_from_the_map() -> None:
    film = Radiograph(pixels=np.zeros((300, 200), dtype=np.float32), name="film", format="array")
    classifier = FakeClassifier({"Mass": 0.9, "Pneumonia": 0.9}, hot_xy=(0.3, 0.5))
    seen = Seen(film, drawn_anatomy(), classifier.predict(film))
    found = answer(seen, "Mass")
    assert found is not None
    assert found.point == pytest.approx((0.3, 0.5), abs=0.05)
    assert found.boxes[0].x0 < 0.3 < found.boxes[0].x1
    assert answer(seen, "Nodule") is None
    united = answer(seen, OPACITY)
    assert united is not None
    assert united.point == pytest.approx((0.3, 0.5), abs=0.05)
    bare = Seen(film, drawn_anatomy(), Prediction(seen.prediction.scores, seen.prediction.overall, {}))
    assert answer(bare, OPACITY) is None


@pytest.mark.parametrize(
    ("text", "label", "box"),
    [
        ("image,source,label,x,y,width,height\na,NIH,Lung Opacity,10,20,30,40\n", OPACITY, (10, 20, 40, 60)),
        ("Image Index,Finding Label,Bbox [x,y,w,h],,,\na,Infiltrate,1,2,3,4\n", "Infiltration", (1, 2, 4, 6)),
        ("patientId,x,y,width,height,Target\na,1,2,3,4,1\nb,,,,,0\n", OPACITY, (1, 2, 4, 6)),
        (
            "image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max\na,Pulmonary fibrosis,1,R1,1,2,3,4\n"
            "b,No finding,14,R1,,,,\n",
            "Fibrosis",
            (1, 2, 3, 4),
        ),
    ],
)
def test_box_files(tmp_path: Path, text: str, label: str, box: tuple[float, ...]) -> None:
    path = tmp_path / "boxes.csv"
    path.write_text(text)
    found = read_boxes(path)
    assert [(one.image, one.label, one.xyxy_px) for one in found.boxes] == [("a", label, box)]
    assert not found.faults


def test_bad_boxes_are_named(tmp_path: Path) -> None:
    path = tmp_path / "boxes.csv"
    path.write_text("image,label,x,y,width,height\na,Mass,1,2,3,4\nb,Mass,1,2,0,4\nc,Mass,x,2,3,4\nd,Gout,1,2,3,4\n")
    found = read_boxes(path)
    assert [fault.row for fault in found.faults] == [3, 4]
    assert found.unmapped == {"Gout": 1}
    path.write_text("image,label\na,Mass\n")
    with pytest.raises(InputError, match="needs the columns"):
        read_boxes(path)


def test_a_film_with_two_boxes_is_asked_for_one_point() -> None:
    left, right = Box(0.1, 0.4, 0.3, 0.7), Box(0.7, 0.4, 0.9, 0.7)
    drawn = [DrawnBox(film, "Effusion", box, "someone") for film in "abc" for box in (left, right)]
    answers = {(film, "Effusion"): Answer((0.2, 0.5), (left,)) for film in "abc"}
    found = evaluate(drawn, answers, draws=20)["groups"]["Effusion"]
    assert (found["pointing"]["value"], found["pointing"]["n"]) == (1.0, 3)
    assert (found["iou_over_0.5"]["value"], found["iou_over_0.5"]["n"]) == (0.5, 6)
