"""BioViL and BioViL-T from the folders in which they were published; the code that lies there is not run.

Built from the published description and its MIT-licensed reference (hi-ml-multimodal), for one film without an earlier
one. The film's vector is the mean of its places' vectors, so that maps are exact.

References
----------
Boecking et al., ECCV (2022), https://arxiv.org/abs/2204.09817 · Bannur et al., CVPR (2023), https://arxiv.org/abs/2301.04558
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torchvision
import transformers

from lucidray.domain.errors import ModelError
from lucidray.domain.reading import ModelUsed
from lucidray.models.hub import joint_hash, local_folder, offline, weight_files
from lucidray.models.preparation import Preparation
from lucidray.models.torch_device import choose
from lucidray.models.torch_weights import fill, read_weights
from lucidray.models.zero_shot import Floats, Seen, ZeroShotClassifier, read_prompts

_IMAGE_WEIGHTS = ("biovil_t_image_model*.pt", "biovil_image_resnet50*.pt")
_TEXT_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_RESIZED, _CUT_WITH_TIME, _CUT = 512, 448, 480
_JOINT_SIZE = 128
_STATIC_SIZE = 256
# The temperature of training was not published with the weights. A scale changes no ranking; calibration fits its own.
_SCALE = 10.0


class ImageNetwork(torch.nn.Module):
    """ResNet-50 and a projection of each place; names as in the published weights.

    Parameters
    ----------
    with_time : bool
        BioViL-T: half of each place's features tell of change; without an earlier film they are one learned vector.
    """

    def __init__(self, *, with_time: bool) -> None:
        super().__init__()
        self.encoder: Any = torch.nn.Module()
        self.encoder.encoder = torchvision.models.resnet50(weights=None)
        width = 2048
        if with_time:
            self.encoder.backbone_to_vit = torch.nn.Conv2d(width, _STATIC_SIZE, 1, bias=False)
            self.encoder.missing_previous_emb = torch.nn.Parameter(torch.zeros(1, _STATIC_SIZE, 1, 1))
            width = 2 * _STATIC_SIZE
        self.projector: Any = torch.nn.Module()
        self.projector.model = torch.nn.Sequential(
            torch.nn.Conv2d(width, _JOINT_SIZE, 1, bias=False),
            torch.nn.BatchNorm2d(_JOINT_SIZE),
            torch.nn.ReLU(),
            torch.nn.Conv2d(_JOINT_SIZE, _JOINT_SIZE, 1),
        )
        self.with_time = with_time

    def forward(self, films: torch.Tensor) -> torch.Tensor:
        """Return vectors of places, (B, 128, h, w), whose mean is the film's."""
        trunk = self.encoder.encoder
        places = trunk.maxpool(trunk.relu(trunk.bn1(trunk.conv1(films))))
        for layer in (trunk.layer1, trunk.layer2, trunk.layer3, trunk.layer4):
            places = layer(places)
        if self.with_time:
            places = self.encoder.backbone_to_vit(places)
            places = torch.cat([places, self.encoder.missing_previous_emb.expand_as(places)], dim=1)
        projected: torch.Tensor = self.projector.model(places)
        return projected


class TextNetwork(torch.nn.Module):
    """CXR-BERT with the projection of its first token; names as in the published weights."""

    def __init__(self, config: transformers.BertConfig, size: int) -> None:
        super().__init__()
        self.bert: Any = transformers.BertModel(config, add_pooling_layer=False)
        self.cls_projection_head: Any = torch.nn.Module()
        self.cls_projection_head.dense_to_hidden = torch.nn.Linear(config.hidden_size, size)
        self.cls_projection_head.LayerNorm = torch.nn.LayerNorm(size, eps=1e-12)
        self.cls_projection_head.dense_to_output = torch.nn.Linear(size, size)

    def forward(self, **tokens: torch.Tensor) -> torch.Tensor:
        """Return (N, 128) vectors."""
        head = self.cls_projection_head
        first = self.bert(**tokens).last_hidden_state[:, 0]
        hidden = torch.nn.functional.gelu(head.dense_to_hidden(first))
        projected: torch.Tensor = head.dense_to_output(head.LayerNorm(hidden))
        return projected


class BiovilEncoder:
    """`Encoder` on BioViL or BioViL-T.

    Raises
    ------
    ModelError
        The folder is not whole, or weights do not fit.
    """

    def __init__(self, folder: Path, name: str, device: torch.device) -> None:
        image_path = weight_files(folder, _IMAGE_WEIGHTS)[0]
        text_path = weight_files(folder, _TEXT_WEIGHTS)[0]
        self._device = device
        image = read_weights(image_path)
        with_time = "encoder.backbone_to_vit.weight" in image
        self._image = ImageNetwork(with_time=with_time)
        # Compares with an earlier film; lucidray gives none.
        kept = {key: value for key, value in image.items() if not key.startswith("encoder.vit_pooler.")}
        fill(self._image, kept, image_path)
        self._text, self._tokenizer = _text(folder, text_path)
        self._image.eval().to(device)
        self._text.eval().to(device)
        cut = _CUT_WITH_TIME if with_time else _CUT
        self._preparation = Preparation((cut, cut), channels=3, fit="crop", crop_share=cut / _RESIZED)
        self._used = ModelUsed(
            role="findings",
            name=f"zero-shot:{name}",
            version="BioViL-T" if with_time else "BioViL",
            sha256=joint_hash([image_path, text_path]),
            device=device.type,
        )

    @property
    def used(self) -> ModelUsed:
        """Name, version, hash, device."""
        return self._used

    @property
    def preparation(self) -> Preparation:
        """What the model sees: the middle of the film, grey values in [0, 1]."""
        return self._preparation

    @property
    def scale(self) -> float:
        """A constant."""
        return _SCALE

    def text(self, sentences: list[str]) -> Floats:
        """Return (N, 128) vectors."""
        tokens = self._tokenizer(sentences, padding=True, return_tensors="pt").to(self._device)
        with torch.inference_mode():
            vectors: Floats = self._text(**tokens).float().cpu().numpy()
        return vectors

    def films(self, films: npt.NDArray[np.float32]) -> Seen:
        """Look at prepared films."""
        with torch.inference_mode():
            places: Floats = self._image(torch.from_numpy(films).to(self._device)).float().cpu().numpy()
        return Seen(places.mean(axis=(2, 3)), places)


def open_model(where: str, threads: int, device: str) -> ZeroShotClassifier:
    """Open a folder, or a model that was downloaded before."""
    chosen = choose(device, threads)
    folder = local_folder(where)
    return ZeroShotClassifier(BiovilEncoder(folder, f"biovil:{where}", chosen), read_prompts(folder))


def _text(folder: Path, path: Path) -> tuple[TextNetwork, Any]:
    weights = read_weights(path)
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        size = int(config.get("projection_size", _JOINT_SIZE))
        known = {key: value for key, value in config.items() if key not in ("auto_map", "architectures", "model_type")}
        network = TextNetwork(transformers.BertConfig(**known), size)
        with offline():
            tokenizer = transformers.BertTokenizerFast.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # transformers raises a dozen unrelated classes of its own
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(f"{folder} holds no CXR-BERT that can be loaded: {reason}") from error
    # The head that guesses masked words and a counter of positions have no part in it.
    dropped = ("cls.predictions.", "bert.pooler.", "bert.embeddings.position_ids")
    fill(network, {key: value for key, value in weights.items() if not key.startswith(dropped)}, path)
    return network, tokenizer
