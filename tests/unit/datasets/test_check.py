from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from films_on_disk import write_film
from PIL import Image

from lucidray.datasets.check import Checked, check, result_of
from lucidray.datasets.check_page import choose, render
from lucidray.datasets.duplicates import alike, exact
from lucidray.datasets.manifest import Manifest, ManifestFilm, PlacedBox
from lucidray.datasets.shortcuts import auroc, shortcuts


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    splits = ("train", "train", "train", "validation", "test", "test")
    films = []
    for number, split in enumerate(splits):
        write_film(tmp_path / f"f{number}.png", number)
        truth = {"Effusion": "positive" if number % 2 else "negative"}
        films.append(ManifestFilm(f"f{number}.png", f"p{number}", split, truth, view="PA", size_px=(160, 140)))  # type: ignore[arg-type]
    return Manifest(tuple(films), tmp_path)


def codes(checked: Checked, *, serious: bool = True) -> set[str]:
    return {problem.code for problem in checked.problems if problem.serious is serious}


def changed(manifest: Manifest, place: int, **what: object) -> Manifest:
    films = list(manifest.films)
    films[place] = replace(films[place], **what)  # type: ignore[arg-type]
    return Manifest(tuple(films), manifest.images)


def test_a_sound_collection_has_nothing_serious(manifest: Manifest) -> None:
    checked = check(manifest)
    assert not checked.serious
    assert codes(checked, serious=False) == {"finding_scarce"}


@pytest.mark.parametrize(
    ("place", "what", "code"),
    [
        (0, {"patient": "p4"}, "patient_leakage"),
        (4, {"model_assisted": True}, "model_assisted_measured"),
        (1, {"view": "lateral"}, "not_frontal"),
        (1, {"size_px": (1024, 1024)}, "size_changed"),
        (1, {"boxes": (PlacedBox("Effusion", (10, 10, 150, 60)),)}, "box_off_film"),
        (1, {"film": "lost.png"}, "unreadable"),
    ],
)
def test_what_is_serious_is_found(manifest: Manifest, place: int, what: dict[str, object], code: str) -> None:
    assert codes(check(changed(manifest, place, **what))) == {code}


@pytest.mark.parametrize(
    ("place", "what", "code"),
    [
        (0, {"boxes": (PlacedBox("Effusion", (10, 10, 60, 60)),)}, "box_against_label"),
        (1, {"boxes": (PlacedBox("Effusion", (0, 0, 140, 160)),)}, "box_whole_film"),
        (5, {"boxes": (PlacedBox("Effusion", (10, 10, 60, 60), origin="proposed"),)}, "box_not_drawn"),
        (0, {"patient": "film f0.png"}, "patients_unknown"),
    ],
)
def test_what_is_odd_is_told(manifest: Manifest, place: int, what: dict[str, object], code: str) -> None:
    checked = check(changed(manifest, place, **what))
    assert not checked.serious
    assert code in codes(checked, serious=False)


def test_copies_across_splits_are_serious(manifest: Manifest) -> None:
    (manifest.images / "f4.png").write_bytes((manifest.images / "f0.png").read_bytes())
    assert codes(check(manifest)) == {"copies_across_splits"}


@pytest.mark.parametrize("inverted", [False, True])
def test_copies_stored_anew_are_found(manifest: Manifest, inverted: bool) -> None:
    image = Image.open(manifest.images / "f0.png").resize((300, 310))
    (image.point(lambda value: 255 - value) if inverted else image).save(manifest.images / "f4.png", quality=70)
    checked = check(changed(manifest, 4, size_px=(310, 300)))
    assert codes(checked) == {"near_copies_across_splits"}


def test_films_unlike_each_other_are_no_pair() -> None:
    films = np.stack([np.random.default_rng(seed).integers(0, 255, (64, 64), dtype=np.uint8) for seed in range(20)])
    assert alike(films) == []
    blank = np.zeros((2, 64, 64), dtype=np.uint8)
    assert alike(blank) == []
    assert exact(["a", "b", "a"]) == [[0, 2]]


@pytest.mark.parametrize(
    ("film", "code"),
    [
        (np.full((200, 200), 90, dtype=np.uint8), "image_blank"),
        (np.arange(100 * 100).reshape(100, 100).astype(np.uint8), "image_too_small"),
        (np.tile(np.arange(200, dtype=np.uint8), (600, 1)), "image_not_chest"),
        (np.where(np.arange(200 * 200).reshape(200, 200) % 9 == 0, 60, 253).astype(np.uint8), "image_saturated"),
    ],
)
def test_bad_pixels_are_told(manifest: Manifest, film: np.ndarray, code: str) -> None:
    Image.fromarray(film).save(manifest.images / "f1.png")
    checked = check(changed(manifest, 1, size_px=film.shape))
    assert code in codes(checked, serious=False)


def test_the_gate_is_asked_on_request(manifest: Manifest) -> None:
    checked = check(manifest, gate=lambda film: [("inverted", "bright and dark")] if film.name == "f2.png" else [])
    problem = next(problem for problem in checked.problems if problem.code == "image_inverted")
    assert problem.examples == ("f2.png: bright and dark",)


def test_threads_say_the_same(manifest: Manifest) -> None:
    assert check(manifest, workers=3).problems == check(manifest).problems


def test_a_shortcut_is_told() -> None:
    films = []
    for n in range(80):
        truth = {"Edema": "positive" if n < 40 else "negative"}
        view = "AP" if n < 36 else "PA"
        films.append(ManifestFilm(f"{n}.png", f"p{n}", "train", truth, view=view, size_px=(512, 512)))  # type: ignore[arg-type]
    assert [(one.finding, one.fact) for one in shortcuts(films)] == [("Edema", "view")]
    assert auroc(np.array([2.0, 3.0]), np.array([1.0, 2.0])) == pytest.approx(0.875)


def test_the_page_shows_samples_and_escapes_names(manifest: Manifest) -> None:
    boxes = (PlacedBox("Effusion", (10, 10, 60, 60)),)
    named = changed(changed(manifest, 1, boxes=boxes), 0, patient="<script>", source="<b>mine</b>", view="lateral")
    checked = check(named)
    head = {"lucidray": "0", "created": "now", "notice": "", "gate": False}
    result = result_of(checked, manifest.images, head)
    page = render(checked, result, 2)
    assert page.count("data:image/jpeg") == 2
    assert "<b>mine</b>" not in page
    assert "Something serious was found" in page
    assert result["classes"]["Effusion"]["test"] == {"negative": 1, "positive": 1}
    # Films with a box of the finding come first.
    assert choose(named.films, 1)["Effusion"][0].film == "f1.png"
