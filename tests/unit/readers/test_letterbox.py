"""A box goes to the picture and comes back where it was, and nothing is mirrored on the way."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lucidray.domain.box import Box
from lucidray.domain.note import Note
from lucidray.domain.radiograph import Radiograph
from lucidray.readers.letterbox import Letterbox, cropped, grey, padded, stretched

SIZES = st.integers(1, 5000)
SHARES = st.floats(0, 1, allow_nan=False)


@st.composite
def letterboxes(draw: st.DrawFn) -> Letterbox:
    width, height, side = draw(SIZES), draw(SIZES), draw(st.integers(1, 2000))
    return draw(
        st.sampled_from(
            [
                padded(width, height, side),
                stretched(width, height, side, draw(st.integers(1, 2000))),
                cropped(width, height, side, side + draw(st.integers(0, 100))),
            ]
        )
    )


@st.composite
def boxes(draw: st.DrawFn, width: int, height: int) -> Box:
    x0, x1 = sorted((draw(SHARES) * width, draw(SHARES) * width))
    y0, y1 = sorted((draw(SHARES) * height, draw(SHARES) * height))
    return Box(x0, y0, x1, y1)


@given(st.data())
def test_a_box_on_the_film_comes_back_where_it_was(data: st.DataObject) -> None:
    letterbox = data.draw(letterboxes())
    box = data.draw(boxes(letterbox.film_width_px, letterbox.film_height_px))
    back = letterbox.to_film(letterbox.to_picture(box))
    if back is None:
        # Only a box without an area is nothing.
        assert min(box.width, box.height) < 1e-6
    else:
        assert np.allclose(back, box, rtol=0, atol=1e-6)


@given(st.data())
def test_what_comes_back_lies_on_the_film(data: st.DataObject) -> None:
    letterbox = data.draw(letterboxes())
    box = data.draw(boxes(letterbox.width_px, letterbox.height_px))
    back = letterbox.to_film(box)
    if back is not None:
        assert 0 <= back.x0 < back.x1 <= letterbox.film_width_px
        assert 0 <= back.y0 < back.y1 <= letterbox.film_height_px


@given(letterboxes())
def test_left_stays_left_and_up_stays_up(letterbox: Letterbox) -> None:
    assert letterbox.x_scale > 0
    assert letterbox.y_scale > 0


@given(st.data())
def test_a_turned_film_takes_its_boxes_along(data: st.DataObject) -> None:
    width, height = data.draw(st.integers(2, 400)), data.draw(st.integers(2, 400))
    turns = data.draw(st.integers(0, 3))
    stored = Radiograph(np.zeros((height, width), np.float32), name="f", format="array")
    film = stored.turned(turns, Note(code="turned", message="Turned."))
    letterbox = padded(film.width_px, film.height_px, data.draw(st.integers(8, 900)))
    box = data.draw(boxes(width, height))
    back = letterbox.to_film(letterbox.to_picture(film.from_stored(box)))
    if back is not None:
        assert np.allclose(film.to_stored(back), box, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("width", "height"), [(200, 300), (300, 200), (64, 64), (1, 1), (3, 500)])
def test_padding_keeps_the_whole_film_in_the_middle(width: int, height: int) -> None:
    letterbox = padded(width, height, 128)
    on_picture = letterbox.to_picture(Box(0, 0, width, height))
    assert max(on_picture.width, on_picture.height) == pytest.approx(128)
    assert on_picture.x0 == pytest.approx(128 - on_picture.x1, abs=1)
    assert on_picture.y0 == pytest.approx(128 - on_picture.y1, abs=1)


def marked(width: int, height: int) -> np.ndarray:
    """A dark film with a bright marker in its upper left."""
    pixels = np.full((height, width), 0.25, np.float32)
    pixels[height // 8 : height // 4, width // 8 : width // 4] = 1.0
    return pixels


@pytest.mark.parametrize(("width", "height"), [(200, 300), (300, 200), (128, 128), (700, 1200)])
@pytest.mark.parametrize("fit", ["padded", "stretched", "cropped"])
def test_the_drawn_marker_lies_where_the_map_says(width: int, height: int, fit: str) -> None:
    letterbox = {
        "padded": lambda: padded(width, height, 96),
        "stretched": lambda: stretched(width, height, 96, 96),
        "cropped": lambda: cropped(width, height, 96),
    }[fit]()
    picture = letterbox.draw(marked(width, height))
    assert picture.size == (96, 96)
    assert picture.mode == "RGB"
    channels = np.asarray(picture, np.float64)
    assert np.array_equal(channels[..., 0], channels[..., 2])
    rows, columns = np.nonzero(channels[..., 0] > 160)
    expected = letterbox.to_picture(Box(width // 8, height // 8, width // 4, height // 4))
    seen = expected.clipped(Box(0, 0, 96, 96))
    if seen is None:
        assert rows.size == 0
        return
    assert columns.min() == pytest.approx(seen.x0, abs=1.5)
    assert columns.max() + 1 == pytest.approx(seen.x1, abs=1.5)
    assert rows.min() == pytest.approx(seen.y0, abs=1.5)
    assert rows.max() + 1 == pytest.approx(seen.y1, abs=1.5)


def test_bright_stays_bright_and_nothing_wraps_round() -> None:
    picture = np.asarray(grey(np.array([[0.0, 0.5, 1.0], [-0.5, 1.5, 0.25]], np.float32)))
    assert picture.tolist() == [[0, 128, 255], [0, 255, 64]]


def test_a_square_of_the_middle_is_what_maira_2_sees() -> None:
    # As its processor's `adjust_box_for_original_image_size`: a square of the shorter side, from the middle.
    letterbox = cropped(300, 200, 518)
    assert letterbox.shares_to_film(Box(0, 0, 1, 1)) == pytest.approx(Box(50, 0, 250, 200), abs=0.5)
    assert letterbox.shares_to_film(Box(0.5, 0.25, 0.75, 0.5)) == pytest.approx(Box(150, 50, 200, 100), abs=0.5)


@pytest.mark.parametrize("size", [0, -1, float("nan"), float("inf")])
def test_a_picture_without_pixels_is_refused(size: float) -> None:
    with pytest.raises(ValueError, match="at least one pixel"):
        padded(100, 100, size)  # type: ignore[arg-type]
