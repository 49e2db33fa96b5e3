"""A detector beside the classifier, through the whole main path: what it adds is shown, and never as certain."""

import numpy as np
import pytest

from lucidray.domain.reading import Reading
from lucidray.domain.vocabulary import LABELS, Label
from lucidray.models.fake import FakeClassifier, FakeLocalizer, FakeSegmenter
from lucidray.pipeline import Models, Request, interpret
from lucidray.readers.composer import Composer
from lucidray.readers.fake import FakeReader
from lucidray.readers.phrases import available_languages

PIXELS = np.random.default_rng(0).random((300, 260)).astype(np.float32)
QUIET: dict[Label, float] = {label: 0.02 for label in LABELS if label not in ("Mass", "Nodule")}
IN_LEFT, IN_RIGHT = (0.62, 0.4, 0.8, 0.6), (0.2, 0.4, 0.4, 0.6)


def read(localizer: FakeLocalizer | None, scores: dict[Label, float], language: str = "en", reader=None) -> Reading:
    models = Models(FakeSegmenter(), FakeClassifier(scores), reader or Composer(), localizer)
    return interpret(PIXELS, models, Request(language=language))


def finding(reading: Reading, label: Label):
    return next(one for one in reading.findings if one.label == label)


def test_provenance_names_the_detector_and_each_region_who_drew_it() -> None:
    reading = read(FakeLocalizer({"Effusion": IN_LEFT}), QUIET | {"Effusion": 0.9})
    assert [model.role for model in reading.provenance.models] == ["anatomy", "findings", "detector", "reader"]
    # The map is hot on the other side: both places are shown, and the disagreement.
    assert [(one.drawn_by, one.side) for one in finding(reading, "Effusion").regions] == [
        ("detector", "left"),
        ("findings", "right"),
    ]
    (told,) = [one for one in reading.contradictions if "fake detector" in one.note]
    assert told.kind == "sources_disagree"
    assert "on: left. The classifier's map points to: right." in told.note
    assert read(None, QUIET).provenance.models[-1].role == "reader"


@pytest.mark.parametrize("label", ["Effusion", "Pneumothorax"])
def test_an_absent_finding_that_is_boxed_is_uncertain_and_raises_the_risk(label: Label) -> None:
    without, reading = read(None, QUIET), read(FakeLocalizer({label: IN_LEFT}), QUIET)
    assert finding(without, label).status == "absent"
    assert finding(reading, label).status == "uncertain"
    assert finding(reading, label).probability == finding(without, label).probability
    (told,) = reading.contradictions
    assert (told.label, told.kind) == (label, "sources_disagree")
    assert "held as uncertain" in told.note
    assert without.risk is not None
    assert reading.risk is not None
    assert reading.risk.points > without.risk.points
    assert f"{label.lower()} is absent" not in reading.report.text.lower()


def test_a_nodule_that_is_not_scored_is_boxed_and_counts_as_a_doubt() -> None:
    without, reading = read(None, QUIET), read(FakeLocalizer({"Nodule": IN_RIGHT}), QUIET)
    nodule = finding(reading, "Nodule")
    assert (nodule.status, nodule.probability) == ("unsupported", None)
    assert nodule.regions[0].side == "right"
    assert "Nodule" in reading.not_assessed
    assert "does not assess it" in reading.contradictions[0].note
    assert without.risk is not None
    assert reading.risk is not None
    # Three points of a nodule in doubt, one of the disagreement.
    assert reading.risk.points == pytest.approx(without.risk.points + 4)
    assert any("boxed by a detector" in factor for factor in reading.risk.factors)


def test_a_reader_that_looked_itself_is_still_compared() -> None:
    reader = FakeReader("There is a small pleural effusion on the left.")
    reading = read(FakeLocalizer({"Effusion": IN_LEFT}), QUIET, reader=reader)
    kinds = {(one.label, one.kind) for one in reading.contradictions}
    assert ("Effusion", "sources_disagree") in kinds
    assert reading.composed is not None


@pytest.mark.parametrize("language", available_languages())
def test_it_is_said_in_every_language(language: str) -> None:
    reading = read(FakeLocalizer({"Effusion": IN_LEFT, "Nodule": IN_RIGHT}), QUIET, language)
    notes = [one.note for one in reading.contradictions]
    assert len(notes) == 2
    assert all("fake detector" in note for note in notes)
    assert all("{" not in note for note in notes)
    if language != "en":
        assert not any("classifier" in note for note in notes)
    assert Reading.model_validate_json(reading.model_dump_json()) is not None


def test_pictures_are_drawn_with_its_boxes() -> None:
    reading = read(FakeLocalizer({"Nodule": IN_RIGHT}), QUIET)
    plain = read(None, QUIET)
    assert np.asarray(reading.overlay()).tobytes() != np.asarray(plain.overlay()).tobytes()
