"""The rules of fusion, confidence, risk and differential, read from `rules.toml`, where each stands with its reason."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from lucidray.domain.claim import ClaimLabel
from lucidray.domain.vocabulary import LABELS

Share = Annotated[float, Field(ge=0, le=1)]
Points = Annotated[float, Field(ge=0)]


class _Rules(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FusionRules(_Rules):
    """Likelihood ratios of what a reader says; none may be below 1, so that a reader never lowers a probability."""

    reason: str
    reader_present: float = Field(ge=1)
    reader_uncertain: float = Field(ge=1)
    reader_absent: float = Field(ge=1)
    reader_silent: float = Field(ge=1)

    def without_agreement(self) -> "FusionRules":
        """Return the rules for a reader that was told the findings: that it repeats one makes it no likelier."""
        return self.model_copy(update={"reader_present": 1.0, "reader_uncertain": 1.0})


class ConfidenceRules(_Rules):
    """Bands of confidence, and where a person should read first."""

    reason: str
    high_from: Share
    moderate_from: Share
    read_first_below: Share
    min_coverage: Share


class FindingPoints(_Rules):
    """Points of one finding; in doubt it never counts more than when it is there."""

    present: Points
    uncertain: Points
    reason: str

    @model_validator(mode="after")
    def _doubt_counts_less(self) -> Self:
        if self.uncertain > self.present:
            raise ValueError("an uncertain finding cannot count more than a present one")
        return self


class RiskRules(_Rules):
    """Points and the levels that they make; none is negative, so that nothing ever lowers the risk."""

    reason: str
    moderate_from: Points
    high_from: Points
    contradiction: Points
    unconfirmed: Points
    red_flag: Points
    overall_present: Points
    overall_uncertain: Points
    must_be_assessed: list[ClaimLabel]
    findings: dict[ClaimLabel, FindingPoints]

    @model_validator(mode="after")
    def _every_finding_has_points(self) -> Self:
        missing = {*LABELS, "Free Air"} - set(self.findings)
        if missing:
            raise ValueError(f"no points for {sorted(missing)}")
        return self


class DifferentialRules(_Rules):
    """Weights of what speaks for and against a diagnosis."""

    reason: str
    strong: Points
    moderate: Points
    weak: Points
    uncertain: Share
    reader_only: Share
    denied_symptom: Share
    scale: float = Field(gt=0)
    listed_from: Share
    at_most: int = Field(gt=0)
    at_most_by_reader: int = Field(gt=0)


class Rules(_Rules):
    """All rules."""

    fusion: FusionRules
    confidence: ConfidenceRules
    risk: RiskRules
    differential: DifferentialRules


@cache
def load_rules() -> Rules:
    """Return the rules; the file is read once."""
    return Rules.model_validate(
        tomllib.loads(files("lucidray.reasoning").joinpath("rules.toml").read_text(encoding="utf-8"))
    )
