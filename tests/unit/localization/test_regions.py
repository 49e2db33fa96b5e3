from dataclasses import replace

import numpy as np
import pytest
from drawn_chest import blob, draw, film, mirrored, together
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from lucidray.domain.anatomy import Anatomy
from lucidray.domain.box import Box
from lucidray.domain.note import Note
from lucidray.domain.prediction import Heatmap
from lucidray.domain.radiograph import Radiograph
from lucidray.domain.reading import Finding, Region
from lucidray.domain.vocabulary import LABELS, Label, Status
from lucidray.localization import regions as located
from lucidray.localization.regions import MAX_REGIONS, _interpolated
from lucidray.localization.sides import find_thorax

NOTE = Note(code="turned", message="Turned.")
heatmaps = st.builds(
    Heatmap,
    arrays(np.float32, st.tuples(st.integers(1, 16), st.integers(1, 16)), elements=st.floats(0, 1, width=32)),
    st.floats(0.05, 1.0),
)
films = st.builds(film, width=st.integers(128, 700), height=st.integers(128, 700))


def locate(label: Label, heatmap: Heatmap | None, anatomy: Anatomy, radiograph: Radiograph) -> list[Region]:
    return located.locate(label, heatmap, find_thorax(anatomy), radiograph)


def upright_box(region: Region, radiograph: Radiograph):
    return radiograph.from_stored(Box(*region.box_xyxy_px))


def test_a_hot_place_on_the_images_left_is_in_the_right_lung() -> None:
    (region,) = locate("Effusion", blob(0.28, 0.75), draw(), film())
    assert (region.side, region.zone) == ("right", "lower")
    assert region.id == "region-effusion-1"
    x0, y0, x1, y1 = region.box_xyxy_px
    assert x0 < 0.28 * 300 < x1
    assert y0 < 0.75 * 400 < y1


@settings(deadline=None, max_examples=40)
@given(heatmap=heatmaps, radiograph=films, turns=st.integers(0, 3), label=st.sampled_from(LABELS))
def test_boxes_lie_on_the_stored_image_and_in_the_thorax(
    heatmap: Heatmap, radiograph: Radiograph, turns: int, label: Label
) -> None:
    radiograph = radiograph.turned(turns, NOTE)
    anatomy = draw()
    regions = locate(label, heatmap, anatomy, radiograph)
    assert len(regions) <= MAX_REGIONS
    width, height = radiograph.stored_size_px
    thorax = find_thorax(anatomy).box.scaled(radiograph.width_px / 128, radiograph.height_px / 128)
    for number, region in enumerate(regions, start=1):
        assert region.id.endswith(f"-{number}")
        x0, y0, x1, y1 = region.box_xyxy_px
        assert 0 <= x0 < x1 <= width
        assert 0 <= y0 < y1 <= height
        assert 0 < region.size_fraction_thorax <= 1
        upright = upright_box(region, radiograph)
        rounding = 0.06
        assert upright.x0 >= thorax.x0 - rounding
        assert upright.y0 >= thorax.y0 - rounding
        assert upright.x1 <= thorax.x1 + rounding
        assert upright.y1 <= thorax.y1 + rounding


@settings(deadline=None, max_examples=40)
@given(heatmap=heatmaps, turns=st.integers(0, 3))
def test_a_turned_file_gives_the_same_places(heatmap: Heatmap, turns: int) -> None:
    """The same film, stored upright or stored turned and set upright before it is read."""
    upright = film(300, 400, pixel_spacing_mm=(0.2, 0.1))
    turned = film(300, 400, pixel_spacing_mm=(0.2, 0.1)).turned(turns, NOTE)
    turned = replace(turned, pixels=upright.pixels, pixel_spacing_mm=(0.2, 0.1))
    for here, there in zip(
        locate("Mass", heatmap, draw(), upright), locate("Mass", heatmap, draw(), turned), strict=True
    ):
        assert upright_box(there, turned) == pytest.approx(Box(*here.box_xyxy_px), abs=0.11)
        assert (there.side, there.zone, there.size_fraction_thorax) == (here.side, here.zone, here.size_fraction_thorax)
        assert sorted(there.size_mm) == pytest.approx(sorted(here.size_mm), abs=0.11)


@settings(deadline=None, max_examples=40)
@given(x=st.floats(0.15, 0.42), y=st.floats(0.2, 0.8), cells=st.integers(7, 20))
def test_mirroring_exchanges_the_sides(x: float, y: float, cells: int) -> None:
    (here,) = locate("Pneumonia", blob(x, y, cells=cells), draw(), film())
    (there,) = locate("Pneumonia", blob(1 - x, y, cells=cells), mirrored(draw()), film())
    assert (here.side, there.side) == ("right", "left")
    assert here.zone == there.zone
    x0, y0, x1, y1 = here.box_xyxy_px
    assert there.box_xyxy_px == pytest.approx((300 - x1, y0, 300 - x0, y1), abs=0.11)


def test_sizes_follow_row_and_column_spacing() -> None:
    (region,) = locate("Mass", blob(0.3, 0.5), draw(), film(300, 400, pixel_spacing_mm=(0.5, 0.2)))
    x0, y0, x1, y1 = region.box_xyxy_px
    assert region.size_mm == pytest.approx(((x1 - x0) * 0.2, (y1 - y0) * 0.5), abs=0.11)


def test_sizes_of_a_turned_film_are_those_of_its_stored_box() -> None:
    radiograph = film(300, 400, pixel_spacing_mm=(0.5, 0.2)).turned(1, NOTE)
    (region,) = locate("Mass", blob(0.3, 0.5), draw(), radiograph)
    x0, y0, x1, y1 = region.box_xyxy_px
    assert region.size_mm == pytest.approx(((x1 - x0) * 0.2, (y1 - y0) * 0.5), abs=0.11)


def test_without_spacing_there_is_no_size_in_mm() -> None:
    (region,) = locate("Mass", blob(0.3, 0.5), draw(), film())
    assert region.size_mm is None
    x0, _, x1, _ = region.box_xyxy_px
    assert region.size_fraction_thorax == pytest.approx((x1 - x0) / (0.72 * 300), rel=0.03)


def test_two_lungs_give_two_regions() -> None:
    regions = locate("Effusion", together(blob(0.28, 0.8), blob(0.72, 0.8)), draw(), film())
    assert {region.side for region in regions} == {"right", "left"}


@pytest.mark.parametrize("label", ["Edema", "Emphysema", "Infiltration"])
def test_a_place_that_spans_both_lungs_is_parted(label: Label) -> None:
    regions = locate(label, Heatmap(np.full((10, 10), 0.9, np.float32), 0.5), draw(), film())
    assert sorted(region.side for region in regions) == ["left", "right"]
    for region in regions:
        assert region.size_fraction_thorax < 0.6


def test_a_hernia_is_not_parted() -> None:
    (region,) = locate("Hernia", blob(0.5, 0.8, spread=0.08), draw(), film())
    assert region.side in {"midline", "both"}


def test_a_mediastinal_mass_is_midline() -> None:
    (region,) = locate("Mass", blob(0.5, 0.25, spread=0.04), draw(), film())
    assert region.side == "midline"


def test_cardiomegaly_is_the_heart_whatever_its_map() -> None:
    expected = (pytest.approx(0.39 * 300, abs=3), pytest.approx(0.5 * 400, abs=4), pytest.approx(0.69 * 300, abs=3))
    for heatmap in (blob(0.2, 0.2), None):
        (region,) = locate("Cardiomegaly", heatmap, draw(), film())
        assert region.box_xyxy_px[:3] == expected
        assert (region.side, region.zone) == ("midline", "lower")


def test_cardiomegaly_without_a_heart_has_no_place() -> None:
    assert locate("Cardiomegaly", blob(0.5, 0.6), draw({"heart": None}), film()) == []


def test_a_faint_map_that_stands_out_names_its_peak() -> None:
    (region,) = locate("Nodule", blob(0.72, 0.3, height=0.4), draw(), film())
    assert region.side == "left"
    assert region.size_fraction_thorax < 0.4


@pytest.mark.parametrize(
    "heatmap",
    [
        blob(0.72, 0.3, height=0.2),
        blob(0.03, 0.03, height=0.4),
        Heatmap(np.full((10, 10), 0.4, np.float32), 0.5),
        Heatmap(np.zeros((10, 10), np.float32), 0.5),
        Heatmap(np.zeros((10, 10), np.float32), 0.0),
        blob(0.01, 0.97, spread=0.03),
    ],
    ids=["too faint", "peak outside", "even", "empty", "empty, no cut", "hot outside"],
)
def test_no_place_is_named_where_the_map_points_nowhere(heatmap: Heatmap) -> None:
    assert locate("Nodule", heatmap, draw(), film()) == []


def test_no_place_without_lungs_or_map() -> None:
    assert locate("Nodule", blob(0.3, 0.3), draw({"right_lung": None, "left_lung": None}), film()) == []
    assert locate("Nodule", None, draw(), film()) == []


def test_the_strongest_place_comes_first_and_specks_are_dropped() -> None:
    heatmap = together(blob(0.28, 0.3, height=0.7), blob(0.72, 0.6), blob(0.3, 0.75, spread=0.02, height=0.6, cells=14))
    regions = locate("Consolidation", heatmap, draw(), film())
    assert [region.side for region in regions] == ["left", "right"]
    assert regions[1].zone == "upper"


def test_an_effusion_in_a_white_hemithorax_is_on_that_side() -> None:
    regions = locate("Effusion", blob(0.75, 0.7), draw({"left_lung": None}), film())
    assert [region.side for region in regions] == ["left"]


@pytest.mark.parametrize(("width", "height"), [(200, 400), (400, 200)])
def test_boxes_of_a_stretched_film_keep_their_share(width: int, height: int) -> None:
    (region,) = locate("Mass", blob(0.3, 0.5), draw(), film(width, height))
    (square,) = locate("Mass", blob(0.3, 0.5), draw(), film(400, 400))
    scaled = Box(*square.box_xyxy_px).scaled(width / 400, height / 400)
    assert region.box_xyxy_px == pytest.approx(scaled, abs=0.11)


@given(
    arrays(np.float32, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.floats(0, 1, width=32)),
    st.integers(12, 40),
    st.integers(12, 40),
)
def test_maps_are_interpolated_as_scipy_does(values: np.ndarray, rows: int, columns: int) -> None:
    fine = _interpolated(values, rows, columns)
    y, x = (
        (np.arange(fine_count) + 0.5) * count / fine_count - 0.5
        for fine_count, count in ((rows, values.shape[0]), (columns, values.shape[1]))
    )
    grid = np.stack(np.meshgrid(y, x, indexing="ij"))
    assert fine == pytest.approx(ndimage.map_coordinates(values.astype(float), grid, order=1, mode="nearest"), abs=1e-6)


@pytest.mark.parametrize(("status", "kept"), [("present", True), ("uncertain", True), ("absent", False)])
def test_regions_go_with_present_and_uncertain_findings_only(status: Status, kept: bool) -> None:
    finding = Finding(
        id="finding-mass",
        label="Mass",
        probability=0.5,
        interval=None,
        threshold=None,
        status=status,
        n_positive=1,
        prevalence=None,
        basis="",
    )
    (placed,) = located.locate_all([finding], {"Mass": blob(0.3, 0.5)}, draw(), film())
    assert bool(placed.regions) == kept


def test_an_enlarged_heart_without_a_heatmap_has_its_region() -> None:
    heart = Finding(
        id="finding-cardiomegaly",
        label="Cardiomegaly",
        probability=None,
        interval=None,
        threshold=None,
        status="present",
        n_positive=1,
        prevalence=None,
        basis="",
    )
    (placed,) = located.locate_all([heart], {}, draw(), film())
    assert [region.side for region in placed.regions] == ["midline"]


@pytest.mark.parametrize("label", LABELS)
def test_only_what_can_lie_in_the_mediastinum_is_in_the_midline(label: Label) -> None:
    sides = {region.side for region in locate(label, blob(0.5, 0.5, spread=0.04), draw(), film())}
    assert ("midline" in sides) == (label in {"Cardiomegaly", "Hernia", "Mass", "Nodule"})
    assert sides
