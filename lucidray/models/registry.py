"""Which classifiers and segmenters there are: one table for people, and one door to open what they choose.

A backend is imported when it is opened, so that nobody pays for a package that nobody asked for.
"""

import importlib
import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from lucidray.domain.backend import Backend
from lucidray.domain.errors import LucidrayError, MissingExtraError, ModelError, UsageError
from lucidray.domain.protocols import Classifier, Localizer
from lucidray.models.device import check_device
from lucidray.models.findings import EmbeddedClassifier
from lucidray.models.model_card import inside, read_card
from lucidray.models.recalibrated import CalibrationFile, Recalibrated
from lucidray.models.weights_file import EMBEDDED_FOLDER

EMBEDDED = "embedded"
_OWN_LICENCE = "WEIGHTS_LICENSE"
_FOLDER = "your folder"
_XRV = "lucidray.models.torchxrayvision"
_XRV_LICENCE = "Apache-2.0; weights as their films"
_XRV_FILMS = {
    "densenet121-res224-all": "NIH, PadChest, CheXpert, MIMIC-CXR, Google, Open-i, RSNA",
    "densenet121-res224-nih": "NIH ChestX-ray14",
    "densenet121-res224-pc": "PadChest",
    "densenet121-res224-chex": "CheXpert",
    "densenet121-res224-rsna": "RSNA",
    "densenet121-res224-mimic_nb": "MIMIC-CXR, labels by NegBio",
    "densenet121-res224-mimic_ch": "MIMIC-CXR, labels by CheXpert's labeller",
    "resnet50-res512-all": "PadChest, NIH, RSNA, SIIM, VinBigData",
    "jfhealthcare-densenet121": "CheXpert; no heatmaps, for it pools by the maximum too",
}
_XRV_FOLDER = Path(".torchxrayvision") / "models_data"
_XRV_TAIL = "-densenet121-d121-tw-lr001-rot45-tr15-sc15-seed0-best.pt"
_XRV_FILES = {
    "densenet121-res224-all": f"nih-pc-chex-mimic_ch-google-openi-kaggle{_XRV_TAIL}",
    "densenet121-res224-nih": f"nih{_XRV_TAIL}",
    "densenet121-res224-pc": f"pc{_XRV_TAIL}",
    "densenet121-res224-chex": f"chex{_XRV_TAIL}",
    "densenet121-res224-rsna": f"kaggle{_XRV_TAIL}",
    "densenet121-res224-mimic_nb": f"mimic_nb{_XRV_TAIL}",
    "densenet121-res224-mimic_ch": f"mimic_ch{_XRV_TAIL}",
    "resnet50-res512-all": "pc-nih-rsna-siim-vin-resnet50-test512-e400-state.pt",
    "jfhealthcare-densenet121": "baseline_models_jfhealthcare-DenseNet121_pre_train.pth",
}
_XRV_SIZES = {"resnet50-res512-all": "94 MB", "jfhealthcare-densenet121": "50 MB"}

CLASSIFIERS: tuple[Backend, ...] = (
    Backend(
        name=EMBEDDED,
        module="lucidray.models.findings",
        extra=None,
        licence=_OWN_LICENCE,
        gated=False,
        sends_data_away=False,
        weights="in the package",
        size="< 30 MB",
        ran_real_weights=True,
        note="calibrated; docs/model-cards/findings.md",
    ),
    *(
        Backend(
            name=f"torchxrayvision:{name}",
            module=_XRV,
            extra="torchxrayvision",
            licence=_XRV_LICENCE,
            gated=False,
            sends_data_away=False,
            weights=f"~/{_XRV_FOLDER.as_posix()}/{_XRV_FILES[name]}",
            size=_XRV_SIZES.get(name, "28 MB"),
            ran_real_weights=False,
            note=f"trained on {films}",
        )
        for name, films in _XRV_FILMS.items()
    ),
    Backend(
        name="onnx:FOLDER",
        module="lucidray.models.onnx_folder",
        extra=None,
        licence="your model's",
        gated=False,
        sends_data_away=False,
        weights=_FOLDER,
        size="",
        ran_real_weights=False,
        note="any classifier as ONNX, with a card",
    ),
    Backend(
        name="timm:FOLDER",
        module="lucidray.models.timm_folder",
        extra="timm",
        licence="your model's",
        gated=False,
        sends_data_away=False,
        weights=_FOLDER,
        size="",
        ran_real_weights=False,
        note="any network of timm, with a card",
    ),
    Backend(
        name="zero-shot:hf:FOLDER",
        module="lucidray.models.zero_shot_hf",
        extra="zero-shot",
        licence="your model's",
        gated=False,
        sends_data_away=False,
        weights="your folder, or the hub's cache",
        size="",
        ran_real_weights=False,
        note="CLIP, SigLIP and their like by transformers: text is held against the film",
    ),
    Backend(
        name="zero-shot:open_clip:FOLDER",
        module="lucidray.models.zero_shot_open_clip",
        extra="zero-shot",
        licence="your model's",
        gated=False,
        sends_data_away=False,
        weights="your folder, or the hub's cache",
        size="",
        ran_real_weights=False,
        note="BiomedCLIP (MIT) and its like by open_clip",
    ),
    Backend(
        name="zero-shot:biovil:FOLDER",
        module="lucidray.models.zero_shot_biovil",
        extra="zero-shot",
        licence="MIT",
        gated=False,
        sends_data_away=False,
        weights="microsoft/BiomedVLP-BioViL-T: your folder, or the hub's cache",
        size="0.6 GB",
        ran_real_weights=False,
        note="BioViL-T and BioViL, built from their published layout; exact maps",
    ),
    Backend(
        name="zero-shot:medclip:FOLDER",
        module="lucidray.models.zero_shot_medclip",
        extra="zero-shot",
        licence="not stated",
        gated=False,
        sends_data_away=False,
        weights="medclip-resnet or medclip-vit: your folder",
        size="0.5 GB",
        ran_real_weights=False,
        note="MedCLIP, built from its published layout; exact maps",
    ),
)
SEGMENTERS: tuple[Backend, ...] = (
    Backend(
        name=EMBEDDED,
        module="lucidray.models.anatomy",
        extra=None,
        licence=_OWN_LICENCE,
        gated=False,
        sends_data_away=False,
        weights="in the package",
        size="< 30 MB",
        ran_real_weights=True,
        note="lungs, heart, clavicles and the gate; docs/model-cards/anatomy.md",
    ),
)
# What has to be importable for each extra.
_PACKAGES = {
    "torchxrayvision": ("torch", "torchvision", "torchxrayvision"),
    "timm": ("torch", "timm"),
    "zero-shot": ("torch", "torchvision", "transformers", "open_clip"),
}


def open_classifier(
    spec: str = EMBEDDED, *, device: str = "auto", threads: int = 0, weights: Path | None = None
) -> Classifier:
    """Open a classifier by its name in the table.

    Parameters
    ----------
    spec : str
        For example ``embedded``, ``torchxrayvision:densenet121-res224-all``, ``onnx:models/mine``.
    device : "auto", "cuda", "mps" or "cpu"
    threads : int
        On the processor; 0 takes one a core.
    weights : Path or None
        Folder of the embedded weights; None takes those of the package.

    Raises
    ------
    UsageError
        There is no such classifier, or the device is not there.
    MissingExtraError
        The optional part that it needs is not installed.
    ModelError
        Its weights are missing, damaged, or do not fit.
    """
    check_device(device)
    if spec == EMBEDDED:
        return EmbeddedClassifier(weights or EMBEDDED_FOLDER, threads, device)
    kind, _, rest = spec.partition(":")
    if kind == "zero-shot":
        library, _, rest = rest.partition(":")
        kind = f"{kind}:{library}"
    if kind not in _OPENERS:
        known = ", ".join(backend.name for backend in CLASSIFIERS)
        raise UsageError(f"classifier {spec!r} is not known; lucidray knows {known}")
    if not rest:
        raise UsageError(f"classifier {spec!r}: what comes after the colon is missing")
    opened: Classifier = _OPENERS[kind](rest, threads, device)
    return opened


def note_of(model: Classifier | Localizer) -> str | None:
    """Return what a person should know of a model before reading: what it answers and lucidray leaves out."""
    note = getattr(model, "note", None)
    return f"{model.used.name}: {note}" if note else None


def missing_part(backend: Backend) -> str:
    """Return what is missing on this machine before a backend can be used, with the cure; empty where nothing is.

    Nothing is imported for it. Of a kind of model that lies in a folder of one's own, the folder is not known here.
    """
    missing = [name for name in _PACKAGES.get(backend.extra or "", ()) if importlib.util.find_spec(name) is None]
    if missing:
        return f"without {', '.join(missing)}: pip install 'lucidray[{backend.extra}]'"
    file = _XRV_FILES.get(backend.name.removeprefix("torchxrayvision:"))
    if file is not None and not (Path.home() / _XRV_FOLDER / file).is_file():
        return f"no weights in ~/{_XRV_FOLDER.as_posix()}; asking for the model tells which file, and from where"
    return ""


def backend_module(name: str, extra: str) -> ModuleType:
    """Import a backend's module.

    Raises
    ------
    MissingExtraError
        A package that it needs is not installed.
    ModelError
        A package that it needs is installed and cannot be imported.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("lucidray"):
            raise
        raise MissingExtraError(f"{name.rpartition('.')[2]} ({error.name})", extra) from error
    except LucidrayError:
        raise
    except Exception as error:  # a broken installation raises whatever it likes
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        if "torchvision" in reason:
            reason += ": torch and torchvision do not belong together; install both from one index"
        raise ModelError(f"the optional part {extra} cannot be imported: {reason}") from error


def _torchxrayvision(rest: str, threads: int, device: str) -> Any:
    return backend_module(_XRV, "torchxrayvision").TorchXRayVision(rest, threads, device)


def _onnx(rest: str, threads: int, device: str) -> Any:
    from lucidray.models.onnx_folder import OnnxClassifier  # noqa: PLC0415

    folder = Path(rest).expanduser()
    return _with_its_calibration(OnnxClassifier(folder, threads, device), folder)


def _timm(rest: str, threads: int, device: str) -> Any:
    module = backend_module("lucidray.models.timm_folder", "timm")
    folder = Path(rest).expanduser()
    return _with_its_calibration(module.TimmClassifier(folder, threads, device), folder)


def _with_its_calibration(classifier: Classifier, folder: Path) -> Classifier:
    """Apply the calibration that the folder's card names; it is bound to the weights by their hash."""
    name = read_card(folder).calibration
    if name is None:
        return classifier
    try:
        return Recalibrated(classifier, CalibrationFile.open(inside(folder, name)))
    except UsageError as error:
        raise ModelError(str(error)) from error


def _zero_shot_hf(rest: str, threads: int, device: str) -> Any:
    return backend_module("lucidray.models.zero_shot_hf", "zero-shot").open_model(rest, threads, device)


def _zero_shot_open_clip(rest: str, threads: int, device: str) -> Any:
    return backend_module("lucidray.models.zero_shot_open_clip", "zero-shot").open_model(rest, threads, device)


def _zero_shot_biovil(rest: str, threads: int, device: str) -> Any:
    return backend_module("lucidray.models.zero_shot_biovil", "zero-shot").open_model(rest, threads, device)


def _zero_shot_medclip(rest: str, threads: int, device: str) -> Any:
    return backend_module("lucidray.models.zero_shot_medclip", "zero-shot").open_model(rest, threads, device)


_OPENERS: dict[str, Callable[[str, int, str], Any]] = {
    "torchxrayvision": _torchxrayvision,
    "onnx": _onnx,
    "timm": _timm,
    "zero-shot:hf": _zero_shot_hf,
    "zero-shot:open_clip": _zero_shot_open_clip,
    "zero-shot:biovil": _zero_shot_biovil,
    "zero-shot:medclip": _zero_shot_medclip,
}
