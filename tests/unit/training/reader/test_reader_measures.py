"""Boxes and claims of what was written, against what is known."""

from pathlib import Path

import pytest

pytest.importorskip("transformers", reason="needs lucidray[train]")
pytest.importorskip("peft", reason="needs lucidray[train]")
pytest.importorskip("torch", reason="needs lucidray[train]")

from lucidray.datasets.manifest import ManifestFilm, PlacedBox
from lucidray.domain.answer import NamedBox
from lucidray.domain.box import Box
from lucidray.training.reader_curves import svg
from lucidray.training.reader_measures import Written, measure
from lucidray.training.reader_model import smooth_rows
from lucidray.training.reader_samples import LOCATED, Sample

pytestmark = pytest.mark.extra
DRAWN = (0.0, 0.0, 10.0, 10.0)


def sample(*boxes: PlacedBox, **truth: str) -> Sample:
    return Sample(ManifestFilm("a.png", "p", "test", truth, boxes), Path("a.png"), LOCATED, "")


def written(text: str, *boxes: tuple[str, tuple[float, ...]], ended: bool = True) -> Written:
    return Written(text, tuple(NamedBox(name, Box(*box)) for name, box in boxes), 0, ended)


def test_a_box_counts_where_its_name_and_place_fit() -> None:
    truth = sample(PlacedBox("Effusion", DRAWN), PlacedBox("Nodule", (50.0, 50.0, 60.0, 60.0)))
    text = "FINDINGS\nThere is a pleural effusion."
    right = measure([written(text, ("Pleural effusion.", DRAWN))], [truth])
    assert right["box_iou"] == pytest.approx(0.5)
    assert right["box_match"] == pytest.approx(0.5)
    half = measure([written(text, ("Pleural effusion.", (0.0, 0.0, 10.0, 5.0)))], [truth])
    assert half["box_iou"] == pytest.approx(0.25)
    assert half["box_match"] == pytest.approx(0.5)
    assert measure([written(text, ("Pneumothorax.", DRAWN))], [truth])["box_iou"] == 0
    # Two boxes at one place meet one box of the truth, once.
    twice = measure([written(text, ("Effusion.", DRAWN), ("Effusion.", DRAWN))], [sample(*truth.film.boxes[:1])])
    assert twice["box_iou"] == pytest.approx(1)


def test_findings_without_taught_boxes_are_scored_apart() -> None:
    truth = sample(PlacedBox("Effusion", DRAWN), PlacedBox("Pneumonia", (50.0, 50.0, 60.0, 60.0)))
    one = written("FINDINGS\nPneumonia.", ("Pneumonia.", (50.0, 50.0, 60.0, 60.0)))
    told = measure([one], [truth], held_out=("Pneumonia",))
    assert told["unseen_box_iou"] == pytest.approx(1)
    assert told["box_iou"] == 0


def test_claims_are_held_against_labels() -> None:
    films = [sample(Effusion="positive", Nodule="negative"), sample(Effusion="negative", Nodule="positive")]
    normal = written("FINDINGS\nNo pleural effusion or nodule.")
    assert measure([normal, normal], films)["claims_f1"] == 0
    right = [written("FINDINGS\nThere is a pleural effusion."), written("FINDINGS\nThere is a nodule.")]
    assert measure(right, films)["claims_f1"] == pytest.approx(1)
    assert measure(right[::-1], films)["claims_f1"] == 0


@pytest.mark.parametrize(
    ("text", "ended", "parses"),
    [
        ("FINDINGS\nThere is a nodule.", True, 1.0),
        ("FINDINGS\nThere is a nodule.", False, 0.0),
        ("There is a nodule.", True, 0.0),
        ("FINDINGS\nA film.", True, 0.0),
        ("FINDINGS\n" + "There is a nodule. " * 20, True, 0.0),
    ],
)
def test_what_counts_as_a_report(text: str, ended: bool, parses: float) -> None:
    assert measure([written(text, ended=ended)], [sample(Nodule="positive")])["parseable"] == parses


def test_neighbouring_places_begin_alike_and_far_ones_do_not() -> None:
    rows = smooth_rows(1024, 256, seed=0)
    rows = rows / rows.norm(dim=1, keepdim=True)
    near, far = (rows[:-1] * rows[1:]).sum(1), (rows[:512] * rows[512:]).sum(1)
    assert near.mean() > 0.95
    assert far.abs().mean() < 0.3


def test_curves_show_what_there_is() -> None:
    picture = svg([("Phase <1>", [{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.0, "eval_box_iou": 0.5}])])
    assert "Phase &lt;1&gt;" in picture
    assert "loss, a token" in picture
    assert "box IoU" in picture
    assert "parse" not in picture
