"""Builds what a reader writes from, and the reading that its report becomes part of."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np

from lucidray.domain.note import Note
from lucidray.domain.protocols import ReportRequest
from lucidray.domain.radiograph import Radiograph
from lucidray.domain.reading import (
    CARDIOTHORACIC_RATIO_ID,
    Finding,
    ImageFacts,
    Measurement,
    Overall,
    Provenance,
    Reading,
    Region,
    Report,
)
from lucidray.domain.vocabulary import LABELS, Label, Side, Status, Zone, finding_id

PROBABILITIES: dict[Status, float | None] = {"present": 0.8, "absent": 0.03, "uncertain": 0.28, "unsupported": None}
THRESHOLD = 0.3
MIRRORED = Note(code="mirrored", message="The film looks mirrored.")


def region(
    name: str, side: Side, zone: Zone, size_mm: tuple[float, float] | None = None, fraction: float = 0.31
) -> Region:
    return Region(
        id=f"region-{name}",
        box_xyxy_px=(0, 0, 1, 1),
        side=side,
        zone=zone,
        size_mm=size_mm,
        size_fraction_thorax=fraction,
    )


def finding(
    label: Label, status: Status, *places: tuple[Side, Zone], size_mm: tuple[float, float] | None = None
) -> Finding:
    probability = PROBABILITIES[status]
    return Finding(
        id=finding_id(label),
        label=label,
        probability=probability,
        interval=None,
        threshold=None if probability is None else THRESHOLD,
        status=status,
        n_positive=100,
        prevalence=None,
        basis="",
        regions=[region(f"{label}-{i}".lower(), *place, size_mm=size_mm) for i, place in enumerate(places, start=1)],
    )


def overall(status: Status) -> Overall:
    probability = PROBABILITIES[status]
    return Overall(
        probability=probability,
        interval=None,
        threshold=None if probability is None else THRESHOLD,
        status=status,
        n_positive=100,
        prevalence=None,
    )


def ratio(value: float | None, *, reliable: bool = True, note: str = "") -> Measurement:
    return Measurement(
        id=CARDIOTHORACIC_RATIO_ID, name="cardiothoracic_ratio", value=value, unit="1", reliable=reliable, note=note
    )


def request(
    *findings: Finding,
    others: Status = "absent",
    statuses: Mapping[Label, Status] | None = None,
    whole: Status | None = None,
    measurements: Sequence[Measurement] = (),
    symptoms: str | None = None,
    age: float | None = None,
    warnings: Sequence[Note] = (),
    language: str = "en",
) -> ReportRequest:
    """All 14 findings: those given, those whose status is given, and the others."""
    given = {each.label: each for each in findings}
    every = [given.get(label) or finding(label, (statuses or {}).get(label, others)) for label in LABELS]
    if whole is None:
        whole = "present" if any(each.status == "present" for each in every) else "absent"
    return ReportRequest(
        film=Radiograph(pixels=np.zeros((4, 4), np.float32), name="film.png", format="PNG", age_years=age),
        findings=every,
        overall=overall(whole),
        measurements=list(measurements),
        symptoms=symptoms,
        language=language,
        warnings=list(warnings),
    )


def reading(asked: ReportRequest, report: Report) -> Reading:
    """Put the report into a reading, which checks that all evidence is there."""
    return Reading(
        accepted=True,
        refusal=[],
        warnings=asked.warnings,
        image=ImageFacts(
            name="film.png",
            format="PNG",
            width_px=4,
            height_px=4,
            view="unknown",
            laterality=None,
            age=asked.film.age_years,
            sex=None,
            pixel_spacing_mm=None,
            spacing_source=None,
            corrections=[],
        ),
        symptoms=asked.symptoms,
        overall=asked.overall,
        findings=asked.findings,
        not_assessed=[each.label for each in asked.findings if each.status == "unsupported"],
        measurements=asked.measurements,
        report=report,
        provenance=Provenance(
            version="0",
            created=datetime(2024, 1, 1, tzinfo=UTC).isoformat(),
            models=[],
            prevalence_assumed={},
            timings_ms={},
        ),
    )
