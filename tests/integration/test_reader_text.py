"""Texts as vision-language models write them, from words to verdicts, through the extraction of claims itself."""

from importlib.util import find_spec

import numpy as np
import pytest

from lucidray.domain.reading import Reading
from lucidray.domain.vocabulary import LABELS
from lucidray.models.fake import FakeClassifier, FakeSegmenter
from lucidray.pipeline import Models, Request, interpret
from lucidray.readers.fake import FakeReader

if find_spec("lucidray.reasoning.claims") is None:
    pytest.skip("the extraction of claims is not part of this checkout", allow_module_level=True)

SCORES = {label: 0.03 for label in LABELS if label not in {"Nodule", "Hernia"}}
STRUCTURED = """## Chest X-ray report

**FINDINGS:**
*   **Lungs:** There is a consolidation in the right lower lobe. No pneumothorax is seen.
*   **Pleura:** Small left pleural effusion.
*   **Heart:** The cardiac silhouette is normal in size.
*   No suspicious pulmonary nodule.

**IMPRESSION:**
1. Right lower lobe consolidation, cannot exclude pneumonia.
2. Left pleural effusion.

**Recommendation:** Follow-up to exclude a mass.
"""


def read(text: str, language: str = "en", **scores: float) -> Reading:
    y, x = np.indices((400, 300)) / 400
    film = (0.5 + 0.4 * np.sin(7 * x) * np.cos(5 * y)).astype(np.float32)
    classifier = FakeClassifier({**SCORES, **scores}, hot_xy=(0.3, 0.65))
    return interpret(film, Models(FakeSegmenter(), classifier, FakeReader(text)), Request(language=language))


def verdicts(reading: Reading) -> dict[str, str]:
    return {one.text: one.verdict for one in reading.report.sentences}


def test_a_structured_report_is_checked_sentence_by_sentence() -> None:
    # The classifier's places are all in the right lower zone.
    reading = read(STRUCTURED, Consolidation=0.9, Effusion=0.9)
    assert verdicts(reading) == {
        "Lungs: There is a consolidation in the right lower lobe.": "supported",
        "No pneumothorax is seen.": "supported",
        "Pleura: Small left pleural effusion.": "contradicted",
        "Heart: The cardiac silhouette is normal in size.": "supported",
        "No suspicious pulmonary nodule.": "unverified",
        "Right lower lobe consolidation, cannot exclude pneumonia.": "unverified",
        "Left pleural effusion.": "contradicted",
    }
    assert {(one.label, one.kind) for one in reading.contradictions if one.kind != "sources_disagree"} == {
        ("Effusion", "sides_differ")
    }


def test_flip_the_finding_and_the_sentence_flips() -> None:
    told = verdicts(read(STRUCTURED, Pneumothorax=0.9))
    assert told["No pneumothorax is seen."] == "contradicted"
    assert told["Lungs: There is a consolidation in the right lower lobe."] == "contradicted"


def test_a_classifiers_finding_that_nobody_names_is_silence() -> None:
    reading = read("FINDINGS: The heart is normal.", Edema=0.9)
    assert ("Edema", "reader_silent") in {(one.label, one.kind) for one in reading.contradictions}


def test_advice_makes_no_claim() -> None:
    assert "Mass" not in {one.label for one in read(STRUCTURED).claims}


def test_a_boxs_name_finds_its_finding() -> None:
    y, x = np.indices((400, 300)) / 400
    film = (0.5 + 0.4 * np.sin(7 * x) * np.cos(5 * y)).astype(np.float32)
    boxes = [("pleural effusion", (0.6, 0.6, 0.8, 0.8)), ("ECG lead", (0.4, 0.1, 0.5, 0.2))]
    reader = FakeReader("FINDINGS: Left pleural effusion.", boxes)
    reading = interpret(film, Models(FakeSegmenter(), FakeClassifier(SCORES), reader))
    assert [one.label for one in reading.reader_regions] == ["Effusion", None]
    assert reading.reader_regions[0].side == "left"
