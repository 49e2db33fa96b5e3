from pathlib import Path

import numpy as np
import pytest
from small_films import write_collection

from lucidray.domain.errors import InputError
from lucidray.study.small_films import read_collection

COUNTS = {"train": 4, "val": 2, "test": 3}


def test_splits_labels_and_grey_values(tmp_path: Path) -> None:
    path = write_collection(tmp_path / "films.npz", COUNTS)
    films = read_collection(path)
    raw = np.load(path)
    assert films.side_px == 28
    assert films.counts["validation"] == {"films": 4, "positive": 2}
    np.testing.assert_allclose(films.test.pixels, raw["test_images"] / 255, atol=1e-6)
    np.testing.assert_array_equal(films.train.truth, raw["train_labels"].ravel() == 1)
    assert films.about(("somebody",))["sources"] == ["somebody"]


def changed(path: Path, **arrays: np.ndarray) -> Path:
    known = dict(np.load(path))
    np.savez(path, **(known | arrays))
    return path


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"test_labels": np.zeros((6, 1), np.uint8)}, "both classes"),
        ({"test_labels": np.full((6, 1), 2, np.uint8)}, "0 or 1"),
        ({"test_labels": np.ones((5, 1), np.uint8)}, "one label"),
        ({"test_images": np.zeros((6, 28, 28), np.float32)}, "uint8"),
        ({"test_images": np.zeros((6, 28, 20), np.uint8)}, "side, side"),
        ({"test_images": np.zeros((6, 32, 32), np.uint8)}, "different sizes"),
        ({"test_images": np.arange(6 * 28 * 28 * 3, dtype=np.uint8).reshape(6, 28, 28, 3)}, "colour"),
    ],
)
def test_what_is_no_collection_is_refused(tmp_path: Path, arrays: dict, told: str) -> None:
    path = changed(write_collection(tmp_path / "films.npz", COUNTS), **arrays)
    with pytest.raises(InputError, match=told):
        read_collection(path)


def test_grey_films_stored_as_colour_are_taken(tmp_path: Path) -> None:
    path = write_collection(tmp_path / "films.npz", COUNTS)
    before = read_collection(path).test.pixels
    grey = np.load(path)["test_images"]
    after = read_collection(changed(path, test_images=np.repeat(grey[..., None], 3, axis=3))).test.pixels
    np.testing.assert_array_equal(before, after)


def test_a_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "films.npz").write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(InputError, match="cannot be read"):
        read_collection(tmp_path / "films.npz")
    np.savez(tmp_path / "other.npz", pictures=np.zeros(3))
    with pytest.raises(InputError, match="layout"):
        read_collection(tmp_path / "other.npz")
    with pytest.raises(InputError, match="cannot be read"):
        read_collection(tmp_path / "missing.npz")
