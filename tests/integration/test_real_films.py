"""The shipped networks on real films: what is accepted, what is refused, and that sides stay right."""

import csv
import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from PIL import Image

import lucidray
from lucidray.domain.errors import InputError
from lucidray.domain.reading import Reading
from lucidray.domain.vocabulary import LABELS
from lucidray.imaging.film import read_film

DATA_STORE = pytest.importorskip("data_store", reason="needs pydicom-data")
FILMS = Path(DATA_STORE.__file__).parent / "data"
CHEST, CHEST_LOSSLESS, LEG = FILMS / "RG1_UNCR.dcm", FILMS / "RG1_J2KR.dcm", FILMS / "RG3_UNCR.dcm"


@pytest.fixture(scope="module")
def reader() -> lucidray.Lucidray:
    return lucidray.load()


@pytest.fixture(scope="module")
def chest() -> np.ndarray:
    return read_film(CHEST).pixels


@pytest.fixture(scope="module")
def reading(reader: lucidray.Lucidray) -> Reading:
    return reader.read(CHEST, symptoms="fever, cough for 5 days")


def probabilities(reading: Reading) -> list[float | None]:
    return [finding.probability for finding in reading.findings]


def codes(reading: Reading) -> set[str]:
    return {note.code for note in reading.refusal}


def test_the_demo_film_is_read_whole(reading: Reading) -> None:
    assert reading.accepted
    assert [finding.label for finding in reading.findings] == list(LABELS)
    assert reading.overall is not None
    assert reading.overall.status == "present"
    assert (reading.image.view, reading.image.sex) == ("PA", "female")
    assert reading.image.pixel_spacing_mm is None  # its header says 0.000
    assert reading.report.findings
    assert reading.report.impression
    width, height = reading.image.width_px, reading.image.height_px
    for region in reading.boxes:
        x0, y0, x1, y1 = region.box_xyxy_px
        assert 0 <= x0 < x1 <= width
        assert 0 <= y0 < y1 <= height
        assert region.size_mm is None


def test_the_json_keeps_the_contract(reading: Reading, reader: lucidray.Lucidray) -> None:
    schema = json.loads((Path(__file__).parents[2] / "docs" / "reading.schema.json").read_text())
    for each in (reading, reader.read(LEG)):
        jsonschema.validate(json.loads(each.model_dump_json()), schema)


def test_nothing_negative_is_said_of_what_was_not_assessed(reading: Reading) -> None:
    missing = {finding.id for finding in reading.findings if finding.status == "unsupported"}
    assert missing
    naming = [sentence for sentence in reading.report.sentences if missing & set(sentence.evidence)]
    assert len(naming) == 1
    assert naming[0].text.startswith("Not assessed")


def test_a_lossless_copy_gets_the_same_reading(reading: Reading, reader: lucidray.Lucidray) -> None:
    assert probabilities(reader.read(CHEST_LOSSLESS)) == probabilities(reading)


def test_every_kind_of_source_gets_the_same_reading(reader: lucidray.Lucidray, chest: np.ndarray) -> None:
    grey = np.round(255 * chest).astype(np.uint8)
    by_array = reader.read(grey, view="PA")
    by_image = reader.read(Image.fromarray(grey), view="PA")
    assert probabilities(by_array) == probabilities(by_image)
    by_bytes = reader.read(CHEST.read_bytes())
    assert probabilities(by_bytes) == probabilities(reader.read(CHEST))


def test_a_leg_is_refused(reader: lucidray.Lucidray) -> None:
    refused = reader.read(LEG)
    assert not refused.accepted
    assert "not_chest" in codes(refused)
    assert refused.findings == []


@pytest.mark.parametrize(("turns", "code"), [(1, "turned_270"), (2, "turned_180"), (3, "turned_90")])
def test_a_turned_film_is_refused_and_on_request_read(
    reader: lucidray.Lucidray, chest: np.ndarray, turns: int, code: str
) -> None:
    turned = np.ascontiguousarray(np.rot90(chest, turns))
    assert code in codes(reader.read(turned))
    fixed = reader.read(turned, fix_orientation=True, view="PA")
    assert fixed.accepted
    assert [note.code for note in fixed.image.corrections] == ["turned"]
    straight = reader.read(chest, view="PA")
    assert probabilities(fixed) == probabilities(straight)
    # The same places on the patient, whatever way the film is stored.
    assert [(box.label, box.side, box.zone) for box in fixed.boxes] == [
        (box.label, box.side, box.zone) for box in straight.boxes
    ]


def test_an_inverted_film_is_refused_and_on_request_read(reader: lucidray.Lucidray, chest: np.ndarray) -> None:
    assert codes(reader.read(1 - chest)) == {"inverted"}
    fixed = reader.read(1 - chest, fix_orientation=True)
    assert fixed.accepted
    assert [note.code for note in fixed.image.corrections] == ["inverted"]


def test_a_mirrored_film_is_warned_of_and_its_sides_change(reader: lucidray.Lucidray, chest: np.ndarray) -> None:
    mirrored = reader.read(np.ascontiguousarray(chest[:, ::-1]))
    assert mirrored.accepted
    assert "mirrored" in {note.code for note in mirrored.warnings}
    assert "mirrored" not in {note.code for note in reader.read(chest).warnings}


def test_half_a_film_is_refused(reader: lucidray.Lucidray, chest: np.ndarray) -> None:
    half = np.ascontiguousarray(chest[:, : chest.shape[1] // 2])
    assert codes(reader.read(half)) & {"cropped", "not_chest"}


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((500, 500), np.uint8),
        np.full((500, 500), 255, np.uint8),
        np.random.default_rng(0).integers(0, 256, (500, 500), dtype=np.uint8),
        np.tile(np.linspace(0, 255, 500, dtype=np.uint8), (500, 1)),
        np.random.default_rng(1).integers(0, 256, (400, 600, 3), dtype=np.uint8),
    ],
    ids=["black", "white", "noise", "gradient", "colour noise"],
)
def test_what_is_no_film_gets_no_probability(reader: lucidray.Lucidray, pixels: np.ndarray) -> None:
    refused = reader.read(pixels)
    assert not refused.accepted
    assert '"probability"' not in refused.model_dump_json()


@pytest.mark.parametrize("content", [b"", b"hello, not a film" * 20, CHEST.read_bytes()[:5000], bytes(4096)])
def test_what_cannot_be_read_is_one_clear_error(reader: lucidray.Lucidray, content: bytes) -> None:
    with pytest.raises(InputError) as caught:
        reader.read(content, name="film.dcm")
    assert "\n" not in str(caught.value)


def test_a_child_is_scored_for_pneumonia_only(reader: lucidray.Lucidray, data_dir: Path) -> None:
    with (data_dir / "paediatric" / "labels.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["label"] == "pneumonia"][:1]
    reading = reader.read(data_dir / "paediatric" / "images" / rows[0]["image"], age=4)
    assert reading.accepted
    assert [finding.label for finding in reading.findings if finding.status != "unsupported"] == ["Pneumonia"]
    assert "child" in {note.code for note in reading.warnings}


def test_frontal_films_are_accepted_and_laterals_refused(reader: lucidray.Lucidray, data_dir: Path) -> None:
    with (data_dir / "covid" / "metadata.csv").open(encoding="utf-8", errors="replace") as file:
        rows = list(csv.DictReader(file))
    # Laterals without a licence trained nothing.
    laterals = [row["file"] for row in rows if row["view"] == "L" and not row["license"]]
    assert laterals
    for name in laterals:
        assert "lateral" in codes(reader.read(data_dir / "covid" / "images" / name)), name
    frontal = sorted((data_dir / "nih" / "images").glob("*.jpg"))[::48]
    accepted = [reader.read(path).accepted for path in frontal]
    assert sum(accepted) >= len(accepted) - 1


def test_resolution_alone_does_not_change_what_is_seen(reader: lucidray.Lucidray, chest: np.ndarray) -> None:
    def by_size(side: int) -> np.ndarray:
        picture = Image.fromarray(np.round(255 * chest).astype(np.uint8)).resize((side, side), Image.Resampling.LANCZOS)
        return np.array([p for p in probabilities(reader.read(picture)) if p is not None])

    large, small = by_size(1024), by_size(512)
    assert np.abs(large - small).max() < 0.05
