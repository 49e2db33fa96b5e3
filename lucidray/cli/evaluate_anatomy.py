"""`lucidray evaluate anatomy`: how well lungs, heart and clavicles are outlined."""

from functools import partial
from pathlib import Path

import click

from lucidray.cli import evaluating, streams
from lucidray.cli.session import Session, pass_session
from lucidray.domain.errors import InputError


@click.command("anatomy", short_help="Dice and IoU of the organs, and the error of the cardiothoracic ratio.")
@click.option(
    "--data",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder with images/ and masks/<organ>/; may be given several times.",
)
@click.option(
    "--split",
    type=click.Choice(evaluating.SPLITS),
    help="Only films of this split, by the hash of their name that the shipped weights were trained with.",
)
@evaluating.options
@pass_session
def command(
    session: Session,
    /,
    data: tuple[Path, ...],
    split: str | None,
    out: Path | None,
    limit: int | None,
    workers: int,
    weights: Path | None,
) -> None:
    """Measure how well lungs, heart and clavicles are outlined, against drawn masks.

    All films are measured, also those that the gate would refuse; how many these are is told.
    """
    evaluating.need_extra()
    from lucidray.evaluation.anatomy import Compared, compare, evaluate
    from lucidray.evaluation.masks import MaskedFilm, find
    from lucidray.evaluation.overlays import overlay
    from lucidray.evaluation.page import render
    from lucidray.evaluation.run import spread
    from lucidray.imaging.film import read_film

    settings = session.settings(weights=weights)
    segmenter = evaluating.segmenter(settings)
    films, without = find(data)
    if split is not None:
        from lucidray.training.anatomy_films import split_of

        name = {"validation": "val"}.get(split, split)
        films = [film for film in films if split_of(film.path.stem, 20, 10) == name]
        if not films:
            raise InputError(f"no film is in the {split} split")
    if limit is not None and limit < len(films):
        films = [films[place * len(films) // limit] for place in range(limit)]
    faults: list[str] = []

    def attempt(film: MaskedFilm) -> Compared | InputError:
        try:
            return compare(film, segmenter)
        except InputError as error:
            return error

    compared: list[Compared] = []
    with evaluating.bar(len(films), settings.color) as bar:
        for film, found in spread(attempt, films, workers):
            bar.begin(film.key)
            bar.advance()
            if isinstance(found, InputError):
                faults.append(f"{film.key}: {found}")
            else:
                compared.append(found)
    if not compared:
        raise InputError(f"no film could be measured; the first: {faults[0]}")
    result = evaluating.head("anatomy", [segmenter.used], split)
    result |= {
        "films": {
            "measured": len(compared),
            "accepted": sum(one.accepted for one in compared),
            "unreadable": len(faults),
            "without_masks": len(without),
        },
        **evaluate(compared),
        "faults": faults,
        "data": [],
    }
    path_of = {film.key: film.path for film in films}
    by_key = {one.key: one for one in compared}
    pictures = [
        {
            **worst,
            "url": overlay(
                read_film(path_of[worst["film"]]).pixels,
                list(by_key[worst["film"]].found.values()),
                list(by_key[worst["film"]].drawn.values()),
            ),
        }
        for worst in result["worst"]
    ]
    evaluating.write(
        out, "anatomy", result, partial(render, "anatomy.html", result, title="Anatomy, evaluated", pictures=pictures)
    )
    for source, one in result["sources"].items():
        told = ", ".join(f"{organ} {found['dice']['value']:.3f}" for organ, found in one["organs"].items())
        ratio = one["cardiothoracic_ratio"]
        error = "" if ratio is None else f"; ratio's median error {ratio['median_error']['value']:.3f}"
        streams.say(f"{source:<12} {one['n']:>4} films, Dice: {told}{error}")
    streams.say(
        "worst: " + ", ".join(f"{one['film']} ({one['organ']} {one['dice']:.2f})" for one in result["worst"][:3])
    )
