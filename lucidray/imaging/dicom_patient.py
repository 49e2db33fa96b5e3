"""Age and sex, the two things about the patient that a reading needs. Name and ID are never looked at.

References
----------
DICOM PS3.5 6.2 (AS, DA), PS3.3 C.7.2.2
"""

import re
from datetime import date

from lucidray.domain.note import Note
from lucidray.domain.radiograph import Sex
from lucidray.imaging.attributes import Attributes

OLDEST_YEARS = 120.0
_DAYS_PER_YEAR = 365.25
_YEARS_PER_UNIT = {"D": 1 / _DAYS_PER_YEAR, "W": 7 / _DAYS_PER_YEAR, "M": 1 / 12, "Y": 1.0, "": 1.0}
_AGE = re.compile(r"(\d{1,4})\s*([DWMY]?)")
_DATE = re.compile(r"(\d{4})[.-]?(\d{2})[.-]?(\d{2})")
# Study and series dates are rewritten on import and anonymisation more often than those of the image itself.
_FILM_DATES = (
    ("AcquisitionDateTime", "Acquisition Date"),
    ("AcquisitionDate", "Acquisition Date"),
    ("ContentDate", "Content Date"),
    ("SeriesDate", "Series Date"),
    ("StudyDate", "Study Date"),
)
_AGES_DIFFER_YEARS = 2.0
_SEXES: dict[str, Sex] = {"F": "female", "M": "male", "O": "other"}


def read_age(attributes: Attributes) -> tuple[float | None, list[Note]]:
    """Return the age in years when the film was taken.

    Patient's Age decides; without it, the birth date and the date of acquisition, else of content, series or study. An
    age that nobody reaches is None, with a note; so is one that cannot be read.
    """
    stated = attributes.text("PatientAge").upper()
    computed, date_name = _age_from_dates(attributes)
    if not stated:
        if computed is None:
            return None, []
        if not 0 <= computed <= OLDEST_YEARS:
            message = f"Birth date and {date_name} give an age of {computed:.0f} years: the age is taken as unknown."
            return None, [Note(code="age_implausible", message=message)]
        message = f"The age is worked out from the birth date and {date_name}: the file has no Patient's Age."
        return computed, [Note(code="age_from_dates", message=message)]
    age = parse_age(stated)
    if age is None or age > OLDEST_YEARS:
        message = f'Patient\'s Age is "{stated}", which cannot be: the age is taken as unknown.'
        return None, [Note(code="age_implausible", message=message)]
    if computed is not None and abs(computed - age) > _AGES_DIFFER_YEARS:
        message = f"Patient's Age is {age:.0f} years, but birth date and {date_name} give {computed:.0f}."
        return age, [Note(code="age_contradictory", message=message)]
    return age, []


def parse_age(text: str) -> float | None:
    """Return an Age String such as "045Y", "006M", "012W" or "003D" in years; a bare number counts years.

    Returns
    -------
    float or None
        None where `text` is no age.
    """
    match = _AGE.fullmatch(text.strip().upper())
    return None if match is None else int(match[1]) * _YEARS_PER_UNIT[match[2]]


def read_sex(attributes: Attributes) -> Sex | None:
    """Return Patient's Sex, None where it is missing or not one that DICOM defines."""
    return _SEXES.get(attributes.text("PatientSex").upper())


def _age_from_dates(attributes: Attributes) -> tuple[float | None, str]:
    birth = _parse_date(attributes.text("PatientBirthDate"))
    if birth is None:
        return None, ""
    for keyword, name in _FILM_DATES:
        taken = _parse_date(attributes.text(keyword)[:10])
        if taken is not None:
            return (taken - birth).days / _DAYS_PER_YEAR, name
    return None, ""


def _parse_date(text: str) -> date | None:
    match = _DATE.match(text)
    if match is None:
        return None
    try:
        return date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return None
