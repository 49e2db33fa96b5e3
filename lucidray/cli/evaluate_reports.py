"""`lucidray evaluate reports`: how good written reports are."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lucidray.cli import streams
from lucidray.cli.session import Session, pass_session
from lucidray.domain.errors import InputError, UsageError

if TYPE_CHECKING:
    from lucidray.evaluation.reports import ReportScores


@click.command("reports", short_help="Measure reports against reports or labels.")
@click.option(
    "--predictions",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help="Reports to measure: JSON, JSONL, CSV or Parquet; a table of `batch` as it is.",
)
@click.option(
    "--references",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help="Reports or labels to measure them by.",
)
@click.option(
    "--id", "id_column", metavar="COLUMN", help="Names the films in both files; by default image, path, file, id ..."
)
@click.option(
    "--text",
    "text_column",
    metavar="COLUMN",
    help="Holds the predicted report; by default report, text, prediction ...",
)
@click.option("--reference-text", metavar="COLUMN", help="Holds the reference report; by default as well.")
@click.option("--name", default="reader", show_default=True, metavar="NAME", help="What to call the reader.")
@click.option(
    "--blank",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="What the reader wrote about a blank film, as text.",
)
@click.option("--reader", metavar="NAME", help="Ask this reader about a blank film now.")
@click.option("--reader-option", multiple=True, metavar="NAME=VALUE", help="An option of that reader; repeatable.")
@click.option(
    "--with",
    "models",
    multiple=True,
    type=click.Choice(["radgraph", "ratescore", "radeval", "crimson"]),
    help="A network to ask as well, where its package is installed; repeatable.",
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
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--language", metavar="CODE", help="Of the reports, for example en.")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Write the measures there as JSON.")
@click.option("--html", type=click.Path(path_type=Path), metavar="FILE", help="Write them there as a page.")
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout, no table.")
@pass_session
def command(
    session: Session,
    /,
    *,
    predictions: Path,
    references: Path,
    id_column: str | None,
    text_column: str | None,
    reference_text: str | None,
    language: str | None,
    out: Path | None,
    html: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Measure reports against reports or labels.

    F1 of findings from claims (negation, doubt and side understood), agreement of side and zone, overlap of boxes,
    BLEU, ROUGE-L, METEOR, chrF and token accuracy, each with its 95 % interval over patients; and the same for controls
    that never saw the film, with a line that says which of them the reader does not beat. Research use only, not for
    clinical diagnosis.
    """
    from lucidray.evaluation import report_tables
    from lucidray.evaluation.reports import Options, evaluate_reports

    settings = session.settings(language=language)
    predicted, _ = report_tables.read_records(predictions, id_column=id_column, text_column=text_column)
    known, strange = report_tables.read_records(references, id_column=id_column, text_column=reference_text)
    if strange:
        streams.warn(f"labels that are none of the 14 findings are left out: {', '.join(sorted(strange)[:20])}")
    pairs = report_tables.match(predicted, known)
    for count, what, names in (
        (len(pairs.only_predicted), "predictions without a reference", pairs.only_predicted),
        (len(pairs.only_referenced), "references without a prediction", pairs.only_referenced),
    ):
        if count:
            streams.warn(f"{count} {what}: {', '.join(names[:5])}{', ...' * (count > 5)}")
    scores = evaluate_reports(
        pairs,
        Options(
            reader=options["name"],
            language=settings.language,
            uncertain=options["uncertain"],
            resamples=options["resamples"],
            seed=options["seed"],
            models=options["models"],
            blank=_blank(options["blank"], options["reader"], options["reader_option"], settings.language),
        ),
    )
    text = scores.model_dump_json(indent=2)
    if out is not None:
        _write(out, text + "\n")
    if html is not None:
        from lucidray.evaluation.reports_page import render

        _write(html, render(scores))
    if as_json:
        streams.write(text)
    else:
        show(scores, settings.color)


def show(scores: "ReportScores", color: str = "auto") -> None:
    """Print the table on stdout."""
    from rich.table import Table

    from lucidray.evaluation.reports_page import reasons, table

    console = streams.console(color)
    head, rows = table(scores)
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for number, heading in enumerate(head):
        drawn.add_column(streams.one_line(heading), justify="left" if number == 0 else "right", overflow="fold")
    for row in rows:
        drawn.add_row(*row)
    console.print(
        f"{scores.films.scored} films, {scores.films.silent} without a report; references: {scores.references}"
    )
    console.print(drawn)
    console.print(streams.one_line(scores.verdict), style="bold")
    for names, reason in reasons(scores):
        console.print(f"{names}: none; {reason}", style="dim")
    console.print(scores.notice, style="dim")


def _blank(file: Path | None, reader: str | None, options: tuple[str, ...], language: str) -> str | None:
    if file is not None and reader is not None:
        raise UsageError("--blank and --reader exclude each other")
    if file is not None:
        try:
            return file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{file} cannot be read: {error}") from error
    if reader is None:
        if options:
            raise UsageError("--reader-option belongs to --reader")
        return None
    from lucidray.batch.asking import ask_about_nothing
    from lucidray.cli.reader_options import choose_by_name, parse_reader_options
    from lucidray.readers.registry import open_reader

    given = parse_reader_options([f"{reader}.{option}" for option in options], [reader])
    choice = choose_by_name(reader, given[reader])
    opened = open_reader(choice.name, choice.loading.get("reader_options"))
    return ask_about_nothing(opened, language, choice.loading)


def _write(path: Path, text: str) -> None:
    from lucidray.batch.table import write_text

    write_text(path, text)
    streams.say(f"wrote {path}")
