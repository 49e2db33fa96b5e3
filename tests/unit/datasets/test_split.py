import pytest

from lucidray.datasets.split import IN_TWO_SPLITS, MEASURES, NOT_LISTED, Claimant, assign, split_of


def test_the_hash_is_the_one_of_the_shipped_weights() -> None:
    # Written down: whoever changes the hash moves films that the weights were trained on into test splits.
    assert [split_of(str(number)) for number in range(1, 13)] == [
        split_of(str(number), test=0.2, validation=0.12) for number in range(1, 13)
    ]
    assert {number: split_of(str(number)) for number in (2, 3, 193, 211)} == {
        2: "train",
        3: "validation",
        193: "train",
        211: "test",
    }


def test_shares_are_met() -> None:
    splits = [split_of(f"patient {number}", test=0.3, validation=0.1) for number in range(4000)]
    assert splits.count("test") / 4000 == pytest.approx(0.3, abs=0.02)
    assert splits.count("validation") / 4000 == pytest.approx(0.1, abs=0.02)


def test_a_patient_is_in_one_split() -> None:
    films = [Claimant(f"p{number // 3}", None, False) for number in range(300)]
    splits = assign(films)
    for start in range(0, 300, 3):
        assert len(set(splits[start : start + 3])) == 1
    assert set(splits) == {"train", "validation", "test"}


def test_official_splits_hold_and_never_tear_a_patient() -> None:
    films = [
        Claimant("a", "train", False),
        Claimant("a", "test", False),
        Claimant("b", "validation", False),
        Claimant("c", None, False),
    ]
    assert assign(films, official=True) == [IN_TWO_SPLITS, "test", "validation", NOT_LISTED]


def test_model_assisted_films_only_train() -> None:
    tested = next(f"p{number}" for number in range(100) if split_of(f"p{number}") == "test")
    # With the hash the whole patient trains; with an official split the film goes.
    assert assign([Claimant(tested, None, True), Claimant(tested, None, False)]) == ["train", "train"]
    assert assign([Claimant(tested, "test", True)], official=True) == [MEASURES]
