"""`lucidray train findings --backbone`: the options of a network of timm, and its run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from lucidray.cli import streams
from lucidray.cli.session import Session
from lucidray.domain.errors import UsageError

_Command = TypeVar("_Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--backbone", metavar="NAME", help="Train this network of timm (resnet50, maxvit_tiny_tf_224, ...)."),
    click.option(
        "--weights", metavar="imagenet|none|FILE", help="Begin with these: imagenet by default, none is random."
    ),
    click.option("--task", metavar="TASK", help="multi-label (default), normal, disease:NAME[,NAME] or early-cancer."),
    click.option(
        "--size", type=click.IntRange(32, 2048), help="Side of the films, in pixels; by default the network's."
    ),
    click.option("--batch", type=click.IntRange(1), help="Films a step; 16 by default."),
    click.option("--accumulate", type=click.IntRange(1), help="Steps that are added up; 1 by default."),
    click.option("--lr", "learning_rate", type=float, help="Of the network; 2e-4 by default."),
    click.option("--head-lr", "head_learning_rate", type=float, help="Of the new head; 1e-3 by default."),
    click.option("--weight-decay", type=float, help="0.02 by default."),
    click.option("--dropout", type=click.FloatRange(0, 0.95), help="Before the head; 0 by default."),
    click.option(
        "--class-weights",
        type=click.Choice(["none", "sqrt", "balanced"]),
        help="Weight of positives: sqrt by default, of negatives over positives.",
    ),
    click.option(
        "--focal", type=click.FloatRange(0, 10), help="Exponent of the focal loss; 0, cross-entropy, by default."
    ),
    click.option("--label-smoothing", type=click.FloatRange(0, 0.49), help="0 by default."),
    click.option(
        "--uncertain",
        type=click.Choice(["leave-out", "positive", "negative"]),
        help="What uncertain labels count as; left out by default.",
    ),
    click.option("--precision", type=click.Choice(["no", "fp16", "bf16"]), help="Mixed precision; no by default."),
    click.option(
        "--patience", type=click.IntRange(0), help="Stop after so many epochs without a gain; 5 by default, 0 never."
    ),
    click.option(
        "--threshold",
        type=click.Choice(["f1", "youden", "count"]),
        help="How cuts are chosen on validation films: f1 by default; count calls a known share of films.",
    ),
    click.option(
        "--maps",
        type=click.Choice(["grad-cam", "occlusion"]),
        help="Of networks whose map is not exact, as timm:FOLDER; grad-cam by default.",
    ),
    click.option("--workers", type=click.IntRange(0), help="Processes that prepare films; 0 by default."),
)
_OWN = (
    "backbone",
    "weights",
    "task",
    "size",
    "batch",
    "accumulate",
    "learning_rate",
    "head_learning_rate",
    "weight_decay",
    "dropout",
    "class_weights",
    "focal",
    "label_smoothing",
    "uncertain",
    "precision",
    "patience",
    "threshold",
    "maps",
    "workers",
)


def backbone_options(command: _Command) -> _Command:
    """Add the options that go with `--backbone`; those that were not given are None."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def split_options(options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Part what goes with `--backbone` from the other options, and leave out what was not given.

    Raises
    ------
    UsageError
        Something that only goes with a backbone was given without one.
    """
    own = {name: options.pop(name) for name in _OWN}
    given = {name: value for name, value in own.items() if value is not None}
    if "backbone" not in given and given:
        name = next(iter(given)).replace("_", "-").replace("learning-rate", "lr")
        raise UsageError(f"--{name} goes with --backbone NAME: the project's own network takes no such option")
    return given, options


def run(
    session: Session, train: Callable[..., Path], data: Path | None, run_dir: Path | None, given: dict[str, Any]
) -> None:
    """Train as the options say; `train` is `lucidray.training.backbone.train`."""
    from lucidray.training.backbone_config import Config

    settings = session.settings(data=data)
    if settings.data is None:
        raise UsageError("no prepared collection: name its folder or manifest with --data")
    resume = given.pop("resume")
    task = given.get("task")
    if task == "early-cancer":
        given["task"] = "disease:early-cancer"
    folder = train(
        settings.data,
        run_dir or Path("runs") / given["backbone"],
        Config(**given),
        resume=resume,
        cache_dir=settings.cache,
        report=streams.say,
    )
    streams.say(f"read with it: lucidray read FILM --classifier onnx:{folder}")
