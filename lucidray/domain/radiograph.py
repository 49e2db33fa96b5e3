"""A film as lucidray reads it, whatever the file was."""

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from lucidray.domain.box import Box
from lucidray.domain.note import Note

FloatImage = npt.NDArray[np.float32]
View = Literal["PA", "AP", "AP supine", "lateral", "oblique", "unknown"]
Laterality = Literal["left", "right", "both"]
Sex = Literal["female", "male", "other"]
ADULT_AGE_YEARS = 18.0


@dataclass(frozen=True)
class DicomIdentity:
    """What ties a reading to a DICOM object. The patient's name and ID are deliberately not kept."""

    sop_class_uid: str | None = None
    sop_instance_uid: str | None = None
    series_instance_uid: str | None = None
    study_instance_uid: str | None = None


@dataclass(frozen=True, eq=False)
class Radiograph:
    """One film, ready to be looked at.

    Attributes
    ----------
    pixels : (H, W) float32 in [0, 1]
        As a viewer shows it: after modality and VOI transforms, bright = dense, row 0 superior, column 0 on the
        viewer's left, which is the patient's right on an upright, unmirrored film. After `corrections`.
    name : str
        What people call this film: the file's name, without its folder.
    format : str
        "DICOM", "PNG", "JPEG", "TIFF", "WebP" or "array".
    view : View
        From View Position (0018,5101) or the caller; "unknown" where nothing says.
    laterality : Laterality or None
        From Image Laterality (0020,0062) or Laterality (0020,0060).
    age_years : float or None
        From Patient's Age (0010,1010), else from birth date and the date of the film.
    pixel_spacing_mm : (row, column) or None
        Distance between the centres of neighbouring rows and columns, in mm; None where the file has none that can be.
    spacing_source : str or None
        The attribute that it came from; "at the detector" for Imager Pixel Spacing.
    orientation : (row, column) or None
        Patient Orientation (0020,0020): where rows and columns point to, for example ("L", "F").
    quarter_turns : int
        Counter-clockwise quarter turns by which `pixels` was turned from the stored image.
    corrections : tuple of Note
        What was changed on request (turned, inverted).
    original : Radiograph or None
        The film before it was upscaled, turned and inverted as this one; None where nothing was. Boxes and lengths of a
        reading are those of the original.
    upscaled_by : str or None
        Name of the upscaler.
    warnings : tuple of Note
        What was odd in the file, in words.
    """

    pixels: FloatImage
    name: str
    format: str
    view: View = "unknown"
    laterality: Laterality | None = None
    age_years: float | None = None
    sex: Sex | None = None
    pixel_spacing_mm: tuple[float, float] | None = None
    spacing_source: str | None = None
    orientation: tuple[str, str] | None = None
    body_part: str | None = None
    identity: DicomIdentity | None = None
    quarter_turns: int = 0
    corrections: tuple[Note, ...] = field(default=())
    warnings: tuple[Note, ...] = field(default=())
    original: "Radiograph | None" = None
    upscaled_by: str | None = None

    @property
    def height_px(self) -> int:
        """Rows of `pixels`."""
        return int(self.pixels.shape[0])

    @property
    def width_px(self) -> int:
        """Columns of `pixels`."""
        return int(self.pixels.shape[1])

    @property
    def stored_size_px(self) -> tuple[int, int]:
        """(width, height) of the image in the file, before it was upscaled or turned."""
        if self.original is not None:
            return self.original.stored_size_px
        size = (self.width_px, self.height_px)
        return size if self.quarter_turns % 2 == 0 else (size[1], size[0])

    @property
    def stored_spacing_mm(self) -> tuple[float, float] | None:
        """(row, column) spacing of the image in the file, before it was upscaled or turned."""
        if self.original is not None:
            return self.original.stored_spacing_mm
        spacing = self.pixel_spacing_mm
        return spacing if spacing is None or self.quarter_turns % 2 == 0 else (spacing[1], spacing[0])

    @property
    def is_child(self) -> bool:
        """Whether the film is known to be of somebody under 18; False where the age is unknown."""
        return self.age_years is not None and self.age_years < ADULT_AGE_YEARS

    def turned(self, quarter_turns: int, correction: Note) -> "Radiograph":
        """Return the film turned counter-clockwise, spacing and box mapping along with it."""
        spacing = self.pixel_spacing_mm
        if spacing is not None and quarter_turns % 2:
            spacing = (spacing[1], spacing[0])
        return replace(
            self,
            pixels=np.ascontiguousarray(np.rot90(self.pixels, quarter_turns)),
            pixel_spacing_mm=spacing,
            orientation=None,
            quarter_turns=(self.quarter_turns + quarter_turns) % 4,
            corrections=(*self.corrections, correction),
            original=None if self.original is None else self.original.turned(quarter_turns, correction),
        )

    def inverted(self, correction: Note) -> "Radiograph":
        """Return the film with bright and dark exchanged."""
        return replace(
            self,
            pixels=1.0 - self.pixels,
            corrections=(*self.corrections, correction),
            original=None if self.original is None else self.original.inverted(correction),
        )

    def upscaled(self, pixels: FloatImage, by: str) -> "Radiograph":
        """Return the film with more pixels over the same extent; the spacing of `pixels` shrinks, the film does not.

        Parameters
        ----------
        pixels : (h, w) float32 in [0, 1]
            The whole film, larger.
        by : str
            Name of the upscaler.
        """
        spacing = self.pixel_spacing_mm
        if spacing is not None:
            rows, columns = pixels.shape
            spacing = (spacing[0] * self.height_px / rows, spacing[1] * self.width_px / columns)
        return replace(self, pixels=pixels, pixel_spacing_mm=spacing, original=self, upscaled_by=by)

    def to_stored(self, box: Box) -> Box:
        """Map a box on `pixels` to the pixels of the stored image."""
        if self.original is not None:
            across, down = self.original.width_px / self.width_px, self.original.height_px / self.height_px
            return self.original.to_stored(box.scaled(across, down))
        return box.turned(-self.quarter_turns, self.width_px, self.height_px)

    def from_stored(self, box: Box) -> Box:
        """Map a box on the stored image to `pixels`."""
        if self.original is not None:
            across, down = self.width_px / self.original.width_px, self.height_px / self.original.height_px
            return self.original.from_stored(box).scaled(across, down)
        width, height = self.stored_size_px
        return box.turned(self.quarter_turns, width, height)
