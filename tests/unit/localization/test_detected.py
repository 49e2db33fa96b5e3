"""A detector's boxes as regions: on their side, beside the map's, and never in silence against the classifier."""

from dataclasses import replace

import numpy as np
import pytest

from lucidray.domain.box import Box
from lucidray.domain.detection import DetectedBox, Detections
from lucidray.domain.radiograph import Radiograph
from lucidray.domain.reading import Finding
from lucidray.domain.vocabulary import LABELS, OVERLAPS, Label, Status, finding_id
from lucidray.localization.detected import join, owner
from lucidray.localization.sides import find_thorax
from lucidray.models.fake import drawn_anatomy

FILM = Radiograph(np.zeros((200, 100), dtype=np.float32), name="film", format="array")
THORAX = find_thorax(drawn_anatomy())
# Image left is the patient's right.
IN_RIGHT, IN_LEFT = Box(20, 90, 36, 120), Box(64, 90, 80, 120)


def finding(label: Label, status: Status = "absent") -> Finding:
    told = status != "unsupported"
    return Finding(
        id=finding_id(label),
        label=label,
        probability=({"present": 0.8, "uncertain": 0.4, "absent": 0.1}[status]) if told else None,
        interval=None,
        threshold=0.5 if told else None,
        status=status,
        n_positive=30,
        prevalence=0.1 if told else None,
        basis="score 0.10, threshold 0.50",
    )


def all_findings(**statuses: Status) -> list[Finding]:
    return [finding(label, statuses.get(label.replace(" ", "_"), "absent")) for label in LABELS]


def drew(*boxes: tuple[str, tuple[Label, ...], Box]) -> Detections:
    return Detections(
        tuple(DetectedBox(name, labels, box, 0.9 - 0.1 * n) for n, (name, labels, box) in enumerate(boxes))
    )


def joined(findings: list[Finding], *boxes: tuple[str, tuple[Label, ...], Box]):
    result = join(findings, drew(*boxes), THORAX, FILM, "yolo")
    return {one.label: one for one in result.findings}, result.pointed


def test_a_box_is_on_the_patients_side_and_in_pixels_of_the_film() -> None:
    found, pointed = joined(all_findings(Effusion="present"), ("Effusion", ("Effusion",), IN_RIGHT))
    (region,) = found["Effusion"].regions
    assert (region.side, region.drawn_by, region.id) == ("right", "detector", "region-effusion-1")
    assert region.box_xyxy_px == pytest.approx(tuple(IN_RIGHT), abs=0.1)
    assert not pointed
    found, _ = joined(all_findings(Effusion="present"), ("Effusion", ("Effusion",), IN_LEFT))
    assert found["Effusion"].regions[0].side == "left"


def test_a_turned_film_gets_its_box_on_the_stored_image() -> None:
    turned = replace(FILM, quarter_turns=1)
    result = join(all_findings(Effusion="present"), drew(("Effusion", ("Effusion",), IN_RIGHT)), THORAX, turned, "yolo")
    region = next(one for one in result.findings if one.label == "Effusion").regions[0]
    assert Box(*region.box_xyxy_px) == pytest.approx(turned.to_stored(IN_RIGHT), abs=0.1)
    assert region.side == "right"


def test_what_the_classifier_calls_absent_becomes_uncertain_and_never_present() -> None:
    found, pointed = joined(all_findings(), ("Mass", ("Mass",), IN_LEFT))
    assert found["Mass"].status == "uncertain"
    assert found["Mass"].probability == 0.1
    assert "boxed by the detector yolo" in found["Mass"].basis
    assert [(one.label, one.assessed) for one in pointed] == [("Mass", True)]
    assert all(one.status == "absent" for label, one in found.items() if label != "Mass")


def test_what_is_not_scored_stays_so_and_is_told() -> None:
    found, pointed = joined(all_findings(Nodule="unsupported"), ("Nodule", ("Nodule",), IN_LEFT))
    assert (found["Nodule"].status, found["Nodule"].probability) == ("unsupported", None)
    assert len(found["Nodule"].regions) == 1
    assert [(one.label, one.assessed) for one in pointed] == [("Nodule", False)]


def test_a_map_keeps_the_places_that_no_box_covers() -> None:
    first, _ = joined(all_findings(Effusion="present"), ("Effusion", ("Effusion",), IN_RIGHT))
    mapped = [one.model_copy(update={"drawn_by": "findings"}) for one in first["Effusion"].regions]
    other = mapped[0].model_copy(update={"id": "region-effusion-2", "side": "left", "box_xyxy_px": tuple(IN_LEFT)})
    findings = [
        one.model_copy(update={"regions": [*mapped, other]}) if one.label == "Effusion" else one
        for one in all_findings(Effusion="present")
    ]
    found, pointed = joined(findings, ("Effusion", ("Effusion",), IN_RIGHT))
    regions = found["Effusion"].regions
    assert [(one.id, one.drawn_by, one.side) for one in regions] == [
        ("region-effusion-1", "detector", "right"),
        ("region-effusion-2", "findings", "left"),
    ]
    assert not pointed
    only_left = [one.model_copy(update={"regions": [other]}) if one.label == "Effusion" else one for one in findings]
    found, pointed = joined(only_left, ("Effusion", ("Effusion",), IN_RIGHT))
    assert len(found["Effusion"].regions) == 2
    assert pointed[0].detector_sides == {"right"}
    assert pointed[0].classifier_sides == {"left"}


def test_the_heart_stays_the_segmented_heart() -> None:
    present = all_findings(Cardiomegaly="present")
    heart = joined(present, ("Cardiomegaly", ("Cardiomegaly",), IN_LEFT))[0]["Cardiomegaly"].regions[0]
    measured = heart.model_copy(update={"drawn_by": "anatomy", "box_xyxy_px": (40.0, 100.0, 68.0, 152.0)})
    findings = [
        one.model_copy(update={"regions": [measured]}) if one.label == "Cardiomegaly" else one for one in present
    ]
    found, _ = joined(findings, ("Cardiomegaly", ("Cardiomegaly",), IN_LEFT))
    assert found["Cardiomegaly"].regions == [measured]


@pytest.mark.parametrize(
    ("labels", "statuses", "owned"),
    [
        (OVERLAPS["opacity"], {"Pneumonia": "present", "Consolidation": "uncertain"}, "Pneumonia"),
        (OVERLAPS["opacity"], {"Infiltration": "uncertain"}, "Infiltration"),
        (OVERLAPS["focal lesion"], {"Mass": "unsupported", "Nodule": "absent"}, "Nodule"),
        (("Consolidation",), {"Pneumonia": "present"}, "Pneumonia"),  # the same shadow under another name
        (("Consolidation",), {"Pneumonia": "present", "Consolidation": "uncertain"}, "Consolidation"),
        (("Effusion",), {"Pneumonia": "present"}, "Effusion"),
        (("Mass",), {"Mass": "unsupported"}, "Mass"),
    ],
)
def test_a_box_belongs_to_the_finding_that_is_seen(labels, statuses, owned) -> None:
    assert owner(labels, all_findings(**statuses)) == owned


def test_without_lungs_nothing_is_placed_and_that_is_said() -> None:
    findings = all_findings(Effusion="present")
    result = join(findings, drew(("Effusion", ("Effusion",), IN_LEFT)), None, FILM, "yolo")
    assert result.findings == findings
    assert "no lungs" in result.notes[0].message
