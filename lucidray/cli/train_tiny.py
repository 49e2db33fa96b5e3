"""`lucidray train tiny-reader`: a small Gemma 3, to try fine-tuning where no weights can be fetched."""

from pathlib import Path

import click

from lucidray.cli import streams
from lucidray.cli.train_reader import training
from lucidray.domain.errors import ConflictError, UsageError


@click.command("tiny-reader", short_help="Make a small Gemma 3 to try fine-tuning with.")
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="DIR", help="Where it is written.")
@click.option("--csv", type=click.Path(path_type=Path, exists=True), metavar="MANIFEST", help="Films to teach it with.")
@click.option("--images", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="DIR")
@click.option("--tower-steps", type=click.IntRange(1), default=500, show_default=True, help="For what it sees.")
@click.option("--caption-steps", type=click.IntRange(1), default=250, show_default=True, help="For what it names.")
@click.option("--segmented", type=click.IntRange(1), default=600, show_default=True, help="Films with outlined organs.")
@click.option("--seed", type=int, default=0, show_default=True)
def command(
    out: Path, csv: Path | None, images: Path | None, tower_steps: int, caption_steps: int, segmented: int, seed: int
) -> None:
    """Build a Gemma 3 with a SigLIP tower, about a million weights, in MedGemma's own layout.

    Its weights are random. With --csv it is taught to see and to name, on the manifest's training films: where lungs
    and heart lie, by lucidray's anatomy network, and captions of a few words. It is no model for reading films.
    """
    if images is not None and csv is None:
        raise UsageError("--images belongs to --csv")
    if out.exists() and any(out.iterdir()):
        raise ConflictError(f"{out} is not empty")
    training("reader_tiny").build(out, seed=seed)
    if csv is not None:
        manifest = training("reader_samples").read_collection(csv, images)
        training("reader_tiny_teach").teach(
            out,
            manifest,
            tower_steps=tower_steps,
            caption_steps=caption_steps,
            segmented=segmented,
            seed=seed,
            report=streams.say,
        )
    streams.say(f"wrote {out}: lucidray train reader --model {out} ...")
