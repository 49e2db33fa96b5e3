"""How good written reports are: claims against references, texts against texts, and the controls in the same table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from lucidray.domain.claim import Claim
from lucidray.domain.errors import InputError
from lucidray.domain.reading import NOTICE
from lucidray.evaluation import report_controls, report_models
from lucidray.evaluation.draws import Draws, Figure, Measured, interval, ratio
from lucidray.evaluation.report_claims import FindingScore, score_claims
from lucidray.evaluation.report_figures import NAMES
from lucidray.evaluation.report_tables import Pairs, Record
from lucidray.evaluation.report_texts import TEXT_FIGURES, TextMeasures
from lucidray.evaluation.said import SILENT, Extract, Said, Uncertain, claim_extractor, from_claims, from_labels
from lucidray.version import VERSION

READER = "reader"
# On what a reader has to beat a control; the others are too weak (words) or too rare (places) to decide.
DECIDING = ("f1_macro_14", "f1_micro_14", "rouge_l", "bleu_4")
_NAMED = 20


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Films(_Part):
    """How many films there are of each kind; at most 20 are named."""

    scored: int
    patients: int
    silent: int = Field(description="scored films of which the reader says nothing: refused, failed, or empty")
    matched_by: str
    only_predicted: int
    only_predicted_names: list[str]
    only_referenced: int
    only_referenced_names: list[str]


class SystemScore(_Part):
    """The figures of the reader, or of a control; null where there is none, with the reason in `unavailable`."""

    meaning: str
    figures: dict[str, Figure | None]
    findings: dict[str, FindingScore]


class Comparison(_Part):
    """Reader minus control on one figure, over the same resamples; `beaten` where the whole interval lies above 0."""

    control: str
    figure: str
    difference: float
    low: float | None
    high: float | None
    beaten: bool


class ReportScores(_Part):
    """Everything that was measured."""

    schema_version: Literal["1.0"] = "1.0"
    notice: str = NOTICE
    version: str = VERSION
    reader: str
    films: Films
    references: Literal["reports", "labels", "reports and labels"]
    uncertain: str
    resamples: int
    seed: int
    unit: Literal["patient", "film"]
    language: str
    systems: dict[str, SystemScore]
    unavailable: dict[str, str]
    signature: dict[str, str]
    comparisons: list[Comparison]
    verdict: str


@dataclass(frozen=True)
class Options:
    """How reports are measured.

    Attributes
    ----------
    reader : str
        What the reader is called in the tables.
    language : str
        Of the texts, ISO 639-1.
    uncertain : {"absent", "present", "ignore"}
    resamples, seed : int
    models : sequence of str
        Networks that are asked as well, see `report_models`.
    blank : str or None
        What the reader says of a film without an image; None where it was not asked.
    extract : callable or None
        What finds claims; by default lucidray's own.
    """

    reader: str = READER
    language: str = "en"
    uncertain: Uncertain = "absent"
    resamples: int = 1000
    seed: int = 0
    models: Sequence[str] = field(default=())
    blank: str | None = None
    extract: Extract | None = None


@dataclass(frozen=True)
class _System:
    meaning: str
    said: Sequence[Said]


def evaluate_reports(pairs: Pairs, options: Options = Options()) -> ReportScores:
    """Measure a reader and the controls on the same films.

    Parameters
    ----------
    pairs : Pairs
        Predictions must have a text; references a text or labels.
    options : Options

    Raises
    ------
    InputError
        There is nothing to measure.
    ModelError
        A network that was asked for failed.
    """
    extract = _remembering(options.extract or claim_extractor(options.language))
    predicted = [_said(one, extract) for one in pairs.predictions]
    references = [_reference(one, extract) for one in pairs.references]
    if not any(one.assessed for one in references):
        raise InputError("no reference says anything of a film")
    patients, unit = _patients(pairs)
    draws = Draws(patients, options.resamples, options.seed)
    unavailable = report_models.unavailable(options.models)
    systems = {
        READER: _System(options.reader, predicted),
        **_controls(pairs, predicted, references, patients, options, extract, unavailable),
    }
    texts = TextMeasures(options.language)
    measured: dict[str, dict[str, Measured | None]] = {}
    scores: dict[str, SystemScore] = {}
    for name, system in systems.items():
        claims = score_claims(system.said, references, draws, options.uncertain)
        measured[name] = claims.figures | _text_figures(system, references, texts, patients, options, unavailable)
        figures = {key: None if value is None else value.figure for key, value in measured[name].items()}
        scores[name] = SystemScore(meaning=system.meaning, figures=figures, findings=dict(claims.findings))
    comparisons = _compare(measured)
    kinds = {"reports" if one.text is not None else "labels" for one in references}
    return ReportScores(
        reader=options.reader,
        films=_films(pairs, predicted, draws),
        references="reports and labels" if len(kinds) > 1 else "reports" if "reports" in kinds else "labels",
        uncertain=options.uncertain,
        resamples=options.resamples,
        seed=options.seed,
        unit=unit,
        language=options.language,
        systems=scores,
        unavailable=texts.unavailable | unavailable,
        signature=texts.signature | {name: report_models.meaning(name) for name in options.models},
        comparisons=comparisons,
        verdict=_verdict(options.reader, comparisons, scores),
    )


def _remembering(extract: Extract) -> Extract:
    """Ask for the claims of a text once: composed reports and the controls repeat theirs."""
    found: dict[str, Sequence[Claim]] = {}

    def once(text: str) -> Sequence[Claim]:
        if text not in found:
            found[text] = extract(text)
        return found[text]

    return once


def _said(record: Record, extract: Extract) -> Said:
    if record.text is None:
        raise InputError(f"no report about {record.name!r} among the predictions")
    return from_claims(extract(record.text), record.text, record.boxes) if record.text.strip() else SILENT


def _reference(record: Record, extract: Extract) -> Said:
    """Take the labels of a film where it has some, and the report's text, sides and zones where it has one."""
    if record.text is None or not record.text.strip():
        return from_labels(record.labels or {}, record.boxes)
    told = from_claims(extract(record.text), record.text, record.boxes)
    if record.labels is None:
        return told
    return Said(record.labels, frozenset(record.labels), told.sides, told.zones, told.text, told.boxes)


def _patients(pairs: Pairs) -> tuple[list[str], Literal["patient", "film"]]:
    whose = [
        reference.patient or prediction.patient
        for prediction, reference in zip(pairs.predictions, pairs.references, strict=True)
    ]
    names = [f"patient {one}" if one else f"film {row}" for row, one in enumerate(whose)]
    return names, "patient" if any(whose) else "film"


def _controls(
    pairs: Pairs,
    predicted: Sequence[Said],
    references: Sequence[Said],
    patients: Sequence[str],
    options: Options,
    extract: Extract,
    unavailable: dict[str, str],
) -> dict[str, _System]:
    normal = report_controls.ALWAYS_NORMAL
    systems = {"always-normal": [from_claims(extract(normal), normal)] * len(predicted)}
    others = report_controls.shuffled(patients, options.seed)
    features = report_controls.probability_features([one.probabilities for one in pairs.predictions])
    if features is None:
        features = report_controls.word_features([one.text or "" for one in predicted], options.language)
        by = "by the words of the reader's answers"
    else:
        by = "by the probabilities of its reading"
    neighbours = report_controls.nearest(features, patients)
    if others is None or neighbours is None:
        reason = "there is one patient only"
        unavailable |= {"shuffled-film": reason, "nearest-neighbour": reason}
    else:
        systems["shuffled-film"] = [predicted[row] for row in others]
        systems["nearest-neighbour"] = [references[row] for row in neighbours]
    if options.blank is None:
        unavailable["blank-film"] = "the reader was not asked about a blank film"
    else:
        blank = from_claims(extract(options.blank), options.blank) if options.blank.strip() else SILENT
        systems["blank-film"] = [blank] * len(predicted)
    meanings = dict(report_controls.CONTROLS)
    meanings["nearest-neighbour"] += f", {by}"
    if options.blank is not None and not options.blank.strip():
        meanings["blank-film"] += " (it says nothing)"
    return {name: _System(meanings[name], systems[name]) for name in meanings if name in systems}


def _text_figures(
    system: _System,
    references: Sequence[Said],
    texts: TextMeasures,
    patients: Sequence[str],
    options: Options,
    unavailable: dict[str, str],
) -> dict[str, Measured | None]:
    """Compare texts on the films whose reference is one."""
    written = [row for row, one in enumerate(references) if one.text]
    names = (*TEXT_FIGURES, *report_models.MODEL_FIGURES)
    if not written:
        unavailable |= dict.fromkeys(names, "the references are labels, not reports")
        return dict.fromkeys(names)
    draws = Draws([patients[row] for row in written], options.resamples, options.seed)
    said = [system.said[row].text or "" for row in written]
    truth = [references[row].text or "" for row in written]
    figures: dict[str, Measured | None] = dict.fromkeys(report_models.MODEL_FIGURES)
    figures = texts.measure(said, truth, draws) | figures
    for name in options.models:
        if name not in unavailable:
            values = np.array(report_models.score(name, said, truth))
            figures[name] = draws.measure(np.stack([values, np.ones(len(values))], axis=-1), ratio)
    return figures


def _compare(measured: Mapping[str, Mapping[str, Measured | None]]) -> list[Comparison]:
    comparisons = []
    for control, figures in measured.items():
        for name in DECIDING:
            mine, theirs = measured[READER].get(name), figures.get(name)
            if control == READER or mine is None or theirs is None:
                continue
            low, high = interval(mine.drawn - theirs.drawn)
            comparisons.append(
                Comparison(
                    control=control,
                    figure=name,
                    difference=mine.value - theirs.value,
                    low=low,
                    high=high,
                    beaten=low is not None and low > 0,
                )
            )
    return comparisons


def _verdict(reader: str, comparisons: Sequence[Comparison], scores: Mapping[str, SystemScore]) -> str:
    """Say in one line which controls the reader does not beat."""
    lost: dict[str, list[str]] = {}
    for one in comparisons:
        if not one.beaten:
            lost.setdefault(one.control, []).append(NAMES[one.figure])
    asked = [name for name in scores if name != READER]
    figures = list(dict.fromkeys(NAMES[one.figure] for one in comparisons))
    if not figures:
        return f"{reader}: no figure decides whether it beats the controls."
    if not lost:
        return (
            f"{reader} beats {', '.join(asked)} on {' and '.join(figures)} (95 % interval of the difference above 0)."
        )
    said = "; ".join(f"{control} on {' and '.join(names)}" for control, names in lost.items())
    return f"{reader} does NOT beat {said} (95 % interval of the difference reaches 0 or below)."


def _films(pairs: Pairs, predicted: Sequence[Said], draws: Draws) -> Films:
    return Films(
        scored=len(predicted),
        patients=draws.patients,
        silent=sum(not (one.text or "").strip() for one in predicted),
        matched_by=pairs.by,
        only_predicted=len(pairs.only_predicted),
        only_predicted_names=pairs.only_predicted[:_NAMED],
        only_referenced=len(pairs.only_referenced),
        only_referenced_names=pairs.only_referenced[:_NAMED],
    )
