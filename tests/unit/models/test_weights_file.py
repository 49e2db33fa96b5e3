import json
import shutil
from pathlib import Path

import pytest

from lucidray.domain.errors import ModelError
from lucidray.models.anatomy import EmbeddedSegmenter
from lucidray.models.findings import EmbeddedClassifier
from lucidray.models.weights_file import EMBEDDED_FOLDER


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EMBEDDED_FOLDER, tmp_path / "weights"))


@pytest.mark.parametrize("load", [EmbeddedClassifier, EmbeddedSegmenter])
def test_missing_weights_say_what_and_where(tmp_path: Path, load) -> None:
    with pytest.raises(ModelError, match="weights are missing"):
        load(tmp_path)


@pytest.mark.parametrize(("name", "load"), [("findings", EmbeddedClassifier), ("anatomy", EmbeddedSegmenter)])
def test_one_changed_byte_is_noticed(folder: Path, name: str, load) -> None:
    path = folder / f"{name}.onnx"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelError, match="SHA-256 differs"):
        load(folder)


@pytest.mark.parametrize(("name", "load"), [("findings", EmbeddedClassifier), ("anatomy", EmbeddedSegmenter)])
@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"onnx_sha256": 3}'])
def test_a_damaged_card_is_one_clear_error(folder: Path, name: str, load, text: str) -> None:
    (folder / f"{name}.json").write_text(text)
    with pytest.raises(ModelError) as caught:
        load(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "load"), [("findings", EmbeddedClassifier), ("anatomy", EmbeddedSegmenter)])
def test_a_card_of_another_layout_is_one_clear_error(folder: Path, name: str, load) -> None:
    path = folder / f"{name}.json"
    card = json.loads(path.read_text())
    del card["input_size"]
    path.write_text(json.dumps(card))
    with pytest.raises(ModelError, match="does not fit this version"):
        load(folder)


def test_the_networks_are_not_taken_for_one_another(folder: Path) -> None:
    (folder / "anatomy.onnx").write_bytes((folder / "findings.onnx").read_bytes())
    card = json.loads((folder / "anatomy.json").read_text())
    card["onnx_sha256"] = json.loads((folder / "findings.json").read_text())["onnx_sha256"]
    (folder / "anatomy.json").write_text(json.dumps(card))
    with pytest.raises(ModelError, match="has no output"):
        EmbeddedSegmenter(folder)


def test_all_weights_together_stay_small() -> None:
    assert sum(path.stat().st_size for path in EMBEDDED_FOLDER.iterdir()) < 30_000_000
