"""What goes with which diagnosis, read from `knowledge.toml`, where each entry stands with its literature."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from lucidray.domain.claim import ClaimLabel
from lucidray.domain.radiograph import Sex
from lucidray.domain.vocabulary import Label

Weight = Literal["strong", "moderate", "weak"]


class Entry(BaseModel):
    """One diagnosis; the fields are explained at the top of `knowledge.toml`.

    `needs` says what it is listed for: a finding, a symptom, or nothing (the normal film). `needs_findings`
    and `needs_symptoms` narrow that to some of them. `only_without` lists it only where none of these is present.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str
    findings: dict[ClaimLabel, Weight] = Field(default_factory=dict)
    expected: list[list[Label]] = Field(default_factory=list)
    missing: Weight = "weak"
    symptoms: dict[str, Weight] = Field(default_factory=dict)
    age_from: float | None = None
    age_to: float | None = None
    sex: Sex | None = None
    adults_only: bool = False
    needs: Literal["finding", "symptom", "nothing"] = "finding"
    needs_findings: list[ClaimLabel] = Field(default_factory=list)
    needs_symptoms: list[str] = Field(default_factory=list)
    only_without: list[Label] = Field(default_factory=list)
    citations: list[str]


@cache
def load_knowledge() -> tuple[Entry, ...]:
    """Return all entries; the file is read once."""
    table = tomllib.loads(files("lucidray.reasoning").joinpath("knowledge.toml").read_text(encoding="utf-8"))
    return tuple(Entry.model_validate(entry) for entry in table["diagnosis"])
