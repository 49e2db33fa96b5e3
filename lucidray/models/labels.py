"""What other packages call the findings: one table from their names to those of lucidray, and what has no equal here.

A name is taken for a finding only where both mean the same thing on the film. A wider name ("Lung Opacity", "Enlarged
Cardiomediastinum") or a mixed one ("Nodule/Mass") has no equal: its score would be read as something that it is not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from lucidray.domain.errors import ModelError
from lucidray.domain.vocabulary import LABELS, OPACITY, OVERLAPS, Label

# Beside the findings' own names. Sources: NIH ChestX-ray14, CheXpert, MIMIC-CXR, PadChest, VinBigData, TorchXRayVision.
EQUAL: dict[str, Label] = {
    "pleural effusion": "Effusion",
    "pleural thickening": "Pleural Thickening",
    "infiltrate": "Infiltration",
    "infiltrates": "Infiltration",
    "lung mass": "Mass",
    "pulmonary mass": "Mass",
    "lung nodule": "Nodule",
    "pulmonary nodule": "Nodule",
    "pulmonary edema": "Edema",
    "pulmonary fibrosis": "Fibrosis",
    "lung consolidation": "Consolidation",
    "pulmonary emphysema": "Emphysema",
    "hiatal hernia": "Hernia",
    **{label.lower(): label for label in LABELS},
}

# The name, and why its score is not used.
WITHOUT_EQUAL: dict[str, str] = {
    "aortic enlargement": "lucidray does not name it",
    "calcification": "lucidray does not name it",
    "enlarged cardiomediastinum": "wider than cardiomegaly: the mediastinum counts too",
    "enlarged pa": "lucidray does not name it",
    "fracture": "lucidray does not name it",
    "ild": "interstitial disease: neither fibrosis nor edema alone",
    "lung lesion": "a mass or a nodule, without telling which",
    "lung opacity": "any of five findings, without telling which",
    "no finding": "the absence of all findings, also of those that lucidray does not name",
    "nodule mass": "a mass or a nodule, without telling which",
    "other lesion": "lucidray does not name it",
    "pleural other": "lucidray does not name it",
    "rib fracture": "lucidray does not name it",
    "support devices": "no finding of disease",
    "tuberculosis": "lucidray does not name it",
}


# Classes of detectors that name a shadow without telling which of several findings it is; a box of theirs goes to the
# one of these that the classifier sees.
CONCEPTS: dict[str, tuple[Label, ...]] = {
    "lung opacity": OVERLAPS[OPACITY],
    "opacity": OVERLAPS[OPACITY],
    "airspace opacity": OVERLAPS[OPACITY],
    "lung lesion": OVERLAPS["focal lesion"],
    "nodule mass": OVERLAPS["focal lesion"],
}

# What a model calls the answer to whether the film shows anything abnormal at all.
OVERALL_NAMES = frozenset({"any abnormality", "abnormal"})


@dataclass(frozen=True)
class Outputs:
    """Which output of a model scores which finding.

    Attributes
    ----------
    index : dict
        Place of each finding among the model's outputs.
    left_out : tuple of str
        Names that the model scores and lucidray does not use.
    overall : int or None
        The place of the output that says whether anything is abnormal.
    """

    index: dict[Label, int]
    left_out: tuple[str, ...]
    overall: int | None = None

    @property
    def note(self) -> str | None:
        """What is left out, in words; None where nothing is."""
        if not self.left_out:
            return None
        return f"scores that have no equal among lucidray's findings are left out: {', '.join(self.left_out)}"


def normalized(name: str) -> str:
    """Write a name as the table has it: lower case, one space between words."""
    return " ".join(name.lower().replace("_", " ").replace("/", " ").replace("-", " ").split())


def findings_of_class(name: str) -> tuple[Label, ...]:
    """Return the findings that a detector's class may mean: one, several that it does not tell apart, or none."""
    key = normalized(name)
    return (EQUAL[key],) if key in EQUAL else CONCEPTS.get(key, ())


def match(names: Sequence[str | None], source: str) -> Outputs:
    """Find lucidray's findings among the names of a model's outputs.

    Parameters
    ----------
    names : sequence of str or None
        One an output, in order; empty and None stand for an output that was never trained.
    source : str
        What to call the model in an error.

    Raises
    ------
    ModelError
        Two outputs mean the same finding, none means any, or a name looks like a misspelt one.
    """
    index: dict[Label, int] = {}
    overall: int | None = None
    left_out = []
    for place, name in enumerate(names):
        if not name:
            continue
        key = normalized(name)
        if key in OVERALL_NAMES:
            if overall is not None:
                raise ModelError(f"{source}: two outputs say whether anything is abnormal")
            overall = place
            continue
        if key not in EQUAL:
            near = get_close_matches(key, EQUAL, 1, cutoff=0.85)
            if key not in WITHOUT_EQUAL and near:
                raise ModelError(f"{source}: the output {name!r} is not known; if {EQUAL[near[0]]!r} is meant, say so")
            left_out.append(name)
            continue
        label = EQUAL[key]
        if label in index:
            raise ModelError(f"{source}: two outputs are named {label}")
        index[label] = place
    if not index and overall is None:
        raise ModelError(f"{source}: no output is one of lucidray's findings ({', '.join(LABELS)})")
    return Outputs(index, tuple(left_out), overall)
