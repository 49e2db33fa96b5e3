"""BiomedCLIP and its like by open_clip, from a folder with `open_clip_config.json`."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import open_clip
import torch

from lucidray.domain.errors import ModelError
from lucidray.domain.reading import ModelUsed
from lucidray.models.hub import joint_hash, local_folder, offline, weight_files
from lucidray.models.preparation import Fit, Interpolation, Preparation
from lucidray.models.torch_device import choose
from lucidray.models.zero_shot import Floats, Seen, ZeroShotClassifier, read_prompts

_WEIGHTS = ("open_clip*.safetensors", "open_clip*.bin", "open_clip*.pth")
_FITS: dict[str, Fit] = {"shortest": "crop", "longest": "pad", "squash": "stretch"}
_INTERPOLATIONS: dict[str, Interpolation] = {"bilinear": "bilinear", "bicubic": "bicubic"}


class OpenClipEncoder:
    """`Encoder` on a model of open_clip.

    Raises
    ------
    ModelError
        The folder is not whole, or weights do not fit.
    """

    def __init__(self, folder: Path, name: str, device: torch.device) -> None:
        # Without a file, open_clip would go on with random weights.
        files = weight_files(folder, _WEIGHTS)
        self._device = device
        where = f"local-dir:{folder.resolve()}"
        try:
            with offline():
                model, _ = open_clip.create_model_from_pretrained(where, device="cpu", weights_only=True)
                self._tokenizer: Any = open_clip.get_tokenizer(where)
        except Exception as error:  # open_clip, timm and transformers raise whatever they like
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ModelError(f"{folder} cannot be loaded by open_clip {open_clip.__version__}: {reason}") from error
        self._model: Any = model.eval().to(device)
        self._preparation = _preparation(open_clip.get_model_preprocess_cfg(model), folder)
        self._used = ModelUsed(
            role="findings",
            name=f"zero-shot:{name}",
            version=f"open_clip {open_clip.__version__}",
            sha256=joint_hash(files),
            device=device.type,
        )

    @property
    def used(self) -> ModelUsed:
        """Name, version, hash, device."""
        return self._used

    @property
    def preparation(self) -> Preparation:
        """What the model sees."""
        return self._preparation

    @property
    def scale(self) -> float:
        """The model's own temperature, inverted."""
        return float(self._model.logit_scale.detach().exp())

    def text(self, sentences: list[str]) -> Floats:
        """Return (N, D) vectors."""
        with torch.inference_mode():
            vectors: Floats = self._model.encode_text(self._tokenizer(sentences).to(self._device)).float().cpu().numpy()
        return vectors

    def films(self, films: npt.NDArray[np.float32]) -> Seen:
        """Look at prepared films."""
        with torch.inference_mode():
            vectors = self._model.encode_image(torch.from_numpy(films).to(self._device))
        return Seen(vectors.float().cpu().numpy())


def open_model(where: str, threads: int, device: str) -> ZeroShotClassifier:
    """Open a folder, or a model that was downloaded before."""
    chosen = choose(device, threads)
    folder = local_folder(where)
    return ZeroShotClassifier(OpenClipEncoder(folder, f"open_clip:{where}", chosen), read_prompts(folder))


def _preparation(config: dict[str, Any], folder: Path) -> Preparation:
    size = config["size"]
    fit, interpolation = _FITS.get(config["resize_mode"]), _INTERPOLATIONS.get(config["interpolation"])
    if fit is None or interpolation is None:
        raise ModelError(f"{folder}: {config['resize_mode']} by {config['interpolation']} is not understood")
    return Preparation(
        size=(size, size) if isinstance(size, int) else (int(size[0]), int(size[1])),
        fit=fit,
        interpolation=interpolation,
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
    )
