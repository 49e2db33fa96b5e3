"""`lucidray demo`: a real film, read and shown, with nothing to prepare and nothing downloaded."""

from pathlib import Path

import click

from lucidray.cli import streams
from lucidray.cli.read import read_films
from lucidray.cli.session import Session, pass_session
from lucidray.domain.errors import MissingExtraError

FILM = "RG1_UNCR.dcm"
DEFAULT_OUT = Path("demo-reading")


@click.command("demo", short_help="Read a real film that comes along, and open the report in the browser.")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="DIR", help="Where to write; ./demo-reading by default."
)
@click.option("--open/--no-open", "open_report", default=True, help="Whether to open the report in the browser.")
@pass_session
@click.pass_context
def command(context: click.Context, session: Session, out: Path | None, open_report: bool) -> None:
    """Read a real film that comes along, and open the report in the browser.

    The film is a chest radiograph with masses from the example files of the pydicom project. Research use only, not for
    clinical diagnosis.
    """
    film = demo_film()
    settings = session.settings(out=out)
    streams.say(f"reading {film.name}, a chest radiograph from pydicom's example files")
    context.exit(
        read_films(session, settings, (str(film),), {}, out=settings.out or DEFAULT_OUT, open_report=open_report)
    )


def demo_film() -> Path:
    """Return the film's path.

    Raises
    ------
    MissingExtraError
        The example files of pydicom are not installed.
    """
    from pydicom.data import get_testdata_file

    found = get_testdata_file(FILM, download=False)
    if not isinstance(found, str):
        raise MissingExtraError("the demo film", "demo")
    return Path(found)
