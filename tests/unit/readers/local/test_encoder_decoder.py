"""Any VisionEncoderDecoderModel, on a tiny ViT with a GPT-2."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("transformers", reason="needs lucidray[vlm]")
pytest.importorskip("accelerate", reason="needs lucidray[vlm]")
pytest.importorskip("torch", reason="needs lucidray[vlm]")

from tiny_models import asked, marked_film

from lucidray.domain.answer import Answer, Generation
from lucidray.domain.box import Box
from lucidray.domain.errors import ReaderError, UsageError, WeightsError
from lucidray.domain.protocols import StreamingReader
from lucidray.readers.local.encoder_decoder import EncoderDecoder

pytestmark = pytest.mark.extra


@pytest.fixture(scope="module")
def reader(encoder_decoder: Path) -> EncoderDecoder:
    return EncoderDecoder(str(encoder_decoder), device="cpu")


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_side_of_a_marker_is_the_film_s_side(reader: EncoderDecoder, side: str) -> None:
    answer = reader.read(asked(marked_film(side)))
    assert f"on the {side} of the film" in answer.text
    assert [box.name for box in answer.boxes] == ["marker"]
    assert 0.9 < answer.token_confidence <= 1


@pytest.mark.parametrize("side", ["left", "right"])
def test_what_the_model_sees_is_not_mirrored_and_not_inverted(reader: EncoderDecoder, side: str) -> None:
    pixels = reader.prepare(asked(marked_film(side)))["pixel_values"][0]
    assert pixels.shape == (3, 56, 56)
    bright = (pixels[0] > 0.5).nonzero()
    assert len(bright) > 50
    assert bool((bright[:, 1].float().mean() < 28) == (side == "left"))


def test_pieces_come_as_they_are_written_and_the_answer_last(reader: EncoderDecoder) -> None:
    assert isinstance(reader, StreamingReader)
    *pieces, answer = reader.stream(asked(marked_film("left")))
    assert isinstance(answer, Answer)
    assert "".join(pieces).startswith("There is a marker on the left")


def test_a_prompt_or_an_earlier_report_is_refused_not_overlooked(reader: EncoderDecoder) -> None:
    with pytest.raises(UsageError, match="takes no prompt"):
        reader.read(asked(marked_film("left"), strategy="role"))
    with pytest.raises(UsageError, match="cannot be given an earlier report"):
        reader.read(asked(marked_film("left"), prior_text="Normal."))


def test_symptoms_that_it_cannot_see_are_told(reader: EncoderDecoder) -> None:
    answer = reader.read(asked(marked_film("left"), symptoms="cough"))
    assert [note.code for note in answer.notes] == ["symptoms_not_seen"]
    assert reader.read(asked(marked_film("left"))).notes == ()


def test_an_answer_that_was_cut_says_so(reader: EncoderDecoder) -> None:
    enough = len(reader._tokenizer("There is a marker on the left of the film. The").input_ids)
    answer = reader.read(replace(asked(marked_film("left")), generation=Generation(max_tokens=enough)))
    assert answer.text == "There is a marker on the left of the film."
    assert [note.code for note in answer.notes] == ["answer_cut"]


def test_a_processor_that_cuts_a_square_is_followed(encoder_decoder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "crops"
    shutil.copytree(encoder_decoder, folder)
    path = folder / "preprocessor_config.json"
    config = json.loads(path.read_text()) | {
        "image_processor_type": "CLIPImageProcessor",
        "size": {"shortest_edge": 64},
        "crop_size": {"height": 56, "width": 56},
        "do_center_crop": True,
    }
    path.write_text(json.dumps(config))
    reader = EncoderDecoder(str(folder), device="cpu")
    letterbox = reader.letterbox(asked(marked_film("left")))
    # 300 x 400 pixels become 64 x 85, and the middle 56 x 56 of them are seen.
    assert letterbox.shares_to_film(Box(0, 0, 1, 1)) == pytest.approx((18.75, 65.9, 281.25, 329.4), abs=0.5)
    pixels = reader.prepare(asked(marked_film("left")))["pixel_values"][0]
    bright = (pixels[0] > 0.5).nonzero()
    expected = letterbox.to_picture(Box(50, 50, 100, 200))
    assert bright[:, 1].min() == pytest.approx(expected.x0, abs=1.5)
    assert bright[:, 1].max() + 1 == pytest.approx(expected.x1, abs=1.5)
    assert bright[:, 0].max() + 1 == pytest.approx(expected.y1, abs=1.5)


def test_a_model_of_another_kind_is_refused(gemma: Path) -> None:
    with pytest.raises((WeightsError, ReaderError)):
        EncoderDecoder(str(gemma), device="cpu")
