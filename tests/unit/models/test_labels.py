import pytest

from lucidray.domain.errors import ModelError
from lucidray.domain.vocabulary import LABELS
from lucidray.models.labels import EQUAL, WITHOUT_EQUAL, match, normalized

NIH = [label.replace(" ", "_") for label in LABELS]
CHEXPERT = ["No Finding", "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema"]
CHEXPERT += ["Consolidation", "Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion", "Pleural Other"]
CHEXPERT += ["Fracture", "Support Devices"]
VINBIG = ["Aortic enlargement", "Atelectasis", "Calcification", "Cardiomegaly", "Consolidation", "ILD", "Infiltration"]
VINBIG += ["Lung Opacity", "Nodule/Mass", "Other lesion", "Pleural effusion", "Pleural thickening", "Pneumothorax"]
VINBIG += ["Pulmonary fibrosis"]


def test_all_of_nih_are_ours() -> None:
    outputs = match(NIH, "nih")
    assert [NIH[outputs.index[label]] for label in LABELS] == NIH
    assert not outputs.left_out
    assert outputs.note is None


def test_chexpert() -> None:
    outputs = match(CHEXPERT, "chexpert")
    assert {label: CHEXPERT[index] for label, index in outputs.index.items()} == {
        "Cardiomegaly": "Cardiomegaly",
        "Edema": "Edema",
        "Consolidation": "Consolidation",
        "Pneumonia": "Pneumonia",
        "Atelectasis": "Atelectasis",
        "Pneumothorax": "Pneumothorax",
        "Effusion": "Pleural Effusion",
    }
    assert set(outputs.left_out) == {
        "No Finding",
        "Enlarged Cardiomediastinum",
        "Lung Opacity",
        "Lung Lesion",
        "Pleural Other",
        "Fracture",
        "Support Devices",
    }
    assert "Lung Opacity" in str(outputs.note)


def test_vinbigdata_does_not_turn_a_mixed_name_into_a_mass() -> None:
    outputs = match(VINBIG, "vinbig")
    assert "Mass" not in outputs.index
    assert "Nodule" not in outputs.index
    assert VINBIG[outputs.index["Fibrosis"]] == "Pulmonary fibrosis"
    assert "Nodule/Mass" in outputs.left_out


def test_an_output_that_was_never_trained_is_no_finding() -> None:
    outputs = match(["", None, "Hernia"], "sparse")
    assert outputs.index == {"Hernia": 2}
    assert not outputs.left_out


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["Effusion", "Pleural Effusion"], "two outputs are named Effusion"),
        (["Atelectesis"], "if 'Atelectasis' is meant"),
        (["Lung Opacity"], "no output is one of"),
        ([], "no output is one of"),
    ],
)
def test_what_cannot_be_told_apart_is_an_error(names: list[str], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        match(names, "model")


def test_the_table_is_normalized_and_says_one_thing_of_a_name() -> None:
    assert all(normalized(name) == name for name in [*EQUAL, *WITHOUT_EQUAL])
    assert not set(EQUAL) & set(WITHOUT_EQUAL)
    assert set(EQUAL.values()) == set(LABELS)
