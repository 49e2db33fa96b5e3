"""The main path with a reader that looked at the film itself."""

import json
from dataclasses import replace

import numpy as np
import pytest

from lucidray.domain.answer import Generation
from lucidray.domain.errors import ModelError
from lucidray.domain.note import Note
from lucidray.domain.reading import READER_ID, ModelUsed, Reading
from lucidray.domain.vocabulary import LABELS
from lucidray.models.fake import UPRIGHT, FakeClassifier, FakeSegmenter
from lucidray.pipeline import Models, Request, interpret
from lucidray.readers.composer import Composer
from lucidray.readers.fake import FakeReader
from tests.sources import claim, hears

TEXT = """**FINDINGS:** There is a right pleural effusion. No mass. Pneumothorax on the left\x1b[31m.
**IMPRESSION:** Effusion and pneumothorax.
Differential diagnosis: heart failure, sarcoidosis."""
CLAIMS = [
    claim("Effusion", side="right", sentence="There is a right pleural effusion."),
    claim("Mass", "absent", sentence="No mass."),
    claim("Pneumothorax", side="left", sentence="Pneumothorax on the left."),
    claim("Effusion", sentence="Effusion and pneumothorax."),
    claim("Pneumothorax", sentence="Effusion and pneumothorax."),
    claim("Effusion", sentence="effusion box"),
]
SCORES = {label: 0.03 for label in LABELS if label != "Nodule"}


def film() -> np.ndarray:
    y, x = np.indices((400, 300)) / 400
    return (0.5 + 0.4 * np.sin(7 * x) * np.cos(5 * y)).astype(np.float32)


def models(reader=None, **scores) -> Models:
    return Models(FakeSegmenter(), FakeClassifier({**SCORES, **scores}), reader or Composer())


def fake(text: str = TEXT, **more) -> FakeReader:
    return FakeReader(text, name="seer", **more)


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    return hears(monkeypatch, CLAIMS)


def test_every_sentence_is_checked(heard) -> None:
    reading = interpret(film(), models(fake(), Effusion=0.9, Mass=0.9))
    told = {one.text: (one.verdict, one.evidence[0]) for one in reading.report.sentences}
    assert told == {
        "There is a right pleural effusion.": ("supported", "finding-effusion"),
        "No mass.": ("contradicted", "finding-mass"),
        "Pneumothorax on the left.": ("contradicted", "finding-pneumothorax"),
        "Effusion and pneumothorax.": ("contradicted", "finding-effusion"),
    }
    kinds = {(one.label, one.kind) for one in reading.contradictions}
    assert {("Mass", "reader_denies"), ("Pneumothorax", "reader_adds")} <= kinds
    assert ("Effusion", "reader_silent") not in kinds
    assert reading.claims == CLAIMS[:5]


def test_the_composer_is_not_silenced(heard) -> None:
    alone = interpret(film(), models(Effusion=0.9))
    reading = interpret(film(), models(fake(), Effusion=0.9))
    assert reading.composed == alone.report
    assert alone.composed is None
    assert [one.name for one in reading.provenance.models if one.role == "reader"] == ["seer", "composer"]
    assert [one.probability for one in reading.findings] == [one.probability for one in alone.findings]


def test_one_source_says_so_and_claims_its_findings() -> None:
    reading = interpret(film(), models(Effusion=0.9))
    assert {one.relation for one in reading.fusion} == {"one_source"}
    assert reading.reader_text is None
    assert reading.confidence is not None
    assert any(told.startswith("One source: composer") for told in reading.confidence.basis)
    present = [one for one in reading.claims if one.polarity == "present"]
    assert [(one.label, one.side) for one in present] == [("Effusion", "right")]
    assert present[0].sentence in [one.text for one in reading.report.findings]
    assert "Nodule" not in {one.label for one in reading.claims}
    assert not [one for one in reading.contradictions if one.kind.startswith("reader")]


def test_the_json_has_the_shapes_of_the_contract(heard) -> None:
    reading = interpret(film(), models(fake(), Effusion=0.9, Mass=0.9), Request(symptoms="hemoptysis", age_years=70))
    told = json.loads(reading.model_dump_json())
    assert set(told["contradictions"][0]) == {
        "label", "kind", "classifier_probability", "reader_says", "sentence", "note",
    }  # fmt: skip
    assert {"classifier", "reader", "fused", "words", "read_first", "basis"} <= set(told["confidence"])
    assert {"level", "factors"} <= set(told["risk"])
    assert {"diagnosis", "score", "for", "against", "source"} <= set(told["differential"][0])
    assert Reading.model_validate(told).model_dump() == reading.model_dump()


def test_boxes_are_regions_of_the_reader(heard) -> None:
    boxes = [
        ("effusion box", (0.2, 0.6, 0.4, 0.8)),
        ("\x1b[1mthing\u202e", (0.6, 0.2, 0.8, 0.4)),
        ("out", (2, 2, 3, 3)),
    ]
    reading = interpret(film(), models(fake(boxes=boxes, dropped_boxes=2), Effusion=0.9))
    first, second = reading.reader_regions
    assert (first.label, first.side, first.zone) == ("Effusion", "right", "lower")
    assert (second.label, second.side) == (None, "left")
    assert not set(second.name) & {"\x1b", "\u202e"}
    assert reading.dropped_boxes == 3
    assert all(not region.id.startswith("reader") for one in reading.findings for region in one.regions)
    sentence = next(one for one in reading.report.findings if "right pleural" in one.text)
    assert "reader-region-1" in sentence.evidence


def test_symptoms_change_no_number_that_is_a_probability(heard) -> None:
    chosen = models(fake(), Effusion=0.9)
    without = interpret(film(), chosen)
    told = interpret(film(), chosen, Request(symptoms="hemoptysis, weight loss, fever", sex="male", age_years=64))
    assert without.fusion == told.fusion
    assert without.confidence == told.confidence
    assert without.overall == told.overall
    assert told.risk.points > without.risk.points


def test_a_refused_film_is_sent_to_nobody(heard) -> None:
    reader = fake(data_left_machine=True)
    turned = Models(FakeSegmenter(replace(UPRIGHT, frontal=0.02, lateral=0.97)), FakeClassifier(SCORES), reader)
    reading = interpret(film(), turned)
    assert not reading.accepted
    assert reader.asked == []
    assert heard == []
    assert (reading.risk, reading.confidence, reading.differential, reading.claims) == (None, None, [], [])
    assert not any(one.data_left_machine for one in reading.provenance.models)


def test_where_the_film_went_is_told(heard) -> None:
    reading = interpret(film(), models(fake(data_left_machine=True, device="server 192.0.2.7:8000")))
    (told,) = [note.message for note in reading.warnings if note.code == "data_left_machine"]
    assert told == "The film was sent to seer at 192.0.2.7:8000: it left this machine."
    assert [one.name for one in reading.provenance.models if one.data_left_machine] == ["seer"]
    assert "data_left_machine" not in {note.code for note in interpret(film(), models(fake())).warnings}


def test_that_the_film_left_is_told_once_and_every_note_of_a_reader_is_passed_on(heard) -> None:
    cut = Note(code="answer_cut", message="It was cut off.")
    own = Note(code="data_left_machine", message="It went to a server.")

    def codes(reader) -> list[str]:
        return [note.code for note in interpret(film(), models(reader)).warnings]

    assert codes(fake(data_left_machine=True, notes=(cut,))).count("data_left_machine") == 1
    told = codes(fake(data_left_machine=True, notes=(own, cut)))
    assert (told.count("data_left_machine"), told.count("answer_cut")) == (1, 1)

    class Writer(Composer):
        """A composer elsewhere: its sentences carry their evidence, and the film left all the same."""

        used = ModelUsed(role="reader", name="far", version="0", sha256=None, data_left_machine=True)

        def read(self, request):
            return replace(super().read(request), notes=(cut,))

    told = codes(Writer())
    assert (told.count("data_left_machine"), told.count("answer_cut")) == (1, 1)


@pytest.mark.parametrize("text", ["", "  \n\x1b[31m\x1b[0m", "Indication: cough.", "***"])
def test_a_reader_that_writes_nothing_is_an_error(heard, text) -> None:
    with pytest.raises(ModelError, match="seer wrote no report"):
        interpret(film(), models(fake(text)))


def test_a_failing_reader_is_never_replaced(heard) -> None:
    with pytest.raises(ModelError, match="no memory"):
        interpret(film(), models(fake(fails_with="no memory")))


def test_the_request_reaches_the_reader_whole(heard) -> None:
    reader = fake()
    wanted = Generation(temperature=0.7, seed=5)
    request = Request(symptoms="cough", prior_text="Clear.", strategy="role", generation=wanted)
    interpret(film(), models(reader, Effusion=0.9), request)
    (asked,) = reader.asked
    assert (asked.symptoms, asked.prior_text, asked.strategy, asked.generation) == ("cough", "Clear.", "role", wanted)
    assert next(one.status for one in asked.findings if one.label == "Effusion") == "present"


def test_a_text_without_end_is_noted(heard) -> None:
    reading = interpret(film(), models(fake("Findings: " + "The bones are unremarkable. " * 2000)))
    assert "reader_text_shortened" in {note.code for note in reading.warnings}
    assert {one.evidence[0] for one in reading.report.sentences} == {READER_ID}


def test_a_readers_notes_are_warnings(heard) -> None:
    note = Note(code="answer_cut", message="The answer was cut off.")
    assert note in interpret(film(), models(fake(notes=(note,)))).warnings


def test_what_a_reader_lists_is_marked_as_its_own(heard) -> None:
    reading = interpret(film(), models(fake(), Effusion=0.9))
    own = {one.diagnosis: one for one in reading.differential if one.source == "seer"}
    assert "sarcoidosis" in own
    assert own["sarcoidosis"].score == 0


def test_only_the_report_is_heard(heard) -> None:
    interpret(film(), models(fake(TEXT + "\nIndication: mass?\nRecommendation: CT for nodule.")))
    assert "Indication" not in heard[0]
    assert "nodule" not in heard[0]
    assert "sarcoidosis" not in heard[0]
