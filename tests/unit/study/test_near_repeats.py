from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_films import drawn_film, write_collection

from lucidray.domain.errors import InputError
from lucidray.study.near_repeats import near_repeats
from lucidray.study.small_films import read_collection


def large(seed: int) -> Image.Image:
    """A wide film of smooth noise, with a thorax in its middle."""
    rng = np.random.default_rng(seed)
    film = Image.fromarray(rng.integers(0, 255, (9, 12), dtype=np.uint8)).resize((400, 300), Image.Resampling.BICUBIC)
    film.paste(Image.fromarray(drawn_film(True, rng, 200)), (100, 50), Image.new("L", (200, 200), 120))
    return film


def test_a_film_is_found_again_whatever_was_done_to_its_shape(tmp_path: Path) -> None:
    films = read_collection(write_collection(tmp_path / "films.npz", {"train": 3, "val": 1, "test": 3}))
    # As MedMNIST does it: the middle square at 28 pixels.
    small = large(7).crop((50, 0, 350, 300)).resize((28, 28), Image.Resampling.BICUBIC)
    films.test.pixels[1] = np.asarray(small, np.float32) / 255
    folder = tmp_path / "theirs"
    folder.mkdir()
    large(1).save(folder / "another.png")
    assert near_repeats(films, folder).test_repeats == 0
    large(7).resize((224, 224), Image.Resampling.BILINEAR).save(folder / "same.jpg", quality=85)
    found = near_repeats(films, folder)
    assert (found.films, found.test_repeats, found.train_repeats) == (2, 1, 0)
    assert found.highest_in_test > 0.985


def test_a_folder_without_films(tmp_path: Path) -> None:
    films = read_collection(write_collection(tmp_path / "films.npz", {"train": 1, "val": 1, "test": 1}))
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="no films"):
        near_repeats(films, tmp_path / "none")
