"""The codes of findings, sides and zones against the dictionaries that pydicom ships from DICOM PS3.16."""

import pytest
from pydicom.sr._concepts_dict import concepts
from pydicom.sr._snomed_dict import mapping

from lucidray.domain.vocabulary import CODES, LABELS, RADLEX, SIDE_CODES, ZONE_CODES, Code

KNOWN = {
    scheme: {
        value: (keyword, *details) for keyword, values in concepts[scheme].items() for value, details in values.items()
    }
    for scheme in ("SCT", "DCM")
}
ALL = {
    **CODES,
    **{f"side {side}": code for side, code in SIDE_CODES.items()},
    **{f"zone {z}": c for z, c in ZONE_CODES.items()},
}


def words(text: str) -> set[str]:
    return {word.strip("()").lower() for word in text.split()} - {"of", "and", "the"}


@pytest.mark.parametrize("code", ALL.values(), ids=ALL.keys())
def test_a_standard_code_means_what_the_dictionary_says(code: Code) -> None:
    if code.scheme == "99LUCIDRAY":
        assert not code.value.isdigit()
        return
    found = KNOWN[code.scheme].get(code.value)
    if found is None:
        # Not in a context group of PS3.16: then at least a well-formed SNOMED CT identifier, by its check digit.
        assert code.scheme == "SCT"
        assert verhoeff(code.value)
        return
    meaning = found[1]
    assert words(meaning) & words(code.meaning), f"{code.value} is {meaning!r}, not {code.meaning!r}"


def test_enough_codes_are_in_the_dictionary_for_the_test_to_mean_something() -> None:
    assert sum(code.value in KNOWN.get(code.scheme, {}) for code in ALL.values()) >= 11


def test_no_snomed_rt_code_slipped_in() -> None:
    assert not {code.value for code in ALL.values()} & set(mapping["SRT"])


def test_every_label_has_a_code_of_its_own() -> None:
    assert set(CODES) == set(RADLEX) == set(LABELS)
    assert len({code.value for code in CODES.values()}) == len(LABELS)


def verhoeff(digits: str) -> bool:
    """Check a SNOMED CT identifier's check digit (Verhoeff 1969)."""
    multiply = [[(i + j) % 5 if i < 5 and j < 5 else 0 for j in range(10)] for i in range(10)]
    for i in range(10):
        for j in range(10):
            if i < 5 and j < 5:
                multiply[i][j] = (i + j) % 5
            elif i < 5:
                multiply[i][j] = (i + j - 5) % 5 + 5
            elif j < 5:
                multiply[i][j] = (i - 5 - j) % 5 + 5
            else:
                multiply[i][j] = (i - j) % 5
    permute = [list(range(10)), [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]]
    for _ in range(6):
        permute.append([permute[-1][permute[1][k]] for k in range(10)])
    check = 0
    for place, digit in enumerate(reversed(digits)):
        check = multiply[check][permute[place % 8][int(digit)]]
    return check == 0


def test_the_check_digit_finds_a_typo() -> None:
    assert verhoeff("36118008")
    assert not verhoeff("36118009")
    assert not verhoeff("36181008")
