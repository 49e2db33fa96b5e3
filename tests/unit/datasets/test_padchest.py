import json
from pathlib import Path

import pytest
from films_on_disk import write_film, write_rows

from lucidray.datasets.entry import Inputs
from lucidray.datasets.prepare import Options, prepare
from lucidray.datasets.sources.padchest import sentences
from lucidray.datasets.sources.padchest_report import Sentence, compose
from lucidray.domain.vocabulary import LABELS
from lucidray.evaluation.label_files.padchest import english, load_names
from lucidray.evaluation.label_files.rows import Row
from lucidray.reasoning.claims import extract_claims

HEADER = ("ImageID", "StudyDate_DICOM", "PatientID", "PatientBirth", "PatientSex_DICOM", "Projection", "MethodLabel",
          "Labels", "LabelsLocalizationsBySentence")  # fmt: skip


def said(labels: list[str], by_sentence: list[object]) -> list[Sentence]:
    fields = {"Labels": str(labels), "LabelsLocalizationsBySentence": str(by_sentence)}
    return sentences(Row(2, fields))


@pytest.mark.parametrize("name", sorted(load_names().findings))
@pytest.mark.parametrize(
    ("side", "zone"),
    [(None, None), ("left", None), ("right", "lower"), ("both", "lower"), ("left", "upper"), ("right", "mid")],
)
def test_what_is_composed_is_what_the_claims_say(name: str, side: str | None, zone: str | None) -> None:
    text = compose([Sentence((name,), side, zone)])  # type: ignore[arg-type]
    claims = [claim for claim in extract_claims(text) if claim.polarity == "present"]
    meant = set(load_names().findings[name])
    # Consolidation is an infiltrate by PadChest's tree; its words claim the narrower finding.
    assert {claim.label for claim in claims} == (meant - {"Infiltration"} if "Consolidation" in meant else meant)
    if meant & {"Cardiomegaly", "Hernia"}:
        assert {claim.side for claim in claims} == {None}
        return
    assert {claim.side for claim in claims} <= {side, None}
    assert any(claim.side == side for claim in claims)
    if zone is not None and not meant & {"Edema", "Emphysema"} and not {"apical", "basal"} & {*name.split()}:
        assert any(claim.zone == zone for claim in claims)


def test_all_of_the_fourteen_have_a_name() -> None:
    assert {label for labels in load_names().findings.values() for label in labels} == set(LABELS)


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("Derrame pleural", "pleural effusion"),
        ("NÓDULO", "nodule"),
        ("Edema agudo de pulmón", "pulmonary edema"),
        ("LSD", "loc right upper lobe"),
        ("mass", "mass"),
        ("unheard of", "unheard of"),
    ],
)
def test_spanish_words_are_known(word: str, name: str) -> None:
    assert english(word) == name


def test_physicians_sentences_share_their_places() -> None:
    found = said(["pneumonia", "alveolar pattern"], [["pneumonia", "alveolar pattern", "loc right lower lobe"]])
    assert found == [Sentence(("pneumonia", "alveolar pattern"), "right", "lower")]


def test_places_that_do_not_agree_say_nothing_of_several_findings() -> None:
    found = said(["pneumonia", "pleural effusion"], [["pneumonia", "pleural effusion", "loc left", "loc right"]])
    assert found[0].ambiguous
    assert compose(found).splitlines()[0] == "FINDINGS: Pneumonia. Pleural effusion."


def test_one_finding_with_both_sides_is_on_both() -> None:
    assert said(["pleural effusion"], [["pleural effusion", "loc left", "loc right"]])[0].side == "both"
    assert said(["pleural effusion"], [["pleural effusion both sides", "loc right", "loc bilateral"]])[0].side == "both"


def test_the_networks_flat_list_gives_places_to_the_last_label() -> None:
    row = [
        "NSG tube",
        "loc right",
        "alveolar pattern",
        " pulmonary edema",
        "loc bilateral",
        "loc perihilar",
        "cardiomegaly",
    ]
    found = said(["NSG tube", "alveolar pattern", " pulmonary edema", "cardiomegaly"], row)
    assert {one.labels[0]: one.side for one in found} == {
        "nsg tube": "right",
        "alveolar pattern": None,
        "pulmonary edema": "both",
        "cardiomegaly": None,
    }


def test_the_place_of_what_is_normal_is_nobodys() -> None:
    found = said(["infiltrates"], ["infiltrates", "loc right", "loc basal", "normal", "loc left", "loc basal"])
    assert found == [Sentence(("infiltrates",), "right", "lower")]
    assert "left" not in compose(found)


def test_a_normal_film_is_normal_and_nothing_else_is_denied() -> None:
    assert compose(said(["normal"], [["normal"], ["normal"]])).startswith("FINDINGS: Normal chest radiograph.")
    text = compose(said(["pleural effusion", "pacemaker"], [["pleural effusion", "loc left"], ["pacemaker"]]))
    assert text == "FINDINGS: Pleural effusion on the left. Pacemaker.\nIMPRESSION: Pleural effusion on the left."
    assert {claim.polarity for claim in extract_claims(text)} == {"present"}


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    rows = [
        (
            "a.png",
            20150101,
            1,
            1950.0,
            "F",
            "PA",
            "Physician",
            "['pleural effusion']",
            "[['pleural effusion', 'loc right']]",
        ),
        ("b.png", 20150101, 2, 1960.0, "M", "COSTAL", "Physician", "['rib fracture']", "[['rib fracture']]"),
        ("c.png", 20150101, 3, 1960.0, "M", "L", "Physician", "['normal']", "[['normal']]"),
        (
            "d.png",
            20150101,
            3,
            1960.0,
            "M",
            "AP_horizontal",
            "Physician",
            "['nodule', 'loc moon']",
            "[['nodule', 'loc moon']]",
        ),
    ]
    write_rows(tmp_path / "labels.csv", HEADER, rows)
    for number, name in enumerate("abcd"):
        write_film(tmp_path / "images" / "0" / f"{name}.png", number)
    return tmp_path


def test_the_table_is_read(collection: Path) -> None:
    found = prepare("padchest", Inputs((collection / "labels.csv",), collection / "images"))
    films = {film.film: film for film in found.manifest.films}
    assert set(films) == {"0/a.png", "0/d.png"}
    assert films["0/a.png"].report.startswith("FINDINGS: Pleural effusion on the right.")
    assert films["0/a.png"].age_years == 65
    assert found.reasons() == {"lateral view": 1, "a film of the ribs": 1}
    assert found.gathered.unmapped["loc moon"] >= 1


def test_padchest_gr_brings_boxes_and_sentences(collection: Path) -> None:
    finding = {
        "sentence_en": "Small right pleural effusion.",
        "abnormal": True,
        "boxes": [[0.1, 0.5, 0.4, 0.75]],
        "labels": ["pleural effusion"],
    }
    studies = [
        {"StudyID": "s", "ImageID": "a.png", "findings": [finding, {"sentence_en": "Normal heart.", "abnormal": False}]}
    ]
    grounded = collection / "grounded_reports_20240819.json"
    grounded.write_text(json.dumps(studies), encoding="utf-8")
    write_rows(collection / "master_table.csv", ("ImageID", "split"), [("a.png", "test")])
    inputs = Inputs((collection / "labels.csv",), collection / "images", (grounded,))
    found = prepare("padchest", inputs, Options(official=True))
    film = found.manifest.films[0]
    assert (film.film, film.split) == ("0/a.png", "test")
    assert film.report == "FINDINGS: Small right pleural effusion. Normal heart."
    box = film.boxes[0]
    assert (box.finding, box.phrase, box.origin) == ("Effusion", "Small right pleural effusion.", "radiologist")
    assert box.xyxy_px == (14, 80, 56, 120)  # of 140 by 160 pixels
