"""What the evaluating commands share: their options, the models, the films, and where results go."""

import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lucidray.cli import streams
from lucidray.cli.progress import Bar
from lucidray.domain.errors import InputError, MissingExtraError, UsageError
from lucidray.version import VERSION

if TYPE_CHECKING:
    from lucidray.domain.protocols import Classifier, Segmenter
    from lucidray.domain.reading import ModelUsed
    from lucidray.evaluation.collection import Collection, Film
    from lucidray.settings import Settings

SPLITS = ("train", "validation", "test")
_SHOWN_FAULTS = 20


def need_extra() -> None:
    """Fail early, with the cure, where scikit-learn or SciPy is not installed.

    Raises
    ------
    MissingExtraError
    """
    from importlib import import_module

    for name in ("scipy", "sklearn"):
        try:
            import_module(name)
        except ModuleNotFoundError as error:
            raise MissingExtraError(f"evaluation ({name})", "evaluate") from error


def options(function: Any) -> Any:
    """Add the options that all of these commands take."""
    for option in reversed(
        (
            click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Write JSON and page there."),
            click.option("--limit", type=click.IntRange(1), metavar="N", help="So many films only, evenly spread."),
            click.option(
                "--workers", type=click.IntRange(1), default=1, show_default=True, metavar="N", help="Films at a time."
            ),
            click.option("--weights", type=click.Path(path_type=Path), metavar="DIR", help="Other weights."),
        )
    ):
        function = option(function)
    return function


def classifier_options(function: Any) -> Any:
    """Add the options that choose who scores the findings, and on what it runs."""
    for option in reversed(
        (
            click.option("--classifier", metavar="SPEC", help="Who scores the findings; see `lucidray models`."),
            click.option("--device", type=click.Choice(["auto", "cuda", "mps", "cpu"]), help="What the models run on."),
        )
    ):
        function = option(function)
    return function


def data_options(function: Any) -> Any:
    """Add the options that name labelled films."""
    for option in reversed(
        (
            click.option(
                "--data",
                multiple=True,
                required=True,
                type=click.Path(path_type=Path),
                metavar="CSV",
                help="Label file, known by its header; may be given several times.",
            ),
            click.option(
                "--images", type=click.Path(path_type=Path), metavar="DIR", help="Where the films lie, if elsewhere."
            ),
            click.option(
                "--format", "label_format", metavar="NAME", help="Read the label file as NAME, whatever its header."
            ),
            click.option(
                "--split",
                type=click.Choice(SPLITS),
                help="Only patients of this split, by the hash that the shipped weights were trained with.",
            ),
        )
    ):
        function = option(function)
    return function


def labelled(
    data: Sequence[Path],
    images: Path | None,
    label_format: str | None,
    split: str | None,
    limit: int | None,
    *,
    need_images: bool = True,
) -> "tuple[Collection, list[Film]]":
    """Gather the films that the options mean.

    Raises
    ------
    UsageError
        A split is asked for where patients are not known.
    InputError
        There are no films.
    """
    from lucidray.evaluation.collection import gather, limited
    from lucidray.evaluation.label_files.read import FORMATS, OPEN_I

    if label_format is not None and label_format not in (*FORMATS, OPEN_I):
        raise UsageError(f"format {label_format!r} is not known; known are {', '.join((*FORMATS, OPEN_I))}")
    collection = gather(data, images, wanted=label_format, need_images=need_images)
    films = collection.films
    if split is not None:
        from lucidray.datasets.split import split_of

        if any(film.label.patient is None for film in films):
            raise UsageError("--split goes by patient, and these label files do not name the patient of every film")
        films = [film for film in films if split_of(film.label.patient or "") == split]
        if not films:
            raise InputError(f"no film is in the {split} split")
    return collection, limited(films, limit)


def models(settings: "Settings") -> "tuple[Segmenter, Classifier]":
    """Load the models as `read` does, with one thread each: what runs at a time is films."""
    from lucidray.cli.loading import load_engine

    loaded = load_engine(settings, threads=1).models
    return loaded.segmenter, loaded.classifier


def segmenter(settings: "Settings") -> "Segmenter":
    """Load the segmenter alone, likewise."""
    from lucidray.models.anatomy import EmbeddedSegmenter
    from lucidray.models.weights_file import EMBEDDED_FOLDER

    return EmbeddedSegmenter(settings.weights or EMBEDDED_FOLDER, 1, settings.device)


def bar(total: int, color: str = "auto") -> Bar:
    """Open a bar with the time that is left, on terminals."""
    return Bar(total, shown=sys.stderr.isatty(), color=color, time_left=True)


def head(kind: str, used: "Sequence[ModelUsed]", split: str | None) -> dict[str, Any]:
    """Begin a result: what made it, when, with which models, on which split."""
    from lucidray.domain.reading import NOTICE

    return {
        "kind": kind,
        "lucidray": VERSION,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "notice": NOTICE,
        "model": [one.model_dump() for one in used],
        "split": f"{split} patients of the project's own split" if split else "all films given",
    }


def told_data(collection: "Collection") -> list[dict[str, Any]]:
    """Say what was read of each label file; no path of this machine, only names."""
    return [
        {
            "file": f"{path.resolve().parent.name}/{path.name}",
            "format": labels.format,
            "films": len(labels.films),
            "n_faults": len(labels.faults),
            "faults": [{"row": fault.row, "reason": fault.reason} for fault in labels.faults[:_SHOWN_FAULTS]],
            "notes": labels.notes,
            "unmapped": dict(labels.unmapped.most_common(12)),
        }
        for path, labels in collection.files
    ]


def warn_of(collection: "Collection") -> None:
    """Say on stderr what could not be read or found, with the first names."""
    for path, labels in collection.files:
        streams.say(f"{path}: {labels.format}, {len(labels.films):,} films")
        if labels.faults:
            first = labels.faults[0]
            streams.warn(f"{path.name}: {len(labels.faults):,} rows not read; line {first.row}: {first.reason}")
    if collection.missing:
        streams.warn(f"{len(collection.missing):,} films not found; {collection.missing[0]}")


def write(out: Path | None, name: str, result: dict[str, Any], page: Callable[[], str]) -> None:
    """Write JSON and page, or the JSON to stdout where no folder is named."""
    from lucidray.evaluation.predictions import write_atomically

    text = json.dumps(result, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    if out is None:
        streams.write(text.rstrip())
        return
    write_atomically(out / f"{name}.json", text)
    write_atomically(out / f"{name}.html", page())
    streams.say(f"wrote {out / name}.json and {out / name}.html")
