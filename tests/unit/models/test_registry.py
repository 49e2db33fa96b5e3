from pathlib import Path

import pytest

from lucidray.domain.backend import Backend
from lucidray.domain.errors import MissingExtraError, ModelError, UsageError
from lucidray.models import registry
from lucidray.models.findings import EmbeddedClassifier
from lucidray.models.registry import CLASSIFIERS, SEGMENTERS, missing_part, open_classifier


def test_the_embedded_one_is_the_default() -> None:
    assert isinstance(open_classifier(), EmbeddedClassifier)


@pytest.mark.parametrize("spec", ["", "chexnet", "zero-shot:medsam:x", "Embedded"])
def test_an_unknown_name_lists_the_known_ones(spec: str) -> None:
    with pytest.raises(UsageError, match="lucidray knows embedded, torchxrayvision:densenet121-res224-all"):
        open_classifier(spec)


@pytest.mark.parametrize("spec", ["onnx:", "timm", "zero-shot:hf:", "torchxrayvision:"])
def test_half_a_name_is_wrong_use(spec: str) -> None:
    with pytest.raises(UsageError, match="is missing"):
        open_classifier(spec)


def test_an_unknown_device_is_wrong_use() -> None:
    with pytest.raises(UsageError, match="auto, cuda, mps, cpu"):
        open_classifier(device="gpu")


@pytest.mark.parametrize(
    ("spec", "extra"),
    [
        ("torchxrayvision:densenet121-res224-all", "torchxrayvision"),
        ("timm:folder", "timm"),
        ("zero-shot:hf:folder", "zero-shot"),
        ("zero-shot:open_clip:folder", "zero-shot"),
    ],
)
def test_a_missing_extra_names_its_cure(spec: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(f"No module named 'torch' for {name}", name="torch")

    monkeypatch.setattr(registry.importlib, "import_module", missing)
    with pytest.raises(MissingExtraError, match=rf"pip install 'lucidray\[{extra}\]'"):
        open_classifier(spec)


def test_packages_that_do_not_belong_together_are_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr(registry.importlib, "import_module", broken)
    with pytest.raises(ModelError, match="do not belong together"):
        open_classifier("timm:folder")


def test_our_own_missing_module_is_not_taken_for_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError("lost", name="lucidray.models.lost")

    monkeypatch.setattr(registry.importlib, "import_module", missing)
    with pytest.raises(ModuleNotFoundError):
        open_classifier("timm:folder")


@pytest.mark.parametrize("backend", [*CLASSIFIERS, *SEGMENTERS], ids=lambda backend: backend.name)
def test_a_row_is_whole(backend: Backend) -> None:
    assert (Path(registry.__file__).parents[2] / (backend.module.replace(".", "/") + ".py")).is_file()
    assert backend.licence
    assert backend.weights
    assert backend.note
    assert not backend.sends_data_away, "no classifier sends a film away"


def test_a_missing_file_is_told_before_anybody_asks_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setattr(registry.importlib.util, "find_spec", lambda name: object())
    row = next(backend for backend in CLASSIFIERS if backend.name.endswith("densenet121-res224-pc"))
    assert "no weights in" in missing_part(row)
    file = tmp_path / row.weights.removeprefix("~/")
    file.parent.mkdir(parents=True)
    file.touch()
    assert missing_part(row) == ""


def test_a_missing_package_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry.importlib.util, "find_spec", lambda name: None)
    told = {backend.name: missing_part(backend) for backend in CLASSIFIERS}
    assert told["embedded"] == told["onnx:FOLDER"] == ""
    assert told["timm:FOLDER"] == "without torch, timm: pip install 'lucidray[timm]'"
