"""The findings that lucidray names, with their codes. The order of `LABELS` is that of the networks' outputs.

Codes: SNOMED CT (scheme `SCT`), DICOM (`DCM`) and RadLex. Where sources conflict (pleural thickening, hernia) the code
is local (`99LUCIDRAY`): a wrong standard code travels further than a local one.
"""

from typing import Literal, NamedTuple, get_args

Label = Literal[
    "Atelectasis",
    "Cardiomegaly",
    "Effusion",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pneumonia",
    "Pneumothorax",
    "Consolidation",
    "Edema",
    "Emphysema",
    "Fibrosis",
    "Pleural Thickening",
    "Hernia",
]
Status = Literal["present", "absent", "uncertain", "unsupported"]
Side = Literal["left", "right", "both", "midline"]
Zone = Literal["upper", "mid", "lower"]
Verdict = Literal["supported", "contradicted", "unverified"]

LABELS: tuple[Label, ...] = get_args(Label)

# Labels that name the same shadow in other words.
OPACITY = "opacity"
OVERLAPS: dict[str, tuple[Label, ...]] = {
    OPACITY: ("Consolidation", "Pneumonia", "Infiltration"),
    "focal lesion": ("Mass", "Nodule"),
}


class Code(NamedTuple):
    """A coded concept: value, coding scheme designator (DICOM PS3.16 8.1), meaning."""

    value: str
    scheme: str
    meaning: str


CODES: dict[Label, Code] = {
    "Atelectasis": Code("46621007", "SCT", "Atelectasis"),
    "Cardiomegaly": Code("8186001", "SCT", "Cardiomegaly"),
    "Effusion": Code("60046008", "SCT", "Pleural effusion"),
    "Infiltration": Code("112121", "DCM", "Infiltrate"),
    "Mass": Code("309529002", "SCT", "Lung mass"),
    "Nodule": Code("27925004", "SCT", "Nodule"),
    "Pneumonia": Code("233604007", "SCT", "Pneumonia"),
    "Pneumothorax": Code("36118008", "SCT", "Pneumothorax"),
    "Consolidation": Code("95436008", "SCT", "Lung consolidation"),
    "Edema": Code("19242006", "SCT", "Pulmonary edema"),
    "Emphysema": Code("87433001", "SCT", "Pulmonary emphysema"),
    "Fibrosis": Code("51615001", "SCT", "Pulmonary fibrosis"),
    "Pleural Thickening": Code("pleural-thickening", "99LUCIDRAY", "Pleural thickening"),
    "Hernia": Code("hernia", "99LUCIDRAY", "Hernia"),
}

RADLEX: dict[Label, str | None] = {
    "Atelectasis": "RID28493",
    "Cardiomegaly": None,
    "Effusion": "RID34539",
    "Infiltration": None,
    "Mass": "RID39056",
    "Nodule": "RID50149",
    "Pneumonia": "RID5350",
    "Pneumothorax": "RID5352",
    "Consolidation": "RID43255",
    "Edema": "RID4866",
    "Emphysema": "RID4799",
    "Fibrosis": None,
    "Pleural Thickening": "RID28509",
    "Hernia": None,
}

# DICOM CID 244 has no "midline" for a laterality: SNOMED CT's own concept is used.
SIDE_CODES: dict[Side, Code] = {
    "left": Code("7771000", "SCT", "Left"),
    "right": Code("24028007", "SCT", "Right"),
    "both": Code("51440002", "SCT", "Right and left"),
    "midline": Code("399488007", "SCT", "Midline"),
}
ZONE_CODES: dict[Zone, Code] = {
    "upper": Code("281392002", "SCT", "Upper zone of lung"),
    "mid": Code("281393007", "SCT", "Mid zone of lung"),
    "lower": Code("281394001", "SCT", "Lower zone of lung"),
}


def finding_id(label: Label) -> str:
    """Return the id under which evidence names a finding, for example ``finding-pleural-thickening``."""
    return "finding-" + label.lower().replace(" ", "-")
