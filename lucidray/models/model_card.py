"""`card.json`: what a folder with a model from elsewhere must say of it."""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from lucidray.domain.errors import ModelError
from lucidray.models.labels import match
from lucidray.models.preparation import Fit, Interpolation, Preparation
from lucidray.models.uncalibrated import RawModel, logit

CARD_NAME = "card.json"
Side = Annotated[int, Field(ge=16, le=4096)]
Share = Annotated[float, Field(gt=0, le=1)]
Inside = Annotated[float, Field(gt=0, lt=1)]


class _Part(BaseModel):
    """Parts are closed: a misspelt field is an error, not a default."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)


class InputCard(_Part):
    """What the model sees. `range` is what black and white are before `mean` and `std` are applied."""

    name: str | None = None
    size: tuple[Side, Side]
    channels: Literal[1, 3]
    fit: Fit
    crop_share: Share = 1.0
    interpolation: Interpolation = "bilinear"
    range: tuple[float, float] = (0.0, 1.0)
    mean: list[float] = [0.0]
    std: list[Annotated[float, Field(gt=0)]] = [1.0]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if {len(self.mean), len(self.std)} - {1, self.channels}:
            raise ValueError(f"mean and std need 1 or {self.channels} values")
        if self.range[0] >= self.range[1]:
            raise ValueError("range goes from what black is to what white is: a film that is bright where it is dense")
        if self.crop_share != 1.0 and self.fit != "crop":
            raise ValueError("crop_share goes with the fit crop")
        return self

    def preparation(self) -> Preparation:
        """Return how a film is prepared."""
        return Preparation(
            size=self.size,
            channels=self.channels,
            fit=self.fit,
            crop_share=self.crop_share,
            interpolation=self.interpolation,
            low=self.range[0],
            high=self.range[1],
            mean=tuple(self.mean),
            std=tuple(self.std),
        )


class OutputCard(_Part):
    """What the model answers; `labels` has one entry an output, null for one that was never trained.

    `operating_points` are probabilities from which the model's authors call a finding, by label; maps are cut there.
    """

    name: str | None = None
    kind: Literal["logits", "probabilities"]
    labels: list[str | None] = Field(min_length=1)
    operating_points: dict[str, Inside] = {}


class TrainingCard(_Part):
    """What the model was trained on, in the names that people know the collections by; nobody has to say it."""

    data: list[str] = Field(min_length=1)


class HeatmapCard(_Part):
    """Where the maps come from.

    `maps`: `output` gives (1, K, h, w) logits. `cam`: `output` gives (1, C, h, w) features, of whose mean over places
    the logits are a linear function; `weights` names an .npz file with `weight` (K, C) and `bias` (K). `occlusion`: the
    film is hidden in `grid` times `grid` pieces, one after the other. `grad-cam` (timm): a first-order approximation.
    """

    kind: Literal["maps", "cam", "occlusion", "grad-cam"]
    output: str | None = None
    weights: str | None = None
    grid: int = Field(8, ge=2, le=32)


class ModelCard(_Part):
    """The whole card; `file` is the weights' name in the folder, `calibration` that of a calibration fitted to them."""

    name: str = Field(min_length=1)
    version: str = Field(min_length=1)
    licence: str = Field(min_length=1)
    file: str = Field(min_length=1)
    sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")
    architecture: str | None = None
    training: TrainingCard | None = None
    input: InputCard
    output: OutputCard
    heatmap: HeatmapCard | None = None
    adults_only: bool = True
    calibration: str | None = None

    def raw_model(self) -> RawModel:
        """Return how the model's answers are read.

        Raises
        ------
        ModelError
            No output is a finding of lucidray, or two are the same.
        """
        outputs = match(self.output.labels, self.name)
        unknown = set(self.output.operating_points) - {label for label in self.output.labels if label}
        if unknown:
            raise ModelError(f"{self.name}: operating points of what is no output: {', '.join(sorted(unknown))}")
        operating = {
            label: float(logit(self.output.operating_points[name]))
            for label, index in outputs.index.items()
            if (name := self.output.labels[index]) is not None and name in self.output.operating_points
        }
        return RawModel(self.name, outputs, operating, self.adults_only)


def read_card(folder: Path) -> ModelCard:
    """Read the card of a folder.

    Raises
    ------
    ModelError
        There is no card, or it does not say what is needed; the message names the entry.
    """
    path = folder / CARD_NAME
    try:
        return ModelCard.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise ModelError(f"{folder} has no {CARD_NAME}; docs/models.md says what it holds") from error
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"]) or "the card"
        raise ModelError(f"{path}: {where}: {fault['msg']}") from error
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read: {type(error).__name__}") from error


def inside(folder: Path, name: str) -> Path:
    """Return the path of a file that a card names; it must lie in the card's folder.

    Raises
    ------
    ModelError
        The file is not there, or lies elsewhere.
    """
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ModelError(f"{folder / CARD_NAME} names a file outside its folder: {name}")
    if not path.is_file():
        raise ModelError(f"weights are missing: {name} is not in {folder}")
    return path


def checked_hash(path: Path, expected: str | None) -> str:
    """Return the SHA-256 of a file, as 64 hexadecimal digits.

    Raises
    ------
    ModelError
        The file cannot be read, or it is not the one that is expected.
    """
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"weights cannot be read: {path}: {error.strerror}") from error
    if expected is not None and found != expected:
        raise ModelError(f"{path} is not the file that its card describes: its SHA-256 differs")
    return found
