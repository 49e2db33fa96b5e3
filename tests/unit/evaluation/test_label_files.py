"""The label files of public collections; every row here is made up, in the collections' own layouts."""

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from lucidray.domain.errors import InputError
from lucidray.domain.vocabulary import LABELS
from lucidray.evaluation.label_files.read import read_labels
from lucidray.evaluation.label_files.table import LabelFile, canonical, parse_age, parse_sex, parse_view

CHEXPERT = (
    "Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding,Enlarged Cardiomediastinum,Cardiomegaly,Lung Opacity,Lung Lesion,"
    "Edema,Consolidation,Pneumonia,Atelectasis,Pneumothorax,Pleural Effusion,Pleural Other,Fracture,Support Devices\n"
)
MIMIC = (
    "subject_id,study_id,Atelectasis,Cardiomegaly,Consolidation,Edema,Enlarged Cardiomediastinum,Fracture,Lung Lesion,"
    "Lung Opacity,No Finding,Pleural Effusion,Pleural Other,Pneumonia,Pneumothorax,Support Devices\n"
)


def read(path: Path, text: str, name: str = "labels.csv") -> LabelFile:
    (path / name).write_text(text, encoding="utf-8")
    return read_labels(path / name)


def test_nih_lists_what_is_there_and_the_rest_is_negative(tmp_path: Path) -> None:
    labels = read(
        tmp_path,
        "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position\n"
        "1.png,Effusion|Pleural_Thickening,0,7,057Y,F,AP\n"
        "2.png,No Finding,1,7,58,F,PA\n"
        "3.png,Gout,1,8,58,M,PA\n"
        "4.png,Hernia\n",
    )
    assert labels.format.startswith("NIH")
    first, second = labels.films
    assert {name for name, state in first.truth.items() if state == "positive"} == {
        "Effusion",
        "Pleural Thickening",
        "Any abnormality",
    }
    assert set(first.truth) == {*LABELS, "Any abnormality"}
    assert (first.patient, first.age_years, first.sex, first.view) == ("7", 57.0, "female", "AP")
    assert set(second.truth.values()) == {"negative"}
    assert [(fault.row, "Gout" in fault.reason or "2 fields" in fault.reason) for fault in labels.faults] == [
        (4, True),
        (5, True),
    ]


def test_an_image_that_is_named_twice_is_a_fault(tmp_path: Path) -> None:
    labels = read(tmp_path, "image,Effusion\na.png,1\na.png,0\n,1\n")
    assert [film.image for film in labels.films] == ["a.png"]
    assert labels.films[0].truth == {"Effusion": "positive"}
    assert [fault.row for fault in labels.faults] == [3, 4]


def test_chexpert_keeps_uncertain_blank_and_negative_apart(tmp_path: Path) -> None:
    labels = read(
        tmp_path,
        CHEXPERT
        + "x/patient00001/study1/view1_frontal.jpg,Female,0,Frontal,AP,,,1.0,,1.0,-1.0,0.0,,,,,,,1.0\n"
        + "x/patient00002/study1/view2_lateral.jpg,Male,45,Lateral,,1.0,,,,,,,,,,,,,\n"
        + "x/patient00003/study1/view1_frontal.jpg,Male,45,Frontal,PA,2.0,,,,,,,,,,,,,\n",
    )
    first, normal = labels.films
    assert first.truth == {
        "Cardiomegaly": "positive",
        "Edema": "uncertain",
        "Consolidation": "negative",
        "Any abnormality": "positive",
    }
    assert first.age_years is None
    assert first.patient == "patient00001"
    assert normal.view == "lateral"
    assert set(normal.truth.values()) == {"negative"}
    assert "Emphysema" not in normal.truth
    assert labels.unmapped == {"Lung Lesion": 1}
    assert [fault.row for fault in labels.faults] == [4]


def test_mimic_gives_the_labels_of_a_study_to_all_of_its_films(tmp_path: Path) -> None:
    text = MIMIC + "10000032,50414267,,1.0,,,,,,,,-1.0,,,,\n"
    with pytest.raises(InputError, match="metadata"):
        read(tmp_path, text, "mimic-cxr-2.0.0-chexpert.csv")
    (tmp_path / "mimic-cxr-2.0.0-metadata.csv").write_text(
        "dicom_id,subject_id,study_id,ViewPosition\na,10000032,50414267,PA\nb,10000032,50414267,LATERAL\nc,1,2,PA\n"
    )
    labels = read_labels(tmp_path / "mimic-cxr-2.0.0-chexpert.csv")
    assert [film.image for film in labels.films] == [
        "files/p10/p10000032/s50414267/a.jpg",
        "files/p10/p10000032/s50414267/b.jpg",
    ]
    assert [film.view for film in labels.films] == ["PA", "lateral"]
    assert labels.films[0].truth["Effusion"] == "uncertain"
    assert labels.notes == ["1 films of mimic-cxr-2.0.0-metadata.csv have no labels"]


def test_vinbigdata_goes_by_the_majority_of_a_films_radiologists(tmp_path: Path) -> None:
    rows = [
        ("a", "Cardiomegaly", "R1"),
        ("a", "Cardiomegaly", "R1"),
        ("a", "Cardiomegaly", "R2"),
        ("a", "Pleural effusion", "R1"),
        ("a", "Nodule/Mass", "R2"),
        ("a", "No finding", "R3"),
        *[("b", "No finding", reader) for reader in ("R1", "R2", "R3")],
    ]
    text = "image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max\n"
    labels = read(tmp_path, text + "".join(f"{image},{name},0,{reader},1,2,3,4\n" for image, name, reader in rows))
    a, b = labels.films
    assert a.truth["Cardiomegaly"] == "positive"
    assert a.truth["Effusion"] == "negative"
    assert a.truth["Any abnormality"] == "positive"
    assert "Nodule" not in a.truth
    assert set(b.truth.values()) == {"negative"}


def test_rsna_merges_boxes_and_reads_the_class_info_beside_it(tmp_path: Path) -> None:
    (tmp_path / "stage_2_detailed_class_info.csv").write_text(
        "patientId,class\np,Lung Opacity\np,Lung Opacity\nn,Normal\no,No Lung Opacity / Not Normal\n"
    )
    labels = read(
        tmp_path,
        "patientId,x,y,width,height,Target\np,1,2,3,4,1\np,5,6,7,8,1\nn,,,,,0\no,,,,,0\nq,,,,,2\n",
        "stage_2_train_labels.csv",
    )
    truths = {film.image: film.truth for film in labels.films}
    assert truths == {
        "p": {"Pneumonia": "positive", "Any abnormality": "positive"},
        "n": {"Pneumonia": "negative", "Any abnormality": "negative"},
        "o": {"Pneumonia": "negative", "Any abnormality": "positive"},
    }
    assert [fault.row for fault in labels.faults] == [6]


def test_siim_merges_masks(tmp_path: Path) -> None:
    labels = read(tmp_path, "ImageId, EncodedPixels\na,-1\nb,5 3 10 2\nb,40 1\nc,oops\n")
    assert {film.image: film.truth["Pneumothorax"] for film in labels.films} == {"a": "negative", "b": "positive"}
    assert "Any abnormality" not in labels.films[0].truth
    assert [fault.row for fault in labels.faults] == [5]


def padchest(labels: str, method: str = "Physician", projection: str = "PA") -> str:
    return (
        "ImageID,StudyDate_DICOM,PatientID,PatientBirth,PatientSex_DICOM,Projection,MethodLabel,Labels\n"
        f'a.png,20140915,9,1930.0,F,{projection},{method},"{labels}"\n'
    )


@pytest.mark.parametrize(
    ("said", "positive"),
    [
        ("['normal']", set()),
        ("['laminar atelectasis', 'unchanged']", {"Atelectasis", "Any abnormality"}),
        ("['consolidation']", {"Consolidation", "Infiltration", "Any abnormality"}),
        ("['scoliosis']", {"Any abnormality"}),
    ],
)
def test_padchest_knows_narrower_names(tmp_path: Path, said: str, positive: set[str]) -> None:
    film = read(tmp_path, padchest(said, projection="AP_horizontal")).films[0]
    assert {name for name, state in film.truth.items() if state == "positive"} == positive
    assert (film.view, film.age_years, film.sex) == ("AP supine", 84.0, "female")


@pytest.mark.parametrize(
    "said", ["['exclude', 'pneumonia']", "", "[]", "['suboptimal study']", "['unchanged']", "[nan]"]
)
def test_padchest_names_rows_that_say_nothing(tmp_path: Path, said: str) -> None:
    labels = read(tmp_path, padchest(said))
    assert not labels.films
    assert [fault.row for fault in labels.faults] == [2]


def report(number: int, terms: list[str], images: int = 1) -> bytes:
    inside = "".join(f"<major>{term}</major>" for term in terms)
    inside += "".join(f'<parentImage id="CXR{number}_{image}"/>' for image in range(images))
    return f'<?xml version="1.0"?><eCitation><uId id="CXR{number}"/>{inside}</eCitation>'.encode()


def test_openi_reads_reports_from_their_archive(tmp_path: Path) -> None:
    path = tmp_path / "NLMCXR_reports.tgz"
    reports = {
        "1.xml": report(1, ["Pleural Effusion/right", "Thickening/pleura/apex"], images=2),
        "2.xml": report(2, ["normal"]),
        "3.xml": report(3, ["No Indexing"]),
        "4.xml": report(4, ["normal"], images=0),
        "5.xml": b"<eCitation>",
        "6.xml": b'<!DOCTYPE x [<!ENTITY a "b">]><eCitation/>',
    }
    with tarfile.open(path, "w:gz") as archive:
        for name, content in reports.items():
            info = tarfile.TarInfo(f"ecgen-radiology/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    labels = read_labels(path)
    first, second, normal = labels.films
    assert first.truth == second.truth
    assert {name for name, state in first.truth.items() if state == "positive"} == {
        "Effusion",
        "Pleural Thickening",
        "Any abnormality",
    }
    assert first.patient == "CXR1"
    assert set(normal.truth.values()) == {"negative"}
    assert [fault.row for fault in labels.faults] == [3, 4, 5, 6]


def test_our_own_folders_are_known(tmp_path: Path) -> None:
    adults = read(
        tmp_path,
        "image,nih_name,patient_id,follow_up,age,sex,view,finding_labels,rsna_class\n"
        "a.jpg,a.png,2,0,80,M,PA,No Finding,No Lung Opacity / Not Normal\n"
        "b.jpg,b.png,2,0,80,M,PA,Pleural_Thickening,\n",
    )
    assert adults.films[0].truth["Any abnormality"] == "uncertain"
    assert adults.films[1].truth["Pleural Thickening"] == "positive"
    children = read(tmp_path, "image,patient,label,organism\nc.jpg,c,pneumonia,virus\nd.jpg,d,odd,\n")
    assert children.films[0].truth == {"Pneumonia": "positive"}
    assert children.films[0].age_years is not None
    assert children.films[0].age_years < 18
    assert [fault.row for fault in children.faults] == [3]


def test_a_plain_table_of_states(tmp_path: Path) -> None:
    labels = read(tmp_path, "image,Pleural_Effusion,edema,patient,blood\na,1,,p,A\nb,0,-1,p,A\nc,maybe,0,q,A\n")
    assert [film.truth for film in labels.films] == [
        {"Effusion": "positive"},
        {"Effusion": "negative", "Edema": "uncertain"},
    ]
    assert [film.patient for film in labels.films] == ["p", "p"]
    assert list(labels.unmapped) == ["blood"]
    assert [fault.row for fault in labels.faults] == [4]


def test_a_plain_table_of_names(tmp_path: Path) -> None:
    labels = read(tmp_path, "image,label\na,Effusion|gout\nb,normal\nc,\nd,normal|Edema\n")
    assert labels.films[0].truth["Effusion"] == "positive"
    assert labels.films[0].truth["Any abnormality"] == "positive"
    assert set(labels.films[1].truth.values()) == {"negative"}
    assert labels.unmapped == {"gout": 1}
    assert [fault.row for fault in labels.faults] == [4, 5]


def test_two_columns_of_one_finding_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="both mean Effusion"):
        read(tmp_path, "image,Effusion,Pleural Effusion\na,1,0\n")


def test_packed_tables_read_the_same(tmp_path: Path) -> None:
    text = b"\xef\xbb\xbfimage,Effusion\na.png,1\n"
    (tmp_path / "a.csv").write_bytes(text)
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(text))
    with zipfile.ZipFile(tmp_path / "c.csv.zip", "w") as archive:
        archive.writestr("inside.csv", text)
    films = [read_labels(tmp_path / name).films for name in ("a.csv", "b.csv.gz", "c.csv.zip")]
    assert films[0] == films[1] == films[2]
    assert len(films[0]) == 1


def test_what_is_no_label_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no label file that is known"):
        read(tmp_path, "colour,size\nred,1\n")
    with pytest.raises(InputError, match="no label file"):
        read_labels(tmp_path / "missing.csv")
    with pytest.raises(InputError, match="has no header"):
        read(tmp_path, "")
    with pytest.raises(InputError, match="columns of a label file of 'nih'"):
        read_labels(_written(tmp_path, "image,Effusion\na,1\n"), "nih")
    (tmp_path / "broken.csv.gz").write_bytes(gzip.compress(b"image,Effusion\n" + b"a,1\n" * 5000)[:60])
    with pytest.raises(InputError, match="cannot be read"):
        read_labels(tmp_path / "broken.csv.gz")


def _written(folder: Path, text: str) -> Path:
    path = folder / "plain.csv"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "years"), [("057Y", 57), ("18M", 1.5), ("", None), ("411", None), ("-3", None), ("old", None), ("0", 0)]
)
def test_ages(text: str, years: float | None) -> None:
    assert parse_age(text) == years


def test_names_views_and_sexes() -> None:
    assert canonical("pleural_THICKENING") == "Pleural Thickening"
    assert canonical("Lung Lesion") is None
    assert [parse_view(text) for text in ("pa", "AP_horizontal", "LL", "?", None)] == [
        "PA",
        "AP supine",
        "lateral",
        "unknown",
        "unknown",
    ]
    assert [parse_sex(text) for text in ("Male", "f", "O", "", "Unknown")] == ["male", "female", "other", None, None]
