"""`lucidray train merge`: an adapter and its base become one model."""

from pathlib import Path

import click

from lucidray.cli import streams
from lucidray.cli.train_reader import training


@click.command("merge", short_help="Make one model of an adapter and its base.")
@click.argument("adapter", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="DIR", help="Where it is written.")
@click.option("--model", help="The base; by default what the adapter names.")
@click.option("--revision", help="Branch, tag or commit of the base on the hub.")
def command(adapter: Path, out: Path, model: str | None, revision: str | None) -> None:
    """Write the base model with the adapter's changes in its own weights, tokenizer and processor beside them."""
    merged = training("reader_merge").merge(adapter, out, model=model, revision=revision)
    streams.say(f"wrote {merged}: lucidray read FILM --reader medgemma --model {merged}")
