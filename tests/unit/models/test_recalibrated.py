"""A calibration of one's own films, and stated prevalences."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lucidray.domain.errors import ModelError, UsageError
from lucidray.domain.prediction import Prediction, Score
from lucidray.domain.radiograph import Radiograph
from lucidray.domain.reading import ModelUsed
from lucidray.domain.vocabulary import LABELS
from lucidray.models.prevalence import WithPrevalence, at_prevalence, parse_prevalences
from lucidray.models.recalibrated import CalibrationFile, Recalibrated
from lucidray.reasoning.status import judge_score

SHA = "a" * 64


@dataclass(frozen=True)
class RawClassifier:
    """Gives raw scores, and its own probabilities for two findings."""

    raw: dict[str, float] = field(default_factory=dict)
    sha256: str | None = SHA

    @property
    def used(self) -> ModelUsed:
        return ModelUsed(role="findings", name="raw", version="1", sha256=self.sha256)

    def predict(self, film: Radiograph) -> Prediction:
        shipped = Score(0.9, (0.8, 0.95), 0.5, 40, 0.3)
        scores = {
            label: replace(shipped, raw=self.raw[label])
            if label in self.raw
            else Score(None, None, None, 0, None, "the model cannot score it")
            for label in LABELS
        }
        return Prediction(scores, replace(shipped, raw=0.0), {})


def film(age: float | None = None) -> Radiograph:
    return Radiograph(pixels=np.zeros((8, 8), dtype=np.float32), name="film", format="array", age_years=age)


def entry(**changes: Any) -> dict[str, Any]:
    return {
        "unsupported_reason": None,
        "method": "platt",
        "raw": [-2.0, 2.0],
        "log_odds": [-3.0, 1.0],  # raw - 1
        "resampled": [[-3.5, 0.5], [-2.5, 1.5], [-3.0, 1.0]],
        "threshold": 0.4,
        "prevalence": 0.2,
        "n_positive": 60,
        "sensitivity": {"value": 0.8},
        "specificity": {"value": 0.7},
        **changes,
    }


def calibration(folder: Path, findings: dict[str, Any] | None = None, **changes: Any) -> CalibrationFile:
    content = {
        "format": "lucidray-calibration",
        "version": 1,
        "population": "adults",
        "model": {"name": "raw", "sha256": SHA},
        "findings": {"Effusion": entry()} if findings is None else findings,
        **changes,
    }
    path = folder / "ours.json"
    path.write_text(json.dumps(content))
    return CalibrationFile.open(path)


def test_probability_comes_from_the_file_alone(tmp_path: Path) -> None:
    classifier = Recalibrated(RawClassifier({"Effusion": 0.5, "Edema": 3.0}), calibration(tmp_path))
    scores = classifier.predict(film(50)).scores
    effusion = scores["Effusion"]
    assert effusion.probability == pytest.approx(1 / (1 + np.exp(0.5)), abs=1e-5)
    assert effusion.interval is not None
    assert effusion.interval[0] < effusion.probability < effusion.interval[1]
    assert (effusion.threshold, effusion.prevalence, effusion.n_positive) == (0.4, 0.2, 60)
    # The shipped probability of what the file does not hold is never used.
    assert scores["Edema"].probability is None
    assert "ours.json has none for it" in (scores["Edema"].unsupported_reason or "")
    assert scores["Mass"].probability is None


def test_beyond_the_knots_platt_goes_on_and_isotonic_stays_level(tmp_path: Path) -> None:
    straight = Recalibrated(RawClassifier({"Effusion": 4.0}), calibration(tmp_path)).predict(film()).scores
    assert straight["Effusion"].probability == pytest.approx(1 / (1 + np.exp(-3.0)), abs=1e-5)
    level = calibration(tmp_path, {"Effusion": entry(method="isotonic")})
    assert Recalibrated(RawClassifier({"Effusion": 4.0}), level).predict(film()).scores[
        "Effusion"
    ].probability == pytest.approx(1 / (1 + np.exp(-1.0)), abs=1e-5)


def test_an_unsupported_finding_says_why(tmp_path: Path) -> None:
    reason = "only 3 positive films"
    ours = calibration(tmp_path, {"Effusion": {"unsupported_reason": reason, "n_positive": 3}})
    score = Recalibrated(RawClassifier({"Effusion": 0.5}), ours).predict(film()).scores["Effusion"]
    assert (score.probability, score.unsupported_reason, score.n_positive) == (None, reason, 3)


def test_a_finding_without_a_raw_score_stays_unsupported(tmp_path: Path) -> None:
    score = Recalibrated(RawClassifier(), calibration(tmp_path)).predict(film()).scores["Effusion"]
    assert (score.probability, score.unsupported_reason) == (None, "the model cannot score it")


@pytest.mark.parametrize(("population", "age"), [("adults", 6), ("children", 50), ("children", None)])
def test_it_holds_for_its_own_population_only(tmp_path: Path, population: str, age: float | None) -> None:
    ours = calibration(tmp_path, population=population)
    prediction = Recalibrated(RawClassifier({"Effusion": 0.5}), ours).predict(film(age))
    assert prediction.overall.probability is None
    assert all(score.probability is None for score in prediction.scores.values())
    assert population in (prediction.scores["Effusion"].unsupported_reason or "")


@pytest.mark.parametrize("sha256", ["b" * 64, None])
def test_other_weights_are_refused(tmp_path: Path, sha256: str | None) -> None:
    with pytest.raises(ModelError, match=r"ours\.json was fitted to raw"):
        Recalibrated(RawClassifier(sha256=sha256), calibration(tmp_path))


def test_a_file_without_a_hash_fits_nothing(tmp_path: Path) -> None:
    ours = calibration(tmp_path, model={"name": "raw", "sha256": None})
    with pytest.raises(ModelError):
        Recalibrated(RawClassifier(sha256=None), ours)


def test_the_reading_names_the_file(tmp_path: Path) -> None:
    ours = calibration(tmp_path)
    assert Recalibrated(RawClassifier(), ours).used.calibration_sha256 == ours.sha256


@pytest.mark.parametrize(
    "damage",
    [
        {"format": "other"},
        {"version": 2},
        {"population": "dogs"},
        {"findings": {"Gout": entry()}},
        {"findings": {"Effusion": entry(raw=[2.0, -2.0])}},
        {"findings": {"Effusion": entry(log_odds=[1.0, -3.0])}},
        {"findings": {"Effusion": entry(resampled=[[1.0]])}},
        {"findings": {"Effusion": entry(threshold=1.0)}},
        {"findings": {"Effusion": entry(prevalence=0.0)}},
        {"findings": {"Effusion": {}}},
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, damage: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="no calibration file"):
        calibration(tmp_path, **damage)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        CalibrationFile.open(tmp_path / "missing.json")


def test_a_prevalence_multiplies_the_odds_and_keeps_every_call() -> None:
    score = Score(0.3, (0.2, 0.4), 0.25, 50, 0.2, raw=0.1)
    moved = at_prevalence(score, 0.02)
    ratio = (0.02 / 0.98) / (0.2 / 0.8)
    assert moved.probability is not None
    assert moved.probability / (1 - moved.probability) == pytest.approx(0.3 / 0.7 * ratio)
    assert moved.threshold is not None
    assert moved.threshold / (1 - moved.threshold) == pytest.approx(0.25 / 0.75 * ratio)
    assert (moved.prevalence, moved.prevalence_given) == (0.02, True)
    assert (moved.sensitivity, moved.n_positive, moved.raw) == (score.sensitivity, 50, 0.1)


@pytest.mark.parametrize("probability", [0.01, 0.15, 0.199, 0.2, 0.24, 0.2500001, 0.3, 0.9])
@pytest.mark.parametrize("wanted", [0.001, 0.2, 0.9])
def test_the_status_does_not_change_with_the_prevalence(probability: float, wanted: float) -> None:
    score = Score(probability, (probability * 0.9, min(probability * 1.1, 1)), 0.25, 50, 0.2)
    assert judge_score(at_prevalence(score, wanted))[0] == judge_score(score)[0]


def test_its_own_prevalence_changes_nothing() -> None:
    score = Score(0.3, (0.2, 0.4), 0.25, 50, 0.2)
    moved = at_prevalence(score, 0.2)
    assert moved.probability == pytest.approx(0.3)
    assert moved.interval == pytest.approx((0.2, 0.4))


def test_only_the_named_findings_move() -> None:
    classifier = RawClassifier({"Effusion": 0.5, "Edema": 0.5})
    scores = WithPrevalence(classifier, {"Effusion": 0.01}).predict(film()).scores
    assert scores["Effusion"].prevalence == 0.01
    assert scores["Edema"] == classifier.predict(film()).scores["Edema"]
    assert scores["Mass"].probability is None


def test_a_model_that_tells_no_prevalence_cannot_be_moved() -> None:
    with pytest.raises(ModelError, match="prevalence"):
        at_prevalence(Score(0.3, None, None, 5, None), 0.1)


def test_prevalences_are_read_from_text() -> None:
    assert parse_prevalences("pneumonia=0.01, Pleural_Thickening=0.5,") == {
        "Pneumonia": 0.01,
        "Pleural Thickening": 0.5,
    }
    for text in ("Gout=0.1", "Mass=0", "Mass=1", "Mass=x", "Mass", "Mass=0.1,mass=0.2", "Mass=nan"):
        with pytest.raises(UsageError):
            parse_prevalences(text)
