"""The findings network's end of the line: exported, calibrated, measured, described.

Calibration is fitted on validation patients, its uncertainty and every figure come from test patients, and all of it is
computed from the exported file, so that the card describes what is shipped.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from lucidray.datasets.manifest import Split
from lucidray.evaluation.calibration import Platt, counting_threshold, fit_platt, resampled_platt, shared_slope
from lucidray.models.prepare import square
from lucidray.training.films import OUTPUTS, Films, film01
from lucidray.training.findings_measure import HeldOut, folder_means, output_figures
from lucidray.training.findings_page import page
from lucidray.training.findings_pointing import MapScale, boxed_maps, choose_cut, pointing_figures

NAME, VERSION = "lucidray-findings", "2"
FLOORS = {"nih": 0.81, "nih_small": 0.74}
SUPPORTED_POSITIVES = 25
SUPPORTED_AUROC = 0.6
_BOOTSTRAP_FITS = 200
_SHARED_POSITIVES = 25  # an output helps to set the shared slope from this many validation positives on
_BATCH = 32
_PAIR = re.compile(r"\[\s+(-?[\d.e+-]+),\s+(-?[\d.e+-]+)\s+\]")  # hundreds of pairs read better one a line

# Films as decoded, (H, W) uint8 each, to logits (N, 16) and maps (N, 16, h, w).
Read = Callable[[Iterable[npt.NDArray[np.uint8]]], tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]]


def finish(onnx_path: Path, onnx_sha256: str, films: Films, data_dir: Path, run: dict[str, Any]) -> Path:
    """Calibrate and measure an exported network; write its card and its page beside it.

    Parameters
    ----------
    onnx_path : Path
        The exported network.
    onnx_sha256 : str
        Its hash.
    films : Films
        The films of the run.
    data_dir : Path
        Holds the boxes.
    run : dict
        Settings of the run that made the network; `size` is the side of its films, `sharpness` the r of each output.

    Returns
    -------
    Path of the card, `findings.json`; `findings.md` is beside it.
    """
    card = describe(_reader(onnx_path, run["size"]), films, data_dir, run) | {"onnx_sha256": onnx_sha256}
    path = onnx_path.with_suffix(".json")
    path.write_text(_PAIR.sub(r"[\1, \2]", json.dumps(card, indent=1)) + "\n", encoding="utf-8")
    onnx_path.with_suffix(".md").write_text(page(card), encoding="utf-8")
    return path


def _reader(onnx_path: Path, size: int) -> Read:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(onnx_path), providers=["CPUExecutionProvider"])

    def read(films: Iterable[npt.NDArray[np.uint8]]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        logits, maps = [], []
        for batch in _batches(square(film01(film), size) for film in films):
            answer = session.run(["logits", "maps"], {"film": np.stack(batch)[:, None]})
            logits.append(answer[0])
            maps.append(answer[1])
        return np.concatenate(logits), np.concatenate(maps)

    return read


def _batches(films: Iterator[npt.NDArray[np.float32]]) -> Iterator[list[npt.NDArray[np.float32]]]:
    while batch := list(islice(films, _BATCH)):
        yield batch


def describe(read: Read, films: Films, data_dir: Path, run: dict[str, Any]) -> dict[str, Any]:
    """Compute everything that the card says, except the hash of the file."""
    validation_rows, test_rows = films.of("validation"), films.of("test")

    def read_rows(
        rows: Sequence[int] | npt.NDArray[np.int64],
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        return read(films.cache[int(row)] for row in rows)

    validation_logits, validation_maps = read_rows(validation_rows)
    validation = HeldOut([films.rows[row] for row in validation_rows], films.known[validation_rows], validation_logits)
    test = HeldOut([films.rows[row] for row in test_rows], films.known[test_rows], read_rows(test_rows)[0])
    slope = _shared_slope(validation)
    scales = [_map_scale(validation, validation_maps, output) for output in range(len(OUTPUTS))]
    boxed = boxed_maps(data_dir, films.rows, films.cache.shapes, lambda rows: read_rows(rows)[1], scales)
    cut = choose_cut(boxed)
    blank = read([np.zeros((8, 8), dtype=np.uint8)])[0][0]
    outputs = []
    for output, name in enumerate(OUTPUTS):
        calibrated = _calibrate(validation, test, films, output, slope)
        probability = calibrated.platt.probability(test.logits[:, output])
        figures = output_figures(test, output, probability, calibrated.threshold)
        reason = _why_unsupported(figures, calibrated.threshold_reason)
        scale = scales[output]
        outputs.append(
            {
                "name": name,
                "a": _short(calibrated.platt.a),
                "b": _short(calibrated.platt.b),
                "bootstrap": [[_short(fit.a), _short(fit.b)] for fit in calibrated.resampled],
                "threshold": _short(calibrated.threshold),
                "prevalence": _short(calibrated.prevalence),
                "supported": reason is None,
                "unsupported_reason": reason,
                "sharpness": _short(run["sharpness"][output]),
                "map_low": _short(scale.low),
                "map_high": _short(scale.high),
                "map_cut": _short(scale.at(cut["value"])),
                "map_part_of_peak": cut["part_of_peak"],
                "map_scale": _map_moments(validation, validation_maps, output),
                "validation_positive": calibrated.positive,
                "control_blank_film": _short(float(calibrated.platt.probability(blank[[output]])[0])),
                **figures,
            }
        )
    return {
        "name": NAME,
        "version": VERSION,
        "input_size": run["size"],
        "map_size": run["size"] // 16,
        "outputs": outputs,
        "shared_slope": _short(slope),
        "means": {source: {**mean, "floor": FLOORS[source]} for source, mean in folder_means(test).items()},
        "region_cut": cut,
        "pointing": pointing_figures(boxed, cut["value"], cut["part_of_peak"]),
        "training": _training(films, run),
    }


def _shared_slope(validation: HeldOut) -> float:
    logits, truths = [], []
    for output in range(len(OUTPUTS)):
        rows = validation.rows(output)
        truth = validation.truth[rows, output]
        if _SHARED_POSITIVES <= truth.sum() < len(truth):
            logits.append(validation.logits[rows, output])
            truths.append(truth)
    return shared_slope(logits, truths) if logits else 1.0


@dataclass(frozen=True)
class _Calibrated:
    """What is fitted for one output; `threshold_reason` says why it has no threshold worth the name."""

    platt: Platt
    resampled: list[Platt]
    threshold: float
    threshold_reason: str | None
    prevalence: float
    positive: int


def _calibrate(validation: HeldOut, test: HeldOut, films: Films, output: int, slope: float) -> _Calibrated:
    prevalence = _prevalence(films, output)
    rows, test_rows = validation.rows(output), test.rows(output)
    truth, test_truth = validation.truth[rows, output], test.truth[test_rows, output]
    # The share of positives among a thousand validation films is a rougher guess than that among all films outside the
    # test split, so the intercept is moved to the latter; resampled fits move from the test share in the same way.
    platt = fit_platt(validation.logits[rows, output], truth, shared_slope=slope)
    platt = platt.at_prevalence(_smoothed(truth), prevalence)
    resampled = resampled_platt(
        test.logits[test_rows, output], test_truth, test.patient[test_rows], shared_slope=slope, times=_BOOTSTRAP_FITS
    )
    resampled = [fit.at_prevalence(_smoothed(test_truth), prevalence) for fit in resampled]
    if truth.all() or not truth.any():
        return _Calibrated(platt, resampled, 1.0, "no validation film of one class", prevalence, int(truth.sum()))
    threshold = counting_threshold(platt.probability(validation.logits[rows, output]), prevalence)
    return _Calibrated(platt, resampled, threshold, None, prevalence, int(truth.sum()))


def _smoothed(truth: npt.NDArray[np.bool_]) -> float:
    return float((truth.sum() + 1) / (len(truth) + 2))


def _prevalence(films: Films, output: int) -> float:
    """Share of positives among training and validation films of the folders that were collected with their findings."""
    chosen = np.array([film.split != "test" and film.source != "adult_normal" for film in films.rows])
    chosen &= films.known[:, output]
    return _smoothed(films.targets[chosen, output] > 0.5)


def _why_unsupported(figures: dict[str, Any], threshold_reason: str | None) -> str | None:
    if threshold_reason is not None:
        return threshold_reason
    positive, ranking = figures["n_positive"], figures["auroc"]
    if positive < SUPPORTED_POSITIVES:
        return f"only {positive} positive test films (at least {SUPPORTED_POSITIVES} are needed)"
    if ranking is None or ranking["low"] <= SUPPORTED_AUROC:
        low = "none" if ranking is None else f"{ranking['low']:.2f}"
        return f"the test AUROC may be as low as {low} (it must exceed {SUPPORTED_AUROC})"
    return None


def _map_scale(validation: HeldOut, maps: npt.NDArray[np.float32], output: int) -> MapScale:
    """Low: the median map value on films without the finding. High: the median peak on films that have it."""
    rows = validation.rows(output)
    truth = validation.truth[rows, output]
    values = maps[rows, output]
    without = values[~truth] if (~truth).any() else values
    peaks = (values[truth] if truth.any() else values).max(axis=(1, 2))
    low, high = float(np.median(without)), float(np.median(peaks))
    return MapScale(low, max(high, low + 1e-3))


def _map_moments(validation: HeldOut, maps: npt.NDArray[np.float32], output: int) -> dict[str, float | None]:
    rows = validation.rows(output)
    values, positive = maps[rows, output], maps[rows[validation.truth[rows, output]], output]
    return {
        "mean": _short(float(values.mean())),
        "std": _short(float(values.std())),
        "mean_positive": _short(float(positive.mean())) if len(positive) else None,
        "std_positive": _short(float(positive.std())) if len(positive) else None,
    }


def _training(films: Films, run: dict[str, Any]) -> dict[str, Any]:
    used = np.asarray(films.known.any(axis=1))
    rows_of: dict[Split, npt.NDArray[np.int64]] = {split: films.of(split) for split in get_args(Split)}
    counts = {
        split: {
            "films": int(used[rows].sum()),
            "patients": len({films.rows[row].patient for row in rows if used[row]}),
            "folders": {
                source: int(sum(films.rows[row].source == source for row in rows if used[row]))
                for source in ("nih_small", "nih", "adult_normal", "paediatric")
            },
        }
        for split, rows in rows_of.items()
    }
    return {
        "data": [
            "NIH ChestX-ray14, NIH Clinical Center (Wang et al., CVPR 2017)",
            "RSNA 2018 normal films of the same, through the COVID-19 Radiography Database",
            "Kermany et al. 2018, CC BY 4.0",
        ],
        "splits": counts,
        "near_repeats_dropped": films.dropped,
        "members": run["members"],
    }


def _short(value: float) -> float:
    return float(f"{value:.5g}")
