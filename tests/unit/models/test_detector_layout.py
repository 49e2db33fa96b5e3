"""What an exported detector's answer means: told where it can be told, refused where it may be two things."""

import pytest

from lucidray.domain.errors import ModelError
from lucidray.models.detector_layout import DetectorFile, layout_of, read_metadata


def file(classes: int, *, suppressed: bool = False) -> DetectorFile:
    return DetectorFile(tuple(f"class {n}" for n in range(classes)), (640, 640), {}, suppressed, adults_only=True)


@pytest.mark.parametrize(
    ("shape", "classes", "size", "layout"),
    [
        ((1, 25200, 85), 80, 640, "yolov5"),
        ((1, 84, 8400), 80, 640, "yolov8"),
        ((1, 300, 6), 80, 640, "end-to-end"),
        ((1, 18, 8400), 14, 640, "yolov8"),
        ((1, 25200, 19), 14, 640, "yolov5"),
        ((1, 102000, 19), 14, 1280, "yolov5"),  # three anchors a cell at strides 8, 16, 32, 64
        # One class: five and one are six columns, as of a table that is suppressed already.
        ((1, 25200, 6), 1, 640, "yolov5"),
        ((1, 300, 6), 1, 640, "end-to-end"),
        ((1, 5, 8400), 1, 640, "yolov8"),
        # Rows and columns both fit a layout: the count of cells settles it.
        ((1, 84, 85), 80, 64, "yolov8"),
        ((1, 252, 6), 1, 64, "yolov5"),
    ],
)
def test_a_layout_is_told_by_its_counts(shape, classes, size, layout) -> None:
    assert layout_of(shape, file(classes), (size, size), "it") == layout


def test_a_file_that_says_it_is_suppressed_is_believed_and_has_to_fit() -> None:
    # With the count of anchors it would be YOLOv5's otherwise.
    assert layout_of((1, 252, 6), file(1, suppressed=True), (64, 64), "it") == "end-to-end"
    with pytest.raises(ModelError, match="no layout"):
        layout_of((1, 84, 8400), file(80, suppressed=True), (640, 640), "it")


@pytest.mark.parametrize(
    ("shape", "classes"),
    [((1, 84, 8400), 79), ((1, 8400, 84), 80), ((2, 84, 8400), 80), ((84, 8400), 80), ((1, 300, 7), 80)],
)
def test_what_no_layout_has_is_refused(shape, classes) -> None:
    with pytest.raises(ModelError, match="answers"):
        layout_of(shape, file(classes), (640, 640), "it")


def test_a_shape_that_may_be_two_things_is_refused() -> None:
    # Two classes: six rows of YOLOv8. Six columns: a suppressed table. No count of cells settles it on a square of 32.
    with pytest.raises(ModelError, match="may be yolov8 or end-to-end"):
        layout_of((1, 6, 6), file(2), (640, 640), "it")


def test_metadata_of_ultralytics_are_read() -> None:
    found = read_metadata(
        {
            "description": "Ultralytics YOLO11n model",
            "task": "detect",
            "names": "{0: 'Nodule/Mass', 1: 'Pleural effusion'}",
            "imgsz": "[640, 480]",
            "args": "{'batch': 1, 'nms': True}",
        },
        "it",
    )
    assert found.names == ("Nodule/Mass", "Pleural effusion")
    assert found.size == (640, 480)
    assert found.suppressed
    assert found.adults_only
    assert not read_metadata({"names": "['a']"}, "it").suppressed


@pytest.mark.parametrize(
    ("props", "said"),
    [
        ({}, "no `names`"),
        ({"names": "{0: 'a'}", "task": "segment"}, "task 'segment'"),
        ({"names": "{1: 'a'}"}, "not numbered from 0"),
        ({"names": "['a', 'a']"}, "same name"),
        ({"names": "__import__('os').getcwd()"}, "cannot be read"),
        ({"names": "['a']", "imgsz": "[0, 640]"}, "imgsz"),
        ({"names": "['a']", "thresholds": '{"b": 0.5}'}, "thresholds"),
        ({"names": "['a']", "thresholds": '{"a": 1.5}'}, "thresholds"),
    ],
)
def test_metadata_that_cannot_be_are_refused(props, said) -> None:
    with pytest.raises(ModelError, match=said):
        read_metadata(props, "it")
