"""A detector's boxes as regions of findings, beside what the classifier's maps point at.

A detector never decides that a finding is there: its score is not calibrated. It says where. Where it boxes a finding
that the classifier calls absent, or does not score at all, the two disagree, and that is shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lucidray.domain.box import Box
from lucidray.domain.detection import DetectedBox, Detections, Pointed
from lucidray.domain.note import Note
from lucidray.domain.radiograph import Radiograph
from lucidray.domain.reading import Finding, Region
from lucidray.domain.vocabulary import OVERLAPS, Label, Side, Status
from lucidray.localization.pointed import where
from lucidray.localization.regions import MAX_REGIONS, MAY_BE_MIDLINE, region_at
from lucidray.localization.sides import Thorax

# A map's region that a detector's box covers this far is the same place, told more coarsely.
_SAME_PLACE = 0.3
_RANK: dict[Status, int] = {"present": 0, "uncertain": 1, "absent": 2, "unsupported": 3}


@dataclass(frozen=True)
class Joined:
    """Findings with a detector's boxes, and where it does not say what the classifier says."""

    findings: list[Finding]
    pointed: tuple[Pointed, ...] = ()
    notes: tuple[Note, ...] = ()


def join(
    findings: Sequence[Finding], detections: Detections, thorax: Thorax | None, film: Radiograph, detector: str
) -> Joined:
    """Give findings a detector's boxes.

    Parameters
    ----------
    findings : sequence of Finding
        All 14, decided, with the regions of their maps.
    detections : Detections
    thorax : Thorax or None
        Of the same film; without lungs no box has a side, and none is shown, which is noted.
    film : Radiograph
    detector : str
        Its name.

    Returns
    -------
    Joined
        A finding that is present or uncertain has the detector's boxes first, then those regions of its map that no
        box covers. One that was absent is uncertain. One that is not scored stays so, and has boxes. The heart's
        region stays the segmented heart.
    """
    if thorax is None:
        if not detections.boxes:
            return Joined(list(findings), (), detections.notes)
        message = f"The boxes of the detector {detector} are not shown: no lungs were found to place them by."
        return Joined(list(findings), (), (*detections.notes, Note(code="detector_no_lungs", message=message)))
    boxes: dict[Label, list[DetectedBox]] = {}
    for box in detections.boxes:
        boxes.setdefault(owner(box.labels, findings), []).append(box)
    joined, pointed = [], []
    for finding in findings:
        drawn = boxes.get(finding.label, [])[:MAX_REGIONS]
        if not drawn:
            joined.append(finding)
            continue
        regions = [_region(finding.label, number, box, thorax, film) for number, box in enumerate(drawn, start=1)]
        changed, disagreement = _with(finding, regions, detector)
        joined.append(changed)
        pointed += [disagreement] if disagreement is not None else []
    return Joined(joined, tuple(pointed), detections.notes)


def owner(labels: Sequence[Label], findings: Sequence[Finding]) -> Label:
    """Return the finding that a box belongs to: of those that it may mean, or that name the same shadow, the surest.

    A class that means one finding keeps it unless the classifier calls that one absent, or does not score it, and sees
    the same shadow under another name.
    """
    by_label = {finding.label: finding for finding in findings}
    mates = [mate for members in OVERLAPS.values() if set(labels) & set(members) for mate in members]
    candidates = [*labels, *(mate for mate in mates if mate not in labels and _RANK[by_label[mate].status] <= 1)]
    own = [by_label[label] for label in labels]
    if any(_RANK[finding.status] <= 1 for finding in own):
        candidates = list(labels)
    return min(candidates, key=lambda label: (_RANK[by_label[label].status], -(by_label[label].probability or 0.0)))


def _with(finding: Finding, regions: list[Region], detector: str) -> tuple[Finding, Pointed | None]:
    boxed = f"boxed by the detector {detector}"
    if finding.status == "unsupported":
        basis = f"{finding.basis}; {boxed}"
        return finding.model_copy(update={"regions": regions, "basis": basis}), Pointed(
            finding.label, detector, assessed=False
        )
    if finding.status == "absent":
        basis = f"{finding.basis}; {boxed}"
        changed = finding.model_copy(update={"status": "uncertain", "regions": regions, "basis": basis})
        return changed, Pointed(finding.label, detector)
    if finding.label == "Cardiomegaly" and finding.regions:
        return finding, None
    others = [one for one in finding.regions if not any(_same_place(one, box) for box in regions)]
    sides, map_sides = _sides(regions), _sides(finding.regions)
    renamed = [
        one.model_copy(update={"id": f"{one.id.rpartition('-')[0]}-{number}"})
        for number, one in enumerate(others, start=len(regions) + 1)
    ]
    apart = bool(sides) and bool(map_sides) and not sides & map_sides and finding.label not in MAY_BE_MIDLINE
    disagreement = Pointed(finding.label, detector, detector_sides=sides, classifier_sides=map_sides) if apart else None
    return finding.model_copy(update={"regions": [*regions, *renamed]}), disagreement


def _same_place(one: Region, box: Region) -> bool:
    mapped, drawn = Box(*one.box_xyxy_px), Box(*box.box_xyxy_px)
    # A map is coarse: a small box inside its region is the same place, and so is the middle of one in the other.
    common = mapped.intersection(drawn)
    return common >= _SAME_PLACE * min(mapped.area, drawn.area)


def _sides(regions: Sequence[Region]) -> frozenset[Side]:
    found: set[Side] = set()
    for region in regions:
        found |= {"left", "right"} if region.side == "both" else {region.side}
    return frozenset(found - {"midline"})


def _region(label: Label, number: int, drawn: DetectedBox, thorax: Thorax, film: Radiograph) -> Region:
    side, zone, _ = where(drawn.box, thorax, film, may_be_midline=label in MAY_BE_MIDLINE)
    rows, columns = thorax.shape
    on_grid = drawn.box.scaled(columns / film.width_px, rows / film.height_px)
    region = region_at(label, number, on_grid, (side, zone), thorax, film)
    return region.model_copy(update={"drawn_by": "detector"})
