"""What the findings network is taught by: labels, places where evidence may lie, age and sex."""

import math
from collections.abc import Sequence

import torch
from torch.nn import functional as F  # noqa: N812

from lucidray.domain.vocabulary import LABELS
from lucidray.training.films import Film

_AGE_MEAN, _AGE_SPREAD = 47.0, 17.0  # years, of the training films
BoxPlaces = tuple[tuple[int, ...], torch.Tensor]


def masked_loss(
    logits: torch.Tensor, targets: torch.Tensor, known: torch.Tensor, positive_weight: torch.Tensor
) -> torch.Tensor:
    """Mean cross-entropy over what is known; an unknown entry gives neither loss nor gradient.

    Parameters
    ----------
    logits, targets : (N, 16) float
        Answers, and the probability that the finding is there.
    known : (N, 16) bool
        Where anybody said so.
    positive_weight : (16,) float
        How much a positive film counts, for each output.
    """
    loss = F.binary_cross_entropy_with_logits(logits, targets, pos_weight=positive_weight, reduction="none")
    return torch.where(known, loss, 0.0).sum() / known.sum().clamp(min=1)


def box_loss(maps: torch.Tensor, sharpness: torch.Tensor, places: Sequence[BoxPlaces]) -> torch.Tensor:
    """How far an output's evidence lies outside its boxes; a mean over films of the batch.

    Parameters
    ----------
    maps : (N, 16, h, w) float
    sharpness : (16,) float
    places : sequence of (outputs, masks)
        For each film its outputs with boxes (K,), and the share of each place that they cover, (K, h, w) in [0, 1].

    Notes
    -----
    softmax(r * map) is the share that a place has in the logit. Half of the loss is minus the log of the share inside
    the boxes (it makes the hottest place fall into one), half the cross-entropy with evidence spread evenly over them
    (it makes the region take their shape).
    """
    total = maps.new_zeros(())
    for film, (outputs, masks) in enumerate(places):
        if outputs:
            chosen = list(outputs)
            share = torch.log_softmax(sharpness[chosen, None] * maps[film, chosen].flatten(1), dim=1)
            inside = masks.flatten(1).clamp(min=1e-6)
            hit = -torch.logsumexp(share + inside.log(), dim=1)
            shape = -(share * inside).sum(1) / inside.sum(1)
            total = total + (0.5 * hit + 0.5 * shape).mean()
    return total / len(places)


def chest_loss(maps: torch.Tensor, sharpness: torch.Tensor, chest: torch.Tensor) -> torch.Tensor:
    """Minus the log of the share of evidence inside `chest`, (N, h, w) in [0, 1]; a mean over the 14 findings."""
    share = torch.log_softmax(sharpness[: len(LABELS), None] * maps[:, : len(LABELS)].flatten(2), dim=2)
    inside = chest.flatten(1)[:, None].clamp(min=1e-6)
    return -torch.logsumexp(share + inside.log(), dim=2).mean()


def person_loss(said: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Error in age (in spreads) and sex, (N, 2) each; NaN in `truth` where nobody said."""
    known = torch.isfinite(truth)
    age = torch.where(known[:, 0], F.smooth_l1_loss(said[:, 0], truth[:, 0].nan_to_num(), reduction="none"), 0.0)
    sex = F.binary_cross_entropy_with_logits(said[:, 1], truth[:, 1].nan_to_num(), reduction="none")
    sex = torch.where(known[:, 1], sex, 0.0)
    return age.sum() / known[:, 0].sum().clamp(min=1) + sex.sum() / known[:, 1].sum().clamp(min=1)


def person_of(film: Film) -> tuple[float, float]:
    """Return age (in spreads around the mean) and sex (1 for male) of a film; NaN where nobody said."""
    age = math.nan if film.age_years is None else (film.age_years - _AGE_MEAN) / _AGE_SPREAD
    return age, math.nan if film.sex is None else float(film.sex == "M")
