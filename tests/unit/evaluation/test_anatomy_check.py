"""Organs against drawn masks, from the folder to the figures."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lucidray.domain.anatomy import ORGANS
from lucidray.domain.errors import InputError
from lucidray.evaluation.anatomy import compare, evaluate, iou
from lucidray.evaluation.masks import find, read_mask
from lucidray.models.fake import FakeSegmenter, drawn_anatomy


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three films of 256 pixels; the masks are those that the fake segmenter finds, on one film moved to the right."""
    anatomy = drawn_anatomy()
    y, x = np.indices((256, 256)) / 256
    (tmp_path / "images").mkdir()
    for name, shift in (("a", 0), ("b", 0), ("c", 8)):
        picture = (120 + 100 * np.sin(9 * x) * np.cos(7 * y)).astype(np.uint8)
        Image.fromarray(picture).save(tmp_path / "images" / f"{name}.png")
        for organ in ORGANS[:3]:
            (tmp_path / "masks" / organ).mkdir(parents=True, exist_ok=True)
            mask = np.roll(anatomy.mask(organ), shift, axis=1)
            Image.fromarray(mask).resize((256, 256), Image.Resampling.NEAREST).save(
                tmp_path / "masks" / organ / f"{name}.png"
            )
    return tmp_path


def test_masks_that_are_found_fit_fully(folder: Path) -> None:
    films, without = find([folder])
    assert (len(films), without) == (3, [])
    first = compare(films[0], FakeSegmenter())
    assert first.dice["heart"] == 1.0
    assert first.dice["lungs"] == 1.0
    assert first.ratio == first.true_ratio
    assert "clavicles" not in first.dice  # nobody drew them


def test_a_shift_costs_overlap_but_no_width(folder: Path) -> None:
    films, _ = find([folder])
    compared = [compare(film, FakeSegmenter()) for film in films]
    moved = compared[2]
    assert 0.5 < moved.dice["heart"] < 0.9
    assert moved.iou["heart"] == pytest.approx(moved.dice["heart"] / (2 - moved.dice["heart"]))
    result = evaluate(compared)
    source = result["sources"][folder.name]
    assert source["organs"]["heart"]["dice"]["n"] == 3
    assert source["cardiothoracic_ratio"]["median_error"]["value"] == 0.0
    assert source["cardiothoracic_ratio"]["n"] == 3
    assert result["worst"][0]["film"].endswith("c.png")


def test_films_without_masks_are_named_and_odd_folders_refused(folder: Path, tmp_path: Path) -> None:
    Image.new("L", (256, 256)).save(folder / "images" / "d.png")
    _, without = find([folder])
    assert without == [f"{folder.name}/d.png"]
    with pytest.raises(InputError, match="layout"):
        find([tmp_path / "images"])


def test_a_mask_covers_a_place_by_its_larger_half(tmp_path: Path) -> None:
    mask = np.zeros((4, 4), dtype=np.uint8)
    mask[:2, :2] = 255
    mask[2, 2] = 255
    Image.fromarray(mask).save(tmp_path / "m.png")
    assert read_mask(tmp_path / "m.png", 2, 2).tolist() == [[True, False], [False, False]]


def test_empty_masks_agree() -> None:
    empty = np.zeros((3, 3), dtype=np.bool_)
    assert iou(empty, empty) == 1.0
    assert iou(empty, ~empty) == 0.0
