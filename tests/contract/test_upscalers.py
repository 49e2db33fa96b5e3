"""What every upscaler must hold to; those from elsewhere are built small, with random weights."""

from pathlib import Path

import numpy as np
import pytest

from lucidray.domain.protocols import Upscaler
from lucidray.imaging.upscaling import chain
from lucidray.models.upscalers import load_upscaler


def _onnx(folder: Path, channels: int, factor: int = 2) -> str:
    """A network that repeats pixels."""
    onnx = pytest.importorskip("onnx", reason="needs onnx")
    helper, kind = onnx.helper, onnx.TensorProto
    scales = helper.make_tensor("scales", kind.FLOAT, [4], [1.0, 1.0, float(factor), float(factor)])
    node = helper.make_node("Resize", ["film", "", "scales"], ["made"], mode="nearest")
    graph = helper.make_graph(
        [node],
        "repeat",
        [helper.make_tensor_value_info("film", kind.FLOAT, [1, channels, "h", "w"])],
        [helper.make_tensor_value_info("made", kind.FLOAT, [1, channels, "H", "W"])],
        [scales],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = folder / "repeat.onnx"
    onnx.save(model, path)
    return f"onnx:{path}"


def _swin2sr(folder: Path) -> str:
    from borrowed_models import make_torchvision_importable

    make_torchvision_importable()
    torch = pytest.importorskip("torch", reason="needs lucidray[upscale]")
    transformers = pytest.importorskip("transformers", reason="needs lucidray[upscale]")
    torch.manual_seed(0)
    config = transformers.Swin2SRConfig(
        image_size=8, num_channels=3, embed_dim=12, depths=[2], num_heads=[2], window_size=4, upscale=4,
        upsampler="pixelshuffle",
    )  # fmt: skip
    transformers.Swin2SRForImageSuperResolution(config).save_pretrained(folder)
    return f"swin2sr:{folder}"


def _swinir(folder: Path) -> str:
    from borrowed_models import make_torchvision_importable

    make_torchvision_importable()
    torch = pytest.importorskip("torch", reason="needs lucidray[upscale]")
    pytest.importorskip("spandrel", reason="needs lucidray[upscale]")
    from spandrel.architectures.SwinIR import SwinIR

    torch.manual_seed(0)
    network = SwinIR(
        img_size=8, in_chans=1, embed_dim=12, depths=[2], num_heads=[2], window_size=4, mlp_ratio=2, upscale=4,
        upsampler="pixelshuffle",
    )  # fmt: skip
    path = folder / "swinir.pth"
    torch.save({"params": network.state_dict()}, path)
    return str(path)


MAKERS = {
    "lanczos": lambda folder: "lanczos",
    "embedded": lambda folder: "embedded",
    "onnx": lambda folder: _onnx(folder, 1),
    "onnx-colour": lambda folder: _onnx(folder, 3),
    "swin2sr": _swin2sr,
    "swinir": _swinir,
}
BORROWED = {"swin2sr", "swinir"}


@pytest.fixture(
    scope="module", params=[pytest.param(name, marks=pytest.mark.extra if name in BORROWED else ()) for name in MAKERS]
)
def upscaler(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Upscaler:
    return load_upscaler(MAKERS[request.param](tmp_path_factory.mktemp("upscaler")), "cpu", 1)


def film(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width] / 16
    return (0.5 + 0.4 * np.sin(7 * x) * np.cos(5 * y)).astype(np.float32)


def test_it_is_an_upscaler(upscaler: Upscaler) -> None:
    assert isinstance(upscaler, Upscaler)
    assert upscaler.used.role == "upscaler"
    assert upscaler.name
    assert upscaler.factor >= 2
    assert upscaler.used.sha256 is None or len(upscaler.used.sha256) == 64


@pytest.mark.parametrize("size", [(28, 28), (13, 22)])
def test_size_type_and_range(upscaler: Upscaler, size: tuple[int, int]) -> None:
    small = film(*size)
    before = small.copy()
    made = upscaler.upscale(small)
    assert made.shape == (size[0] * upscaler.factor, size[1] * upscaler.factor)
    assert made.dtype == np.float32
    assert np.isfinite(made).all()
    assert 0 <= made.min() <= made.max() <= 1
    assert np.array_equal(small, before)
    assert np.array_equal(made, upscaler.upscale(small))


def test_up_stays_up_and_left_stays_left(upscaler: Upscaler, request: pytest.FixtureRequest) -> None:
    small = np.full((28, 28), 0.2, np.float32)
    small[4:10, 16:24] = 0.9  # above the middle, on the right
    made, where = upscaler.upscale(small), []
    # Random weights make noise of a film, but not another noise on each side of it: only where it differs counts.
    difference = np.abs(made - upscaler.upscale(np.full_like(small, 0.2)))
    rows, columns = (difference.sum(axis=axis) for axis in (1, 0))
    where = [float(np.average(np.arange(len(part)), weights=part)) / len(part) for part in (rows, columns)]
    assert where == pytest.approx([7 / 28, 20 / 28], abs=0.12)


def test_the_chain_ends_at_224(upscaler: Upscaler) -> None:
    assert chain(film(28, 30), upscaler)[-1].shape == (224, 240)
