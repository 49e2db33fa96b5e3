"""Calibration and thresholds of a run, fitted to its validation films and to no others."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from lucidray.domain.errors import UsageError
from lucidray.domain.prediction import Score
from lucidray.domain.radiograph import ADULT_AGE_YEARS
from lucidray.domain.reading import NOTICE
from lucidray.evaluation.local_calibration import Aim, Sample, calibrate, why_not
from lucidray.evaluation.predict import Said
from lucidray.models.recalibrated import FORMAT, FORMAT_VERSION, Entry, Population
from lucidray.training.backbone_config import Threshold
from lucidray.training.backbone_films import Films
from lucidray.version import VERSION

Logits = npt.NDArray[np.float32]
_NAN = float("nan")


def is_child(films: Films, row: int) -> bool:
    """Whether a film is known to be of somebody under 18."""
    age = films.rows[row].age_years
    return age is not None and age < ADULT_AGE_YEARS


def population_of(films: Films) -> Population:
    """Whose films a calibration is fitted to: children's where most validation films are of children."""
    rows = films.of("validation")
    children = sum(is_child(films, int(row)) for row in rows)
    return "children" if 2 * children > len(rows) else "adults"


def of_population(films: Films, split: str, population: Population) -> npt.NDArray[np.int64]:
    """Return the rows of a split whose people a calibration holds for."""
    return np.array(
        [row for row in films.of(split) if is_child(films, int(row)) == (population == "children")], dtype=np.int64
    )


def samples(films: Films, rows: npt.NDArray[np.int64], logits: Logits) -> dict[str, Sample]:
    """Gather, for each output, the films on which something is known of it.

    Parameters
    ----------
    films : Films
    rows : (n,) int
    logits : (n, K) float32
        Of these rows.
    """
    found = {}
    for column, name in enumerate(films.outputs):
        truth = films.truth[rows, column]
        known = ~np.isnan(truth)
        found[name] = Sample(
            logits[known, column].astype(np.float64),
            truth[known] == 1,
            films.patients[rows[known]],
            np.full(int(known.sum()), _NAN),
        )
    return found


def fit(
    films: Films, logits: Logits, rows: npt.NDArray[np.int64], threshold: Threshold
) -> tuple[dict[str, dict[str, Any]], str | None]:
    """Fit every output to validation films.

    Parameters
    ----------
    films : Films
    logits : (n, K) float32
        Of `rows`.
    rows : (n,) int
        Validation films.
    threshold : str

    Returns
    -------
    (entries, reason)
        By finding what a calibration file holds, and None; or nothing, and in words why none could be fitted.
    """
    one_each = samples(films, rows, logits)
    aims: dict[str, Aim] = {}
    if threshold != "count":
        aims = {name: Aim(threshold) for name, one in one_each.items() if why_not(one) is None}
    try:
        return calibrate(one_each, aims), None
    except UsageError as error:
        return {}, str(error)


def content(entries: Mapping[str, Any], population: Population, model: Mapping[str, Any], films: int) -> dict[str, Any]:
    """Return what a calibration file holds; `model` names the weights that it is bound to."""
    return {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "kind": "calibration",
        "lucidray": VERSION,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "notice": NOTICE,
        "split": "validation films of the run's manifest",
        "model": dict(model),
        "population": population,
        "films": {"assessed": films, "refused": 0, "unreadable": 0, "missing": 0},
        "findings": dict(entries),
    }


def said(outputs: Sequence[str], logits: Logits, entries: Mapping[str, dict[str, Any]]) -> list[Said]:
    """Say each film as it is read: with a probability where an output is calibrated, else with its raw score alone.

    Parameters
    ----------
    outputs : sequence of str
    logits : (n, K) float32
    entries : mapping
        What `fit` returned.
    """
    read = {name: Entry.from_json(entry) for name, entry in entries.items()}
    answers = []
    for line in logits:
        scores: dict[str, Score] = {}
        raw = {name: float(value) for name, value in zip(outputs, line, strict=True)}
        for name, value in raw.items():
            if name in read:
                scores[name] = read[name].score(Score(None, None, None, 0, None, "", raw=value))
        answers.append(
            Said(
                "assessed",
                probability={
                    name: score.probability for name, score in scores.items() if score.probability is not None
                },
                raw=raw,
                threshold={name: score.threshold for name, score in scores.items() if score.threshold is not None},
            )
        )
    return answers
