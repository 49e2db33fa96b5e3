"""PyTorch on the device that was asked for: there, or a clear error."""

import torch

from lucidray.models.device import check_device, not_there


def choose(device: str, threads: int = 0) -> torch.device:
    """Find a device.

    Parameters
    ----------
    device : "auto", "cuda", "mps" or "cpu"
    threads : int
        Number of threads on the processor, for all PyTorch models of this process; 0 leaves PyTorch's own choice.

    Raises
    ------
    UsageError
        The device is not there.
    """
    check_device(device)
    if threads > 0:
        torch.set_num_threads(threads)
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if device == "auto":
        return torch.device(next(name for name, found in there.items() if found))
    if not there[device]:
        raise not_there(device, f"PyTorch {torch.__version__} finds none")
    return torch.device(device)
