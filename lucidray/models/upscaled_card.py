"""What the embedded findings network is worth on upscaled films: a card of its own, `upscaled.json`.

A network that was calibrated on whole films says other things of a film that was 28 pixels wide. Its answers are
calibrated again, by `lucidray train upscaler`, on validation films that were reduced and upscaled in the same way; a
method or a size that nobody measured has no calibration, and then no probability is shown.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

from lucidray.domain.errors import ModelError
from lucidray.domain.radiograph import Radiograph
from lucidray.domain.upscaling import UpscaledCalibration

FILE = "upscaled.json"


class Key(NamedTuple):
    """A method, and the side in pixels that films were reduced to."""

    method: str
    side_px: int


@dataclass(frozen=True)
class SmallFilms:
    """Calibration of one method at one side.

    Attributes
    ----------
    key : Key
    outputs : dict
        By the output's name: the entries of a findings card that small films change.
    measured : UpscaledCalibration
        What the reading says of it.
    """

    key: Key
    outputs: dict[str, dict[str, Any]]
    measured: UpscaledCalibration


@dataclass(frozen=True)
class UpscaledCard:
    """All calibrations of upscaled films that fit the weights at hand; none where there is no card for them."""

    entries: dict[Key, SmallFilms]

    @classmethod
    def open(cls, folder: Path, findings_sha256: str) -> Self:
        """Read the card of a folder of weights.

        Parameters
        ----------
        folder : Path
        findings_sha256 : str
            Of the findings network; a card that was fitted to another one is passed over, as if it were not there.

        Raises
        ------
        ModelError
            The card is damaged.
        """
        path = folder / FILE
        if not path.is_file():
            return cls({})
        try:
            card = json.loads(path.read_text(encoding="utf-8"))
            if card["findings_sha256"] != findings_sha256:
                return cls({})
            entries = {}
            for entry in card["entries"]:
                key = Key(str(entry["method"]), int(entry["side_px"]))
                measured = UpscaledCalibration.model_validate(entry["measured"])
                entries[key] = SmallFilms(key, dict(entry["outputs"]), measured)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{path} cannot be read: {type(error).__name__}: {error}".splitlines()[0]) from error
        return cls(entries)

    def nearest(self, method: str, original: Radiograph | None) -> SmallFilms | None:
        """Return the calibration of the largest measured side that the film reaches.

        Films between two sides are taken for the smaller one: less is claimed of them than they may show.
        """
        if original is None:
            return None
        side = min(original.width_px, original.height_px)
        known = [key for key in self.entries if key.method == method and key.side_px <= side]
        return self.entries[max(known, key=lambda key: key.side_px)] if known else None
