"""Detectors by name: `onnx:FILE`."""

from pathlib import Path

from lucidray.domain.errors import UsageError
from lucidray.domain.protocols import Localizer
from lucidray.models.device import check_device
from lucidray.models.onnx_detector import OnnxDetector


def open_localizer(spec: str, *, device: str = "auto", threads: int = 0) -> Localizer:
    """Open a detector.

    Parameters
    ----------
    spec : str
        `onnx:FILE`.
    device : "auto", "cuda", "mps" or "cpu"
    threads : int
        On the processor; 0 takes one a core.

    Raises
    ------
    UsageError
        There is no such kind of detector, or the device is not there.
    ModelError
        The file is missing, or is no detector that can be read.
    """
    check_device(device)
    kind, _, rest = spec.partition(":")
    if kind != "onnx" or not rest:
        raise UsageError(f"localizer {spec!r} is not known; lucidray knows onnx:FILE")
    return OnnxDetector(Path(rest).expanduser(), threads, device)
