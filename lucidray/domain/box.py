"""Boxes, as (x0, y0, x1, y1) in pixels: x to the viewer's right, y downwards, x1 > x0, y1 > y0."""

from typing import NamedTuple


class Box(NamedTuple):
    """An axis-parallel rectangle; a box over the whole of an (H, W) image is (0, 0, W, H)."""

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def width(self) -> float:
        """Width, in the units of the box."""
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        """Height, in the units of the box."""
        return self.y1 - self.y0

    @property
    def area(self) -> float:
        """Area, in squared units of the box."""
        return self.width * self.height

    def scaled(self, x_factor: float, y_factor: float) -> "Box":
        """Return the box on an image whose width and height are `x_factor` and `y_factor` times as large."""
        return Box(self.x0 * x_factor, self.y0 * y_factor, self.x1 * x_factor, self.y1 * y_factor)

    def clipped(self, bounds: "Box") -> "Box | None":
        """Return the part of the box inside `bounds`, or None where nothing is left."""
        x0, y0 = max(self.x0, bounds.x0), max(self.y0, bounds.y0)
        x1, y1 = min(self.x1, bounds.x1), min(self.y1, bounds.y1)
        return Box(x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None

    def intersection(self, other: "Box") -> float:
        """Return the area that both boxes cover."""
        common = self.clipped(other)
        return common.area if common else 0.0

    def iou(self, other: "Box") -> float:
        """Return intersection over union, in [0, 1]."""
        common = self.intersection(other)
        union = self.area + other.area - common
        return common / union if union > 0 else 0.0

    def turned(self, quarter_turns: int, width: float, height: float) -> "Box":
        """Return the box after the image under it was turned counter-clockwise.

        Parameters
        ----------
        quarter_turns : int
            Number of counter-clockwise quarter turns, as in `numpy.rot90`; negative turns clockwise.
        width, height : float
            Size of the image *before* the turn.
        """
        box = self
        for _ in range(quarter_turns % 4):
            # One counter-clockwise turn: the right edge becomes the top.
            box = Box(box.y0, width - box.x1, box.y1, width - box.x0)
            width, height = height, width
        return box
