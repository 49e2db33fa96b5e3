from collections.abc import Mapping

import pytest
from drawn_chest import Ellipse, draw, film
from hypothesis import given, settings
from hypothesis import strategies as st

from lucidray.domain.anatomy import Anatomy
from lucidray.domain.box import Box
from lucidray.domain.note import Note
from lucidray.domain.radiograph import Radiograph
from lucidray.domain.reading import CARDIOTHORACIC_RATIO_ID
from lucidray.localization.measurements import HEART_WIDTH_ID, THORAX_WIDTH_ID, measure
from lucidray.localization.sides import find_thorax

NOTE = Note(code="turned", message="Turned.")


def ratio_lines(film: Radiograph, anatomy: Anatomy) -> tuple[Box, Box]:
    heart, thorax = by_id(film, anatomy)[CARDIOTHORACIC_RATIO_ID].lines_xyxy_px
    return Box(*heart), Box(*thorax)


def by_id(film: Radiograph, anatomy: Anatomy):
    return {measurement.id: measurement for measurement in measure(film, find_thorax(anatomy))}


def ratio(film: Radiograph, anatomy: Anatomy):
    return by_id(film, anatomy)[CARDIOTHORACIC_RATIO_ID]


def test_the_ratio_is_heart_over_thorax() -> None:
    found = ratio(film(view="PA", age_years=50.0), draw())
    assert found.value == pytest.approx(0.30 / 0.72, abs=0.02)
    assert found.reliable
    assert found.unit == "1"


@settings(deadline=None, max_examples=40)
@given(width=st.integers(128, 600), height=st.integers(128, 600), turns=st.integers(0, 3))
def test_the_ratio_does_not_depend_on_shape_or_turn(width: int, height: int, turns: int) -> None:
    assert ratio(film(width, height).turned(turns, NOTE), draw()).value == ratio(film(), draw()).value


@given(half_width=st.floats(0.11, 0.25))
def test_a_wider_heart_has_a_larger_ratio(half_width: float) -> None:
    narrow = draw({"heart": (0.54, 0.65, 0.10, 0.15)}, size=256)
    wide = draw({"heart": (0.54, 0.65, half_width, 0.15)}, size=256)
    assert ratio(film(), wide).value > ratio(film(), narrow).value


def test_specks_do_not_widen_the_heart() -> None:
    specked = draw()
    specked.masks[2, 60:62, 5:7] = True
    assert ratio(film(), specked) == ratio(film(), draw())


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"view": "AP", "age_years": 50.0}, "AP film"),
        ({"view": "AP supine", "age_years": 50.0}, "AP supine film"),
        ({"age_years": 50.0}, "view is not known"),
        ({"view": "PA", "age_years": 3.0}, "children"),
    ],
)
def test_a_ratio_that_the_limits_do_not_hold_for_says_why(facts: Mapping[str, object], words: str) -> None:
    found = ratio(film(**facts), draw())
    assert not found.reliable
    assert words in found.note


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"left_lung": (0.68, 0.25, 0.08, 0.10)}, "left lung"),
        ({"right_lung": (0.10, 0.50, 0.16, 0.35)}, "border"),
        ({"heart": (0.30, 0.65, 0.15, 0.15)}, "heart"),
        ({"heart": (0.50, 0.65, 0.05, 0.15)}, "heart"),
    ],
    ids=["hidden lung", "cut off", "heart on the right", "sliver of a heart"],
)
def test_outlines_in_doubt_are_not_trusted(changes: Mapping[str, Ellipse | None], words: str) -> None:
    measured = by_id(film(view="PA", age_years=50.0), draw(changes))
    for measurement in measured.values():
        assert not measurement.reliable
        assert words in measurement.note


@pytest.mark.parametrize("missing", [{"heart": None}, {"right_lung": None, "left_lung": None}, {"left_lung": None}])
def test_without_organs_there_is_no_value(missing: Mapping[str, None]) -> None:
    for measurement in measure(film(view="PA"), find_thorax(draw(missing))):
        assert measurement.value is None
        assert not measurement.reliable
        assert measurement.note
    assert by_id(film(), draw(missing))[CARDIOTHORACIC_RATIO_ID].lines_xyxy_px == []


def test_widths_in_mm_follow_the_column_spacing() -> None:
    measured = by_id(film(300, 400, pixel_spacing_mm=(0.5, 0.9)), draw())
    assert measured[HEART_WIDTH_ID].value == pytest.approx(0.30 * 300 * 0.9, rel=0.03)
    assert measured[THORAX_WIDTH_ID].value == pytest.approx(0.72 * 300 * 0.9, rel=0.03)
    assert measured[HEART_WIDTH_ID].unit == "mm"
    assert "at the detector" in measured[HEART_WIDTH_ID].note


def test_widths_of_a_turned_film_follow_its_own_spacing() -> None:
    stored = film(400, 300, pixel_spacing_mm=(0.9, 0.5))
    measured = by_id(stored.turned(1, NOTE), draw())
    assert measured[HEART_WIDTH_ID].value == pytest.approx(0.30 * 300 * 0.9, rel=0.03)


def test_widths_without_spacing_are_in_pixels() -> None:
    measured = by_id(film(300, 400), draw())
    assert measured[HEART_WIDTH_ID].unit == "px"
    assert measured[HEART_WIDTH_ID].value == pytest.approx(0.30 * 300, rel=0.03)


def test_lines_are_level_on_an_upright_film_and_as_long_as_measured() -> None:
    heart, thorax = ratio_lines(film(300, 400), draw())
    measured = by_id(film(300, 400), draw())
    assert heart.y0 == heart.y1
    assert thorax.y0 == thorax.y1
    assert heart.x1 - heart.x0 == pytest.approx(measured[HEART_WIDTH_ID].value, abs=0.2)
    assert thorax.x1 - thorax.x0 == pytest.approx(measured[THORAX_WIDTH_ID].value, abs=0.2)
    assert thorax.x0 < heart.x0 < heart.x1 < thorax.x1


def test_lines_of_a_film_that_is_stored_on_its_side_are_upright() -> None:
    heart, thorax = ratio_lines(film(400, 300).turned(1, NOTE), draw())
    assert heart.x0 == heart.x1
    assert thorax.x0 == thorax.x1
    assert 0 <= thorax.y0 < heart.y0 < heart.y1 < thorax.y1 <= 300
