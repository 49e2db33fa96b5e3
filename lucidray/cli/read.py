"""`lucidray read`: films in, reports out."""

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lucidray.cli import faults, streams
from lucidray.cli.browser import open_page
from lucidray.cli.films import Film, select
from lucidray.cli.loading import load_engine
from lucidray.cli.model_options import model_options, upscale_option
from lucidray.cli.progress import Bar
from lucidray.cli.reader_options import ReaderChoice, reader_options
from lucidray.cli.session import Session, pass_session
from lucidray.domain.errors import OutputError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from lucidray.api import Lucidray
    from lucidray.domain.reading import Reading
    from lucidray.settings import Settings

REFUSED_EXIT = 3
DEFAULT_OUT = Path("reading")


@dataclass
class Run:
    """One run over films: how they are read, and what is done with what was read.

    Attributes
    ----------
    reader : Lucidray
    session : Session
    asked : dict
        What was said about the films: symptoms, age, sex, view.
    max_bytes : int
        Of a film that is piped in.
    console : Console
        For reports on stdout.
    out : Path or None
        Where files are written.
    many : bool
        Each report is headed by its film's place, and JSON is one line a film, whatever comes of it.
    as_json, quiet : bool
    written : list of Path
        The folders that were written, one a reading.
    """

    reader: "Lucidray"
    session: Session
    asked: dict[str, Any]
    max_bytes: int
    console: "Console"
    out: Path | None
    many: bool
    as_json: bool
    quiet: bool
    written: list[Path] = field(default_factory=list)

    def read(self, film: Film, bar: Bar) -> int:
        """Read one film and return its exit code; only wrong use and Ctrl-C stop the run."""
        bar.begin(film.place)
        try:
            reading = self._interpret(film)
        except UsageError:
            raise
        except Exception as error:  # one bad film never stops the others
            with bar.finish():
                if self.as_json and self.many:
                    streams.write(json.dumps(_fault(film, error), ensure_ascii=False))
                return faults.report(error, self.session, film.place, film.name)
        with bar.finish():
            self._show(film, reading)
        return 0 if reading.accepted else REFUSED_EXIT

    def _interpret(self, film: Film) -> "Reading":
        from lucidray.reporting import folder

        reading = self.reader.read(film.source(self.max_bytes), name=film.name, **self.asked)
        if self.out is not None:
            self.written.append(folder.write(reading, self.out, film.stem))
        return reading

    def _show(self, film: Film, reading: "Reading") -> None:
        if self.as_json:
            streams.write(reading.model_dump_json(indent=None if self.many else 2))
        elif not self.quiet:
            from lucidray.reporting import terminal

            if self.many:
                self.console.rule(streams.one_line(film.place), align="left")
            terminal.show(reading, self.console)
        if self.out is not None and not self.quiet:
            streams.say(f"wrote {self.written[-1]}")


def _fault(film: Film, error: Exception) -> dict[str, object]:
    what = {
        "type": type(error).__name__,
        "message": faults.describe(error, film.name),
        "exit_code": faults.exit_code(error),
    }
    return {"file": film.place, "error": what}


@click.command("read", short_help="Read films: DICOM, PNG, JPEG, TIFF or WebP files, folders of them, or - for stdin.")
@click.argument("films", nargs=-1, required=True, metavar="FILES|FOLDERS...")
@click.option(
    "--symptoms", metavar="TEXT", help="What the person complains of; it shapes the impression, no probability."
)
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Write page, JSON and pictures there.")
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout; one line a film for folders and several files.")
@click.option(
    "--fix-orientation", is_flag=True, default=None, help="Turn or invert a film that would be refused for it."
)
@click.option("--age", type=click.FloatRange(0, 130), metavar="YEARS", help="Instead of what the file says.")
@click.option("--sex", type=click.Choice(["female", "male", "other"], case_sensitive=False), help="Likewise.")
@click.option(
    "--view",
    type=click.Choice(["PA", "AP", "AP supine", "lateral", "oblique"], case_sensitive=False),
    metavar="VIEW",
    help="Likewise: PA, AP, AP supine, lateral or oblique.",
)
@model_options
@upscale_option
@click.option("--language", metavar="CODE", help="Language of the report: ar, de, en, es, fr or zh.")
@click.option("--quiet", is_flag=True, help="Say nothing but errors; with --json, the JSON too.")
@click.option("--open", "open_report", is_flag=True, help="Open the page in the browser; of several films, the first.")
@reader_options
@pass_session
@click.pass_context
def command(
    context: click.Context,
    session: Session,
    /,
    *,
    films: tuple[str, ...],
    out: Path | None,
    as_json: bool,
    fix_orientation: bool | None,
    classifier: str | None,
    device: str | None,
    calibration: Path | None,
    prevalence: tuple[str, ...],
    upscale: str | None,
    language: str | None,
    quiet: bool,
    open_report: bool,
    reader: ReaderChoice,
    **asked: Any,
) -> None:
    """Read films: DICOM, PNG, JPEG, TIFF or WebP files, folders of them, or - for stdin.

    Folders are searched to the bottom, and what is no film there is passed over; a file that is named is always tried.
    One bad film never stops the others.

    Exit codes: 0 read, 2 wrong use, 3 refused, 4 unreadable, 5 model missing, 1 a fault of lucidray; for several films
    the highest. Research use only, not for clinical diagnosis.
    """
    settings = session.settings(
        out=out,
        classifier=classifier,
        device=device,
        language=language,
        fix_orientation=fix_orientation,
        calibration=calibration,
        prevalence=",".join(prevalence) or None,
        upscale=upscale,
    )
    folder = settings.out or (DEFAULT_OUT if open_report else None)
    asked |= reader.asked
    context.exit(
        read_films(
            session,
            settings,
            films,
            asked,
            out=folder,
            as_json=as_json,
            quiet=quiet,
            open_report=open_report,
            reader=reader,
        )
    )


def read_films(
    session: Session,
    settings: "Settings",
    arguments: tuple[str, ...],
    asked: dict[str, Any],
    *,
    out: Path | None,
    as_json: bool = False,
    quiet: bool = False,
    open_report: bool = False,
    reader: ReaderChoice | None = None,
) -> int:
    """Read all films that the arguments mean, and return the highest of their exit codes.

    Parameters
    ----------
    session : Session
        Whether tracebacks are shown.
    settings : Settings
        Models, limits, language, colours.
    arguments : tuple of str
        Files, folders, `-`.
    asked : dict
        Passed on to `Lucidray.read`.
    out : path, optional
        Where files are written; made when it is not there.
    as_json : bool
        JSON on stdout, not the report.
    quiet : bool
        Nothing but errors, and JSON where asked for.
    open_report : bool
        Open the first page that was written.
    reader : ReaderChoice, optional
        Who writes, and how; the composer where nobody was chosen.

    Raises
    ------
    LucidrayError
        Nothing can be read at all: wrong use, no models, no folder to write to.
    """
    selection = select(arguments, out)
    codes = [faults.report(error, session, place) for place, error in selection.faults]
    run: Run | None = None
    if selection.films:
        run = Run(
            reader=load_engine(settings, reader),
            session=session,
            asked=asked,
            max_bytes=settings.max_bytes,
            console=streams.console(settings.color),
            out=_made(out),
            many=selection.many,
            as_json=as_json,
            quiet=quiet,
        )
        shown = len(selection.films) > 1 and not quiet and sys.stderr.isatty()
        with Bar(len(selection.films), shown=shown, color=settings.color) as bar:
            codes += [run.read(film, bar) for film in selection.films]
    if selection.many and not quiet:
        streams.say(_summary(codes, selection.skipped))
    if open_report and run is not None and run.written:
        open_page(run.written[0] / "report.html")
    return max(codes)


def _made(out: Path | None) -> Path | None:
    """Make the folder before any film is read: to find out afterwards would cost the work."""
    if out is not None:
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{out} cannot be made: {error.strerror}") from error
    return out


_OUTCOMES = {0: "read", REFUSED_EXIT: "refused", 4: "unreadable", 5: "without a model", 1: "failed"}


def _summary(codes: list[int], skipped: int) -> str:
    counts = [f"{codes.count(code)} {word}" for code, word in _OUTCOMES.items() if code in codes]
    others = f"; {skipped} other file{'s' * (skipped != 1)} skipped" if skipped else ""
    return ", ".join(counts) + others
