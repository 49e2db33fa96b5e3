"""`lucidray evaluate localization`: whether regions lie where people drew boxes."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lucidray.cli import evaluating, streams
from lucidray.cli.session import Session, pass_session
from lucidray.domain.errors import InputError, UsageError

if TYPE_CHECKING:
    from lucidray.evaluation.boxes import BoxFile
    from lucidray.evaluation.collection import Film
    from lucidray.evaluation.localization import Answer, DrawnBox


@click.command("localization", short_help="Pointing game, IoU and IoBB against drawn boxes, beside two baselines.")
@click.option(
    "--data",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path),
    metavar="CSV",
    help="Boxes: image, label, x, y, width, height[, source]; or those of NIH, VinBigData, RSNA.",
)
@click.option("--images", type=click.Path(path_type=Path), metavar="DIR", help="Where the films lie, if elsewhere.")
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    metavar="CSV",
    help="Label file that tells patient, age and view; by default labels.csv beside the boxes, if it is there.",
)
@click.option("--split", type=click.Choice(evaluating.SPLITS), help="Only patients of this split; needs labels.")
@click.option(
    "--box-side",
    type=click.IntRange(1),
    metavar="PX",
    help="Side of the square images that the boxes are in, where the films have another size (NIH: 1024).",
)
@click.option("--draws", type=click.IntRange(10), default=200, show_default=True, help="Random boxes a drawn box.")
@evaluating.classifier_options
@click.option("--calibration", type=click.Path(path_type=Path), metavar="FILE", help="As `read --calibration`.")
@evaluating.options
@pass_session
def command(
    session: Session,
    /,
    data: tuple[Path, ...],
    images: Path | None,
    labels: Path | None,
    split: str | None,
    box_side: int | None,
    draws: int,
    classifier: str | None,
    device: str | None,
    calibration: Path | None,
    out: Path | None,
    limit: int | None,
    workers: int,
    weights: Path | None,
) -> None:
    """Measure whether regions lie where people drew boxes.

    Baselines answer without the film: a random box of the sizes that are drawn, and the usual place of the finding on
    other films. Boxes named lung opacity are compared with the findings that an opacity may be, taken together.
    """
    evaluating.need_extra()
    from lucidray.evaluation.boxes import read_boxes
    from lucidray.evaluation.collection import limited
    from lucidray.evaluation.localization import answer, evaluate
    from lucidray.evaluation.page import render
    from lucidray.evaluation.predict import Said, see
    from lucidray.evaluation.run import spread

    settings = session.settings(weights=weights, classifier=classifier, device=device, calibration=calibration)
    segmenter, scorer = evaluating.models(settings)
    files = [(path, read_boxes(path)) for path in data]
    films, boxes, missing = _films(files, images, labels)
    measured = list(films.values())
    if split is not None:
        measured = [film for film in measured if _in_split(film, split)]
        if not measured:
            raise InputError(f"no film with boxes is in the {split} split")
    measured = limited(measured, limit)
    answers: dict[tuple[str, str], Answer] = {}
    sizes: dict[str, tuple[int, int]] = {}
    not_assessed = []
    with evaluating.bar(len(measured), settings.color) as bar:
        for film, seen in spread(lambda film: see(film, segmenter, scorer), measured, workers):
            bar.begin(film.key)
            bar.advance()
            if isinstance(seen, Said):
                not_assessed.append({"film": film.key, "outcome": seen.outcome, "reason": seen.reason})
                continue
            sizes[film.key] = seen.film.stored_size_px
            for label in {label for label, _, _ in boxes[film.key]}:
                given = answer(seen, label)
                if given is not None:
                    answers[film.key, label] = given
    drawn, outside = _in_shares({key: boxes[key] for key in sizes}, sizes, box_side)
    references = drawn
    if split is not None:
        # Sizes and usual places come from films outside the split, as everything that was learnt did.
        elsewhere = [film for film in films.values() if not _in_split(film, split)]
        references, _ = _in_shares({film.key: boxes[film.key] for film in elsewhere}, _sizes(elsewhere), box_side)
    result = evaluating.head("localization", [segmenter.used, scorer.used], split)
    result |= {
        "films": {
            "with_boxes": len(measured) + len(missing),
            "missing": len(missing),
            "assessed": len(sizes),
            "not_assessed": len(not_assessed),
        },
        **evaluate(drawn, answers, references, draws=draws),
        "not_assessed": not_assessed,
        "missing": missing[:200],
        "faults": [f"{path.name}, line {fault.row}: {fault.reason}" for path, file in files for fault in file.faults]
        + outside,
        "unmapped": {label: count for _, file in files for label, count in file.unmapped.items()},
        "data": [],
    }
    for fault in result["faults"][:3]:
        streams.warn(fault)
    evaluating.write(
        out, "localization", result, partial(render, "localization.html", result, title="Localization, evaluated")
    )
    for name, group in result["groups"].items():
        streams.say(
            f"{name:<18} {group['n']:>4} boxes: pointing {_told(group['pointing'])},"
            f" IoU over 0.1 {_told(group['iou_over_0.1'])}, over 0.3 {_told(group['iou_over_0.3'])}"
        )


Placed = dict[str, list[tuple[str, tuple[float, float, float, float], str]]]


def _films(
    files: "list[tuple[Path, BoxFile]]", images: Path | None, labels: Path | None
) -> "tuple[dict[str, Film], Placed, list[str]]":
    """Join boxes, films and what label files know of them."""
    from lucidray.evaluation.collection import Film, ImageIndex
    from lucidray.evaluation.label_files.read import read_labels
    from lucidray.evaluation.label_files.table import LabelledFilm

    films: dict[str, Film] = {}
    boxes: Placed = {}
    missing: list[str] = []
    for path, file in files:
        beside = labels or path.parent / "labels.csv"
        if labels is not None or beside.is_file():
            known: dict[str, LabelledFilm] = {film.image: film for film in read_labels(beside).films}
        else:
            known = {}
        folder = images or next(path.parent / name for name in ("images", ".") if (path.parent / name).is_dir())
        index = ImageIndex(folder)
        for box in file.boxes:
            key = f"{path.resolve().parent.name}/{box.image}"
            if key not in films:
                found = index.find(box.image)
                if isinstance(found, str):
                    missing.append(found)
                    continue
                films[key] = Film(key, found, known.get(box.image) or LabelledFilm(box.image, {}))
            boxes.setdefault(key, []).append((box.label, box.xyxy_px, box.source))
    if not films:
        raise InputError(f"none of the films with boxes is there; the first: {missing[0]}")
    return films, boxes, sorted(set(missing))


def _in_split(film: "Film", split: str) -> bool:
    from lucidray.datasets.split import split_of

    if film.label.patient is None:
        raise UsageError(f"--split goes by patient, and no label file names the patient of {film.key}: give --labels")
    return split_of(film.label.patient) == split


def _sizes(films: "list[Film]") -> dict[str, tuple[int, int]]:
    """Width and height of films that are only looked at for where their boxes lie."""
    from lucidray.imaging.film import read_film

    return {film.key: read_film(film.path).stored_size_px for film in films if film.path is not None}


def _in_shares(
    boxes: Placed, sizes: dict[str, tuple[int, int]], side: int | None
) -> "tuple[list[DrawnBox], list[str]]":
    """Bring boxes from pixels to shares of the film; one that reaches outside of it is a fault, not a box."""
    from lucidray.domain.box import Box
    from lucidray.evaluation.localization import DrawnBox

    drawn, outside = [], []
    for key, placed in boxes.items():
        width, height = (side, side) if side else sizes[key]
        for label, xyxy_px, source in placed:
            box = Box(*xyxy_px).scaled(1 / width, 1 / height)
            if box.x1 > 1.01 or box.y1 > 1.01:
                outside.append(f"{key}: a box of {label} reaches outside the film of {width} by {height} pixels")
                continue
            drawn.append(DrawnBox(key, label, box, source))
    return drawn, outside


def _told(one: dict[str, Any]) -> str:
    return (
        f"{one['value']:.2f} ({one['low']:.2f} to {one['high']:.2f}; random {one['random_box']:.2f},"
        f" usual place {one['usual_place']:.2f})"
    )
