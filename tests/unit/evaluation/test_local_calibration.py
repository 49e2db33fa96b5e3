"""Calibration and thresholds of one's own films, from fitting to reading."""

import json
from pathlib import Path

import numpy as np
import pytest

from lucidray.domain.errors import UsageError
from lucidray.evaluation.collection import Film
from lucidray.evaluation.label_files.table import LabelledFilm
from lucidray.evaluation.local_calibration import Aim, Sample, calibrate, of_population, parse_aims, sample, why_not
from lucidray.evaluation.predict import Said
from lucidray.models.recalibrated import Entry

pytestmark = pytest.mark.extra
pytest.importorskip("sklearn", reason="needs lucidray[evaluate]")


def drawn(count: int, share: float = 0.2, gap: float = 2.0, seed: int = 0) -> Sample:
    """Films whose raw score is the log-odds of having the finding, scaled by a factor that calibration must undo."""
    rng = np.random.default_rng(seed)
    truth = rng.random(count) < share
    raw = rng.normal(gap * truth)
    return Sample(raw, truth, np.array([f"p{n // 2}" for n in range(count)]), np.full(count, 0.5))


def test_fitted_probabilities_mean_what_they_say() -> None:
    one = drawn(1200)
    found = calibrate({"Effusion": one}, {})["Effusion"]
    entry = Entry.from_json(json.loads(json.dumps(found)))
    assert entry.curve is not None
    probability = np.array([entry.curve.at(float(raw))[0] for raw in one.raw])
    for low, high in ((0.0, 0.1), (0.1, 0.4), (0.4, 1.0)):
        inside = (probability >= low) & (probability < high)
        assert probability[inside].mean() == pytest.approx(one.truth[inside].mean(), abs=0.07)
    assert found["prevalence"] == pytest.approx(one.truth.mean(), abs=0.001)
    assert found["n_patients"] == 600
    assert found["ece_cross_fitted"] < 0.05 < found["ece_shipped"]


@pytest.mark.parametrize("measure", ["sensitivity", "specificity"])
@pytest.mark.parametrize("value", [0.8, 0.95])
def test_a_threshold_reaches_its_aim_and_no_more(measure, value: float) -> None:
    one = drawn(500)
    found = calibrate({"Effusion": one}, {"Effusion": Aim(measure, value)})["Effusion"]
    curve = Entry.from_json(found).curve
    assert curve is not None
    probability = np.array([curve.at(float(raw))[0] for raw in one.raw])

    def reached(cut: float) -> float:
        called = probability >= cut
        return float(called[one.truth].mean() if measure == "sensitivity" else (~called[~one.truth]).mean())

    assert reached(found["threshold"]) >= value
    inside = np.unique(probability[one.truth if measure == "sensitivity" else ~one.truth])
    tighter = (
        inside[np.searchsorted(inside, found["threshold"])] + 1e-9
        if measure == "sensitivity"
        else inside[np.searchsorted(inside, found["threshold"]) - 1]
    )
    assert reached(float(tighter)) < value
    # Cross-fitted, the aim is met about, not by construction.
    assert found[measure]["value"] == pytest.approx(value, abs=0.08)
    assert found[measure]["low"] <= found[measure]["value"] <= found[measure]["high"]


def test_a_curve_that_platt_cannot_follow_is_isotonic() -> None:
    rng = np.random.default_rng(1)
    raw = rng.uniform(-3, 3, 2500)
    steps = np.select([raw < -1, raw < 1], [0.02, 0.5], 0.55)
    one = Sample(raw, rng.random(2500) < steps, np.array([str(n) for n in range(2500)]), np.full(2500, np.nan))
    found = calibrate({"Effusion": one}, {})["Effusion"]
    assert found["method"] == "isotonic"
    entry = Entry.from_json(found)
    assert entry.curve is not None
    assert entry.curve.at(-2.0)[0] == pytest.approx(0.02, abs=0.02)
    assert entry.curve.at(0.0)[0] == pytest.approx(0.5, abs=0.06)
    assert found["ece_shipped"] is None


def test_few_films_are_platt() -> None:
    found = calibrate({"Effusion": drawn(400)}, {})["Effusion"]
    assert found["method"] == "platt"
    assert "1,000" in found["method_reason"]


def test_too_few_positives_and_chance_are_unsupported() -> None:
    assert "only" in (why_not(drawn(100, share=0.05)) or "")
    assert "negative" in (why_not(drawn(60, share=0.9)) or "")
    assert "AUROC" in (why_not(drawn(300, gap=0.0)) or "")
    found = calibrate({"Effusion": drawn(400), "Mass": drawn(100, share=0.05)}, {})
    assert found["Mass"]["unsupported_reason"].startswith("only")
    assert Entry.from_json(found["Mass"]).curve is None


def test_an_aim_that_cannot_be_met_stops_everything() -> None:
    few, good = drawn(100, share=0.05), drawn(400)
    with pytest.raises(UsageError, match="Mass has a target and cannot be calibrated"):
        calibrate({"Effusion": good, "Mass": few}, {"Mass": Aim("sensitivity", 0.9)})
    with pytest.raises(UsageError, match="say nothing of it"):
        calibrate({"Effusion": good}, {"Hernia": Aim("sensitivity", 0.9)})
    with pytest.raises(UsageError, match="no finding can be calibrated"):
        calibrate({"Mass": few}, {})


def test_aims_are_read_from_text() -> None:
    assert parse_aims(["pneumonia:sensitivity=0.9"]) == {"Pneumonia": Aim("sensitivity", 0.9)}
    for text in (
        "Pneumonia",
        "Pneumonia:sensitivity",
        "Pneumonia:f1=0.5",
        "Gout:sensitivity=0.5",
        "Mass:sensitivity=1",
    ):
        with pytest.raises(UsageError):
            parse_aims([text])
    with pytest.raises(UsageError, match="two targets"):
        parse_aims(["Mass:sensitivity=0.9", "mass:specificity=0.9"])


def test_children_are_kept_apart_and_only_certain_labels_count() -> None:
    def film(name: str, age: float | None, state: str) -> Film:
        return Film(name, None, LabelledFilm(name, {"Mass": state}, age_years=age))  # type: ignore[dict-item]

    films = [
        film("a", 6, "positive"),
        film("b", 40, "negative"),
        film("c", None, "uncertain"),
        film("d", 70, "positive"),
    ]
    assert [one.key for one in of_population(films, "children")] == ["a"]
    adults = of_population(films, "adults")
    assert [one.key for one in adults] == ["b", "c", "d"]
    said = {name: Said("assessed", "", {}, {"Mass": 0.5}) for name in "abc"} | {"d": Said("refused", "lateral")}
    gathered = sample(adults, said, "Mass")
    assert (len(gathered.truth), gathered.truth.any()) == (1, False)
    assert np.isnan(gathered.shipped).all()


def test_the_file_reads_back(tmp_path: Path) -> None:
    found = calibrate({"Effusion": drawn(400)}, {})
    text = json.dumps(found, allow_nan=False)
    (tmp_path / "ours.json").write_text(text)
    assert Entry.from_json(json.loads((tmp_path / "ours.json").read_text())["Effusion"]).n_positive > 25
