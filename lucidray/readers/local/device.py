"""Where a local model runs, in how many bits, and whether it fits there."""

import importlib.util
from typing import Any, Literal, get_args

import psutil
import torch

from lucidray.domain.errors import MissingExtraError, OutOfMemoryError, ReaderError, UsageError
from lucidray.readers.local.checkpoint import Checkpoint

Device = Literal["auto", "cuda", "mps", "cpu"]
Quantize = Literal["none", "8bit", "4bit"]

# Of the size in 16 bits. Embeddings, norms and the picture's tower keep their 16 bits, so it is more than 1/2 and 1/4.
_SHARE: dict[str, float] = {"none": 1.0, "8bit": 0.65, "4bit": 0.45}
_WORKING_SHARE = 1.1
WORDS: dict[str, str] = {"none": "bfloat16", "8bit": "8 bits", "4bit": "4 bits, NF4, double quantisation"}


def choose_device(asked: str) -> str:
    """Return where to run.

    Parameters
    ----------
    asked : {"auto", "cuda", "mps", "cpu"}
        "auto" takes a GPU where there is one.

    Raises
    ------
    UsageError
        There is no such name.
    ReaderError
        The device is not here; the CPU is never taken in place of a GPU that was asked for.
    """
    if asked not in get_args(Device):
        raise UsageError(f"no device {asked!r}; there are {', '.join(get_args(Device))}")
    here = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if asked == "auto":
        return next(name for name, found in here.items() if found)
    if not here[asked]:
        raise ReaderError(f"this machine has no {asked} that PyTorch {torch.__version__} can use: try --device cpu")
    return asked


def quantization(asked: str) -> Any:
    """Return transformers' settings for the weights' bits; None for 16 bits.

    Raises
    ------
    UsageError
        There is no such name.
    MissingExtraError
        bitsandbytes is not installed.
    """
    if asked not in get_args(Quantize):
        raise UsageError(f"no quantisation {asked!r}; there are {', '.join(get_args(Quantize))}")
    if asked == "none":
        return None
    if importlib.util.find_spec("bitsandbytes") is None:
        raise MissingExtraError(f"--quantize {asked}", "vlm")
    from transformers import BitsAndBytesConfig  # noqa: PLC0415

    if asked == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )


def free_bytes(device: str) -> int | None:
    """Return the memory that is free on a device, in bytes; None where it does not tell."""
    if device == "cuda":
        return int(torch.cuda.mem_get_info()[0])
    if device == "cpu":
        return int(psutil.virtual_memory().available)
    return None


def check_room(checkpoint: Checkpoint, device: str, quantize: str) -> None:
    """Refuse a model that cannot fit, before minutes are spent on loading it.

    Raises
    ------
    OutOfMemoryError
        The estimate, from the size of the files, is larger than what is free.
    """
    free = free_bytes(device)
    needed = checkpoint.weight_bytes * _SHARE[quantize] * _WORKING_SHARE
    if free is not None and needed > free:
        raise OutOfMemoryError(
            f"{checkpoint.name} needs about {needed / 1e9:.1f} GB in {WORDS[quantize]}; {free / 1e9:.1f} GB is free "
            f"on the {device}: {_cure(quantize)}"
        )


def explained(error: Exception, who: str, device: str, quantize: str = "none") -> ReaderError:
    """Put what PyTorch or transformers raised into an error of ours."""
    text = str(error)
    words = text.lower()
    if (
        isinstance(error, MemoryError | torch.OutOfMemoryError)
        or "out of memory" in words
        or "can't allocate memory" in words
        or "not enough memory" in words
    ):
        return OutOfMemoryError(f"{who} does not fit into the memory of the {device}: {_cure(quantize)}")
    short = text.strip().split("\n", 1)[0][:300]
    return ReaderError(f"{who} failed on the {device}: {type(error).__name__}: {short}")


def _cure(quantize: str) -> str:
    fewer = "" if quantize == "4bit" else "try --quantize 4bit, or "
    return f"{fewer}serve it on a larger machine and use --reader openai"
