"""The main path: from a file to a reading. Read `interpret`, and you know what lucidray does."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, get_args

from lucidray.domain.anatomy import Anatomy
from lucidray.domain.answer import Generation
from lucidray.domain.errors import UsageError
from lucidray.domain.note import Note
from lucidray.domain.prediction import UNCALIBRATED, Prediction
from lucidray.domain.protocols import Classifier, Localizer, Reader, ReportRequest, Segmenter, Upscaler
from lucidray.domain.radiograph import Radiograph, Sex, View
from lucidray.domain.reading import (
    DicomReference,
    Evidence,
    Finding,
    ImageFacts,
    Measurement,
    ModelUsed,
    Overall,
    Provenance,
    Reading,
    Report,
    Sentence,
)
from lucidray.domain.stopwatch import Stopwatch
from lucidray.domain.upscaling import Upscaling
from lucidray.imaging import gate, upscaling
from lucidray.imaging.film import Source, read_film
from lucidray.imaging.limits import Limits
from lucidray.judging import Written, judge
from lucidray.localization.detected import Joined, join
from lucidray.localization.measurements import measure
from lucidray.localization.regions import locate_all
from lucidray.localization.sides import find_thorax
from lucidray.readers.phrases import load_phrases
from lucidray.readers.symptoms import clean
from lucidray.reasoning.status import decide
from lucidray.version import VERSION
from lucidray.wording.messages import say

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_AGE_YEARS = 130


@dataclass(frozen=True)
class Models:
    """The models that take part in a reading.

    `reader` is the chosen one. Where it is not the composer, the composer writes beside it: a chosen reader never
    silences what lucidray itself found. `localizer` draws boxes beside the classifier's maps. Without an `upscaler` the
    gate's size rule holds for every film.
    """

    segmenter: Segmenter
    classifier: Classifier
    reader: Reader
    localizer: Localizer | None = None
    upscaler: Upscaler | None = None


@dataclass(frozen=True)
class Request:
    """What is asked about a film, beside the film itself.

    Attributes
    ----------
    symptoms : str or None
        Free text; it shapes the impression, never a probability.
    fix_orientation : bool
        Turn or invert a film that would be refused for it; the reading says so.
    age_years, sex, view
        Replace what the file says.
    language : str
        Of the report, ISO 639-1.
    limits : Limits
        Caps on bytes and pixels.
    prior_text : str or None
        Report of an earlier film, for readers that compare.
    strategy : str
        Name of the prompt that a language model is asked with.
    generation : Generation
        How a language model writes.
    prompt : str or None
        A person's own prompt, asked instead of the strategy's.
    """

    symptoms: str | None = None
    fix_orientation: bool = False
    age_years: float | None = None
    sex: Sex | None = None
    view: View | None = None
    language: str = "en"
    limits: Limits = field(default_factory=Limits)
    prior_text: str | None = None
    strategy: str = "zero-shot"
    generation: Generation = field(default_factory=Generation)
    prompt: str | None = None


def interpret(
    source: Source,
    models: Models,
    request: Request = Request(),
    *,
    name: str | None = None,
    watch: Callable[[str], None] | None = None,
) -> Reading:
    """Read one film.

    Parameters
    ----------
    source : path, bytes, PIL image or array
    models : Models
    request : Request
    name : str or None
        What to call the film; by default the file's name.
    watch : callable, optional
        Told the name of each step before it begins; what it raises ends the reading.

    Returns
    -------
    Reading
        Accepted, or refused with the reasons.

    Raises
    ------
    InputError
        The source cannot be read as a film.
    UsageError
        There is no such language, view, sex or age, or the symptoms are too long.
    ModelError
        A model gave no valid answer.
    """
    request = checked(request)
    clock = Stopwatch(watch)
    with clock.step("load"):
        film = with_given_facts(read_film(source, limits=request.limits, name=name), request)
    unusable = gate.judge_pixels(film, upscaling.MIN_SIDE_PX if models.upscaler else gate.MIN_SIDE_PX)
    if unusable:
        return refuse(film, None, unusable, (), models, request, clock)
    upscaled: Upscaling | None = None
    if models.upscaler is not None:
        with clock.step("upscaling"):
            film, upscaled = upscaling.enlarge(film, models.upscaler)

    with clock.step("anatomy"):
        film, anatomy, verdict = look(film, models.segmenter, fix=request.fix_orientation)
    if verdict.refusal:
        return refuse(film, anatomy, verdict.refusal, verdict.warnings, models, request, clock, upscaled)

    with clock.step("findings"):
        prediction = models.classifier.predict(film)
        if upscaled is not None and upscaled.applied:
            upscaled = upscaled.model_copy(update={"calibrated_on": prediction.small_films})
    with clock.step("regions"):
        thorax = find_thorax(anatomy)
        measurements = measure(film, thorax)
        findings, overall = decide(prediction, film, measurements)
        findings = locate_all(findings, prediction.heatmaps, anatomy, film)
    boxed = Joined(findings)
    if models.localizer is not None:
        with clock.step("detector"):
            boxed = join(findings, models.localizer.locate(film), thorax, film, models.localizer.used.name)
        findings = boxed.findings
    warnings = [*film.warnings, *verdict.warnings, *calibration_notes(prediction, models.classifier.used), *boxed.notes]
    warnings += upscaling.notes_on_calibration(film, prediction)
    asked = ReportRequest(
        film,
        findings,
        overall,
        measurements,
        request.symptoms,
        request.language,
        warnings,
        request.prior_text,
        request.strategy,
        request.generation,
        request.prompt,
    )
    with clock.step("report"):
        answer = models.reader.read(asked)
    with clock.step("reasoning"):
        written = judge(asked, answer, models.reader.used, thorax, boxed.pointed)
    looked = (models.segmenter, models.classifier, models.localizer)
    used = [model.used for model in looked if model is not None]
    took_part = [*upscaler_used(models, upscaled), *used, *written.took_part]
    given = [label for label, score in prediction.scores.items() if score.prevalence_given]
    reading = assemble(
        film,
        took_part,
        request,
        clock,
        written.report,
        [*warnings, *written.notes],
        findings,
        overall,
        measurements,
        written=written,
        given=given,
        upscaled=upscaled,
    )
    # A model that is not calibrated has maps, for whoever calibrates it; nothing is shown of what was not assessed.
    assessed = {finding.label for finding in findings if finding.probability is not None}
    heatmaps = {label: heatmap for label, heatmap in prediction.heatmaps.items() if label in assessed}
    return attach(reading, Evidence(film, heatmaps, anatomy))


def upscaler_used(models: Models, upscaled: Upscaling | None) -> list[ModelUsed]:
    """Name the upscaler where it changed the film."""
    return [models.upscaler.used] if models.upscaler and upscaled and upscaled.applied else []


def calibration_notes(prediction: Prediction, used: ModelUsed) -> list[Note]:
    """Say what a model does not show, for it was never calibrated, and which maps are approximate."""
    hidden = [label for label, score in prediction.scores.items() if score.unsupported_reason == UNCALIBRATED]
    if not hidden:
        approximate = any(heatmap.kind == "grad-cam" for heatmap in prediction.heatmaps.values())
        message = f"The heatmaps of {used.name} are Grad-CAM: approximate."
        return [Note(code="approximate_maps", message=message)] if approximate else []
    count = len(hidden)
    message = f"{used.name} is not calibrated: its scores of {count} findings are not shown. Run lucidray calibrate."
    return [Note(code="uncalibrated", message=message)]


def checked(request: Request) -> Request:
    """Refuse what cannot be written before any model runs, and bring the symptoms onto one clean line."""
    load_phrases(request.language)
    if request.age_years is not None and not 0 <= request.age_years <= MAX_AGE_YEARS:
        raise UsageError(f"an age of {request.age_years:g} years cannot be")
    for name, given, known in (("view", request.view, get_args(View)), ("sex", request.sex, get_args(Sex))):
        if given is not None and given not in known:
            raise UsageError(f"{name} {given!r} is not known; lucidray knows {', '.join(known)}")
    return replace(request, symptoms=clean(request.symptoms) or None if request.symptoms else None)


def with_given_facts(film: Radiograph, request: Request) -> Radiograph:
    """Let what the caller knows of the film take the place of what its file says, with a note where the two differ."""
    notes = []
    for fact, stated, given in (
        ("age", film.age_years, request.age_years),
        ("sex", film.sex, request.sex),
        ("view", film.view if film.view != "unknown" else None, request.view),
    ):
        if given is not None and stated is not None and given != stated:
            said = f"{stated:g}" if isinstance(stated, float) else stated
            taken = f"{given:g}" if isinstance(given, float | int) else given
            message = f"The {fact} was given as {taken}; the file says {said}."
            notes.append(Note(code=f"{fact}_given", message=message))
    return replace(
        film,
        age_years=film.age_years if request.age_years is None else float(request.age_years),
        sex=request.sex or film.sex,
        view=request.view or film.view,
        warnings=(*film.warnings, *notes),
    )


def look(film: Radiograph, segmenter: Segmenter, *, fix: bool) -> tuple[Radiograph, Anatomy, gate.Verdict]:
    """Segment the film and judge it; where `fix` allows, set it upright or invert it and judge once more."""
    anatomy, appearance = segmenter.segment(film.pixels)
    verdict = gate.judge(film, appearance, anatomy, segmenter.thresholds)
    # Twice at most: that a film is inverted may show only once it stands upright.
    for _ in range(2 if fix else 0):
        if not verdict.fixable:
            break
        film = corrected(film, verdict)
        anatomy, appearance = segmenter.segment(film.pixels)
        verdict = gate.judge(film, appearance, anatomy, segmenter.thresholds)
    return film, anatomy, verdict


def corrected(film: Radiograph, verdict: gate.Verdict) -> Radiograph:
    """Turn and invert a film as the gate says it needs."""
    if verdict.quarter_turns:
        degrees = {1: "90 degrees counter-clockwise", 2: "180 degrees", 3: "90 degrees clockwise"}[
            verdict.quarter_turns
        ]
        film = film.turned(verdict.quarter_turns, Note(code="turned", message=f"Turned by {degrees} before reading."))
    if verdict.invert:
        film = film.inverted(Note(code="inverted", message="Bright and dark were exchanged before reading."))
    return film


def refuse(
    film: Radiograph,
    anatomy: Anatomy | None,
    refusal: tuple[Note, ...],
    warnings: tuple[Note, ...],
    models: Models,
    request: Request,
    clock: Stopwatch,
    upscaled: Upscaling | None = None,
) -> Reading:
    """Make the reading of a film that is not read: the reasons, and no probability anywhere."""
    phrases = load_phrases(request.language)
    impression = [
        Sentence(
            text=phrases.part("refused", reason=say(note.message, request.language)),
            evidence=[f"refusal-{note.code}"],
            verdict="supported",
        )
        for note in refusal
    ]
    report = Report(
        language=request.language,
        headings=phrases.headings,
        wording=phrases.review,
        findings=[],
        locations=[],
        impression=impression,
    )
    took_part = [*upscaler_used(models, upscaled), *([] if anatomy is None else [models.segmenter.used])]
    notes = [*film.warnings, *warnings]
    reading = assemble(film, took_part, request, clock, report, notes, refusal=refusal, upscaled=upscaled)
    return attach(reading, Evidence(film, {}, anatomy))


def assemble(
    film: Radiograph,
    took_part: list[ModelUsed],
    request: Request,
    clock: Stopwatch,
    report: Report,
    warnings: list[Note],
    findings: list[Finding] | None = None,
    overall: Overall | None = None,
    measurements: list[Measurement] | None = None,
    refusal: tuple[Note, ...] = (),
    written: Written | None = None,
    given: Sequence[str] = (),
    upscaled: Upscaling | None = None,
) -> Reading:
    """Put the parts together; the reading checks itself that every sentence's evidence is there."""
    findings = findings or []
    assessed = any(finding.probability is not None for finding in findings)
    width, height = film.stored_size_px
    return Reading(
        accepted=not refusal,
        refusal=list(refusal),
        warnings=warnings,
        image=ImageFacts(
            name=film.name,
            format=film.format,
            width_px=width,
            height_px=height,
            view=film.view,
            laterality=film.laterality,
            age=film.age_years,
            sex=film.sex,
            pixel_spacing_mm=film.stored_spacing_mm,
            spacing_source=film.spacing_source,
            corrections=list(film.corrections),
            dicom=DicomReference(**asdict(film.identity)) if film.identity else None,
        ),
        degraded=upscaled is not None and upscaled.applied,
        upscaling=upscaled,
        symptoms=request.symptoms,
        overall=overall,
        findings=findings,
        not_assessed=[finding.label for finding in findings if finding.status == "unsupported"],
        measurements=measurements or [],
        report=report,
        composed=written.composed if written else None,
        reader_text=written.reader_text if written else None,
        reader_regions=written.reader_regions if written else [],
        dropped_boxes=written.dropped_boxes if written else 0,
        claims=written.claims if written else [],
        fusion=written.conclusion.fusion if written else [],
        contradictions=written.conclusion.contradictions if written else [],
        confidence=written.conclusion.confidence if written else None,
        # Of an upscaled film on which nothing could be assessed, no risk is known: "low" would be made up too.
        risk=written.conclusion.risk if written and (assessed or not upscaled) else None,
        differential=written.conclusion.differential if written else [],
        provenance=Provenance(
            version=VERSION,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            models=took_part,
            prevalence_assumed={
                finding.label: finding.prevalence for finding in findings if finding.prevalence is not None
            },
            prevalence_given=list(given),
            timings_ms=clock.timings_ms,
        ),
    )


def attach(reading: Reading, evidence: Evidence) -> Reading:
    """Give the reading its pixels; drawing is loaded when somebody draws."""

    def draw(reading: Reading) -> "Image":
        from lucidray.reporting.overlay import draw  # noqa: PLC0415

        return draw(reading)

    return reading.with_evidence(evidence, draw)
