"""What reasoning made of a film, arranged for people: the same on the page and in the terminal."""

from dataclasses import dataclass

from lucidray.domain.judgement import Contradiction, Diagnosis
from lucidray.domain.reading import Finding, Reading
from lucidray.domain.vocabulary import Verdict
from lucidray.reporting import words
from lucidray.reporting.labels import Labels, load_labels
from lucidray.reporting.page_words import load_words

FACTORS_SHOWN = 5


@dataclass(frozen=True)
class Source:
    """How far one source can be relied on: its name, in [0, 1] or None where it takes no part, and that in words."""

    name: str
    share: float | None
    told: str


@dataclass(frozen=True)
class Row:
    """One finding by both sources; `classifier_id` is its id on the page, None where lucidray has no such finding."""

    name: str
    classifier_id: str | None
    classifier: str
    reader: str
    relation: str
    together: str
    differs: bool


@dataclass(frozen=True)
class Judged:
    """Everything that is shown beside findings and report.

    Attributes
    ----------
    reader : str
        Who wrote the report.
    two_sources : bool
        Whether it looked at the film itself.
    factors, more_factors : list of str
        Of the risk: those shown at once, and the others.
    sources : list of Source
    read_first : list of str
        Why a person should read the film first; empty where nothing asks for it.
    basis : list of str
        What the confidence rests on, without those reasons.
    disagreements : list of (Contradiction, Finding or None)
    rows : list of Row
        Empty with one source.
    verdicts : dict
        How many sentences have which verdict.
    differential : list of (Diagnosis, str)
        With whom it comes from where that is a reader, else an empty text.
    """

    reader: str
    two_sources: bool
    factors: list[str]
    more_factors: list[str]
    sources: list[Source]
    read_first: list[str]
    basis: list[str]
    disagreements: list[tuple[Contradiction, Finding | None]]
    rows: list[Row]
    verdicts: dict[Verdict, int]
    differential: list[tuple[Diagnosis, str]]


def show(reading: Reading) -> Judged:
    """Arrange what reasoning made of an accepted film; parts that a reading does not have are empty."""
    labels = load_labels(reading.report.language)
    reader = words.reader(reading)
    two = reading.composed is not None
    by_label = {finding.label: finding for finding in reading.findings}
    factors = reading.risk.factors if reading.risk else []
    confidence = reading.confidence
    reasons = confidence.reasons if confidence else []
    counted: dict[Verdict, int] = {"supported": 0, "contradicted": 0, "unverified": 0}
    for sentence in reading.report.sentences:
        counted[sentence.verdict] += 1
    return Judged(
        reader=reader,
        two_sources=two,
        factors=factors[:FACTORS_SHOWN],
        more_factors=factors[FACTORS_SHOWN:],
        sources=_sources(reading, labels, two_sources=two),
        read_first=reasons,
        basis=confidence.basis[: len(confidence.basis) - len(reasons)] if confidence else [],
        disagreements=[
            (entry, None if entry.label == "Free Air" else by_label.get(entry.label))
            for entry in reading.contradictions
        ],
        rows=_rows(reading, labels) if two else [],
        verdicts=counted,
        differential=[
            (one, "" if one.source == "knowledge" else labels.say("named_by", reader=words.plain(one.source)))
            for one in reading.differential
        ],
    )


def _sources(reading: Reading, labels: Labels, *, two_sources: bool) -> list[Source]:
    confidence, language = reading.confidence, reading.report.language
    if confidence is None:
        return []
    known = [("confidence_classifier", confidence.classifier), ("confidence_reader", confidence.reader)]
    sources = [
        Source(labels[key], share, labels["confidence_none"] if share is None else words.percent(share, language))
        for key, share in known
    ]
    told = f"{words.percent(confidence.fused, language)}, {confidence.words}"
    if not two_sources:
        told = f"{told} ({labels['one_source'].lower()})"
    return [
        *sources,
        Source(labels["confidence_fused"], confidence.fused, told),
        Source(labels["coverage"], confidence.coverage, words.percent(confidence.coverage, language)),
    ]


def _rows(reading: Reading, labels: Labels) -> list[Row]:
    """List both sources finding by finding, what differs first, then what the reader speaks of."""
    by_label = {finding.label: finding for finding in reading.findings}
    apart = {entry.label for entry in reading.contradictions if entry.kind != "sources_disagree"}
    language = reading.report.language
    table = load_words(language)
    rows = []
    for one in sorted(reading.fusion, key=lambda each: (each.label not in apart, each.reader_says is None)):
        status = table.statuses[one.status]
        score = one.classifier_probability
        rows.append(
            Row(
                name=words.claimed(one.label, language),
                classifier_id=None if one.label == "Free Air" else by_label[one.label].id,
                classifier=status if score is None else f"{status}, {words.percent(score, language)}",
                reader="–" if one.reader_says is None else labels.polarities[one.reader_says],
                relation=labels.relations[one.relation],
                together="–" if one.fused_probability is None else words.percent(one.fused_probability, language),
                differs=one.label in apart,
            )
        )
    return rows
