"""What every segmenter backend must hold to."""

import numpy as np
import pytest

from lucidray.domain.anatomy import ORGANS
from lucidray.domain.protocols import Segmenter
from lucidray.models.anatomy import EmbeddedSegmenter
from lucidray.models.fake import FakeSegmenter

BACKENDS = {"fake": FakeSegmenter, "embedded": EmbeddedSegmenter}


@pytest.fixture(scope="module", params=BACKENDS)
def segmenter(request: pytest.FixtureRequest) -> Segmenter:
    return BACKENDS[request.param]()


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    y, x = np.indices((300, 260)) / 300
    return (0.5 + 0.4 * np.sin(7 * x) * np.cos(5 * y)).astype(np.float32)


def test_it_is_a_segmenter(segmenter: Segmenter) -> None:
    assert isinstance(segmenter, Segmenter)
    assert segmenter.used.role == "anatomy"


def test_masks_and_probabilities(segmenter: Segmenter, pixels: np.ndarray) -> None:
    anatomy, appearance = segmenter.segment(pixels)
    assert anatomy.masks.dtype == np.bool_
    assert anatomy.masks.shape[0] == len(ORGANS)
    assert appearance.frontal + appearance.lateral + appearance.not_chest == pytest.approx(1, abs=1e-3)
    assert sum(appearance.turn) == pytest.approx(1, abs=1e-3)
    assert 0 <= appearance.inverted <= 1
    assert 0 <= appearance.mirrored <= 1


def test_the_film_is_not_changed(segmenter: Segmenter, pixels: np.ndarray) -> None:
    before = pixels.copy()
    segmenter.segment(pixels)
    assert np.array_equal(pixels, before)


def test_it_ignores_a_linear_change_of_grey_values(segmenter: Segmenter, pixels: np.ndarray) -> None:
    same, other = segmenter.segment(pixels)[1], segmenter.segment(0.2 + 0.5 * pixels)[1]
    assert same.frontal == pytest.approx(other.frontal, abs=0.02)
