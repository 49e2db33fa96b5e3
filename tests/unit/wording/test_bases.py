"""The reason behind every status, as it is really written, is said in every language."""

from itertools import product

import pytest

from lucidray.domain.prediction import Score
from lucidray.readers.phrases import available_languages
from lucidray.reasoning.status import judge_score
from lucidray.wording.messages import translate

SCORES = [
    Score(
        probability=probability,
        interval=interval,
        threshold=threshold,
        n_positive=50,
        prevalence=prevalence,
        sensitivity=None,
        specificity=None,
        raw=0.0,
    )
    for probability, interval, threshold, prevalence in product(
        (0.03, 0.4), (None, (0.02, 0.029), (0.02, 0.45)), (None, 0.1, 0.5), (None, 0.02, 0.35)
    )
]


@pytest.mark.parametrize("language", sorted(set(available_languages()) - {"en"}))
def test_every_basis_is_said_in_every_language(language: str) -> None:
    for score in SCORES:
        _, basis = judge_score(score)
        said = translate(basis, language)
        assert said is not None, basis
        assert "calibrated" not in said
        assert "threshold" not in said
