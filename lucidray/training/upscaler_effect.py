"""What the findings network makes of films that were small and were upscaled: calibrated again, measured, written down.

Whole films are reduced as collections of small films are made (Pillow's bicubic with antialiasing, 8 bits), upscaled by
the method and read. Calibration is fitted on validation patients, its uncertainty and every figure come from test
patients: the rules by which a finding counts as supported are those of the findings card.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from lucidray.domain.errors import ModelError
from lucidray.domain.protocols import Upscaler
from lucidray.evaluation.calibration import Platt, counting_threshold, fit_platt, resampled_platt
from lucidray.evaluation.measures import expected_calibration_error, sensitivity_specificity
from lucidray.imaging.upscaling import READABLE_SIDE_PX, chain
from lucidray.models.onnx_session import start
from lucidray.models.prepare import square
from lucidray.models.upscaled_card import FILE
from lucidray.models.weights_file import open_weights
from lucidray.training.films import OUTPUTS, Films, film01, gather
from lucidray.training.findings_card import _shared_slope, _short, _smoothed, _why_unsupported
from lucidray.training.findings_measure import HeldOut, _figure, _ranking
from lucidray.training.findings_pointing import MapScale
from lucidray.training.upscaled_page import page

Array = npt.NDArray[np.float32]
Report = Callable[[str], None]

SIDES_PX = (28, 56, 112)
_BATCH = 32
_FITS = 60
_PAIR = re.compile(r"\[\s+(-?[\d.e+-]+),\s+(-?[\d.e+-]+)\s+\]")  # hundreds of pairs read better one a line


def small_film(pixels: npt.NDArray[np.uint8], side: int) -> Array:
    """Reduce a film to a shorter side of `side` pixels, as float32 in [0, 1] with 256 grey values."""
    rows, columns = pixels.shape
    factor = side / min(rows, columns)
    size = (max(side, round(columns * factor)), max(side, round(rows * factor)))
    small = Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC)
    return film01(np.asarray(small))


def read_small(
    films: Iterator[npt.NDArray[np.uint8]], session: Any, size: int, upscaler: Upscaler, side: int
) -> tuple[Array, Array]:
    """Read films after they were reduced and upscaled.

    Returns
    -------
    logits : (N, 16) float32
    maps : (N, 16, h, w) float32
    """
    logits, maps = [], []
    prepared = (square(chain(small_film(film, side), upscaler)[-1], size) for film in films)
    while batch := list(islice(prepared, _BATCH)):
        answer = session.run(["logits", "maps"], {"film": np.stack(batch)[:, None]})
        logits.append(answer[0])
        maps.append(answer[1])
    return np.concatenate(logits), np.concatenate(maps)


def measure(
    data_dir: Path,
    cache_dir: Path,
    weights: Path,
    upscalers: Sequence[Upscaler],
    out: Path,
    *,
    sides: Sequence[int] = SIDES_PX,
    limit: int | None = None,
    report: Report | None = None,
) -> Path:
    """Calibrate and measure the findings network on upscaled films, one entry a method and side.

    Parameters
    ----------
    data_dir, cache_dir : Path
        The training films; where decoded ones are kept.
    weights : Path
        Folder with `findings.onnx` and its card.
    upscalers : sequence of Upscaler
    out : Path
        Folder that `upscaled.json` is written to; entries of other methods and sides that are there, and were fitted to
        the same weights, stay.
    sides : sequence of int
        To which films are reduced.
    limit : int, optional
        Few films only, to try things.
    report : callable, optional

    Returns
    -------
    Path of the card; its page, `upscaled.md`, is beside it.
    """
    say = report or (lambda _: None)
    findings = open_weights(weights, "findings")
    session = start(findings.path, 1, "cpu")
    films = gather(data_dir, cache_dir, limit)
    card = _existing(out / FILE, findings.sha256)
    say("reading the test films whole")
    card["whole"] = whole_figures(films, session, int(findings.card["input_size"]))
    for upscaler in upscalers:
        for side in sides:
            say(f"reading films of {side} px upscaled by {upscaler.name}")
            entry = _entry(films, session, findings.card, upscaler, side)
            entry["measured"] = summary(entry, card["whole"])
            kept = [e for e in card["entries"] if (e["method"], e["side_px"]) != (upscaler.name, side)]
            card["entries"] = sorted([*kept, entry], key=lambda e: (e["method"], e["side_px"]))
            out.mkdir(parents=True, exist_ok=True)
            write(card, out)
            told = entry["measured"]
            say(f"{told['findings']} findings supported: AUROC {told['auroc']}, whole films {told['auroc_whole']}")
    return out / FILE


def write(card: dict[str, Any], out: Path) -> None:
    """Write the card and its page into a folder."""
    text = _PAIR.sub(r"[\1, \2]", json.dumps(card, indent=1))
    (out / FILE).write_text(text + "\n", encoding="utf-8")
    (out / FILE).with_suffix(".md").write_text(page(card), encoding="utf-8")


def _existing(path: Path, sha256: str) -> dict[str, Any]:
    empty: dict[str, Any] = {"findings_sha256": sha256, "readable_side_px": READABLE_SIDE_PX, "entries": []}
    if not path.is_file():
        return empty
    try:
        card: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return card if card["findings_sha256"] == sha256 else empty
    except (ValueError, KeyError) as error:
        raise ModelError(f"{path} cannot be read: {type(error).__name__}") from error


def _entry(films: Films, session: Any, card: dict[str, Any], upscaler: Upscaler, side: int) -> dict[str, Any]:
    held_out = {}
    maps = np.empty(0, dtype=np.float32)
    for split in ("validation", "test"):
        rows = films.of(split)
        rows = rows[films.known[rows].any(axis=1)]
        logits, seen = read_small(
            (films.cache[int(row)] for row in rows), session, int(card["input_size"]), upscaler, side
        )
        held_out[split] = HeldOut([films.rows[row] for row in rows], films.known[rows], logits)
        maps = seen if split == "validation" else maps
    validation, test = held_out["validation"], held_out["test"]
    slope = _shared_slope(validation)
    outputs = {name: _output(validation, test, maps, card, output, slope) for output, name in enumerate(OUTPUTS)}
    return {
        "method": upscaler.name,
        "upscaler_sha256": upscaler.used.sha256,
        "side_px": side,
        "films": len(test.patient),
        "shared_slope": _short(slope),
        "outputs": outputs,
    }


def whole_figures(films: Films, session: Any, size: int) -> dict[str, Any]:
    """Return the AUROC of each output on the same test films whole, each with its interval; None where too few."""
    rows = films.of("test")
    rows = rows[films.known[rows].any(axis=1)]
    logits = []
    prepared = (square(film01(films.cache[int(row)]), size) for row in rows)
    while batch := list(islice(prepared, _BATCH)):
        logits.append(session.run(["logits"], {"film": np.stack(batch)[:, None]})[0])
    test = HeldOut([films.rows[row] for row in rows], films.known[rows], np.concatenate(logits))
    return {name: _ranking(test, output, test.rows(output), test.logits[test.rows(output), output])
            for output, name in enumerate(OUTPUTS)}  # fmt: skip


def summary(entry: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    """Return what a reading says of an entry: the mean AUROC over the findings that it supports, and of whole films."""
    outputs = entry["outputs"]
    supported = [name for name in OUTPUTS[:14] if outputs[name]["supported"] and outputs[name]["auroc"] and whole[name]]
    small = [outputs[name]["auroc"]["value"] for name in supported]
    return {
        "side_px": entry["side_px"],
        "films": entry["films"],
        "findings": len(supported),
        "auroc": round(float(np.mean(small)), 3) if supported else None,
        "auroc_whole": round(float(np.mean([whole[name]["value"] for name in supported])), 3) if supported else None,
    }


def _output(
    validation: HeldOut, test: HeldOut, maps: Array, card: dict[str, Any], output: int, slope: float
) -> dict[str, Any]:
    """Calibrate one output as the findings card does, and say what it is worth."""
    prevalence = float(card["outputs"][output]["prevalence"])
    rows, test_rows = validation.rows(output), test.rows(output)
    truth, test_truth = validation.truth[rows, output], test.truth[test_rows, output]
    platt = fit_platt(validation.logits[rows, output], truth, shared_slope=slope)
    platt = platt.at_prevalence(_smoothed(truth), prevalence)
    fits = resampled_platt(
        test.logits[test_rows, output], test_truth, test.patient[test_rows], shared_slope=slope, times=_FITS
    )
    fits = [fit.at_prevalence(_smoothed(test_truth), prevalence) for fit in fits]
    one_class = "no validation film of one class" if truth.all() or not truth.any() else None
    threshold = 1.0 if one_class else counting_threshold(platt.probability(validation.logits[rows, output]), prevalence)
    probability = platt.probability(test.logits[:, output])
    figures = {
        "n": len(test_rows),
        "n_positive": int(test_truth.sum()),
        "auroc": _ranking(test, output, test_rows, test.logits[test_rows, output]),
        "ece": _figure(expected_calibration_error, test_truth, probability[test_rows], test.patient[test_rows]),
    }
    # What cannot be told on whole films is never claimed on small ones, whatever chance says here.
    reason = card["outputs"][output]["unsupported_reason"] or _why_unsupported(figures, one_class)
    scale = _scale(validation, maps, rows, output)
    called = probability[test_rows] >= threshold
    sensitivity, specificity = sensitivity_specificity(test_truth, called)
    return {
        "a": _short(platt.a),
        "b": _short(platt.b),
        "bootstrap": [[_short(fit.a), _short(fit.b)] for fit in fits],
        "threshold": _short(threshold),
        "prevalence": _short(prevalence),
        "supported": reason is None,
        "unsupported_reason": reason,
        "map_low": _short(scale.low),
        "map_high": _short(scale.high),
        "map_cut": _short(scale.at(card["region_cut"]["value"])),
        "n": figures["n"],
        "n_positive": figures["n_positive"],
        "auroc": figures["auroc"],
        "control_shuffled_films": _ranking(
            test,
            output,
            test_rows,
            test.logits[test_rows, output][np.random.default_rng(output).permutation(len(test_rows))],
        ),
        "ece": figures["ece"],
        "ece_uncalibrated_again": _ece_as_whole(test, test_rows, test_truth, card, output),
        "sensitivity": None if np.isnan(sensitivity) else round(sensitivity, 4),
        "specificity": None if np.isnan(specificity) else round(specificity, 4),
    }


def _ece_as_whole(
    test: HeldOut, rows: npt.NDArray[np.int64], truth: npt.NDArray[np.bool_], card: dict[str, Any], output: int
) -> float | None:
    """Return the calibration error that the shipped calibration, fitted to whole films, would have here."""
    if not len(rows):
        return None
    entry = card["outputs"][output]
    probability = Platt(float(entry["a"]), float(entry["b"])).probability(test.logits[rows, output])
    return round(expected_calibration_error(truth, probability), 4)


def _scale(validation: HeldOut, maps: Array, rows: npt.NDArray[np.int64], output: int) -> MapScale:
    truth, values = validation.truth[rows, output], maps[rows, output]
    without = values[~truth] if (~truth).any() else values
    peaks = (values[truth] if truth.any() else values).max(axis=(1, 2))
    low, high = float(np.median(without)), float(np.median(peaks))
    return MapScale(low, max(high, low + 1e-3))
