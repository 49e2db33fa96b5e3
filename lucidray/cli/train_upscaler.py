"""`lucidray train upscaler`: fit the network that makes small films larger, and measure what readers make of them."""

import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from lucidray.cli import streams
from lucidray.cli.session import Session, pass_session
from lucidray.domain.errors import UsageError

_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command("upscaler", short_help="Fit the network that makes small films larger.")
@click.option("--data", type=_FOLDER, metavar="DIR", help="The training films.")
@click.option("--out", "run_dir", type=click.Path(path_type=Path), default=Path("runs/upscaler"), metavar="RUN",
              show_default=True, help="Where the run is written.")  # fmt: skip
@click.option("--config", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE",
              help="TOML with the same names as the options; an option that is given wins.")  # fmt: skip
@click.option("--steps", type=click.IntRange(1), help="7,000 by default; may be changed with --resume.")
@click.option("--batch", type=click.IntRange(1), help="Patches a step; 8 by default.")
@click.option("--patch", type=click.IntRange(8), help="Side of a small patch, in pixels; 28 by default.")
@click.option("--channels", type=click.IntRange(4), help="Width of the network; 32 by default.")
@click.option("--blocks", type=click.IntRange(1), help="Residual blocks; 8 by default.")
@click.option("--learning-rate", type=click.FloatRange(0, min_open=True), help="At its peak; 0.001 by default.")
@click.option("--mixed/--single", default=None, help="Activations in bfloat16 (the default), or in single precision.")
@click.option("--seed", type=int, help="0 by default; the same seed gives the same network.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Few films of each source only, to try things.")
@click.option("--small-films", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="NPZ",
              help="Small films in MedMNIST's layout, which the gate is shown.")  # fmt: skip
@click.option("--resume", is_flag=True, help="Go on from the run's checkpoint.")
@click.option("--device", default="cpu", show_default=True, help="As PyTorch names it: cpu, cuda, mps.")
@pass_session
def command(
    session: Session,
    /,
    *,
    data: Path | None,
    run_dir: Path,
    config: Path | None,
    small_films: Path | None,
    resume: bool,
    device: str,
    **options: Any,
) -> None:
    """Fit the network that makes small films four times as large, against Lanczos.

    Films of children and published case reports are left out. The run folder holds config, hashes of the data,
    measures, a checkpoint, the network with its card, and a page of figures.
    """
    from lucidray.cli.train import _folders, _training

    films, cache = _folders(session, data)
    module = _training("upscaler")
    known = {one.name for one in fields(module.Config)}
    given = _from_file(config, known) | {name: value for name, value in options.items() if value is not None}
    settings = module.Config(**given)
    path = module.train(
        films,
        run_dir,
        settings,
        resume=resume,
        device=device,
        cache_dir=cache,
        small_films=small_films,
        report=streams.say,
    )
    streams.say(f"wrote {path}, its card upscaler.json and the page upscaler.md")


@click.command("measure-upscaler", short_help="Calibrate the findings network on films that were small.")
@click.option("--data", type=_FOLDER, metavar="DIR", help="The training films.")
@click.option(
    "--weights", type=_FOLDER, metavar="DIR", help="Findings network and upscaler; the shipped ones by default."
)
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="Where upscaled.json is written."
)
@click.option("--upscale", "methods", default="lanczos,embedded", show_default=True, metavar="NAMES")
@click.option("--sides", default="28,56,112", show_default=True, metavar="PIXELS", help="To which films are reduced.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Few films only.")
@pass_session
def measure(
    session: Session,
    /,
    *,
    data: Path | None,
    weights: Path | None,
    out: Path,
    methods: str,
    sides: str,
    limit: int | None,
) -> None:
    """Calibrate the findings network on films that were small and were upscaled, and measure it there.

    Writes upscaled.json, which belongs beside findings.onnx: without it, or with another network, an upscaled film gets
    no probability.
    """
    from lucidray.cli.train import _folders, _training
    from lucidray.models.upscalers import load_upscaler
    from lucidray.models.weights_file import EMBEDDED_FOLDER

    films, cache = _folders(session, data)
    folder = weights or session.settings().weights or EMBEDDED_FOLDER
    wanted = [load_upscaler(name.strip(), "cpu", 1, folder) for name in methods.split(",") if name.strip()]
    path = _training("upscaler_effect").measure(
        films, cache or out / "cache", folder, wanted, out, sides=_numbers(sides), limit=limit, report=streams.say
    )
    streams.say(f"wrote {path}")


def _from_file(path: Path | None, known: set[str]) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    given = {name.replace("-", "_"): value for name, value in given.items()}
    unknown = sorted(set(given) - known)
    if unknown:
        raise UsageError(f"{path}: {unknown[0]!r} is no option of this training; there are {', '.join(sorted(known))}")
    return given


def _numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise UsageError(f"--sides {text!r}: whole numbers, separated by commas") from error
