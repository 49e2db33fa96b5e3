"""A film that was upscaled, before and after, and what the method made up."""

import base64
from io import BytesIO

import numpy as np
from PIL import Image

from lucidray.domain.errors import NotFoundError
from lucidray.domain.radiograph import FloatImage, Radiograph
from lucidray.domain.reading import Reading
from lucidray.reporting.film import grey
from lucidray.reporting.page_words import load_words

PICTURES = ("before", "after", "added")
# At this difference to Lanczos the colour is full: a scale that is the same for all films lets them be compared.
FULL_DIFFERENCE = 0.10
_NEUTRAL, _DARKER, _BRIGHTER = (28, 28, 32), (70, 150, 255), (255, 96, 72)


def pictures(reading: Reading) -> dict[str, Image.Image]:
    """Draw an upscaled film, all pictures of one size.

    Parameters
    ----------
    reading : Reading
        With its film.

    Returns
    -------
    dict of pictures
        `before`, the film as it came, its pixels as squares; `after`, as it was read; `added`, the difference of that
        to plain Lanczos interpolation, blue where it is darker and red where it is brighter. Upright, as read.

    Raises
    ------
    NotFoundError
        The film was not upscaled.
    UsageError
        The reading was loaded from JSON, which holds no pixels.
    """
    film = reading.evidence.film
    if film.original is None:
        raise NotFoundError("this film was not upscaled")
    size = (film.width_px, film.height_px)
    return {
        "before": grey(film.original).resize(size, Image.Resampling.NEAREST),
        "after": grey(film),
        "added": draw_difference(film.pixels - smooth(film)),
    }


def smooth(film: Radiograph) -> FloatImage:
    """Return the original of an upscaled film by Lanczos interpolation alone, in the size that was read."""
    assert film.original is not None  # noqa: S101 - asked of upscaled films only
    image = Image.fromarray(np.ascontiguousarray(film.original.pixels, dtype=np.float32))
    larger = image.resize((film.width_px, film.height_px), Image.Resampling.LANCZOS)
    return np.clip(np.asarray(larger, dtype=np.float32), 0.0, 1.0)


def draw_difference(difference: FloatImage) -> Image.Image:
    """Draw (H, W) differences of grey values in [-1, 1]: blue below 0, red above, dark at 0."""
    share = np.clip(np.abs(difference) / FULL_DIFFERENCE, 0, 1)[..., None]
    far = np.where(difference[..., None] < 0, np.array(_DARKER), np.array(_BRIGHTER))
    colours = np.array(_NEUTRAL) * (1 - share) + far * share
    return Image.fromarray(np.rint(colours).astype(np.uint8))


def data_address(picture: Image.Image) -> str:
    """Return a picture as the data address of a PNG."""
    file = BytesIO()
    picture.save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def told(reading: Reading) -> list[str]:
    """Say what the check says, what probabilities are worth, what boxes refer to; empty where nothing was done."""
    upscaling = reading.upscaling
    if upscaling is None or upscaling.consistency is None:
        return []
    table = load_words(reading.report.language)
    checked = upscaling.consistency
    psnr = "∞" if checked.psnr_db is None else table.number(f"{checked.psnr_db:.1f}")
    lines = [
        table.say("upscaled_steps", steps=table.isolated(" → ".join(f"{w} × {h}" for w, h in upscaling.sizes_px))),
        table.say(
            "upscaled_check",
            mean=table.number(f"{checked.mean_difference:.4f}"),
            largest=table.number(f"{checked.max_difference:.3f}"),
            psnr=psnr,
        )
        + " "
        + table["upscaled_agrees" if checked.agrees else "upscaled_disagrees"],
    ]
    if not reading.accepted:
        return lines
    on = upscaling.calibrated_on
    if on is None:
        lines.append(table["upscaled_uncalibrated"])
    elif on.auroc is not None and on.auroc_whole is not None:
        lines.append(
            table.say(
                "upscaled_calibrated",
                side=on.side_px,
                findings=on.findings,
                films=on.films,
                auroc=table.number(f"{on.auroc:.2f}"),
                whole=table.number(f"{on.auroc_whole:.2f}"),
            )
        )
    return [*lines, table["upscaled_boxes"]]


def captions(reading: Reading) -> dict[str, str]:
    """Say what each picture shows."""
    upscaling, table = reading.upscaling, load_words(reading.report.language)
    if upscaling is None:
        return {}
    first, last = (table.isolated(f"{w} × {h}") for w, h in (upscaling.sizes_px[0], upscaling.sizes_px[-1]))
    full = table.isolated(f"{100 * FULL_DIFFERENCE:.0f} %")
    return {
        "before": table.say("upscaled_before", size=first),
        "after": table.say("upscaled_after", size=last, method=upscaling.method),
        "added": table.say("upscaled_added", method=upscaling.method) + ". " + table.say("upscaled_scale", value=full),
    }


def shown(reading: Reading) -> dict[str, object] | None:
    """Return what the report's page shows of an upscaled film; None where the film was not upscaled."""
    if not reading.degraded:
        return None
    said = captions(reading)
    drawn = pictures(reading)
    return {
        "pictures": [{"name": name, "href": data_address(drawn[name]), "said": said[name]} for name in PICTURES],
        "size": drawn["after"].size,
        "told": told(reading),
        "agrees": reading.upscaling is None
        or reading.upscaling.consistency is None
        or reading.upscaling.consistency.agrees,
    }
