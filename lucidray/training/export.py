"""A network as an ONNX file: weights stored in half precision, arithmetic in single precision."""

import hashlib
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

_OPSET = 17
_SMALL = 64  # tensors of fewer numbers stay as they are: a Cast costs more bytes than it saves


def write_onnx(
    network: torch.nn.Module, size: int, path: Path, outputs: Sequence[str], *, any_size: bool = False
) -> str:
    """Write a network that takes `film`, (N, 1, size, size) float32 in [0, 1], with N free.

    Parameters
    ----------
    network : torch.nn.Module
        Put into evaluation mode and moved to the CPU.
    size : int
        Side of the film, in pixels.
    path : Path
        Where to write.
    outputs : sequence of str
        Names of what the network returns, in order; N is the first axis of each.
    any_size : bool
        Leave height and width free too, of the film and of all outputs, which then are (N, C, h, w).

    Returns
    -------
    SHA-256 of the file, as 64 hexadecimal digits.
    """
    network = network.to("cpu", memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]
    path.parent.mkdir(parents=True, exist_ok=True)
    free = {name: {0: "films"} for name in ("film", *outputs)}
    if any_size:
        free = {name: {**axes, 2: f"{name}_height", 3: f"{name}_width"} for name, axes in free.items()}
    with warnings.catch_warnings():
        # PyTorch prefers its newer exporter, which needs one more package and gives the same graph for these networks.
        warnings.filterwarnings("ignore", message=".*legacy TorchScript-based ONNX export", category=DeprecationWarning)
        torch.onnx.export(
            network,
            (torch.zeros(1, 1, size, size),),
            path,
            input_names=["film"],
            output_names=list(outputs),
            dynamic_axes=free,
            opset_version=_OPSET,
            dynamo=False,
        )
    model = onnx.load(path)
    halve(model)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def halve(model: onnx.ModelProto) -> None:
    """Store weights in half precision.

    A Cast restores them when the file is loaded, so that nothing computes in half precision and any ONNX runtime can
    read the file. Small tensors, where the biases are, stay in single precision.
    """
    graph = model.graph
    casts = []
    for weight in graph.initializer:
        if weight.data_type != TensorProto.FLOAT or np.prod(weight.dims) < _SMALL:
            continue
        name = weight.name
        weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight).astype(np.float16), f"{name}_half"))
        casts.append(helper.make_node("Cast", [f"{name}_half"], [name], f"{name}_cast", to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
