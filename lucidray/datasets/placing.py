"""Boxes of box files onto films: brought to the films' own pixels, and refused where they cannot belong to them."""

from dataclasses import dataclass

from lucidray.datasets.entry import DrawnBox
from lucidray.domain.errors import InputError

# Drawing tools let a box end a pixel or two beyond the film.
_SLACK = 0.01
# Above this share of boxes off their films, the films are not those that the boxes were drawn on.
_MAX_OFF = 0.02


@dataclass
class BoxCount:
    """Counts boxes while they are placed."""

    placed: int = 0
    off: int = 0
    films: int = 0
    first: str = ""
    opacity: int = 0

    def check(self) -> None:
        """Refuse where the boxes belong to films of another size: a wrong box is worse than none."""
        if self.off and self.off > _MAX_OFF * (self.placed + self.off):
            raise InputError(
                f"{self.off:,} of {self.placed + self.off:,} boxes lie outside of their films ({self.first}): the films"
                " are not those that the boxes were drawn on; take the originals, or name the side of the square images"
                " of the boxes with --box-side"
            )

    def notes(self) -> list[str]:
        """Say what was odd."""
        found = []
        if self.off:
            found.append(f"{self.off:,} boxes outside of their films were left out ({self.first})")
        if self.opacity:
            found.append(
                f"{self.opacity:,} boxes of a lung opacity keep that name: their films have none, or several, of"
                " consolidation, infiltration and pneumonia"
            )
        return found


def placed(drawn: DrawnBox, size_px: tuple[int, int]) -> tuple[float, float, float, float] | None:
    """Bring a box to the pixels of the film; None where it ends beyond the film."""
    height, width = size_px
    tall, wide = drawn.frame or (float(height), float(width))
    left, top, right, bottom = drawn.xyxy
    left, right = left * width / wide, right * width / wide
    top, bottom = top * height / tall, bottom * height / tall
    slack_x, slack_y = max(1.0, _SLACK * width), max(1.0, _SLACK * height)
    if left < -slack_x or top < -slack_y or right > width + slack_x or bottom > height + slack_y:
        return None
    left, top, right, bottom = max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height))
    return (round(left, 2), round(top, 2), round(right, 2), round(bottom, 2)) if left < right and top < bottom else None
