"""ONNX Runtime on the device that was asked for: there, or a clear error; never the processor in silence."""

from functools import lru_cache
from pathlib import Path

import onnxruntime

from lucidray.domain.errors import ModelError
from lucidray.models.device import check_device, not_there

_CPU = "CPUExecutionProvider"
_PROVIDERS = {"cuda": "CUDAExecutionProvider", "mps": "CoreMLExecutionProvider"}
_CURES = {"cuda": "install onnxruntime-gpu in place of onnxruntime", "mps": "it is there on Apple silicon"}


def start(path: Path, threads: int = 0, device: str = "cpu") -> onnxruntime.InferenceSession:
    """Start a network.

    Parameters
    ----------
    path : Path
        The ONNX file.
    threads : int
        Number of threads on the processor; 0 takes one a core.
    device : "auto", "cuda", "mps" or "cpu"

    Raises
    ------
    UsageError
        The device is not there.
    ModelError
        The file is no network that ONNX Runtime can run, or the device does not take it.
    """
    check_device(device)
    available = onnxruntime.get_available_providers()
    wanted = _PROVIDERS.get("cuda" if device == "auto" else device)
    if device in _PROVIDERS and wanted not in available:
        raise not_there(device, f"ONNX Runtime here has no {wanted} ({_CURES[device]})")
    providers = [wanted, _CPU] if wanted is not None and wanted in available else [_CPU]
    try:
        session = onnxruntime.InferenceSession(path, _options(threads, providers), providers=providers)
    except Exception as error:  # ONNX Runtime raises a dozen unrelated classes of its own
        raise ModelError(f"{path.name} cannot be run: {error}".splitlines()[0]) from error
    if device in _PROVIDERS and running_on(session) != device:
        # Where a driver or a library is missing, ONNX Runtime takes the processor and merely logs it.
        raise ModelError(f"device {device} did not start: ONNX Runtime fell back to the processor for {path.name}")
    return session


def running_on(session: onnxruntime.InferenceSession) -> str:
    """Return the device that a network was started on: "cuda", "mps" or "cpu"."""
    first = session.get_providers()[0]
    return next((device for device, provider in _PROVIDERS.items() if provider == first), "cpu")


def _options(threads: int, providers: list[str]) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Two networks take turns on the same cores: threads that spin while they wait slow down the other one.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if providers == [_CPU]:
        _share_arena()
        options.add_session_config_entry("session.use_env_allocators", "1")
        options.add_session_config_entry("session.use_device_allocator_for_initializers", "1")
    return options


@lru_cache(maxsize=1)
def _share_arena() -> None:
    """Let all networks of this process take turns in one memory arena that grows by what is asked for, not by doubling.

    Two arenas of their own cost a sixth more of the whole process's peak.
    """
    memory = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    no_limit, as_requested, default = 0, 1, -1
    onnxruntime.create_and_register_allocator(memory, onnxruntime.OrtArenaCfg(no_limit, as_requested, default, default))
