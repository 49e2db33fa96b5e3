"""`lucidray train detector`: boxes of your own films, for `read --localizer`."""

from pathlib import Path
from typing import Any

import click

from lucidray.cli import streams
from lucidray.cli.session import Session, pass_session
from lucidray.cli.train_config import config_option
from lucidray.domain.errors import UsageError


@click.command("detector")
@click.option(
    "--architecture",
    type=click.Choice(["faster-rcnn", "rt-detr"]),
    default="faster-rcnn",
    show_default=True,
    help="torchvision's Faster R-CNN, or transformers' RT-DETR.",
)
@click.option("--data", type=click.Path(path_type=Path), metavar="PATH", help="The prepared collection, with boxes.")
@click.option("--out", "run_dir", type=click.Path(path_type=Path), metavar="RUN", help="Where the run is written.")
@click.option(
    "--weights", default="coco", show_default=True, metavar="coco|none|FILE", help="Begin with these; none is random."
)
@click.option("--epochs", type=click.IntRange(1), default=20, show_default=True)
@click.option("--size", type=click.IntRange(64, 2048), default=320, show_default=True, help="Side of the picture.")
@click.option("--batch", type=click.IntRange(1), default=4, show_default=True, help="Films a step.")
@click.option("--accumulate", type=click.IntRange(1), default=1, show_default=True, help="Steps that are added up.")
@click.option("--lr", "learning_rate", type=float, default=2e-4, show_default=True)
@click.option("--weight-decay", type=float, default=1e-4, show_default=True)
@click.option(
    "--normals",
    type=click.FloatRange(0, 100),
    default=0.5,
    show_default=True,
    help="Normal films for each film with boxes.",
)
@click.option(
    "--min-boxes", type=click.IntRange(1), default=10, show_default=True, help="Training boxes a finding needs."
)
@click.option(
    "--patience", type=click.IntRange(0), default=5, show_default=True, help="Epochs without a gain; 0 never."
)
@click.option("--precision", type=click.Choice(["no", "fp16", "bf16"]), default="no", show_default=True)
@click.option("--workers", type=click.IntRange(0), default=0, show_default=True, help="Processes that prepare films.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same network.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="So many films with boxes a split, to try things.")
@click.option("--device", help="cpu, cuda, mps; by default what accelerate finds.")
@click.option("--resume", is_flag=True, help="Go on after the last whole epoch.")
@config_option
@pass_session
def command(session: Session, /, data: Path | None, run_dir: Path | None, *, resume: bool, **options: Any) -> None:
    """Fit and measure a detector on the boxes of a prepared collection.

    It ends as an ONNX file for `read --localizer onnx:FILE`. Films are never mirrored. A film without boxes teaches
    only where it is labelled normal.
    """
    from lucidray.cli.train import _training

    settings = session.settings(data=data)
    if settings.data is None:
        raise UsageError("no prepared collection: name its folder or manifest with --data")
    module = _training("detector")
    from lucidray.training.detector_config import Config

    path = module.train(
        settings.data,
        run_dir or Path("runs") / options["architecture"],
        Config(**options),
        resume=resume,
        cache_dir=settings.cache,
        report=streams.say,
    )
    streams.say(f"read with it: lucidray read FILM --localizer onnx:{path}")
