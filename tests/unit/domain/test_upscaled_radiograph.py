"""An upscaled film has more pixels, and boxes, sizes and spacing of the film that it was made of."""

import numpy as np
import pytest

from lucidray.domain.box import Box
from lucidray.domain.note import Note
from lucidray.domain.radiograph import Radiograph

TURN = Note(code="turned", message="Turned.")


def small() -> Radiograph:
    return Radiograph(np.zeros((30, 20), np.float32), "film", "PNG", pixel_spacing_mm=(12.0, 10.0))


def upscaled() -> Radiograph:
    return small().upscaled(np.zeros((240, 80), np.float32), "lanczos")


def test_size_and_spacing_are_those_of_the_file() -> None:
    film = upscaled()
    assert film.stored_size_px == (20, 30)
    assert film.stored_spacing_mm == (12.0, 10.0)
    # More pixels over the same extent: the film did not grow.
    assert film.pixel_spacing_mm == (12.0 * 30 / 240, 10.0 * 20 / 80)


def test_boxes_go_to_the_file_and_back() -> None:
    film = upscaled()
    assert film.to_stored(Box(8, 16, 40, 80)) == Box(2, 2, 10, 10)
    assert film.from_stored(Box(2, 2, 10, 10)) == Box(8, 16, 40, 80)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_one_too(turns: int) -> None:
    film = upscaled().turned(turns, TURN)
    plain = small().turned(turns, TURN)
    assert film.stored_size_px == (20, 30)
    assert film.stored_spacing_mm == (12.0, 10.0)
    assert film.original is not None
    assert film.original.pixels.shape == plain.pixels.shape
    across, down = film.width_px / plain.width_px, film.height_px / plain.height_px
    box = Box(1.0, 2.0, 7.0, 9.0)
    assert film.to_stored(box.scaled(across, down)) == pytest.approx(plain.to_stored(box))
    assert film.from_stored(film.to_stored(box)) == pytest.approx(box)


def test_an_inverted_one_inverts_its_original() -> None:
    film = upscaled().inverted(Note(code="inverted", message="Inverted."))
    assert film.original is not None
    assert film.pixels.max() == film.original.pixels.min() == 1.0
