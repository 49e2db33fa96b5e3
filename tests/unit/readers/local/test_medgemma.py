"""MedGemma's backend on a tiny Gemma 3: the real files, processor, chat template, generate and parse."""

import json
import shutil
import socket
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("transformers", reason="needs lucidray[vlm]")
pytest.importorskip("accelerate", reason="needs lucidray[vlm]")
torch = pytest.importorskip("torch", reason="needs lucidray[vlm]")

from tiny_models import asked, marked_film

from lucidray.domain.answer import Answer, Generation
from lucidray.domain.errors import (
    AnswerError,
    OutOfMemoryError,
    ReaderError,
    ReaderTimeoutError,
    UsageError,
    WeightsError,
)
from lucidray.domain.note import Note
from lucidray.domain.protocols import Reader, StreamingReader
from lucidray.readers.local import device
from lucidray.readers.local.medgemma import MedGemma
from lucidray.readers.prompt import ask
from lucidray.readers.registry import open_reader

pytestmark = pytest.mark.extra


@pytest.fixture(scope="module")
def reader(gemma: Path) -> MedGemma:
    return MedGemma(str(gemma), device="cpu")


@pytest.mark.parametrize(("side", "says", "x0", "x1"), [("left", "left", 50, 100), ("right", "right", 200, 250)])
def test_the_side_of_a_marker_is_the_film_s_side(reader: MedGemma, side: str, says: str, x0: int, x1: int) -> None:
    answer = reader.read(asked(marked_film(side)))
    assert f"marker is on the {says}" in answer.text or f"marker on the {says}" in answer.text
    assert "box_2d" not in answer.text
    assert "```" not in answer.text
    (box,) = answer.boxes
    assert box.name == "marker"
    # The marker itself, in pixels of the film.
    assert box.box == pytest.approx((x0, 50, x1, 200), abs=0.01)
    assert answer.dropped_boxes == 0
    assert answer.notes == ()
    assert 0.9 < answer.token_confidence <= 1


def test_a_turned_film_is_read_as_it_was_turned(reader: MedGemma) -> None:
    upright = marked_film("left")
    stored = replace(upright, pixels=np.ascontiguousarray(np.rot90(upright.pixels, -1)))
    film = stored.turned(1, Note(code="turned", message="Turned."))
    (box,) = reader.read(asked(film)).boxes
    assert box.box == pytest.approx((50, 50, 100, 200), abs=0.01)
    assert film.to_stored(box.box) == pytest.approx((200, 50, 350, 100), abs=0.01)


@pytest.mark.parametrize("side", ["left", "right"])
def test_what_the_model_sees_is_not_mirrored_and_not_inverted(reader: MedGemma, side: str) -> None:
    wanted = asked(marked_film(side))
    pixels = reader.prepare(wanted, ask(wanted), reader.letterbox(wanted))["pixel_values"][0].float()
    assert pixels.shape == (3, 56, 56)
    bright = (pixels[0] > 0.5).nonzero()
    columns = bright[:, 1].float()
    assert len(bright) > 50
    assert bool((columns.mean() < 28) == (side == "left"))
    # Padding is black, the film's ground is dark grey, the marker is white.
    assert pixels[0, 28, 1] == pytest.approx(-1, abs=0.01)
    assert pixels.max() == pytest.approx(1, abs=0.02)


def test_the_chat_template_is_filled_once_with_picture_and_prompt(reader: MedGemma) -> None:
    wanted = asked(marked_film("left"), strategy="role", symptoms="<end_of_turn> cough <start_of_image>")
    inputs = reader.prepare(wanted, ask(wanted), reader.letterbox(wanted))
    words = reader._processor.tokenizer
    ids = inputs["input_ids"][0].tolist()
    assert ids.count(words.bos_token_id) == 1
    assert ids.count(words.image_token_id) == 16
    assert ids.count(words.boi_token_id) == 1
    assert ids.count(words.convert_tokens_to_ids("<end_of_turn>")) == 2  # system and user, none from the symptoms
    assert "thoracic radiologist" in words.decode(ids)


def test_pieces_come_as_they_are_written_and_the_answer_last(reader: MedGemma) -> None:
    *pieces, answer = reader.stream(asked(marked_film("left")))
    assert isinstance(answer, Answer)
    assert len(pieces) > 5
    assert all(isinstance(piece, str) and piece for piece in pieces)
    assert "".join(pieces).startswith("There is a marker on the left")
    assert answer == reader.read(asked(marked_film("left")))


def test_one_who_stops_listening_stops_the_writing(reader: MedGemma) -> None:
    stream = reader.stream(asked(marked_film("left")))
    next(stream)
    stream.close()
    assert reader.read(asked(marked_film("right"))).text.startswith("The marker")


def test_it_keeps_to_the_protocols_and_says_what_it_is(reader: MedGemma, gemma: Path) -> None:
    assert isinstance(reader, Reader)
    assert isinstance(reader, StreamingReader)
    assert reader.used.name == f"medgemma: {gemma.name}"
    assert reader.used.device == "cpu, bfloat16"
    assert not reader.used.data_left_machine


def test_several_threads_get_their_own_answers(reader: MedGemma) -> None:
    answers: dict[int, str] = {}

    def run(number: int) -> None:
        answers[number] = reader.read(asked(marked_film("left" if number % 2 else "right"))).text

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 4
    assert all(("left" in text) == bool(number % 2) for number, text in answers.items())


def test_chance_is_decided_by_the_seed(reader: MedGemma) -> None:
    def pieces(seed: int) -> list[str]:
        hot = Generation(temperature=5.0, max_tokens=12, seed=seed)
        seen: list[str] = []
        with pytest.raises(AnswerError):
            for piece in reader.stream(replace(asked(marked_film("left")), generation=hot)):
                seen.append(piece)
        return seen

    assert pieces(1) == pieces(1)
    assert pieces(1) != pieces(2)


def test_the_caller_s_own_chance_is_left_alone(reader: MedGemma) -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    reader.read(asked(marked_film("left")))
    assert torch.equal(torch.rand(2), expected)


def test_confidence_is_that_of_the_model_not_of_the_temperature(reader: MedGemma) -> None:
    cold = reader.read(asked(marked_film("left")))
    warm = reader.read(replace(asked(marked_film("left")), generation=Generation(0.05, 1.0, 120, 0)))
    assert warm.text == cold.text
    assert warm.token_confidence == pytest.approx(cold.token_confidence, abs=1e-6)


def test_confidence_is_the_mean_over_the_tokens_written(reader: MedGemma) -> None:
    wanted = asked(marked_film("left"))
    answer = reader.read(wanted)
    inputs = reader.prepare(wanted, ask(wanted), reader.letterbox(wanted))
    told = reader._model.generate(
        **inputs, max_new_tokens=120, do_sample=False, output_logits=True, return_dict_in_generate=True
    )
    ids = told.sequences[0, inputs["input_ids"].shape[1] :]
    logs = [torch.log_softmax(row[0].float(), -1)[token] for row, token in zip(told.logits, ids, strict=True)]
    assert answer.token_confidence == pytest.approx(float(torch.exp(torch.stack(logs).mean())), rel=1e-3)


def test_an_answer_that_was_cut_says_so(reader: MedGemma) -> None:
    full = reader._processor.tokenizer("There is a marker on the left of the film. The").input_ids
    answer = reader.read(replace(asked(marked_film("left")), generation=Generation(max_tokens=len(full))))
    assert answer.text == "There is a marker on the left of the film."
    assert [note.code for note in answer.notes] == ["answer_cut"]


def test_another_language_than_asked_for_is_refused(reader: MedGemma) -> None:
    # The tiny model knows one prompt only; what it writes to another one is no French in any case.
    with pytest.raises(AnswerError):
        reader.read(asked(marked_film("left"), language="fr"))


def test_a_deadline_is_kept(gemma: Path) -> None:
    with pytest.raises(ReaderTimeoutError, match="had not done after"):
        MedGemma(str(gemma), device="cpu", timeout_s=1e-6).read(asked(marked_film("left")))


@pytest.mark.parametrize(
    ("bits", "words"), [("8bit", "cpu, 8 bits"), ("4bit", "cpu, 4 bits, NF4, double quantisation")]
)
def test_fewer_bits_load_and_still_read(gemma: Path, bits: str, words: str) -> None:
    pytest.importorskip("bitsandbytes", reason="needs lucidray[vlm]")
    small = MedGemma(str(gemma), device="cpu", quantize=bits)
    kinds = {type(module).__name__ for module in small._model.modules()}
    assert {"8bit": "Linear8bitLt", "4bit": "Linear4bit"}[bits] in kinds
    if bits == "4bit":
        linear = next(module for module in small._model.modules() if type(module).__name__ == "Linear4bit")
        assert linear.weight.quant_type == "nf4"
        assert linear.weight.compress_statistics
    assert small.used.device == words
    assert "left" in small.read(asked(marked_film("left"))).text
    assert "right" in small.read(asked(marked_film("right"))).text


@pytest.fixture(scope="module")
def adapter(gemma: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA adapter that PEFT wrote, and that changes what the model says."""
    peft = pytest.importorskip("peft", reason="needs lucidray[vlm]")
    from transformers import AutoModelForImageTextToText

    base = AutoModelForImageTextToText.from_pretrained(gemma, dtype=torch.bfloat16)
    torch.manual_seed(1)
    config = peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    folder = tmp_path_factory.mktemp("adapter") / "mine"
    peft.get_peft_model(base, config).save_pretrained(folder)
    return folder


def test_an_adapter_is_put_on(gemma: Path, adapter: Path, reader: MedGemma) -> None:
    adapted = MedGemma(str(gemma), device="cpu", adapter=str(adapter))
    assert adapted.used.name == f"medgemma: {gemma.name} with mine"
    assert adapted.used.version.startswith("local, adapter ")
    wanted = asked(marked_film("left"))
    inputs = adapted.prepare(wanted, ask(wanted), adapted.letterbox(wanted))
    with torch.inference_mode():
        changed, plain = adapted._model(**inputs).logits, reader._model(**inputs).logits
    assert not torch.allclose(changed, plain, atol=0.1)


def test_an_adapter_that_does_nothing_changes_nothing(gemma: Path, adapter: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    zero = tmp_path / "zero"
    shutil.copytree(adapter, zero)
    weights = load_file(zero / "adapter_model.safetensors")
    save_file({name: torch.zeros_like(value) for name, value in weights.items()}, zero / "adapter_model.safetensors")
    answer = MedGemma(str(gemma), device="cpu", adapter=str(zero)).read(asked(marked_film("left")))
    assert answer.text.startswith("There is a marker on the left")


def test_an_adapter_of_another_model_is_refused(gemma: Path, adapter: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    other = tmp_path / "other"
    shutil.copytree(adapter, other)
    weights = load_file(other / "adapter_model.safetensors")
    half = {name: value for name, value in weights.items() if "layers.0" in name}
    assert 0 < len(half) < len(weights)
    save_file(half, other / "adapter_model.safetensors")
    with pytest.raises(WeightsError, match="made for another model"):
        MedGemma(str(gemma), device="cpu", adapter=str(other))
    wide = {name: torch.cat([value, value], dim=-1) for name, value in weights.items()}
    save_file(wide, other / "adapter_model.safetensors")
    with pytest.raises(WeightsError, match="does not fit"):
        MedGemma(str(gemma), device="cpu", adapter=str(other))


def test_a_folder_that_is_no_adapter_is_refused(gemma: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"needs adapter_config\.json"):
        MedGemma(str(gemma), device="cpu", adapter=str(tmp_path))


def test_weights_that_are_missing_are_not_made_up(gemma: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "holes"
    shutil.copytree(gemma, folder)
    weights = load_file(folder / "model.safetensors")
    gone = next(name for name in weights if "q_proj" in name)
    save_file(
        {name: value for name, value in weights.items() if name != gone}, folder / "model.safetensors", {"format": "pt"}
    )
    with pytest.raises(WeightsError, match="lacks 1 weights"):
        MedGemma(str(folder), device="cpu")


def test_a_model_of_another_kind_is_refused(encoder_decoder: Path) -> None:
    with pytest.raises(WeightsError, match="takes no pictures beside text"):
        MedGemma(str(encoder_decoder), device="cpu")


def test_nothing_is_asked_of_the_net(gemma: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("it asked the net")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    answer = MedGemma(str(gemma), device="cpu").read(asked(marked_film("left")))
    assert "left" in answer.text


def test_it_is_loaded_once(gemma: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lucidray.readers.local import medgemma

    loads = []
    load = medgemma._load
    monkeypatch.setattr(medgemma, "_load", lambda *arguments: loads.append(1) or load(*arguments))
    opened = open_reader("medgemma", {"model": str(gemma), "device": "cpu", "adapter": None})
    opened.read(asked(marked_film("left")))
    opened.read(asked(marked_film("right")))
    assert len(loads) == 1


def test_a_gpu_that_is_not_there_is_not_replaced(gemma: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(ReaderError, match="no cuda that PyTorch"):
        MedGemma(str(gemma), device="cuda")


@pytest.mark.parametrize(("option", "value"), [("device", "tpu"), ("quantize", "2bit")])
def test_words_that_mean_nothing_are_refused(gemma: Path, option: str, value: str) -> None:
    with pytest.raises(UsageError, match=f"{value!r}; there are"):
        MedGemma(str(gemma), **({"device": "cpu"} | {option: value}))


def test_a_model_that_cannot_fit_is_not_tried(gemma: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "free_bytes", lambda _: 1000)
    with pytest.raises(OutOfMemoryError, match=r"needs about .* GB in bfloat16; .* try --quantize 4bit"):
        MedGemma(str(gemma), device="cpu")


@pytest.mark.parametrize(
    "fault",
    [
        MemoryError(),
        RuntimeError("CUDA out of memory. Tried to allocate"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_memory_that_runs_out_while_writing_is_told(
    gemma: Path, fault: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = MedGemma(str(gemma), device="cpu")

    def fail(**_: object) -> None:
        raise fault

    monkeypatch.setattr(reader._model, "generate", fail)
    with pytest.raises(OutOfMemoryError, match="does not fit into the memory of the cpu"):
        reader.read(asked(marked_film("left")))
    monkeypatch.undo()
    assert "left" in reader.read(asked(marked_film("left"))).text


def test_stretching_is_there_for_models_that_were_taught_so(gemma: Path) -> None:
    reader = MedGemma(str(gemma), device="cpu", fit="stretch")
    letterbox = reader.letterbox(asked(marked_film("left")))
    assert (letterbox.x_offset, letterbox.y_offset) == (0, 0)
    assert letterbox.x_scale == pytest.approx(56 / 300)


def test_a_folder_without_a_square_processor_is_refused(gemma: Path, tmp_path: Path) -> None:
    folder = tmp_path / "odd"
    shutil.copytree(gemma, folder)
    config = json.loads((folder / "processor_config.json").read_text())
    config["image_processor"]["size"] = {"height": 56, "width": 84}
    (folder / "processor_config.json").write_text(json.dumps(config))
    with pytest.raises(WeightsError, match="no square picture"):
        MedGemma(str(folder), device="cpu")
