import base64
import threading
from io import BytesIO

import pytest
from PIL import Image
from readings import accepted_reading
from servers import StuckReader, client, png, service

from lucidray.domain.reading import Confidence, Contradiction, Diagnosis, Risk
from lucidray.server.client_routes import analysis_of
from lucidray.server.session import HEADER

pytestmark = pytest.mark.extra
FIELDS = {
    "visual_findings",
    "clinical_reasoning",
    "differential_diagnosis",
    "confidence_scores",
    "risk_level",
    "risk_factors",
    "contradictions",
    "heatmap_available",
    "heatmap_base64",
    "explanation",
}


@pytest.fixture
def api(tmp_path):
    with client(service(tmp_path)) as one:
        # Existing clients know nothing of the session.
        del one.http.headers[HEADER]
        yield one


@pytest.mark.parametrize(("path", "field"), [("/explain", "file"), ("/analyze", "image")])
def test_both_routes_answer_with_the_fields_that_clients_know(api, path, field) -> None:
    answer = api.http.post(path, files={field: ("chest.png", png(), "image/png")})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert set(body) == FIELDS
    assert set(body["confidence_scores"]) == {"cnn", "llm", "fused"}
    (box, *_) = body["explanation"]["bboxes"]
    assert set(box) == {"label", "xmin", "ymin", "xmax", "ymax"}
    assert box["xmin"] < box["xmax"] <= 200
    assert "For research" in body["explanation"]["notice"]
    assert body["heatmap_available"] is True
    assert Image.open(BytesIO(base64.b64decode(body["heatmap_base64"]))).format == "PNG"
    assert any("effusion" in sentence for sentence in body["visual_findings"])


def test_nothing_is_kept(api) -> None:
    api.http.post("/analyze", files={"image": ("a.png", png())}, data={"symptoms": "cough"})
    assert api.get("/api/v1/readings").json()["total"] == 0
    assert api.service.readings.films.all() == []


def test_symptoms_reach_the_report(api) -> None:
    def reasoning(**data) -> str:
        return api.http.post("/analyze", files={"image": ("a.png", png())}, data=data).json()["clinical_reasoning"]

    assert reasoning(symptoms="fever, cough for 5 days") != reasoning()


def test_a_refused_film_is_422_with_the_reasons_and_no_probability(api) -> None:
    answer = api.http.post("/explain", files={"file": ("a.png", png(size=64))})
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    body = answer.json()
    assert body["type"] == "urn:lucidray:problem:refused"
    assert body["refusal"][0]["code"] == "too_small"
    assert "probability" not in answer.text


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\3\4", png()[:500]])
def test_what_is_no_film_is_415(api, content) -> None:
    assert api.http.post("/explain", files={"file": ("a.png", content)}).status_code == 415


def test_the_film_must_have_the_right_name(api) -> None:
    assert api.http.post("/explain", files={"image": ("a.png", png())}).status_code == 400
    assert api.http.post("/analyze", data={"image": "text"}, files={"other": ("a", b"b")}).status_code == 400
    assert api.http.post("/explain", json={}).status_code == 415


def test_it_takes_too_long_and_it_is_full(tmp_path) -> None:
    go = threading.Event()
    built = service(tmp_path, workers=1, queue=0, time_limit_s=0.5, readers={"stuck": StuckReader(go.is_set)})
    # The reader that is taken where none is named.
    built.engine.choices = {"stuck": built.engine.choices["stuck"], **built.engine.choices}
    with client(built) as api:
        built.pool.reserve(1)
        full = api.http.post("/explain", files={"file": ("a.png", png())})
        assert full.status_code == 503
        assert "retry-after" in full.headers
        built.pool.give_back()
        assert api.http.post("/explain", files={"file": ("a.png", png())}).status_code == 504
        go.set()


def test_what_the_reasoning_says_is_passed_on() -> None:
    reading = accepted_reading()
    reading.confidence = Confidence(
        classifier=0.8, reader=0.6, fused=0.7, words="fair", read_first=False, basis=["entropy"], coverage=0.8
    )
    reading.risk = Risk(level="High", words="High", factors=["Nodule present"], points=4)
    reading.differential = [Diagnosis(diagnosis="Heart failure", score=0.6, supporting=["Effusion"], opposing=[])]
    reading.contradictions = [
        Contradiction(
            label="Effusion",
            kind="reader_denies",
            classifier_probability=0.63,
            reader_says="absent",
            sentence="No effusion.",
            note="The reader denies an effusion.",
        )
    ]
    told = analysis_of(reading).model_dump(mode="json", by_alias=True)
    assert told["confidence_scores"] == {"cnn": 0.8, "llm": 0.6, "fused": 0.7}
    assert (told["risk_level"], told["risk_factors"]) == ("High", ["Nodule present"])
    assert told["contradictions"] == [
        {"pathology": "Effusion", "cnn_probability": 0.63, "note": "The reader denies an effusion."}
    ]
    assert told["differential_diagnosis"][0]["diagnosis"] == "Heart failure"
    assert told["differential_diagnosis"][0]["for"] == ["Effusion"]
