"""The options that choose the networks and what their numbers mean; one decorator for commands that read many films."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])

upscale_option = click.option(
    "--upscale",
    metavar="METHOD",
    help="Upscale films under 224 px before reading: lanczos, embedded, swin2sr or a model; the reading is degraded.",
)
_OPTIONS = (
    click.option(
        "--classifier", metavar="SPEC", help="Who scores the findings; `lucidray models` lists what there is."
    ),
    click.option("--device", type=click.Choice(["auto", "cuda", "mps", "cpu"]), help="What the models run on."),
    click.option(
        "--calibration", type=click.Path(path_type=Path), metavar="FILE", help="Use a calibration of your own films."
    ),
    click.option(
        "--prevalence",
        multiple=True,
        metavar="NAME=SHARE",
        help="Move a finding to a prevalence, as in Pneumonia=0.01.",
    ),
)


def model_options(command: _Command) -> _Command:
    """Add the options `classifier`, `device`, `calibration` and `prevalence`, a tuple; all of them are settings too."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
