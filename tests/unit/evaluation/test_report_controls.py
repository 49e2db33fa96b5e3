from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lucidray.domain.vocabulary import LABELS
from lucidray.evaluation.report_controls import ALWAYS_NORMAL, nearest, probability_features, shuffled, word_features


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from("abcde"), min_size=2, max_size=40), st.integers(0, 5))
def test_nobody_gets_an_answer_of_the_own_patient(patients, seed) -> None:
    given_rows = shuffled(patients, seed)
    if len(set(patients)) == 1:
        assert given_rows is None
        return
    assert all(patients[row] != patients[taken] for row, taken in enumerate(given_rows))
    if max(Counter(patients).values()) * 2 <= len(patients):
        assert sorted(given_rows) == list(range(len(patients)))
    assert given_rows == shuffled(patients, seed)


def test_the_nearest_film_is_of_another_patient() -> None:
    features = np.array([[0.0], [0.1], [0.9], [1.0]], dtype=np.float32)
    assert nearest(features, ["a", "a", "b", "c"]) == [2, 2, 3, 2]
    assert nearest(features, ["a"] * 4) is None


def test_nearest_as_all_distances_say() -> None:
    rng = np.random.default_rng(0)
    features = rng.random((1100, 5)).astype(np.float32)  # more than one block
    patients = [str(row % 300) for row in range(1100)]
    distances = ((features[:, None] - features[None]) ** 2).sum(-1)
    names = np.array(patients)
    distances[names[:, None] == names[None]] = np.inf
    found = nearest(features, patients)
    assert distances[np.arange(1100), found] == pytest.approx(distances.min(1), abs=1e-5)


def test_features() -> None:
    assert probability_features([{}, {}]) is None
    features = probability_features([{"Effusion": 0.25}, {}])
    assert features[0, LABELS.index("Effusion")] == 0.5
    assert features[1].sum() == 0
    same, other, empty = word_features(["Left effusion.", "left effusion", ""])
    assert same @ other == pytest.approx(1)
    assert empty.sum() == 0


def test_always_normal_claims_nothing_present() -> None:
    claims = pytest.importorskip("lucidray.reasoning.claims", reason="claims are not there yet")
    assert {claim.polarity for claim in claims.extract_claims(ALWAYS_NORMAL)} == {"absent"}
