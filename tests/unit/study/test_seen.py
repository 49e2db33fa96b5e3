import json
from pathlib import Path

import pytest

from lucidray.domain.errors import ModelError
from lucidray.models.weights_file import EMBEDDED_FOLDER
from lucidray.study.seen import PNEUMONIAMNIST, data_of_card, data_of_hash, data_of_spec, exposure, named_data, worst


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (["NIH ChestX-ray14", "KERMANY et al. 2018"], "saw"),
        (["NIH ChestX-ray14"], "apart"),
        (None, "unknown"),
    ],
)
def test_the_card_decides(data, found) -> None:
    assert exposure(data, PNEUMONIAMNIST) == found


def test_the_worst_of_several_holds() -> None:
    assert worst(["untrained", "apart", "unknown"]) == "unknown"
    assert worst(["saw", "unknown"]) == "saw"
    assert worst([]) == "untrained"


def test_where_cards_name_their_films() -> None:
    assert named_data({"training": {"data": ["a", "b"]}}) == ["a", "b"]
    assert named_data({"training": {"data": "a"}}) == ["a"]
    assert named_data({"data": ["a"]}) == ["a"]
    assert named_data({"films": {"jsrt": {}, "nih": {}}}) == ["jsrt", "nih"]
    for silent in ({}, {"training": {}}, {"training": {"data": []}}, {"films": []}):
        assert named_data(silent) is None


def test_both_embedded_networks_saw_children_of_this_collection() -> None:
    assert exposure(data_of_spec("embedded", EMBEDDED_FOLDER), PNEUMONIAMNIST) == "saw"
    assert exposure(data_of_card(EMBEDDED_FOLDER / "anatomy.json"), PNEUMONIAMNIST) == "saw"


def test_a_model_of_a_folder_is_known_by_its_card(tmp_path: Path) -> None:
    assert data_of_spec(f"timm:{tmp_path}", tmp_path) is None
    (tmp_path / "card.json").write_text(json.dumps({"training": {"data": ["Kermany"]}}))
    assert data_of_spec(f"onnx:{tmp_path}", tmp_path) == ["Kermany"]
    assert data_of_spec("torchxrayvision", tmp_path) is None
    (tmp_path / "card.json").write_text("{")
    with pytest.raises(ModelError):
        data_of_spec(f"onnx:{tmp_path}", tmp_path)


def test_weights_are_known_by_their_hash(tmp_path: Path) -> None:
    (tmp_path / "up.json").write_text(json.dumps({"onnx_sha256": "ab", "training": {"data": ["JSRT"]}}))
    assert data_of_hash("ab", tmp_path) == ["JSRT"]
    assert data_of_hash("cd", tmp_path) is None
    assert data_of_hash(None, tmp_path) is None
