"""What every detector must hold to."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from detectors import constant_detector, end_to_end, yolov5, yolov8

from lucidray.domain.protocols import Localizer
from lucidray.domain.radiograph import Radiograph
from lucidray.domain.vocabulary import LABELS
from lucidray.models.detectors import open_localizer
from lucidray.models.fake import FakeLocalizer

BOXES = [(4.0, 6.0, 20.0, 30.0, 0.9, 1), (-8.0, 8.0, 90.0, 20.0, 0.6, 0)]
PROPS = {"names": "['Effusion', 'Nodule/Mass']", "imgsz": "[64, 64]"}


def exported(answer: np.ndarray) -> Callable[[Path], Localizer]:
    return lambda folder: open_localizer(
        f"onnx:{constant_detector(folder / 'd.onnx', answer, props=PROPS)}", device="cpu", threads=1
    )


MAKERS: dict[str, Callable[[Path], Localizer]] = {
    "fake": lambda _: FakeLocalizer({"Effusion": (0.1, 0.2, 0.4, 0.5)}),
    "yolov5": exported(yolov5(BOXES, 64, 2)),
    "yolov8": exported(yolov8(BOXES, 64, 2)),
    "end to end": exported(end_to_end(BOXES)),
}


@pytest.fixture(params=MAKERS)
def localizer(request: pytest.FixtureRequest, tmp_path: Path) -> Localizer:
    return MAKERS[request.param](tmp_path)


def test_it_is_a_localizer(localizer: Localizer) -> None:
    assert isinstance(localizer, Localizer)
    assert localizer.used.role == "detector"
    assert not localizer.used.data_left_machine


@pytest.mark.parametrize(("height", "width"), [(64, 64), (300, 200), (90, 400)])
def test_boxes_lie_on_the_film_and_mean_something(localizer: Localizer, height: int, width: int) -> None:
    film = Radiograph(np.full((height, width), 0.5, dtype=np.float32), name="film", format="array")
    boxes = localizer.locate(film).boxes
    assert boxes
    assert [box.score for box in boxes] == sorted((box.score for box in boxes), reverse=True)
    for one in boxes:
        assert 0 <= one.box.x0 < one.box.x1 <= width
        assert 0 <= one.box.y0 < one.box.y1 <= height
        assert one.labels
        assert set(one.labels) <= set(LABELS)
        assert 0 <= one.score <= 1
