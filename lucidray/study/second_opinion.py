"""What the study found: who reads the films right that a baseline misread, under each upscaling."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from lucidray.domain.reading import NOTICE
from lucidray.domain.vocabulary import Label
from lucidray.evaluation.draws import Figure
from lucidray.evaluation.measures import auroc, patient_interval
from lucidray.evaluation.second_opinion import PairTest
from lucidray.evaluation.segmentation import share
from lucidray.study.answers import AS_WHOLE, CLASSIFIER, Answer
from lucidray.study.figures import (
    BASELINE,
    EVERY,
    MATCHED,
    MISREAD,
    Against,
    Control,
    Groups,
    Part,
    Score,
    against,
    holm,
    pair,
    score,
)
from lucidray.study.near_repeats import Repeats
from lucidray.study.seen import WORDS, Exposure
from lucidray.study.verdict import Said
from lucidray.version import VERSION

GATE, PAST = "gate in force", "past the gate"
"""As a user gets it, refused films unread; and what the reader says where the gate is not asked."""
MODES = (GATE, PAST)
SIGNIFICANT = 0.05
UNDECIDED: tuple[Said, ...] = ("undecided", "silent", "refused", "failed")


class Opinion(Part):
    """One reader under one upscaling, with the gate in force or past it."""

    reader: str
    upscaling: str
    mode: str
    exposure: Exposure
    upscaler_exposure: Exposure
    groups: dict[str, Score]
    against_baseline: Against | None
    stood_in: int
    auroc: Figure | None


class GateShare(Part):
    """How many upscaled films the gate refuses, and for what; by truth as well."""

    refused: Figure
    refused_by_truth: dict[str, Figure]
    codes: dict[str, int]


class First(Part):
    """The baseline on the test films as they are."""

    name: str
    version: str
    spec: str
    figures: dict[str, Figure]
    exposure: Exposure
    config: dict[str, Any] | None
    epochs_run: int | None


class Result(Part):
    """Everything measured; films and answers lie beside it."""

    schema_version: str = "1.0"
    notice: str = NOTICE
    lucidray: str = VERSION
    created: str
    command: str
    data: dict[str, Any]
    finding: Label
    age_years: float | None
    chain_px: dict[str, list[int]]
    films_asked: str
    matched_ratio: float
    resamples: int
    seed: int
    counts: dict[str, dict[str, int]]
    baseline: First
    published: list[dict[str, Any]]
    official_counts: bool
    models: list[dict[str, Any]]
    gate_exposure: Exposure
    gate: dict[str, GateShare]
    opinions: list[Opinion]
    controls: list[Control]
    between: list[PairTest]
    near_repeats: list[Repeats]
    left_out: list[str]
    notes: list[str]


Answers = Mapping[tuple[str, str], Mapping[int, Answer]]
"""By reader and upscaling."""


def opinions_of(
    answers: Answers,
    exposures: Mapping[str, Exposure],
    upscaler_exposures: Mapping[str, Exposure],
    groups: Groups,
    finding: Label,
    resamples: int,
    seed: int,
) -> list[Opinion]:
    """Measure every reader under every upscaling, both ways, and correct the tests against the baseline together."""
    found = []
    for (reader, upscaling), given in answers.items():
        for mode in MODES:
            said = said_in(given, mode)
            scores = {name: score(said, groups, name, resamples, seed) for name in (MISREAD, MATCHED, EVERY)}
            found.append(
                Opinion(
                    reader=reader,
                    upscaling=upscaling,
                    mode=mode,
                    exposure=exposures[reader],
                    upscaler_exposure=upscaler_exposures[upscaling],
                    groups={name: one for name, one in scores.items() if one is not None},
                    against_baseline=against(said, groups, finding, resamples, seed),
                    stood_in=sum(one.stands_in for one in given.values()),
                    auroc=ranked(given, groups) if mode == PAST and asks_networks(reader) else None,
                )
            )
    tests = [one.against_baseline for one in found if one.against_baseline and one.against_baseline.test]
    for test, p in zip(tests, holm([one.test.p_value for one in tests if one.test]), strict=True):
        test.p_holm = p
    return found


def between(answers: Answers, groups: Groups, finding: Label, resamples: int, seed: int) -> list[PairTest]:
    """Hold opinions together past the gate: the upscalings of one reader, and the readers under one upscaling."""
    names = list(answers)
    found = []
    for place, first in enumerate(names):
        for second in names[place + 1 :]:
            if (first[0] == second[0]) == (first[1] == second[1]) or first[0].endswith(AS_WHOLE) != second[0].endswith(
                AS_WHOLE
            ):
                continue
            one, other = (said_in(answers[name], PAST) for name in (first, second))
            tested = pair(one, other, groups, finding, resamples, seed, (", ".join(first), ", ".join(second)))
            if tested is not None:
                found.append(tested)
    return found


def said_in(given: Mapping[int, Answer], mode: str) -> dict[int, Said]:
    """Return what counts of the answers, by film."""
    return {place: one.in_force if mode == GATE else one.said for place, one in given.items()}


def asks_networks(reader: str) -> bool:
    """Whether the networks alone answer, so that their scores are the reader's."""
    return reader.removesuffix(AS_WHOLE) == CLASSIFIER


def ranked(given: Mapping[int, Answer], groups: Groups) -> Figure | None:
    """Return the AUROC of the networks' scores over all films, past the gate; None where not all were scored."""
    scores = [one.logit for _, one in sorted(given.items()) if one.probability is not None and one.logit is not None]
    if len(scores) < len(groups.truth):
        return None
    names = np.array([str(place) for place in range(len(scores))])
    found = patient_interval(auroc, groups.truth, np.array(scores), names)
    return Figure(value=found.value, low=found.low, high=found.high, n=found.n)


def gate_shares(answers: Answers, groups: Groups) -> dict[str, GateShare]:
    """Count the gate's refusals under each upscaling; they do not depend on the reader."""
    shares = {}
    for (_, upscaling), given in answers.items():
        asked = {place: one for place, one in given.items() if one.said != "failed"}
        if upscaling in shares or not asked:
            continue
        codes: dict[str, int] = {}
        for one in asked.values():
            for code in one.refused:
                codes[code] = codes.get(code, 0) + 1
        refused = np.array([bool(one.refused) for one in asked.values()])
        truth = groups.truth[np.array(list(asked))]
        by_truth = {
            name: _rate(int(refused[truth == kind].sum()), int((truth == kind).sum()))
            for name, kind in (("present", True), ("absent", False))
            if (truth == kind).any()
        }
        shares[upscaling] = GateShare(
            refused=_rate(int(refused.sum()), len(refused)), refused_by_truth=by_truth, codes=codes
        )
    return shares


def notes_of(result: Result) -> list[str]:
    """Say in plain words what came out, and what it does not show; every number is one of the result."""
    notes = [
        "Films that the baseline misread flatter any second reader: there the baseline is wrong by choice, an answer"
        " always opposite to it is always right, and a coin is right on half. What counts is all films.",
        "Doubt, silence, a refusal and a missing answer count as wrong. Nothing tells which films are of one child, so"
        " intervals take every film for a child of its own and may be too narrow.",
    ]
    for opinion in result.opinions:
        every = opinion.groups.get(EVERY)
        if every is None or opinion.against_baseline is None:
            continue
        notes.append(_compared(opinion, every, opinion.against_baseline))
    for upscaling, one in result.gate.items():
        notes.append(f"Under {upscaling} the gate refuses {told(one.refused)} of the films.")
    whole = sorted({one.reader for one in result.opinions if one.reader.endswith(AS_WHOLE)})
    if whole:
        notes.append(
            f"{', '.join(whole)}: asked as if the films had always been large, by the calibration of whole films."
            " Nobody gets this; it shows what that calibration is worth on upscaled films."
        )
    marked = sorted({one.reader for one in result.opinions if one.exposure == "saw"})
    if marked:
        notes.append(
            f"{', '.join(marked)}: {WORDS['saw']}. What is right here by memory cannot be told from what is right by"
            " sight, so that these figures flatter."
        )
    for found in result.near_repeats:
        notes.append(
            f"Of the {found.test_films} test films, {found.test_repeats} repeat one of the {found.films:,} films in"
            f" {found.folder}. Of the {found.train_films:,} training films {found.train_repeats:,} do: the comparison"
            " sees repeats, though it may not see all. The most alike test film correlates"
            f" {found.highest_in_test:.2f};"
            f" {found.least_correlation} counts as the same picture. Children may still have several films."
        )
    unknown = sorted({one.reader for one in result.opinions if one.exposure == "unknown"})
    if unknown:
        notes.append(f"{', '.join(unknown)}: {WORDS['unknown']}.")
    if not result.official_counts:
        notes.append(
            "The file is not the official edition (4,708, 524 and 624 films): its classes are balanced. The published"
            " figures beside the baseline's are on other films, and no comparison."
        )
    return notes


def told(figure: Figure) -> str:
    """Say a rate with its interval."""
    if figure.low is None or figure.high is None:
        return f"{figure.value:.2f}"
    return f"{figure.value:.2f} ({figure.low:.2f} to {figure.high:.2f})"


def _compared(opinion: Opinion, every: Score, held: Against) -> str:
    name = f"{opinion.reader} under {opinion.upscaling}, {opinion.mode}"
    if not any(every.said[kind][word] for kind in every.said for word in ("present", "absent")):
        open_ = {word: sum(every.said[kind][word] for kind in every.said) for word in UNDECIDED}
        counted = ", ".join(f"{word} {count}" for word, count in open_.items() if count)
        return f"{name}: decides none of the films ({counted}), which counts as wrong."
    value, p = held.difference.value, held.p_holm
    low, high = held.difference.low, held.difference.high
    if p is not None:
        settled = p < SIGNIFICANT
        test = f"McNemar p {'< 0.001' if p < 0.001 else f'= {p:.3f}'} after Holm"
    else:
        settled = low is not None and high is not None and (low > 0 or high < 0)
        test = "weighted from a sample"
    if not settled:
        word = f"is not told apart from the {BASELINE}"
    else:
        word = f"is {'better' if value > 0 else 'worse'} than the {BASELINE}"
    return f"{name}: right on {told(every.accuracy)} of all films; it {word} ({value:+.2f}, {test})."


def _rate(hits: int, n: int) -> Figure:
    found = share(hits, n)
    return Figure(value=found.value, low=found.low, high=found.high, n=n)
