"""`Reading`: the one result type. The command line prints it, the server returns it, the exports translate it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, PrivateAttr, model_validator

from lucidray.domain.anatomy import Anatomy
from lucidray.domain.claim import Claim, ClaimLabel
from lucidray.domain.errors import UsageError
from lucidray.domain.judgement import Confidence, Contradiction, Diagnosis, Fused, Risk
from lucidray.domain.note import Note
from lucidray.domain.part import Part, Probability
from lucidray.domain.prediction import Heatmap
from lucidray.domain.radiograph import Radiograph
from lucidray.domain.upscaling import Upscaling
from lucidray.domain.vocabulary import LABELS, Label, Side, Status, Verdict, Zone

if TYPE_CHECKING:
    from PIL.Image import Image

SCHEMA_VERSION: Literal["1.1"] = "1.1"
NOTICE = "For research and teaching only. Not for clinical diagnosis."
SYMPTOMS_ID = "symptoms"
OVERALL_ID = "overall"
READER_ID = "reader-text"  # what a sentence names that rests on nothing but the reader's own word
CARDIOTHORACIC_RATIO_ID = "measurement-cardiothoracic-ratio"
CARDIOTHORACIC_RATIO_LIMIT = 0.50  # of an adult's PA film; above it the heart may be enlarged (Danzer 1919)


class DicomReference(Part):
    """The DICOM object that was read."""

    sop_class_uid: str | None = None
    sop_instance_uid: str | None = None
    series_instance_uid: str | None = None
    study_instance_uid: str | None = None


class ImageFacts(Part):
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


class Region(Part):
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


class Finding(Part):
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


class Overall(Part):
    """Whether the film shows anything abnormal at all."""

    probability: Probability | None
    interval: tuple[Probability, Probability] | None
    threshold: Probability | None
    status: Status
    n_positive: int
    prevalence: Probability | None
    sensitivity: Probability | None = None
    specificity: Probability | None = None


class Measurement(Part):
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


class ReaderRegion(Part):
    """A place that the reader points at, kept apart from the findings' own regions.

    `name` is what the reader calls it, `label` the finding that this maps to, null where it maps to none or to several.
    Box and sizes as in `Region`; side and zone by the segmented lungs, null where none were found.
    """

    id: str
    name: str
    label: ClaimLabel | None
    box_xyxy_px: tuple[float, float, float, float]
    side: Side | None
    zone: Zone | None
    size_mm: tuple[float, float] | None
    size_fraction_thorax: float | None


class Sentence(Part):
    """A sentence of the report, with the ids of what it rests on."""

    text: str
    evidence: Annotated[list[str], Field(min_length=1)]
    verdict: Verdict


class Headings(Part):
    """What the sections of a report are called in its language."""

    findings: str = "Findings"
    locations: str = "Locations"
    impression: str = "Impression"


WORDING_UNREVIEWED = "Wording not yet reviewed by a native radiologist."


class WordingReview(Part):
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


class Report(Part):
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


class ModelUsed(Part):
    """A model that took part, and where it ran; `calibration_sha256` is that of the file which replaced its own."""

    role: Literal["anatomy", "findings", "reader", "upscaler"]
    name: str
    version: str
    sha256: str | None
    device: str = "cpu"
    data_left_machine: bool = False
    calibration_sha256: str | None = None


class Provenance(Part):
    """How the reading came about. `timings_ms` has one entry a step; `prevalence_assumed` one a supported finding.

    `prevalence_given` names the findings whose prevalence somebody stated, instead of it being that of the films behind
    the calibration.
    """

    version: str
    created: str = Field(description="ISO 8601, UTC")
    models: list[ModelUsed]
    prevalence_assumed: dict[str, float]
    prevalence_given: list[str] = Field(default_factory=list)
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


class Reading(Part):
    """What lucidray says of one film, and what that rests on."""

    schema_version: Literal["1.1"] = SCHEMA_VERSION
    notice: str = NOTICE
    accepted: bool
    refusal: list[Note]
    warnings: list[Note]
    image: ImageFacts
    degraded: bool = Field(False, description="The film was upscaled: what is finer than its own pixels was invented")
    upscaling: Upscaling | None = Field(None, description="Null where nobody asked for it")
    symptoms: str | None
    overall: Overall | None
    findings: list[Finding]
    not_assessed: list[Label]
    measurements: list[Measurement]
    report: Report
    composed: Report | None = Field(
        None, description="lucidray's own report, where another reader wrote `report`; null where `report` is it"
    )
    reader_text: str | None = Field(None, description="As the reader wrote it; null where lucidray wrote the report")
    reader_regions: list[ReaderRegion] = Field(default_factory=list)
    dropped_boxes: int = Field(0, ge=0, description="Boxes of the reader that could not be placed on the film")
    claims: list[Claim] = Field(default_factory=list)
    fusion: list[Fused] = Field(default_factory=list)
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
        if self.degraded != (self.upscaling is not None and self.upscaling.applied):
            raise ValueError("a reading is degraded exactly where its film was upscaled")
        if self.accepted and [finding.label for finding in self.findings] != list(LABELS):
            raise ValueError("an accepted film lists all 14 findings, in their order")
        if not self.accepted and (self.findings or self.overall is not None):
            raise ValueError("a refused film carries no finding")
        if not self.accepted and (self.risk or self.confidence or self.differential or self.claims or self.fusion):
            raise ValueError("a refused film carries no judgement")
        written = [*self.report.sentences, *(self.composed.sentences if self.composed else [])]
        unknown = {name for sentence in written for name in sentence.evidence} - self.evidence_ids
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
        if self.reader_text is not None:
            ids.add(READER_ID)
        return ids | {region.id for region in self.reader_regions}

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
