"""Models that hold text against a film: a score for each finding from what is said of it, for and against.

What they answer is a likeness, in no sense a probability; like everything from elsewhere, it is shown only once it was
calibrated. The sentences are in a file that people can edit.

References
----------
Radford et al., ICML (2021); for chest films Boecking et al., ECCV (2022), and Tiu et al., Nature Biomedical Engineering
(2022), who hold a sentence against its negation.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lucidray.domain.errors import ModelError
from lucidray.domain.prediction import Prediction
from lucidray.domain.radiograph import Radiograph
from lucidray.domain.reading import ModelUsed
from lucidray.domain.vocabulary import Label
from lucidray.models import occlusion
from lucidray.models.labels import Outputs
from lucidray.models.preparation import Preparation
from lucidray.models.uncalibrated import RawModel

PROMPTS_NAME = "prompts.json"
SHIPPED_PROMPTS = Path(__file__).parent / "prompts" / PROMPTS_NAME
Floats = npt.NDArray[np.floating]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Pair(_Part):
    """What a report says of a film that has the finding, and of one that has not."""

    present: list[str] = Field(min_length=1)
    absent: list[str] = Field(min_length=1)


class Prompts(_Part):
    """The sentences, by finding; `occlusion_grid` asks for heatmaps, at one pass for each of grid times grid pieces."""

    findings: dict[Label, Pair] = Field(min_length=1)
    occlusion_grid: int | None = Field(None, ge=2, le=32)
    adults_only: bool = True


@dataclass(frozen=True, eq=False)
class Seen:
    """Films as vectors.

    Attributes
    ----------
    whole : (B, D) float
        One vector a film, of any length.
    places : (B, D, h, w) float or None
        Vectors of places, whose mean is `whole`; None where a model has none such.
    """

    whole: Floats
    places: Floats | None = None


class Encoder(Protocol):
    """A model that puts films and sentences into one space."""

    @property
    def used(self) -> ModelUsed:
        """Name, version, hash, device."""

    @property
    def preparation(self) -> Preparation:
        """What the model sees."""

    @property
    def scale(self) -> float:
        """Factor from a likeness in [-1, 1] to a logit, as the model was trained."""

    def text(self, sentences: list[str]) -> Floats:
        """Return (N, D) vectors of any length."""

    def films(self, films: npt.NDArray[np.float32]) -> Seen:
        """Look at (B, C, H, W) prepared films."""


def read_prompts(folder: Path) -> Prompts:
    """Read `prompts.json` of a model's folder; where it has none, the shipped one.

    Raises
    ------
    ModelError
        The file is damaged, names what is no finding, or lacks a sentence.
    """
    own = folder / PROMPTS_NAME
    path = own if own.is_file() else SHIPPED_PROMPTS
    try:
        return Prompts.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        fault = error.errors()[0]
        raise ModelError(f"{path}: {'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}") from error
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read: {type(error).__name__}") from error


class ZeroShotClassifier:
    """`Classifier` by sentences.

    The logit of a finding is the likeness of the film with what is said of films that have it, less that with what is
    said of those that have not, times the model's scale. Sentences of one kind are averaged as vectors of length 1.

    Parameters
    ----------
    encoder : Encoder
    prompts : Prompts
    """

    def __init__(self, encoder: Encoder, prompts: Prompts) -> None:
        self._encoder = encoder
        self._grid = prompts.occlusion_grid
        labels = list(prompts.findings)
        directions = [
            _mean_direction(encoder.text(pair.present)) - _mean_direction(encoder.text(pair.absent))
            for pair in prompts.findings.values()
        ]
        self._directions = encoder.scale * np.stack(directions)
        if not np.isfinite(self._directions).all():
            raise ModelError(f"{encoder.used.name} gave sentences vectors that are not finite")
        outputs = Outputs({label: index for index, label in enumerate(labels)}, ())
        self._raw = RawModel(encoder.used.name, outputs, {}, prompts.adults_only)

    @property
    def used(self) -> ModelUsed:
        """Name, version and hash."""
        return self._encoder.used

    def predict(self, film: Radiograph) -> Prediction:
        """Score all findings that have sentences; uncalibrated.

        A model whose film vector is the mean of its places' vectors gives exact maps; any other one gives maps by
        occlusion, where its prompts ask for them.
        """
        seen, frame = self._encoder.preparation.apply(film.pixels)
        vectors = self._encoder.films(seen)
        maps: Floats | None = None
        if vectors.places is not None:
            # The length of the whole vector is the film's own: the mean of a map is its logit.
            places = vectors.places[0] / np.linalg.norm(vectors.whole[0])
            maps = self._raw.shares(np.einsum("kd,dhw->khw", self._directions, places))
        elif self._grid is not None:
            maps = occlusion.maps(seen, self._logits, self._grid)
        return self._raw.prediction(film, self._from(vectors.whole)[0], maps, frame)

    def _logits(self, films: npt.NDArray[np.float32]) -> Floats:
        return self._from(self._encoder.films(films).whole)

    def _from(self, whole: Floats) -> Floats:
        logits: Floats = _unit(whole) @ self._directions.T
        return logits


def _unit(vectors: Floats) -> Floats:
    units: Floats = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return units


def _mean_direction(vectors: Floats) -> Floats:
    return _unit(_unit(vectors.astype(np.float64)).mean(axis=0))
