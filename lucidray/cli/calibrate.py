"""`lucidray calibrate`: thresholds and calibration of a hospital's own films."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lucidray.cli import evaluating, streams
from lucidray.cli.session import Session, pass_session
from lucidray.domain.errors import UsageError

if TYPE_CHECKING:
    from lucidray.models.recalibrated import Population


@click.command("calibrate", short_help="Fit calibration and thresholds to your own films, for `read --calibration`.")
@evaluating.data_options
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, metavar="FILE", help="The file to write."
)
@click.option(
    "--target",
    "targets",
    multiple=True,
    metavar="NAME:MEASURE=VALUE",
    help="What a threshold has to reach, as in Pneumonia:sensitivity=0.9; else it calls a known share of films.",
)
@click.option("--children", is_flag=True, help="Fit to the films of people under 18, and for them alone.")
@evaluating.classifier_options
@click.option("--limit", type=click.IntRange(1), metavar="N", help="So many films only, evenly spread.")
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, metavar="N", help="Films at a time.")
@click.option("--weights", type=click.Path(path_type=Path), metavar="DIR", help="Other weights.")
@click.option(
    "--cache", type=click.Path(path_type=Path), metavar="DIR", help="Keep predictions there, to go on or to fit again."
)
@pass_session
def command(
    session: Session,
    /,
    data: tuple[Path, ...],
    images: Path | None,
    label_format: str | None,
    split: str | None,
    out: Path,
    targets: tuple[str, ...],
    children: bool,
    classifier: str | None,
    device: str | None,
    limit: int | None,
    workers: int,
    weights: Path | None,
    cache: Path | None,
) -> None:
    """Fit calibration and thresholds to your own films.

    Takes any classifier that gives raw scores, also one that was never calibrated, and shows nothing until it is. The
    file holds the hash of the weights and is refused by any others. It takes the place of the shipped calibration
    of all findings; one that has too few films stays unsupported and says so. Its probabilities hold at the share of
    positives among these films: use films as they come, or state another share with `read --prevalence`.
    """
    evaluating.need_extra()
    from lucidray.cli.evaluate_findings import predict
    from lucidray.evaluation.label_files.table import TARGETS
    from lucidray.evaluation.local_calibration import calibrate, of_population, parse_aims, sample
    from lucidray.evaluation.predictions import write_atomically
    from lucidray.models.recalibrated import FORMAT, FORMAT_VERSION

    aims = parse_aims(targets)
    if out.is_dir():
        raise UsageError(f"{out} is a folder: name the file to write")
    settings = session.settings(weights=weights, classifier=classifier, device=device)
    if settings.calibration is not None or settings.prevalence:
        raise UsageError("calibration and prevalence are set (see `lucidray config`): a calibration is fitted without")
    segmenter, scorer = evaluating.models(settings)
    if scorer.used.sha256 is None:
        raise UsageError(f"{scorer.used.name} tells no hash of its weights: a calibration could not be bound to them")
    collection, everyone = evaluating.labelled(data, images, label_format, split, limit)
    evaluating.warn_of(collection)
    population: Population = "children" if children else "adults"
    films = of_population(everyone, population)
    if len(films) < len(everyone):
        other = "adults, or of people whose age is not known" if children else "people under 18"
        streams.say(f"{len(everyone) - len(films):,} films of {other} left out")
    if not films:
        raise UsageError(f"no film is of {population}")
    said = predict(films, segmenter, scorer, settings, cache, workers)
    samples = {name: one for name in TARGETS if len((one := sample(films, said, name)).truth)}
    if not samples:
        raise UsageError("the model gives no raw score of any finding that these labels speak of")
    outcomes = [one.outcome for one in said.values()]
    found = calibrate(samples, aims)
    content: dict[str, Any] = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        **evaluating.head("calibration", [segmenter.used], split),
        "model": scorer.used.model_dump(),
        "population": population,
        "films": {name: outcomes.count(name) for name in ("assessed", "refused", "unreadable")}
        | {"missing": len(collection.missing)},
        "data": evaluating.told_data(collection),
        "findings": found,
    }
    write_atomically(out, json.dumps(content, ensure_ascii=False, allow_nan=False) + "\n")
    _tell(found)
    streams.say(f"wrote {out}; use it with: lucidray read FILM --calibration {out}")


def _tell(found: dict[str, dict[str, Any]]) -> None:
    supported = [name for name, one in found.items() if one["unsupported_reason"] is None]
    for name, one in found.items():
        if one["unsupported_reason"] is not None:
            streams.say(f"{name:<20} unsupported: {one['unsupported_reason']}")
            continue
        rates = ", ".join(
            f"{kind} {one[kind]['value']:.2f} ({one[kind]['low']:.2f} to {one[kind]['high']:.2f})"
            for kind in ("sensitivity", "specificity")
        )
        streams.say(
            f"{name:<20} {one['n_positive']:>6,} of {one['n']:>7,}, calibrated at a prevalence of"
            f" {one['prevalence']:.3f} ({one['method']}), threshold {one['threshold']:.3f}: {rates}"
        )
    findings = [name for name in supported if name != "Any abnormality"]
    streams.say(f"{len(findings)} of 14 findings supported")
