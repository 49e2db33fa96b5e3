"""`lucidray evaluate findings`: how well the findings are told, on films with labels."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lucidray.cli import evaluating, streams
from lucidray.cli.session import Session, pass_session

if TYPE_CHECKING:
    from lucidray.domain.protocols import Classifier, Segmenter
    from lucidray.evaluation.collection import Film
    from lucidray.evaluation.predict import Said
    from lucidray.settings import Settings

_RULES = click.Choice(["leave-out", "negative", "positive"])


@click.command("findings", short_help="AUROC, AUPRC, sensitivity, F1, calibration, by group, with controls and plots.")
@evaluating.data_options
@evaluating.options
@click.option(
    "--predictions",
    "given",
    type=click.Path(path_type=Path),
    metavar="CSV",
    help="Evaluate these probabilities of any model (image, one column a finding) instead of reading the films.",
)
@evaluating.classifier_options
@click.option("--calibration", type=click.Path(path_type=Path), metavar="FILE", help="As `read --calibration`.")
@click.option(
    "--uncertain", type=_RULES, default="leave-out", show_default=True, help="What uncertain labels count as."
)
@click.option(
    "--unsaid", type=_RULES, default="leave-out", show_default=True, help="What findings count as that nobody spoke of."
)
@click.option("--resamples", type=click.IntRange(20), default=500, show_default=True, help="Behind each interval.")
@click.option(
    "--mean-positives",
    type=click.IntRange(1),
    default=10,
    show_default=True,
    help="Positive films that a finding needs to enter a source's mean.",
)
@click.option(
    "--shortcuts", type=click.IntRange(1), metavar="N", help="Also send N films through the paths of other folders."
)
@pass_session
def command(
    session: Session,
    /,
    data: tuple[Path, ...],
    images: Path | None,
    label_format: str | None,
    split: str | None,
    out: Path | None,
    limit: int | None,
    workers: int,
    weights: Path | None,
    given: Path | None,
    classifier: str | None,
    device: str | None,
    calibration: Path | None,
    uncertain: Any,
    unsaid: Any,
    resamples: int,
    mean_positives: int,
    shortcuts: int | None,
) -> None:
    """Measure how well the findings are told, on films with labels.

    Label files of NIH, PadChest, CheXpert, MIMIC-CXR, VinBigData, RSNA, SIIM and Open-i are known by their headers; a
    plain one has a column `image` and one column a finding with 1, 0, -1 (uncertain) or nothing.

    With --out a run that breaks off goes on where it stopped. Without, the JSON goes to stdout.
    """
    evaluating.need_extra()
    from lucidray.evaluation import findings
    from lucidray.evaluation.page import findings_page
    from lucidray.evaluation.scored import Scored

    settings = session.settings(weights=weights, classifier=classifier, device=device, calibration=calibration)
    collection, films = evaluating.labelled(data, images, label_format, split, limit, need_images=given is None)
    evaluating.warn_of(collection)
    missing = list(collection.missing)
    if given is not None:
        from lucidray.evaluation.predictions import read_given

        said, faults = read_given(given, films)
        missing += faults
        used, blank, moved = [], None, None
    else:
        segmenter, scorer = evaluating.models(settings)
        used = [segmenter.used, scorer.used]
        said = predict(films, segmenter, scorer, settings, out, workers)
        blank = _blank(scorer)
        moved = _shortcuts(films, said, segmenter, scorer, shortcuts) if shortcuts else None
    scored = Scored(films, said, uncertain=uncertain, unsaid=unsaid)
    result = evaluating.head("findings", used, split)
    result |= {
        "options": {
            "uncertain": uncertain,
            "unsaid": unsaid,
            "resamples": resamples,
            "limit": limit,
            "predictions": given and given.name,
        },
        "films": {
            "labelled": len(films) + len(collection.missing),
            "missing": len(missing),
            **{name: scored.outcomes.get(name, 0) for name in ("assessed", "refused", "unreadable")},
        },
        "patients": len(set(scored.patients.tolist())) if scored.patients_known else None,
    }
    with evaluating.bar(len(scored.targets()) + 1, settings.color) as bar:

        def report(name: str) -> None:
            bar.begin(name)
            bar.advance()

        result |= findings.evaluate(
            scored, blank=blank, resamples=resamples, mean_positives=mean_positives, report=report
        )
    result |= {"shortcuts": moved, "not_assessed": findings.refusals(scored), "missing": missing[:200]}
    result["data"] = evaluating.told_data(collection)
    evaluating.write(out, "findings", result, partial(findings_page, result, scored))
    _tell(result)


def predict(
    films: "list[Film]",
    segmenter: "Segmenter",
    classifier: "Classifier",
    settings: "Settings",
    out: Path | None,
    workers: int,
) -> "dict[str, Said]":
    """Score films with a bar; predictions are kept in `out`, where one is named."""
    from lucidray.evaluation.predict import say, see
    from lucidray.evaluation.predictions import Cache
    from lucidray.evaluation.run import predict_all
    from lucidray.imaging.limits import Limits

    limits = Limits(max_pixels=settings.max_pixels, max_bytes=settings.max_bytes)
    used = classifier.used
    models = [segmenter.used.sha256, used.sha256, used.calibration_sha256, settings.prevalence]
    cache = Cache(out, " ".join(str(one)[:16] for one in models if one))
    with evaluating.bar(len(films), settings.color) as bar:

        def done(film: "Film") -> None:
            bar.begin(film.key)
            bar.advance()

        return predict_all(
            films,
            lambda film: say(see(film, segmenter, classifier, limits=limits)),
            cache,
            workers=workers,
            done=done,
        )


def _blank(classifier: "Classifier") -> dict[str, float]:
    """Ask the classifier about a film without content; the gate would never let it through."""
    import numpy as np

    from lucidray.domain.radiograph import Radiograph
    from lucidray.evaluation.predict import by_name

    film = Radiograph(pixels=np.zeros((512, 512), dtype=np.float32), name="blank film", format="array")
    prediction = classifier.predict(film)
    scores = by_name(prediction)
    return {name: score.probability for name, score in scores.items() if score.probability is not None}


def _shortcuts(
    films: "list[Film]", said: "dict[str, Said]", segmenter: "Segmenter", classifier: "Classifier", count: int
) -> dict[str, Any]:
    from lucidray.evaluation.collection import limited
    from lucidray.evaluation.shortcuts import PATHS, measure

    chosen = limited([film for film in films if said[film.key].outcome == "assessed"], count)
    with evaluating.bar(len(chosen) * len(PATHS)) as bar:
        return measure(chosen, segmenter, classifier, done=bar.advance)


def _tell(result: dict[str, Any]) -> None:
    from lucidray.evaluation.page import figure

    counts = result["films"]
    streams.say(
        f"{counts['assessed']:,} films assessed, {counts['refused']:,} refused, {counts['unreadable']:,} unreadable,"
        f" {counts['missing']:,} missing"
    )
    for name, found in result["findings"].items():
        figures = found["figures"]
        told = "too few films" if figures is None else f"AUROC {figure(figures['auroc'])}"
        if figures is not None and "ece" in figures:
            told += f", ECE {figure(figures['ece'], 3)}"
        elif figures is not None:
            told += ", ranked only: the model shows no probability"
        streams.say(f"{name:<20} {found['n_positive']:>6,} of {found['n']:>7,}  {told}")
    for source, mean in result["means"].items():
        view = mean["view_alone_auroc"]
        told = "" if view is None else f", view alone {view:.2f}"
        streams.say(f"mean AUROC over {mean['told']} findings, {source}: {figure(mean['auroc'])}{told}")
