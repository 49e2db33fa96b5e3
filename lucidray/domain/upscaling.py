"""What a reading says of a film that was upscaled before it was read."""

from typing import Self

from pydantic import Field, model_validator

from lucidray.domain.part import Part, Probability


class Consistency(Part):
    """Whether an upscaled film, reduced again by area average, is the film that it was made of.

    Differences are in grey values of [0, 1]. `psnr_db` is null where the two are the same. `limits` are what
    `agrees` was decided by.
    """

    mean_difference: float = Field(ge=0, le=1)
    max_difference: float = Field(ge=0, le=1)
    psnr_db: float | None
    limits: dict[str, float]
    agrees: bool


class UpscaledCalibration(Part):
    """Small films that the probabilities of an upscaled film were calibrated and measured on.

    Whole films were reduced to `side_px` and upscaled by the same method. `films` and `auroc` are of test patients:
    mean over the findings that are supported, and the same findings on the whole films in `auroc_whole`.
    """

    side_px: int
    films: int
    findings: int
    auroc: Probability | None
    auroc_whole: Probability | None


class Upscaling(Part):
    """That upscaling was asked for, and what came of it.

    `applied` is false where the film was large enough: then nothing was done. `sizes_px` are the (width, height) of the
    film at each step, first as it came, last as it was read. `added_mean` and `added_max` are the mean and the largest
    difference to plain Lanczos interpolation, in grey values of [0, 1]: what the method made up. `calibrated_on` says
    on which films the probabilities were calibrated, null where on none: then the reading has none.
    """

    method: str
    applied: bool
    sizes_px: list[tuple[int, int]]
    consistency: Consistency | None = None
    added_mean: float | None = None
    added_max: float | None = None
    calibrated_on: UpscaledCalibration | None = None

    @model_validator(mode="after")
    def _applied_is_checked(self) -> Self:
        if self.applied != (self.consistency is not None):
            raise ValueError("a film that was upscaled carries its check, and one that was not carries none")
        return self
