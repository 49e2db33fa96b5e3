"""Which upscalers there are: one table for people, and one door to open what they choose.

A backend is imported when it is opened, so that nobody pays for a package that nobody asked for.
"""

import importlib.util
from pathlib import Path

from lucidray.domain.backend import Backend
from lucidray.domain.errors import UsageError
from lucidray.domain.protocols import Upscaler
from lucidray.models.device import check_device
from lucidray.models.registry import backend_module
from lucidray.models.upscale_lanczos import LANCZOS, LanczosUpscaler
from lucidray.models.weights_file import EMBEDDED_FOLDER

EMBEDDED, SWIN2SR, ONNX = "embedded", "swin2sr", "onnx"
SWIN2SR_WEIGHTS = "caidas/swin2SR-classical-sr-x4-64"
EXTRA = "upscale"
_CHECKPOINTS = (".pth", ".pt", ".safetensors")

UPSCALERS: tuple[Backend, ...] = (
    Backend(
        name=LANCZOS,
        module="lucidray.models.upscale_lanczos",
        extra=None,
        licence="Apache-2.0",
        gated=False,
        sends_data_away=False,
        weights="",
        size="",
        ran_real_weights=None,
        note="interpolation; adds no texture",
    ),
    Backend(
        name=EMBEDDED,
        module="lucidray.models.upscale_onnx",
        extra=None,
        licence="WEIGHTS_LICENSE",
        gated=False,
        sends_data_away=False,
        weights="in the package",
        size="< 1 MB",
        ran_real_weights=True,
        note="by 4, trained on radiographs; docs/model-cards/upscaler.md",
    ),
    Backend(
        name=SWIN2SR,
        module="lucidray.models.upscale_swin2sr",
        extra=EXTRA,
        licence="Apache-2.0",
        gated=False,
        sends_data_away=False,
        weights=f"{SWIN2SR_WEIGHTS}: the hub's cache",
        size="64 MB",
        ran_real_weights=False,
        note="by 4, trained on photographs (DIV2K, Flickr2K)",
    ),
    Backend(
        name="swin2sr:FOLDER",
        module="lucidray.models.upscale_swin2sr",
        extra=EXTRA,
        licence="your model's",
        gated=False,
        sends_data_away=False,
        weights="your folder, or the hub's cache",
        size="",
        ran_real_weights=False,
        note="any Swin2SR checkpoint of transformers",
    ),
    Backend(
        name="FILE.pth",
        module="lucidray.models.upscale_spandrel",
        extra=EXTRA,
        licence="your model's",
        gated=False,
        sends_data_away=False,
        weights="your file",
        size="",
        ran_real_weights=False,
        note="SwinIR and its like, recognised by spandrel",
    ),
    Backend(
        name="onnx:FILE",
        module="lucidray.models.upscale_onnx",
        extra=None,
        licence="your model's",
        gated=False,
        sends_data_away=False,
        weights="your file",
        size="",
        ran_real_weights=False,
        note="any network that enlarges films of any size",
    ),
)
# What has to be importable for each backend that needs an optional part.
_PACKAGES = {
    "lucidray.models.upscale_swin2sr": ("torch", "transformers"),
    "lucidray.models.upscale_spandrel": ("torch", "spandrel"),
}


def load_upscaler(name: str, device: str = "auto", threads: int = 0, weights: Path | None = None) -> Upscaler:
    """Open an upscaler by its name in the table.

    Parameters
    ----------
    name : str
        ``lanczos``, ``embedded``, ``swin2sr``, ``swin2sr:FOLDER``, ``onnx:FILE``, a folder with a Swin2SR checkpoint,
        or a file of weights (.pth, .pt, .safetensors).
    device : "auto", "cuda", "mps" or "cpu"
    threads : int
        On the processor; 0 takes one a core.
    weights : Path or None
        Folder of the embedded weights; None takes those of the package.

    Raises
    ------
    UsageError
        There is no such upscaler, or the device is not there.
    MissingExtraError
        The optional part that it needs is not installed.
    ModelError
        Its weights are missing, damaged, or do not fit.
    """
    check_device(device)
    kind, _, rest = name.partition(":")
    if name == LANCZOS:
        return LanczosUpscaler()
    if name == EMBEDDED:
        from lucidray.models.upscale_onnx import EmbeddedUpscaler  # noqa: PLC0415

        return EmbeddedUpscaler(weights or EMBEDDED_FOLDER, threads, device)
    if kind == ONNX and rest:
        from lucidray.models.upscale_onnx import OnnxUpscaler  # noqa: PLC0415

        return OnnxUpscaler(Path(rest).expanduser(), threads, device)
    if kind == SWIN2SR:
        return _swin2sr(rest or SWIN2SR_WEIGHTS, name, device, threads)
    path = Path(name).expanduser()
    if path.suffix.lower() in _CHECKPOINTS:
        opened: Upscaler = backend_module("lucidray.models.upscale_spandrel", EXTRA).CheckpointUpscaler(
            path, device, threads
        )
        return opened
    if name and path.is_dir():
        return _swin2sr(name, f"{SWIN2SR}:{path.name}", device, threads)
    known = ", ".join(backend.name for backend in UPSCALERS)
    raise UsageError(f"upscaler {name!r} is not known; lucidray knows {known}")


def missing_part(backend: Backend) -> str:
    """Return what is missing on this machine before a backend can be used, with the cure; empty where nothing is."""
    missing = [name for name in _PACKAGES.get(backend.module, ()) if importlib.util.find_spec(name) is None]
    if missing:
        return f"without {', '.join(missing)}: pip install 'lucidray[{EXTRA}]'"
    if backend.name == EMBEDDED and not (EMBEDDED_FOLDER / "upscaler.onnx").is_file():
        return f"no upscaler.onnx in {EMBEDDED_FOLDER}"
    return ""


def _swin2sr(where: str, name: str, device: str, threads: int) -> Upscaler:
    module = backend_module("lucidray.models.upscale_swin2sr", EXTRA)
    opened: Upscaler = module.Swin2srUpscaler(where, name, device, threads)
    return opened
