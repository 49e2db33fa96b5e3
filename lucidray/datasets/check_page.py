"""One page of a checked collection: what was found, the counts, films that are alike, and samples with boxes."""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from importlib.resources import files
from io import BytesIO
from typing import Any, NamedTuple

import jinja2
import numpy as np
from markupsafe import Markup
from PIL import Image, ImageDraw

from lucidray.datasets.check import Checked
from lucidray.datasets.manifest import SPLITS, Manifest, ManifestFilm
from lucidray.domain.errors import InputError
from lucidray.domain.reading import NOTICE
from lucidray.evaluation.label_files.table import ANY_ABNORMALITY, TARGETS
from lucidray.imaging.film import read_film
from lucidray.reporting.words import plain

COLOURS = {"radiologist": "#34c3ff", "proposed": "#ffb000", "model_assisted": "#ff6ad5"}
_LONGEST_PX = 320
_QUALITY = 82
_MAX_PAIRS = 12


class Picture(NamedTuple):
    """A film as it is shown: its picture as a data URL, and words under it."""

    url: str
    words: str


def render(checked: Checked, result: dict[str, Any], per_finding: int) -> str:
    """Write the page; it loads nothing but what it carries.

    Parameters
    ----------
    checked : Checked
    result : dict
        What the JSON holds.
    per_finding : int
        Samples a finding.
    """
    style = files("lucidray.evaluation").joinpath("templates/evaluation.css").read_text(encoding="utf-8")
    style += files("lucidray.datasets").joinpath("templates/check.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("lucidray.datasets"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters |= {"plain": plain, "thousands": lambda count: f"{count:,}"}
    films = checked.manifest.films
    pairs = [
        (_pictures(checked.manifest, (films[pair.first], films[pair.second])), pair.likeness)
        for pair in checked.pairs
        if films[pair.first].patient != films[pair.second].patient
    ][:_MAX_PAIRS]
    samples = {
        finding: _pictures(checked.manifest, chosen, finding) for finding, chosen in choose(films, per_finding).items()
    }
    return environment.get_template("check.html").render(
        result=result,
        style=Markup(style),  # noqa: S704 - our own file
        policy=policy,
        notice=NOTICE,
        splits=SPLITS,
        pairs=[pair for pair in pairs if len(pair[0]) == 2],
        samples={finding: pictures for finding, pictures in samples.items() if pictures},
        colours=COLOURS,
    )


def choose(films: Sequence[ManifestFilm], per_finding: int) -> dict[str, list[ManifestFilm]]:
    """Choose samples of each finding: films with a box of it first, from all splits in turn; and of normal films."""
    chosen: dict[str, list[ManifestFilm]] = {}
    for target in (*TARGETS, "Normal"):
        if target == "Normal":
            there = [film for film in films if film.truth.get(ANY_ABNORMALITY) == "negative"]
        else:
            there = [film for film in films if film.truth.get(target) == "positive"]
        if target == ANY_ABNORMALITY or not there:
            continue
        by_split = []
        for split in SPLITS:
            own = [film for film in there if film.split == split]
            with_box = [film for film in own if any(box.finding == target for box in film.boxes)]
            spread = (
                _spread([film for film in own if film not in with_box], per_finding)
                if len(with_box) < per_finding
                else []
            )
            by_split.append([*_spread(with_box, per_finding), *spread][:per_finding])
        turns = [one for place in range(per_finding) for one in (own[place : place + 1] for own in by_split)]
        chosen[target] = [film for turn in turns for film in turn][:per_finding]
    return chosen


def _spread(films: Sequence[ManifestFilm], count: int) -> list[ManifestFilm]:
    if len(films) <= count:
        return list(films)
    return [films[place * len(films) // count] for place in range(count)]


def _pictures(manifest: Manifest, films: Iterable[ManifestFilm], finding: str | None = None) -> list[Picture]:
    shown = []
    for film in films:
        try:
            shown.append(Picture(draw(manifest, film), _words(film, finding)))
        except InputError:
            continue  # told among the problems
    return shown


def _words(film: ManifestFilm, finding: str | None) -> str:
    findings = [
        name for name, state in film.truth.items() if state == "positive" and name not in (finding, ANY_ABNORMALITY)
    ]
    doubt = [f"{name}?" for name, state in film.truth.items() if state == "uncertain"]
    also = f" · also {', '.join([*findings, *doubt])}" if findings or doubt else ""
    return f"{film.film} · {film.split} · {film.view}{also}"


def draw(manifest: Manifest, film: ManifestFilm) -> str:
    """Return a film with its boxes, made small, as a data URL.

    Raises
    ------
    InputError
        The film cannot be read.
    """
    read = read_film(manifest.path(film))
    image = Image.fromarray((read.pixels * 255).astype(np.uint8))
    scale = _LONGEST_PX / max(image.size)
    small = image.resize(
        (max(1, round(image.width * scale)), max(1, round(image.height * scale))), Image.Resampling.LANCZOS
    )
    picture = small.convert("RGB")
    pen = ImageDraw.Draw(picture)
    for box in film.boxes:
        left, top, right, bottom = (edge * scale for edge in box.xyxy_px)
        pen.rectangle((left, top, right, bottom), outline=COLOURS[box.origin], width=2)
        place = (left + 3, max(0.0, top - 12))
        pen.text((place[0] + 1, place[1] + 1), box.finding, fill="#000000")
        pen.text(place, box.finding, fill=COLOURS[box.origin])
    buffer = BytesIO()
    picture.save(buffer, "JPEG", quality=_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
