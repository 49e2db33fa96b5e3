"""What every classifier backend must hold to: calibrated ones, and ones from elsewhere that are not calibrated yet."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from borrowed_models import home_at, specs

from lucidray.api import load
from lucidray.domain.prediction import UNCALIBRATED
from lucidray.domain.protocols import Classifier
from lucidray.domain.radiograph import Radiograph
from lucidray.domain.vocabulary import LABELS
from lucidray.models.fake import FakeClassifier
from lucidray.models.findings import EmbeddedClassifier
from lucidray.models.prevalence import WithPrevalence
from lucidray.models.registry import open_classifier

CALIBRATED: dict[str, Callable[[], Classifier]] = {
    "fake": lambda: FakeClassifier({"Effusion": 0.8, "Pneumonia": 0.2}),
    "embedded": EmbeddedClassifier,
    "with a stated prevalence": lambda: WithPrevalence(EmbeddedClassifier(), {"Effusion": 0.01}),
}
BORROWED = list(specs(Path()))


@pytest.fixture(scope="module", params=[*CALIBRATED, *BORROWED])
def classifier(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Classifier]:
    if request.param in CALIBRATED:
        yield CALIBRATED[request.param]()
        return
    home = tmp_path_factory.mktemp("home")
    spec = specs(home)[request.param]()
    with home_at(home):
        yield open_classifier(spec, device="cpu", threads=1)


@pytest.fixture(scope="module")
def film() -> Radiograph:
    y, x = np.indices((300, 260)) / 300
    return Radiograph(
        pixels=(0.5 + 0.4 * np.sin(7 * x) * np.cos(5 * y)).astype(np.float32), name="film", format="array"
    )


def test_it_is_a_classifier(classifier: Classifier) -> None:
    assert isinstance(classifier, Classifier)
    assert classifier.used.role == "findings"
    assert classifier.used.device == "cpu"
    assert not classifier.used.data_left_machine
    if classifier.used.name != "fake":
        assert classifier.used.sha256 is not None
        assert len(classifier.used.sha256) == 64


def test_all_labels_are_answered(classifier: Classifier, film: Radiograph) -> None:
    assert set(classifier.predict(film).scores) == set(LABELS)


def test_a_score_is_whole_or_says_why_not(classifier: Classifier, film: Radiograph) -> None:
    prediction = classifier.predict(film)
    for score in [*prediction.scores.values(), prediction.overall]:
        if score.probability is None:
            assert score.unsupported_reason
            assert score.interval is None
            assert score.threshold is None
        else:
            assert score.unsupported_reason is None
            assert score.interval is not None
            low, high = score.interval
            assert 0 <= low <= score.probability <= high <= 1
            assert score.threshold is not None
            assert 0 < score.threshold < 1
            assert score.n_positive > 0


def test_something_is_scored_and_a_raw_score_is_a_number(classifier: Classifier, film: Radiograph) -> None:
    scores = classifier.predict(film).scores.values()
    if classifier.used.name != "fake":
        assert any(score.raw is not None for score in scores)
    assert all(np.isfinite(score.raw) for score in scores if score.raw is not None)


def test_what_is_not_calibrated_shows_no_probability(classifier: Classifier, film: Radiograph) -> None:
    prediction = classifier.predict(film)
    for label, score in prediction.scores.items():
        if score.unsupported_reason == UNCALIBRATED:
            assert score.raw is not None
        elif score.probability is None and classifier.used.name not in ("fake", "lucidray-findings"):
            assert score.raw is None, f"{label} has no output and has a score"


def test_heatmaps_go_with_scores_and_with_nothing_else(classifier: Classifier, film: Radiograph) -> None:
    prediction = classifier.predict(film)
    probable = {label for label, score in prediction.scores.items() if score.probability is not None}
    raw = {label for label, score in prediction.scores.items() if score.raw is not None}
    assert probable <= set(prediction.heatmaps) <= probable | raw
    for heatmap in prediction.heatmaps.values():
        assert heatmap.values.ndim == 2
        assert heatmap.values.dtype == np.float32
        assert 0 <= heatmap.values.min() <= heatmap.values.max() <= 1
        assert 0 < heatmap.cut <= 1
        assert heatmap.cell is None or all(0 < share <= 1 for share in heatmap.cell)


def test_a_child_gets_no_score_that_was_learned_on_adults(classifier: Classifier, film: Radiograph) -> None:
    prediction = classifier.predict(replace(film, age_years=4.0))
    if classifier.used.name == "fake":
        return
    scored = {label for label, score in prediction.scores.items() if score.raw is not None}
    assert scored <= {"Pneumonia"}
    assert set(prediction.heatmaps) <= scored


def test_the_same_film_gets_the_same_answer(classifier: Classifier, film: Radiograph) -> None:
    first, second = classifier.predict(film), classifier.predict(film)
    assert first.scores == second.scores
    assert all(np.array_equal(first.heatmaps[label].values, second.heatmaps[label].values) for label in first.heatmaps)


def test_the_film_is_not_changed(classifier: Classifier, film: Radiograph) -> None:
    before = film.pixels.copy()
    classifier.predict(film)
    assert np.array_equal(film.pixels, before)


def test_another_film_gets_another_answer(classifier: Classifier, film: Radiograph) -> None:
    if classifier.used.name == "fake":
        return
    first, second = classifier.predict(film), classifier.predict(replace(film, pixels=film.pixels[::-1] ** 2))
    assert any(first.scores[label].raw != second.scores[label].raw for label in LABELS)


def test_it_takes_part_in_a_whole_reading(classifier: Classifier) -> None:
    pytest.importorskip("data_store", reason="needs pydicom-data")
    from lucidray.cli.demo import demo_film

    reading = load(classifier=classifier, device="cpu", threads=1).read(demo_film())
    assert reading.accepted
    assert reading.explanation
    assert [used.name for used in reading.provenance.models if used.role == "findings"] == [classifier.used.name]
    reasons = [score.unsupported_reason for score in classifier.predict(reading.evidence.film).scores.values()]
    for finding in reading.findings:
        if finding.basis.startswith(UNCALIBRATED) and finding.label != "Cardiomegaly":
            assert finding.status == "unsupported"
            assert finding.probability is None
    if any(score == UNCALIBRATED for score in reasons):
        assert any(note.code == "uncalibrated" for note in reading.warnings)
    shown = {finding.label for finding in reading.findings if finding.probability is not None}
    assert set(reading.evidence.heatmaps) <= shown
