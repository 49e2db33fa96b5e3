"""`train findings --backbone`: any network of timm on a prepared collection, to weights that `read` takes by name."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from lucidray.datasets.manifest import Manifest, read_manifest
from lucidray.domain.reading import ModelUsed
from lucidray.models.preparation import Preparation
from lucidray.training import backbone_calibration, backbone_export, backbone_measure
from lucidray.training.backbone_config import Config, wanted
from lucidray.training.backbone_films import Films, Shown, limited, prepared, taught
from lucidray.training.backbone_loop import Loop, start_accelerator
from lucidray.training.backbone_network import build, preparation_of, set_priors
from lucidray.training.run_folder import Report, RunFolder, check_splits, describe

_CHECKED_FILMS = 8


def train(
    data: Path,
    run_dir: Path,
    config: Config,
    *,
    resume: bool = False,
    cache_dir: Path | None = None,
    report: Report | None = None,
) -> Path:
    """Train, calibrate, measure and export a classifier.

    Parameters
    ----------
    data : Path
        A prepared collection: its folder, or its manifest.
    run_dir : Path
        Receives the run; see `run_folder`, and `onnx/`, `timm/`, `findings.json`, `findings.html`, `plots/`.
    config : Config
    resume : bool
        Go on from the checkpoint; the result is that of a run that was never stopped.
    cache_dir : Path, optional
        Where decoded films are kept; inside `run_dir` where not given.
    report : callable, optional
        Receives one line of progress at a time.

    Returns
    -------
    Path
        The folder that `--classifier onnx:FOLDER` takes.

    Raises
    ------
    InputError
        The manifest or a film cannot be read.
    UsageError
        A setting makes no sense, or the films cannot teach or validate what is asked for.
    ModelError
        Weights cannot be had, or do not fit.
    """
    accelerator = start_accelerator(config)
    main = accelerator.is_main_process
    say: Report = report if report is not None and main else lambda _: None
    preparation = preparation_of(config.backbone, config.size)
    manifest = limited(read_manifest(data), config.limit)
    check_splits(manifest)
    outputs = taught(manifest.of("train"), wanted(config.task), config.uncertain, config.min_positives)
    untaught = [name for name in wanted(config.task) if name not in outputs]
    if untaught:
        say(f"left out, with too few training films of a class: {', '.join(untaught)}")
    size = preparation.size[0]
    folder = RunFolder(
        run_dir,
        {**asdict(config), "size": size, "outputs": list(outputs)},
        describe(manifest, data, _counts(manifest, outputs)),
        resume=resume,
        writes=main,
    )
    accelerator.wait_for_everyone()
    folder.begin()
    if main and not folder.has_board:
        say("no TensorBoard here: metrics.jsonl has the measures (pip install 'lucidray[train]')")
    with accelerator.main_process_first():
        films = prepared(manifest, outputs, config.uncertain, preparation, cache_dir or run_dir / "cache", say)
    # The head's first numbers; a checkpoint brings its own.
    _seed(config.seed)
    # A resumed run has no use for weights that would have to be fetched.
    first = "none" if resume else config.weights
    network = build(config.backbone, first, len(outputs), size, config.dropout, (lambda _: None) if resume else say)
    set_priors(network, _prevalence(films))
    loop = Loop(network, films, preparation, config, accelerator)
    if resume:
        loop.load(folder.load(accelerator.device))
        folder.forget_after(loop.step // loop.epoch_steps)
        say(f"going on after step {loop.step} of {loop.total}")
    loop.run(folder, say)
    folder.close()
    loop.take_best()
    say(f"calibrating and measuring the weights of epoch {loop.best_epoch}")
    _finish(loop, films, preparation, config, run_dir, say)
    return run_dir / "onnx"


def _finish(loop: Loop, films: Films, preparation: Preparation, config: Config, run_dir: Path, say: Report) -> None:
    population = backbone_calibration.population_of(films)
    fitted = backbone_calibration.of_population(films, "validation", population)
    tested = backbone_calibration.of_population(films, "test", population)
    left_out = len(films.of("test")) - len(tested)
    validation, test = loop.predict(fitted), loop.predict(tested)
    if not loop.accelerator.is_main_process:
        return
    shown = Shown(films, films.of("validation")[:_CHECKED_FILMS], preparation)
    hashes = backbone_export.export(
        loop.plain,
        run_dir,
        films.outputs,
        preparation,
        config,
        adults_only=not any(backbone_calibration.is_child(films, int(row)) for row in films.of("train")),
        films=np.stack([shown[number][0].numpy() for number in range(len(shown))]),
        # Of weights from a file nobody knows what they learnt from.
        learnt_from=films.learnt_from if config.weights in ("imagenet", "none") else [],
    )
    entries, reason = backbone_calibration.fit(films, validation, fitted, config.threshold)
    if reason is None:
        backbone_export.calibrate(run_dir, hashes, entries, population, len(fitted))
    else:
        say(f"not calibrated, so that no probability will be shown: {reason}")
    for name, entry in entries.items():
        if entry["unsupported_reason"] is not None:
            say(f"{name} stays unsupported: {entry['unsupported_reason']}")
    one = backbone_measure.scored(films, tested, test, entries, config.uncertain)
    model = ModelUsed(
        role="findings",
        name=f"{config.backbone} {config.task}",
        version=hashes["onnx"][:12],
        sha256=hashes["onnx"],
        device=loop.accelerator.device.type,
    )
    result = backbone_measure.measure(
        one,
        blank=_blank(loop, films, preparation, entries),
        model=model.model_dump(),
        uncertain=config.uncertain,
        uncalibrated=reason,
        left_out=left_out,
    )
    if config.task.startswith("disease"):
        result["any_of_them"] = backbone_measure.union(films, tested, test)
    plots = backbone_measure.write(run_dir, result, one)
    for line in backbone_measure.told(result):
        say(line)
    say(f"wrote {run_dir / 'findings.html'} and {len(plots)} plots")


def _blank(loop: Loop, films: Films, preparation: Preparation, entries: dict[str, Any]) -> dict[str, float]:
    """Ask the network about a film without content."""
    side = preparation.size[0]
    nothing = Films(films.rows[:1], np.zeros((1, side, side), np.uint8), films.truth[:1], films.outputs)
    image, _, _ = Shown(nothing, np.array([0]), preparation)[0]
    import torch

    with torch.inference_mode():
        logits = loop.plain.cpu()(image[None]).float().numpy()
    (answer,) = backbone_calibration.said(films.outputs, logits, entries)
    return answer.probability


def _prevalence(films: Films) -> np.ndarray[Any, Any]:
    truth = films.truth[films.of("train")]
    positive, known = (truth == 1).sum(axis=0), (~np.isnan(truth)).sum(axis=0)
    return np.asarray((positive + 1) / (known + 2), dtype=np.float64)


def _counts(manifest: Manifest, outputs: tuple[str, ...]) -> dict[str, dict[str, int]]:
    return {
        split: {name: sum(film.truth.get(name) == "positive" for film in manifest.of(split)) for name in outputs}
        for split in ("train", "validation", "test")
    }


def _seed(seed: int) -> None:
    import torch

    torch.manual_seed(seed)
