"""What every reader says of every film under every upscaling, kept in journals, so that a stopped study goes on."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from lucidray.batch.journal import Journal
from lucidray.domain.errors import LucidrayError, ReaderError
from lucidray.domain.protocols import Reader, Upscaler
from lucidray.domain.radiograph import FloatImage
from lucidray.domain.vocabulary import Label
from lucidray.pipeline import Models, Request
from lucidray.study import verdict
from lucidray.study.asking import ask
from lucidray.study.verdict import Said

CLASSIFIER = "classifier"
# Behind the name of a reader that is asked as if the films had always been large.
AS_WHOLE = "-as-whole"
# So many failures in a row are a fault of the reader (a server that is down), and not of the films.
MOST_FAILURES = 5


@dataclass(frozen=True)
class Answer:
    """What one reader said of one film.

    Attributes
    ----------
    said : Said
        Past the gate.
    stands_in : bool
        See `Verdict`.
    refused : tuple of str
        Why the gate refuses the film; empty where it accepts it.
    probability : float or None
        The networks' calibrated probability of the finding.
    logit : float or None
        Their score before calibration.
    text : str
        What was written, or why there is no answer.
    """

    said: Said
    stands_in: bool
    refused: tuple[str, ...]
    probability: float | None
    logit: float | None
    text: str

    @property
    def in_force(self) -> Said:
        """What a user gets: a film that the gate refuses is not read."""
        return "refused" if self.refused else self.said


@dataclass(frozen=True)
class Questioner:
    """How one reader is asked about films under one upscaling.

    Attributes
    ----------
    reader : str
        As the study calls it; `classifier` for the networks alone.
    models : Models
    request : Request
    upscaler : Upscaler
    finding : Label
    as_whole : bool
        See `ask`.
    """

    reader: str
    models: Models
    request: Request
    upscaler: Upscaler
    finding: Label
    as_whole: bool = False

    def head(self, data_sha256: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return what decides an answer, as JSON values: a journal holds answers of one way of asking."""
        used = [self.models.segmenter.used, self.models.classifier.used, self.upscaler.used]
        if not self._networks_alone:
            used.append(self.models.reader.used)
        return {
            "study": "second-opinion",
            "data_sha256": data_sha256,
            "reader": self.reader,
            "finding": self.finding,
            "as_whole": self.as_whole,
            "models": [[one.role, one.name, one.version, one.sha256, one.calibration_sha256] for one in used],
            "asked": {
                "age_years": self.request.age_years,
                "language": self.request.language,
                "strategy": self.request.strategy,
                "generation": asdict(self.request.generation),
            },
            "options": {name: str(value) for name, value in sorted(options.items())},
        }

    def answer(self, pixels: FloatImage, name: str) -> Answer:
        """Have one small film upscaled and read; what fails is an answer too.

        Parameters
        ----------
        pixels : (h, w) float32 in [0, 1]
        name : str
        """
        try:
            found = ask(pixels, self.models, self.upscaler, self.request, name=name, as_whole=self.as_whole)
        except LucidrayError as error:
            return Answer("failed", stands_in=False, refused=(), probability=None, logit=None, text=f"{error}")
        score = next(one for one in found.findings if one.label == self.finding).probability
        logit = found.logits.get(self.finding)
        if self._networks_alone:
            decided = verdict.from_findings(found.findings, self.finding)
            return Answer(decided.said, decided.stands_in, found.refused, score, logit, "")
        decided = verdict.from_claims(found.claims, self.finding)
        return Answer(decided.said, decided.stands_in, found.refused, score, logit, found.text)

    @property
    def _networks_alone(self) -> bool:
        return self.reader in (CLASSIFIER, CLASSIFIER + AS_WHOLE)


def with_reader(models: Models, reader: Reader) -> Models:
    """Return the same networks with another writer."""
    return replace(models, reader=reader)


def collect(
    questioner: Questioner,
    films: Sequence[FloatImage],
    wanted: Iterable[int],
    path: Path,
    head: Mapping[str, Any],
    *,
    resume: bool = True,
    step: Callable[[int], None] | None = None,
) -> dict[int, Answer]:
    """Ask about the wanted films that the journal does not hold yet, and return all answers.

    Parameters
    ----------
    questioner : Questioner
    films : sequence of (h, w) float32
        The test films.
    wanted : iterable of int
        Places among them.
    path : Path
        The journal.
    head : mapping
        What decides an answer.
    resume : bool
        False begins anew.
    step : callable, optional
        Told the place of every film that has its answer.

    Raises
    ------
    UsageError
        The journal was begun another way.
    ReaderError
        Five films in a row failed: the last one's error, by its words.
    """
    answers: dict[int, Answer] = {}
    failures = 0
    with Journal(path, head, resume=resume) as journal:
        for place in wanted:
            key = str(place)
            entry = journal.entries.get(key)
            if entry is None or entry.deserves_another_try:
                given = questioner.answer(films[place], f"test {place}")
                journal.append(key, None, _row(given))
                failures = failures + 1 if given.said == "failed" else 0
                if failures >= MOST_FAILURES:
                    raise ReaderError(
                        f"{questioner.reader} failed on {MOST_FAILURES} films in a row ({given.text}); the answers "
                        "so far are kept, and the same command goes on"
                    )
            else:
                given = _answer(journal.row(key))
            answers[place] = given
            if step is not None:
                step(place)
    return answers


def _row(answer: Answer) -> dict[str, Any]:
    code = 5 if answer.said == "failed" else 0
    return {"exit_code": code, **asdict(answer)}


def _answer(row: Mapping[str, Any]) -> Answer:
    return Answer(row["said"], row["stands_in"], tuple(row["refused"]), row["probability"], row["logit"], row["text"])


def as_csv_rows(
    place: int, truth: bool, first: bool, name: tuple[str, str], answer: Answer, groups: Sequence[str]
) -> list[str]:
    """Return the cells of one answer, in the order of `CSV_COLUMNS`."""
    return [
        str(place),
        str(int(truth)),
        str(int(first)),
        *name,
        answer.said,
        answer.in_force,
        " ".join(answer.refused),
        str(int(answer.stands_in)),
        "" if answer.probability is None else f"{answer.probability:.5f}",
        "; ".join(groups),
        json.dumps(answer.text, ensure_ascii=False)[1:-1],
    ]


CSV_COLUMNS = (
    "film",
    "truth",
    "baseline",
    "reader",
    "upscaling",
    "said",
    "said_with_gate",
    "gate",
    "stands_in",
    "probability",
    "groups",
    "text",
)
