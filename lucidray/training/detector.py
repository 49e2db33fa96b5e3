"""`train detector`: boxes of a prepared collection, to an ONNX file that `read --localizer` takes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from safetensors.torch import save_file

from lucidray.datasets.manifest import Manifest, read_manifest
from lucidray.domain.box import Box
from lucidray.domain.errors import ModelError
from lucidray.domain.radiograph import ADULT_AGE_YEARS
from lucidray.domain.reading import NOTICE
from lucidray.evaluation import detection, localization
from lucidray.evaluation.detection import BoxedFilm
from lucidray.evaluation.segmentation import share
from lucidray.training.backbone_loop import start_accelerator
from lucidray.training.detector_config import Config
from lucidray.training.detector_films import BoxedFilms, chosen, classes_of, prepared
from lucidray.training.detector_loop import Loop, boxed
from lucidray.training.detector_networks import build
from lucidray.training.export import write_onnx
from lucidray.training.run_folder import Report, RunFolder, check_splits, describe, write_text
from lucidray.version import VERSION

DEFAULT_CUT = 0.25
_TOLERANCE_PX = 0.5
_SHOWN_BOXES = 3


def train(
    data: Path,
    run_dir: Path,
    config: Config,
    *,
    resume: bool = False,
    cache_dir: Path | None = None,
    report: Report | None = None,
) -> Path:
    """Train, measure and export a detector.

    Parameters
    ----------
    data : Path
        A prepared collection whose manifest has boxes.
    run_dir : Path
        Receives the run, `detector.onnx`, `detector.safetensors` and `detection.json`.
    config : Config
    resume : bool
        Go on after the last whole epoch; the result is that of a run that was never stopped.
    cache_dir : Path, optional
        Where decoded films are kept; inside `run_dir` where not given.
    report : callable, optional
        Receives one line of progress at a time.

    Returns
    -------
    Path
        The file that `--localizer onnx:FILE` takes.

    Raises
    ------
    InputError
        The manifest or a film cannot be read, or boxes lie beside their film.
    UsageError
        A setting makes no sense, or there are too few boxes.
    ModelError
        Weights cannot be had or do not fit, or the export answers otherwise than the network.
    """
    accelerator = start_accelerator(config)
    main = accelerator.is_main_process
    say: Report = report if report is not None and main else lambda _: None
    manifest = read_manifest(data)
    check_splits(manifest)
    names = classes_of(manifest, config.min_boxes)
    films_of = chosen(manifest, names, config.normals, config.limit)
    say(f"findings with boxes: {', '.join(names)}")
    folder = RunFolder(
        run_dir,
        {**asdict(config), "names": list(names)},
        describe(films_of, data, _counts(films_of, names)),
        resume=resume,
        writes=main,
    )
    accelerator.wait_for_everyone()
    folder.begin()
    with accelerator.main_process_first():
        films = prepared(films_of, names, config.size, cache_dir or run_dir / "cache", say)
    torch.manual_seed(config.seed)
    first = Config(**{**asdict(config), "weights": "none"}) if resume else config
    loop = Loop(build(first, len(names), (lambda _: None) if resume else say), films, config, accelerator)
    if resume:
        loop.load(folder.load(accelerator.device))
        folder.forget_after(loop.step // loop.epoch_steps)
        say(f"going on after step {loop.step} of {loop.total}")
    loop.run(folder, say)
    folder.close()
    loop.take_best()
    path = run_dir / "detector.onnx"
    if main:
        say(f"exporting and measuring the weights of epoch {loop.best_epoch}")
        _finish(loop, films, config, path, say)
    return path


def _finish(loop: Loop, films: BoxedFilms, config: Config, path: Path, say: Report) -> None:
    cuts = _cuts(loop.answers(loop.validation), films.names)
    network = loop.plain.cpu().eval()
    adults = not any(film.age_years is not None and film.age_years < ADULT_AGE_YEARS for film in films.rows)
    save_file(
        {name: tensor.contiguous().clone() for name, tensor in network.state_dict().items()},
        path.with_suffix(".safetensors"),
    )
    sha256 = write_onnx(
        network,
        config.size,
        path,
        ("boxes",),
        channels=3,
        half=False,
        one_film=True,
        metadata=metadata(films.names, config.size, cuts, adults_only=adults),
    )
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    _check(network, session, films)
    # Measured by the file that is read with.
    tested = [_answer(session, films, int(row)) for row in films.of("test")]
    training = [
        (films.names[int(number)], _shares(corners, films.side))
        for row in films.of("train")
        for corners, number in zip(films.boxes[int(row)], films.classes[int(row)], strict=True)
    ]
    result = {
        "kind": "detection",
        "lucidray": VERSION,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "notice": NOTICE,
        "model": {"name": config.architecture, "sha256": sha256, "thresholds": cuts},
        "split": "test films of the run's manifest; thresholds are of its validation films",
        **measure(tested, training, films.names, cuts),
    }
    write_text(path.parent / "detection.json", json.dumps(result, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    for line in told(result):
        say(line)


def metadata(names: Sequence[str], size: int, cuts: Mapping[str, float], *, adults_only: bool) -> dict[str, str]:
    """Return what the exported file says of itself, in the words that Ultralytics' exports use."""
    return {
        "author": "lucidray",
        "description": "research use only, not for clinical diagnosis",
        "task": "detect",
        "names": json.dumps({str(number): name for number, name in enumerate(names)}),
        "imgsz": json.dumps([size, size]),
        "end2end": "true",
        "thresholds": json.dumps(dict(cuts)),
        "adults_only": json.dumps(adults_only),
    }


def measure(
    tested: Sequence[BoxedFilm], training: Sequence[tuple[str, Any]], names: Sequence[str], cuts: Mapping[str, float]
) -> dict[str, Any]:
    """Measure test films: mAP and its controls, pointing and IoU of the strongest boxes, boxes on normal films."""
    unseen = detection.controls(tested, training)
    drawn = [
        localization.DrawnBox(str(number), label, box, "")
        for number, film in enumerate(tested)
        for label, box in film.drawn
    ]
    answers: dict[tuple[str, str], localization.Answer] = {}
    for number, film in enumerate(tested):
        for label in names:
            boxes = [one.box for one in sorted(film.found, key=lambda one: -one.score) if one.label == label]
            middle = ((boxes[0].x0 + boxes[0].x1) / 2, (boxes[0].y0 + boxes[0].y1) / 2) if boxes else None
            answers[str(number), label] = localization.Answer(middle, tuple(boxes[:_SHOWN_BOXES]))
    references = [
        localization.DrawnBox(f"training {number}", label, box, "") for number, (label, box) in enumerate(training)
    ]
    normal = [film for film in tested if not film.drawn]
    called = sum(any(one.score >= cuts[one.label] for one in film.found) for film in normal)
    false_alarms = share(called, len(normal)) if normal else None
    return {
        "average_precision": detection.mean_precision(tested, names),
        "controls": {kind: detection.mean_precision(films, names)["mean"] for kind, films in unseen.items()},
        "pointing": localization.evaluate(drawn, answers, references) if drawn else None,
        "normal_films_with_a_box": None
        if false_alarms is None
        else {"value": false_alarms.value, "low": false_alarms.low, "high": false_alarms.high, "n": false_alarms.n},
    }


def told(result: Mapping[str, Any]) -> list[str]:
    """Say the figures."""
    precision, lines = result["average_precision"], []
    mean = precision["mean"]
    if not mean["findings"]:
        return ["no test film has a box: nothing could be measured"]
    for least in localization.IOU_OVER:
        key = f"ap_over_{least}"
        others = ", ".join(
            f"{kind.replace('_', ' ')} {one[key]['value']:.3f}" for kind, one in result["controls"].items()
        )
        lines.append(f"test mAP at IoU {least}: {_figure(mean[key])} on {mean['n']} boxes; {others}")
    point = result["pointing"]["groups"].get("all boxes", {}).get("pointing") if result["pointing"] else None
    if point is not None:
        lines.append(
            f"pointing: {_figure(point)} of {point['n']}; random box {point['random_box']:.3f},"
            f" usual place {point['usual_place']:.3f}"
        )
    alarms = result["normal_films_with_a_box"]
    if alarms is not None:
        lines.append(f"normal test films with a box: {_figure(alarms)} of {alarms['n']}")
    return lines


def _figure(found: Mapping[str, Any]) -> str:
    if found["low"] is None:
        return f"{found['value']:.3f} (no interval)"
    return f"{found['value']:.3f} ({found['low']:.3f} to {found['high']:.3f})"


def _cuts(films: Sequence[BoxedFilm], names: Sequence[str]) -> dict[str, float]:
    found = {name: detection.best_cut(films, name) for name in names}
    return {name: round(DEFAULT_CUT if cut is None else cut, 4) for name, cut in found.items()}


def _check(network: torch.nn.Module, session: Any, films: BoxedFilms) -> None:
    """Hold the file's boxes against the network's, on a film with boxes."""
    row = next((int(row) for row in films.of("validation") if len(films.classes[int(row)])), 0)
    film = _film(films, row)
    with torch.inference_mode():
        expected = network(torch.from_numpy(film)).numpy()[0]
    (answer,) = session.run(["boxes"], {"film": film})
    sure = min(10, int((expected[:, 4] > 0).sum()))
    # Equal scores may change places: compared are scores as such, and corners of each box with its nearest.
    off = float(np.abs(np.sort(answer[0, :, 4])[::-1] - np.sort(expected[:, 4])[::-1]).max())
    apart = [float(np.abs(answer[0, :, :4] - box[:4]).max(axis=1).min()) for box in expected[:sure]]
    if answer.shape[1:] != expected.shape or off > 1e-2 or max(apart, default=0.0) > _TOLERANCE_PX:
        raise ModelError(f"detector.onnx answers otherwise than the network (scores off by {off:.3g}): not usable")


def _answer(session: Any, films: BoxedFilms, row: int) -> BoxedFilm:
    (table,) = session.run(["boxes"], {"film": _film(films, row)})
    return boxed(films, row, table[0])


def _film(films: BoxedFilms, row: int) -> np.ndarray[Any, Any]:
    grey = films.pixels[row].astype(np.float32) / 255
    return np.ascontiguousarray(np.broadcast_to(grey, (1, 3, *grey.shape)))


def _shares(corners: Any, side: int) -> Box:
    return Box(*(float(edge) / side for edge in corners))


def _counts(manifest: Manifest, names: Sequence[str]) -> dict[str, dict[str, int]]:
    return {
        split: {
            f"boxes of {name}": sum(box.finding == name for film in manifest.of(split) for box in film.boxes)
            for name in names
        }
        for split in ("train", "validation", "test")
    }
