"""From manifests to samples: sides from the lungs, held-out findings, whose boxes, plain tables."""

from pathlib import Path

import drawn_chests
import numpy as np
import pytest
from PIL import Image

from lucidray.datasets.manifest import Manifest, ManifestFilm, PlacedBox, read_manifest
from lucidray.domain.anatomy import ORGANS, Anatomy
from lucidray.domain.errors import InputError
from lucidray.readers.letterbox import padded
from lucidray.training.reader_samples import LOCATED, TEXT, located_samples, read_collection, text_samples


class DrawnLungs:
    """Says where two lungs are; `at` is the column that parts them, as a share of the film."""

    def __init__(self, at: float = 0.5) -> None:
        self.at = at

    def segment(self, pixels: np.ndarray) -> tuple[Anatomy, None]:
        masks = np.zeros((len(ORGANS), 64, 64), bool)
        middle = round(self.at * 64)
        masks[ORGANS.index("right_lung"), 8:56, 2 : middle - 3] = True
        masks[ORGANS.index("left_lung"), 8:56, middle + 3 : 62] = True
        return Anatomy(masks), None


def lay(width: int, height: int):
    return padded(width, height, 64)


def film(folder: Path, boxes: tuple[PlacedBox, ...], **facts) -> Manifest:
    Image.fromarray(drawn_chests.chest()).save(folder / "a.png")
    one = ManifestFilm("a.png", "p", facts.pop("split", "train"), facts.pop("truth", {}), boxes, **facts)
    return Manifest((one,), folder)


def located(manifest: Manifest, split: str = "train", segmenter: DrawnLungs | None = None, **options):
    origins = options.pop("origins", ("radiologist",))
    return located_samples(manifest, split, lay, segmenter or DrawnLungs(), origins=origins, **options)


def test_sides_come_from_the_lungs_and_not_from_halves(tmp_path: Path) -> None:
    # A patient who stands to one side: the box lies in the left half of the picture, and in the left lung.
    manifest = film(tmp_path, (PlacedBox("Effusion", (50.0, 100.0, 68.0, 120.0)),))
    (in_left_lung,) = located(manifest, segmenter=DrawnLungs(at=0.3)).samples
    assert "left lower zone" in in_left_lung.answer
    assert "right" not in in_left_lung.answer
    (in_right_lung,) = located(manifest, segmenter=DrawnLungs(at=0.6)).samples
    assert "right lower zone" in in_right_lung.answer


def test_words_on_the_other_side_than_the_lungs_are_left_out(tmp_path: Path) -> None:
    boxes = (
        PlacedBox("Effusion", (10.0, 100.0, 40.0, 130.0), "left pleural effusion"),
        PlacedBox("Nodule", (100.0, 40.0, 120.0, 60.0), "left nodule"),
    )
    found = located(film(tmp_path, boxes))
    (sample,) = found.samples
    assert "nodule" in sample.answer
    assert [box.finding for box in sample.film.boxes] == ["Nodule"]
    assert found.left_out["side of the box's words differs from the side by the lungs"] == 1


def test_held_out_findings_teach_no_box_and_are_measured(tmp_path: Path) -> None:
    boxes = (PlacedBox("Effusion", (10.0, 100.0, 40.0, 130.0)), PlacedBox("Nodule", (100.0, 40.0, 120.0, 60.0)))
    (sample,) = located(film(tmp_path, boxes), held_out=("Nodule",)).samples
    assert [box.finding for box in sample.film.boxes] == ["Effusion"]
    assert sample.answer.count("<loc") == 4
    (measured,) = located(film(tmp_path, boxes, split="validation"), "validation", held_out=("Nodule",)).samples
    assert [box.finding for box in measured.film.boxes] == ["Effusion", "Nodule"]


def test_proposed_boxes_are_taken_where_they_are_asked_for(tmp_path: Path) -> None:
    manifest = film(tmp_path, (PlacedBox("Effusion", (10.0, 100.0, 40.0, 130.0), origin="proposed"),))
    assert not located(manifest).samples
    assert len(located(manifest, origins=("radiologist", "proposed")).samples) == 1


def test_normal_films_teach_that_there_may_be_no_place(collection: Path) -> None:
    manifest = read_manifest(collection)
    found = located(manifest, normal_share=0.5).samples
    placed = [sample for sample in found if "LOCATIONS" in sample.answer]
    normal = [sample for sample in found if "LOCATIONS" not in sample.answer]
    assert (len(placed), len(normal)) == (8, 4)
    assert {sample.strategy for sample in found} == {LOCATED}
    assert all("No abnormality" in sample.answer for sample in normal)


def test_every_film_that_anything_is_known_of_teaches_text(collection: Path) -> None:
    manifest = read_manifest(collection)
    found = text_samples(manifest, "train")
    assert len(found.samples) == len(manifest.of("train"))
    assert {sample.strategy for sample in found.samples} == {TEXT}
    assert not any("<loc" in sample.answer for sample in found.samples)
    silent = Manifest((ManifestFilm("a.png", "p", "train", {}),), collection)
    assert text_samples(silent, "train").left_out["nothing is known of the film"] == 1


def test_a_plain_table_is_split_by_patient(tmp_path: Path) -> None:
    rows = [f"{number}.png,p{number // 4},Report {number}." for number in range(400)]
    table = tmp_path / "reports.csv"
    table.write_text("\n".join(["image,patient_id,report", *rows]), encoding="utf-8")
    manifest = read_collection(table, tmp_path)
    splits: dict[str, set[str]] = {}
    for one in manifest.films:
        splits.setdefault(one.patient, set()).add(one.split)
    assert all(len(found) == 1 for found in splits.values())
    assert {one.split for one in manifest.films} == {"train", "validation", "test"}
    assert text_samples(manifest, "train").samples[0].answer.startswith("FINDINGS\nReport ")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("image,label\na.png,1", "no columns of films"),
        ("image,report\n,x", "row 1: no film is named"),
        ("image,report\na.png,x\na.png,y", "row 2: a.png was named before"),
        ("image,report\n", "names no films"),
    ],
)
def test_tables_that_cannot_be_used_say_why(tmp_path: Path, text: str, told: str) -> None:
    table = tmp_path / "reports.csv"
    table.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=told):
        read_collection(table, tmp_path)


def test_a_plain_table_needs_the_folder_of_films(tmp_path: Path) -> None:
    table = tmp_path / "reports.csv"
    table.write_text("image,report\na.png,x", encoding="utf-8")
    with pytest.raises(InputError, match="--images"):
        read_collection(table, None)
