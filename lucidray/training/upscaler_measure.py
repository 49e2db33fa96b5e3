"""How near an upscaled film comes to the film that was made small: PSNR and SSIM against Lanczos and bicubic.

Held-out films are brought to a known size by area average, reduced by Pillow's bicubic to a quarter, rounded to 8 bits
and enlarged again. Differences between methods are taken film by film, so that the intervals are those of the gain.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from PIL import Image
from skimage.metrics import structural_similarity

from lucidray.domain.protocols import Segmenter, Upscaler
from lucidray.domain.radiograph import FloatImage
from lucidray.imaging.upscaling import READABLE_SIDE_PX, chain, check
from lucidray.training.upscaler_films import MEASURED_SMALL, OUTSIDE, UpscalerFilms, at_side, reduce
from lucidray.training.upscaler_network import FACTOR

START_SIDES_PX = (28, 56, 112)
SOURCES = ("nih", "wingspan", "tuberculosis", MEASURED_SMALL, OUTSIDE)
MOST_FILMS = 60  # of a source and size
LEAST_FILMS = 5  # fewer give no figure
_RESAMPLES = 1000
Method = Callable[[FloatImage], FloatImage]


def psnr_db(film: FloatImage, made: FloatImage) -> float:
    """Peak signal-to-noise ratio of (H, W) films in [0, 1], in dB; infinite where they are the same."""
    error = float(((film.astype(np.float64) - made) ** 2).mean())
    return float("inf") if error == 0 else -10 * float(np.log10(error))


def ssim(film: FloatImage, made: FloatImage) -> float:
    """Structural similarity in [-1, 1], Gaussian windows (Wang et al., IEEE Trans Image Process 13 (2004) 600)."""
    settings = {"data_range": 1.0, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    measured: Any = structural_similarity
    return float(measured(film, made, **settings))


def bicubic(pixels: FloatImage) -> FloatImage:
    """Enlarge by 4 with Pillow's bicubic."""
    rows, columns = pixels.shape
    large = Image.fromarray(pixels).resize((columns * FACTOR, rows * FACTOR), Image.Resampling.BICUBIC)
    return np.clip(np.asarray(large, dtype=np.float32), 0.0, 1.0)


def fidelity(films: UpscalerFilms, upscalers: Mapping[str, Method], most: int = MOST_FILMS) -> list[dict[str, Any]]:
    """Measure methods on held-out films, source by source and size by size.

    Parameters
    ----------
    films : UpscalerFilms
    upscalers : mapping
        By name; ``lanczos`` is what the others are compared with.
    most : int
        Films of a source and size.

    Returns
    -------
    list of dict
        One a source and small side: `n`, and for each method `psnr_db`, `ssim` and the gains over Lanczos, each with
        `value`, `low`, `high` (95 %, films resampled).
    """
    rows = []
    for source in SOURCES:
        for small_px in START_SIDES_PX:
            side = FACTOR * small_px
            held_out = [row for row in films.of("test", source) if min(films.cache.shapes[row]) >= side][:most]
            if len(held_out) < LEAST_FILMS:
                continue
            scores: dict[str, list[tuple[float, float]]] = {name: [] for name in upscalers}
            for row in held_out:
                film = at_side(films.cache[row], side)
                small = reduce(film, small_px)
                for name, enlarge in upscalers.items():
                    made = enlarge(small)
                    scores[name].append((psnr_db(film, made), ssim(film, made)))
            rows.append({"source": source, "small_px": small_px, "n": len(held_out), "methods": _figures(scores)})
    return rows


def _figures(scores: dict[str, list[tuple[float, float]]]) -> dict[str, Any]:
    base = np.array(scores["lanczos"])
    told = {}
    for name, pairs in scores.items():
        values = np.array(pairs)
        told[name] = {"psnr_db": mean_interval(values[:, 0]), "ssim": mean_interval(values[:, 1])}
        if name != "lanczos":
            told[name]["psnr_gain_db"] = mean_interval(values[:, 0] - base[:, 0])
            told[name]["ssim_gain"] = mean_interval(values[:, 1] - base[:, 1])
    return told


def mean_interval(values: Any, seed: int = 0) -> dict[str, float]:
    """Return the mean with its 95 % percentile interval over resampled films."""
    values = np.asarray(values, dtype=np.float64)
    rng = np.random.default_rng(seed)
    drawn = values[rng.integers(0, len(values), (_RESAMPLES, len(values)))].mean(axis=1)
    low, high = np.percentile(drawn, (2.5, 97.5))
    return {"value": round(float(values.mean()), 4), "low": round(float(low), 4), "high": round(float(high), 4)}


def gate_and_check(
    small_films: Mapping[str, list[FloatImage]], upscalers: Mapping[str, Upscaler], segmenter: Segmenter
) -> list[dict[str, Any]]:
    """Count how many small films the gate takes for a frontal chest film after upscaling, and how many keep the check.

    Parameters
    ----------
    small_films : mapping
        By the collection's name; (h, w) float32 in [0, 1] each.
    upscalers : mapping
    segmenter : Segmenter
        Its thresholds are the gate's.
    """
    told = []
    for collection, films in small_films.items():
        for name, upscaler in upscalers.items():
            chest, psnr, agreed = [], [], []
            for film in films:
                made = chain(film, upscaler, READABLE_SIDE_PX)[-1]
                _, appearance = segmenter.segment(made)
                chest.append(appearance.not_chest < segmenter.thresholds.not_chest)
                checked = check(film, made)
                agreed.append(checked.agrees)
                psnr.append(99.0 if checked.psnr_db is None else checked.psnr_db)
            told.append(
                {
                    "films": collection,
                    "method": name,
                    "n": len(films),
                    "taken_for_chest": mean_interval(chest),
                    "check_psnr_db": mean_interval(psnr),
                    "check_psnr_db_lowest": round(min(psnr), 2),
                    "check_agrees": mean_interval(agreed),
                }
            )
    return told
