"""`lucidray export`: what people made of readings, for others to use."""

from pathlib import Path

import click

from lucidray.cli import streams
from lucidray.cli.session import Session, pass_session
from lucidray.cli.store import ACTOR, open_store, store_options


@click.group("export", short_help="Write what people corrected in the workstation as training films.")
def command() -> None:
    """Write what is in the service's store for other programs."""


@command.command("feedback")
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="A folder that is not there."
)
@click.option("--unsigned", is_flag=True, help="Corrections that nobody signed, too.")
@store_options
@pass_session
def feedback(session: Session, /, out: Path, unsigned: bool, database: str | None, folder: Path | None) -> None:
    """Write the findings and boxes that people decided as a training folder: images, labels.csv, boxes.csv.

    Every row is marked model_assisted and belongs to the training split: who saw the model's answer first does not
    measure it. Put the folder as `feedback` beside the other training folders, and `lucidray train` takes it in.
    """
    settings = session.settings(database=database, folder=folder)
    opened, readings = open_store(settings)
    from lucidray.imaging.limits import Limits
    from lucidray.server.feedback import export
    from lucidray.server.pictures import Pictures
    from lucidray.store.edits import Edits

    limits = Limits(max_pixels=settings.max_pixels, max_bytes=settings.max_bytes)
    written, lost = export(readings, Edits(opened), Pictures(readings, limits), out, ACTOR, signed_only=not unsigned)
    opened.close()
    streams.say(f"{written} films written to {out}")
    if lost:
        streams.warn(f"{lost} films are missing or damaged on the disk and were left out")
