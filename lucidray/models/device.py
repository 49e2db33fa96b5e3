"""What a model can be asked to run on: a device that is named holds for every model of a reading.

`auto` takes the fastest device that a backend is known to gain from: CUDA where it is there; Apple's GPU for PyTorch
models, not for the small ONNX ones; else the processor. The reading's provenance says for each model what was taken.
"""

from typing import Literal, get_args

from lucidray.domain.errors import UsageError

Device = Literal["auto", "cuda", "mps", "cpu"]
DEVICES: tuple[Device, ...] = get_args(Device)


def check_device(device: str) -> None:
    """Refuse a device that no backend knows.

    Raises
    ------
    UsageError
        There is no such device.
    """
    if device not in DEVICES:
        raise UsageError(f"device {device!r} is not known; lucidray knows {', '.join(DEVICES)}")


def not_there(device: str, why: str) -> UsageError:
    """Return the error for a device that is not there, with the way out."""
    return UsageError(f"device {device} is not there: {why}; device auto takes for each model what is there")
