"""Boxes as PaliGemma writes them: ``<loc0123><loc0456><loc0789><loc1000>``, the way back of `grounding`.

y before x, upper left corner first, in 1,024 bins of the picture that the model sees; bin `i` stands for `i / 1024`.
"""

from lucidray.domain.box import Box
from lucidray.readers.grounding import LOC_BINS
from lucidray.readers.letterbox import Letterbox

LOC_TOKENS: tuple[str, ...] = tuple(f"<loc{number:04d}>" for number in range(LOC_BINS))


def loc_bins(box: Box, letterbox: Letterbox) -> tuple[int, int, int, int] | None:
    """Return the bins of a box on the film as (y0, x0, y1, x1).

    Parameters
    ----------
    box : Box
        In pixels of the film.
    letterbox : Letterbox
        How the film lies on the picture that the model sees.

    Returns
    -------
    tuple of int, or None
        None where nothing of the box lies on the picture, or less than a bin of it.
    """
    seen = letterbox.to_picture(box).clipped(Box(0.0, 0.0, float(letterbox.width_px), float(letterbox.height_px)))
    if seen is None:
        return None
    x0, y0, x1, y1 = seen.scaled(LOC_BINS / letterbox.width_px, LOC_BINS / letterbox.height_px)
    # The last bin stands for 1023/1024: the far edge of the picture itself has none.
    bins = tuple(min(round(edge), LOC_BINS - 1) for edge in (y0, x0, y1, x1))
    top, left, bottom, right = bins
    return (top, left, bottom, right) if bottom > top and right > left else None


def write_locs(box: Box, letterbox: Letterbox) -> str | None:
    """Return a box on the film as four tokens; None where it does not lie on the picture."""
    bins = loc_bins(box, letterbox)
    return None if bins is None else "".join(LOC_TOKENS[number] for number in bins)
