"""How well claims agree with coders: precision, recall, F1 of "present", with intervals over reports and controls."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, get_args

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from lucidray.domain.claim import ClaimLabel
from lucidray.domain.vocabulary import LABELS
from lucidray.evaluation.openi import CodedReport
from lucidray.reasoning.claim_lexicon import load_claim_lexicon
from lucidray.reasoning.claim_text import claiming_sentences
from lucidray.reasoning.claims import extract_claims, summarise
from lucidray.version import VERSION

ALL_LABELS: tuple[ClaimLabel, ...] = (*LABELS, *(part for part in get_args(get_args(ClaimLabel)[1])))
# Below this many coded reports a finding's own F1 says little: it is printed and left out of the macro figures.
MIN_CODED = 10

Labels = frozenset[str]
_Flags = npt.NDArray[np.float64]


class Interval(BaseModel):
    """A figure with its 95 % bootstrap interval over reports; all null where it has no value."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    value: float | None
    low: float | None
    high: float | None


class LabelAgreement(BaseModel):
    """One finding: how many reports are coded with it, claimed to show it, and both; doubtful codes are left out.

    Coders have no "uncertain": `f1_with_uncertain` takes claims in doubt for present.
    """

    model_config = ConfigDict(extra="forbid")

    label: str
    coded: int
    claimed: int
    both: int
    claimed_absent: int
    coded_though_absent: int
    uncertain: int
    coded_and_uncertain: int
    precision: Interval
    recall: Interval
    f1: Interval
    f1_with_uncertain: Interval
    keyword_f1: Interval


class Agreement(BaseModel):
    """Agreement of claims with MeSH codes on one half of the reports."""

    model_config = ConfigDict(extra="forbid")

    version: str
    split: str
    reports: int
    draws: int
    seed: int
    min_coded: int
    macro_labels: list[str]
    macro_precision: Interval
    macro_recall: Interval
    macro_f1: Interval
    macro_f1_with_uncertain: Interval
    macro_f1_keyword: Interval
    macro_f1_always_absent: Interval
    labels: list[LabelAgreement]


class _Marks(NamedTuple):
    """(N, L) flags: coded, left out, and what a method says."""

    coded: _Flags
    kept: _Flags


def keywords(text: str) -> Labels:
    """Return the findings that a report's sentences name at all, whatever they say of them: the control."""
    lexicon = load_claim_lexicon("en")
    named: set[str] = set()
    for sentence in claiming_sentences(text, lexicon):
        for event in lexicon.events(lexicon.tokens(sentence)):
            named.update(meaning.value for meaning in event.get("finding"))
    return frozenset(named)


def measure_agreement(
    reports: Sequence[CodedReport],
    split: str,
    *,
    draws: int = 1000,
    seed: int = 0,
    report: Callable[[str], None] | None = None,
) -> Agreement:
    """Compare what claims and coders say of each report.

    Parameters
    ----------
    reports : sequence of CodedReport
    split : str
        What to call them.
    draws, seed : int
        Of the bootstrap over reports.
    report : callable, optional
        Told of the progress.
    """
    summaries = []
    for number, each in enumerate(reports, 1):
        summaries.append(summarise(extract_claims(each.text)))
        if report is not None and number % 500 == 0:
            report(f"{number} of {len(reports)} reports read")

    def flags(says: Callable[[int, ClaimLabel], bool]) -> _Flags:
        return np.array([[says(row, label) for label in ALL_LABELS] for row in range(len(reports))], dtype=np.float64)

    marks = _Marks(
        coded=flags(lambda row, label: label in reports[row].present),
        kept=flags(lambda row, label: label not in reports[row].doubtful),
    )
    present = flags(lambda row, label: summaries[row].get(label) == "present")
    absent = flags(lambda row, label: summaries[row].get(label) == "absent")
    uncertain = flags(lambda row, label: summaries[row].get(label) == "uncertain")
    named = [keywords(each.text) for each in reports]
    keyword = flags(lambda row, label: label in named[row])

    rng = np.random.default_rng(seed)
    weights = rng.multinomial(len(reports), np.full(len(reports), 1 / len(reports)), size=draws).astype(np.float64)
    weights = np.vstack([np.ones(len(reports)), weights])
    by_claims, by_keyword = _scores(marks, present, weights), _scores(marks, keyword, weights)
    with_uncertain = _scores(marks, present + uncertain, weights)
    always_absent = _scores(marks, np.zeros_like(present), weights)
    counted = marks.coded * marks.kept
    enough = [index for index in range(len(ALL_LABELS)) if counted[:, index].sum() >= MIN_CODED]

    def count(these: _Flags, index: int) -> int:
        return int((these[:, index] * marks.kept[:, index]).sum())

    return Agreement(
        version=VERSION,
        split=split,
        reports=len(reports),
        draws=draws,
        seed=seed,
        min_coded=MIN_CODED,
        macro_labels=[ALL_LABELS[index] for index in enough],
        macro_precision=_interval(by_claims[0][:, enough].mean(axis=1)),
        macro_recall=_interval(by_claims[1][:, enough].mean(axis=1)),
        macro_f1=_interval(by_claims[2][:, enough].mean(axis=1)),
        macro_f1_with_uncertain=_interval(with_uncertain[2][:, enough].mean(axis=1)),
        macro_f1_keyword=_interval(by_keyword[2][:, enough].mean(axis=1)),
        macro_f1_always_absent=_interval(always_absent[2][:, enough].mean(axis=1)),
        labels=[
            LabelAgreement(
                label=label,
                coded=count(marks.coded, index),
                claimed=count(present, index),
                both=count(present * marks.coded, index),
                claimed_absent=count(absent, index),
                coded_though_absent=count(absent * marks.coded, index),
                uncertain=count(uncertain, index),
                coded_and_uncertain=count(uncertain * marks.coded, index),
                precision=_interval(by_claims[0][:, index]),
                recall=_interval(by_claims[1][:, index]),
                f1=_interval(by_claims[2][:, index]),
                f1_with_uncertain=_interval(with_uncertain[2][:, index]),
                keyword_f1=_interval(by_keyword[2][:, index]),
            )
            for index, label in enumerate(ALL_LABELS)
        ],
    )


def _scores(marks: _Marks, said: _Flags, weights: _Flags) -> tuple[_Flags, _Flags, _Flags]:
    """Return (D, L) precision, recall and F1, one row a draw; NaN where a figure has no value."""
    hits = weights @ (said * marks.coded * marks.kept)
    claimed = weights @ (said * marks.kept)
    coded = weights @ (marks.coded * marks.kept)
    with np.errstate(invalid="ignore", divide="ignore"):
        return hits / claimed, hits / coded, 2 * hits / (claimed + coded)


def _interval(values: _Flags) -> Interval:
    """Summarise draws of which the first is the sample itself."""
    drawn = values[1:][~np.isnan(values[1:])]
    if np.isnan(values[0]) or not len(drawn):
        return Interval(value=None, low=None, high=None)
    low, high = np.percentile(drawn, (2.5, 97.5))
    return Interval(value=round(float(values[0]), 4), low=round(float(low), 4), high=round(float(high), 4))
