"""Training cases of the anatomy network: films changed at random, and pictures that are no chest.

A case is made from a film by one seeded generator, so a run can be resumed and repeated. Whatever moves the film moves
its masks. The names of places go by position: a mirrored film swaps right and left masks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from lucidray.models.prepare import resize, square
from lucidray.training.anatomy_films import Film, grey, masks_of
from lucidray.training.anatomy_places import MIRRORED_PLACES, PLACES, SIDE_PX

Grey = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Case:
    """One input of the network and what it should answer.

    `turn` counts quarter turns counter-clockwise that the film has been turned (`numpy.rot90(film, turn)`). A `None`
    is not asked: nobody can say which way up a picture of gravel is.
    """

    film: Grey  # (256, 256) in [0, 1]
    masks: Mask  # (5, 256, 256)
    known: tuple[bool, ...]  # which masks may be learnt from
    kind: int  # index into KINDS
    turn: int | None = None
    inverted: bool | None = None
    mirrored: bool | None = None


def frontal(
    film: Film, rng: np.random.Generator, *, turn: int = 0, inverted: bool = False, mirrored: bool = False
) -> Case:
    """Make a case of a frontal film; masks are kept only where it stays upright with its own grey values.

    Parameters
    ----------
    film : Film
        A frontal film, upright.
    rng : numpy.random.Generator
        All chance comes from here.
    turn : int
        Quarter turns counter-clockwise.
    inverted : bool
        Exchange bright and dark.
    mirrored : bool
        Exchange left and right.
    """
    pixels = grey(film)
    masks = masks_of(film)
    known = film.known
    if rng.random() < 0.35:
        pixels = _shadow(pixels, masks, rng)
    if rng.random() < 0.35:
        pixels = _marker(pixels, rng)
    if mirrored:
        pixels, masks = mirror(pixels, masks)
        known = tuple(known[i] for i in MIRRORED_PLACES)
    pixels, masks = move(pixels, masks, draw_affine(rng), fill=float(rng.choice([0.0, 0.0, 0.0, rng.random()])))
    if rng.random() < 0.25:
        pixels, masks = _collimate(pixels, masks, rng)
    pixels = _expose(pixels, rng)
    if turn or inverted:
        known = (False,) * len(PLACES)
    return Case(
        _finish(pixels, turn, inverted),
        np.ascontiguousarray(np.rot90(masks, turn, axes=(1, 2))),
        known,
        kind=0,
        turn=turn,
        inverted=inverted,
        mirrored=None if turn else mirrored,
    )


def lateral(film: Film, rng: np.random.Generator, *, turn: int = 0, inverted: bool = False) -> Case:
    """Make a case of a lateral film; it may face either way, so mirroring is free."""
    pixels = grey(film)
    if rng.random() < 0.5:
        pixels = pixels[:, ::-1]
    if rng.random() < 0.35:
        pixels = _marker(pixels, rng)
    masks = np.zeros((len(PLACES), SIDE_PX, SIDE_PX), np.bool_)
    pixels, masks = move(pixels, masks, draw_affine(rng), fill=float(rng.choice([0.0, 0.0, rng.random()])))
    if rng.random() < 0.25:
        pixels, masks = _collimate(pixels, masks, rng)
    return Case(
        _finish(_expose(pixels, rng), turn, inverted), masks, (False,) * len(PLACES), 1, turn=turn, inverted=inverted
    )


def not_chest(pixels: Grey, rng: np.random.Generator) -> Case:
    """Make a case of a picture that is no chest: its masks are known to be empty."""
    if rng.random() < 0.5:
        pixels = pixels[:, ::-1]
    masks = np.zeros((len(PLACES), SIDE_PX, SIDE_PX), np.bool_)
    pixels, _ = move(pixels, masks[:0], draw_affine(rng), fill=float(rng.choice([0.0, 0.0, 1.0, rng.random()])))
    film = _finish(_expose(pixels, rng), int(rng.integers(4)) if rng.random() < 0.3 else 0, bool(rng.random() < 0.3))
    return Case(film, masks, (True,) * len(PLACES), 2)


def draw_affine(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Draw the (2, 3) matrix that takes an output pixel to an input pixel; now and then a crop to one side."""
    if rng.random() < 0.12:  # half a chest, as after a slip of the cassette or of a hand that crops
        width, height = rng.uniform(0.42, 0.75), rng.uniform(0.6, 1.0)
        x = 0.0 if rng.random() < 0.5 else 1 - width
        y = rng.uniform(0, 1 - height)
        return np.array([[width, 0, x * SIDE_PX], [0, height, y * SIDE_PX]])
    angle = np.deg2rad(rng.uniform(-12, 12) if rng.random() < 0.7 else 0.0)
    scale = float(np.exp(rng.normal(0, 0.13)))
    scale = float(rng.uniform(0.6, 1.3)) if rng.random() < 0.2 else float(np.clip(scale, 0.65, 1.35))
    aspect = float(np.exp(rng.normal(0, 0.08)))
    cos, sin = np.cos(angle), np.sin(angle)
    linear = np.array([[cos, -sin], [sin, cos]]) @ np.diag([aspect / scale, 1 / (aspect * scale)])
    centre = (SIDE_PX - 1) / 2
    shift = rng.normal(0, 0.045, 2).clip(-0.15, 0.15) * SIDE_PX
    offset = centre + shift - linear @ np.array([centre, centre])
    return np.hstack([linear, offset[:, None]])


def move(pixels: Grey, masks: Mask, matrix: npt.NDArray[np.float64], fill: float = 0.0) -> tuple[Grey, Mask]:
    """Move a film and its masks by one matrix.

    Parameters
    ----------
    pixels : (H, W) float32
        The film.
    masks : (K, H, W) bool
        Any number of masks, also none.
    matrix : (2, 3) float
        Takes output (x, y, 1) to input (x, y).
    fill : float
        Grey value of what comes in from outside.
    """
    data = tuple(matrix.ravel())
    size = (pixels.shape[1], pixels.shape[0])
    affine, bilinear = Image.Transform.AFFINE, Image.Resampling.BILINEAR
    image = Image.fromarray(np.ascontiguousarray(pixels, np.float32))
    moved = np.asarray(image.transform(size, affine, data, bilinear, fillcolor=fill))
    out = np.zeros_like(masks)
    for i, mask in enumerate(masks):
        if mask.any():
            plane = Image.fromarray(mask.astype(np.uint8) * 255)
            out[i] = np.asarray(plane.transform(size, affine, data, bilinear)) > 127
    return moved, out


def mirror(pixels: Grey, masks: Mask) -> tuple[Grey, Mask]:
    """Exchange image-left and image-right; masks keep their names by position."""
    return pixels[:, ::-1], masks[list(MIRRORED_PLACES)][:, :, ::-1]


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


def _finish(pixels: Grey, turn: int, inverted: bool) -> Grey:
    if inverted:
        pixels = 1 - pixels
    return square(np.ascontiguousarray(np.rot90(pixels, turn)), SIDE_PX)


def _expose(pixels: Grey, rng: np.random.Generator) -> Grey:
    """Change grey values, sharpness and noise as another machine, another dose or another export would."""
    pixels = np.clip(pixels, 0, 1)
    if rng.random() < 0.6:
        pixels = pixels ** np.float32(np.exp(rng.normal(0, 0.35)))
    if rng.random() < 0.3:  # clipped windows: burnt-out lungs or a white mediastinum
        low, high = rng.uniform(0, 0.2), rng.uniform(0.75, 1.0)
        pixels = np.clip((pixels - np.float32(low)) / np.float32(high - low), 0, 1)
    if rng.random() < 0.2:  # a heel effect, or a child lying askew
        ramp = np.linspace(-1, 1, SIDE_PX, dtype=np.float32)
        pixels = pixels * (1 + np.float32(rng.normal(0, 0.15)) * ramp + np.float32(rng.normal(0, 0.15)) * ramp[:, None])
    if rng.random() < 0.15:
        sigma = rng.uniform(15, 60)
        local = ndimage.uniform_filter(pixels, int(sigma))
        pixels = np.clip(pixels - np.float32(rng.uniform(0.3, 0.8)) * (local - local.mean()), 0, 1)
    kind = rng.random()
    if kind < 0.2:
        pixels = ndimage.gaussian_filter(pixels, rng.uniform(0.4, 1.6))
    elif kind < 0.5:
        side = int(rng.integers(96, 224))
        pixels = resize(resize(pixels, side, side), SIDE_PX, SIDE_PX)
    if rng.random() < 0.35:
        pixels = pixels + rng.standard_normal(pixels.shape, dtype=np.float32) * np.float32(rng.uniform(0.005, 0.05))
    if rng.random() < 0.15:  # a low-contrast export has few grey levels
        levels = np.float32(rng.integers(24, 128))
        pixels = np.asarray(np.round(pixels * levels) / levels, np.float32)
    return pixels


def _shadow(pixels: Grey, masks: Mask, rng: np.random.Generator) -> Grey:
    """Paint one to three soft opacities, in a lung where it is known: a lung full of fluid is still a lung."""
    lungs = np.argwhere(masks[0] | masks[1])
    out = pixels.copy()
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX].astype(np.float32)
    level = np.percentile(pixels, rng.uniform(60, 90))
    for _ in range(rng.integers(1, 4)):
        cy, cx = lungs[rng.integers(len(lungs))] if len(lungs) else rng.uniform(60, 200, 2)
        ry, rx = rng.uniform(8, 60, 2)
        blob = np.exp(-((((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2) ** rng.uniform(0.7, 2.5)))
        weight = (blob * rng.uniform(0.3, 0.95)).astype(np.float32)
        out = out * (1 - weight) + np.float32(level) * weight
    return np.maximum(out, pixels) if rng.random() < 0.8 else out


def _marker(pixels: Grey, rng: np.random.Generator) -> Grey:
    """Burn in a side letter where it belongs, or a line of text anywhere."""
    image = Image.fromarray(np.ascontiguousarray(pixels, np.float32))
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(int(rng.integers(9, 24)))
    right = rng.random() < 0.5
    text = str(rng.choice(["R", "R PA", "RT"] if right else ["L", "L AP", "LT"]))
    x = rng.uniform(4, 60) if right else rng.uniform(190, 236)
    if rng.random() < 0.35:
        text, x = str(rng.choice(["AP SUPINE", "PORTABLE", "12:45", "ERECT", "MOBILE 2", "71"])), rng.uniform(4, 180)
    place = (x, rng.uniform(4, 60) if rng.random() < 0.75 else rng.uniform(190, 236))
    if rng.random() < 0.3:
        draw.rectangle(draw.textbbox(place, text, font=font), fill=float(rng.choice([0.0, 0.2])))
    draw.text(place, text, fill=1.0, font=font)
    return np.asarray(image)


def _collimate(pixels: Grey, masks: Mask, rng: np.random.Generator) -> tuple[Grey, Mask]:
    """Cut off the edges, in black or in white, by a rectangle that may be tilted."""
    fill = float(rng.choice([0.0, 0.0, 0.0, 1.0, rng.random()]))
    reach = rng.uniform(0, 0.16, 4) * (rng.random(4) < 0.7)
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX] / (SIDE_PX - 1)
    tilt = np.tan(np.deg2rad(rng.uniform(-6, 6) if rng.random() < 0.3 else 0.0))
    u, v = x + tilt * (y - 0.5), y - tilt * (x - 0.5)
    inside = (u >= reach[0]) & (u <= 1 - reach[1]) & (v >= reach[2]) & (v <= 1 - reach[3])
    return np.where(inside, pixels, np.float32(fill)), masks & inside


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
    film = ndimage.gaussian_filter(film, rng.uniform(0.5, 2.0)) + 0.02 * rng.standard_normal(film.shape)
    if rng.random() < 0.3:
        edge = rng.uniform(0.25, 0.48)
        film = np.where(np.abs(x) > edge, np.float32(rng.choice([0.0, 1.0])), film)
    return np.asarray(film, np.float32)
