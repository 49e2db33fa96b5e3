"""Pictures that are no chest radiograph: photographs and slices, and what can be drawn or cut from chest films."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from lucidray.models.prepare import resize
from lucidray.training.anatomy_films import Film, grey, masks_of
from lucidray.training.anatomy_places import SIDE_PX

Grey = npt.NDArray[np.float32]


def no_chest_pixels(rng: np.random.Generator, pictures: Sequence[Film], films: Sequence[Film]) -> Grey:
    """Draw a picture that is no chest radiograph.

    Parameters
    ----------
    rng : numpy.random.Generator
        All chance comes from here.
    pictures : sequence of Film
        Photographs and slices.
    films : sequence of Film
        Chest films with masks: their patches without lung and their shuffled blocks are no chests either.
    """
    choice = rng.choice(7, p=[0.26, 0.1, 0.06, 0.08, 0.18, 0.22, 0.1])
    if choice == 0:
        pixels = grey(pictures[int(rng.integers(len(pictures)))])
        return _window(pixels, rng, rng.uniform(0.45, 1.0)) if rng.random() < 0.6 else pixels
    if choice == 1:
        return _texture(rng)
    if choice == 2:
        return rng.random((SIDE_PX, SIDE_PX), dtype=np.float32)
    if choice == 3:
        return _page(rng)
    if choice == 4:
        return _limb(rng)
    film = films[int(rng.integers(len(films)))]
    return _patch_without_lung(film, rng) if choice == 5 else _shuffled(film, rng)


def _window(pixels: Grey, rng: np.random.Generator, share: float) -> Grey:
    side = max(8, int(share * SIDE_PX))
    y, x = rng.integers(0, SIDE_PX - side + 1, 2)
    return resize(pixels[y : y + side, x : x + side], SIDE_PX, SIDE_PX)


def _patch_without_lung(film: Film, rng: np.random.Generator) -> Grey:
    """Enlarge a small part of a chest film: shoulder, abdomen, or a few ribs with no outline of a lung."""
    pixels = grey(film)
    chest = masks_of(film)[:3].max(0)
    for _ in range(12):
        side = int(rng.uniform(0.14, 0.4) * SIDE_PX)
        y, x = rng.integers(0, SIDE_PX - side + 1, 2)
        part = np.s_[y : y + side, x : x + side]
        if chest[part].mean() < 0.03 and np.ptp(pixels[part]) > 0.15:
            return resize(pixels[part], SIDE_PX, SIDE_PX)
    return _window(pixels, rng, rng.uniform(0.08, 0.2))


def _shuffled(film: Film, rng: np.random.Generator) -> Grey:
    cells = int(rng.choice([2, 4, 8]))
    side = SIDE_PX // cells
    blocks = grey(film).reshape(cells, side, cells, side).swapaxes(1, 2).reshape(-1, side, side)
    order = rng.permutation(len(blocks))
    while (order == np.arange(len(blocks))).mean() > 0.25:
        order = rng.permutation(len(blocks))
    return np.asarray(blocks[order].reshape(cells, cells, side, side).swapaxes(1, 2).reshape(SIDE_PX, SIDE_PX))


def _texture(rng: np.random.Generator) -> Grey:
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX].astype(np.float32) / SIDE_PX
    kind = rng.integers(4)
    if kind == 0:  # clouds
        layers = (ndimage.zoom(rng.random((2**k, 2**k)), SIDE_PX / 2**k, order=1) / 1.6**k for k in range(2, 7))
        return np.asarray(sum(layers), np.float32)
    angle, waves = rng.uniform(0, np.pi), rng.uniform(1, 30)
    wave = np.asarray(np.sin(2 * np.pi * waves * (np.cos(angle) * x + np.sin(angle) * y)), np.float32)
    if kind == 1:
        return wave
    if kind == 2:
        other = np.sin(2 * np.pi * waves * (np.cos(angle) * y - np.sin(angle) * x))
        return np.asarray(np.sign(wave) * np.sign(other), np.float32)
    return np.asarray(np.cos(angle) * x + np.sin(angle) * y + 0.02 * rng.standard_normal(x.shape), np.float32)


def _page(rng: np.random.Generator) -> Grey:
    image = Image.new("F", (SIDE_PX, SIDE_PX), 1.0 if rng.random() < 0.6 else 0.0)
    ink = 1.0 - float(np.asarray(image)[0, 0])
    draw = ImageDraw.Draw(image)
    size = int(rng.integers(8, 28))
    font = ImageFont.load_default(size)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz      0123456789"))
    for line in range(4, SIDE_PX, int(size * rng.uniform(1.2, 2.5))):
        if rng.random() < 0.85:
            draw.text((rng.uniform(0, 30), line), "".join(rng.choice(letters, rng.integers(4, 40))), ink, font=font)
    if rng.random() < 0.4:
        draw.rectangle(tuple(np.sort(rng.uniform(0, SIDE_PX, (2, 2)), axis=0).ravel()), outline=ink)
    return np.asarray(image)


def _limb(rng: np.random.Generator) -> Grey:
    """Draw what a film of an arm, a leg, a hand or a skull has: soft outlines and bright rims of bone on black."""
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX].astype(np.float32) / SIDE_PX - 0.5
    film = np.zeros((SIDE_PX, SIDE_PX), np.float32)
    if rng.random() < 0.2:  # skull or joint: an ellipse with a rim
        a, b = rng.uniform(0.25, 0.45, 2)
        radius = np.hypot(x / a, y / b)
        film += (radius < 1.08) * 0.3 + (radius < 1) * 0.3 + ((radius > 0.92) & (radius < 1)) * 0.35
        bones = 0
    else:
        bones = int(rng.choice([1, 2, 2, 3, 5]))
    angle = rng.normal(0, 0.25) + (np.pi / 2 if rng.random() < 0.25 else 0)
    along, across = np.cos(angle) * y + np.sin(angle) * x, np.cos(angle) * x - np.sin(angle) * y
    bend = rng.normal(0, 0.3) * along**2
    span = rng.uniform(0.1, 0.4)
    start, stop = rng.uniform(-0.9, -0.2), rng.uniform(0.2, 0.9)
    if bones:
        flesh = np.clip((span * (1 + rng.normal(0, 0.5) * along) - np.abs(across - bend)) / 0.05, 0, 1)
        film += np.float32(rng.uniform(0.2, 0.5)) * flesh
    for place in np.linspace(-span, span, bones + 2)[1:-1]:
        half = span / (bones + 1) * rng.uniform(0.35, 0.7) * (1 + 1.2 * np.clip(np.abs(along) - 0.25, 0, 1))
        offset = np.abs(across - bend - place - rng.normal(0, 0.01))
        inside = np.clip((half - offset) / 0.012, 0, 1) * (along > start) * (along < stop)
        cortex = np.exp(-(((offset - half * 0.85) / (0.18 * half + 0.004)) ** 2)) * inside
        film += np.float32(rng.uniform(0.15, 0.4)) * inside + np.float32(rng.uniform(0.2, 0.5)) * cortex
    blurred = ndimage.gaussian_filter(film, rng.uniform(0.5, 2.0)) + 0.02 * rng.standard_normal(film.shape)
    if rng.random() < 0.3:
        edge = rng.uniform(0.25, 0.48)
        blurred = np.where(np.abs(x) > edge, np.float32(rng.choice([0.0, 1.0])), blurred)
    return np.asarray(blurred, np.float32)
