"""What the exported anatomy network gets right, measured through ONNX Runtime on films that it never learnt from."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from lucidray.domain.anatomy import Anatomy, Appearance
from lucidray.domain.mask import largest
from lucidray.domain.protocols import GateThresholds
from lucidray.domain.radiograph import Radiograph
from lucidray.evaluation.segmentation import bootstrap, cardiothoracic_ratio, dice, share
from lucidray.imaging.gate import Verdict, judge, judge_pixels
from lucidray.models.anatomy import MASK_THRESHOLD
from lucidray.models.prepare import square
from lucidray.training.anatomy_cases import mirror, move
from lucidray.training.anatomy_films import Film, Kind, Split, dicom_film, grey, masks_of
from lucidray.training.anatomy_network import OUTPUTS
from lucidray.training.anatomy_pictures import no_chest_pixels
from lucidray.training.anatomy_places import PLACES, SIDE_PX

Grey = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

# A film that must be read and one that must not, each told by name.
CASES = {"RG1_UNCR.dcm": "chest with masses", "RG3_UNCR.dcm": "leg"}
REASONS = ("lateral", "not_chest", "turned", "inverted", "mirrored")
# Of upright frontal films each reason may refuse three in a thousand: seven reasons stay within two in a hundred.
_MAY_REFUSE = 0.003
_MANY, _FEW = 250, 80  # films of a source as they are, and of each change made to them
_BATCH = 16


@dataclass(frozen=True, eq=False)
class Look:
    """A film of 256 by 256 pixels and what the network says of it."""

    film: Grey
    appearance: Appearance
    anatomy: Anatomy

    @property
    def scores(self) -> tuple[float, ...]:
        """Probabilities in the order of `REASONS`."""
        seen = self.appearance
        return seen.lateral, seen.not_chest, 1 - seen.turn[0], seen.inverted, seen.mirrored

    @property
    def lung_areas(self) -> tuple[float, float]:
        """Share of the film that the smaller lung covers, and the larger one; the largest piece of each counts."""
        small, large = sorted(float(largest(mask).mean()) for mask in self.anatomy.masks[:2])
        return small, large


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
            shown = np.stack([square(film, SIDE_PX) for film in part])
            masks, kind, turn, inverted, mirrored = session.run(list(OUTPUTS), {"film": shown[:, None]})
            for i, film in enumerate(shown):
                frontal, lateral, not_chest = (float(value) for value in kind[i])
                turns = tuple(float(value) for value in turn[i])
                appearance = Appearance(
                    frontal=frontal,
                    lateral=lateral,
                    not_chest=not_chest,
                    turn=(turns[0], turns[1], turns[2], turns[3]),
                    inverted=float(inverted[i]),
                    mirrored=float(mirrored[i]),
                )
                looks.append(Look(film, appearance, Anatomy(masks[i] >= MASK_THRESHOLD)))
        return looks

    return look


def segmentation_figures(eye: Eye, films: Sequence[Film]) -> dict[str, Any]:
    """Measure Dice and the error of the cardiothoracic ratio on the test films of each folder with masks.

    Returns
    -------
    dict
        For each folder `lungs`, `heart`, `clavicles` (mean Dice) and `cardiothoracic_ratio_error` (median of the
        absolute error), where the folder has these masks; each with its interval and count. Where masks of a folder
        contradict each other, its figures compare with the mended ones, and `<folder>, masks as given` with the others.
    """
    figures: dict[str, Any] = {}
    for source in _WITH_MASKS:
        chosen = [film for film in films if film.source == source and film.split == "test"]
        if not chosen:
            continue
        found = [np.stack([largest(mask) for mask in look.anatomy.masks]) for look in eye(grey(f) for f in chosen)]
        figures[source] = _overlaps(found, [masks_of(film) for film in chosen], chosen[0].known)
        if any(film.given is not None for film in chosen):
            given = [masks_of(film, given=True) for film in chosen]
            figures[f"{source}, masks as given"] = _overlaps(found, given, chosen[0].known)
    return figures


def _overlaps(found: Sequence[Mask], drawn: Sequence[Mask], known: tuple[bool, ...]) -> dict[str, Any]:
    pairs = list(zip(found, drawn, strict=True))
    figures = {"lungs": bootstrap([dice(a[:2].max(0), b[:2].max(0)) for a, b in pairs])}
    for side in (0, 1):
        figures[PLACES[side]] = bootstrap([dice(a[side], b[side]) for a, b in pairs])
    if known[2]:
        figures["heart"] = bootstrap([dice(a[2], b[2]) for a, b in pairs])
        ratios = [[cardiothoracic_ratio(m[2], m[:2].max(0)) for m in pair] for pair in pairs]
        errors = [abs(a - b) for a, b in ratios if a is not None and b is not None]
        figures["cardiothoracic_ratio_error"] = bootstrap(errors, np.median)
    if known[3]:
        figures["clavicles"] = bootstrap([dice(a[3:].max(0), b[3:].max(0)) for a, b in pairs])
    return {name: asdict(estimate) for name, estimate in figures.items()}


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
    areas = [look.lung_areas for look in looks]
    for rule, values in (
        ("min_lung_fraction", [small for small, _ in areas]),
        ("min_lung_ratio", [small / large if large else 0.0 for small, large in areas]),
    ):
        plausibility[rule] = round(0.9 * float(np.quantile(values, _MAY_REFUSE, method="lower")), 3)
    return thresholds, plausibility


def gate_figures(eye: Eye, films: Sequence[Film], thresholds: GateThresholds, seed: int) -> dict[str, Any]:
    """Measure what the acceptance gate makes of the test split with this network.

    Returns
    -------
    dict
        `accepted`: frontal films, by folder and by view. `warned`: frontal films that carry a needless warning.
        `refused`: what must be refused, by kind; `named`: the same, counting only where the reason is right (the gate
        warns of a mirrored film and reads it). `cases`: what it says of two films, one by one.
    """

    def verdicts(pixels: Iterable[Grey]) -> list[Verdict]:
        return [_judge(look, thresholds) for look in eye(pixels)]

    def rate(hits: Sequence[bool]) -> dict[str, Any]:
        return asdict(share(sum(hits), len(hits)))

    test = frontals(films, "test", _MANY)
    by_group: dict[str, list[Verdict]] = {source: verdicts(grey(f) for f in part) for source, part in test.items()}
    everything = [verdict for group in by_group.values() for verdict in group]
    views = [film.view for part in test.values() for film in part]
    for view in sorted(set(views)):
        by_group[f"view: {view}"] = [v for v, seen in zip(everything, views, strict=True) if seen == view]
    by_group["all"] = everything

    unseen = [film for source, part in test.items() for film in part[:_FEW] if source not in _WITH_MASKS]
    masked = [film for source, part in test.items() for film in part[:_FEW] if source in _WITH_MASKS]
    pictures = pick(films, "not_chest", "test")
    rng = np.random.default_rng(seed)
    made = [no_chest_pixels(rng, pictures, masked) for _ in range(min(150, 2 * len(masked)))] if pictures else []
    turned = {1: "turned_270", 2: "turned_180", 3: "turned_90"}  # the gate counts degrees clockwise
    kinds: dict[str, tuple[list[Grey], str]] = {
        "lateral": ([grey(film) for film in pick(films, "lateral", "test")], "lateral"),
        **{code: ([np.rot90(grey(film), k) for film in unseen], code) for k, code in turned.items()},
        "inverted": ([1 - grey(film) for film in unseen], "inverted"),
        "mirrored": ([grey(film)[:, ::-1] for film in unseen], "mirrored"),
        "cropped to one lung": ([crop for film in masked for crop in crops_to_one_lung(film)], "cropped"),
        "photograph": ([grey(film) for film in pictures if film.source == "photograph"], "not_chest"),
        "slice or limb": ([grey(film) for film in pictures if film.source == "slice"], "not_chest"),
        "made no chest": (made, "not_chest"),
    }
    told = {name: (verdicts(pixels), wanted) for name, (pixels, wanted) in kinds.items() if pixels}
    return {
        "accepted": {name: rate([verdict.accepted for verdict in group]) for name, group in by_group.items()},
        "warned": {
            code: rate([any(note.code == code for note in verdict.warnings) for verdict in everything])
            for code in ("mirrored", "lung_not_seen")
        },
        "refused": {name: rate([not v.accepted for v in found]) for name, (found, _) in told.items()},
        "named": {name: rate([wanted in _codes(v) for v in found]) for name, (found, wanted) in told.items()},
        "cases": {name: sorted(_codes(verdicts([dicom_film(name)])[0])) for name in CASES},
    }


def _judge(look: Look, thresholds: GateThresholds) -> Verdict:
    film = Radiograph(pixels=look.film, name="test film", format="array")
    refusal = judge_pixels(film)
    return Verdict(refusal=refusal) if refusal else judge(film, look.appearance, look.anatomy, thresholds)


def _codes(verdict: Verdict) -> set[str]:
    return {note.code for note in (*verdict.refusal, *verdict.warnings)}


_WITH_MASKS = ("jsrt", "wingspan", "shenzhen", "montgomery")


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
