"""Whole reports of a few films, as they were read aloud: a changed word shows here.

After a change that is meant, write them anew with ``LUCIDRAY_WRITE_GOLDEN=1`` in the environment of this test, and read
what changed.
"""

import os
from pathlib import Path

import pytest
from report_requests import finding, ratio, request

from lucidray.readers.composer import Composer
from lucidray.readers.phrases import available_languages

FOLDER = Path(__file__).parent / "golden_reports"


def reports(language: str) -> str:
    lower = ("right", "lower")
    pneumonia = request(
        finding("Consolidation", "present", lower),
        finding("Pneumonia", "present", lower, ("right", "mid")),
        finding("Effusion", "present", ("left", "lower"), lower, size_mm=(118.4, 62)),
        finding("Nodule", "uncertain", ("left", "upper")),
        statuses={"Hernia": "unsupported", "Fibrosis": "unsupported"},
        measurements=[ratio(0.56)],
        symptoms="fever, cough for 5 days, no chest pain, weight loss",
        language=language,
    )
    congestion = request(
        finding("Edema", "present", ("both", "mid"), ("both", "lower")),
        finding("Cardiomegaly", "present", ("midline", "lower")),
        finding("Effusion", "present", ("both", "lower")),
        measurements=[ratio(0.6)],
        symptoms="SOB, leg swelling, syncope",
        language=language,
    )
    doubtful = request(
        statuses={
            "Mass": "uncertain",
            "Pneumothorax": "uncertain",
            "Infiltration": "uncertain",
            "Pneumonia": "uncertain",
        },
        whole="uncertain",
        measurements=[ratio(0.47, reliable=False, note="AP film: the heart is magnified")],
        symptoms="asdf",
        language=language,
    )
    lesions = request(
        finding("Mass", "present", ("left", "upper"), ("left", "mid")),
        finding("Nodule", "present", ("left", "mid"), ("right", "upper")),
        whole="absent",
        statuses={"Cardiomegaly": "uncertain"},
        measurements=[ratio(0.58)],
        symptoms="smoker",
        language=language,
    )
    nothing = request(measurements=[ratio(0.44)], language=language)
    return "\n\n----\n\n".join(
        Composer().write(asked).text for asked in (pneumonia, congestion, doubtful, lesions, nothing)
    )


@pytest.mark.parametrize("language", available_languages())
def test_reports_are_the_golden_ones(language):
    golden = FOLDER / f"{language}.txt"
    if os.environ.get("LUCIDRAY_WRITE_GOLDEN"):
        FOLDER.mkdir(exist_ok=True)
        golden.write_text(reports(language) + "\n", encoding="utf-8")
    assert reports(language) + "\n" == golden.read_text(encoding="utf-8")
