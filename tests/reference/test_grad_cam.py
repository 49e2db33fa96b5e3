"""Grad-CAM: the exact map where there is one, and the place of the evidence where it is known."""

from typing import Any

import numpy as np
import pytest
from borrowed_models import make_torchvision_importable

pytestmark = pytest.mark.extra
torch = pytest.importorskip("torch", reason="needs PyTorch")
make_torchvision_importable()
timm = pytest.importorskip("timm", reason="needs lucidray[timm]")
pytest.importorskip("pytorch_grad_cam", reason="needs lucidray[timm]")

from lucidray.domain.errors import ModelError
from lucidray.models.activation import Linear
from lucidray.models.gradient_maps import GradientMaps

SIDE = 64


class Bright(torch.nn.Module):
    """Three features a cell: brightness, darkness, noise. A head that is not linear over their means, by a norm."""

    num_features = 3

    def __init__(self) -> None:
        super().__init__()
        self.norm = torch.nn.LayerNorm(3)
        self.last = torch.nn.Linear(3, 2)
        with torch.no_grad():
            # The first output rises with brightness, the second falls with it.
            self.last.weight.copy_(torch.tensor([[2.0, -1.0, 0.0], [-2.0, 1.0, 0.0]]))
            self.last.bias.copy_(torch.tensor([0.3, -0.2]))

    def forward_features(self, film: Any) -> Any:
        cells = torch.nn.functional.avg_pool2d(film.mean(1, keepdim=True), 8)
        return torch.cat([cells, 1 - cells, 0.1 * torch.sin(17 * cells)], 1)

    def forward_head(self, features: Any) -> Any:
        return self.last(self.norm(features.mean((2, 3))))


def spotted(row: int, column: int) -> Any:
    film = torch.full((1, 3, SIDE, SIDE), 0.2)
    film[:, :, 8 * row : 8 * row + 8, 8 * column : 8 * column + 8] = 1.0
    return film


@pytest.mark.parametrize(("row", "column"), [(1, 1), (1, 6), (6, 1), (6, 6), (3, 5)])
def test_the_evidence_is_where_it_was_put(row: int, column: int) -> None:
    film = spotted(row, column)
    logits, maps = GradientMaps(Bright().eval(), film, "it").maps(film)
    assert maps.shape == (2, 8, 8)
    # Image left stays left, and up stays up: nothing is mirrored or transposed.
    assert np.unravel_index(int(maps[0].argmax()), (8, 8)) == (row, column)
    assert np.unravel_index(int(maps[1].argmin()), (8, 8)) == (row, column)
    assert maps.mean(axis=(1, 2)) == pytest.approx(logits[0], abs=1e-4)


@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet"])
def test_it_is_the_exact_map_where_there_is_one(name: str) -> None:
    torch.manual_seed(0)
    network = timm.create_model(name, num_classes=3).eval()
    film = torch.rand(1, 3, SIDE, SIDE)
    logits, maps = GradientMaps(network, film, name).maps(film)
    last = network.get_classifier()
    exact = Linear(last.weight.detach().numpy(), last.bias.detach().numpy())
    with torch.no_grad():
        features = network.forward_features(film).numpy()
    assert maps == pytest.approx(exact.maps(features, logits, name), abs=1e-3)


@pytest.mark.parametrize("name", ["test_convnext", "maxvit_pico_rw_256", "test_vit", "swin_tiny_patch4_window7_224"])
def test_networks_of_every_layout_have_a_map_whose_mean_is_the_score(name: str) -> None:
    torch.manual_seed(0)
    config = timm.get_pretrained_cfg(name)
    options = {"global_pool": "avg", "class_token": False} if name == "test_vit" else {}
    network = timm.create_model(name, num_classes=2, **options).eval()
    film = torch.rand(1, *config.input_size)
    logits, maps = GradientMaps(network, film, name).maps(film, [1])
    assert maps.shape[0] == 2
    assert min(maps.shape[1:]) >= 5
    assert maps[1].mean() == pytest.approx(float(logits[0, 1]), abs=1e-3)
    assert (maps[0] == 0).all()


def test_a_network_whose_score_rests_on_no_place_is_refused() -> None:
    torch.manual_seed(0)
    # Its score is read off the class token alone: after the last block no place counts any more.
    network = timm.create_model("test_vit", num_classes=2, global_pool="token").eval()
    with pytest.raises(ModelError, match="occlusion works"):
        GradientMaps(network, torch.rand(1, *timm.get_pretrained_cfg("test_vit").input_size), "vit")
