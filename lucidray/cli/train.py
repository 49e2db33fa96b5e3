"""`lucidray train`: fit the networks that lucidray ships, on a laptop."""

from pathlib import Path
from types import ModuleType
from typing import Any

import click

from lucidray.cli import streams, train_upscaler
from lucidray.cli.session import Session, pass_session
from lucidray.domain.errors import MissingExtraError, UsageError


@click.group(
    "train", invoke_without_command=True, short_help="Fit the networks on your own films (needs lucidray[train])."
)
@click.pass_context
def command(context: click.Context) -> None:
    """Fit the networks on your own films (needs lucidray[train]).

    The films lie in the folder that --data or LUCIDRAY_DATA names. A run writes its configuration, its measures and a
    checkpoint as it goes; --resume takes it up again.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def _run_options(function: Any) -> Any:
    options = (
        click.option(
            "--data", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="The training films."
        ),
        click.option(
            "--out", "run_dir", type=click.Path(path_type=Path), metavar="RUN", help="Where the run is written."
        ),
        click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same network."),
        click.option("--resume", is_flag=True, help="Go on from the run's checkpoint."),
        click.option("--limit", type=click.IntRange(1), metavar="N", help="Few films only, to try things."),
        click.option("--device", default="cpu", show_default=True, help="As PyTorch names it: cpu, cuda, mps."),
    )
    for option in reversed(options):
        function = option(function)
    return function


@command.command("findings")
@click.option("--epochs", type=click.IntRange(1), default=20, show_default=True)
@click.option(
    "--mirror-share",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="How often a film is shown with left and right exchanged.",
)
@_run_options
@pass_session
def findings(session: Session, /, data: Path | None, run_dir: Path | None, epochs: int, **options: Any) -> None:
    """Fit, calibrate and measure the network that scores the findings."""
    films, cache = _folders(session, data)
    module = _training("findings")
    _report(
        module.train(
            films, run_dir or Path("runs/findings"), epochs=epochs, cache_dir=cache, report=streams.say, **options
        )
    )


@command.command("join")
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="The training films.")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), metavar="DIR", help="Where the network is written."
)
@pass_session
def join(session: Session, /, runs: tuple[Path, ...], data: Path | None, out: Path) -> None:
    """Make several runs of `train findings` into one network that averages their maps."""
    films, cache = _folders(session, data)
    _report(_training("findings_committee").join(films, runs, out, cache_dir=cache, report=streams.say))


@command.command("anatomy")
@click.option("--steps", type=click.IntRange(1), default=700, show_default=True)
@_run_options
@pass_session
def anatomy(session: Session, /, data: Path | None, run_dir: Path | None, steps: int, **options: Any) -> None:
    """Fit and measure the network that finds lungs, heart and clavicles, and knows what is no chest film."""
    films, _ = _folders(session, data)
    module = _training("anatomy")
    _report(module.train(films, run_dir or Path("runs/anatomy"), steps=steps, report=streams.say, **options))


@command.command("measure-anatomy")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="The training films.")
@pass_session
def measure_anatomy(session: Session, /, folder: Path, data: Path | None) -> None:
    """Measure an anatomy network once more and write its card anew; FOLDER holds anatomy.onnx and anatomy.json."""
    films, _ = _folders(session, data)
    _report(_training("anatomy_card").measure_again(films, folder, streams.say))


command.add_command(train_upscaler.command)
command.add_command(train_upscaler.measure)


def _folders(session: Session, data: Path | None) -> tuple[Path, Path | None]:
    settings = session.settings(data=data)
    if settings.data is None:
        raise UsageError("no training films: name their folder with --data or LUCIDRAY_DATA")
    if not settings.data.is_dir():
        raise UsageError(f"data = {settings.data} ({settings.origins['data']}): no such folder")
    return settings.data, settings.cache


def _training(name: str) -> ModuleType:
    from importlib import import_module

    try:
        return import_module(f"lucidray.training.{name}")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("lucidray"):
            raise
        raise MissingExtraError(f"training ({error.name})", "train") from error


def _report(network: Path) -> None:
    streams.say(f"wrote {network} and its card; LUCIDRAY_WEIGHTS takes a folder that holds both networks")
