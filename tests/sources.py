"""Findings and claims made by hand, for the tests of what two sources come to."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from lucidray import judging
from lucidray.domain.claim import Claim, ClaimLabel, Polarity
from lucidray.domain.reading import Finding, Region
from lucidray.domain.vocabulary import LABELS, Label, Side, Status, finding_id
from lucidray.readers.phrases import load_phrases
from lucidray.reasoning.wording import Wording, load_table

PROBABILITIES: dict[Status, float | None] = {"present": 0.8, "absent": 0.03, "uncertain": 0.28, "unsupported": None}


def wording() -> Wording:
    phrases = load_phrases("en")
    names = {label: subject.name for label, subject in phrases.subjects.items()}
    return Wording(load_table("en"), names, phrases.concepts)


def finding(label: Label, status: Status, *sides: Side, **fields: Any) -> Finding:
    return Finding(
        **{
            "id": finding_id(label),
            "label": label,
            "probability": PROBABILITIES[status],
            "interval": None,
            "threshold": None if status == "unsupported" else 0.3,
            "status": status,
            "n_positive": 100,
            "prevalence": None,
            "sensitivity": None if status == "unsupported" else 0.7,
            "specificity": None if status == "unsupported" else 0.9,
            "basis": "",
            "regions": [
                Region(
                    id=f"region-{finding_id(label)}-{number}",
                    box_xyxy_px=(0, 0, 1, 1),
                    side=side,
                    zone="mid",
                    size_mm=None,
                    size_fraction_thorax=0.2,
                )
                for number, side in enumerate(sides, start=1)
            ],
            **fields,
        }
    )


def findings(*given: Finding, others: Status = "absent", **statuses: Status) -> list[Finding]:
    """All 14: those given, those whose status is given by name (blanks as underscores), and the others."""
    by_label = {each.label: each for each in given}
    return [by_label.get(label) or finding(label, statuses.get(label.replace(" ", "_"), others)) for label in LABELS]


def claim(
    label: ClaimLabel,
    polarity: Polarity = "present",
    side: Side | None = None,
    sentence: str = "It is so.",
    **more: Any,
) -> Claim:
    return Claim(label=label, polarity=polarity, side=side, sentence=sentence, **more)


def hears(monkeypatch: pytest.MonkeyPatch, claims: Sequence[Claim]) -> list[str]:
    """Let every text make those of the claims whose sentence it holds; returns the texts that were heard.

    It stands in for the extraction of claims, which is tested by itself: what a text claims is given here.
    """
    heard: list[str] = []

    def claims_in(text: str, language: str) -> list[Claim]:
        heard.append(text)
        return [each for each in claims if each.sentence in text]

    listener: Callable[[str, str], list[Claim]] = claims_in
    monkeypatch.setattr(judging, "claims_in", listener)
    return heard
