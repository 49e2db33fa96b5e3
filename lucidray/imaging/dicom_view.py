"""How the patient stood or lay, and which way the film points, as the DICOM header says.

References
----------
DICOM PS3.3 C.8.1.1 (View Position), C.8.11.5 (DX positioning), C.7.6.1.1.1 (Patient Orientation); PS3.16 CID 4010, 19,
20
"""

import re

from lucidray.domain.note import Note
from lucidray.domain.radiograph import Laterality, View
from lucidray.imaging.attributes import Attributes

# Defined terms of View Position, and what devices write instead.
_POSITIONS: dict[str, View] = {
    "PA": "PA",
    "POSTEROANTERIOR": "PA",
    "AP": "AP",
    "ANTEROPOSTERIOR": "AP",
    "LL": "lateral",
    "RL": "lateral",
    "LAT": "lateral",
    "LATERAL": "lateral",
    "LEFTLATERAL": "lateral",
    "RIGHTLATERAL": "lateral",
    "LLAT": "lateral",
    "RLAT": "lateral",
    "LAO": "oblique",
    "RAO": "oblique",
    "LPO": "oblique",
    "RPO": "oblique",
    "LLO": "oblique",
    "RLO": "oblique",
    "OBL": "oblique",
    "OBLIQUE": "oblique",
    "APSUPINE": "AP supine",
    "SUPINEAP": "AP supine",
    "SUPINE": "AP supine",
}
_DECUBITUS = ("LLD", "RLD", "LDEC", "RDEC", "DECUB", "DECUBITUS", "LEFTDECUBITUS", "RIGHTDECUBITUS")

# CID 4010 by SNOMED CT and by the SNOMED RT codes that older devices write.
_CODES: dict[str, View] = {
    **dict.fromkeys(("272479007", "R-40888", "R-10214"), "PA"),
    **dict.fromkeys(("399348003", "R-10206"), "AP"),
    **dict.fromkeys(("399067008", "R-102CD", "399173006", "R-10236", "399198007", "R-10232"), "lateral"),
    **dict.fromkeys(
        (
            *("399182000", "R-102C1", "399135007", "R-10220", "399356000", "R-40985", "399006002", "R-10212"),
            *("399038007", "R-10210", "399312000", "R-10208", "399059000", "R-10216", "260427002", "R-40783"),
            *("399236003", "R-10234", "399184004", "R-10238"),
        ),
        "oblique",
    ),
}
_SUPINE_CODES = ("40199007", "F-10340")
_SUPINE_WORDS = re.compile(r"\b(supine|lying|liegend|recumbent|couch[ée]|bedside)\b", re.IGNORECASE)
_DESCRIPTIONS = ("SeriesDescription", "ProtocolName", "AcquisitionDeviceProcessingDescription")
_WORDS_FOR_VIEW: tuple[tuple[View, re.Pattern[str]], ...] = (
    ("PA", re.compile(r"\b(PA|p\.a\.)(?![\w.])", re.IGNORECASE)),
    ("AP", re.compile(r"\b(AP|a\.p\.)(?![\w.])", re.IGNORECASE)),
    ("lateral", re.compile(r"\b(lat|lateral|LL)\b", re.IGNORECASE)),
)
_LATERALITIES: dict[str, Laterality] = {"L": "left", "R": "right", "B": "both"}

# Rows of a frontal film point to the patient's left and columns to the feet; so do these once turned, and their mirror
# images.
_TURNED = (("R", "H"), ("F", "R"), ("H", "L"))
_MIRRORED = (("R", "F"), ("L", "H"), ("F", "L"), ("H", "R"))


def read_view(attributes: Attributes) -> tuple[View, list[Note]]:
    """Return the projection.

    View Position decides, then View Code Sequence, then (with a note) the words of the series. A frontal decubitus film
    is "unknown": it is neither upright nor supine. "AP supine" is an AP film of which the header says that the patient
    lay.
    """
    stated = attributes.text("ViewPosition")
    key = re.sub(r"[^A-Z]", "", stated.upper())
    notes: list[Note] = []
    view: View = "unknown"
    if key in _DECUBITUS:
        message = f'View Position is "{stated}": a decubitus film, which lucidray was not made for.'
        return "unknown", [Note(code="view_decubitus", message=message)]
    if key in _POSITIONS:
        view = _POSITIONS[key]
    elif stated:
        notes.append(
            Note(code="view_not_understood", message=f'View Position is "{stated}", which is not a known view.')
        )
    if view == "unknown":
        view = _view_from_codes(attributes)
    if view == "unknown":
        view = _view_from_words(attributes)
        if view != "unknown":
            notes.append(
                Note(code="view_from_description", message=f"The view, {view}, is taken from a description only.")
            )
    if view == "AP":
        if _lies_by_code(attributes):
            view = "AP supine"
        elif any(_SUPINE_WORDS.search(attributes.text(keyword)) for keyword in _DESCRIPTIONS):
            view = "AP supine"
            notes.append(
                Note(code="supine_from_description", message="That the patient lay is taken from a description only.")
            )
    return view, notes


def read_laterality(attributes: Attributes) -> Laterality | None:
    """Return which side was filmed, from Image Laterality or else Laterality."""
    stated = attributes.text("ImageLaterality") or attributes.text("Laterality")
    return _LATERALITIES.get(stated.upper())


def read_orientation(attributes: Attributes, view: View) -> tuple[tuple[str, str] | None, list[Note]]:
    """Return where rows and columns point to, with a note where a frontal film is said to be mirrored or turned."""
    stated = [direction.upper() for direction in attributes.texts("PatientOrientation")]
    if len(stated) != 2 or not all(re.fullmatch(r"[LRAPHF]{1,3}", direction) for direction in stated):
        return None, []
    orientation = (stated[0], stated[1])
    main = (stated[0][0], stated[1][0])
    notes = []
    if view not in ("lateral", "oblique"):
        words = "Patient Orientation is " + "\\".join(stated)
        if main in _MIRRORED:
            message = f"{words}: the file says that left and right are exchanged."
            notes.append(Note(code="orientation_declared_mirrored", message=message))
        elif main in _TURNED:
            notes.append(
                Note(code="orientation_declared_turned", message=f"{words}: the file says that the film is turned.")
            )
    return orientation, notes


def _view_from_codes(attributes: Attributes) -> View:
    for item in attributes.items("ViewCodeSequence"):
        view = _CODES.get(item.text("CodeValue"))
        if view is not None:
            return view
    return "unknown"


def _view_from_words(attributes: Attributes) -> View:
    """Return the one view that the descriptions name; "PA and lateral" names two and says nothing of this film."""
    text = " ".join(attributes.text(keyword).replace("_", " ") for keyword in _DESCRIPTIONS)
    named = [view for view, pattern in _WORDS_FOR_VIEW if pattern.search(text)]
    return named[0] if len(named) == 1 else "unknown"


def _lies_by_code(attributes: Attributes) -> bool:
    # Patient Position: head first or feet first, then supine.
    if attributes.text("PatientPosition").upper() in ("HFS", "FFS"):
        return True
    return any(
        modifier.text("CodeValue") in _SUPINE_CODES
        for item in attributes.items("PatientOrientationCodeSequence")
        for modifier in (item, *item.items("PatientOrientationModifierCodeSequence"))
    )
