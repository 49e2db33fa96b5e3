"""Answers that know nothing of the film, or little: what a reader has to beat before its figures mean anything."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from lucidray.domain.vocabulary import LABELS, Label
from lucidray.evaluation.report_texts import words

ALWAYS_NORMAL = (
    "The lungs are clear. No focal consolidation. No pleural effusion. No pneumothorax. "
    "The heart size is normal. No acute osseous abnormality. No acute cardiopulmonary disease."
)
CONTROLS = {
    "always-normal": "one normal report for every film",
    "shuffled-film": "the reader's own answers, each given to a film of another patient",
    "nearest-neighbour": "the reference of the most similar film of another patient",
    "blank-film": "what the reader says of a film without an image, for every film",
}
_BLOCK = 512


def shuffled(patients: Sequence[str], seed: int = 0) -> list[int] | None:
    """Return for each film the row of another patient's film; each row is taken once, as far as patients allow it.

    Films are laid out by patient in random order and moved on by the films of the largest patient: whoever has at most
    half of all films then meets none of his own.

    Returns
    -------
    list of int, or None where there is one patient only.
    """
    names = np.asarray(patients, dtype=np.str_)
    unique, place = np.unique(names, return_inverse=True)
    if len(unique) < 2:
        return None
    rng = np.random.default_rng(seed)
    rank = rng.permutation(len(unique))[place]
    order = np.lexsort((rng.random(len(names)), rank))
    step = int(np.bincount(place).max())
    given = np.empty(len(names), dtype=np.int64)
    given[order] = np.roll(order, step)
    for row in np.flatnonzero(names[given] == names):  # a patient with more than half of the films
        others = np.flatnonzero(names != names[row])
        given[row] = others[int(rng.integers(len(others)))]
    return [int(row) for row in given]


def nearest(features: npt.NDArray[np.float32], patients: Sequence[str]) -> list[int] | None:
    """Return for each film the row of the closest film of another patient; ties go to the earlier row.

    Parameters
    ----------
    features : (N, D) float32
        Compared by Euclidean distance.
    patients : sequence of str

    Returns
    -------
    list of int, or None where there is one patient only.
    """
    names = np.asarray(patients, dtype=np.str_)
    if len(np.unique(names)) < 2:
        return None
    norms = (features**2).sum(axis=1)
    found: list[int] = []
    for start in range(0, len(features), _BLOCK):
        block = features[start : start + _BLOCK]
        distance = norms[None, :] - 2 * block @ features.T
        distance[names[start : start + _BLOCK, None] == names[None, :]] = np.inf
        found += [int(row) for row in distance.argmin(axis=1)]
    return found


def probability_features(probabilities: Sequence[Mapping[Label, float]]) -> npt.NDArray[np.float32] | None:
    """Return (N, 14) square roots of probabilities, 0 where there is none; None where no film has any.

    Square roots make a step between 0.01 and 0.09 count as much as one between 0.49 and 0.81 (Hellinger distance).
    """
    if not any(probabilities):
        return None
    return np.sqrt(np.array([[one.get(label, 0.0) for label in LABELS] for one in probabilities], dtype=np.float32))


def word_features(texts: Sequence[str], language: str = "en") -> npt.NDArray[np.float32]:
    """Return (N, V) vectors of the words of texts, weighted by rarity and of length 1."""
    cut = [words(text, language) for text in texts]
    table = {word: column for column, word in enumerate(sorted({word for one in cut for word in one}))}
    counts = np.zeros((len(texts), max(len(table), 1)), dtype=np.float32)
    for row, one in enumerate(cut):
        for word in one:
            counts[row, table[word]] += 1
    rarity = np.log((1 + len(texts)) / (1 + (counts > 0).sum(axis=0))) + 1
    weighted = np.asarray(counts * rarity, dtype=np.float32)
    lengths = np.linalg.norm(weighted, axis=1, keepdims=True)
    return np.asarray(weighted / np.where(lengths > 0, lengths, 1), dtype=np.float32)
