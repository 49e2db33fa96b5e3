"""Training cases of the anatomy network: films changed at random.

A case is made from a film by one seeded generator, so a run can be resumed and repeated. Whatever moves the film moves
its masks. The names of places go by position: a mirrored film swaps right and left masks.
"""

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
