"""One reader, one film: what the gate says of it, and what the reader says all the same.

A user never gets the second without the first: `lucidray.pipeline.interpret` stops at a refusal. A study of films that
are too small to be read has to know both, how many are refused and what the readers would have made of them, so that
the steps of the main path are taken here one by one.
"""

from dataclasses import dataclass, replace

from lucidray.domain.claim import Claim
from lucidray.domain.protocols import ReportRequest, Upscaler
from lucidray.domain.radiograph import FloatImage, Radiograph
from lucidray.domain.reading import Finding
from lucidray.domain.vocabulary import Label
from lucidray.imaging import gate
from lucidray.imaging.upscaling import MIN_SIDE_PX, enlarge
from lucidray.judging import judge
from lucidray.localization.measurements import measure
from lucidray.localization.regions import locate_all
from lucidray.localization.sides import find_thorax
from lucidray.pipeline import Models, Request, checked, look
from lucidray.reasoning.claims import extract_claims
from lucidray.reasoning.status import decide


@dataclass(frozen=True)
class Asked:
    """What came of one film.

    Attributes
    ----------
    refused : tuple of str
        Codes for which the gate refuses it; empty where it accepts.
    findings : list of Finding
        All 14, with the networks' statuses.
    claims : list of Claim
        Those of the text.
    text : str
        The reader's own, or the composer's report.
    logits : dict
        The network's scores before calibration, of what it scores.
    """

    refused: tuple[str, ...]
    findings: list[Finding]
    claims: list[Claim]
    text: str
    logits: dict[Label, float]


def ask(
    pixels: FloatImage, models: Models, upscaler: Upscaler, request: Request, *, name: str, as_whole: bool = False
) -> Asked:
    """Have one small film upscaled and read, whatever the gate says.

    Parameters
    ----------
    pixels : (H, W) float32 in [0, 1]
        Bright = dense, row 0 superior.
    models : Models
    upscaler : Upscaler
    request : Request
    name : str
        What to call the film.
    as_whole : bool
        Read the result as if the film had always been that large: the networks then answer by the calibration of whole
        films, and not by that of films that were upscaled in this way, or not at all where there is none.

    Raises
    ------
    ModelError
        A model gave no valid answer.
    """
    request = checked(request)
    film = Radiograph(pixels=pixels, name=name, format="array", age_years=request.age_years, sex=request.sex)
    if request.view is not None:
        film = replace(film, view=request.view)
    unusable = gate.judge_pixels(film, MIN_SIDE_PX)
    film, _ = enlarge(film, upscaler)
    if as_whole:
        film = replace(film, original=None, upscaled_by=None)
    film, anatomy, verdict = look(film, models.segmenter, fix=False)
    prediction = models.classifier.predict(film)
    thorax = find_thorax(anatomy)
    measurements = measure(film, thorax)
    findings, overall = decide(prediction, film, measurements)
    findings = locate_all(findings, prediction.heatmaps, anatomy, film)
    asked = ReportRequest(
        film,
        findings,
        overall,
        measurements,
        request.symptoms,
        request.language,
        list(verdict.warnings),
        request.prior_text,
        request.strategy,
        request.generation,
        request.prompt,
    )
    written = judge(asked, models.reader.read(asked), models.reader.used, thorax)
    if written.reader_text is None:
        text = written.report.text
        claims = extract_claims(text, request.language)
    else:
        text, claims = written.reader_text, written.claims
    refused = tuple(note.code for note in (*unusable, *verdict.refusal))
    logits = {label: score.raw for label, score in prediction.scores.items() if score.raw is not None}
    return Asked(refused, findings, claims, text, logits)
