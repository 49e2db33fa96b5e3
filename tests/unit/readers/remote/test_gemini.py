"""Google's REST interface, against a server of our own that speaks it."""

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from report_requests import request

pytest.importorskip("httpx", reason="needs lucidray[remote]")

from lucidray.domain.answer import Answer, Generation
from lucidray.domain.errors import AnswerError, ServerError, UsageError
from lucidray.domain.radiograph import Radiograph
from lucidray.readers.remote.gemini import Gemini

pytestmark = pytest.mark.extra
REPORT = "The lungs are clear. The heart is not enlarged. There is no pneumothorax."
both_ways = pytest.mark.parametrize("way", ["whole", "streamed"])


def asked(**options):
    pixels = np.full((400, 300), 0.25, np.float32)
    pixels[50:200, 30:90] = 1.0
    return replace(request(), film=Radiograph(pixels, name="f", format="array"), **options)


@pytest.fixture
def gemini(address: str):
    return lambda model: Gemini(model, key="secret", base_url=f"{address}/v1beta")


def written(reader: Gemini, way: str, wanted=None) -> Answer:
    if way == "whole":
        return reader.read(wanted or asked())
    *_, answer = reader.stream(wanted or asked())
    return answer


@both_ways
def test_a_report_comes_back_without_its_thoughts(gemini, way: str) -> None:
    answer = written(gemini("gemini-x"), way)
    assert answer.text == REPORT
    assert answer.token_confidence == pytest.approx(np.exp(-0.25))


@both_ways
def test_boxes_land_on_the_film(gemini, way: str) -> None:
    answer = written(gemini("boxes"), way)
    assert [(box.name, tuple(np.round(box.box))) for box in answer.boxes] == [("heart", (50, 100, 150, 200))]
    assert answer.dropped_boxes == 1


def test_what_is_sent_is_the_film_and_the_prompt(gemini, last_seen) -> None:
    gemini("models/gemini-x").read(asked(strategy="role", generation=Generation(0.3, 0.9, 55, 7)))
    seen = last_seen()
    assert seen["path"] == "/v1beta/models/gemini-x:generateContent"
    assert seen["headers"]["x-goog-api-key"] == "secret"
    body = seen["body"]
    assert body["generationConfig"] == {"temperature": 0.3, "topP": 0.9, "maxOutputTokens": 55, "seed": 7}
    assert "thoracic radiologist" in body["system_instruction"]["parts"][0]["text"]
    picture, text = body["contents"][0]["parts"]
    assert "in English only" in text["text"]
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(picture["inline_data"]["data"]))))
    _, columns = np.nonzero(pixels[..., 0] > 200)
    assert columns.max() < 448


@both_ways
@pytest.mark.parametrize(
    ("model", "error", "words"),
    [
        ("unknown", ServerError, r"is not found\. Look at --model"),
        ("locked", ServerError, "Look at GEMINI_API_KEY"),
        ("empty", AnswerError, "wrote no sentence"),
        ("unsafe", AnswerError, "Google stopped unsafe"),
    ],
)
def test_each_fault_is_told(gemini, way: str, model: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        written(gemini(model), way)


@pytest.mark.parametrize(
    ("model", "error", "words"),
    [("blocked", AnswerError, "refuses the request: SAFETY"), ("nothing", ServerError, "without a candidate")],
)
def test_each_fault_of_a_whole_answer_is_told(gemini, model: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        gemini(model).read(asked())


def test_a_stream_that_ends_early_is_no_report(gemini) -> None:
    with pytest.raises(ServerError, match="broke off in the middle"):
        list(gemini("breaks-off").stream(asked()))


@both_ways
def test_an_answer_that_was_cut_says_so(gemini, way: str) -> None:
    assert [note.code for note in written(gemini("cut"), way).notes] == ["answer_cut"]


def test_the_film_counts_as_having_left(gemini) -> None:
    assert gemini("gemini-x").used.data_left_machine


def test_key_and_model_have_to_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GEMINI_API_KEY", raising=False)
    with pytest.raises(UsageError, match="set GEMINI_API_KEY"):
        Gemini("gemini-x")
    with pytest.raises(UsageError, match="--model"):
        Gemini(key="k")
    with pytest.raises(UsageError, match="sent in the clear"):
        Gemini("gemini-x", key="k", base_url="http://example.org/v1beta")
