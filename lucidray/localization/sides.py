"""Which side and which zone a place lies in, by the lungs that were segmented and never by image halves.

The lung on the image's left is the patient's right. What lies in neither lung belongs to the side of the midline that
it lies on; the midline runs halfway between the lungs' medial borders, above the heart, where the two are alike. A lung
that disease has hidden is given the extent of its twin, mirrored at the midline.

A zone is a third of a lung's own height, from its apex to its base.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from lucidray.domain.anatomy import Anatomy
from lucidray.domain.box import Box
from lucidray.domain.mask import Mask, extent
from lucidray.domain.vocabulary import Side, Zone

# In 438 adult films with drawn lungs (JSRT and the wingspan set) the lungs lie 0.42 of a lung's width apart (median),
# and the shorter one has at least 0.56 of the height of the longer; below 0.65 (one in 200) it counts as partly hidden.
_HALF_GAP_PER_LUNG_WIDTH = 0.21
_MIN_HEIGHT_OF_TWIN = 0.65
_MIN_AREA_OF_TWIN = 0.35
# A place covers a side substantially from this share of its weight on.
_BOTH_SHARE = 0.25
# A place lies in the midline where this share of its weight is between the lungs' inner borders and in no lung.
_MIDLINE_SHARE = 0.6
# The pleura and the costophrenic angles lie outside what is drawn as lung: shares of the thorax's width and height.
_MARGIN_SIDE, _MARGIN_TOP, _MARGIN_BOTTOM = 0.03, 0.02, 0.06


@dataclass(frozen=True, eq=False)
class Thorax:
    """The frame that sides and zones are read in; all lengths in pixels of the masks.

    Attributes
    ----------
    right, left : Box
        Extent of each lung, hidden parts restored from the other lung.
    midline_x : float
        Where the patient's right ends and the left begins.
    right_mask, left_mask : (h, w) bool
        The lungs as segmented, specks dropped.
    heart : Box or None
        Extent of the heart; None where none was found.
    hidden : "right", "left" or None
        The side whose lung was restored from its twin.
    """

    right: Box
    left: Box
    midline_x: float
    right_mask: Mask
    left_mask: Mask
    heart: Box | None
    hidden: Side | None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the masks."""
        rows, columns = self.right_mask.shape
        return rows, columns

    @cached_property
    def box(self) -> Box:
        """Lungs and heart with a margin for pleura and costophrenic angles, within the film."""
        organs = [self.right, self.left, *([self.heart] if self.heart else [])]
        x0, y0 = min(organ.x0 for organ in organs), min(organ.y0 for organ in organs)
        x1, y1 = max(organ.x1 for organ in organs), max(organ.y1 for organ in organs)
        side, height = _MARGIN_SIDE * (x1 - x0), y1 - y0
        rows, columns = self.shape
        return Box(
            max(0.0, x0 - side),
            max(0.0, y0 - _MARGIN_TOP * height),
            min(float(columns), x1 + side),
            min(float(rows), y1 + _MARGIN_BOTTOM * height),
        )

    @property
    def width(self) -> float:
        """Inner width of the thorax, from the outer border of one lung to that of the other."""
        return self.left.x1 - self.right.x0

    @cached_property
    def on_right(self) -> Mask:
        """The patient's right side, as (h, w) bool: lungs by their own place, all else by the midline."""
        centres = np.arange(self.shape[1]) + 0.5
        right: Mask = (self.right_mask | (centres < self.midline_x)) & ~self.left_mask
        return right

    def side(self, weight: npt.NDArray[np.floating], *, may_be_midline: bool = True) -> Side:
        """Return the side of a place.

        Parameters
        ----------
        weight : (h, w) float
            How much each pixel of the mask grid counts; not negative, not all zero.
        may_be_midline : bool
            Whether such a thing can lie in front of the spine; diseases of lung and pleura are on a side.
        """
        total = float(weight.sum())
        # Only what lies between the lungs can be midline: below a diaphragm, one side's effusion is still that side's.
        between = ~(self.right_mask | self.left_mask)
        between[:, : max(0, round(self.right.x1))] = False
        between[:, max(0, round(self.left.x0)) :] = False
        if may_be_midline and float(weight[between].sum()) >= _MIDLINE_SHARE * total:
            return "midline"
        right_share = float(weight[self.on_right].sum()) / total
        if min(right_share, 1.0 - right_share) >= _BOTH_SHARE:
            return "both"
        return "right" if right_share > 0.5 else "left"

    def zone(self, y: float, side: Side) -> Zone:
        """Return the third of the lung that row `y` lies in; `both` and `midline` take the mean of the two lungs."""
        lungs = {"right": (self.right,), "left": (self.left,)}.get(side, (self.right, self.left))
        apex = float(np.mean([lung.y0 for lung in lungs]))
        base = float(np.mean([lung.y1 for lung in lungs]))
        share = (y - apex) / (base - apex)
        if share < 1 / 3:
            return "upper"
        return "mid" if share < 2 / 3 else "lower"


def find_thorax(anatomy: Anatomy) -> Thorax | None:
    """Read the frame of sides and zones off the masks.

    Parameters
    ----------
    anatomy : Anatomy
        Specks in its masks do no harm: the largest piece of each lung counts.

    Returns
    -------
    Thorax or None
        None where no lung was found.
    """
    right_mask, left_mask = anatomy.piece("right_lung"), anatomy.piece("left_lung")
    right, left = extent(right_mask), extent(left_mask)
    hidden = _hidden_side(right_mask, left_mask)
    rows, columns = right_mask.shape
    film = Box(0.0, 0.0, float(columns), float(rows))
    if right is not None and hidden == "left":
        midline_x = min(right.x1 + _HALF_GAP_PER_LUNG_WIDTH * right.width, film.x1)
        left = _restored(left, right, midline_x, film)
    elif left is not None and hidden == "right":
        midline_x = max(left.x0 - _HALF_GAP_PER_LUNG_WIDTH * left.width, film.x0)
        right = _restored(right, left, midline_x, film)
    elif right is not None and left is not None:
        midline_x = _midline(right_mask, left_mask, right, left)
    if right is None or left is None:
        return None
    return Thorax(right, left, midline_x, right_mask, left_mask, extent(anatomy.piece("heart")), hidden)


def _hidden_side(right: Mask, left: Mask) -> Side | None:
    sides: tuple[tuple[Side, Mask], ...] = (("right", right), ("left", left))
    (side, smaller), (_, larger) = sorted(sides, key=lambda pair: int(pair[1].sum()))
    small, large = extent(smaller), extent(larger)
    if large is None:
        return None
    if small is None or small.height < _MIN_HEIGHT_OF_TWIN * large.height:
        return side
    return side if smaller.sum() < _MIN_AREA_OF_TWIN * larger.sum() else None


def _midline(right_mask: Mask, left_mask: Mask, right: Box, left: Box) -> float:
    """Return the median middle of the gap between the lungs, over the rows that their upper halves share."""
    first = int(max(right.y0, left.y0))
    last = int(min(right.y0 + right.height / 2, left.y0 + left.height / 2))
    rights, lefts = right_mask[first:last], left_mask[first:last]
    shared = rights.any(axis=1) & lefts.any(axis=1)
    if not shared.any():
        return (right.x1 + left.x0) / 2
    inner_right = rights.shape[1] - rights[shared, ::-1].argmax(axis=1)
    inner_left = lefts[shared].argmax(axis=1)
    return float(np.median((inner_right + inner_left) / 2))


def _restored(part: Box | None, twin: Box, midline_x: float, film: Box) -> Box:
    """Return the extent of a hidden lung: its twin's, mirrored at the midline, and what is seen of the lung itself."""
    mirrored = Box(2 * midline_x - twin.x1, twin.y0, 2 * midline_x - twin.x0, twin.y1)
    whole = mirrored if part is None else Box(*np.minimum(mirrored[:2], part[:2]), *np.maximum(mirrored[2:], part[2:]))
    return whole.clipped(film) or twin
