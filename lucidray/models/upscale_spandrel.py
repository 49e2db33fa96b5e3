"""Checkpoints of SwinIR and its like (`.pth`, `.safetensors`), recognised by their weights' names through spandrel.

Spandrel (MIT) reads a checkpoint with an unpickler that knows tensors alone; the architectures that it carries are
permissively licensed. What the weights allow is their author's word.
"""

import hashlib
from pathlib import Path

import numpy as np
import spandrel
import torch

from lucidray.domain.errors import ModelError, UsageError
from lucidray.domain.radiograph import FloatImage
from lucidray.domain.reading import ModelUsed
from lucidray.models.torch_device import choose

SUFFIXES = (".pth", ".pt", ".safetensors")
_CHUNK = 1 << 20


class CheckpointUpscaler:
    """`Upscaler` on a file of weights whose architecture spandrel knows: SwinIR, HAT, ESRGAN, Swin2SR and others.

    Raises
    ------
    UsageError
        There is no such file.
    ModelError
        The file is damaged, of an unknown architecture, or does not enlarge images.
    """

    def __init__(self, path: Path, device: str = "auto", threads: int = 0) -> None:
        if not path.is_file():
            raise UsageError(f"there is no upscaler {path}")
        self._device = choose(device, threads)
        try:
            found = spandrel.ModelLoader(device=self._device).load_from_file(path)
        except Exception as error:  # a damaged file raises whatever its bytes happen to ask for
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ModelError(f"{path} cannot be read as an upscaler: {reason}") from error
        if not isinstance(found, spandrel.ImageModelDescriptor) or found.scale < 2:
            raise ModelError(f"{path} holds a {found.architecture.name}, which does not enlarge images")
        if found.input_channels not in (1, 3):
            raise ModelError(f"{path} takes images of {found.input_channels} channels, which no film has")
        self._model = found.eval()
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        self._used = ModelUsed(
            role="upscaler",
            name=path.name,
            version=f"{found.architecture.name}, spandrel {spandrel.__version__}",
            sha256=digest,
            device=self._device.type,
        )

    @property
    def used(self) -> ModelUsed:
        """The file's name and hash, and what spandrel takes it for."""
        return self._used

    @property
    def name(self) -> str:
        """The file's name."""
        return self._used.name

    @property
    def factor(self) -> int:
        """Of the checkpoint."""
        return int(self._model.scale)

    def upscale(self, pixels: FloatImage) -> FloatImage:
        """Show the film in every channel, and take the mean of what comes back; (H, W) float32 in [0, 1]."""
        film = torch.from_numpy(np.repeat(pixels[None, None], self._model.input_channels, axis=1)).to(self._device)
        with torch.inference_mode():
            made = self._model(film).float().cpu().numpy()
        clipped: FloatImage = np.clip(made[0].mean(axis=0), 0.0, 1.0, dtype=np.float32)
        return clipped
