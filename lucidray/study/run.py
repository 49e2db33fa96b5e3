"""The second-opinion study from beginning to end: baseline, groups, answers, figures, page."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from lucidray.batch.table import write_text
from lucidray.domain.errors import UsageError
from lucidray.domain.protocols import Upscaler
from lucidray.domain.vocabulary import Label
from lucidray.imaging.upscaling import chain
from lucidray.pipeline import Models, Request
from lucidray.study import first_opinion as first
from lucidray.study.answers import CSV_COLUMNS, Answer, Questioner, as_csv_rows, collect
from lucidray.study.figures import EVERY, MATCHED, MISREAD, Groups, controls
from lucidray.study.near_repeats import near_repeats
from lucidray.study.page import ShownFilm, picture, render
from lucidray.study.second_opinion import (
    Answers,
    First,
    Result,
    between,
    gate_shares,
    notes_of,
    opinions_of,
)
from lucidray.study.seen import Exposure, data_of_spec, exposure
from lucidray.study.small_films import Collection

# Films of the official edition (Yang et al. 2023): train, validation, test.
OFFICIAL_COUNTS = (4708, 524, 624)


@dataclass(frozen=True)
class Plan:
    """What is asked; see the options of `lucidray study second-opinion`."""

    first: str
    finding: Label
    words: tuple[str, ...]
    films_asked: str = "all"
    matched_ratio: float = 2.0
    age: float = 3.0
    leave_out_tainted: bool = False
    seen_films: tuple[Path, ...] = ()
    resamples: int = 2000
    seed: int = 0
    size: int | None = None
    epochs: int | None = None
    shown: int = 200
    resume: bool = True
    command: str = ""


@dataclass(frozen=True)
class Asker:
    """A reader of the study.

    Attributes
    ----------
    name : str
        As the study calls it.
    open : callable
        Loads it when its turn comes: the models, and how it is asked.
    exposure : Exposure
    options : mapping
        What was chosen of it, for the journal.
    as_whole : bool
        See `lucidray.study.asking.ask`.
    """

    name: str
    open: Callable[[], tuple[Models, Request]]
    exposure: Exposure
    options: Mapping[str, Any] = field(default_factory=dict)
    as_whole: bool = False


@dataclass(frozen=True)
class UpscalerOfStudy:
    """An upscaler of the study, and whether it saw these films."""

    name: str
    upscaler: Upscaler
    exposure: Exposure


class Progress(Protocol):
    """What shows how far the work is."""

    def begin(self, place: str) -> None:
        """Name what is done."""

    def advance(self) -> None:
        """Count one film."""


def study(
    films: Collection,
    plan: Plan,
    out: Path,
    askers: Sequence[Asker],
    upscalers: Sequence[UpscalerOfStudy],
    gate_exposure: Exposure,
    *,
    weights: Path,
    device: str,
    threads: int,
    say: Callable[[str], None],
    progress: Callable[[int], AbstractContextManager[Progress]],
) -> Result:
    """Run the study, and write everything into `out`.

    Raises
    ------
    UsageError
        Nothing is left to ask, or `out` holds another study.
    MissingExtraError
        An optional part is not installed.
    ModelError
        The baseline does not score the finding; weights are missing or damaged.
    """
    opinion, about = _first(films, plan, out, weights, device, threads, say)
    groups = Groups.draw(films.test.truth, opinion.called, plan.matched_ratio, plan.seed)
    say(
        f"the baseline misread {len(groups.misread)} of {len(films.test)} test films; matched sample:"
        f" {len(groups.matched)}"
    )
    left_out = []
    if plan.leave_out_tainted:
        left_out = [one.name for one in askers if one.exposure == "saw"]
        left_out += [one.name for one in upscalers if one.exposure == "saw"]
        askers = [one for one in askers if one.exposure != "saw"]
        upscalers = [one for one in upscalers if one.exposure != "saw"]
    if not askers or not upscalers:
        raise UsageError(f"no reader or no upscaler is left: {', '.join(left_out)} saw these films, by their cards")
    wanted = range(len(films.test)) if plan.films_asked == "all" else groups.sampled.tolist()
    answers, used = _ask(films, plan, out, askers, upscalers, wanted, progress)
    result = Result(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        command=plan.command,
        data={"file": films.name, "sha256": films.sha256, "side_px": films.side_px, "splits": films.counts},
        finding=plan.finding,
        age_years=plan.age,
        chain_px=_steps(films, upscalers),
        films_asked="all test films" if plan.films_asked == "all" else "misread films and matched sample",
        matched_ratio=plan.matched_ratio,
        resamples=plan.resamples,
        seed=plan.seed,
        counts=_counts(groups),
        baseline=about,
        published=first.published(),
        official_counts=tuple(len(part) for part in (films.train, films.val, films.test)) == OFFICIAL_COUNTS,
        models=used,
        gate_exposure=gate_exposure,
        gate=gate_shares(answers, groups),
        opinions=opinions_of(
            answers,
            {one.name: one.exposure for one in askers},
            {one.name: one.exposure for one in upscalers},
            groups,
            plan.finding,
            plan.resamples,
            plan.seed,
        ),
        controls=controls(groups),
        between=between(answers, groups, plan.finding, plan.resamples, plan.seed),
        near_repeats=[near_repeats(films, folder) for folder in plan.seen_films],
        left_out=left_out,
        notes=[],
    )
    result.notes = notes_of(result)
    _write(out, result, films, groups, answers, opinion, upscalers, plan)
    return result


def _first(
    films: Collection, plan: Plan, out: Path, weights: Path, device: str, threads: int, say: Callable[[str], None]
) -> tuple[first.FirstOpinion, First]:
    spec, config, epochs = plan.first, None, None
    if first.is_architecture(spec):
        sources = (f"{films.name}, training films: {', '.join(plan.words)}",)
        folder = first.fit_baseline(
            spec,
            films,
            out / "baseline",
            sources,
            plan.finding,
            size=plan.size,
            epochs=plan.epochs,
            seed=plan.seed,
            threads=threads,
            device="cpu" if device == "auto" else device,
            report=say,
        )
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        epochs = sum(1 for _ in (folder / "metrics.jsonl").open(encoding="utf-8"))
        spec = f"timm:{folder}"
    classifier, cut = first.open_baseline(spec, plan.finding, device=device, threads=threads)
    opinion = first.first_opinion(classifier, cut, films.test, plan.finding, plan.age)
    about = First(
        name=opinion.name,
        version=opinion.version,
        spec=plan.first,
        figures=first.figures(opinion, films.test.truth),
        exposure=exposure(data_of_spec(spec, weights), plan.words),
        config=config,
        epochs_run=epochs,
    )
    accuracy = about.figures["accuracy"]
    say(
        f"baseline {opinion.name}: right on {accuracy.value:.3f} ({accuracy.low:.3f} to {accuracy.high:.3f}) of"
        f" {accuracy.n} test films"
    )
    return opinion, about


def _ask(
    films: Collection,
    plan: Plan,
    out: Path,
    askers: Sequence[Asker],
    upscalers: Sequence[UpscalerOfStudy],
    wanted: Iterable[int],
    progress: Callable[[int], AbstractContextManager[Progress]],
) -> tuple[Answers, list[dict[str, Any]]]:
    answers: dict[tuple[str, str], dict[int, Answer]] = {}
    used: dict[str, dict[str, Any]] = {}
    wanted = list(wanted)
    with progress(len(wanted) * len(askers) * len(upscalers)) as bar:
        for asker in askers:
            # Loaded when its turn comes, and let go after: the one before may fill the memory.
            models, request = asker.open()
            request = replace(request, age_years=plan.age)
            for one in upscalers:
                bar.begin(f"{asker.name}, {one.name}")
                questioner = Questioner(asker.name, models, request, one.upscaler, plan.finding, asker.as_whole)
                answers[asker.name, one.name] = collect(
                    questioner,
                    list(films.test.pixels),
                    wanted,
                    out / "answers" / f"{asker.name}.{_file_name(one.name)}.jsonl",
                    questioner.head(films.sha256, asker.options),
                    resume=plan.resume,
                    step=lambda _: bar.advance(),
                )
                for model in (models.segmenter.used, models.classifier.used, models.reader.used, one.upscaler.used):
                    used[f"{model.role} {model.name}"] = model.model_dump(mode="json")
    return answers, list(used.values())


def _steps(films: Collection, upscalers: Sequence[UpscalerOfStudy]) -> dict[str, list[int]]:
    film = films.test.pixels[0]
    return {one.name: [film.shape[0], *(step.shape[0] for step in chain(film, one.upscaler))] for one in upscalers}


def _counts(groups: Groups) -> dict[str, dict[str, int]]:
    places = {MISREAD: groups.misread, MATCHED: groups.matched, EVERY: np.arange(len(groups.truth))}
    return {
        name: {"films": len(at), "present": int(groups.truth[at].sum()), "absent": int((~groups.truth[at]).sum())}
        for name, at in places.items()
    }


def _write(
    out: Path,
    result: Result,
    films: Collection,
    groups: Groups,
    answers: Answers,
    opinion: first.FirstOpinion,
    upscalers: Sequence[UpscalerOfStudy],
    plan: Plan,
) -> None:
    write_text(out / "second_opinion.json", result.model_dump_json(indent=2) + "\n")
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    told = []
    for place in range(len(films.test)):
        truth, called = bool(groups.truth[place]), bool(opinion.called[place])
        given = {name: one[place] for name, one in answers.items() if place in one}
        for name, answer in given.items():
            writer.writerow(as_csv_rows(place, truth, called, name, answer, groups.of(place)))
        told.append(
            {
                "film": place,
                "truth": truth,
                "baseline": {"called": called, "logit": round(float(opinion.score[place]), 4)},
                "groups": groups.of(place),
                "answers": [
                    {
                        "reader": name[0],
                        "upscaling": name[1],
                        "said": answer.said,
                        "gate": list(answer.refused),
                        "stands_in": answer.stands_in,
                        "probability": answer.probability,
                    }
                    for name, answer in given.items()
                ],
            }
        )
    write_text(out / "answers.csv", table.getvalue())
    write_text(out / "films.json", json.dumps(told, separators=(",", ":")) + "\n")
    shown = [
        _shown(int(place), films, groups, answers, opinion, upscalers)
        for place in np.concatenate([groups.misread, groups.matched])[: plan.shown]
    ]
    write_text(out / "second_opinion.html", render(result, shown))


def _shown(
    place: int,
    films: Collection,
    groups: Groups,
    answers: Answers,
    opinion: first.FirstOpinion,
    upscalers: Sequence[UpscalerOfStudy],
) -> ShownFilm:
    film = films.test.pixels[place]
    pictures = {f"as it is, {film.shape[0]} px": picture(film, exact=True)}
    for one in upscalers:
        large = chain(film, one.upscaler)[-1]
        pictures[f"{one.name}, {large.shape[0]} px"] = picture(large)
    return ShownFilm(
        place=place,
        truth=bool(groups.truth[place]),
        first=bool(opinion.called[place]),
        groups=groups.of(place),
        pictures=pictures,
        answers={name: one[place] for name, one in answers.items() if place in one},
    )


def _file_name(upscaler: str) -> str:
    """Return a file's name for an upscaler that may be named by a path."""
    return "".join(char if char.isalnum() or char in "-_" else "_" for char in upscaler)[-60:]
