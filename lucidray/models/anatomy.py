"""The embedded anatomy network: organs and the kind of image, from one pass of one ONNX file."""

from pathlib import Path

import numpy as np

from lucidray.domain.anatomy import ORGANS, Anatomy, Appearance
from lucidray.domain.errors import ModelError
from lucidray.domain.protocols import GateThresholds
from lucidray.domain.radiograph import FloatImage
from lucidray.domain.reading import ModelUsed
from lucidray.models.onnx_session import running_on
from lucidray.models.prepare import square
from lucidray.models.weights_file import EMBEDDED_FOLDER, open_weights

MASK_THRESHOLD = 0.5
_OUTPUTS = ["masks", "kind", "turn", "inverted", "mirrored"]


class EmbeddedSegmenter:
    """`Segmenter` on the embedded weights, or on a folder of weights in their layout.

    Raises
    ------
    ModelError
        The weights are missing, damaged, or of another layout.
    """

    def __init__(self, folder: Path = EMBEDDED_FOLDER, threads: int = 0, device: str = "cpu") -> None:
        weights = open_weights(folder, "anatomy")
        self._session = weights.session(threads, device)
        try:
            self._size = int(weights.card["input_size"])
            self._thresholds = GateThresholds(**weights.card["thresholds"], **weights.card["plausibility"])
            self._used = ModelUsed(
                role="anatomy",
                name=weights.card["name"],
                version=weights.card["version"],
                sha256=weights.sha256,
                device=running_on(self._session),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"the card anatomy.json does not fit this version of lucidray: {error}") from error
        missing = set(_OUTPUTS) - {output.name for output in self._session.get_outputs()}
        if missing:
            raise ModelError(f"anatomy.onnx has no output {', '.join(sorted(missing))}")

    @property
    def used(self) -> ModelUsed:
        """Name, version and hash."""
        return self._used

    @property
    def thresholds(self) -> GateThresholds:
        """Where the gate cuts this network's answers."""
        return self._thresholds

    def segment(self, pixels: FloatImage) -> tuple[Anatomy, Appearance]:
        """Look at (H, W) float32 pixels in [0, 1]; masks come on the network's own grid."""
        masks, kind, turn, inverted, mirrored = self._session.run(
            _OUTPUTS, {"film": square(pixels, self._size)[None, None]}
        )
        if masks.shape[1] != len(ORGANS) or not all(
            np.isfinite(a).all() for a in (masks, kind, turn, inverted, mirrored)
        ):
            raise ModelError("anatomy.onnx gave an answer that is no anatomy: wrong shape, or not finite")
        frontal, lateral, not_chest = (float(value) for value in kind[0])
        turns = tuple(float(value) for value in turn[0])
        appearance = Appearance(
            frontal=frontal,
            lateral=lateral,
            not_chest=not_chest,
            turn=(turns[0], turns[1], turns[2], turns[3]),
            inverted=float(np.ravel(inverted)[0]),
            mirrored=float(np.ravel(mirrored)[0]),
        )
        return Anatomy(masks[0] >= MASK_THRESHOLD), appearance
