import io
import json
import tarfile
from pathlib import Path

import pytest
from films_on_disk import write_film, write_rows

from lucidray.datasets.entry import Inputs
from lucidray.datasets.prepare import Options, prepare
from lucidray.datasets.sources.mimic import sections
from lucidray.datasets.sources.paediatric import patient_of
from lucidray.datasets.sources.vinbig import agreed_boxes
from lucidray.domain.box import Box

NIH = ("Image Index", "Finding Labels", "Follow-up #", "Patient ID", "Patient Age", "Patient Gender", "View Position")
CHEXPERT = ("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", "No Finding", "Cardiomegaly", "Edema", "Consolidation",
            "Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion")  # fmt: skip
MIMIC = ("subject_id", "study_id", "No Finding", "Cardiomegaly", "Edema", "Consolidation", "Pneumonia", "Atelectasis",
         "Pneumothorax", "Pleural Effusion")  # fmt: skip


def test_nih_takes_its_boxes_and_its_own_split(tmp_path: Path) -> None:
    for number in range(3):
        write_film(tmp_path / "images_001" / "images" / f"0000000{number}_000.png", number, (512, 512))
    rows = [(f"0000000{n}_000.png", "Mass" if n else "No Finding", 0, n, 50, "F", "PA") for n in range(3)]
    labels = write_rows(tmp_path / "Data_Entry_2017.csv", NIH, rows)
    boxes = [("00000001_000.png", "Mass", 100, 200, 300, 400)]
    write_rows(tmp_path / "BBox_List_2017.csv", ("Image Index", "Finding Label", "Bbox [x", "y", "w", "h]"), boxes)
    (tmp_path / "train_val_list.txt").write_text("00000000_000.png\n", encoding="utf-8")
    (tmp_path / "test_list.txt").write_text("00000001_000.png\n", encoding="utf-8")
    found = prepare("nih", Inputs((labels,), tmp_path), Options(official=True))
    splits = {film.film.split("/")[-1]: film for film in found.manifest.films}
    assert splits["00000001_000.png"].split == "test"
    assert splits["00000000_000.png"].split in ("train", "validation")
    assert "00000002_000.png" not in splits  # in neither list
    # The list is in pixels of 1,024-px images, these films have 512.
    assert splits["00000001_000.png"].boxes[0].xyxy_px == (50, 100, 200, 300)


def test_chexpert_never_takes_another_patients_view(tmp_path: Path) -> None:
    image = "train/patient00001/study1/view1_frontal.jpg"
    write_film(tmp_path / image, 1)
    rows = []
    for n in (1, 2):
        path = f"CheXpert-v1.0-small/train/patient0000{n}/study1/view1_frontal.jpg"
        heart = 1 if n == 2 else ""
        rows.append((path, "Female", 60, "Frontal", "AP", "", heart, "", "", "-1", "", "", ""))
    labels = write_rows(tmp_path / "train.csv", CHEXPERT, rows)
    found = prepare("chexpert", Inputs((labels,), tmp_path), Options(official=True))
    assert [(film.film, film.patient, film.split) for film in found.manifest.films] == [
        (image, "patient00001", "train")
    ]
    assert found.manifest.films[0].truth["Pneumonia"] == "uncertain"


@pytest.mark.parametrize("ending", ["jpg", "dcm.png"])
def test_mimic_joins_labels_metadata_split_and_reports(tmp_path: Path, ending: str) -> None:
    if ending == "jpg":
        write_film(tmp_path / "files" / "p10" / "p10000032" / "s501" / "abc.jpg", 1)
    else:
        write_film(tmp_path / "flat" / "abc.png", 1)  # found by its name, which is unique
    labels = write_rows(
        tmp_path / "mimic-cxr-2.0.0-chexpert.csv", MIMIC, [(10000032, 501, "", "", "", "", "", "", "", 1)]
    )
    header = ("dicom_id", "subject_id", "study_id", "ViewPosition")
    write_rows(
        tmp_path / "mimic-cxr-2.0.0-metadata.csv",
        header,
        [("abc", 10000032, 501, "PA"), ("l", 10000032, 501, "LATERAL")],
    )
    write_rows(
        tmp_path / "mimic-cxr-2.0.0-split.csv",
        ("dicom_id", "study_id", "subject_id", "split"),
        [("abc", 501, 10000032, "validate")],
    )
    report = tmp_path / "reports" / "files" / "p10" / "p10000032" / "s501.txt"
    report.parent.mkdir(parents=True)
    report.write_text(
        "INDICATION: Rule out pneumothorax.\n\nFINDINGS:\n Right pleural\n effusion.\n\nIMPRESSION: Effusion.\n",
        encoding="utf-8",
    )
    found = prepare("mimic-cxr", Inputs((labels,), tmp_path, reports=tmp_path / "reports"), Options(official=True))
    film = found.manifest.films[0]
    assert (film.patient, film.split, film.view) == ("10000032", "validation", "PA")
    assert film.report == "FINDINGS: Right pleural effusion.\nIMPRESSION: Effusion."
    assert film.truth["Effusion"] == "positive"


def test_mimic_takes_sectioned_reports(tmp_path: Path) -> None:
    write_film(tmp_path / "files" / "p10" / "p10000032" / "s501" / "abc.jpg", 1)
    labels = write_rows(
        tmp_path / "mimic-cxr-2.0.0-chexpert.csv", MIMIC, [(10000032, 501, 1, "", "", "", "", "", "", "")]
    )
    write_rows(
        tmp_path / "mimic-cxr-2.0.0-metadata.csv",
        ("dicom_id", "subject_id", "study_id", "ViewPosition"),
        [("abc", 10000032, 501, "AP")],
    )
    table = write_rows(
        tmp_path / "sectioned.csv", ("study", "impression", "findings"), [("s501", "Normal.", "Clear lungs.")]
    )
    found = prepare("mimic-cxr", Inputs((labels,), tmp_path, reports=table))
    assert found.manifest.films[0].report == "FINDINGS: Clear lungs.\nIMPRESSION: Normal."


def test_a_report_without_headings_has_no_findings() -> None:
    assert sections("Chest, 2 views. No change.") == ""
    assert sections("COMPARISON: Pneumothorax before.\nFINDINGS: None.\nRECOMMENDATION(S): CT.") == "FINDINGS: None."


def test_openi_has_its_reports(tmp_path: Path) -> None:
    xml = """<eCitation><uId id="CXR1"/><MedlineCitation><Article><Abstract>
<AbstractText Label="INDICATION">Pneumothorax?</AbstractText><AbstractText Label="FINDINGS">Large heart.</AbstractText>
<AbstractText Label="IMPRESSION">Cardiomegaly.</AbstractText></Abstract></Article></MedlineCitation>
<MeSH><major>Cardiomegaly</major></MeSH>
<parentImage id="CXR1_1_IM-0001-3001"/><parentImage id="CXR1_1_IM-0001-4001"/></eCitation>"""
    with tarfile.open(tmp_path / "NLMCXR_reports.tgz", "w:gz") as archive:
        entry = tarfile.TarInfo("ecgen-radiology/1.xml")
        entry.size = len(xml.encode())
        archive.addfile(entry, io.BytesIO(xml.encode()))
    rows = [("1", "1_1_IM-0001-3001.dcm.png", "Frontal"), ("1", "1_1_IM-0001-4001.dcm.png", "Lateral")]
    write_rows(tmp_path / "indiana_projections.csv", ("uid", "filename", "projection"), rows)
    for number, (_, name, _) in enumerate(rows):
        write_film(tmp_path / "images" / name, number)
    found = prepare("openi", Inputs((tmp_path / "NLMCXR_reports.tgz",), tmp_path / "images"))
    assert [film.film for film in found.manifest.films] == ["1_1_IM-0001-3001.dcm.png"]
    assert found.manifest.films[0].report == "FINDINGS: Large heart.\nIMPRESSION: Cardiomegaly."
    assert found.reasons() == {"lateral view": 1}


def test_openi_as_its_best_known_copy(tmp_path: Path) -> None:
    header = ("uid", "MeSH", "Problems", "image", "indication", "comparison", "findings", "impression")
    rows = [
        (
            1,
            "Cardiomegaly;Pulmonary Atelectasis/base/left",
            "",
            "",
            "Pneumothorax?",
            "",
            "Large heart.",
            "Atelectasis.",
        ),
        (2, "normal", "normal", "", "", "", "", "Normal."),
        (3, "No Indexing", "", "", "", "", "Lost.", ""),
    ]
    labels = write_rows(tmp_path / "indiana_reports.csv", header, rows)
    films = [(n, f"{n}_IM-{kind}.dcm.png", kind) for n in (1, 2, 3) for kind in ("Frontal", "Lateral")]
    write_rows(tmp_path / "indiana_projections.csv", ("uid", "filename", "projection"), films)
    for number, (_, name, _) in enumerate(films):
        write_film(tmp_path / "images_normalized" / name, number)
    found = prepare("openi", Inputs((labels,), tmp_path))
    first, second = found.manifest.films
    assert (first.patient, first.report) == ("CXR1", "FINDINGS: Large heart.\nIMPRESSION: Atelectasis.")
    assert [name for name, state in first.truth.items() if state == "positive"] == [
        "Atelectasis",
        "Cardiomegaly",
        "Any abnormality",
    ]
    assert set(second.truth.values()) == {"negative"}
    assert found.reasons() == {"lateral view": 2}


def test_vinbig_boxes_need_two_radiologists() -> None:
    drawn = [
        ("R1", Box(0, 0, 10, 10)),
        ("R2", Box(0, 0, 10, 12)),
        ("R3", Box(50, 50, 60, 60)),
        ("R3", Box(50, 50, 61, 61)),
    ]
    assert agreed_boxes(drawn) == [Box(0, 0, 10, 11)]


def test_vinbig_scales_by_the_originals_size(tmp_path: Path) -> None:
    header = ("image_id", "class_name", "class_id", "rad_id", "x_min", "y_min", "x_max", "y_max")
    rows = [("abc", "Cardiomegaly", 3, f"R{n}", 1000, 2000, 2000, 2400) for n in (1, 2)] + [
        ("abc", "No finding", 14, "R3", "", "", "", "")
    ]
    labels = write_rows(tmp_path / "train.csv", header, rows)
    write_rows(tmp_path / "train_meta.csv", ("image_id", "dim0", "dim1"), [("abc", 3200, 2800)])
    write_film(tmp_path / "images" / "abc.png", 1, (320, 280))
    found = prepare("vinbig", Inputs((labels,), tmp_path / "images"))
    film = found.manifest.films[0]
    assert film.boxes[0].xyxy_px == (100, 200, 200, 240)
    assert film.view == "PA"  # as the publishers say of all of them


def test_rsna_films_have_their_nih_patients(tmp_path: Path) -> None:
    header = ("patientId", "x", "y", "width", "height", "Target")
    labels = write_rows(
        tmp_path / "stage_2_train_labels.csv", header, [("aa", 100, 100, 200, 200, 1), ("bb", "", "", "", "", 0)]
    )
    mapping = [
        {"subset_img_id": "aa", "img_id": "00012345_006.png"},
        {"subset_img_id": "bb", "img_id": "00012345_007.png"},
    ]
    (tmp_path / "pneumonia-dataset-annotations-mappings_2018.json").write_text(json.dumps(mapping), encoding="utf-8")
    for number, name in enumerate(("aa", "bb")):
        write_film(tmp_path / "images" / f"{name}.png", number, (1024, 1024))
    found = prepare("rsna", Inputs((labels,), tmp_path / "images"))
    assert [film.patient for film in found.manifest.films] == ["12345", "12345"]
    assert found.manifest.films[0].boxes[0].finding == "Pneumonia"
    assert found.manifest.films[0].boxes[0].xyxy_px == (100, 100, 300, 300)


def test_a_child_is_in_one_split_whatever_the_organism(tmp_path: Path) -> None:
    assert patient_of("person12_virus_3.jpeg") == patient_of("person12_bacteria_46.jpeg") == "child-p12"
    assert patient_of("NORMAL2-IM-0383-0001.jpeg") != patient_of("IM-0383-0001.jpeg")
    names = (
        "train/PNEUMONIA/person1_virus_1.jpeg",
        "test/PNEUMONIA/person1_bacteria_2.jpeg",
        "val/NORMAL/IM-0001-0001.jpeg",
    )
    for number, name in enumerate(names):
        write_film(tmp_path / "chest_xray" / name, number)
    found = prepare("paediatric", Inputs((), tmp_path), Options(official=True))
    assert {film.film.split("/", 1)[1]: film.split for film in found.manifest.films} == {
        names[1]: "test",
        names[2]: "validation",
    }
    assert found.reasons() == {"split": 1}
    assert [film.truth for film in found.manifest.films if film.split == "validation"] == [{"Pneumonia": "negative"}]
