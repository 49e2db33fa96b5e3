"""Swin2SR by transformers, from a folder or the hub's cache here, never from the hub.

References
----------
Conde et al., Swin2SR, ECCV Workshops 2022
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from lucidray.domain.errors import ModelError
from lucidray.domain.radiograph import FloatImage
from lucidray.domain.reading import ModelUsed
from lucidray.models.hub import joint_hash, local_folder, offline, weight_files
from lucidray.models.torch_device import choose

_WEIGHTS = ("*.safetensors", "pytorch_model*.bin")


class Swin2srUpscaler:
    """`Upscaler` on a Swin2SR checkpoint in the layout of the Hugging Face hub.

    Parameters
    ----------
    where : str
        A folder, or the name of a model on the hub that was downloaded before.
    name : str
        What it is asked for by.
    device : "auto", "cuda", "mps" or "cpu"
    threads : int

    Raises
    ------
    ModelError
        The weights are not here, incomplete, or of another kind.
    """

    def __init__(self, where: str, name: str, device: str = "auto", threads: int = 0) -> None:
        self._device = choose(device, threads)
        self._name = name
        folder = local_folder(where)
        files = weight_files(folder, _WEIGHTS)
        self._model = _loaded(folder).to(self._device).eval()
        config: Any = self._model.config
        self._window = int(config.window_size)
        if config.num_channels not in (1, 3):
            raise ModelError(f"{folder} takes images of {config.num_channels} channels, which no film has")
        self._channels = int(config.num_channels)
        self._factor = int(config.upscale)
        if self._factor < 2:
            raise ModelError(f"{folder} does not enlarge: its factor is {self._factor}")
        self._used = ModelUsed(
            role="upscaler",
            name=f"swin2sr:{folder.name}" if Path(where).expanduser().is_dir() else where,
            version=f"transformers {transformers.__version__}",
            sha256=joint_hash(files),
            device=self._device.type,
        )

    @property
    def used(self) -> ModelUsed:
        """Name, version, hash, device."""
        return self._used

    @property
    def name(self) -> str:
        """What it is asked for by."""
        return self._name

    @property
    def factor(self) -> int:
        """Of the checkpoint."""
        return self._factor

    def upscale(self, pixels: FloatImage) -> FloatImage:
        """Show the film in every channel, and take the mean of what comes back; (H, W) float32 in [0, 1]."""
        rows, columns = pixels.shape
        # As the model's own image processor pads: mirrored, edge included, to the next multiple of the window.
        down, right = (-(-(count + 1) // self._window) * self._window - count for count in (rows, columns))
        padded = np.pad(pixels, ((0, down), (0, right)), mode="symmetric")
        film = torch.from_numpy(np.repeat(padded[None, None], self._channels, axis=1)).to(self._device)
        with torch.inference_mode():
            made = self._model(pixel_values=film).reconstruction.float().cpu().numpy()
        whole = made[0, :, : rows * self._factor, : columns * self._factor].mean(axis=0)
        clipped: FloatImage = np.clip(whole, 0.0, 1.0, dtype=np.float32)
        return clipped


def _loaded(folder: Path) -> torch.nn.Module:
    """Load a checkpoint whole: what is missing would be filled with random numbers, and merely logged."""
    try:
        with offline():
            model, loaded = transformers.Swin2SRForImageSuperResolution.from_pretrained(
                folder, local_files_only=True, dtype=torch.float32, output_loading_info=True
            )
    except Exception as error:  # transformers raises a dozen unrelated classes of its own
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(f"{folder} cannot be loaded as Swin2SR: {reason}") from error
    if model.config.model_type != "swin2sr":
        raise ModelError(f"{folder} is no Swin2SR checkpoint")
    wrong = [*loaded["missing_keys"], *(str(key) for key in loaded["mismatched_keys"])]
    if wrong:
        raise ModelError(f"{folder}: {len(wrong)} weights are missing or of another shape, {sorted(wrong)[0]} first")
    checked: torch.nn.Module = model
    return checked
