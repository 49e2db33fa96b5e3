"""How many millimetres a pixel stands for, and where.

A radiograph magnifies: what lies before the detector is drawn larger than it is. The reports of lucidray state sizes
"at the detector", so the spacing at the detector (Imager Pixel Spacing) is preferred to one that a device has
calibrated to some depth inside the patient, whose value then depends on assumptions that the file does not tell. A
magnification factor is told, not applied: it too holds at one depth only.

References
----------
DICOM PS3.3 10.7.1.3 (spacing and calibration), C.8.11.4 (Imager Pixel Spacing), C.8.6.2 (Nominal Scanned Pixel Spacing)
"""

import math

from lucidray.domain.note import Note
from lucidray.imaging.attributes import Attributes

Spacing = tuple[float, float]

# Detectors and film scanners lie between 0.04 and 0.4 mm; films made smaller for teaching reach a few millimetres.
SMALLEST_MM, LARGEST_MM = 0.01, 5.0
_SAME_SPACING = 0.01
_SQUARE = 0.01


def read_spacing(attributes: Attributes) -> tuple[Spacing | None, str | None, list[Note]]:
    """Return (row, column) spacing in mm, the attribute that it came from, and what is odd about it.

    In this order: Imager Pixel Spacing, Pixel Spacing, Nominal Scanned Pixel Spacing. One that is zero, negative, not a
    pair of numbers or outside 0.01 to 5 mm is passed over with a note.
    """
    notes: list[Note] = []
    spacing, source = None, None
    calibration = attributes.text("PixelSpacingCalibrationType")
    how = f"calibrated: {calibration}" if calibration else "not calibrated"
    for keyword, words in (
        ("ImagerPixelSpacing", "ImagerPixelSpacing (at the detector)"),
        ("PixelSpacing", f"PixelSpacing ({how})"),
        ("NominalScannedPixelSpacing", "NominalScannedPixelSpacing (on the scanned film)"),
    ):
        if keyword not in attributes:
            continue
        found = valid_spacing(attributes.numbers(keyword))
        if found is None:
            stated = attributes.text(keyword)
            message = f'{keyword} is "{stated}" mm, which cannot be: it is not used.'
            notes.append(Note(code="spacing_invalid", message=message))
        elif spacing is None:
            spacing, source = found, words
        elif keyword == "PixelSpacing" and _differ(spacing, found):
            message = (
                f"PixelSpacing ({how}) is {found[0]:g} x {found[1]:g} mm, the spacing at the detector "
                f"{spacing[0]:g} x {spacing[1]:g} mm: sizes are given at the detector."
            )
            notes.append(Note(code="spacing_alternative", message=message))
    factor = attributes.number("EstimatedRadiographicMagnificationFactor")
    if spacing is not None and factor is not None and factor > 1 and not calibration:
        message = (
            f"The file estimates a magnification of {factor:g}: the patient is smaller than the sizes at the detector."
        )
        notes.append(Note(code="magnification", message=message))
    if spacing is None:
        notes.extend(_check_aspect(attributes))
    return spacing, source, notes


def valid_spacing(numbers: list[float]) -> Spacing | None:
    """Return a (row, column) spacing in mm, or None where the numbers cannot be one."""
    if len(numbers) != 2 or not all(
        math.isfinite(number) and SMALLEST_MM <= number <= LARGEST_MM for number in numbers
    ):
        return None
    return numbers[0], numbers[1]


def _differ(first: Spacing, second: Spacing) -> bool:
    return any(abs(a - b) > _SAME_SPACING * a for a, b in zip(first, second, strict=True))


def _check_aspect(attributes: Attributes) -> list[Note]:
    aspect = attributes.numbers("PixelAspectRatio")
    if len(aspect) != 2 or not all(math.isfinite(number) and number > 0 for number in aspect):
        return []
    if abs(aspect[0] / aspect[1] - 1) <= _SQUARE:
        return []
    message = f"Pixels are not square (aspect ratio {aspect[0]:g}:{aspect[1]:g}): the film is shown stretched."
    return [Note(code="pixel_aspect", message=message)]
