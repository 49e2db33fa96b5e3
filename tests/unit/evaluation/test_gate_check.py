"""Shares of films accepted and refused, patients together."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lucidray.domain.errors import InputError
from lucidray.evaluation.gate_check import GateFilm, Judged, clustered_share, evaluate, judge, read_gate_films, variants
from lucidray.evaluation.segmentation import share
from lucidray.models.fake import UPRIGHT, FakeSegmenter


@pytest.fixture
def film(tmp_path: Path) -> GateFilm:
    y, x = np.indices((200, 200)) / 200
    Image.fromarray((120 + 100 * np.sin(9 * x) * np.cos(7 * y)).astype(np.uint8)).save(tmp_path / "a.png")
    return GateFilm("a.png", tmp_path / "a.png", "frontal", "p")


def test_one_film_a_patient_is_wilsons_interval() -> None:
    found = clustered_share([True] * 8 + [False] * 2, [str(number) for number in range(10)])
    wanted = share(8, 10)
    assert (found["value"], found["low"], found["high"]) == pytest.approx((0.8, wanted.low, wanted.high), abs=1e-4)


def test_films_of_one_patient_count_together() -> None:
    # Ten films of each of six patients, all alike within a patient: as good as six films.
    hits = [patient < 4 for patient in range(6) for _ in range(10)]
    patients = [str(patient) for patient in range(6) for _ in range(10)]
    found, alone = clustered_share(hits, patients), share(40, 60)
    assert found["value"] == pytest.approx(40 / 60, abs=1e-4)
    assert found["high"] - found["low"] > 2 * (alone.high - alone.low)


def test_where_all_agree_patients_are_counted() -> None:
    found = clustered_share([True] * 20, ["a"] * 10 + ["b"] * 10)
    assert found["low"] == pytest.approx(share(2, 2).low, abs=1e-4)


def test_a_table_of_kinds_is_read(tmp_path: Path, film: GateFilm) -> None:
    path = tmp_path / "kinds.csv"
    path.write_text("image,truth,patient\na.png,frontal,p\na.png,sideways,p\nb.png,lateral,q\n")
    films, faults = read_gate_films(path, None)
    assert films == [film]
    assert [fault.split(":")[0] for fault in faults] == ["line 3", "line 4"]
    path.write_text("image,kind\na.png,frontal\n")
    with pytest.raises(InputError, match="image and truth"):
        read_gate_films(path, None)


def test_variants_are_made_of_frontal_films_only(film: GateFilm) -> None:
    made = variants([film, replace(film, truth="lateral")])
    assert [one.truth for one in made] == ["turned_90", "turned_180", "turned_270", "inverted", "mirrored"]


@pytest.mark.parametrize(("truth", "code"), [("turned_90", 3), ("turned_180", 2), ("turned_270", 1)])
def test_a_film_turned_clockwise_is_named_so(film: GateFilm, truth: str, code: int) -> None:
    # The network says by how many counter-clockwise quarter turns the film was turned.
    turn = tuple(0.97 if place == code else 0.01 for place in range(4))
    segmenter = FakeSegmenter(appearance=replace(UPRIGHT, turn=turn))
    made = next(one for one in variants([film]) if one.truth == truth)
    judged = judge(made, segmenter)
    assert not judged.accepted
    assert truth in judged.codes


def test_pixels_are_really_changed(film: GateFilm) -> None:
    seen = []

    class Watching(FakeSegmenter):
        def segment(self, pixels):
            seen.append(pixels)
            return super().segment(pixels)

    for one in [film, *variants([film])]:
        judge(one, Watching())
    plain, turned, _, _, inverted, mirrored = seen
    assert np.array_equal(turned, np.rot90(plain, 3))
    assert np.allclose(inverted, 1 - plain)
    assert np.array_equal(mirrored, plain[:, ::-1])


def test_figures_by_kind(film: GateFilm) -> None:
    lateral = replace(film, truth="lateral", patient="q")
    mirrored = replace(film, truth="mirrored")
    result = evaluate(
        [
            Judged(film, accepted=True, codes=()),
            Judged(lateral, accepted=False, codes=("not_chest",)),
            Judged(mirrored, accepted=True, codes=("mirrored",)),
            Judged(film, accepted=False, codes=(), fault="broken"),
        ]
    )
    assert result["classes"]["frontal"]["accepted"]["value"] == 1.0
    assert result["classes"]["lateral"]["refused"]["value"] == 1.0
    assert result["classes"]["lateral"]["named"]["value"] == 0.0
    assert result["classes"]["mirrored"]["named"]["value"] == 1.0
    assert result["wrong"] == []
    assert result["unreadable"] == ["a.png: broken"]
