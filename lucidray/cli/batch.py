"""`lucidray batch`: many films, one row each."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lucidray.cli import streams
from lucidray.cli.loading import load_engine
from lucidray.cli.model_options import model_options, upscale_option
from lucidray.cli.reader_options import ReaderChoice, reader_options
from lucidray.cli.session import Session, pass_session
from lucidray.domain.errors import InputError, UsageError

if TYPE_CHECKING:
    from lucidray.batch.inputs import Inputs
    from lucidray.batch.run import Summary
    from lucidray.evaluation.reports import ReportScores
    from lucidray.settings import Settings

UNREADABLE_EXIT = 4


@click.command("batch", short_help="Read many films into one table: CSV, JSONL or Parquet.")
@click.argument("sources", nargs=-1, required=True, metavar="DIR|CSV")
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, metavar="FILE", help="reports.csv, .jsonl or .parquet."
)
@click.option(
    "--images",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="What paths in the CSV are relative to; by default its folder.",
)
@click.option("--column", metavar="NAME", help="Column of the CSV that names the films.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="The first N films only.")
@click.option("--workers", type=click.IntRange(1, 256), default=1, show_default=True, help="Films read at once.")
@click.option("--resume", is_flag=True, help="Go on where an earlier run ended; starts where there was none.")
@click.option("--overwrite", is_flag=True, help="Begin anew, over an earlier run.")
@click.option("--language", metavar="CODE", help="Language of the reports, for example en.")
@click.option(
    "--fix-orientation", is_flag=True, default=None, help="Turn or invert films that would be refused for it."
)
@click.option("--excel", is_flag=True, help="Begin the CSV with the mark by which Excel knows UTF-8.")
@click.option("--raw-csv", is_flag=True, help="No apostrophe before cells that a spreadsheet would run as a formula.")
@click.option("--strict", is_flag=True, help="Exit code as of `read`: the highest of all films.")
@click.option(
    "--metrics/--no-metrics", default=True, show_default=True, help="Measure against labels or reports in the CSV."
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
@click.option("--quiet", is_flag=True, help="Say nothing but errors.")
@model_options
@upscale_option
@reader_options
@pass_session
@click.pass_context
def command(
    context: click.Context,
    session: Session,
    /,
    *,
    sources: tuple[str, ...],
    out: Path,
    reader: ReaderChoice,
    images: Path | None,
    column: str | None,
    limit: int | None,
    workers: int,
    language: str | None,
    fix_orientation: bool | None,
    classifier: str | None,
    device: str | None,
    calibration: Path | None,
    prevalence: tuple[str, ...],
    upscale: str | None,
    quiet: bool,
    **options: Any,
) -> None:
    """Read many films into one table: a folder of films, or a CSV file that lists them.

    One row a film, in the order of the input: outcome, report, findings, risk, timings, error. A CSV has a column that
    names the image, and may have symptoms, age, sex, view, patient, labels and reports; where it has labels or reports,
    FILE.metrics.json beside the table says how good the reports are. A journal beside the table keeps every row at
    once: after Ctrl-C, a kill or a power cut, --resume goes on.

    Exit codes: 0 every film has its row, also the refused and the unreadable ones; 4 not one film could be read; 5 or 1
    films failed by a model or by lucidray (--resume tries these again); 2 wrong use; 130 Ctrl-C. Research use only, not
    for clinical diagnosis.
    """
    from lucidray.batch import asking
    from lucidray.batch import run as batch_run
    from lucidray.batch.table import check_out
    from lucidray.cli.batch_progress import Board, counted

    if options["resume"] and options["overwrite"]:
        raise UsageError("--resume and --overwrite exclude each other")
    if reader.asked:
        raise UsageError("--prior belongs to one film: read it with lucidray read")
    check_out(out)
    settings = session.settings(
        language=language,
        fix_orientation=fix_orientation,
        classifier=classifier,
        device=device,
        calibration=calibration,
        prevalence=",".join(prevalence) or None,
        upscale=upscale,
    )
    way = how_films_are_read(settings)
    inputs = _inputs(sources, images, column, limit)
    if inputs.strange_labels and not quiet:
        streams.warn(f"labels that are none of the 14 findings are left out: {', '.join(inputs.strange_labels[:20])}")
    engine = load_engine(settings, reader, threads_each(settings, workers))
    how = batch_run.Options(
        head=asking.head_of(engine, reader.loading, way),
        resume=options["resume"],
        overwrite=options["overwrite"],
        workers=workers,
        excel=options["excel"],
        guard="none" if options["raw_csv"] else "apostrophe",
    )
    with Board(terminal=sys.stderr.isatty(), quiet=quiet, color=settings.color) as board:
        try:
            summary = batch_run.run(inputs.items, asking.reading_by(engine), out, how, board)
        except KeyboardInterrupt:
            streams.say(f"stopped: {out} holds what was read so far; go on with --resume")
            raise
    if not quiet:
        streams.say(f"wrote {out}: {counted(summary.outcomes)}")
    if options["metrics"] and inputs.has_truth:
        from lucidray.batch.measure import measure_batch, metrics_file
        from lucidray.batch.table import write_text
        from lucidray.evaluation.reports import Options

        scores = measure_batch(
            inputs.items,
            out,
            Options(
                reader=reader.name,
                language=settings.language,
                uncertain=options["uncertain"],
                resamples=options["resamples"],
                blank=asking.ask_about_nothing(engine.models.reader, settings.language, reader.loading),
            ),
        )
        if scores is not None:
            write_text(metrics_file(out), scores.model_dump_json(indent=2) + "\n")
            if not quiet:
                _tell(scores, metrics_file(out))
    context.exit(exit_code(summary, strict=options["strict"]))


def threads_each(settings: "Settings", workers: int) -> int:
    """Return the threads a network, where several workers share the cores."""
    if workers > 1 and not settings.threads:
        return max(1, (os.cpu_count() or 1) // workers)
    return settings.threads


def how_films_are_read(settings: "Settings") -> dict[str, Any]:
    """Return the settings that change what a row says."""
    from lucidray.models.prevalence import parse_prevalences
    from lucidray.pipeline import Request, checked
    from lucidray.version import VERSION

    # A language without phrases would fail every film alike: better at once.
    checked(Request(language=settings.language))
    return {
        "version": VERSION,
        "language": settings.language,
        "fix_orientation": settings.fix_orientation,
        "classifier": settings.classifier,
        "device": settings.device,
        "prevalence": dict(sorted(parse_prevalences(settings.prevalence or "").items())),
        "upscale": settings.upscale,
        "max_pixels": settings.max_pixels,
        "max_bytes": settings.max_bytes,
    }


def exit_code(summary: "Summary", *, strict: bool) -> int:
    """Return what the batch ends with."""
    codes = set(summary.exit_codes)
    if strict:
        return max(codes, default=0)
    faults = {code for code in codes if code in (1, 5)}
    if faults:
        return max(faults)
    done = summary.outcomes.get("read", 0) + summary.outcomes.get("refused", 0)
    return 0 if done else UNREADABLE_EXIT


def _inputs(sources: tuple[str, ...], images: Path | None, column: str | None, limit: int | None) -> "Inputs":
    from lucidray.batch.inputs import from_files, from_table
    from lucidray.cli.films import STDIN, select

    if len(sources) == 1 and Path(sources[0]).suffix.lower() == ".csv":
        return from_table(Path(sources[0]), images, image_column=column, limit=limit)
    if images is not None or column is not None:
        raise UsageError("--images and --column belong to a CSV file")
    if STDIN in sources or any(source.lower().endswith(".csv") for source in sources):
        raise UsageError("name one CSV file, or folders and films")
    selection = select(sources)
    if not selection.films:
        place, error = selection.faults[0]
        raise InputError(f"{place}: {error}")
    for place, error in selection.faults:
        streams.warn(f"{place}: {error}")
    return from_files([(film.place, film.path) for film in selection.films if film.path is not None][:limit])


def _tell(scores: "ReportScores", path: Path) -> None:
    streams.say(f"wrote {path}")
    streams.say(scores.verdict)
