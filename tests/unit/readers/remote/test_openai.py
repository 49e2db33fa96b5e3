"""The readers of OpenAI-compatible servers, against a real one: what is sent, and every way in which it can fail."""

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from report_requests import request

pytest.importorskip("httpx", reason="needs lucidray[remote]")

from lucidray.domain.answer import Answer, Generation
from lucidray.domain.errors import AnswerError, ReaderError, ReaderTimeoutError, ServerError, UsageError
from lucidray.domain.protocols import StreamingReader
from lucidray.domain.radiograph import Radiograph
from lucidray.readers.registry import open_reader
from lucidray.readers.remote.openai import OpenAI
from lucidray.readers.remote.wire import parse_address

pytestmark = pytest.mark.extra
REPORT = "The lungs are clear. The heart is not enlarged. There is no pneumothorax."


def asked(**options):
    pixels = np.full((400, 300), 0.25, np.float32)
    pixels[50:200, 30:90] = 1.0
    return replace(request(), film=Radiograph(pixels, name="f", format="array"), **options)


@pytest.fixture
def openai(address: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    return lambda model, **options: OpenAI(model, base_url=f"{address}/v1", **options)


def written(reader: OpenAI, way: str, wanted=None) -> Answer:
    """The answer, whole or streamed."""
    wanted = wanted or asked()
    if way == "whole":
        return reader.read(wanted)
    *_, answer = reader.stream(wanted)
    return answer


both_ways = pytest.mark.parametrize("way", ["whole", "streamed"])


@both_ways
def test_a_report_comes_back(openai, way: str) -> None:
    answer = written(openai("medgemma"), way)
    assert answer.text == REPORT
    assert answer.token_confidence == pytest.approx(np.exp(-0.25))
    assert answer.notes == ()


@both_ways
def test_boxes_land_on_the_film_through_the_padding(openai, way: str) -> None:
    answer = written(openai("boxes"), way)
    assert answer.text == REPORT
    # A film of 300 x 400 lies in the middle of a square: a quarter of its side is 100 pixels, and 50 are padding.
    assert [(box.name, tuple(np.round(box.box))) for box in answer.boxes] == [("heart", (50, 100, 150, 200))]
    assert answer.dropped_boxes == 1


def test_pieces_come_as_they_are_written(openai) -> None:
    reader = openai("medgemma")
    assert isinstance(reader, StreamingReader)
    *pieces, answer = reader.stream(asked())
    assert len(pieces) > 5
    assert "".join(pieces) == REPORT == answer.text


def test_what_is_sent_is_the_film_and_the_prompt(openai, last_seen) -> None:
    wanted = asked(strategy="role", symptoms="cough", generation=Generation(0.3, 0.9, 55, 7), language="en")
    openai("medgemma").read(wanted)
    body = last_seen()["body"]
    assert {name: body[name] for name in ("model", "temperature", "top_p", "max_tokens", "seed")} == {
        "model": "medgemma",
        "temperature": 0.3,
        "top_p": 0.9,
        "max_tokens": 55,
        "seed": 7,
    }
    system, user = body["messages"]
    assert "thoracic radiologist" in system["content"]
    picture, text = user["content"]
    assert "<symptoms>\ncough\n</symptoms>" in text["text"]
    assert "stream" not in body
    head, data = picture["image_url"]["url"].split(",")
    assert head == "data:image/png;base64"
    seen = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))), np.int64)
    assert seen.shape == (896, 896, 3)
    # The marker on the film's left is on the picture's left, white on grey; beside the film it is black.
    rows, columns = np.nonzero(seen[..., 0] > 200)
    assert columns.max() < 448
    assert columns.min() == pytest.approx((896 - 672) / 2 + 30 / 300 * 672, abs=1.5)
    assert rows.min() == pytest.approx(50 / 400 * 896, abs=1.5)
    assert seen[448, 20].tolist() == [0, 0, 0]
    assert seen[800, 448].tolist() == [64, 64, 64]


@both_ways
def test_a_server_without_token_probabilities_gives_no_confidence(openai, way: str) -> None:
    answer = written(openai("no-logprobs"), way)
    assert answer.text == REPORT
    assert answer.token_confidence is None


def test_token_probabilities_that_are_not_told_give_no_confidence(openai) -> None:
    assert openai("silent").read(asked()).token_confidence is None


def test_text_in_parts_is_put_together(openai) -> None:
    assert openai("parts").read(asked()).text == REPORT


@both_ways
def test_an_answer_that_was_cut_says_so(openai, way: str) -> None:
    answer = written(openai("cut"), way)
    assert answer.text == REPORT
    assert [note.code for note in answer.notes] == ["answer_cut"]


@both_ways
@pytest.mark.parametrize(
    ("model", "error", "words"),
    [
        ("unknown", ServerError, r"does not exist.*--model.*the server has: medgemma, other"),
        ("locked", ServerError, r"status 401: no key.*set OPENAI_API_KEY"),
        ("broken", ServerError, r"status 500: CUDA out of memory"),
        ("elsewhere", ServerError, r"status 307"),
        ("hangs-up", ServerError, r"broke off"),
        ("empty", AnswerError, r"wrote no sentence"),
        ("loop", AnswerError, r"repeats itself"),
        ("french", AnswerError, r"wrote French where English was asked for"),
        ("flood", ReaderError, r"that is no report"),
    ],
)
def test_each_fault_is_told(openai, way: str, model: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        written(openai(model), way)


@pytest.mark.parametrize(
    ("model", "error", "words"),
    [
        ("no-json", ServerError, "what is no JSON: '<html>hello</html>'"),
        ("deep", ServerError, "what is no JSON"),
        ("no-choice", ServerError, "does not speak OpenAI's chat protocol"),
        ("odd", ServerError, "does not speak OpenAI's chat protocol"),
        ("no-message", ServerError, "without a message"),
        ("huge", ServerError, "larger than"),
        ("refusal", AnswerError, r"refuses: I cannot\."),
        ("filtered", AnswerError, "filter stopped"),
    ],
)
def test_each_fault_of_a_whole_answer_is_told(openai, model: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        openai(model).read(asked())


@pytest.mark.parametrize(
    ("model", "words"),
    [("breaks-off", "broke off"), ("stops", "broke off in the middle"), ("fails-late", r"broke off: .*out of memory")],
)
def test_a_stream_that_ends_early_is_no_report(openai, model: str, words: str) -> None:
    with pytest.raises(ServerError, match=words):
        list(openai(model).stream(asked()))


@pytest.mark.parametrize("model", ["slow", "stalled"])
def test_the_deadline_is_for_the_whole_answer(openai, model: str) -> None:
    # Without a deadline, it would be the answer's fault, after minutes.
    with pytest.raises(ReaderTimeoutError, match="had not answered after 1 s"):
        openai(model, timeout_s=1.0).read(asked())


def test_a_server_that_is_not_there_is_told() -> None:
    with pytest.raises(ServerError, match=r"no server answers at 127\.0\.0\.1:9: is it running"):
        OpenAI("m", base_url="http://127.0.0.1:9/v1").read(asked())


def test_no_proxy_stands_between_the_machine_and_itself(openai, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert openai("medgemma").read(asked()).text == REPORT


@pytest.mark.parametrize(
    ("url", "leaves"),
    [
        ("http://127.0.0.1:8000/v1", False),
        ("http://127.8.9.10/v1", False),
        ("http://localhost:11434/v1", False),
        ("http://[::1]:8000/v1", False),
        ("http://192.168.1.5:8000/v1", True),
        ("http://gpu-box:8000/v1", True),
        ("https://api.example.org/v1", True),
        ("http://localhost.example.org/v1", True),
        ("http://127.0.0.1.example.org/v1", True),
        ("http://0.0.0.0:8000/v1", True),
    ],
)
def test_whether_the_film_leaves_the_machine_is_told(url: str, leaves: bool) -> None:
    assert OpenAI("m", base_url=url).used.data_left_machine is leaves


def test_what_took_part_names_model_and_server() -> None:
    used = OpenAI("medgemma", base_url="http://gpu-box:8000/v1").used
    assert (used.role, used.name, used.device) == ("reader", "openai: medgemma", "server gpu-box:8000")


def test_the_key_goes_to_this_machine_and_over_tls_only(openai, last_seen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    openai("medgemma").read(asked())
    assert last_seen()["headers"]["Authorization"] == "Bearer sk-secret"
    for url, sent in (("http://gpu-box/v1", False), ("https://gpu-box/v1", True)):
        reader = OpenAI("m", base_url=url)
        assert ("Authorization" in reader._wire.headers) is sent
        assert "sk-secret" not in repr(reader._wire)


def test_a_key_that_was_not_sent_is_told() -> None:
    from lucidray.readers.remote.wire import StatusError

    reader = OpenAI("m", base_url="http://gpu-box/v1", key="sk-secret")
    told = str(reader._explained(StatusError(401, "no key", "gpu-box")))
    assert "was not sent, as the address is neither https nor this machine" in told
    assert "sk-secret" not in told


@pytest.mark.parametrize(
    "url",
    [
        "ftp://x/v1",
        "127.0.0.1:8000",
        "",
        "http://",
        "http://user:secret@x/v1",
        "http://x/v1?key=secret",
        "http://x:99999/v1",
        "http://[::1/v1",
        "file:///etc/passwd",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="base URL"):
        parse_address(url)


def test_model_and_address_have_to_be_named() -> None:
    with pytest.raises(UsageError, match="--base-url"):
        open_reader("openai", {"model": "m"})
    with pytest.raises(UsageError, match="--model"):
        open_reader("openai", {"base_url": "http://127.0.0.1:1/v1"})
