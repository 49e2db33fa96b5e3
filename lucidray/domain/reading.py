"""`Reading`: the one result type. The command line prints it, the server returns it, the exports translate it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from lucidray.domain.anatomy import Anatomy
from lucidray.domain.claim import Claim, ClaimLabel, Polarity
from lucidray.domain.errors import UsageError
from lucidray.domain.note import Note
from lucidray.domain.prediction import Heatmap
from lucidray.domain.radiograph import Radiograph
from lucidray.domain.vocabulary import LABELS, Label, Side, Status, Verdict, Zone

if TYPE_CHECKING:
    from PIL.Image import Image

SCHEMA_VERSION: Literal["1.1"] = "1.1"
NOTICE = "For research and teaching only. Not for clinical diagnosis."
SYMPTOMS_ID = "symptoms"
OVERALL_ID = "overall"
CARDIOTHORACIC_RATIO_ID = "measurement-cardiothoracic-ratio"
CARDIOTHORACIC_RATIO_LIMIT = 0.50  # of an adult's PA film; above it the heart may be enlarged (Danzer 1919)

Probability = Annotated[float, Field(ge=0, le=1)]


class _Part(BaseModel):
    """Parts are closed: a misspelt field is an error, NaN and infinity never reach JSON."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class DicomReference(_Part):
    """The DICOM object that was read."""

    sop_class_uid: str | None = None
    sop_instance_uid: str | None = None
    series_instance_uid: str | None = None
    study_instance_uid: str | None = None


class ImageFacts(_Part):
    """What the file says of the film.

    `pixel_spacing_mm` is (row, column); width and height are those of the stored image, to which all boxes refer.
    """

    name: str
    format: str
    width_px: int
    height_px: int
    view: str
    laterality: str | None
    age: float | None = Field(description="Years")
    sex: str | None
    pixel_spacing_mm: tuple[float, float] | None
    spacing_source: str | None
    corrections: list[Note]
    dicom: DicomReference | None = None


class Region(_Part):
    """A place on the film that a finding points at.

    `box_xyxy_px` in pixels of the stored image; `size_mm` is (width, height) at the detector, null without a spacing;
    `size_fraction_thorax` is the box's width over the thorax's.
    """

    id: str
    box_xyxy_px: tuple[float, float, float, float]
    side: Side
    zone: Zone
    size_mm: tuple[float, float] | None
    size_fraction_thorax: float


class LabelledRegion(Region):
    """A region with the name of the finding that points at it."""

    label: Label


class Finding(_Part):
    """One of the 14 findings.

    `probability` is null where `status` is `unsupported`, and where cardiomegaly was decided by measurement alone.
    `basis` says in words what the status rests on, or why there is none; `n_positive` counts the positive test films
    behind the interval; `prevalence` is the share of positives that the probability assumes; `sensitivity` and
    `specificity` are those of the threshold on the test films.
    """

    id: str
    label: Label
    probability: Probability | None
    interval: tuple[Probability, Probability] | None
    threshold: Probability | None
    status: Status
    n_positive: int
    prevalence: Probability | None
    sensitivity: Probability | None = None
    specificity: Probability | None = None
    basis: str
    regions: list[Region] = Field(default_factory=list)

    @model_validator(mode="after")
    def _unsupported_has_no_probability(self) -> Self:
        if self.status == "unsupported" and self.probability is not None:
            raise ValueError(f"{self.label}: a finding that is not supported carries no probability")
        # The heart can be measured without a score.
        if self.probability is None and self.status != "unsupported" and self.label != "Cardiomegaly":
            raise ValueError(f"{self.label}: a status needs a probability behind it")
        return self


class Overall(_Part):
    """Whether the film shows anything abnormal at all."""

    probability: Probability | None
    interval: tuple[Probability, Probability] | None
    threshold: Probability | None
    status: Status
    n_positive: int
    prevalence: Probability | None
    sensitivity: Probability | None = None
    specificity: Probability | None = None


class Measurement(_Part):
    """Something measured on the film; an unreliable one says why in `note`.

    `lines_xyxy_px` are the lines along which it was taken, from (x0, y0) to (x1, y1) in pixels of the stored image.
    """

    id: str
    name: str
    value: float | None
    unit: str
    reliable: bool
    note: str
    lines_xyxy_px: list[tuple[float, float, float, float]] = Field(default_factory=list)


class Sentence(_Part):
    """A sentence of the report, with the ids of what it rests on."""

    text: str
    evidence: Annotated[list[str], Field(min_length=1)]
    verdict: Verdict


class Headings(_Part):
    """What the sections of a report are called in its language."""

    findings: str = "Findings"
    locations: str = "Locations"
    impression: str = "Impression"


WORDING_UNREVIEWED = "Wording not yet reviewed by a native radiologist."


class WordingReview(_Part):
    """Who signed the tables that a report is worded from; until then `notice` says so in the report's language."""

    reviewed_by: str | None
    notice: str | None
    notice_english: str | None = None

    @model_validator(mode="after")
    def _unsigned_says_so(self) -> Self:
        if (self.reviewed_by is None) != (self.notice is not None):
            raise ValueError("a report says that its wording was not reviewed exactly where nobody signed it")
        self.notice_english = WORDING_UNREVIEWED if self.notice else None
        return self


class Report(_Part):
    """The written report; `wording` is null where its words come from no table of lucidray's."""

    language: str
    headings: Headings = Field(default_factory=Headings)
    wording: WordingReview | None = None
    findings: list[Sentence]
    locations: list[Sentence]
    impression: list[Sentence]

    @property
    def sentences(self) -> list[Sentence]:
        """All sentences, in reading order."""
        return [*self.findings, *self.locations, *self.impression]

    @property
    def text(self) -> str:
        """The report as plain text, a heading a section; at its end whether its wording still has to be reviewed."""
        named = self.headings
        sections = (
            (named.findings, self.findings),
            (named.locations, self.locations),
            (named.impression, self.impression),
        )
        told = [
            heading.upper() + "\n" + "\n".join(sentence.text for sentence in sentences)
            for heading, sentences in sections
            if sentences
        ]
        return "\n\n".join([*told, *([self.wording.notice] if self.wording and self.wording.notice else [])])


ContradictionKind = Literal["reader_denies", "reader_adds", "reader_silent", "sides_differ", "sources_disagree"]


class Contradiction(_Part):
    """Two sources that do not say the same of a finding.

    `kind`: the reader denies what the classifier sees, adds what it does not see, is silent about it, names another
    side, or two sources of lucidray's own (a score and a measurement) disagree. `reader_says` is the polarity of the
    reader's claim, null where it says nothing; `sentence` the one that it stands in; `note` says it in words.
    """

    label: ClaimLabel
    kind: ContradictionKind
    classifier_probability: Probability | None
    reader_says: Polarity | None
    sentence: str | None
    note: str


class Confidence(_Part):
    """How far the reading can be relied on, per source; null where a source took no part or does not tell.

    `words` is the band of `fused`; `read_first` asks that a person reads the film before anybody uses the reading;
    `basis` says what the numbers come from.
    """

    classifier: Probability | None
    reader: Probability | None
    fused: Probability
    words: str
    read_first: bool
    basis: list[str]


class Risk(_Part):
    """How pressing the film is, with everything that speaks for it; `words` names what was not assessed."""

    level: Literal["Low", "Moderate", "High"]
    words: str
    factors: list[str]


class Diagnosis(_Part):
    """A diagnosis that fits, with what speaks for and against it.

    `score` in [0, 1] ranks; it is no probability. `source` is `knowledge`, or the name of the reader that added it.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, populate_by_name=True, serialize_by_alias=True)

    diagnosis: str
    score: Probability
    supporting: list[str] = Field(alias="for")
    opposing: list[str] = Field(alias="against")
    source: str = "knowledge"


class ModelUsed(_Part):
    """A model that took part, and where it ran."""

    role: Literal["anatomy", "findings", "reader"]
    name: str
    version: str
    sha256: str | None
    device: str = "cpu"
    data_left_machine: bool = False


class Provenance(_Part):
    """How the reading came about. `timings_ms` has one entry a step; `prevalence_assumed` one a supported finding."""

    version: str
    created: str = Field(description="ISO 8601, UTC")
    models: list[ModelUsed]
    prevalence_assumed: dict[str, float]
    timings_ms: dict[str, float]


@dataclass(frozen=True, eq=False)
class Evidence:
    """The pixels behind a reading; they stay in memory and are not part of the JSON.

    Attributes
    ----------
    film : Radiograph
        As read, corrections applied.
    heatmaps : dict
        One a supported finding.
    anatomy : Anatomy or None
        None where the film was refused before it was segmented.
    """

    film: Radiograph
    heatmaps: dict[Label, Heatmap]
    anatomy: Anatomy | None


class Reading(_Part):
    """What lucidray says of one film, and what that rests on."""

    schema_version: Literal["1.1"] = SCHEMA_VERSION
    notice: str = NOTICE
    accepted: bool
    refusal: list[Note]
    warnings: list[Note]
    image: ImageFacts
    symptoms: str | None
    overall: Overall | None
    findings: list[Finding]
    not_assessed: list[Label]
    measurements: list[Measurement]
    report: Report
    claims: list[Claim] = Field(default_factory=list)
    contradictions: list[Contradiction] = Field(default_factory=list)
    confidence: Confidence | None = None
    risk: Risk | None = None
    differential: list[Diagnosis] = Field(default_factory=list)
    provenance: Provenance

    _evidence: Evidence | None = PrivateAttr(default=None)
    _draw: "Callable[[Reading], Image] | None" = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.accepted == bool(self.refusal):
            raise ValueError("a film is accepted exactly where no refusal is given")
        if self.accepted and [finding.label for finding in self.findings] != list(LABELS):
            raise ValueError("an accepted film lists all 14 findings, in their order")
        if not self.accepted and (self.findings or self.overall is not None):
            raise ValueError("a refused film carries no finding")
        unknown = {name for sentence in self.report.sentences for name in sentence.evidence} - self.evidence_ids
        if unknown:
            raise ValueError(f"sentences name evidence that is not there: {sorted(unknown)}")
        return self

    @property
    def evidence_ids(self) -> set[str]:
        """Every id that a sentence may name."""
        ids = {finding.id for finding in self.findings}
        ids |= {region.id for finding in self.findings for region in finding.regions}
        ids |= {measurement.id for measurement in self.measurements}
        ids |= {f"refusal-{note.code}" for note in self.refusal} | {f"warning-{note.code}" for note in self.warnings}
        if self.overall is not None:
            ids.add(OVERALL_ID)
        if self.symptoms is not None:
            ids.add(SYMPTOMS_ID)
        return ids

    @property
    def boxes(self) -> list[LabelledRegion]:
        """Every region of every finding, with the finding's name."""
        return [
            LabelledRegion(label=finding.label, **region.model_dump())
            for finding in self.findings
            for region in finding.regions
        ]

    @property
    def explanation(self) -> str:
        """The report's text."""
        return self.report.text

    @property
    def evidence(self) -> Evidence:
        """Film, heatmaps and masks behind the reading.

        Raises
        ------
        UsageError
            The reading was loaded from JSON, which holds no pixels.
        """
        if self._evidence is None:
            raise UsageError("this reading was loaded without its film: read the film again to see its pictures")
        return self._evidence

    def overlay(self) -> "Image":
        """Draw the film with its boxes as an RGB picture.

        Raises
        ------
        UsageError
            The reading was loaded from JSON, which holds no pixels.
        """
        if self._draw is None:
            raise UsageError("this reading was loaded without its film: read the film again to see its pictures")
        return self._draw(self)

    def with_evidence(self, evidence: Evidence, draw: "Callable[[Reading], Image]") -> Self:
        """Attach the pixels, and how to draw them."""
        self._evidence, self._draw = evidence, draw
        return self
