"""What a run minimises: cross-entropy or focal loss over what is known, unknown labels masked."""

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F  # noqa: N812

from lucidray.training.backbone_config import Weighting


def masked_loss(
    logits: torch.Tensor,
    truth: torch.Tensor,
    positive_weight: torch.Tensor,
    *,
    focal: float = 0.0,
    smoothing: float = 0.0,
) -> torch.Tensor:
    """Mean loss over the labels that are known.

    Parameters
    ----------
    logits : (N, K) float
    truth : (N, K) float
        1, 0, or NaN where nothing is known: such a label adds nothing, and moves no weight.
    positive_weight : (K,) float > 0
        How much a positive label counts.
    focal : float >= 0
        Each label counts (1 - p)^focal, p being the probability of what is true; 0 counts all alike.
    smoothing : float in [0, 0.5)
        Truth is moved so far from 0 and 1 towards one half: 1 becomes 1 - smoothing / 2.

    Returns
    -------
    () float32; 0 where no label is known.

    References
    ----------
    Lin et al., ICCV (2017), equation 5; Szegedy et al., CVPR (2016), section 7
    """
    logits = logits.float()
    known = ~torch.isnan(truth)
    hard = torch.where(known, truth, torch.zeros_like(truth))
    soft = hard * (1 - smoothing) + 0.5 * smoothing
    loss = F.binary_cross_entropy_with_logits(logits, soft, pos_weight=positive_weight, reduction="none")
    if focal > 0:
        probability = torch.sigmoid(logits)
        of_truth = hard * probability + (1 - hard) * (1 - probability)
        loss = loss * (1 - of_truth).clamp(min=0) ** focal
    count = known.sum().clamp(min=1)
    total: torch.Tensor = torch.where(known, loss, torch.zeros_like(loss)).sum() / count
    return total


def positive_weights(truth: npt.NDArray[np.float32], weighting: Weighting, limit: float) -> npt.NDArray[np.float32]:
    """Weight of positive labels.

    Parameters
    ----------
    truth : (N, K) float
        Of the training films, each column with both classes.
    weighting : str
        `none`: 1; `balanced`: negatives over positives; `sqrt`: its square root.
    limit : float >= 1
        No weight is greater, and none smaller than 1 over it.

    Returns
    -------
    (K,) float32
    """
    positive, negative = (truth == 1).sum(axis=0), (truth == 0).sum(axis=0)
    ratio = negative / np.maximum(positive, 1)
    weight = {"none": np.ones_like(ratio), "balanced": ratio, "sqrt": np.sqrt(ratio)}[weighting]
    return np.asarray(np.clip(weight, 1 / limit, limit), dtype=np.float32)
