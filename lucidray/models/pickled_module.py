"""State of a network that somebody pickled whole, read without letting the pickle run anything.

Some weights of TorchXRayVision are whole modules, pickled in a format that PyTorch's `weights_only` refuses. A pickle
can name any function to be called. Here it may name tensors, containers and the classes of network layers, and nothing
else: these do no more than hold numbers.
"""

import pickle
import types
from pathlib import Path
from typing import IO, Any

import torch

from lucidray.domain.errors import ModelError

_MODULES = ("torch.nn.modules.", "torchxrayvision.models", "torchvision.models.")
_NAMES = {
    ("collections", "OrderedDict"),
    ("builtins", "set"),
    ("__builtin__", "set"),
    ("torch._utils", "_rebuild_tensor"),
    ("torch._utils", "_rebuild_tensor_v2"),
    ("torch._utils", "_rebuild_parameter"),
    ("torch.nn.parameter", "Parameter"),
    ("torch", "FloatStorage"),
    ("torch", "LongStorage"),
    ("torch", "Size"),
    ("torch.serialization", "_get_layout"),
    ("_codecs", "encode"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    *(
        (module, name)
        for module in ("numpy.core.multiarray", "numpy._core.multiarray")
        for name in ("_reconstruct", "scalar")
    ),
}


class _Unpickler(pickle.Unpickler):
    """Finds layers and numbers; all else is refused before it is looked up."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _NAMES:
            return super().find_class(module, name)
        if module.startswith(_MODULES) and "." not in name:
            found = super().find_class(module, name)
            if isinstance(found, type) and issubclass(found, torch.nn.Module):
                return found
        raise pickle.UnpicklingError(f"{module}.{name} is neither a layer nor a number")


def _load(file: IO[bytes], **options: Any) -> Any:
    return _Unpickler(file, **options).load()


def _restricted() -> types.ModuleType:
    """Return what `torch.load` takes for the module `pickle`."""
    module = types.ModuleType("restricted_pickle")
    vars(module).update(Unpickler=_Unpickler, load=_load, UnpicklingError=pickle.UnpicklingError)
    return module


def read_state(path: Path) -> dict[str, torch.Tensor]:
    """Read the parameters and buffers of a pickled module, or of a pickled dictionary of them.

    Raises
    ------
    ModelError
        The file is damaged, or names something that is neither a layer nor a number.
    """
    try:
        loaded = torch.load(path, map_location="cpu", pickle_module=_restricted(), weights_only=False)
        if isinstance(loaded, torch.nn.Module):
            for module in loaded.modules():
                # Modules of PyTorch before 1.6 lack it: https://github.com/pytorch/pytorch/issues/42242
                if "_non_persistent_buffers_set" not in vars(module):
                    module._non_persistent_buffers_set = set()
            loaded = loaded.state_dict()
    except Exception as error:  # a damaged pickle raises whatever its bytes happen to ask for
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(f"{path} cannot be read as the weights of a network: {reason}") from error
    if not isinstance(loaded, dict) or not all(isinstance(value, torch.Tensor) for value in loaded.values()):
        raise ModelError(f"{path} holds no weights of a network")
    return loaded
