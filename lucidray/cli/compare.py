"""`lucidray compare`: the second opinion."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lucidray.cli import streams
from lucidray.cli.loading import load_engine
from lucidray.cli.model_options import model_options
from lucidray.cli.reader_options import ReaderChoice, choose_by_name, parse_reader_options
from lucidray.cli.session import Session, pass_session
from lucidray.domain.errors import OutputError, UsageError

if TYPE_CHECKING:
    from lucidray.api import Lucidray
    from lucidray.batch.compare import Comparison, ReadAll
    from lucidray.batch.inputs import Inputs, Item
    from lucidray.domain.vocabulary import Label
    from lucidray.settings import Settings


@click.command("compare", short_help="Several readers on films with labels: who was right.")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    required=True,
    metavar="CSV|DIR",
    help="Films with labels or reports: a CSV file, or a folder with labels.csv.",
)
@click.option(
    "--readers",
    required=True,
    metavar="A,B,C",
    help="Names of readers, or NAME=READER to call one otherwise; `classifier` for the networks alone.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    metavar="DIR",
    help="Where page, measures and readings go.",
)
@click.option(
    "--reader-option", multiple=True, metavar="READER.NAME=VALUE", help="An option of one reader; repeatable."
)
@click.option(
    "--images",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="What paths in the CSV are relative to; by default its folder.",
)
@click.option("--column", metavar="NAME", help="Column of the CSV that names the films.")
@click.option(
    "--finding",
    "findings",
    multiple=True,
    metavar="NAME",
    help="Ask for this finding only; repeatable. By default all that occur.",
)
@click.option("--only-misread", is_flag=True, help="Only films that one reader got wrong, and a matched sample.")
@click.option(
    "--misread-by",
    "judge",
    default="classifier",
    show_default=True,
    metavar="NAME",
    help="Whose errors these are: the classifier's, or one of the readers'.",
)
@click.option(
    "--matched/--no-matched",
    default=True,
    show_default=True,
    help="With --only-misread: read a matched random sample as well.",
)
@click.option("--limit", type=click.IntRange(1), metavar="N", help="The first N films only.")
@click.option("--workers", type=click.IntRange(1, 256), default=1, show_default=True, help="Films read at once.")
@click.option("--overwrite", is_flag=True, help="Read again what an earlier run has read.")
@click.option("--language", metavar="CODE", help="Language of the reports, for example en.")
@click.option(
    "--fix-orientation", is_flag=True, default=None, help="Turn or invert films that would be refused for it."
)
@click.option(
    "--uncertain",
    type=click.Choice(["absent", "present", "ignore"]),
    default="absent",
    show_default=True,
    help="What an uncertain statement counts as.",
)
@click.option(
    "--resamples", type=click.IntRange(10), default=1000, show_default=True, help="Bootstrap resamples of patients."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the matched sample and the resamples.")
@click.option("--quiet", is_flag=True, help="Say nothing but errors.")
@model_options
@pass_session
def command(
    session: Session,
    /,
    *,
    data: Path,
    readers: str,
    out: Path,
    reader_option: tuple[str, ...],
    images: Path | None,
    column: str | None,
    findings: tuple[str, ...],
    limit: int | None,
    workers: int,
    overwrite: bool,
    language: str | None,
    fix_orientation: bool | None,
    classifier: str | None,
    localizer: str | None,
    device: str | None,
    calibration: Path | None,
    prevalence: tuple[str, ...],
    quiet: bool,
    **asked: Any,
) -> None:
    """Have films with labels read by several readers side by side, and say who was right.

    What counts is what a reader claims (negation, doubt understood), not the words it uses. Writes DIR/compare.json, a
    page DIR/compare.html with the films and every answer, and DIR/readings/NAME.jsonl; an interrupted run goes on where
    it ended. Research use only, not for clinical diagnosis.
    """
    from lucidray.batch.compare import CLASSIFIER, Question, compare
    from lucidray.batch.compare_page import render
    from lucidray.batch.table import write_text
    from lucidray.evaluation.said import claim_extractor

    settings = session.settings(
        language=language,
        fix_orientation=fix_orientation,
        classifier=classifier,
        localizer=localizer,
        device=device,
        calibration=calibration,
        prevalence=",".join(prevalence) or None,
    )
    names = _names(readers)
    options = parse_reader_options(reader_option, list(names))
    choices = {
        name: ReaderChoice() if name == CLASSIFIER else choose_by_name(reader, options[name])
        for name, reader in names.items()
    }
    if asked["judge"] not in (*names, CLASSIFIER):
        raise UsageError(f"--misread-by {asked['judge']}: name {CLASSIFIER} or one of the readers")
    inputs = _inputs(data, images, column, limit)
    if inputs.strange_labels and not quiet:
        streams.warn(f"labels that are none of the 14 findings are left out: {', '.join(inputs.strange_labels[:20])}")
    try:
        (out / "readings").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{out} cannot be made: {error.strerror}") from error
    question = Question(findings=_findings(findings), **asked)
    comparison = compare(
        str(data),
        inputs.items,
        list(names),
        _reading(settings, choices, out / "readings", workers, overwrite=overwrite, quiet=quiet),
        question,
        claim_extractor(settings.language),
    )
    write_text(out / "compare.json", comparison.model_dump_json(indent=2) + "\n")
    write_text(out / "compare.html", render(comparison, {item.place: item.path for item in inputs.items}))
    for name, group in comparison.groups.items():
        for reader, count in group.no_answer.items():
            if count:
                streams.warn(
                    f"{reader} gave no answer on {count} of {group.films} films ({name}): these count as wrong"
                )
    if not quiet:
        show(comparison, settings.color)
    streams.say(f"wrote {out / 'compare.html'} and compare.json")


def _reading(
    settings: "Settings",
    choices: dict[str, ReaderChoice],
    folder: Path,
    workers: int,
    *,
    overwrite: bool,
    quiet: bool,
) -> "ReadAll":
    """Return what reads films by one reader after the other; networks are loaded once, a reader when its turn comes."""
    from lucidray.batch import asking, run
    from lucidray.cli.batch import how_films_are_read, threads_each
    from lucidray.cli.batch_progress import Board
    from lucidray.readers.registry import open_reader

    how = how_films_are_read(settings)
    engine = load_engine(settings, threads=threads_each(settings, workers))
    opened: tuple[str, Lucidray] = ("", engine)

    def read_all(name: str, items: "Sequence[Item]") -> Path:
        nonlocal opened
        choice = choices.get(name, ReaderChoice())
        if opened[0] != name:
            opened = ("", engine)  # the one before may fill the memory
            reader = open_reader(choice.name, choice.loading.get("reader_options"), settings.device)
            writing = {key: choice.loading[key] for key in ("strategy", "generation") if key in choice.loading}
            opened = (name, engine.with_reader(reader, **writing))
        table = folder / f"{name}.jsonl"
        head = asking.head_of(opened[1], choice.loading, how)
        batch = run.Options(head=head, resume=not overwrite, overwrite=overwrite, workers=workers)
        with Board(terminal=sys.stderr.isatty(), quiet=quiet, color=settings.color, title=name) as board:
            run.run(items, asking.reading_by(opened[1]), table, batch, board)
        return table

    return read_all


def show(comparison: "Comparison", color: str = "auto") -> None:
    """Print who was right."""
    from rich.table import Table

    console = streams.console(color)
    for note in comparison.notes:
        console.print(streams.one_line(note), style="bold")
    for name, group in comparison.groups.items():
        table = Table(box=None, pad_edge=False, header_style="bold", title_justify="left")
        table.add_column("right on")
        table.add_column("films", justify="right")
        for reader in comparison.readers:
            table.add_column(streams.one_line(reader), justify="right", overflow="fold")
        for question, first in group.accuracy[comparison.readers[0]].items():
            cells = [group.accuracy[reader][question].accuracy for reader in comparison.readers]
            told = [f"{cell.value:.2f} ({cell.low or 0:.2f} to {cell.high or 0:.2f})" for cell in cells]
            table.add_row(question, str(first.accuracy.n), *told)
        console.print(f"\n{name}: {group.films} films of {group.patients} patients")
        console.print(table)
        for pair in group.pairs:
            if pair.question not in comparison.findings or len(comparison.findings) == 1:
                console.print(
                    streams.one_line(
                        f"{pair.question}: {pair.first} alone right on {pair.only_first_right}, {pair.second} alone on "
                        f"{pair.only_second_right} of {pair.n} films; McNemar p = {pair.p_value:.3f}"
                    )
                )
    console.print(comparison.notice, style="dim")


def _names(readers: str) -> dict[str, str]:
    """Return the reader of every name that was given."""
    from lucidray.reporting.folder import safe_stem

    names: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in readers.split(","))):
        name, equals, reader = part.partition("=")
        if name in names or safe_stem(name) != name:
            raise UsageError(f"--readers: {name!r} comes twice, or cannot name a file")
        names[name] = reader if equals else name
    if not names:
        raise UsageError("--readers: name at least one")
    return names


def _findings(given: tuple[str, ...]) -> "list[Label]":
    from lucidray.domain.vocabulary import LABELS
    from lucidray.evaluation.columns import label_of

    found = [label_of(name) for name in given]
    if None in found:
        raise UsageError(f"--finding {given[found.index(None)]!r} is none of {', '.join(LABELS)}")
    return [label for label in found if label is not None]


def _inputs(data: Path, images: Path | None, column: str | None, limit: int | None) -> "Inputs":
    from lucidray.batch.inputs import from_table

    if data.is_dir():
        table, inside = data / "labels.csv", data / "images"
        if not table.is_file():
            raise UsageError(f"{data} has no labels.csv: name a CSV file with --data")
        return from_table(table, images or (inside if inside.is_dir() else data), image_column=column, limit=limit)
    return from_table(data, images, image_column=column, limit=limit)
