"""CLIP, SigLIP and their like by transformers, from a folder; code that lies in the folder is never run."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import transformers

from lucidray.domain.errors import LucidrayError, ModelError
from lucidray.domain.reading import ModelUsed
from lucidray.models.hub import joint_hash, local_folder, offline, weight_files
from lucidray.models.preparation import Interpolation, Preparation
from lucidray.models.torch_device import choose
from lucidray.models.zero_shot import Floats, Seen, ZeroShotClassifier, read_prompts

_WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
_INTERPOLATIONS: dict[int, Interpolation] = {2: "bilinear", 3: "bicubic"}  # as Pillow counts its filters


class HfEncoder:
    """`Encoder` on any model of transformers that gives features of images and of text.

    Raises
    ------
    ModelError
        The folder is not whole, or weights do not fit.
    """

    def __init__(self, folder: Path, name: str, device: torch.device) -> None:
        files = weight_files(folder, _WEIGHTS)
        self._device = device
        try:
            with offline():
                model, loaded = transformers.AutoModel.from_pretrained(
                    folder,
                    local_files_only=True,
                    trust_remote_code=False,
                    dtype=torch.float32,
                    output_loading_info=True,
                )
                self._tokenizer: Any = transformers.AutoTokenizer.from_pretrained(
                    folder, local_files_only=True, trust_remote_code=False
                )
        except Exception as error:  # transformers raises a dozen unrelated classes of its own
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ModelError(f"{folder} cannot be loaded by transformers: {reason}") from error
        # What is missing would be filled with random numbers, and merely logged.
        wrong = [*loaded["missing_keys"], *(str(key) for key in loaded["mismatched_keys"])]
        if wrong:
            raise ModelError(
                f"{folder}: {len(wrong)} weights are missing or of another shape, {sorted(wrong)[0]} first"
            )
        if not hasattr(model, "get_image_features") or not hasattr(model, "get_text_features"):
            raise ModelError(f"{folder}: a {type(model).__name__} does not hold text against images")
        self._model = model.eval().to(device)
        self._preparation = read_preparation(folder)
        self._scale = float(model.logit_scale.detach().exp()) if hasattr(model, "logit_scale") else 1.0
        text = getattr(model.config, "text_config", model.config)
        self._longest = int(getattr(text, "max_position_embeddings", 512))
        # SigLIP was trained on sentences padded to their full length.
        self._padding = "max_length" if str(model.config.model_type).startswith("siglip") else "longest"
        self._used = ModelUsed(
            role="findings",
            name=f"zero-shot:{name}",
            version=f"transformers {transformers.__version__}",
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
        return self._scale

    def text(self, sentences: list[str]) -> Floats:
        """Return (N, D) vectors."""
        longest = max(len(self._tokenizer(sentence)["input_ids"]) for sentence in sentences)
        if longest > self._longest:
            raise ModelError(f"{self._used.name} takes {self._longest} tokens; a prompt has {longest}")
        tokens = self._tokenizer(sentences, padding=self._padding, max_length=self._longest, return_tensors="pt")
        with torch.inference_mode():
            return _vectors(self._model.get_text_features(**tokens.to(self._device)))

    def films(self, films: npt.NDArray[np.float32]) -> Seen:
        """Look at prepared films."""
        with torch.inference_mode():
            return Seen(_vectors(self._model.get_image_features(pixel_values=torch.from_numpy(films).to(self._device))))


def open_model(where: str, threads: int, device: str) -> ZeroShotClassifier:
    """Open a folder, or a model that was downloaded before."""
    chosen = choose(device, threads)
    folder = local_folder(where)
    return ZeroShotClassifier(HfEncoder(folder, f"hf:{where}", chosen), read_prompts(folder))


def read_preparation(folder: Path) -> Preparation:
    """Read what a model sees off `preprocessor_config.json`.

    Raises
    ------
    ModelError
        It is missing, or asks for what is not understood.
    """
    path = folder / "preprocessor_config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        return _preparation(config)
    except LucidrayError as error:
        raise ModelError(f"{path}: {error}") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path} does not say what the model sees: {type(error).__name__} {error}") from error


def _preparation(config: Mapping[str, Any]) -> Preparation:
    size, crop = config["size"], config.get("crop_size")
    filter_number = int(config.get("resample", 3))
    if filter_number not in _INTERPOLATIONS:
        raise ModelError(f"resample {filter_number} is neither bilinear nor bicubic")
    if not config.get("do_resize", True):
        raise ModelError("a model that sees films in their own size is not understood")
    normalized = config.get("do_normalize", True)
    factor = float(config.get("rescale_factor", 1 / 255)) if config.get("do_rescale", True) else 1.0
    common: dict[str, Any] = {
        "interpolation": _INTERPOLATIONS[filter_number],
        "high": 255 * factor,
        "mean": tuple(config["image_mean"]) if normalized else (0.0,),
        "std": tuple(config["image_std"]) if normalized else (1.0,),
    }
    if isinstance(size, int):
        size = {"shortest_edge": size}
    if isinstance(crop, int):
        crop = {"height": crop, "width": crop}
    if "shortest_edge" in size:
        side = int(size["shortest_edge"])
        if not config.get("do_center_crop", True) or crop is None:
            raise ModelError("a film that is not cut to a fixed size is not understood")
        cut = (int(crop["height"]), int(crop["width"]))
        if cut[0] != cut[1] or cut[0] > side:
            raise ModelError(f"a cut of {cut} from a film of {side} is not understood")
        return Preparation(size=cut, fit="crop", crop_share=cut[0] / side, **common)
    stretched = (int(size["height"]), int(size["width"]))
    if config.get("do_center_crop", False) and crop is not None and (crop["height"], crop["width"]) != stretched:
        raise ModelError("a cut from a stretched film is not understood")
    return Preparation(size=stretched, fit="stretch", **common)


def _vectors(answer: Any) -> Floats:
    """Return features as an array; newer versions of transformers wrap them."""
    tensor = answer if isinstance(answer, torch.Tensor) else answer.pooler_output
    vectors: Floats = tensor.float().cpu().numpy()
    return vectors
