"""A reading by two sources that disagree, for the tests of what shows it. Its reader is hostile on request."""

from typing import Any

import pytest

from lucidray.domain.reading import Reading
from lucidray.domain.vocabulary import LABELS
from lucidray.models.fake import FakeClassifier, FakeSegmenter
from lucidray.pipeline import Models, Request, interpret
from lucidray.readers.fake import FakeReader
from tests.readings import synthetic_film
from tests.sources import claim, hears

TEXT = """FINDINGS: There is a left pleural effusion. No mass. Free air under the diaphragm. The heart is normal.
The bones are unremarkable.
IMPRESSION: Effusion.
Differential diagnosis: sarcoidosis"""
CLAIMS = [
    claim("Effusion", side="left", sentence="There is a left pleural effusion."),
    claim("Mass", "absent", sentence="No mass."),
    claim("Free Air", sentence="Free air under the diaphragm."),
    claim("Cardiomegaly", "absent", sentence="The heart is normal."),
    claim("Effusion", sentence="Effusion."),
]
HOSTILE = '<script>document.title = "owned"</script><img src=x onerror=alert(1)>{{7*7}}\u202e\x1b]0;owned\x07\x1b[31m'


def two_sources(monkeypatch: pytest.MonkeyPatch, *, hostile: bool = False, **request: Any) -> Reading:
    """An effusion on the right that the reader puts on the left, a mass that it denies, free air that only it sees."""
    evil = f"{HOSTILE} & so on" if hostile else ""
    hears(monkeypatch, CLAIMS)
    reader = FakeReader(
        TEXT.replace("unremarkable.", f"unremarkable{evil}.") + f", {evil}",
        boxes=[("effusion", (0.6, 0.6, 0.8, 0.8)), (f"thing {evil}", (0.3, 0.2, 0.5, 0.3))],
        token_confidence=0.9,
        dropped_boxes=1,
        name=f"seer{evil}",
        data_left_machine=True,
    )
    scores = {label: 0.03 for label in LABELS if label not in {"Nodule", "Hernia"}}
    models = Models(FakeSegmenter(), FakeClassifier({**scores, "Effusion": 0.9, "Mass": 0.8}, overall=0.9), reader)
    return interpret(
        synthetic_film(900, 750), models, Request(**{"symptoms": "hemoptysis", **request}), name="film.png"
    )
