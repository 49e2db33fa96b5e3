"""A label is believed as far as the reports before and after it agree."""

from dataclasses import dataclass

import numpy as np

from lucidray.training.label_noise import posterior


@dataclass
class Visit:
    patient: str
    follow_up: int


def patients(*courses: str) -> tuple[list[Visit], np.ndarray]:
    """One patient a course, one film a letter: x where the report names the finding."""
    visits = [Visit(str(number), place) for number, course in enumerate(courses) for place in range(len(course))]
    mined = np.array([[letter == "x"] for course in courses for letter in course], dtype=np.float32)
    return visits, mined


def test_a_gap_between_two_positive_reports_is_doubtful() -> None:
    visits, mined = patients("xox", "ooo", *["xxx"] * 20, *["oooo"] * 60)
    there = posterior(visits, mined)[:, 0]
    assert there[1] > 5 * there[4]
    assert there[1] < 0.9, "it is still a negative report"


def test_a_single_positive_report_is_less_sure_than_one_among_others() -> None:
    visits, mined = patients("oxo", "xxx", *["xxx"] * 20, *["oooo"] * 60)
    there = posterior(visits, mined)[:, 0]
    assert 0.4 < there[1] < there[4] <= 0.97


def test_order_of_rows_does_not_matter() -> None:
    visits, mined = patients("xox", "oo", "x", *["xx"] * 9)
    order = np.random.default_rng(0).permutation(len(visits))
    shuffled = posterior([visits[row] for row in order], mined[order])
    np.testing.assert_allclose(shuffled, posterior(visits, mined)[order])


def test_films_of_other_patients_are_no_neighbours() -> None:
    visits, mined = patients("o", "x", *["oo"] * 30, *["xx"] * 30)
    there = posterior(visits, mined)[:, 0]
    assert there[0] == posterior(visits[::-1], mined[::-1])[-1, 0]
    assert 0 < there[0] < 0.5 < there[1] < 1
