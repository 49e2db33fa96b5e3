"""What a text, or a set of labels, says of a film: a polarity a finding, with sides and zones of what is there."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from lucidray.domain.box import Box
from lucidray.domain.claim import Claim, Polarity
from lucidray.domain.vocabulary import LABELS, Label, Side, Zone

Extract = Callable[[str], Sequence[Claim]]
"""Takes a text and gives its claims."""
Uncertain = Literal["absent", "present", "ignore"]
"""What an uncertain statement counts as; `ignore` leaves out findings of which the reference is uncertain."""
Calls = npt.NDArray[np.bool_]

# The five that CheXpert's competition scored, by the names that this project has for them.
FIVE: tuple[Label, ...] = ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Effusion")
# Where claims of one text differ, the graver one holds: "no effusion on the left, a small one on the right".
_GRAVITY: dict[Polarity, int] = {"absent": 0, "uncertain": 1, "present": 2}


@dataclass(frozen=True)
class Said:
    """What is said of one film.

    Attributes
    ----------
    polarity : mapping
        Of the findings that are spoken of.
    assessed : frozenset of Label
        What could be spoken of: all findings for a report, whose silence means absent; for labels, those with a value.
    sides, zones : mapping
        Of what is said to be present, where the text says it; "both" is left and right.
    text : str or None
        None where there are labels only.
    boxes : mapping
        In pixels of the stored film, by finding.
    """

    polarity: Mapping[Label, Polarity]
    assessed: frozenset[Label] = frozenset(LABELS)
    sides: Mapping[Label, frozenset[Side]] = field(default_factory=dict)
    zones: Mapping[Label, frozenset[Zone]] = field(default_factory=dict)
    text: str | None = None
    boxes: Mapping[Label, tuple[Box, ...]] = field(default_factory=dict)


SILENT = Said({}, text="")


def from_claims(
    claims: Iterable[Claim], text: str | None, boxes: Mapping[Label, tuple[Box, ...]] | None = None
) -> Said:
    """Gather the claims of one text; free air under the diaphragm is none of the 14 findings and is left out."""
    polarity: dict[Label, Polarity] = {}
    sides: dict[Label, set[Side]] = {}
    zones: dict[Label, set[Zone]] = {}
    for claim in claims:
        if claim.label == "Free Air":
            continue
        before = polarity.get(claim.label)
        if before is None or _GRAVITY[claim.polarity] > _GRAVITY[before]:
            polarity[claim.label] = claim.polarity
        if claim.polarity == "present":
            if claim.side is not None:
                sides.setdefault(claim.label, set()).update(_single_sides(claim.side))
            if claim.zone is not None:
                zones.setdefault(claim.label, set()).add(claim.zone)
    return Said(
        polarity,
        sides={label: frozenset(found) for label, found in sides.items()},
        zones={label: frozenset(found) for label, found in zones.items()},
        text=text,
        boxes=boxes or {},
    )


def from_labels(labels: Mapping[Label, Polarity], boxes: Mapping[Label, tuple[Box, ...]] | None = None) -> Said:
    """Take labels as what is said; findings without a label were not assessed."""
    return Said(dict(labels), assessed=frozenset(labels), boxes=boxes or {})


def claim_extractor(language: str = "en") -> Extract:
    """Return what finds the claims in texts of a language; it is loaded when asked for."""
    from lucidray.reasoning.claims import extract_claims  # noqa: PLC0415

    def extract(text: str) -> Sequence[Claim]:
        return extract_claims(text, language)

    return extract


def calls(said: Sequence[Said], uncertain: Uncertain) -> Calls:
    """Return (N, 14) bool, in the order of `LABELS`: which findings count as said to be present."""
    positive = {"present", "uncertain"} if uncertain == "present" else {"present"}
    return np.array([[one.polarity.get(label) in positive for label in LABELS] for one in said], dtype=np.bool_)


def known(references: Sequence[Said], uncertain: Uncertain) -> Calls:
    """Return (N, 14) bool: of which findings the reference says enough to be counted."""
    return np.array(
        [
            [
                label in one.assessed and not (uncertain == "ignore" and one.polarity.get(label) == "uncertain")
                for label in LABELS
            ]
            for one in references
        ],
        dtype=np.bool_,
    )


def denials(said: Sequence[Said]) -> Calls:
    """Return (N, 14) bool: which findings are said to be absent in words."""
    return np.array([[one.polarity.get(label) == "absent" for label in LABELS] for one in said], dtype=np.bool_)


def _single_sides(side: Side) -> set[Side]:
    return {"left", "right"} if side == "both" else {side}
