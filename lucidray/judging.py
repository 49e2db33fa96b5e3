"""From a reader's answer to what a reading says of it: report, claims, verdicts, contradictions, confidence, risk.

A reader whose sentences carry their evidence (the composer) wrote from the findings: there is one source, and the
reading says so. Any other reader looked at the film itself: its text is cut into sentences, checked claim by claim
against the findings, and the composer writes beside it, so that a chosen reader never silences what lucidray found.
"""

from dataclasses import dataclass, field

from lucidray.domain.answer import Answer, NamedBox
from lucidray.domain.claim import Claim, ClaimLabel
from lucidray.domain.detection import Pointed
from lucidray.domain.errors import ModelError
from lucidray.domain.note import Note
from lucidray.domain.protocols import ReportRequest
from lucidray.domain.reading import ModelUsed, ReaderRegion, Report
from lucidray.localization.pointed import place
from lucidray.localization.sides import Thorax
from lucidray.readers.clinical import HISTORY, RED_FLAGS
from lucidray.readers.composer import Composer
from lucidray.readers.phrases import load_phrases
from lucidray.readers.plain_text import one_line
from lucidray.readers.prompt import tells_findings
from lucidray.readers.symptoms import OTHER, parse
from lucidray.reasoning.conclude import Conclusion, Said, Seen, claims_of_report, conclude
from lucidray.reasoning.differential import Patient
from lucidray.reasoning.sections import Cut, cut
from lucidray.reasoning.verdicts import write
from lucidray.reasoning.wording import Wording, load_table

MAX_BOX_NAME_CHARACTERS = 60
LEFT_MACHINE = "data_left_machine"


@dataclass(frozen=True)
class Written:
    """What was written of an accepted film, and what reasoning makes of it; named as the reading's fields."""

    report: Report
    claims: list[Claim]
    conclusion: Conclusion
    took_part: list[ModelUsed]
    composed: Report | None = None
    reader_text: str | None = None
    reader_regions: list[ReaderRegion] = field(default_factory=list)
    dropped_boxes: int = 0
    notes: list[Note] = field(default_factory=list)


def judge(
    asked: ReportRequest,
    answer: Answer,
    reader: ModelUsed,
    thorax: Thorax | None,
    pointed: tuple[Pointed, ...] = (),
) -> Written:
    """Check what the reader wrote against what was found, and judge confidence, risk and differential.

    Parameters
    ----------
    asked : ReportRequest
        What the reader wrote from.
    answer : Answer
    reader : ModelUsed
        Who answered.
    thorax : Thorax or None
        For the sides of the reader's boxes.
    pointed : tuple of Pointed
        Where a detector does not say what the classifier says.

    Raises
    ------
    ModelError
        The reader wrote nothing.
    """
    name = one_line(reader.name)
    patient, red_flags = about_patient(asked)
    seen = Seen(asked.findings, asked.overall, asked.measurements, patient, red_flags, pointed)
    phrases = load_phrases(asked.language)
    names = {label: subject.name for label, subject in phrases.subjects.items()}
    concepts = {concept: f"{noun}" for concept, noun in phrases.concepts.items()}
    wording = Wording(load_table(asked.language), names, concepts, phrases.decimal_point)
    if answer.report is not None:
        claims = claims_of_report(answer.report, asked.findings)
        conclusion = conclude(seen, Said(name, None), wording)
        return Written(answer.report, claims, conclusion, [reader], notes=[*answer.notes, *about_data(answer, reader)])

    parts = cut(answer.text)
    if not parts.report_text:
        raise ModelError(f"the reader {name} wrote no report")
    claims = claims_in(parts.report_text, asked.language)
    boxes = [NamedBox(one_line(named.name)[:MAX_BOX_NAME_CHARACTERS], named.box) for named in answer.boxes]
    regions, outside = place(
        boxes, thorax, asked.film, lambda called: label_of(called, claims_in(called, asked.language))
    )
    said = Said(
        name,
        tuple(claims),
        answer.token_confidence,
        tuple(parts.differential),
        told_findings=tells_findings(asked),
    )
    composer = Composer()
    return Written(
        report=write(parts, claims, asked.findings, regions, asked.language, phrases.headings),
        claims=claims,
        conclusion=conclude(seen, said, wording),
        took_part=[reader, composer.used],
        composed=composer.write(asked),
        reader_text=parts.text,
        reader_regions=regions,
        dropped_boxes=answer.dropped_boxes + outside,
        notes=[*answer.notes, *about_text(parts, name), *about_data(answer, reader)],
    )


def claims_in(text: str, language: str) -> list[Claim]:
    """Find what a text claims; the lexicons are loaded when the first text comes."""
    from lucidray.reasoning.claims import extract_claims  # noqa: PLC0415

    return extract_claims(text, language)


def label_of(name: str, claims: list[Claim]) -> ClaimLabel | None:
    """Return the one finding that a box's name means; None where it means none or several."""
    labels = {claim.label for claim in claims if name.strip()}
    return labels.pop() if len(labels) == 1 else None


def about_text(parts: Cut, name: str) -> list[Note]:
    """Note what was odd about a reader's text."""
    if not parts.shortened:
        return []
    return [Note(code="reader_text_shortened", message=f"The text of {name} was too long: its end was left out.")]


def about_data(answer: Answer, reader: ModelUsed) -> list[Note]:
    """Note where the film went, once: a reader may have told it itself."""
    if not reader.data_left_machine or any(note.code == LEFT_MACHINE for note in answer.notes):
        return []
    server = one_line(reader.device.removeprefix("server "))
    message = f"The film was sent to {one_line(reader.name)} at {server}: it left this machine."
    return [Note(code=LEFT_MACHINE, message=message)]


def about_patient(asked: ReportRequest) -> tuple[Patient, tuple[tuple[str, ...], ...]]:
    """Collect what is known beside the film, and which symptoms need an answer whatever the film shows."""
    # Without any, the lexicons of symptoms are not loaded.
    symptoms = [one for one in parse(asked.symptoms) if one.concept != OTHER] if asked.symptoms else []
    # Named as there and as missing counts as there.
    given = tuple(dict.fromkeys(symptom.concept for symptom in symptoms if not symptom.negated))
    denied = tuple(dict.fromkeys(s.concept for s in symptoms if s.negated and s.concept not in given))
    complaints = tuple(concept for concept in given if concept not in HISTORY)
    patient = Patient(asked.film.age_years, asked.film.sex, given, denied, complaints)
    return patient, tuple(flag.concepts for flag in RED_FLAGS if set(flag.concepts) <= set(given))
