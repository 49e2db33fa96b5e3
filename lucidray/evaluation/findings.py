"""`evaluate findings`: what probabilities are worth, by finding and by group, beside controls that know nothing."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from lucidray.domain.vocabulary import LABELS
from lucidray.evaluation.figures import best_threshold, enough, ranking, rounded, target_figures
from lucidray.evaluation.label_files.table import ANY_ABNORMALITY
from lucidray.evaluation.measures import auroc, auroc_within, resample_patients, sensitivity_specificity
from lucidray.evaluation.scored import Scored, Target

MEAN_POSITIVES = 10
_RESAMPLES = 500
Report = Callable[[str], None]


def evaluate(
    scored: Scored,
    *,
    blank: Mapping[str, float] | None = None,
    resamples: int = _RESAMPLES,
    mean_positives: int = MEAN_POSITIVES,
    report: Report = lambda _: None,
) -> dict[str, Any]:
    """Measure all findings.

    Parameters
    ----------
    scored : Scored
    blank : mapping, optional
        What the model says of a film without content, by finding.
    resamples : int
        Draws of patients behind each interval.
    mean_positives : int
        Positive films that a finding needs within a source to enter its mean.
    report : callable
        Told which finding is at work.

    Returns
    -------
    dict
        `findings` by name, `means` by source; figures carry `value`, `low`, `high`, `n`, `n_positive`, `n_patients`.
    """
    targets = scored.targets()
    findings = {}
    for name, target in targets.items():
        report(name)
        findings[name] = _finding(scored, target, blank or {}, resamples)
    report("means")
    return {"findings": findings, "means": _means(scored, targets, resamples, mean_positives)}


def _finding(scored: Scored, target: Target, blank: Mapping[str, float], times: int) -> dict[str, Any]:
    patients = scored.patients[target.rows]
    draws = resample_patients(patients, times, 0)
    found: dict[str, Any] = {
        "n": len(target.rows),
        "n_positive": target.positives,
        "left_out": {"uncertain": target.uncertain, "not_spoken_of": target.unsaid, "not_scored": target.unscored},
        "has_probability": target.probability is not None,
        "figures": target_figures(target, patients, draws),
        "auroc_within_sources": None,
        "thresholds": None,
    }
    if found["figures"] is None:
        return found
    source = scored.source[target.rows]
    if len(np.unique(source)) > 1:
        found["auroc_within_sources"] = _within(source, target, draws)
    found["controls"] = _controls(scored, target, blank)
    found["groups"] = {
        kind: found_groups
        for kind, group in scored.groups().items()
        if (found_groups := _groups(group[target.rows], target, patients, times))
    }
    if target.probability is not None:
        found["thresholds"] = {"best_f1": rounded(best_threshold(target.truth, target.probability))}
        if target.threshold is not None:
            own = np.unique(target.threshold)
            found["thresholds"]["own"] = rounded(own[0]) if len(own) == 1 else [rounded(cut) for cut in own]
            found["confusion"] = _confusion(target)
    return found


def _within(source: npt.NDArray[np.str_], target: Target, draws: list[npt.NDArray[np.int64]]) -> dict[str, Any] | None:
    value = auroc_within(source, target.truth, target.score)
    if np.isnan(value):
        return None
    drawn = [auroc_within(source[rows], target.truth[rows], target.score[rows]) for rows in draws]
    low, high = np.nanpercentile(drawn, (2.5, 97.5))
    counts = {"n": len(target.truth), "n_positive": target.positives}
    return {"value": rounded(value), "low": rounded(float(low)), "high": rounded(float(high)), **counts}


def _controls(scored: Scored, target: Target, blank: Mapping[str, float]) -> dict[str, Any]:
    """Measure answers that never saw the film: the view, another film's answer, always normal, a blank film."""
    source = scored.source[target.rows]
    ap = np.char.startswith(scored.view[target.rows], "AP").astype(np.float64)
    known = scored.view[target.rows] != "unknown"
    shuffled = target.score[np.random.default_rng(0).permutation(len(target.rows))]
    view = auroc_within(source[known], target.truth[known], ap[known]) if known.any() else float("nan")
    return {
        "view_alone_auroc": None if np.isnan(view) else rounded(view),
        "shuffled_auroc": rounded(auroc(target.truth, shuffled)),
        "always_normal": {
            "auroc": 0.5,
            "sensitivity": 0.0,
            "specificity": 1.0,
            "accuracy": rounded(1 - target.truth.mean()),
        },
        "blank_film": {
            "auroc": 0.5,
            "answer": None if target.name not in blank else rounded(blank[target.name]),
        },
    }


def _groups(
    group: npt.NDArray[np.str_], target: Target, patients: npt.NDArray[np.str_], times: int
) -> dict[str, dict[str, Any]]:
    """Figures within each group; of one group alone there is nothing to tell apart."""
    names = np.unique(group)
    if len(names) < 2:
        return {}
    found = {}
    for name in names:
        inside = group == name
        truth = target.truth[inside]
        entry: dict[str, Any] = {
            "n": int(inside.sum()),
            "n_positive": int(truth.sum()),
            "auroc": ranking(truth, target.score[inside], patients[inside], times),
        }
        if target.probability is not None and target.threshold is not None and enough(truth):
            called = target.probability[inside] >= target.threshold[inside]
            entry["sensitivity"], entry["specificity"] = map(rounded, sensitivity_specificity(truth, called))
        found[str(name)] = entry
    return found


def _confusion(target: Target) -> dict[str, int]:
    from sklearn.metrics import confusion_matrix  # noqa: PLC0415

    assert target.probability is not None and target.threshold is not None  # noqa: S101 - asked by the caller
    matrix = confusion_matrix(target.truth, target.probability >= target.threshold, labels=[False, True])
    (true_negative, false_positive), (false_negative, true_positive) = matrix.tolist()
    return {
        "true_positive": true_positive,
        "false_positive": false_positive,
        "false_negative": false_negative,
        "true_negative": true_negative,
    }


def _means(scored: Scored, targets: Mapping[str, Target], times: int, least: int) -> dict[str, Any]:
    """Mean AUROC over findings with enough positives, within each source, patients resampled once for all findings."""
    means = {}
    for source in np.unique(scored.source):
        films = np.flatnonzero(scored.source == source)
        place = np.full(len(scored.films), -1)
        place[films] = np.arange(len(films))
        columns: dict[str, tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]] = {}
        for name, target in targets.items():
            inside = place[target.rows] >= 0
            truth = target.truth[inside]
            if name == ANY_ABNORMALITY or truth.sum() < least or (~truth).sum() < least:
                continue
            states, scores = np.full(len(films), np.nan), np.full(len(films), np.nan)
            states[place[target.rows[inside]]] = truth
            scores[place[target.rows[inside]]] = target.score[inside]
            columns[name] = (states, scores)
        if not columns:
            continue
        patients = scored.patients[films]
        rng = np.random.default_rng(0)
        ap = np.char.startswith(scored.view[films], "AP").astype(np.float64)
        everything = np.arange(len(films))
        drawn = [_mean(columns, rows) for rows in resample_patients(patients, times, 0)]
        low, high = np.nanpercentile(drawn, (2.5, 97.5))
        means[str(source)] = {
            "findings": list(columns),
            "told": f"{len(columns)} of {len(LABELS)}",
            "at_least_positive": least,
            "auroc": {
                "value": rounded(_mean(columns, everything)),
                "low": rounded(float(low)),
                "high": rounded(float(high)),
                "n": len(films),
                "n_patients": len(np.unique(patients)),
            },
            "view_alone_auroc": rounded(_mean({name: (truth, ap) for name, (truth, _) in columns.items()}, everything))
            if (scored.view[films] != "unknown").any()
            else None,
            "shuffled_auroc": rounded(
                _mean({name: (truth, _shuffled(score, rng)) for name, (truth, score) in columns.items()}, everything)
            ),
            "always_normal_auroc": 0.5,
        }
    return means


def _shuffled(score: npt.NDArray[np.float64], rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Exchange the answers among the films that have one."""
    mixed = score.copy()
    there = np.flatnonzero(~np.isnan(score))
    mixed[there] = score[rng.permutation(there)]
    return mixed


def _mean(
    columns: Mapping[str, tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]], rows: npt.NDArray[np.int64]
) -> float:
    values = []
    for states, scores in columns.values():
        known = rows[~np.isnan(states[rows])]
        values.append(auroc(states[known] == 1, scores[known]))
    # A draw may lack a class of one finding; the mean is then over the others.
    return float(np.nanmean(values)) if not np.isnan(values).all() else float("nan")


def refusals(scored: Scored) -> dict[str, Any]:
    """Count the films that were not assessed, by reason, and name them."""
    reasons: Counter[str] = Counter()
    named = []
    for film, said in scored.not_assessed:
        reasons[said.reason if said.outcome == "refused" else "unreadable"] += 1
        named.append({"film": film.key, "outcome": said.outcome, "reason": said.reason})
    return {"reasons": dict(reasons.most_common()), "films": named}
