"""MedCLIP from the weights in which it was published, with its text model's vocabulary beside them.

Built from the published description and its reference (package medclip): ResNet-50 or Swin, and a clinical BERT. The
film's vector is the mean of its places' vectors, so that maps are exact.

References
----------
Wang et al., EMNLP (2022), https://arxiv.org/abs/2210.10163
"""

from collections.abc import Mapping
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

TEXT_FOLDER = "text"
_WEIGHTS = ("pytorch_model.bin", "model.safetensors")
_SIZE = 224
_MEAN, _STD = 0.5862785803043838, 0.27950088968644304
_JOINT_SIZE = 512
_LONGEST = 77


class ResNetVision(torch.nn.Module):
    """ResNet-50 whose last layer, without a bias, is the projection; names as in the published weights."""

    def __init__(self) -> None:
        super().__init__()
        self.model: Any = torchvision.models.resnet50(weights=None)
        self.model.fc = torch.nn.Linear(2048, _JOINT_SIZE, bias=False)

    def forward(self, films: torch.Tensor) -> torch.Tensor:
        """Return vectors of places, (B, 512, h, w)."""
        model = self.model
        places = model.maxpool(model.relu(model.bn1(model.conv1(films))))
        for layer in (model.layer1, model.layer2, model.layer3, model.layer4):
            places = layer(places)
        return torch.nn.functional.conv2d(places, model.fc.weight[:, :, None, None])


class SwinVision(torch.nn.Module):
    """Swin, which pools by the mean, and a projection; names as in the published weights."""

    def __init__(self) -> None:
        super().__init__()
        # The defaults are those of microsoft/swin-tiny-patch4-window7-224.
        self.model: Any = transformers.SwinModel(transformers.SwinConfig())
        self.projection_head = torch.nn.Linear(768, _JOINT_SIZE, bias=False)

    def forward(self, films: torch.Tensor) -> torch.Tensor:
        """Return vectors of places, (B, 512, h, w)."""
        places = self.projection_head(self.model(films).last_hidden_state)
        count, number, width = places.shape
        side = round(number**0.5)
        grid: torch.Tensor = places.transpose(1, 2).reshape(count, width, side, side)
        return grid


class TextNetwork(torch.nn.Module):
    """BERT, averaged over its first, second and last layer and over all tokens; names as in the published weights."""

    def __init__(self, config: transformers.BertConfig) -> None:
        super().__init__()
        self.model: Any = transformers.BertModel(config)
        self.projection_head = torch.nn.Linear(config.hidden_size, _JOINT_SIZE, bias=False)

    def forward(self, **tokens: torch.Tensor) -> torch.Tensor:
        """Return (N, 512) vectors."""
        layers = self.model(**tokens, output_hidden_states=True).hidden_states
        mean = torch.stack([layers[1], layers[2], layers[-1]]).mean(dim=(0, 2))
        vectors: torch.Tensor = self.projection_head(mean)
        return vectors


class MedclipEncoder:
    """`Encoder` on MedCLIP.

    Raises
    ------
    ModelError
        The folder is not whole, or weights do not fit.
    """

    def __init__(self, folder: Path, name: str, device: torch.device) -> None:
        path = weight_files(folder, _WEIGHTS)[0]
        weights = read_weights(path)
        self._device = device
        swin = "vision_model.projection_head.weight" in weights
        self._vision = SwinVision() if swin else ResNetVision()
        fill(self._vision, _part(weights, "vision_model."), path)
        config, self._tokenizer = _text(folder / TEXT_FOLDER)
        self._text = TextNetwork(config)
        fill(self._text, _part(weights, "text_model."), path)
        if "logit_scale" not in weights:
            raise ModelError(f"{path} does not fit the network: logit_scale is missing")
        self._scale = float(weights["logit_scale"].clamp(0, 4.6052).exp())  # the bounds of its training
        self._vision.eval().to(device)
        self._text.eval().to(device)
        self._used = ModelUsed(
            role="findings",
            name=f"zero-shot:{name}",
            version="MedCLIP, Swin" if swin else "MedCLIP, ResNet",
            sha256=joint_hash([path]),
            device=device.type,
        )

    @property
    def used(self) -> ModelUsed:
        """Name, version, hash, device."""
        return self._used

    @property
    def preparation(self) -> Preparation:
        """What the model sees: the film padded to a square."""
        grey: dict[str, Any] = {"interpolation": "bicubic", "mean": (_MEAN,), "std": (_STD,)}
        return Preparation((_SIZE, _SIZE), channels=3, fit="pad", **grey)

    @property
    def scale(self) -> float:
        """The model's own temperature, inverted."""
        return self._scale

    def text(self, sentences: list[str]) -> Floats:
        """Return (N, 512) vectors; one sentence at a time, for the model averages over padding too."""
        vectors = []
        for sentence in sentences:
            tokens = self._tokenizer(sentence, return_tensors="pt")
            if tokens["input_ids"].shape[1] > _LONGEST:
                raise ModelError(f"{self._used.name} takes {_LONGEST} tokens; a prompt has more: {sentence[:40]}...")
            with torch.inference_mode():
                vectors.append(self._text(**tokens.to(self._device)).float().cpu().numpy())
        return np.concatenate(vectors)

    def films(self, films: npt.NDArray[np.float32]) -> Seen:
        """Look at prepared films."""
        with torch.inference_mode():
            places: Floats = self._vision(torch.from_numpy(films).to(self._device)).float().cpu().numpy()
        return Seen(places.mean(axis=(2, 3)), places)


def open_model(where: str, threads: int, device: str) -> ZeroShotClassifier:
    """Open a folder."""
    chosen = choose(device, threads)
    folder = local_folder(where)
    return ZeroShotClassifier(MedclipEncoder(folder, f"medclip:{where}", chosen), read_prompts(folder))


def _part(weights: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    # Counters of positions were part of the weights once; they are no weights.
    return {
        key.removeprefix(prefix): value
        for key, value in weights.items()
        if key.startswith(prefix) and not key.endswith(("position_ids", "relative_position_index"))
    }


def _text(folder: Path) -> tuple[transformers.BertConfig, Any]:
    try:
        with offline():
            config = transformers.BertConfig.from_pretrained(folder, local_files_only=True)
            tokenizer = transformers.BertTokenizerFast.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # transformers raises a dozen unrelated classes of its own
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"{folder} is to hold config and vocabulary of emilyalsentzer/Bio_ClinicalBERT: {reason}"
        ) from error
    return config, tokenizer
