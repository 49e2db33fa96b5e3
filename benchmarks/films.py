"""The films that the benchmark reads: a real DICOM film in two sizes, and a 1,024-px PNG of it."""

from pathlib import Path

import numpy as np
import pydicom
from PIL import Image

TWO_MEGAPIXELS = (1372, 1458)  # width, height: the proportions of the real film


def real_film() -> Path:
    """Return the path of `RG1_UNCR.dcm` in the `pydicom-data` wheel: a 1,841 x 1,955 MONOCHROME1 chest film."""
    import data_store

    return Path(data_store.__file__).parent / "data" / "RG1_UNCR.dcm"


def write_films(folder: Path) -> dict[str, Path]:
    """Write the benchmark's films and return their paths by name."""
    dataset = pydicom.dcmread(real_film())
    pixels = dataset.pixel_array.astype(np.float32)
    width, height = TWO_MEGAPIXELS
    small = np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BOX))
    dataset.Rows, dataset.Columns = height, width
    dataset.PixelData = np.clip(np.round(small), 0, 2**15 - 1).astype("<u2").tobytes()
    dicom = folder / "dicom-2-megapixels.dcm"
    dataset.save_as(dicom)
    png = folder / "png-1024.png"
    grey = 255 - 255 * (pixels - pixels.min()) / (pixels.max() - pixels.min())
    Image.fromarray(grey.astype(np.uint8)).resize((1024, 1024), Image.Resampling.BOX).save(png)
    return {"DICOM, 3.6 Mpx": real_film(), "DICOM, 2 Mpx": dicom, "PNG, 1,024 px": png}
