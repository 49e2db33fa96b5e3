"""The acceptance gate: may this film be read, and if not, why not.

Two questions, in this order. `judge_pixels` needs no network and rules out what no network should be asked about.
`judge` weighs what the anatomy network saw against what the file says of itself. Doubt refuses: a wrong refusal costs a
minute, a reading of a film that lies on its side costs trust. A disease is no reason to refuse: a white hemithorax has
no lung to see, so a lung counts as cut off only where the film has no room for it.
"""

from dataclasses import dataclass

import numpy as np

from lucidray.domain.anatomy import Anatomy, Appearance
from lucidray.domain.note import Note
from lucidray.domain.protocols import GateThresholds
from lucidray.domain.radiograph import Radiograph
from lucidray.imaging.lungs import judge_lungs

MIN_SIDE_PX = 128
MAX_ASPECT = 2.2
# Five grey steps of an 8-bit film: nothing that can be read hides in fewer.
MIN_CONTRAST = 0.02
MAX_SATURATED_SHARE = 0.95
# What the file says against the network counts only where the network itself hesitates.
SURE_FRONTAL = 0.90
SURE_FRONTAL_IN_COLOUR = 0.98

_SAMPLE_SIDE_PX = 256
_CLOCKWISE_DEGREES = {1: 270, 2: 180, 3: 90}
_TURN_WORDS = {1: "by 90 degrees counter-clockwise", 2: "upside down", 3: "by 90 degrees clockwise"}
_CHEST_WORDS = ("CHEST", "THORAX", "LUNG", "RIB", "HEART", "STERNUM", "TSPINE")
# fmt: off
# Body Part Examined (0018,0015), DICOM PS3.16 annex L: the parts that never stand for a chest film.
_OTHER_PARTS = frozenset(
    {
        "ABDOMEN", "ANKLE", "ARM", "BRAIN", "BREAST", "CALCANEUS", "CLAVICLE", "COCCYX", "CSPINE", "ELBOW", "EXTREMITY",
        "EYE", "FACE", "FEMUR", "FINGER", "FOOT", "FOREARM", "HAND", "HEAD", "HIP", "HUMERUS", "JAW", "KNEE", "LEG",
        "LSPINE", "MANDIBLE", "MAXILLA", "NECK", "ORBIT", "PATELLA", "PELVIS", "SACRUM", "SCAPULA", "SHOULDER", "SINUS",
        "SKULL", "SSPINE", "TEETH", "THIGH", "THUMB", "TIBIA", "TOE", "WRIST", "ZYGOMA",
    }
)
# fmt: on


@dataclass(frozen=True)
class Verdict:
    """What the gate says of a film.

    Attributes
    ----------
    refusal : tuple of Note
        Why the film is not read; empty where it is accepted.
    warnings : tuple of Note
        What a person should know of an accepted film.
    quarter_turns : int
        Counter-clockwise quarter turns that would set the film upright; 0 where it is.
    invert : bool
        Whether bright and dark must be exchanged.
    """

    refusal: tuple[Note, ...] = ()
    warnings: tuple[Note, ...] = ()
    quarter_turns: int = 0
    invert: bool = False

    @property
    def accepted(self) -> bool:
        """Whether the film may be read as it is."""
        return not self.refusal

    @property
    def fixable(self) -> bool:
        """Whether the film was refused only for what turning and inverting it would cure."""
        return not self.accepted and len(self.refusal) == bool(self.quarter_turns) + self.invert


def judge_pixels(film: Radiograph, least_px: int = MIN_SIDE_PX) -> tuple[Note, ...]:
    """Refuse what needs no network to refuse.

    Parameters
    ----------
    film : Radiograph
        As read; only the shape and the grey values count.
    least_px : int
        Shortest side that is let through; smaller than `MIN_SIDE_PX` only where the film will be upscaled.

    Returns
    -------
    tuple of Note
        At most one of `too_small`, `not_chest` (by its shape) and `blank`; empty where the film may go on.
    """
    width, height = film.width_px, film.height_px
    if min(width, height) < least_px:
        return (
            Note(
                code="too_small",
                message=f"The film is {width} by {height} pixels; under {least_px} pixels a side show too little:"
                " use the original image, not a thumbnail.",
            ),
        )
    if max(width, height) > MAX_ASPECT * min(width, height):
        return (
            Note(
                code="not_chest",
                message=f"The image is {width} by {height} pixels, a shape that no frontal chest film has:"
                " use the film alone, without borders or other pictures beside it.",
            ),
        )
    step = max(1, min(width, height) // _SAMPLE_SIDE_PX)
    sample = film.pixels[::step, ::step]
    low, high = np.percentile(sample, (1.0, 99.0))
    if high - low < MIN_CONTRAST:
        return (
            Note(
                code="blank",
                message="The film shows next to no contrast: check that exposure and export of the image worked.",
            ),
        )
    # Counted at whichever end the film sits: a text page is white, an unexposed film black.
    saturated = float(np.mean((sample <= 0.002) | (sample >= 0.998)))
    if saturated > MAX_SATURATED_SHARE:
        return (
            Note(
                code="blank",
                message=f"{saturated:.0%} of the film are pure black or white: export it again with a wider window.",
            ),
        )
    return ()


def judge(film: Radiograph, appearance: Appearance, anatomy: Anatomy, thresholds: GateThresholds) -> Verdict:
    """Decide whether a film may be read.

    Parameters
    ----------
    film : Radiograph
        With what its file says of view, body part and orientation.
    appearance : Appearance
        What kind of image the network takes it for.
    anatomy : Anatomy
        The organs that the network found on it.
    thresholds : GateThresholds
        From which probability on the network is believed.

    Returns
    -------
    Verdict
        Refused for what it is (`not_chest`, `lateral`, `oblique`), else for how it lies (`turned_90`, `turned_180`,
        `turned_270`: degrees clockwise; `inverted`), else for what is missing (`cropped`): the first of these explains
        those after it. An accepted film may carry the warnings `child`, `body_part_disagrees`, `lung_not_seen`,
        `lung_at_border`, `small_chest` and `mirrored`.
    """
    other = _not_a_frontal_chest(film, appearance, thresholds)
    if other is not None:
        return Verdict(refusal=(other,))
    lying = _turned_or_inverted(appearance, thresholds)
    if not lying.accepted:
        return lying
    missing, doubts = judge_lungs(anatomy, thresholds)
    if missing is not None:
        return Verdict(refusal=(missing,))
    warnings = (
        _child_warning(film),
        _body_part_warning(film),
        *doubts,
        _mirrored_warning(film, appearance, thresholds),
    )
    return Verdict(warnings=tuple(note for note in warnings if note is not None))


def _not_a_frontal_chest(film: Radiograph, appearance: Appearance, thresholds: GateThresholds) -> Note | None:
    if film.view == "lateral":
        return Note(
            code="lateral",
            message="The file says that this is a lateral film, and only frontal films are read:"
            " use the frontal film, or name the view if the file is wrong.",
        )
    if film.view == "oblique":
        return Note(
            code="oblique",
            message="The file says that this is an oblique film, and only frontal films are read:"
            " use the frontal film, or name the view if the file is wrong.",
        )
    if appearance.not_chest >= thresholds.not_chest:
        return Note(
            code="not_chest",
            message="This does not look like a chest radiograph: use a frontal chest film.",
        )
    if appearance.lateral >= thresholds.lateral:
        return Note(
            code="lateral",
            message="This looks like a lateral film, and only frontal films are read: use the frontal film.",
        )
    if 1.0 - appearance.frontal >= max(thresholds.not_chest, thresholds.lateral):
        return Note(
            code="lateral" if appearance.lateral > appearance.not_chest else "not_chest",
            message="This does not look like a frontal chest film: use the frontal film.",
        )
    if _is_other_part(film.body_part) and appearance.frontal < SURE_FRONTAL:
        return Note(
            code="not_chest",
            message=f"The file says that the body part is {_quoted(film.body_part)},"
            " and the picture does not settle that it is a chest: use a frontal chest film.",
        )
    if any(note.code == "colour" for note in film.warnings) and appearance.frontal < SURE_FRONTAL_IN_COLOUR:
        return Note(
            code="not_chest",
            message="The image is in colour and hardly looks like a chest radiograph: use the original grey film.",
        )
    return None


def _turned_or_inverted(appearance: Appearance, thresholds: GateThresholds) -> Verdict:
    notes, quarter_turns = [], 0
    if 1.0 - appearance.turn[0] >= thresholds.turned:
        turned_by = 1 + int(np.argmax(appearance.turn[1:]))
        quarter_turns = 4 - turned_by
        notes.append(
            Note(
                code=f"turned_{_CLOCKWISE_DEGREES[turned_by]}",
                message=f"The film is turned {_TURN_WORDS[turned_by]}: turn it upright, or use --fix-orientation.",
            )
        )
    invert = appearance.inverted >= thresholds.inverted
    if invert:
        notes.append(
            Note(
                code="inverted",
                message="Bright and dark are exchanged, lungs look bright and bones dark: invert the film,"
                " or use --fix-orientation.",
            )
        )
    return Verdict(refusal=tuple(notes), quarter_turns=quarter_turns, invert=invert)


def _is_other_part(body_part: str | None) -> bool:
    words = (body_part or "").upper().replace("_", " ").replace("-", " ").replace("/", " ").split()
    is_chest = any(word.startswith(_CHEST_WORDS) for word in words)
    return not is_chest and any(word in _OTHER_PARTS for word in words)


def _child_warning(film: Radiograph) -> Note | None:
    if not film.is_child:
        return None
    return Note(
        code="child",
        message="The person is under 18: only pneumonia is scored, as learnt from children of 1 to 5 years; at other"
        " ages take it with more caution. All other findings were learnt from adults and are not assessed.",
    )


def _body_part_warning(film: Radiograph) -> Note | None:
    if not _is_other_part(film.body_part):
        return None
    return Note(
        code="body_part_disagrees",
        message=f"The file says that the body part is {_quoted(film.body_part)}, but the picture is a chest film:"
        " check that file and patient belong together.",
    )


def _mirrored_warning(film: Radiograph, appearance: Appearance, thresholds: GateThresholds) -> Note | None:
    # On an upright film columns run to the feet and rows to the patient's left, unless it is mirrored.
    declared = film.orientation is not None and (film.orientation[0][:1], film.orientation[1][:1]) == ("R", "F")
    seen = appearance.mirrored >= thresholds.mirrored
    if not declared and not seen:
        return None
    if declared and seen:
        reason = "The film looks mirrored, and the file says so (Patient Orientation)"
    elif declared:
        reason = "The file says that the film is mirrored (Patient Orientation), though it does not look so"
    else:
        reason = "The film looks mirrored, or the heart lies on the right"
    return Note(
        code="mirrored", message=f"{reason}: left and right in this reading may be exchanged, check a side marker."
    )


def _quoted(text: str | None) -> str:
    """Quote what a stranger wrote into the file: printable, and not at any length."""
    return '"' + "".join(character for character in text or "" if character.isprintable())[:32] + '"'
