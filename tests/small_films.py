"""Drawn small films in MedMNIST's layout: two dark lungs, with a white shadow in one where label 1 says so."""

from pathlib import Path

import numpy as np


def drawn_film(there: bool, rng: np.random.Generator, side: int = 28) -> np.ndarray:
    """Return (side, side) uint8."""
    rows, columns = np.mgrid[0:side, 0:side] / (side - 1)
    film = np.full((side, side), 0.75)
    for centre in (0.3, 0.7):
        lung = ((columns - centre) / 0.15) ** 2 + ((rows - 0.5) / 0.33) ** 2 < 1
        film[lung] = 0.2
    if there:
        x, y = rng.choice([0.3, 0.7]) + rng.uniform(-0.03, 0.03), rng.uniform(0.4, 0.65)
        film += 0.6 * np.exp(-(((columns - x) / 0.1) ** 2 + ((rows - y) / 0.12) ** 2))
    return np.clip(255 * film + rng.normal(0, 6, film.shape), 0, 255).astype(np.uint8)


def write_collection(path: Path, counts: dict[str, int], seed: int = 0) -> Path:
    """Write an .npz file with `counts` films of each class a split."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for split, count in counts.items():
        truth = rng.permutation(np.repeat([0, 1], count)).astype(np.uint8)
        arrays[f"{split}_images"] = np.stack([drawn_film(bool(one), rng) for one in truth])
        arrays[f"{split}_labels"] = truth[:, None]
    np.savez(path, **arrays)
    return path
