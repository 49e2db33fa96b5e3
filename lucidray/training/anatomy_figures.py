"""What the exported anatomy network gets right, measured through ONNX Runtime on films that it never learnt from."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from lucidray.domain.mask import largest
from lucidray.evaluation.segmentation import bootstrap, cardiothoracic_ratio, dice, share
from lucidray.models.prepare import square
from lucidray.training.anatomy_cases import mirror, move, no_chest_pixels
from lucidray.training.anatomy_films import Film, Kind, Split, dicom_film, grey, masks_of
from lucidray.training.anatomy_places import PLACES, SIDE_PX

Grey = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

REASONS = ("lateral", "not_chest", "turned", "inverted", "mirrored")
# Of upright frontal films each reason may refuse three in a thousand: seven reasons stay within two in a hundred.
_MAY_REFUSE = 0.003
_MANY, _FEW = 250, 80  # films of a source as they are, and of each change made to them
_BATCH = 16


@dataclass(frozen=True, eq=False)
class Look:
    """What the network says of one film, as the gate reads it.

    `scores` follow `REASONS`; `masks` (5, 256, 256) keep the largest piece of each place.
    """

    scores: tuple[float, ...]
    turn: int
    masks: Mask

    @property
    def lung_fraction(self) -> float:
        """Share of the film that the smaller lung covers."""
        return float(self.masks[:2].mean((1, 2)).min())

    @property
    def lung_ratio(self) -> float:
        """Area of the smaller lung over that of the larger one; 0 without lungs."""
        small, large = sorted(self.masks[:2].sum((1, 2)))
        return float(small / large) if large else 0.0


Eye = Callable[[Iterable[Grey]], list[Look]]


def open_eye(onnx_path: Path, threads: int = 0) -> Eye:
    """Return a function that shows films, any size, to the exported network."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(onnx_path, options, providers=["CPUExecutionProvider"])

    def look(films: Iterable[Grey]) -> list[Look]:
        looks = []
        left = iter(films)
        while part := list(islice(left, _BATCH)):
            stacked = np.stack([square(film, SIDE_PX) for film in part])[:, None]
            masks, kind, turn, inverted, mirrored = session.run(None, {"film": stacked})
            for i in range(len(part)):
                scores = (kind[i, 1], kind[i, 2], 1 - turn[i, 0], inverted[i], mirrored[i])
                pieces = np.stack([largest(mask) for mask in masks[i] >= 0.5])
                looks.append(Look(tuple(float(score) for score in scores), int(turn[i].argmax()), pieces))
        return looks

    return look


def segmentation_figures(eye: Eye, films: Sequence[Film]) -> dict[str, Any]:
    """Measure Dice and the error of the cardiothoracic ratio on the test films of each folder with masks.

    Returns
    -------
    dict
        For each folder `lungs`, `heart`, `clavicles` (mean Dice) and `cardiothoracic_ratio_error` (median of the
        absolute error), where the folder has these masks; each with its interval and count.
    """
    figures: dict[str, Any] = {}
    for source in ("jsrt", "wingspan", "shenzhen", "montgomery"):
        chosen = [film for film in films if film.source == source and film.split == "test"]
        if not chosen:
            continue
        looks = eye(grey(film) for film in chosen)
        pairs = [(look.masks, masks_of(film)) for look, film in zip(looks, chosen, strict=True)]
        found = {"lungs": bootstrap([dice(a[:2].max(0), b[:2].max(0)) for a, b in pairs])}
        for side in (0, 1):
            found[PLACES[side]] = bootstrap([dice(a[side], b[side]) for a, b in pairs])
        if chosen[0].known[2]:
            found["heart"] = bootstrap([dice(a[2], b[2]) for a, b in pairs])
            ratios = [[cardiothoracic_ratio(m[2], m[:2].max(0)) for m in pair] for pair in pairs]
            errors = [abs(a - b) for a, b in ratios if a is not None and b is not None]
            found["cardiothoracic_ratio_error"] = bootstrap(errors, np.median)
        if chosen[0].known[3]:
            found["clavicles"] = bootstrap([dice(a[3:].max(0), b[3:].max(0)) for a, b in pairs])
        figures[source] = {name: asdict(estimate) for name, estimate in found.items()}
    return figures


def fit_gate(eye: Eye, films: Sequence[Film]) -> tuple[dict[str, float], dict[str, float]]:
    """Choose the thresholds of the gate on upright frontal films of the validation split.

    Each reason gets the lowest threshold, from 0.5 up, that refuses at most 0.3 % of them; each rule about the lungs
    the highest one, with a tenth to spare.

    Returns
    -------
    thresholds : dict
        By `REASONS`: refuse from this probability on.
    plausibility : dict
        `min_lung_fraction` and `min_lung_ratio`: refuse below.
    """
    looks = [look for part in frontals(films, "val", _MANY).values() for look in eye(grey(film) for film in part)]
    scores = np.array([look.scores for look in looks])
    edges = np.quantile(scores, 1 - _MAY_REFUSE, axis=0, method="higher")
    thresholds = {
        reason: round(min(0.99, max(0.5, float(edge) + 0.01)), 2) for reason, edge in zip(REASONS, edges, strict=True)
    }
    plausibility = {}
    for rule, values in (
        ("min_lung_fraction", [look.lung_fraction for look in looks]),
        ("min_lung_ratio", [look.lung_ratio for look in looks]),
    ):
        plausibility[rule] = round(0.9 * float(np.quantile(values, _MAY_REFUSE, method="lower")), 3)
    return thresholds, plausibility


def refusals(look: Look, thresholds: dict[str, float], plausibility: dict[str, float]) -> list[str]:
    """Name every reason to refuse a film; none for a film that may be read."""
    named = [reason for reason, score in zip(REASONS, look.scores, strict=True) if score >= thresholds[reason]]
    if look.lung_fraction < plausibility["min_lung_fraction"] or look.lung_ratio < plausibility["min_lung_ratio"]:
        named.append("cropped")
    return named


def gate_figures(
    eye: Eye, films: Sequence[Film], thresholds: dict[str, float], plausibility: dict[str, float], seed: int
) -> dict[str, Any]:
    """Measure what the gate accepts and refuses on the test split.

    Returns
    -------
    dict
        `accepted`: frontal films by folder and, in the NIH folders, by view. `refused`: what must be refused, by kind;
        `named`: the same, counting only those refused for the right reason. `cases`: two films told one by one.
    """

    def rate(pixels: Iterable[Grey], wanted: str | None = None) -> dict[str, Any]:
        verdicts = [refusals(look, thresholds, plausibility) for look in eye(pixels)]
        hits = sum(bool(v) if wanted == "any" else wanted in v if wanted else not v for v in verdicts)
        return asdict(share(hits, len(verdicts)))

    test = frontals(films, "test", _MANY)
    accepted = {source: rate(grey(film) for film in part) for source, part in test.items()}
    everything = [film for part in test.values() for film in part]
    for view in sorted({film.view for film in everything}):
        accepted[f"view {view}"] = rate(grey(film) for film in everything if film.view == view)
    accepted["all"] = rate(grey(film) for film in everything)

    unseen = [film for source, part in test.items() for film in part[:_FEW] if source not in _WITH_MASKS]
    masked = [film for source, part in test.items() for film in part[:_FEW] if source in _WITH_MASKS]
    pictures = pick(films, "not_chest", "test")
    rng = np.random.default_rng(seed)
    made = [no_chest_pixels(rng, pictures, masked) for _ in range(min(150, 2 * len(masked)))] if pictures else []
    kinds: dict[str, tuple[list[Grey], str]] = {
        "lateral": ([grey(film) for film in pick(films, "lateral", "test")], "lateral"),
        **{f"turned {k * 90}": ([np.rot90(grey(film), k) for film in unseen], "turned") for k in (1, 2, 3)},
        "inverted": ([1 - grey(film) for film in unseen], "inverted"),
        "mirrored": ([grey(film)[:, ::-1] for film in unseen], "mirrored"),
        "cropped to one lung": ([crop for film in masked for crop in crops_to_one_lung(film)], "cropped"),
        "photograph": ([grey(film) for film in pictures if film.source == "photograph"], "not_chest"),
        "slice or limb": ([grey(film) for film in pictures if film.source == "slice"], "not_chest"),
        "made no chest": (made, "not_chest"),
    }
    kinds = {name: (pixels, wanted) for name, (pixels, wanted) in kinds.items() if pixels}
    return {
        "accepted": accepted,
        "refused": {name: rate(pixels, "any") for name, (pixels, _) in kinds.items()},
        "named": {name: rate(pixels, wanted) for name, (pixels, wanted) in kinds.items()},
        "cases": {name: refusals(eye([dicom_film(name)])[0], thresholds, plausibility) for name in _CASES},
    }


_WITH_MASKS = ("jsrt", "wingspan", "shenzhen", "montgomery")
_CASES = ("RG1_UNCR.dcm", "RG3_UNCR.dcm")  # a chest that must be read, and a leg that must not


def pick(films: Sequence[Film], kind: Kind, split: Split) -> list[Film]:
    """Return the films of one kind and split."""
    return [film for film in films if film.kind == kind and film.split == split]


def frontals(films: Sequence[Film], split: Split, most: int) -> dict[str, list[Film]]:
    """Return frontal films by folder, at most so many of each, spread evenly over the folder."""
    groups: dict[str, list[Film]] = {}
    for film in pick(films, "frontal", split):
        groups.setdefault(film.source, []).append(film)
    return {name: group[:: -(-len(group) // most)] for name, group in groups.items()}


def crops_to_one_lung(film: Film) -> list[Grey]:
    """Cut a film so that nine tenths of one lung lie outside, once for each side."""
    pixels, masks = grey(film), masks_of(film)
    crops = []
    for side in (0, 1):
        if side:
            pixels, masks = mirror(pixels, masks)
        columns = np.cumsum(masks[1].sum(0))
        cut = int(np.searchsorted(columns, 0.1 * columns[-1]))
        crops.append(move(pixels, masks[:0], np.array([[cut / SIDE_PX, 0, 0], [0, 1, 0]]))[0][:, :: -1 if side else 1])
    return crops
