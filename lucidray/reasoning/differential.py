"""What it may be: diagnoses that fit, ranked, each with what speaks for and against it.

The knowledge stands in `knowledge.toml`, the weights in `rules.toml` [differential]. A score ranks and is no
probability; symptoms, age and sex change ranks here and no probability anywhere.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from lucidray.domain.claim import ClaimLabel
from lucidray.domain.judgement import Diagnosis
from lucidray.domain.radiograph import ADULT_AGE_YEARS, Sex
from lucidray.domain.reading import Overall
from lucidray.domain.vocabulary import OVERLAPS
from lucidray.reasoning.comparison import Comparison
from lucidray.reasoning.knowledge import Entry, load_knowledge
from lucidray.reasoning.rules import DifferentialRules
from lucidray.reasoning.wording import Wording


@dataclass(frozen=True)
class Patient:
    """What is known beside the film.

    Attributes
    ----------
    age_years : float or None
    sex : Sex or None
    given, denied : tuple of str
        Symptom concepts that were named as there, and as missing.
    complaints : tuple of str
        Those of `given` that a film would have to explain: no history, no exposure.
    """

    age_years: float | None = None
    sex: Sex | None = None
    given: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()
    complaints: tuple[str, ...] = ()

    @property
    def is_child(self) -> bool:
        """Whether the patient is known to be under 18."""
        return self.age_years is not None and self.age_years < ADULT_AGE_YEARS


@dataclass
class _Balance:
    """What speaks for and against one diagnosis, with its weight."""

    pro: list[tuple[float, str]] = field(default_factory=list)
    con: list[tuple[float, str]] = field(default_factory=list)

    @property
    def value(self) -> float:
        return max(0.0, sum(weight for weight, _ in self.pro) - sum(weight for weight, _ in self.con))


def rank(
    compared: Sequence[Comparison],
    overall: Overall | None,
    patient: Patient,
    named_by_reader: Sequence[str],
    reader: str,
    rules: DifferentialRules,
    wording: Wording,
) -> list[Diagnosis]:
    """Rank what fits.

    Parameters
    ----------
    compared : sequence of Comparison
    overall : Overall or None
    patient : Patient
    named_by_reader : sequence of str
        What the reader lists as its differential, as written.
    reader : str
        Its name.
    rules : DifferentialRules
    wording : Wording

    Returns
    -------
    list of Diagnosis
        Best first; what only the reader names follows, with a score of 0 and the reader as its source.
    """
    by_label = {one.label: one for one in compared}
    ranked = []
    for entry in load_knowledge():
        if entry.adults_only and patient.is_child:
            continue
        if entry.needs == "nothing":
            balance = _normal(compared, overall, patient, rules, wording)
        else:
            balance = _weigh(entry, by_label, patient, rules, wording)
        if balance is None:
            continue
        score = 1 - math.exp(-balance.value / rules.scale)
        if score >= rules.listed_from:
            ranked.append(_entry(entry, score, balance, wording))
    # Sorted is stable: at one score, the knowledge file's order holds.
    ranked = sorted(ranked, key=lambda one: -one.score)[: rules.at_most]
    return _with_readers(ranked, named_by_reader[: rules.at_most_by_reader], reader, wording)


def _entry(entry: Entry, score: float, balance: _Balance, wording: Wording) -> Diagnosis:
    return Diagnosis(
        diagnosis=wording.diagnosis(entry.key),
        score=round(score, 2),
        supporting=[told for _, told in sorted(balance.pro, key=lambda pair: -pair[0])],
        opposing=[told for _, told in sorted(balance.con, key=lambda pair: -pair[0])],
        citations=list(entry.citations),
    )


def _weigh(
    entry: Entry, by_label: dict[ClaimLabel, Comparison], patient: Patient, rules: DifferentialRules, wording: Wording
) -> _Balance | None:
    """Weigh one entry; None where nothing is there that it is listed for."""
    seen = {
        label: (weight, told)
        for label in entry.findings
        if label in by_label and (weight := _share(by_label[label], rules)) > 0
        for told in [_seen(by_label[label], wording)]
    }
    symptoms = [concept for concept in entry.symptoms if concept in patient.given]
    needed = seen if entry.needs == "finding" else symptoms
    if not needed or (entry.needs_findings and not set(entry.needs_findings) & set(seen)):
        return None
    # What has no cause without its finding is as doubtful as the finding.
    doubt = max((seen[label][0] for label in entry.needs_findings if label in seen), default=1.0)
    if entry.needs_symptoms and not set(entry.needs_symptoms) & set(patient.given):
        return None
    if any(
        label in by_label and "present" in (by_label[label].status, by_label[label].says)
        for label in entry.only_without
    ):
        return None
    balance = _Balance()
    for group in _shadows(list(seen)):
        # Labels of one shadow are one reason: the strongest counts, the others are told.
        values = sorted((seen[label][0] * _of(entry.findings[label], rules), seen[label][1]) for label in group)
        balance.pro += [(0.0, told) for _, told in values[:-1]] + [values[-1]]
    for concept in symptoms:
        told = wording.part("reason.symptom", symptom=wording.symptom(concept))
        balance.pro.append((_of(entry.symptoms[concept], rules), told))
    balance.pro += _age_and_sex(entry, patient, rules, wording)
    balance.pro = [(doubt * weight, told) for weight, told in balance.pro]
    for labels in entry.expected:
        balance.con += _missing(entry, [by_label[label] for label in labels], rules, wording)
    for concept in entry.symptoms:
        if concept in patient.denied:
            told = wording.part("reason.denied", symptom=wording.symptom(concept))
            balance.con.append((rules.denied_symptom * _of(entry.symptoms[concept], rules), told))
    return balance


def _of(weight: str, rules: DifferentialRules) -> float:
    return {"strong": rules.strong, "moderate": rules.moderate, "weak": rules.weak}[weight]


def _share(one: Comparison, rules: DifferentialRules) -> float:
    """Return how much of its weight a finding keeps: all of it where the classifier sees it, less where it may be."""
    if one.status == "present":
        return 1.0
    shares = [rules.uncertain] if one.status == "uncertain" else []
    shares += [rules.reader_only] if one.says == "present" else []
    return max(shares, default=0.0)


def _seen(one: Comparison, wording: Wording) -> str:
    name = wording.finding(one.label)
    if one.status in ("present", "uncertain"):
        key = f"reason.{one.status}"
        if one.probability is None:
            return wording.part(f"{key}_unscored", finding=name)
        return wording.part(key, finding=name, probability=wording.percent(one.probability))
    return wording.part("reason.reader", finding=name)


def _shadows(labels: list[ClaimLabel]) -> list[list[ClaimLabel]]:
    """Sort labels by the shadow that they name."""
    shadow = {label: group for group, members in OVERLAPS.items() for label in members}
    groups: dict[str, list[ClaimLabel]] = {}
    for label in labels:
        key = shadow[label] if label in shadow else str(label)
        groups.setdefault(key, []).append(label)
    return list(groups.values())


def _missing(
    entry: Entry, group: list[Comparison], rules: DifferentialRules, wording: Wording
) -> list[tuple[float, str]]:
    """Return what the absence of a whole group says, as far as it says anything: one reason, by its best witness."""
    if any(one.status != "absent" or one.says in ("present", "uncertain") for one in group):
        return []
    witness = max(group, key=power)
    weight = power(witness) * _of(entry.missing, rules)
    if weight <= 0:
        return []
    finding, name = witness.finding, wording.finding(witness.label)
    if finding is None or finding.sensitivity is None or finding.probability is None:
        return [(weight, wording.part("reason.absent_unmeasured", finding=name))]
    told = wording.part(
        "reason.absent",
        finding=name,
        probability=wording.percent(finding.probability),
        sensitivity=wording.percent(finding.sensitivity),
    )
    return [(weight, told)]


def power(one: Comparison) -> float:
    """Return how far an absent finding speaks against its causes, in [0, 1]: 1 minus the negative likelihood ratio.

    The ratio is (1 - sensitivity) / specificity of the threshold on the test films: near 1 where a classifier misses
    most of them, and its "absent" says next to nothing. Without measured figures an absence says nothing.
    """
    finding = one.finding
    if finding is None or finding.sensitivity is None or not finding.specificity:
        return 0.0
    return max(0.0, 1 - (1 - finding.sensitivity) / finding.specificity)


def _age_and_sex(entry: Entry, patient: Patient, rules: DifferentialRules, wording: Wording) -> list[tuple[float, str]]:
    reasons = []
    age = patient.age_years
    if age is not None and entry.age_from is not None and age >= entry.age_from:
        told = wording.part("reason.age_from", age=str(int(age)), limit=f"{entry.age_from:g}")
        reasons.append((rules.weak, told))
    if age is not None and entry.age_to is not None and age <= entry.age_to:
        told = wording.part("reason.age_to", age=str(int(age)), limit=f"{entry.age_to:g}")
        reasons.append((rules.weak, told))
    if entry.sex is not None and patient.sex == entry.sex:
        reasons.append((rules.weak, wording.part("reason.sex")))
    return reasons


def _normal(
    compared: Sequence[Comparison],
    overall: Overall | None,
    patient: Patient,
    rules: DifferentialRules,
    wording: Wording,
) -> _Balance | None:
    """Weigh the normal film: only where neither source sees anything and the film as a whole is not called abnormal."""
    assessed = [one for one in compared if one.status != "unsupported"]
    if not assessed or any("present" in (one.status, one.says) for one in compared):
        return None
    if overall is not None and overall.status == "present":
        return None
    balance = _Balance()
    absent = [one for one in assessed if one.status == "absent" and one.says != "uncertain"]
    if len(absent) == len(assessed):
        balance.pro.append((rules.strong, wording.part("reason.nothing_found")))
    else:
        doubtful = [one for one in assessed if one not in absent]
        balance.con += [(rules.weak, _seen_or_doubted(one, wording)) for one in doubtful]
    if overall is not None and overall.status == "absent" and overall.probability is not None:
        told = wording.part("reason.overall_low", overall=wording.percent(overall.probability))
        balance.pro.append((rules.moderate, told))
    for concept in patient.complaints:
        balance.con.append((rules.weak, wording.part("reason.unexplained", symptom=wording.symptom(concept))))
    missing = [
        wording.finding(one.label) for one in compared if one.status == "unsupported" and one.finding is not None
    ]
    if missing:
        balance.con.append((rules.weak, wording.part("reason.not_assessed", findings=wording.join(missing))))
    return balance


def _seen_or_doubted(one: Comparison, wording: Wording) -> str:
    if one.status == "uncertain":
        return _seen(one, wording)
    return wording.say("factor.reader_uncertain", finding=wording.finding(one.label))


def _with_readers(ranked: list[Diagnosis], named: Sequence[str], reader: str, wording: Wording) -> list[Diagnosis]:
    """Add what the reader names: a reason where the diagnosis is listed, an entry of its own where it is not."""
    told = wording.part("reason.reader_names", reader=reader)
    added = []
    for name in dict.fromkeys(named):
        same = next((one for one in ranked if _alike(one.diagnosis, name)), None)
        if same is not None:
            same.supporting.append(told)
        else:
            added.append(Diagnosis(diagnosis=name, score=0.0, supporting=[told], opposing=[], source=reader))
    return [*ranked, *added]


def _alike(known: str, named: str) -> bool:
    return known.casefold() == named.casefold().strip(" .")
