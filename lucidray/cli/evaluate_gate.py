"""`lucidray evaluate gate`: whether the right films are accepted and the wrong ones refused."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lucidray.cli import evaluating, streams
from lucidray.cli.session import Session, pass_session
from lucidray.domain.errors import InputError

if TYPE_CHECKING:
    from lucidray.evaluation.gate_check import GateFilm


@click.command(
    "gate", short_help="Shares accepted and refused: frontal, lateral, no chest, turned, inverted, mirrored."
)
@click.option(
    "--data",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path),
    metavar="CSV",
    help="image, truth[, patient][, age]; truth is frontal, lateral, not_chest, turned_90 / _180 / _270, inverted,"
    " mirrored. A label file of a known collection counts as frontal or lateral films by its views.",
)
@click.option("--images", type=click.Path(path_type=Path), metavar="DIR", help="Where the films lie, if elsewhere.")
@click.option("--split", type=click.Choice(evaluating.SPLITS), help="Only patients of this split.")
@click.option("--make-variants", is_flag=True, help="Also turn, invert and mirror every frontal film.")
@evaluating.options
@pass_session
def command(
    session: Session,
    /,
    data: tuple[Path, ...],
    images: Path | None,
    split: str | None,
    make_variants: bool,
    out: Path | None,
    limit: int | None,
    workers: int,
    weights: Path | None,
) -> None:
    """Measure whether the acceptance gate accepts frontal chest films and refuses everything else.

    Intervals are Wilson's, with films of one patient counted together. Of a mirrored film the gate warns, and reads it.
    """
    evaluating.need_extra()
    from lucidray.evaluation.gate_check import evaluate, judge, variants
    from lucidray.evaluation.page import render
    from lucidray.evaluation.run import spread

    settings = session.settings(weights=weights)
    segmenter = evaluating.segmenter(settings)
    films, faults = [], []
    for path in data:
        found, bad = _read(path, images)
        films += found
        faults += [f"{path.name}, {one}" for one in bad]
    if split is not None:
        from lucidray.training.anatomy_films import split_of

        name = {"validation": "val"}.get(split, split)
        films = [film for film in films if split_of(film.patient.removeprefix("child-"), 20, 12) == name]
        if not films:
            raise InputError(f"no film is in the {split} split")
    if limit is not None and limit < len(films):
        films = [films[place * len(films) // limit] for place in range(limit)]
    if make_variants:
        films = [*films, *variants(films)]
    judged = []
    with evaluating.bar(len(films), settings.color) as bar:
        for film, verdict in spread(lambda film: judge(film, segmenter), films, workers):
            bar.begin(film.image)
            bar.advance()
            judged.append(verdict)
    result = evaluating.head("gate", [segmenter.used], split)
    result |= {**evaluate(judged), "faults": faults, "made_variants": make_variants, "data": []}
    for fault in faults[:3]:
        streams.warn(fault)
    evaluating.write(out, "gate", result, partial(render, "gate.html", result, title="Acceptance gate, evaluated"))
    for truth, one in result["classes"].items():
        kind = "accepted" if truth in ("frontal", "mirrored") else "refused"
        rate = one[kind]
        streams.say(
            f"{truth:<11} {one['n']:>6,} films of {one['n_patients']:>6,} patients: {kind}"
            f" {rate['value']:.3f} ({rate['low']:.3f} to {rate['high']:.3f})"
        )


def _read(path: Path, images: Path | None) -> "tuple[list[GateFilm], list[str]]":
    """Read a table of kinds; any label file that tells views is taken as frontal and lateral films."""
    from lucidray.evaluation.collection import gather
    from lucidray.evaluation.gate_check import GateFilm, read_gate_films
    from lucidray.evaluation.label_files.rows import Table

    if path.is_file() and "truth" in Table(path).columns:
        return read_gate_films(path, images)
    collection = gather([path], images)
    films = [
        GateFilm(
            film.label.image,
            film.path,
            "lateral" if film.label.view == "lateral" else "frontal",
            film.patient,
            film.label.age_years,
        )
        for film in collection.films
        if film.path is not None and film.label.view != "unknown"
    ]
    unknown = len(collection.films) - len(films)
    return films, [*collection.missing, *([f"{unknown} films without a view left out"] if unknown else [])]
