"""Batches that the anatomy network learns from: which films, how often, and in which part."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812
from torch.utils.data import Dataset

from lucidray.training.anatomy_cases import Case, frontal, lateral, not_chest
from lucidray.training.anatomy_films import Film
from lucidray.training.anatomy_pictures import no_chest_pixels

NOT_ASKED = -100
# How often each folder is drawn. Masks: JSRT alone has clavicles, Wingspan has enlarged hearts and poor contrast.
_MASKED_SHARES = {"jsrt": 0.42, "wingspan": 0.33, "shenzhen": 0.17, "montgomery": 0.08}
# Without masks: `covid` gives as many frontals as laterals, so that the collection does not give the lateral away.
_UNMASKED_SHARES = {"nih": 0.3, "nih_small": 0.22, "paediatric": 0.16, "adult_normal": 0.08, "covid": 0.24}


class Batch(NamedTuple):
    """Cases stacked; the first `len(masks)` films have masks. -100 and NaN stand for questions not asked."""

    film: Tensor  # (N, 1, H, W)
    masks: Tensor  # (M, 5, H, W)
    known: Tensor  # (M, 5)
    kind: Tensor  # (N,)
    turn: Tensor  # (N,)
    inverted: Tensor  # (N,)
    mirrored: Tensor  # (N,)


class Batches(Dataset[Batch]):
    """One seeded batch for each of `steps`, so that a resumed run sees what an unbroken one would have seen.

    A batch has `painted` cases with masks, then `unpainted` ones that only ask what kind of image this is.
    """

    def __init__(
        self, films: Sequence[Film], steps: range, *, seed: int, painted: int = 16, unpainted: int = 16
    ) -> None:
        self.steps, self.seed, self.painted, self.unpainted = steps, seed, painted, unpainted
        learnt = [film for film in films if film.split == "train"]
        self.masked = _by_source([f for f in learnt if f.masks is not None])
        self.unmasked = _by_source([f for f in learnt if f.masks is None and f.kind == "frontal"])
        self.laterals = [f for f in learnt if f.kind == "lateral"]
        self.pictures = [f for f in learnt if f.kind == "not_chest"]
        self.all_masked = [f for group in self.masked.values() for f in group]

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, item: int) -> Batch:
        rng = np.random.default_rng((self.seed, self.steps[item]))
        return stack(list(self._cases(rng)), self.painted)

    def _cases(self, rng: np.random.Generator) -> Iterator[Case]:
        for number in range(self.painted):
            if number % 8 == 7:
                yield self._not_chest(rng)
            else:
                yield frontal(_draw(self.masked, _MASKED_SHARES, rng), rng, mirrored=number % 8 == 6)
        for number in range(self.unpainted):
            yield self._unpainted(number % 16, rng)

    def _unpainted(self, role: int, rng: np.random.Generator) -> Case:
        if role < 2:
            turn = int(rng.integers(1, 4)) if rng.random() < 0.25 else 0
            film = self.laterals[rng.integers(len(self.laterals))]
            return lateral(film, rng, turn=turn, inverted=bool(rng.random() < 0.2))
        if role < 5:
            return self._not_chest(rng)
        pool, shares = (self.unmasked, _UNMASKED_SHARES) if rng.random() < 0.85 else (self.masked, _MASKED_SHARES)
        film = _draw(pool, shares, rng)
        if role < 7:
            return frontal(film, rng, turn=int(rng.integers(1, 4)), inverted=bool(rng.random() < 0.15))
        if role < 9:
            return frontal(film, rng, inverted=True, mirrored=bool(rng.random() < 0.3))
        return frontal(film, rng, mirrored=role < 12)

    def _not_chest(self, rng: np.random.Generator) -> Case:
        return not_chest(no_chest_pixels(rng, self.pictures, self.all_masked), rng)


def stack(cases: Sequence[Case], painted: int) -> Batch:
    """Stack cases into tensors; masks of the first `painted` only."""

    def answers(values: list[int | bool | None], missing: float) -> list[float]:
        return [missing if value is None else float(value) for value in values]

    return Batch(
        torch.from_numpy(np.stack([case.film for case in cases]))[:, None],
        torch.from_numpy(np.stack([case.masks for case in cases[:painted]])).float(),
        torch.tensor([case.known for case in cases[:painted]], dtype=torch.float32),
        torch.tensor([case.kind for case in cases]),
        torch.tensor(answers([case.turn for case in cases], NOT_ASKED)).long(),
        torch.tensor(answers([case.inverted for case in cases], math.nan)),
        torch.tensor(answers([case.mirrored for case in cases], math.nan)),
    )


def shrink(batch: Batch, side_px: int) -> Batch:
    """Return the batch on smaller squares."""

    def smaller(x: Tensor) -> Tensor:
        return F.interpolate(x, (side_px, side_px), mode="bilinear", antialias=True)

    return batch._replace(film=smaller(batch.film), masks=(smaller(batch.masks) > 0.5).float())


def _by_source(films: Sequence[Film]) -> dict[str, list[Film]]:
    groups: dict[str, list[Film]] = {}
    for film in films:
        groups.setdefault(film.source, []).append(film)
    return groups


def _draw(groups: dict[str, list[Film]], shares: dict[str, float], rng: np.random.Generator) -> Film:
    weights = np.array([shares[name] for name in groups])
    films = groups[list(groups)[rng.choice(len(groups), p=weights / weights.sum())]]
    return films[rng.integers(len(films))]
