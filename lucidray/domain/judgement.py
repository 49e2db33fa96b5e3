"""What lucidray makes of a film's findings: who agrees, how sure, how pressing, and what it may be."""

from typing import Literal

from pydantic import ConfigDict, Field

from lucidray.domain.claim import ClaimLabel, Polarity
from lucidray.domain.part import Part, Probability
from lucidray.domain.vocabulary import Status

ContradictionKind = Literal[
    "reader_denies", "reader_adds", "reader_silent", "sides_differ", "reader_inconsistent", "sources_disagree"
]
Relation = Literal[
    "one_source",
    "agree",
    "other_name",
    "undecided",
    "not_assessed",
    "reader_silent",
    "reader_denies",
    "reader_doubts",
    "reader_adds",
    "sides_differ",
]


class Contradiction(Part):
    """Two sources that do not say the same of a finding.

    `kind`: the reader denies what the classifier sees, adds what it does not see or does not assess, is silent about
    it, names another side, says both that it is there and that it is not, or two sources of lucidray's own (a score and
    a measurement, a finding and the overall score) disagree. `reader_says` is the polarity of the reader's claim, null
    where it says nothing; `sentence` the one that it stands in; `note` says it in words.
    """

    label: ClaimLabel
    kind: ContradictionKind
    classifier_probability: Probability | None
    reader_says: Polarity | None
    sentence: str | None
    note: str


class Fused(Part):
    """What classifier and reader say of one finding together.

    `fused_probability` is the classifier's calibrated probability, raised where the reader sees the finding too and
    never lowered (`lucidray/reasoning/rules.toml`); it ranks attention and is not calibrated itself. Null where the
    classifier has no probability: a reader's word alone makes no number. `relation` says how the two go together,
    `one_source` where nobody looked at the film beside the classifier.
    """

    label: ClaimLabel
    status: Status
    classifier_probability: Probability | None
    reader_says: Polarity | None
    relation: Relation
    fused_probability: Probability | None


class Confidence(Part):
    """How far the reading can be relied on, per source; null where a source took no part or does not tell.

    `coverage` is the share of the assessed findings that are decided, present or absent; `words` is the band of
    `fused`; `read_first` asks that a person reads the film before anybody uses the reading; `basis` says what the
    numbers come from, and why `read_first` is set; `reasons` are the last ones of `basis`, those that
    set it.
    """

    classifier: Probability | None
    reader: Probability | None
    fused: Probability
    coverage: Probability
    words: str
    read_first: bool
    basis: list[str]
    reasons: list[str] = Field(default_factory=list)


class Risk(Part):
    """How pressing the film is, with everything that speaks for it; `words` names what was not assessed.

    `points` is the sum behind `level`, by `lucidray/reasoning/rules.toml`.
    """

    level: Literal["Low", "Moderate", "High"]
    words: str
    points: float
    factors: list[str]


class Diagnosis(Part):
    """A diagnosis that fits, with what speaks for and against it.

    `score` in [0, 1] ranks; it is no probability. `source` is `knowledge`, or the name of the reader that added it;
    `citations` name the literature behind an entry of `knowledge`.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, populate_by_name=True, serialize_by_alias=True)

    diagnosis: str
    score: Probability
    supporting: list[str] = Field(alias="for")
    opposing: list[str] = Field(alias="against")
    source: str = "knowledge"
    citations: list[str] = Field(default_factory=list)
