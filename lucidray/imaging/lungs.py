"""Whether a film shows both lungs, or a part of the chest was cut away.

A disease is no reason to refuse: a white hemithorax has no lung to see, so a lung that is hardly seen counts as cut off
only where the film has no room for it.
"""

from lucidray.domain.anatomy import Anatomy
from lucidray.domain.mask import Mask, extent
from lucidray.domain.note import Note
from lucidray.domain.protocols import GateThresholds

# In 438 adult films with drawn lungs (JSRT and the wingspan set) each lung is at least half as wide as the other, and
# the gap between them is 0.42 of a lung's width (median): a lung has room where more than half its twin's width fits.
GAP_PER_LUNG_WIDTH = 0.42
MIN_ROOM = 0.5
# Share of its height (left, right) or width (upper, lower) along which a lung may run beside a border before it counts
# as cut off. Of 1,127 frontal films from eight sources 7 exceed one of these; with 30 % of an adult's film cut away,
# 388 of 399 do at the left, right and upper borders, 54 of 133 at the lower one, where the lungs end well above it.
MAX_BORDER_SHARE = {"left": 0.7, "right": 0.7, "upper": 0.6, "lower": 0.4}
NOTED_BORDER_SHARE = 0.2
# Masks stop short of a border by a pixel or two.
_BORDER_BAND = 0.012
# Wide borders and whole-body films of babies make sound lungs small: only far below the smallest lung is there none.
_NO_LUNG_SHARE = 0.3


def judge_lungs(anatomy: Anatomy, thresholds: GateThresholds) -> tuple[Note | None, list[Note]]:
    """Judge by the segmented lungs whether the film shows both of them.

    Parameters
    ----------
    anatomy : Anatomy
        Of an upright frontal film.
    thresholds : GateThresholds
        `min_lung_fraction` and `min_lung_ratio` count.

    Returns
    -------
    refusal : Note or None
        `not_chest` where there is no lung, `cropped` where one is cut off.
    warnings : list of Note
        Of an accepted film: `lung_at_border`, `lung_not_seen`, `small_chest`.
    """
    lungs = {"right": anatomy.piece("right_lung"), "left": anatomy.piece("left_lung")}
    areas = {name: float(lung.mean()) for name, lung in lungs.items()}
    smaller, larger = sorted(areas, key=lambda name: areas[name])
    least = _NO_LUNG_SHARE * thresholds.min_lung_fraction
    if areas[larger] < least:
        return Note(
            code="not_chest",
            message="No lung can be made out: this is not a frontal chest film, or it shows too little to be read.",
        ), []
    doubts, at_border = [], []
    # What is too small to be a lung has no borders to be judged by.
    for name in (name for name in lungs if areas[name] >= least):
        border, share = _border_reached(lungs[name])
        if share > MAX_BORDER_SHARE[border]:
            return Note(
                code="cropped",
                message=f"The {name} lung runs beyond the {border} border of the film:"
                " use a film that shows both lungs whole.",
            ), []
        if share > NOTED_BORDER_SHARE:
            at_border.append(f"the {name} lung the {border} one")
    if at_border:
        doubts.append(
            Note(
                code="lung_at_border",
                message=f"Lung reaches the border of the film ({', '.join(at_border)}): what lies beyond is not read.",
            )
        )
    if areas[smaller] < thresholds.min_lung_ratio * areas[larger]:
        if not _has_room(lungs[larger], larger == "right"):
            return Note(
                code="cropped",
                message=f"The film leaves no room for the {smaller} lung: use a film that shows both lungs whole.",
            ), []
        doubts.append(
            Note(
                code="lung_not_seen",
                message=f"Much less of the {smaller} lung than of the other can be made out: it may be white with"
                " disease, collapsed or removed, and places named on that side are rough.",
            )
        )
    if areas[larger] < thresholds.min_lung_fraction:
        doubts.append(
            Note(
                code="small_chest",
                message="The lungs fill a small part of the film, so that details are lost: cut away wide borders.",
            )
        )
    return None, doubts


def _border_reached(lung: Mask) -> tuple[str, float]:
    """Return the border that a lung exceeds most, and the share of its height or width that runs along it."""
    box = extent(lung)
    if box is None:
        return "left", 0.0
    band = max(1, round(_BORDER_BAND * lung.shape[0]))
    shares = {
        "left": float(lung[:, :band].any(axis=1).sum()) / box.height,
        "right": float(lung[:, -band:].any(axis=1).sum()) / box.height,
        "upper": float(lung[:band].any(axis=0).sum()) / box.width,
        "lower": float(lung[-band:].any(axis=0).sum()) / box.width,
    }
    border = max(shares, key=lambda name: shares[name] / MAX_BORDER_SHARE[name])
    return border, shares[border]


def _has_room(lung: Mask, is_right: bool) -> bool:
    """Whether a twin of this lung would fit on the film, on the far side of the spine."""
    box = extent(lung)
    if box is None:
        return False
    free = lung.shape[1] - box.x1 if is_right else box.x0
    return free - GAP_PER_LUNG_WIDTH * box.width > MIN_ROOM * box.width
