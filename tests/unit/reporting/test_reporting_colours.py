"""Colours that people with and without colour blindness can tell apart and read."""

from itertools import combinations

import numpy as np
import pytest

from lucidray.domain.vocabulary import LABELS
from lucidray.reporting.colours import BLACK, FINDING_COLOURS, WHITE, Colour, heat_opacity, heat_table

# Machado, Oliveira and Fernandes 2009, severity 1.0, on linear RGB.
SIGHTS = {
    "normal": np.eye(3),
    "protan": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deutan": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}


def lab(srgb: np.ndarray, sight: str) -> np.ndarray:
    channels = np.asarray(srgb, dtype=float) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ SIGHTS[sight].T, 0, 1)
    to_xyz = np.array(
        [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175], [0.0193339, 0.119192, 0.9503041]]
    )
    xyz = seen @ to_xyz.T / np.array([0.95047, 1.0, 1.08883])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1)


def test_every_finding_has_a_colour() -> None:
    assert list(FINDING_COLOURS) == list(LABELS)


@pytest.mark.parametrize("sight", SIGHTS)
def test_findings_can_be_told_apart(sight: str) -> None:
    seen = {label: lab(np.array(colour), sight) for label, colour in FINDING_COLOURS.items()}
    nearest = min(combinations(seen, 2), key=lambda pair: np.linalg.norm(seen[pair[0]] - seen[pair[1]]))
    assert np.linalg.norm(seen[nearest[0]] - seen[nearest[1]]) > 20, nearest


@pytest.mark.parametrize("label", LABELS)
def test_tags_can_be_read_and_frames_show_on_black(label: str) -> None:
    colour = FINDING_COLOURS[label]
    assert colour.contrast(colour.ink) >= 4.5
    assert colour.contrast(BLACK) >= 3


def test_contrast_is_that_of_wcag() -> None:
    assert BLACK.contrast(WHITE) == pytest.approx(21)
    assert Colour(119, 119, 119).contrast(WHITE) == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("sight", SIGHTS)
def test_heat_grows_lighter_in_even_steps(sight: str) -> None:
    lightness = lab(heat_table(), sight)[:, 0]
    steps = np.diff(lightness[::15])
    assert steps.min() > 0
    assert steps.max() < 2.5 * np.median(steps)


def test_heat_is_coloured_where_it_covers_and_clear_where_there_is_none() -> None:
    chroma = np.hypot(*np.moveaxis(lab(heat_table(), "normal")[:, 1:], -1, 0))
    assert chroma.min() > 25
    opacity = heat_opacity()
    assert opacity[0] == 0
    assert np.all(np.diff(opacity) > 0)
    assert opacity[-1] < 1
