"""What every classifier backend must hold to."""

import numpy as np
import pytest

from lucidray.domain.protocols import Classifier
from lucidray.domain.radiograph import Radiograph
from lucidray.domain.vocabulary import LABELS
from lucidray.models.fake import FakeClassifier
from lucidray.models.findings import EmbeddedClassifier
from lucidray.models.prevalence import WithPrevalence

BACKENDS = {
    "fake": lambda: FakeClassifier({"Effusion": 0.8, "Pneumonia": 0.2}),
    "embedded": EmbeddedClassifier,
    "with a stated prevalence": lambda: WithPrevalence(EmbeddedClassifier(), {"Effusion": 0.01}),
}


@pytest.fixture(scope="module", params=BACKENDS)
def classifier(request: pytest.FixtureRequest) -> Classifier:
    return BACKENDS[request.param]()


@pytest.fixture(scope="module")
def film() -> Radiograph:
    y, x = np.indices((300, 260)) / 300
    return Radiograph(
        pixels=(0.5 + 0.4 * np.sin(7 * x) * np.cos(5 * y)).astype(np.float32), name="film", format="array"
    )


def test_it_is_a_classifier(classifier: Classifier) -> None:
    assert isinstance(classifier, Classifier)
    assert classifier.used.role == "findings"
    assert not classifier.used.data_left_machine


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


def test_heatmaps_go_with_scores_and_with_nothing_else(classifier: Classifier, film: Radiograph) -> None:
    prediction = classifier.predict(film)
    assert set(prediction.heatmaps) == {
        label for label, score in prediction.scores.items() if score.probability is not None or score.raw is not None
    }
    for heatmap in prediction.heatmaps.values():
        assert heatmap.values.ndim == 2
        assert heatmap.values.dtype == np.float32
        assert 0 <= heatmap.values.min() <= heatmap.values.max() <= 1
        assert 0 < heatmap.cut <= 1


def test_the_same_film_gets_the_same_answer(classifier: Classifier, film: Radiograph) -> None:
    first, second = classifier.predict(film), classifier.predict(film)
    assert first.scores == second.scores
    assert all(np.array_equal(first.heatmaps[label].values, second.heatmaps[label].values) for label in first.heatmaps)


def test_the_film_is_not_changed(classifier: Classifier, film: Radiograph) -> None:
    before = film.pixels.copy()
    classifier.predict(film)
    assert np.array_equal(film.pixels, before)
