"""The backend for Apple silicon, against a stand-in of mlx-vlm's shape: no machine of ours can run the real one."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from report_requests import request

pytest.importorskip("huggingface_hub", reason="needs lucidray[vlm]")

from dataclasses import replace

from lucidray.domain.answer import Answer, Generation
from lucidray.domain.errors import OutOfMemoryError, ReaderError, ReaderTimeoutError, WeightsError
from lucidray.domain.radiograph import Radiograph
from lucidray.readers.registry import open_reader

pytestmark = pytest.mark.extra
REPORT = "There is a marker on the left. The lungs are clear."
BOX = '[{"box_2d": [125, 225, 500, 375], "label": "marker"}]'


@dataclass
class Piece:
    """As mlx-vlm's GenerationResult: one token, and the log probabilities of all that it could have been."""

    text: str
    token: int | None
    logprobs: list[float] | None
    finish_reason: str | None = None


class StandIn:
    """What the stand-in was asked, and how it behaves."""

    def __init__(self) -> None:
        self.asked: dict = {}
        self.finish = "stop"
        self.fault: Exception | None = None
        self.load_fault: Exception | None = None
        self.seeds: list[int] = []

    def load(self, path: str, adapter_path: str | None = None) -> tuple:
        if self.load_fault:
            raise self.load_fault
        self.asked |= {"path": path, "adapter_path": adapter_path}
        return SimpleNamespace(config=SimpleNamespace(model_type="gemma3")), "processor"

    def apply_chat_template(self, processor, config, prompt, num_images=0) -> str:
        assert processor == "processor"
        assert config.model_type == "gemma3"
        self.asked |= {"messages": prompt, "num_images": num_images}
        return "the filled template"

    def stream_generate(self, model, processor, prompt, image=None, **options) -> Iterator[Piece]:
        assert prompt == "the filled template"
        self.asked |= options | {"image": np.asarray(Image.open(image[0]).convert("RGB"))}
        self.path = Path(image[0])
        for word in (REPORT + "\n" + BOX).split(" "):
            if self.fault:
                raise self.fault
            yield Piece(word + " ", 1, [-9.0, -0.5])
        yield Piece("", None, None, self.finish)


@pytest.fixture
def mlx(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    stand_in = StandIn()
    modules = {name: ModuleType(name) for name in ("mlx", "mlx.core", "mlx_vlm", "mlx_vlm.prompt_utils")}
    modules["mlx"].core = modules["mlx.core"]
    modules["mlx.core"].random = SimpleNamespace(seed=stand_in.seeds.append)
    modules["mlx_vlm"].load = stand_in.load
    modules["mlx_vlm"].stream_generate = stand_in.stream_generate
    modules["mlx_vlm.prompt_utils"].apply_chat_template = stand_in.apply_chat_template
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.delitem(sys.modules, "lucidray.readers.local.mlx", raising=False)
    yield stand_in
    sys.modules.pop("lucidray.readers.local.mlx", None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"0")
    return tmp_path


def asked(**options):
    pixels = np.full((400, 300), 0.25, np.float32)
    pixels[50:200, 40:100] = 1.0
    return replace(request(), film=Radiograph(pixels, name="f", format="array"), **options)


def test_a_report_comes_back_with_its_boxes_on_the_film(mlx: StandIn, folder: Path) -> None:
    reader = open_reader("mlx", {"model": str(folder), "adapter": "lora"})
    answer = reader.read(asked())
    assert answer.text == REPORT
    assert [tuple(np.round(box.box)) for box in answer.boxes] == [(40, 50, 100, 200)]
    assert answer.token_confidence == pytest.approx(np.exp(-0.5))
    assert mlx.asked["path"] == str(folder)
    assert mlx.asked["adapter_path"] == "lora"
    assert reader.used.name == f"mlx: {folder.name} with lora"
    assert not reader.used.data_left_machine


def test_what_it_is_asked(mlx: StandIn, folder: Path) -> None:
    open_reader("mlx", {"model": str(folder)}).read(asked(strategy="role", generation=Generation(0.3, 0.9, 55, 7)))
    assert [message["role"] for message in mlx.asked["messages"]] == ["system", "user"]
    assert mlx.asked["num_images"] == 1
    assert {name: mlx.asked[name] for name in ("temperature", "top_p", "max_tokens")} == {
        "temperature": 0.3,
        "top_p": 0.9,
        "max_tokens": 55,
    }
    assert mlx.seeds == [7]


def test_what_it_sees_is_not_mirrored_and_leaves_no_file(mlx: StandIn, folder: Path) -> None:
    open_reader("mlx", {"model": str(folder)}).read(asked())
    picture = mlx.asked["image"]
    assert picture.shape == (896, 896, 3)
    _, columns = np.nonzero(picture[..., 0] > 200)
    assert columns.max() < 448
    assert not mlx.path.exists()
    assert not mlx.path.parent.exists()


def test_pieces_come_as_they_are_written(mlx: StandIn, folder: Path) -> None:
    *pieces, answer = open_reader("mlx", {"model": str(folder)}).stream(asked())
    assert "".join(pieces).startswith(REPORT)
    assert isinstance(answer, Answer)


def test_an_answer_that_was_cut_says_so(mlx: StandIn, folder: Path) -> None:
    mlx.finish = "length"
    answer = open_reader("mlx", {"model": str(folder)}).read(asked())
    assert [note.code for note in answer.notes] == ["answer_cut"]


@pytest.mark.parametrize(
    ("fault", "error"),
    [(RuntimeError("[metal] Insufficient Memory"), OutOfMemoryError), (ValueError("bad shape"), ReaderError)],
)
def test_faults_are_put_into_words(mlx: StandIn, folder: Path, fault: Exception, error: type[Exception]) -> None:
    reader = open_reader("mlx", {"model": str(folder)})
    mlx.fault = fault
    with pytest.raises(error):
        reader.read(asked())
    mlx.load_fault = fault
    with pytest.raises(error):
        open_reader("mlx", {"model": str(folder)})


def test_a_deadline_is_kept(mlx: StandIn, folder: Path) -> None:
    with pytest.raises(ReaderTimeoutError, match="had not done"):
        open_reader("mlx", {"model": str(folder), "timeout_s": -1.0}).read(asked())


def test_a_folder_without_weights_is_refused(mlx: StandIn, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no whole model"):
        open_reader("mlx", {"model": str(tmp_path)})
