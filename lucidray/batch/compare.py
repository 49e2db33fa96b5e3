"""The second opinion: films with labels, read by several readers side by side."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from lucidray.batch.inputs import Item
from lucidray.batch.row import Row, said_in
from lucidray.batch.run import finished_rows
from lucidray.domain.claim import Polarity
from lucidray.domain.errors import InputError
from lucidray.domain.reading import NOTICE
from lucidray.domain.vocabulary import LABELS, Label
from lucidray.evaluation.said import Extract, Said, Uncertain, from_claims, from_labels
from lucidray.evaluation.second_opinion import Accuracy, Opinions, PairTest, Verdict, verdict
from lucidray.version import VERSION

CLASSIFIER = "classifier"
MISREAD, SAMPLE, EVERY = "misread", "matched sample", "all films"
FLATTERY = (
    "Films that one model misread flatter any second reader: on these the first is wrong by choice. "
    "Look at the matched sample, which was drawn without asking who is right."
)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Answered(_Part):
    """What one reader made of one film."""

    outcome: str
    report: str
    verdicts: dict[str, Verdict]


class FilmAnswers(_Part):
    """One film with its truth and every answer."""

    path: str
    groups: list[str]
    truth: dict[str, Polarity]
    answers: dict[str, Answered]


class GroupScore(_Part):
    """Everything measured on one group of films; questions with no known truth are left out."""

    films: int
    patients: int
    no_answer: dict[str, int]
    accuracy: dict[str, dict[str, Accuracy]]
    pairs: list[PairTest]


class Comparison(_Part):
    """Who was right."""

    schema_version: str = "1.0"
    notice: str = NOTICE
    version: str = VERSION
    data: str
    readers: list[str]
    findings: list[str]
    uncertain: str
    resamples: int
    seed: int
    interval: str
    films_with_truth: int
    refused_by_the_gate: int
    notes: list[str]
    groups: dict[str, GroupScore]
    films: list[FilmAnswers]


@dataclass(frozen=True)
class Question:
    """What is asked of every film.

    Attributes
    ----------
    findings : sequence of Label
        Empty for all that are present in at least one film.
    uncertain : {"absent", "present", "ignore"}
    only_misread : bool
        Only films on which `judge` was wrong about any of the findings.
    judge : str
        The classifier, or one of the readers.
    matched : bool
        With `only_misread`: also as many films drawn by lot, alike in whether any finding is there.
    resamples, seed : int
    """

    findings: Sequence[Label] = ()
    uncertain: Uncertain = "absent"
    only_misread: bool = False
    judge: str = CLASSIFIER
    matched: bool = True
    resamples: int = 1000
    seed: int = 0


ReadAll = Callable[[str, Sequence[Item]], Path]
"""Takes a reader's name and films; reads them and returns the table whose journal holds the rows."""


def compare(
    data: str, items: Sequence[Item], readers: Sequence[str], read_all: ReadAll, question: Question, extract: Extract
) -> Comparison:
    """Have films read by several readers and say who was right.

    Parameters
    ----------
    data : str
        Where the films come from, in words.
    items : sequence of Item
        Those without labels or a report are left out; a film that is listed twice counts once.
    readers : sequence of str
        The name `classifier` stands for the networks' own statuses, without a text.
    read_all : callable
    question : Question
    extract : callable
        Finds the claims of a text.

    Raises
    ------
    InputError
        No film has a truth, or none of the findings that are asked is known.
    """
    films = list({item.key: item for item in items if item.labels or item.reference}.values())
    if not films:
        raise InputError(f"{data}: no film has labels or a reference report")
    truth = {item.key: truth_of(item, extract) for item in films}
    findings = _asked(truth.values(), question)
    judge = question.judge
    groups: dict[str, list[str]] = {EVERY: [item.key for item in films]}
    notes: list[str] = []
    refused: set[str] = set()
    looked: dict[str, tuple[Row, Said | None]] = {}
    if question.only_misread:
        looked = _answers(judge, films, read_all, extract)
        refused = {key for key, (row, _) in looked.items() if row["outcome"] == "refused"}
        seen = [item.key for item in films if item.key not in refused]
        wrong = [key for key in seen if _is_wrong(truth[key], looked[key][1], findings, question.uncertain)]
        if not wrong:
            raise InputError(f"{data}: {judge} misread none of {len(seen)} films")
        groups = {MISREAD: wrong}
        notes.append(f"{judge} misread {len(wrong)} of {len(seen)} films (wrong on any finding that is asked).")
        if question.matched:
            groups[SAMPLE] = matched_sample(wrong, seen, truth, findings, question)
            notes.append(FLATTERY)
        else:
            notes.append(FLATTERY.split(". ", maxsplit=1)[0] + "; no matched sample was read.")
    wanted = {key for keys in groups.values() for key in keys}
    chosen = [item for item in films if item.key in wanted]
    answers = {
        reader: {item.key: looked[item.key] for item in chosen}
        if looked and reader == judge
        else _answers(reader, chosen, read_all, extract)
        for reader in readers
    }
    # What the gate refuses no reader sees: it decides nothing between them.
    refused |= {
        item.key for item in chosen if all(answers[reader][item.key][0]["outcome"] == "refused" for reader in readers)
    }
    kept = {name: [key for key in keys if key not in refused] for name, keys in groups.items()}
    whose = {item.key: f"patient {item.patient}" if item.patient else f"film {item.place}" for item in films}
    return Comparison(
        data=data,
        readers=list(readers),
        findings=list(findings),
        uncertain=question.uncertain,
        resamples=question.resamples,
        seed=question.seed,
        interval="Wilson" if len(set(whose.values())) == len(films) else "bootstrap over patients",
        films_with_truth=len(films),
        refused_by_the_gate=len(refused),
        notes=notes,
        groups={name: _group(keys, truth, answers, whose, findings, question) for name, keys in kept.items() if keys},
        films=[
            FilmAnswers(
                path=item.place,
                groups=[name for name, keys in groups.items() if item.key in set(keys)],
                truth={
                    label: truth[item.key].polarity.get(label, "absent")
                    for label in findings
                    if label in truth[item.key].assessed
                },
                answers={
                    reader: _answered(reader, truth[item.key], *answers[reader][item.key], findings, question.uncertain)
                    for reader in readers
                },
            )
            for item in chosen
            if item.key not in refused
        ],
    )


def truth_of(item: Item, extract: Extract) -> Said:
    """Take the labels of a film, or else what its reference report claims."""
    if item.labels:
        return from_labels(item.labels)
    return from_claims(extract(item.reference or ""), item.reference)


def matched_sample(
    wrong: Sequence[str],
    films: Sequence[str],
    truth: Mapping[str, Said],
    findings: Sequence[Label],
    question: Question,
) -> list[str]:
    """Draw as many films as were misread, whoever was right on them, with as many that have any of the findings."""
    positive = {"present", "uncertain"} if question.uncertain == "present" else {"present"}

    def abnormal(key: str) -> bool:
        return any(truth[key].polarity.get(label) in positive for label in findings)

    rng = np.random.default_rng(question.seed)
    drawn: set[str] = set()
    for side in (True, False):
        pool = [key for key in films if abnormal(key) is side]
        count = sum(abnormal(key) is side for key in wrong)
        drawn |= {pool[place] for place in rng.choice(len(pool), size=count, replace=False)} if count else set()
    return [key for key in films if key in drawn]


def _asked(truth: Iterable[Said], question: Question) -> list[Label]:
    every = list(truth)
    known = {label for one in every for label in one.assessed}
    if question.findings:
        unknown = [label for label in question.findings if label not in known]
        if unknown:
            raise InputError(f"no film has a label for {', '.join(unknown)}")
        return [label for label in LABELS if label in question.findings]
    there = {label for one in every for label, polarity in one.polarity.items() if polarity == "present"}
    if not there:
        raise InputError("no film has any of the findings")
    return [label for label in LABELS if label in there]


def _answers(
    reader: str, items: Sequence[Item], read_all: ReadAll, extract: Extract
) -> dict[str, tuple[Row, Said | None]]:
    """Read films and take from each row what the reader says; None where it gave no answer."""
    table = read_all(reader, items)
    found: dict[str, tuple[Row, Said | None]] = {}
    for item, row in finished_rows(items, table):
        said: Said | None = None
        if row["outcome"] == "read" and reader == CLASSIFIER:
            statuses = {label: row["findings"][label]["status"] for label in LABELS}
            said = from_labels({label: status for label, status in statuses.items() if status != "unsupported"})
        elif row["outcome"] == "read":
            said = from_claims(extract(said_in(row)), said_in(row))
        found[item.key] = (row, said)
    return found


def _is_wrong(truth: Said, said: Said | None, findings: Sequence[Label], uncertain: Uncertain) -> bool:
    wrong = {"missed", "denied", "false alarm", "no answer"}
    verdicts = [(verdict(truth, said, label, uncertain), label) for label in findings]
    # Doubt about what is there is no call: it counts as a miss here as in the accuracy.
    return any(one in wrong or (one == "unsure" and truth.polarity.get(label) == "present") for one, label in verdicts)


def _group(
    keys: Sequence[str],
    truth: Mapping[str, Said],
    answers: Mapping[str, Mapping[str, tuple[Row, Said | None]]],
    whose: Mapping[str, str],
    findings: Sequence[Label],
    question: Question,
) -> GroupScore:
    patients = [whose[key] for key in keys]
    said = {reader: [found[key][1] for key in keys] for reader, found in answers.items()}
    opinions = Opinions(
        [truth[key] for key in keys],
        said,
        patients,
        findings,
        question.uncertain,
        question.resamples,
        question.seed,
    )
    accuracy: dict[str, dict[str, Accuracy]] = {reader: {} for reader in answers}
    for reader in answers:
        for asked in opinions.questions:
            found = opinions.accuracy(reader, asked)
            if found is not None:
                accuracy[reader][asked] = found
    pairs = [
        pair
        for asked in opinions.questions
        for first, second in combinations(answers, 2)
        if (pair := opinions.pair(first, second, asked)) is not None
    ]
    return GroupScore(
        films=len(keys),
        patients=len(set(patients)),
        no_answer={reader: sum(one is None for one in found) for reader, found in said.items()},
        accuracy=accuracy,
        pairs=pairs,
    )


def _answered(
    reader: str, truth: Said, row: Row, said: Said | None, findings: Sequence[Label], uncertain: Uncertain
) -> Answered:
    judged = {label: verdict(truth, said, label, uncertain) for label in findings}
    return Answered(
        outcome=row["outcome"],
        # The networks write nothing: the text in their row is the composer's.
        report="" if reader == CLASSIFIER and row["outcome"] == "read" else said_in(row) or _why(row),
        verdicts={label: one for label, one in judged.items() if one is not None},
    )


def _why(row: Row) -> str:
    """Say why there is no text."""
    if row["error"] is not None:
        return str(row["error"]["message"])
    return "; ".join(str(note["message"]) for note in row["refusal"])
