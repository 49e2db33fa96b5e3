"""Readings made by hand, for the tests of everything that shows or writes one."""

from dataclasses import replace
from typing import Any

import numpy as np

from lucidray.domain.anatomy import Anatomy
from lucidray.domain.box import Box
from lucidray.domain.note import Note
from lucidray.domain.prediction import Heatmap
from lucidray.domain.radiograph import FloatImage, Radiograph
from lucidray.domain.reading import (
    CARDIOTHORACIC_RATIO_ID,
    OVERALL_ID,
    SYMPTOMS_ID,
    DicomReference,
    Evidence,
    Finding,
    ImageFacts,
    Measurement,
    ModelUsed,
    Overall,
    Provenance,
    Reading,
    Region,
    Report,
    Sentence,
)
from lucidray.domain.vocabulary import LABELS, Label, finding_id
from lucidray.reporting.overlay import draw

GRID = 256
# Where the findings that are there are, as shares of the film as shown: (x0, y0, x1, y1).
PLACES: dict[Label, list[tuple[float, float, float, float]]] = {
    "Effusion": [(0.10, 0.62, 0.36, 0.84)],
    "Nodule": [(0.64, 0.30, 0.73, 0.38), (0.74, 0.44, 0.80, 0.50)],
    "Cardiomegaly": [(0.36, 0.50, 0.74, 0.82)],
    "Atelectasis": [(0.14, 0.56, 0.38, 0.72)],
}
SIDES: dict[Label, list[tuple[str, str]]] = {
    "Effusion": [("right", "lower")],
    "Nodule": [("left", "upper"), ("left", "mid")],
    "Cardiomegaly": [("midline", "lower")],
    "Atelectasis": [("right", "lower")],
}
SCORES: dict[Label, tuple[float, tuple[float, float], float, str]] = {
    "Atelectasis": (0.19, (0.14, 0.25), 0.17, "uncertain"),
    "Cardiomegaly": (0.38, (0.29, 0.47), 0.08, "present"),
    "Effusion": (0.63, (0.55, 0.71), 0.21, "present"),
    "Infiltration": (0.16, (0.12, 0.20), 0.24, "absent"),
    "Mass": (0.031, (0.018, 0.05), 0.09, "absent"),
    "Nodule": (0.22, (0.16, 0.29), 0.11, "present"),
    "Pneumonia": (0.012, (0.006, 0.022), 0.02, "absent"),
    "Pneumothorax": (0.0004, (0.0001, 0.003), 0.06, "absent"),
    "Consolidation": (0.041, (0.03, 0.06), 0.07, "absent"),
    "Edema": (0.006, (0.002, 0.013), 0.04, "absent"),
    "Emphysema": (0.009, (0.004, 0.02), 0.05, "absent"),
    "Pleural Thickening": (0.027, (0.015, 0.045), 0.05, "absent"),
}
REASONS: dict[Label, str] = {
    "Fibrosis": "Fewer than 100 positive test films: a threshold would be a guess.",
    "Hernia": "Fewer than 100 positive test films: a threshold would be a guess.",
}


def synthetic_film(height: int = 480, width: int = 400) -> FloatImage:
    """Draw something that looks a little like a chest: dark lungs, bright heart and borders."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    pixels = np.full((height, width), 0.62)
    for lung_x in (0.28, 0.72):
        pixels -= 0.42 * np.exp(-((((x - lung_x) / 0.15) ** 2 + ((y - 0.48) / 0.32) ** 2) ** 2))
    pixels += 0.25 * np.exp(-(((x - 0.55) / 0.12) ** 2 + ((y - 0.66) / 0.14) ** 2))
    return np.clip(pixels, 0, 1).astype(np.float32)


def anatomy() -> Anatomy:
    """Lungs and a heart as ellipses on a grid over the film; the heart is 0.44 wide, the thorax 0.80."""
    y, x = (np.indices((GRID, GRID)) + 0.5) / GRID

    def ellipse(x0: float, y0: float, wide: float, high: float) -> np.ndarray:
        return ((x - x0) / wide) ** 2 + ((y - y0) / high) ** 2 < 1

    masks = [
        ellipse(0.28, 0.48, 0.18, 0.34),
        ellipse(0.72, 0.48, 0.18, 0.34),
        ellipse(0.54, 0.66, 0.22, 0.17),
        ellipse(0.28, 0.17, 0.17, 0.02),
        ellipse(0.72, 0.17, 0.17, 0.02),
    ]
    return Anatomy(np.stack(masks))


def heatmap(label: Label) -> Heatmap:
    """Put heat where the finding's boxes are, or nearly none in the middle."""
    y, x = (np.indices((24, 24)) + 0.5) / 24
    values = np.zeros((24, 24))
    for x0, y0, x1, y1 in PLACES.get(label, []):
        wide, high = max(x1 - x0, 0.08), max(y1 - y0, 0.08)
        values += np.exp(-2 * (((x - (x0 + x1) / 2) / wide) ** 2 + ((y - (y0 + y1) / 2) / high) ** 2))
    if label not in PLACES:
        values += 0.15 * np.exp(-(((x - 0.5) / 0.3) ** 2 + ((y - 0.5) / 0.3) ** 2))
    return Heatmap(np.clip(values, 0, 1).astype(np.float32), cut=0.45)


def _ratio_lines(film: Radiograph) -> list[tuple[float, float, float, float]]:
    """Heart, then thorax, as the organs above are drawn."""
    lines = (Box(0.36, 0.66, 0.80, 0.66), Box(0.10, 0.70, 0.90, 0.70))
    return [tuple(film.to_stored(line.scaled(film.width_px, film.height_px))) for line in lines]


def accepted_reading(
    pixels: FloatImage | None = None,
    *,
    name: str = "chest.dcm",
    symptoms: str | None = "fever, cough for 5 days",
    quarter_turns: int = 0,
    warnings: tuple[Note, ...] = (),
    age: float | None = 61.0,
    language: str = "en",
    heatmaps: dict[Label, Heatmap] | None = None,
    **image: Any,
) -> Reading:
    """Build the reading of an accepted film.

    `pixels` is the film as shown; with `quarter_turns` the stored image is the film turned back by as many.
    """
    film = _film(synthetic_film() if pixels is None else pixels, name, quarter_turns, age)
    findings = [_finding(label, film) for label in LABELS]
    reading = Reading(
        accepted=True,
        refusal=[],
        warnings=list(warnings),
        image=_facts(film, **image),
        symptoms=symptoms,
        overall=Overall(
            probability=0.91, interval=(0.88, 0.94), threshold=0.48, status="present", n_positive=2604, prevalence=0.44
        ),
        findings=findings,
        not_assessed=list(REASONS),
        measurements=[
            Measurement(
                id=CARDIOTHORACIC_RATIO_ID,
                name="cardiothoracic_ratio",
                value=0.55,
                unit="1",
                reliable=True,
                note="",
                lines_xyxy_px=_ratio_lines(film),
            ),
            Measurement(
                id="measurement-rotation",
                name="rotation",
                value=None,
                unit="1",
                reliable=False,
                note="The clavicles could not be made out.",
            ),
        ],
        report=_report(findings, symptoms, warnings, language),
        provenance=_provenance({finding.label: finding.prevalence for finding in findings if finding.prevalence}),
    )
    shown = {label: heatmap(label) for label in SCORES} if heatmaps is None else heatmaps
    return reading.with_evidence(Evidence(film, shown, anatomy()), draw)


def refused_reading(
    pixels: FloatImage | None = None,
    *,
    name: str = "upside-down.png",
    code: str = "turned_180",
    message: str = "The film is turned upside down: turn it upright, or use --fix-orientation.",
    symptoms: str | None = None,
    warnings: tuple[Note, ...] = (),
) -> Reading:
    """Build the reading of a refused film."""
    film = _film(np.ascontiguousarray(synthetic_film()[::-1, ::-1]) if pixels is None else pixels, name, 0, None)
    sentence = Sentence(text=f"Not read: {message}", evidence=[f"refusal-{code}"], verdict="supported")
    reading = Reading(
        accepted=False,
        refusal=[Note(code=code, message=message)],
        warnings=list(warnings),
        image=_facts(film),
        symptoms=symptoms,
        overall=None,
        findings=[],
        not_assessed=[],
        measurements=[],
        report=Report(language="en", findings=[], locations=[], impression=[sentence]),
        provenance=_provenance({}),
    )
    return reading.with_evidence(Evidence(film, {}, anatomy()), draw)


def _film(pixels: FloatImage, name: str, quarter_turns: int, age: float | None) -> Radiograph:
    film = Radiograph(pixels, name=name, format="DICOM", view="PA", age_years=age, sex="female")
    if not quarter_turns:
        return film
    stored = replace(film, pixels=np.ascontiguousarray(np.rot90(pixels, -quarter_turns)))
    return stored.turned(quarter_turns, Note(code="turned", message="Turned upright before reading."))


def _facts(film: Radiograph, **image: Any) -> ImageFacts:
    width, height = film.stored_size_px
    known = {
        "name": film.name,
        "format": film.format,
        "width_px": width,
        "height_px": height,
        "view": film.view,
        "laterality": None,
        "age": film.age_years,
        "sex": film.sex,
        "pixel_spacing_mm": (0.168, 0.168),
        "spacing_source": "at the detector",
        "corrections": list(film.corrections),
        "dicom": DicomReference(sop_instance_uid="1.2.826.0.1.3680043.8.498.1", study_instance_uid="1.2.826.0.1.4"),
    }
    return ImageFacts(**(known | image))


def _finding(label: Label, film: Radiograph) -> Finding:
    if label not in SCORES:
        return Finding(
            id=finding_id(label),
            label=label,
            probability=None,
            interval=None,
            threshold=None,
            status="unsupported",
            n_positive=31,
            prevalence=None,
            basis=REASONS[label],
        )
    probability, interval, threshold, status = SCORES[label]
    basis = {
        "present": "The whole interval lies above the threshold.",
        "uncertain": "The interval holds the threshold.",
        "absent": "The whole interval lies below the threshold.",
    }[status]
    regions = []
    for number, (place, (side, zone)) in enumerate(zip(PLACES.get(label, []), SIDES.get(label, []), strict=True), 1):
        box = film.to_stored(Box(*place).scaled(film.width_px, film.height_px))
        regions.append(
            Region(
                id=f"region-{label.lower()}-{number}",
                box_xyxy_px=tuple(box),
                side=side,
                zone=zone,
                size_mm=(62.0, 44.0),
                size_fraction_thorax=0.21,
            )
        )
    return Finding(
        id=finding_id(label),
        label=label,
        probability=probability,
        interval=interval,
        threshold=threshold,
        status=status,
        n_positive=412,
        prevalence=round(threshold / 2, 3),
        basis=basis,
        regions=regions,
    )


def _report(findings: list[Finding], symptoms: str | None, warnings: tuple[Note, ...], language: str) -> Report:
    by_label = {finding.label: finding for finding in findings}

    def ids(label: Label) -> list[str]:
        finding = by_label[label]
        return [finding.id, *(region.id for region in finding.regions)]

    absent = [finding.id for finding in findings if finding.status == "absent"]
    effusion = "Signs of a pleural effusion in the right lower zone."
    impression = [
        Sentence(
            text="Right pleural effusion, with an enlarged heart.", evidence=["finding-effusion"], verdict="supported"
        ),
        Sentence(text="Something on the film is abnormal.", evidence=[OVERALL_ID], verdict="unverified"),
    ]
    if symptoms is not None:
        told = Sentence(
            text="Cough and fever were told; they change no probability.", evidence=[SYMPTOMS_ID], verdict="supported"
        )
        impression.append(told)
    if warnings:
        told = Sentence(text="Mind the warnings.", evidence=[f"warning-{warnings[0].code}"], verdict="supported")
        impression.append(told)
    return Report(
        language=language,
        findings=[
            Sentence(text=effusion, evidence=ids("Effusion"), verdict="supported"),
            Sentence(
                text="The heart is enlarged: the cardiothoracic ratio is 0.55.",
                evidence=["finding-cardiomegaly", CARDIOTHORACIC_RATIO_ID],
                verdict="supported",
            ),
            Sentence(text="Nodules in the left lung.", evidence=ids("Nodule"), verdict="contradicted"),
            Sentence(
                text="Atelectasis on the right cannot be ruled out.", evidence=ids("Atelectasis"), verdict="supported"
            ),
            Sentence(text="No sign of pneumothorax.", evidence=["finding-pneumothorax"], verdict="supported"),
            Sentence(text="Nothing else was found.", evidence=absent, verdict="supported"),
        ],
        locations=[
            Sentence(
                text="Effusion: right lower zone, 62 × 44 mm.", evidence=["region-effusion-1"], verdict="supported"
            ),
            Sentence(text="Nodule: left upper zone.", evidence=["region-nodule-1"], verdict="supported"),
            Sentence(text="Nodule: left mid zone.", evidence=["region-nodule-2"], verdict="supported"),
        ],
        impression=impression,
    )


def _provenance(prevalence: dict[str, float]) -> Provenance:
    return Provenance(
        version="0.1.0",
        created="2025-01-01T12:00:00+00:00",
        models=[
            ModelUsed(role="anatomy", name="lucidray-anatomy", version="1", sha256="ab" * 32),
            ModelUsed(role="findings", name="lucidray-findings", version="1", sha256="cd" * 32),
            ModelUsed(role="reader", name="composer", version="1", sha256=None),
        ],
        prevalence_assumed=prevalence,
        timings_ms={"load": 31.2, "anatomy": 48.0, "findings": 66.1, "regions": 12.0, "report": 1.2, "total": 159.0},
    )
