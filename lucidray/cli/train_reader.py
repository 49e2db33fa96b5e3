"""`lucidray train reader`: fine-tune a vision-language model on reports, then on boxes."""

import tomllib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import click

from lucidray.cli import streams
from lucidray.domain.errors import MissingExtraError, UsageError

if TYPE_CHECKING:
    from lucidray.training.reader_config import Config

# Options that are no part of what decides a run.
_OUTSIDE = ("output", "resume", "force", "estimate", "config")
_EPOCHS = {1: 8.0, 2: 30.0}


def _option(*names: str, **settings: Any) -> Callable[[Any], Any]:
    """Make an option that is written with hyphens or with underscores."""
    both = [spelt for name in names for spelt in dict.fromkeys((name, "--" + name[2:].replace("-", "_")))]
    return click.option(*both, **settings)


@click.command("reader", short_help="Fine-tune a vision-language model in two phases.")
@click.option("--phase", type=click.Choice(["1", "2"]), help="1 teaches reports, 2 teaches boxes.")
@click.option(
    "--csv",
    type=click.Path(path_type=Path, exists=True),
    metavar="MANIFEST",
    help="What `lucidray data prepare` wrote, or a CSV with columns of images and reports.",
)
@click.option(
    "--images",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="Where films lie.",
)
@_option("--output", "--out", type=click.Path(path_type=Path), metavar="RUN", help="Where the run is written.")
@click.option("--model", help="Base model: a name on the hub or a folder. [default: google/medgemma-4b-it]")
@click.option("--revision", help="Branch, tag or commit on the hub.")
@_option("--phase1-ckpt", type=click.Path(path_type=Path), metavar="RUN", help="Run, or adapter, of phase 1.")
@click.option("--epochs", type=click.FloatRange(min=0, min_open=True), help="[default: 8 in phase 1, 30 in phase 2]")
@click.option("--lr", type=click.FloatRange(min=0, min_open=True), help="Learning rate. [default: 5e-5]")
@_option("--lora-r", type=click.IntRange(1), help="Rank of the adapter. [default: 64]")
@_option("--lora-alpha", type=click.IntRange(1), help="Its scale. [default: the rank]")
@click.option("--batch", type=click.IntRange(1), help="Films at a time. [default: 1]")
@click.option("--accumulate", type=click.IntRange(1), help="Batches a step. [default: 16]")
@click.option("--quantize", type=click.Choice(["none", "8bit", "4bit"]), help="Of the base. [default: 4bit]")
@click.option("--checkpointing/--no-checkpointing", default=None, help="Keep few activations. [default: on]")
@click.option("--optimizer", help="As transformers names it. [default: paged_adamw_8bit on CUDA, else adamw_torch]")
@click.option("--device", type=click.Choice(["auto", "cuda", "mps", "cpu"]), help="[default: auto]")
@click.option("--warmup", type=click.FloatRange(0, 1), help="Share of the steps. [default: 0.03]")
@_option("--weight-decay", type=click.FloatRange(0), help="[default: 0]")
@_option("--max-grad-norm", type=click.FloatRange(0), help="[default: 1]")
@click.option("--seed", type=int, help="[default: 0]")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Few films only, to try things.")
@_option("--max-tokens", type=click.IntRange(1), help="Of a report written in evaluation. [default: 512]")
@_option("--eval-films", type=click.IntRange(1), help="Held-out films that are read in evaluation. [default: 64]")
@_option("--eval-steps", type=click.IntRange(1), help="[default: 200]")
@_option("--save-steps", type=click.IntRange(1), help="[default: 200]")
@_option("--log-steps", type=click.IntRange(1), help="[default: 10]")
@_option("--text-share", type=click.FloatRange(0, 1, max_open=True), help="Phase 2: share of phase 1. [default: 0.3]")
@_option("--normal-share", type=click.FloatRange(0), help="Phase 2: normal films a boxed one. [default: 0.5]")
@_option("--hold-out", multiple=True, metavar="FINDING", help="Phase 2: never train on its boxes; may be repeated.")
@_option(
    "--box-origins",
    multiple=True,
    type=click.Choice(["radiologist", "proposed", "model_assisted"]),
    help="Phase 2: whose boxes are trained on. [default: radiologist, model_assisted]",
)
@click.option("--prompts", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Folder of own prompts.")
@click.option("--workers", type=click.IntRange(0), help="Processes that load films. [default: 0]")
@click.option("--resume", is_flag=True, help="Go on from the run's last whole checkpoint.")
@click.option("--force", is_flag=True, help="Try it although the memory is estimated not to suffice.")
@click.option("--estimate", is_flag=True, help="Say what memory and work it would take, and end; needs no films.")
@click.option(
    "--config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="TOML with these options by their names (underscores); the command line goes first.",
)
def command(**options: Any) -> None:
    """Fine-tune a vision-language model with LoRA over 4-bit weights.

    Phase 1 teaches reports and trains the language model alone. Phase 2 teaches boxes as <loc0000> to <loc1023>, goes
    on from phase 1, and trains the projector between picture and words as well. The adapter is read with
    `--reader medgemma --adapter RUN/adapter`.
    """
    given = merged(options)
    if options["estimate"]:
        training("reader_plan").tell(config_of(given | {"csv": given.get("csv") or ""}), streams.say)
        return
    for name in ("csv", "output"):
        if not given.get(name):
            raise UsageError(f"name {'a manifest' if name == 'csv' else 'a folder for the run'} with --{name}")
    output = Path(given.pop("output"))
    adapter = training("reader_run").train(
        config_of(given), output, resume=options["resume"], force=options["force"], report=streams.say
    )
    streams.say(f"wrote {adapter}: lucidray read FILM --reader medgemma --model BASE --adapter {adapter}")


def merged(options: dict[str, Any]) -> dict[str, Any]:
    """Return what was asked for: of the command line, then of the file.

    Raises
    ------
    UsageError
        The file cannot be read, or names an option that there is not.
    """
    known = {name for name in options if name not in _OUTSIDE} | {"output"}
    told: dict[str, Any] = {}
    path = options["config"]
    if path is not None:
        try:
            told = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise UsageError(f"{path} cannot be read: {error}") from error
    unknown = sorted(set(told) - known)
    if unknown:
        raise UsageError(f"{path}: {unknown[0]!r} is no option of train reader; there are: {', '.join(sorted(known))}")
    asked = {name: value for name, value in options.items() if name in known and value not in (None, ())}
    return told | asked


def config_of(given: dict[str, Any]) -> "Config":
    """Make the run's configuration.

    Raises
    ------
    UsageError
        No phase was named, or a value of the file is of another kind.
    """
    values: dict[str, Any] = {name: str(value) if isinstance(value, Path) else value for name, value in given.items()}
    values.pop("output", None)
    if str(values.get("phase")) not in ("1", "2"):
        raise UsageError("name the phase with --phase 1 or --phase 2")
    phase = int(values["phase"])
    values["phase"] = phase
    values.setdefault("epochs", _EPOCHS[phase])
    for name in ("hold_out", "box_origins"):
        if name in values:
            values[name] = tuple([values[name]] if isinstance(values[name], str) else values[name])
    config: Config = training("reader_config").configured(values)
    return config


def training(name: str) -> ModuleType:
    """Import a module of the training room; what it needs is an optional part.

    Raises
    ------
    MissingExtraError
    """
    from importlib import import_module

    try:
        return import_module(f"lucidray.training.{name}")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("lucidray"):
            raise
        raise MissingExtraError(f"training a reader ({error.name})", "train") from error
