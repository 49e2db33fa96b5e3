"""What the composer knows of medicine: the order of a report, what overlaps, which symptoms fit which findings.

These are the common textbook associations, kept coarse on purpose. They choose words; they never change a probability,
a threshold or a status.
"""

from typing import NamedTuple

from lucidray.domain.vocabulary import OVERLAPS, Label

# FINDINGS go through the chest in this order; the heart, which has a measurement, is written by itself.
LUNGS: tuple[Label, ...] = (
    "Consolidation",
    "Pneumonia",
    "Infiltration",
    "Atelectasis",
    "Edema",
    "Mass",
    "Nodule",
    "Emphysema",
    "Fibrosis",
)
PLEURA: tuple[Label, ...] = ("Effusion", "Pneumothorax", "Pleural Thickening")
HEART: Label = "Cardiomegaly"
OTHER: tuple[Label, ...] = ("Hernia",)
ANATOMICAL_ORDER: tuple[Label, ...] = (*LUNGS, *PLEURA, HEART, *OTHER)

# IMPRESSION starts with what is most pressing.
URGENCY: tuple[Label, ...] = (
    "Pneumothorax",
    "Mass",
    "Nodule",
    "Consolidation",
    "Pneumonia",
    "Infiltration",
    "Effusion",
    "Edema",
    "Cardiomegaly",
    "Atelectasis",
    "Fibrosis",
    "Emphysema",
    "Pleural Thickening",
    "Hernia",
)

CONGESTION: tuple[Label, ...] = ("Cardiomegaly", "Edema", "Effusion")

INFECTION = frozenset({"fever", "chills", "cough", "sputum", "night_sweats"})
# Known conditions and exposures: nothing that a film would have to explain.
HISTORY = frozenset(
    {"smoking", "copd", "asthma", "heart_failure", "cancer", "tuberculosis", "asbestos", "immunosuppression", "trauma"}
)

_AIRSPACE = INFECTION | {"dyspnea", "hemoptysis", "chest_pain", "fatigue", "hypoxia"}
_CONGESTED = frozenset({"dyspnea", "orthopnea", "leg_swelling", "hypoxia", "fatigue"})
COMPATIBLE: dict[Label, frozenset[str]] = {
    "Atelectasis": frozenset({"dyspnea", "hypoxia"}),
    "Cardiomegaly": _CONGESTED | {"palpitations", "heart_failure"},
    "Effusion": frozenset({"dyspnea", "chest_pain", "cough", "hypoxia", "heart_failure"}),
    "Infiltration": _AIRSPACE,
    "Mass": frozenset({"cough", "hemoptysis", "weight_loss", "chest_pain", "fatigue", "cancer", "smoking"}),
    "Nodule": frozenset({"hemoptysis", "weight_loss", "cancer", "smoking"}),
    "Pneumonia": _AIRSPACE,
    "Pneumothorax": frozenset({"dyspnea", "chest_pain", "hypoxia", "trauma"}),
    "Consolidation": _AIRSPACE,
    "Edema": _CONGESTED | {"cough", "wheeze", "heart_failure"},
    "Emphysema": frozenset({"dyspnea", "cough", "wheeze", "hypoxia", "copd", "smoking"}),
    "Fibrosis": frozenset({"dyspnea", "cough", "hypoxia", "fatigue", "asbestos"}),
    "Pleural Thickening": frozenset({"chest_pain", "asbestos"}),
    "Hernia": frozenset({"heartburn", "dysphagia", "chest_pain"}),
}


class RedFlag(NamedTuple):
    """Symptoms that, given together, need an answer even where the film shows nothing that explains them."""

    cause: str
    concepts: tuple[str, ...]


RED_FLAGS: tuple[RedFlag, ...] = (
    RedFlag("chest_pain_dyspnea", ("chest_pain", "dyspnea")),
    RedFlag("hemoptysis", ("hemoptysis",)),
    RedFlag("syncope", ("syncope",)),
    RedFlag("fever_immunosuppression", ("fever", "immunosuppression")),
    RedFlag("weight_loss", ("weight_loss",)),
    RedFlag("trauma", ("trauma",)),
)


def overlap_of(label: Label) -> str | None:
    """Return the group that names the same shadow as the label, or None."""
    return next((group for group, members in OVERLAPS.items() if label in members), None)
