"""Boxes to the tokens of places, through the map that the model sees the film by, and back."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lucidray.domain.box import Box
from lucidray.readers.grounding import LOC_BINS, ground
from lucidray.readers.letterbox import Letterbox, cropped, padded, stretched
from lucidray.readers.loc_tokens import LOC_TOKENS, loc_bins, write_locs

LETTERBOXES = st.sampled_from(
    [padded(300, 400, 896), padded(2500, 2048, 224), stretched(640, 480, 512, 512), padded(128, 128, 128)]
)


def test_y_stands_before_x() -> None:
    letterbox = stretched(100, 200, 64, 64)
    # The right upper quarter of the film as it is seen.
    assert loc_bins(Box(50, 0, 100, 100), letterbox) == (0, 512, 512, 1023)
    assert write_locs(Box(50, 0, 100, 100), letterbox) == "<loc0000><loc0512><loc0512><loc1023>"


def test_there_are_as_many_tokens_as_bins() -> None:
    assert len(set(LOC_TOKENS)) == LOC_BINS == 1024
    assert (LOC_TOKENS[0], LOC_TOKENS[7], LOC_TOKENS[-1]) == ("<loc0000>", "<loc0007>", "<loc1023>")


@settings(deadline=None, derandomize=True)
@given(LETTERBOXES, st.data())
def test_what_is_written_is_read_as_the_same_place(letterbox: Letterbox, data: st.DataObject) -> None:
    width, height = letterbox.film_width_px, letterbox.film_height_px
    share = st.floats(0, 0.9)
    x, y = data.draw(share) * width, data.draw(share) * height
    right = min(width, x + data.draw(st.floats(0.02, 1)) * width)
    bottom = min(height, y + data.draw(st.floats(0.02, 1)) * height)
    box = Box(x, y, right, bottom)
    written = write_locs(box, letterbox)
    assert written is not None
    grounded = ground(f"{written} Effusion on the left.", letterbox)
    (named,) = grounded.boxes
    name, back = named.name, named.box
    assert name == "Effusion on the left."
    # Half a bin of the picture, in pixels of the film; the last bin is a whole one short of the edge.
    x_bin = letterbox.width_px / LOC_BINS / letterbox.x_scale
    y_bin = letterbox.height_px / LOC_BINS / letterbox.y_scale
    for got, wanted, allowed in zip(back, box, (x_bin, y_bin, x_bin, y_bin), strict=True):
        assert got == pytest.approx(wanted, abs=1.01 * allowed)
    assert grounded.dropped == 0
    assert "<loc" not in grounded.text


def test_what_lies_beside_the_picture_has_no_tokens() -> None:
    # The square from the middle of a wide film shows neither border.
    letterbox = cropped(400, 200, 100)
    assert write_locs(Box(0, 0, 90, 200), letterbox) is None
    assert write_locs(Box(90, 0, 200, 200), letterbox) is not None
    assert write_locs(Box(200, 100, 200.01, 100.01), padded(400, 200, 100)) is None
