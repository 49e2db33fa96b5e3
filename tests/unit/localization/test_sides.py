import numpy as np
import pytest
from drawn_chest import CHEST, Ellipse, draw, film, mirrored, place
from hypothesis import assume, given
from hypothesis import strategies as st

from lucidray.domain.box import Box
from lucidray.domain.vocabulary import Side
from lucidray.localization.sides import find_thorax

SHARES = st.floats(0.0, 1.0)
ZONES = ("upper", "mid", "lower")


def around(x: float, y: float, width: float = 300, height: float = 400, half: float = 0.02):
    return Box((x - half) * width, (y - half) * height, (x + half) * width, (y + half) * height)


def test_the_lung_on_the_images_left_is_the_patients_right() -> None:
    assert place(around(0.25, 0.5), draw(), film()) == ("right", "mid")
    assert place(around(0.75, 0.5), draw(), film()) == ("left", "mid")


def test_sides_follow_the_lungs_when_the_chest_is_off_centre() -> None:
    shifted = {
        organ: (cx * 0.5 + 0.45, cy, rx * 0.5, ry) for organ, (cx, cy, rx, ry) in CHEST.items()
    }  # the whole chest in the right half of the image
    assert place(around(0.60, 0.5), draw(shifted), film())[0] == "right"
    assert place(around(0.80, 0.5), draw(shifted), film())[0] == "left"


@given(x=SHARES, y=SHARES, half=st.floats(0.005, 0.2))
def test_mirroring_exchanges_the_sides(x: float, y: float, half: float) -> None:
    box = around(x, y, half=half)
    here = place(box, draw(), film())
    there = place(Box(300 - box.x1, box.y0, 300 - box.x0, box.y1), mirrored(draw()), film())
    exchanged = {"right": "left", "left": "right", "both": "both", "midline": "midline"}
    if here is None:
        assert there is None
        return
    assume(here[0] == "both" or abs(x - 0.5) > 0.01)  # on the midline itself either side will do
    assert there[0] == exchanged[here[0]]
    assert there[1] == here[1]


def test_a_box_over_both_lungs_is_on_both_sides() -> None:
    assert place(Box(60, 150, 240, 250), draw(), film())[0] == "both"


def test_the_mediastinum_is_midline() -> None:
    assert place(around(0.5, 0.3), draw(), film())[0] == "midline"


def test_behind_the_heart_on_the_left_is_left() -> None:
    assert place(around(0.63, 0.65), draw(), film())[0] == "left"


@pytest.mark.parametrize(("x", "side"), [(0.2, "right"), (0.35, "right"), (0.65, "left"), (0.8, "left")])
def test_an_effusion_below_the_drawn_lung_belongs_to_that_lung(x: float, side: Side) -> None:
    assert place(around(x, 0.9), draw(), film()) == (side, "lower")


@given(first=SHARES, second=SHARES, side=st.sampled_from(["right", "left", "both", "midline"]))
def test_zones_go_down_with_the_film(first: float, second: float, side: Side) -> None:
    thorax = find_thorax(draw())
    upper, lower = sorted((first * 128, second * 128))
    assert ZONES.index(thorax.zone(upper, side)) <= ZONES.index(thorax.zone(lower, side))


@pytest.mark.parametrize(
    ("share", "zone"), [(-0.2, "upper"), (0.32, "upper"), (0.35, "mid"), (0.65, "mid"), (0.68, "lower"), (1.2, "lower")]
)
def test_zones_are_thirds(share: float, zone: str) -> None:
    thorax = find_thorax(draw())
    assert thorax.zone(thorax.left.y0 + share * thorax.left.height, "left") == zone


def test_a_lung_that_reaches_over_the_midline_keeps_its_side() -> None:
    bulging = draw({"left_lung": (0.60, 0.50, 0.26, 0.35), "right_lung": (0.25, 0.50, 0.10, 0.35), "heart": None})
    bulging.masks[1, 60:70, 35:60] = True
    assert find_thorax(bulging).midline_x > 0.32 * 128
    assert place(around(0.30, 0.51), bulging, film())[0] == "left"


def test_zones_are_thirds_of_each_lungs_own_height() -> None:
    high_and_low = draw({"right_lung": (0.30, 0.40, 0.16, 0.30), "left_lung": (0.70, 0.60, 0.16, 0.30)})
    assert place(around(0.30, 0.35), high_and_low, film()) == ("right", "mid")
    assert place(around(0.70, 0.35), high_and_low, film()) == ("left", "upper")


@pytest.mark.parametrize("left_lung", [None, (0.66, 0.2, 0.06, 0.06)], ids=["white", "apex only"])
def test_a_hidden_lung_is_given_its_twins_extent(left_lung: Ellipse | None) -> None:
    anatomy = draw({"left_lung": left_lung})
    thorax = find_thorax(anatomy)
    assert thorax.hidden == "left"
    assert place(around(0.75, 0.75), anatomy, film()) == ("left", "lower")
    assert place(around(0.75, 0.5), anatomy, film()) == ("left", "mid")
    assert place(around(0.25, 0.75), anatomy, film()) == ("right", "lower")
    assert thorax.box.x1 > 0.8 * 128


def test_specks_change_nothing() -> None:
    clean, specked = draw(), draw()
    specked.masks[0, 2:5, 120:123] = True
    specked.masks[2, 0:2, 0:2] = True
    assert find_thorax(specked).box == find_thorax(clean).box


def test_the_thorax_lies_on_the_film_and_holds_the_organs() -> None:
    box = find_thorax(draw()).box
    assert Box(0, 0, 128, 128).intersection(box) == box.area
    rows, columns = np.nonzero(draw().masks[:3].any(axis=0))
    assert box.x0 < columns.min() < columns.max() < box.x1
    assert box.y0 < rows.min() < rows.max() < box.y1


def test_without_lungs_there_is_no_place() -> None:
    empty = draw({"right_lung": None, "left_lung": None})
    assert find_thorax(empty) is None
    assert place(around(0.5, 0.5), empty, film()) is None


def test_a_box_beyond_the_film_has_no_place() -> None:
    assert place(Box(400, 10, 500, 50), draw(), film()) is None
