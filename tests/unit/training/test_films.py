"""The split holds by patient; labels and masks say what was read and no more; decoding changes nothing."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lucidray.domain.errors import InputError, UsageError
from lucidray.domain.vocabulary import LABELS
from lucidray.training.films import (
    ANY_ABNORMALITY,
    CHILD_PNEUMONIA,
    OUTPUTS,
    FilmCache,
    film01,
    folder_offsets,
    gather,
    index,
    split_of,
)

# Changing the split would put test patients of the shipped weights into training.
PINNED_SPLIT = ["train", "train", "validation", "validation", "train", "train", "train", "test"]
HEAD = "image,nih_name,patient_id,follow_up,age,sex,view,finding_labels,original_width,original_height"


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, quality=95)


@pytest.fixture
def small_data(tmp_path: Path) -> Path:
    """Two NIH folders that share a patient, normal films of which one repeats a held-out film, and children."""
    rng = np.random.default_rng(0)
    held_out = next(str(number) for number in range(100) if split_of(str(number)) == "test")
    trained = next(str(number) for number in range(100) if split_of(str(number)) == "train")
    films = {name: rng.integers(0, 255, (48, 40), dtype=np.uint8) for name in "abcdefg"}
    films = {name: np.kron(film[::8, ::8], np.ones((8, 8), dtype=np.uint8)) for name, film in films.items()}
    rows = {
        "nih_small": [("a.jpg", held_out, "AP", "Effusion|Pleural_Thickening"), ("b.jpg", trained, "PA", "No Finding")],
        "nih": [("c.jpg", held_out, "PA", "No Finding", "Lung Opacity"), ("d.jpg", trained, "PA", "Mass", "")],
    }
    for folder, lines in rows.items():
        head = HEAD + (",rsna_class" if folder == "nih" else "")
        text = [
            f"{image},x,{patient},0,50,M,{view},{said},1,1,{''.join(more)}"
            for image, patient, view, said, *more in lines
        ]
        for image, *_ in lines:
            save(tmp_path / folder / "images" / image, films[image[0]])
        labels = "\n".join([head, *(line if folder == "nih" else line.removesuffix(",") for line in text)])
        (tmp_path / folder / "labels.csv").write_text(labels + "\n")
    save(tmp_path / "adult_normal" / "images" / "repeat.jpg", films["a"] // 2 + 40)
    save(tmp_path / "adult_normal" / "images" / "new.jpg", films["e"])
    save(tmp_path / "paediatric" / "images" / "p1.jpg", films["f"])
    save(tmp_path / "paediatric" / "images" / "p2.jpg", films["g"])
    (tmp_path / "paediatric" / "labels.csv").write_text(
        "image,patient,label,organism\np1.jpg,p1,pneumonia,virus\np2.jpg,p2,normal,\n"
    )
    return tmp_path


def test_split_shares() -> None:
    counts = Counter(split_of(str(number)) for number in range(20_000))
    assert counts["test"] / 20_000 == pytest.approx(0.20, abs=0.01)
    assert counts["validation"] / 20_000 == pytest.approx(0.12, abs=0.01)


def test_split_is_the_one_that_the_weights_were_made_with() -> None:
    assert [split_of(str(patient)) for patient in range(1, 9)] == PINNED_SPLIT


def test_outputs_are_the_labels_and_two_more() -> None:
    assert (*LABELS, ANY_ABNORMALITY, CHILD_PNEUMONIA) == OUTPUTS


def test_no_patient_is_on_both_sides(small_data: Path) -> None:
    splits: dict[str, set[str]] = {}
    for film in index(small_data):
        splits.setdefault(film.patient, set()).add(film.split)
    assert all(len(found) == 1 for found in splits.values())
    assert {film.split for film in index(small_data) if film.source == "adult_normal"} == {"train"}


def test_labels_and_masks(small_data: Path) -> None:
    film = {one.path.name: one for one in index(small_data)}
    said = {name for name, target in zip(OUTPUTS, film["a.jpg"].targets, strict=True) if target}
    assert said == {"Effusion", "Pleural Thickening", ANY_ABNORMALITY}
    child = film["p1.jpg"]
    assert [name for name, known in zip(OUTPUTS, child.known, strict=True) if known] == [CHILD_PNEUMONIA]
    assert child.targets[-1] == 1
    assert not film["a.jpg"].known[-1], "an adult says nothing about children"


def test_disagreement_of_readers_masks_any_abnormality(small_data: Path) -> None:
    film = {one.path.name: one for one in index(small_data)}
    any_place = OUTPUTS.index(ANY_ABNORMALITY)
    assert not film["c.jpg"].known[any_place]
    assert film["d.jpg"].known[any_place]


def test_cache_holds_what_the_files_hold(small_data: Path, tmp_path: Path) -> None:
    films = index(small_data)
    FilmCache(films, tmp_path / "cache")
    cache = FilmCache(films, tmp_path / "cache")  # the second time from the file that the first one left
    assert len(cache) == len(films)
    for row, film in enumerate(films):
        with Image.open(film.path) as image:
            np.testing.assert_array_equal(cache[row], np.asarray(image))


def test_film01_spans_zero_to_one() -> None:
    film = film01(np.array([[0, 255]], dtype=np.uint8))
    assert film.dtype == np.float32
    assert film.tolist() == [[0.0, 1.0]]


def test_near_repeat_of_a_held_out_film_teaches_nothing(small_data: Path, tmp_path: Path) -> None:
    films = gather(small_data, tmp_path / "cache")
    known = {film.path.name: films.known[row] for row, film in enumerate(films.rows)}
    assert films.dropped == 1
    assert not known["repeat.jpg"].any()
    assert known["new.jpg"].any()


def test_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nih_small"):
        index(tmp_path)


def test_a_few_films_are_of_every_folder_and_split(small_data: Path, tmp_path: Path) -> None:
    films = gather(small_data, tmp_path / "cache", limit=7)
    assert len(films.rows) == 7
    assert len({(film.source, film.split) for film in films.rows}) == len(
        {(film.source, film.split) for film in index(small_data)}
    )
    with pytest.raises(UsageError, match="at least"):
        gather(small_data, tmp_path / "cache", limit=2)


def test_offsets_undo_the_folders_prevalence(small_data: Path, tmp_path: Path) -> None:
    films = gather(small_data, tmp_path / "cache")
    offsets, prevalence = folder_offsets(films, films.of("train"))
    source = {film.source: row for row, film in enumerate(films.rows)}
    mass = LABELS.index("Mass")
    assert offsets[source["nih"], mass] > 0 > offsets[source["nih_small"], mass]
    assert not offsets[source["paediatric"]].any()
    assert ((prevalence > 0) & (prevalence < 1)).all()


def test_real_films_split_without_a_shared_patient(data_dir: Path) -> None:
    films = [film for film in index(data_dir) if film.source.startswith("nih")]
    of_split = {
        split: {film.patient for film in films if film.split == split} for split in ("train", "validation", "test")
    }
    assert len(films) == 9044
    assert not of_split["train"] & of_split["test"]
    assert not of_split["train"] & of_split["validation"]
    assert not of_split["validation"] & of_split["test"]
