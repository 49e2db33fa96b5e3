from pathlib import Path

import pytest

from lucidray.batch.inputs import from_table
from lucidray.domain.errors import InputError, UsageError
from lucidray.domain.vocabulary import LABELS
from lucidray.evaluation.columns import LabelColumns, whole_table


def table(tmp_path: Path, text: str, name: str = "films.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_what_the_table_says_of_a_film(tmp_path) -> None:
    path = table(tmp_path, 'image,Symptoms,age,sex,view,Patient ID\nsub/a.png,"fever, cough",058Y,F,AP Supine,7\n')
    (item,) = from_table(path).items
    assert item.path == tmp_path / "sub" / "a.png"
    assert (item.symptoms, item.age, item.sex, item.view, item.patient) == (
        "fever, cough",
        58,
        "female",
        "AP supine",
        "7",
    )
    assert item.fault is None


def test_paths_are_relative_to_the_images(tmp_path) -> None:
    (item,) = from_table(table(tmp_path, "path\na.png\n"), Path("/films")).items
    assert item.path == Path("/films/a.png")
    assert item.place == "a.png"


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ("a.png,old,M,PA,1", "no number of years"),
        ("a.png,131,M,PA,1", "cannot be"),
        ("a.png,60,X,PA,1", "sex 'X' is not known"),
        ("a.png,60,M,Swimmer,1", "view 'Swimmer' is not known"),
        ("a.png,60,M,PA,perhaps", "is no label"),
        (",60,M,PA,1", "no film is named"),
    ],
)
def test_a_wrong_cell_is_the_fault_of_its_row_alone(tmp_path, cells, reason) -> None:
    wrong, fine = from_table(table(tmp_path, f"image,age,sex,view,effusion\n{cells}\nb.png,,,,\n")).items
    assert reason in wrong.fault
    assert fine.fault is None


def test_labels_one_a_column(tmp_path) -> None:
    path = table(tmp_path, "image,Pleural_Thickening,pleural effusion,Mass,Lung Opacity\na,1,0.0,,1\nb,-1.0,,,\n")
    first, second = from_table(path).items
    assert first.labels == {"Pleural Thickening": "present", "Effusion": "absent"}
    assert second.labels == {"Pleural Thickening": "uncertain"}


def test_labels_as_nih_lists_them_speak_of_all_findings(tmp_path) -> None:
    inputs = from_table(table(tmp_path, "image,Finding Labels\na,Effusion|Lung Opacity\nb,No Finding\n"))
    assert inputs.items[0].labels == dict.fromkeys(LABELS, "absent") | {"Effusion": "present"}
    assert inputs.items[1].labels == dict.fromkeys(LABELS, "absent")
    assert inputs.strange_labels == ["Lung Opacity"]


def test_a_column_of_one_label_speaks_of_the_findings_that_occur_in_it(tmp_path) -> None:
    first, second = from_table(table(tmp_path, "image,label\na,normal\nb,pneumonia\n")).items
    assert (first.labels, second.labels) == ({"Pneumonia": "absent"}, {"Pneumonia": "present"})


def test_a_label_that_may_hide_a_finding_makes_nothing_known() -> None:
    rows = [
        LabelColumns(["label"]).read({"label": cell}) for cell in ("pneumonia", "bacterial pneumonia", "", "normal")
    ]
    assert whole_table(rows) == [{"Pneumonia": "present"}, None, None, {"Pneumonia": "absent"}]
    assert LabelColumns(["Finding Labels"]).read({"Finding Labels": ""}) is None


def test_a_reference_report_in_one_column_or_in_sections(tmp_path) -> None:
    (one,) = from_table(table(tmp_path, "image,report\na,Clear lungs.\n")).items
    (two,) = from_table(table(tmp_path, "image,findings,impression\na,Clear.,Normal.\n")).items
    assert (one.reference, two.reference) == ("Clear lungs.", "Clear.\nNormal.")


def test_a_table_that_is_none(tmp_path) -> None:
    with pytest.raises(UsageError, match="--column"):
        from_table(table(tmp_path, "who,what\na,b\n"))
    for text, reason in (
        ("image\n", "no rows"),
        ("image;age\na;1,2\n", "comma-separated"),
        ("image,age\na\n", "cells"),
    ):
        with pytest.raises(InputError, match=reason):
            from_table(table(tmp_path, text))
    (tmp_path / "latin.csv").write_bytes("image\nä.png\n".encode("latin-1"))
    with pytest.raises(InputError, match="UTF-8"):
        from_table(tmp_path / "latin.csv")
    with pytest.raises(InputError, match="cannot be read"):
        from_table(tmp_path / "missing.csv")


def test_excels_own_utf8_is_read(tmp_path) -> None:
    (tmp_path / "bom.csv").write_bytes("\ufeffimage\nä.png\n".encode())
    assert from_table(tmp_path / "bom.csv").items[0].place == "ä.png"
