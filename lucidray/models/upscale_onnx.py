"""Upscaling by a network in ONNX: the embedded one, which adds to Lanczos, or a file of one's own."""

import hashlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from lucidray.domain.errors import ModelError, UsageError
from lucidray.domain.radiograph import FloatImage
from lucidray.domain.reading import ModelUsed
from lucidray.models.onnx_session import running_on, start
from lucidray.models.upscale_lanczos import FACTOR, LanczosUpscaler
from lucidray.models.weights_file import EMBEDDED_FOLDER, open_weights

EMBEDDED = "embedded"
_PROBE_PX = 16  # a film of this side tells an unknown network's factor
_MOST = 8


class EmbeddedUpscaler:
    """`Upscaler` on the embedded weights: Lanczos, and what a network trained on radiographs adds to it.

    Raises
    ------
    ModelError
        The weights are missing, damaged, or of another layout.
    """

    def __init__(self, folder: Path = EMBEDDED_FOLDER, threads: int = 0, device: str = "cpu") -> None:
        weights = open_weights(folder, "upscaler")
        self._session = weights.session(threads, device)
        self._lanczos = LanczosUpscaler()
        try:
            factor = int(weights.card["factor"])
            self._used = ModelUsed(
                role="upscaler",
                name=weights.card["name"],
                version=weights.card["version"],
                sha256=weights.sha256,
                device=running_on(self._session),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"the card upscaler.json does not fit this version of lucidray: {error}") from error
        if factor != FACTOR:
            raise ModelError(f"upscaler.onnx enlarges by {factor}; lucidray adds to an interpolation by {FACTOR}")

    @property
    def used(self) -> ModelUsed:
        """Name, version and hash."""
        return self._used

    @property
    def name(self) -> str:
        """``embedded``."""
        return EMBEDDED

    @property
    def factor(self) -> int:
        """4."""
        return FACTOR

    def upscale(self, pixels: FloatImage) -> FloatImage:
        """Add to the Lanczos interpolation of (H, W) float32 in [0, 1] what the network makes up."""
        added = _run(self._session, pixels[None, None], EMBEDDED)
        smooth = self._lanczos.upscale(pixels)
        if added.shape[2:] != smooth.shape:
            raise ModelError(f"upscaler.onnx made {added.shape[2:]} of {pixels.shape}")
        made: FloatImage = np.clip(smooth + added[0, 0], 0.0, 1.0, dtype=np.float32)
        return made


class OnnxUpscaler:
    """`Upscaler` on an ONNX file that takes (1, C, H, W) in [0, 1] and gives (1, C, factor H, factor W), C = 1 or 3.

    A network of three channels sees the film in each of them, and their mean is taken.

    Raises
    ------
    UsageError
        There is no such file.
    ModelError
        The file is no network that enlarges films of any size.
    """

    def __init__(self, path: Path, threads: int = 0, device: str = "cpu") -> None:
        if not path.is_file():
            raise UsageError(f"there is no upscaler {path}")
        self._session = start(path, threads, device)
        self._name = f"onnx:{path.name}"
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or len(inputs[0].shape) != 4:
            raise ModelError(f"{path.name} is no upscaler: it must take one input, (1, channels, height, width)")
        self._channels = 3 if inputs[0].shape[1] == 3 else 1
        made = self._made(np.zeros((_PROBE_PX, _PROBE_PX + 4), dtype=np.float32))
        factor = int(made.shape[2]) // _PROBE_PX
        if not 2 <= factor <= _MOST or made.shape[2:] != (_PROBE_PX * factor, (_PROBE_PX + 4) * factor):
            raise ModelError(
                f"{path.name} is no upscaler: it makes {made.shape[2]} x {made.shape[3]} pixels of"
                f" {_PROBE_PX} x {_PROBE_PX + 4}, not 2 to {_MOST} times as many a side"
            )
        self._factor: int = factor
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        self._used = ModelUsed(
            role="upscaler", name=self._name, version="", sha256=digest, device=running_on(self._session)
        )

    @property
    def used(self) -> ModelUsed:
        """The file's name and hash."""
        return self._used

    @property
    def name(self) -> str:
        """``onnx:`` and the file's name."""
        return self._name

    @property
    def factor(self) -> int:
        """As the network showed it on an empty film."""
        return self._factor

    def upscale(self, pixels: FloatImage) -> FloatImage:
        """Run the network on (H, W) float32 in [0, 1]."""
        made: FloatImage = np.clip(self._made(pixels).mean(axis=1)[0], 0.0, 1.0, dtype=np.float32)
        return made

    def _made(self, pixels: FloatImage) -> npt.NDArray[np.float32]:
        return _run(self._session, np.repeat(pixels[None, None], self._channels, axis=1), self._name)


def _run(session: onnxruntime.InferenceSession, films: npt.NDArray[np.float32], name: str) -> npt.NDArray[np.float32]:
    try:
        made = session.run(None, {session.get_inputs()[0].name: np.ascontiguousarray(films, dtype=np.float32)})[0]
    except Exception as error:  # ONNX Runtime raises a dozen unrelated classes of its own
        raise ModelError(f"the upscaler {name} does not take {films.shape}: {error}".splitlines()[0]) from error
    if made.ndim != 4 or made.shape[0] != 1 or not np.isfinite(made).all():
        raise ModelError(f"the upscaler {name} answered {made.shape}, which is no film, or numbers that are not finite")
    result: npt.NDArray[np.float32] = made
    return result
