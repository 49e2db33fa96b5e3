import pytest

from lucidray.wording.plurals import PLURALS, choose


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("one-other", {0: "other", 1: "one", 2: "other"}),
        ("zero-is-one", {0: "one", 1: "one", 2: "other"}),
        ("other", {0: "other", 1: "other", 2: "other"}),
        ("arabic", {1: "one", 2: "two", 3: "few", 10: "few", 11: "many", 99: "many", 100: "other", 103: "few"}),
    ],
)
def test_plural_categories_are_those_of_cldr(rule, expected):
    category, known = PLURALS[rule]
    assert {count: category(count) for count in expected} == expected
    assert set(expected.values()) <= known


def test_a_category_without_a_version_takes_that_of_other():
    assert choose({"one": "a", "other": "b"}, "arabic", 2) == "b"
    assert choose("c", "arabic", 2) == "c"
