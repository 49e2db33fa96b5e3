"""Which DICOM objects are chest radiographs at all; all others are refused by name."""

from pydicom.uid import UID

from lucidray.domain.errors import InputError, UnsupportedError
from lucidray.domain.note import Note
from lucidray.imaging.attributes import Attributes

CR = "1.2.840.10008.5.1.4.1.1.1"
DX_FOR_PRESENTATION = "1.2.840.10008.5.1.4.1.1.1.1"
DX_FOR_PROCESSING = "1.2.840.10008.5.1.4.1.1.1.1.1"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_DICOMDIR = "1.2.840.10008.1.3.10"
_FILM_CLASSES = (CR, DX_FOR_PRESENTATION, DX_FOR_PROCESSING)

# RG is a film that was digitised; OT and nothing are what conversion tools write into secondary captures.
_FILM_MODALITIES = ("CR", "DX", "RG")
_CAPTURE_MODALITIES = (*_FILM_MODALITIES, "OT", "")

_MODALITIES = {
    "CT": "a CT image",
    "MR": "an MR image",
    "US": "an ultrasound image",
    "IVUS": "an ultrasound image",
    "NM": "a nuclear medicine image",
    "PT": "a PET image",
    "MG": "a mammogram",
    "XA": "an angiogram",
    "RF": "a fluoroscopy image",
    "SR": "a structured report",
    "PR": "a presentation state",
    "SEG": "a segmentation",
    "DOC": "a document",
    "KO": "a key object selection",
    "IO": "an intra-oral radiograph",
    "PX": "a panoramic dental radiograph",
    "ES": "an endoscopic image",
    "XC": "a photograph",
    "ECG": "an ECG",
    "OP": "an eye photograph",
    "SM": "a microscopic image",
    "RTDOSE": "a radiotherapy dose",
    "RTPLAN": "a radiotherapy plan",
    "RTSTRUCT": "a radiotherapy structure set",
    "RTIMAGE": "a radiotherapy image",
}
# Parts of the names of SOP classes, most telling first.
_CLASS_WORDS = (
    ("Segmentation", "a segmentation"),
    ("Presentation State", "a presentation state"),
    ("Encapsulated", "an encapsulated document"),
    (" SR ", "a structured report"),
    ("Structured Report", "a structured report"),
    ("Key Object", "a key object selection"),
    ("CT Image", "a CT image"),
    ("MR ", "an MR image"),
    ("PET", "a PET image"),
    ("Positron", "a PET image"),
    ("Nuclear Medicine", "a nuclear medicine image"),
    ("Ultrasound", "an ultrasound image"),
    ("Mammography", "a mammogram"),
    ("Breast", "a mammogram"),
    ("Angiographic", "an angiogram"),
    ("XA Image", "an angiogram"),
    ("Radiofluoroscopic", "a fluoroscopy image"),
    ("XRF Image", "a fluoroscopy image"),
    ("Intra-Oral", "an intra-oral radiograph"),
    ("X-Ray 3D", "a tomosynthesis"),
    ("Multi-frame", "a multi-frame image"),
    ("Waveform", "a waveform"),
    ("RT ", "a radiotherapy object"),
    ("VL ", "a photograph"),
    ("Photography", "a photograph"),
)
_TAKES = "lucidray takes chest radiographs (CR, DX, digitised film)"


def check_kind(attributes: Attributes) -> list[Note]:
    """Refuse what is no radiograph of one frame.

    Returns
    -------
    list of Note
        What is tolerated, but unusual: a secondary capture, raw data, no SOP class.

    Raises
    ------
    UnsupportedError
        Another kind of object, several frames, or no pixel data.
    InputError
        Nothing in it says what it is.
    """
    sop_class = attributes.text("SOPClassUID") or attributes.media_class
    modality = attributes.text("Modality").upper()
    if sop_class == _DICOMDIR:
        raise UnsupportedError("a DICOMDIR, the table of contents of other files: choose one of the images beside it")
    if not sop_class and not modality and "Rows" not in attributes:
        raise InputError("not an image that lucidray reads: a DICOM header that names no kind of object")
    notes = _check_class(sop_class, modality)
    frames = attributes.integer("NumberOfFrames", default=1)
    if frames > 1:
        raise UnsupportedError(f"an image of {frames} frames; {_TAKES} of one frame")
    if "PixelData" not in attributes:
        other = [
            word for word in ("FloatPixelData", "DoubleFloatPixelData", "PixelDataProviderURL") if word in attributes
        ]
        what = (
            "stores its pixels as floating point numbers or elsewhere" if other else "a DICOM header without an image"
        )
        raise UnsupportedError(f"{what} (Pixel Data is missing)")
    return notes


def _check_class(sop_class: str, modality: str) -> list[Note]:
    name = UID(sop_class).name
    if sop_class in _FILM_CLASSES:
        # Some mammography readers write computed radiographs: the modality says so.
        if modality in _MODALITIES:
            raise UnsupportedError(f"{_MODALITIES[modality]} (modality {modality}, {name}); {_TAKES}")
        if sop_class == DX_FOR_PROCESSING:
            return [
                Note(
                    code="for_processing",
                    message="Raw detector data (for processing): it does not look like the film that people are shown.",
                )
            ]
        return []
    if sop_class == SECONDARY_CAPTURE:
        if modality not in _CAPTURE_MODALITIES:
            raise UnsupportedError(
                f"{_MODALITIES.get(modality, 'not a radiograph')} (modality {modality}, {name}); {_TAKES}"
            )
        return [
            Note(
                code="secondary_capture",
                message="A secondary capture: grey values, spacing and orientation may differ from the original's.",
            )
        ]
    if not sop_class:
        if modality not in _CAPTURE_MODALITIES:
            raise UnsupportedError(f"{_MODALITIES.get(modality, 'not a radiograph')} (modality {modality}); {_TAKES}")
        return [Note(code="sop_class_missing", message="The file does not say what kind of DICOM object it is.")]
    words = next((words for part, words in _CLASS_WORDS if part in name), None)
    words = words or _MODALITIES.get(modality, "another kind of DICOM object")
    raise UnsupportedError(f"{words} ({name}); {_TAKES}")
