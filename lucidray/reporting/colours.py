"""One colour a finding, the same in every picture and page, and the colour scale of heat.

A colour never stands alone: a label is beside it wherever it is shown, since fourteen colours are more than anybody,
and above all a colour-blind person, can tell apart without one.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lucidray.domain.vocabulary import Label


class Colour(NamedTuple):
    """An sRGB colour, 0 to 255 a channel."""

    red: int
    green: int
    blue: int

    @property
    def hex(self) -> str:
        """As in CSS, for example ``#0099ff``."""
        return f"#{self.red:02x}{self.green:02x}{self.blue:02x}"

    @property
    def luminance(self) -> float:
        """Relative luminance in [0, 1] (WCAG 2.2)."""
        channels = np.array(self) / 255
        linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
        return float(linear @ np.array([0.2126, 0.7152, 0.0722]))

    def contrast(self, other: "Colour") -> float:
        """Contrast ratio to another colour, 1 to 21 (WCAG 2.2)."""
        brighter, darker = sorted((self.luminance, other.luminance), reverse=True)
        return (brighter + 0.05) / (darker + 0.05)

    @property
    def ink(self) -> "Colour":
        """Black or white, whichever reads better as text on this colour."""
        return max(BLACK, WHITE, key=self.contrast)


BLACK, WHITE = Colour(0, 0, 0), Colour(255, 255, 255)

# Chosen by maximising the smallest CIELAB distance between any two of them, as seen with normal, protan and deutan
# sight (Machado et al. 2009), among colours that stand out from grey and reach a contrast of 3 on black. Findings that
# often come together got colours far apart.
FINDING_COLOURS: dict[Label, Colour] = {
    "Atelectasis": Colour(0xEE, 0x99, 0x11),
    "Cardiomegaly": Colour(0xDD, 0x44, 0x99),
    "Effusion": Colour(0x00, 0x99, 0xFF),
    "Infiltration": Colour(0xCC, 0xFF, 0xBB),
    "Mass": Colour(0xBB, 0x11, 0xBB),
    "Nodule": Colour(0xFF, 0xEE, 0x00),
    "Pneumonia": Colour(0x00, 0x77, 0x44),
    "Pneumothorax": Colour(0x33, 0xFF, 0xFF),
    "Consolidation": Colour(0x99, 0x00, 0xFF),
    "Edema": Colour(0xEE, 0x77, 0x88),
    "Emphysema": Colour(0x44, 0xCC, 0xFF),
    "Fibrosis": Colour(0x55, 0x77, 0x00),
    "Pleural Thickening": Colour(0xDD, 0xAA, 0x66),
    "Hernia": Colour(0xFF, 0xEE, 0x77),
}

# Deep violet over red to pale yellow; lightness rises in equal steps, so that twice the step in heat looks like twice
# the step, in greys and to colour-blind eyes too. Every entry is coloured: the film under it is grey.
_HEAT_STOPS = (0x481F87, 0x722A8E, 0x9D358C, 0xC54380, 0xE8566C, 0xFA7757, 0xFF9D55, 0xFFC05E, 0xF6E387)


def heat_table() -> npt.NDArray[np.uint8]:
    """Return the colour scale of heat.

    Returns
    -------
    (256, 3) uint8
        sRGB, from no heat to the most.
    """
    stops = np.array([[stop >> 16, stop >> 8 & 255, stop & 255] for stop in _HEAT_STOPS], dtype=np.float64)
    at = np.linspace(0, len(stops) - 1, 256)
    channels = [np.interp(at, np.arange(len(stops)), stops[:, channel]) for channel in range(3)]
    return np.rint(np.stack(channels, axis=1)).astype(np.uint8)


def heat_opacity() -> npt.NDArray[np.float64]:
    """Return how much of the film heat covers: (256,) in [0, 1], nothing where there is none, never all of it."""
    return np.linspace(0, 0.85, 256)
