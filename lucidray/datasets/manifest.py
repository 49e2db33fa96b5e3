"""The manifest: one row a film, with everything that training and evaluation need to know of it.

A prepared collection is a folder with `manifest.csv`, `manifest.parquet` where the extra `parquet` is there, and
`manifest.json`, which names the folder of the films and tells how the manifest was made. Labels keep four states apart:
`1` positive, `0` negative, `u` uncertain, and nothing where nobody spoke of the finding.
"""

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lucidray.domain.errors import InputError
from lucidray.evaluation.label_files.table import TARGETS, Truth

Split = Literal["train", "validation", "test"]
Origin = Literal["radiologist", "proposed", "model_assisted"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
ORIGINS: tuple[Origin, ...] = ("radiologist", "proposed", "model_assisted")
COLUMNS = (
    "film",
    "patient",
    "split",
    "source",
    "terms",
    "view",
    "age_years",
    "sex",
    "height_px",
    "width_px",
    *TARGETS,
    "boxes",
    "report",
    "model_assisted",
)

_SIGNS: dict[Truth, str] = {"positive": "1", "negative": "0", "uncertain": "u"}
_TRUTHS: dict[str, Truth] = {sign: truth for truth, sign in _SIGNS.items()} | {"1.0": "positive", "0.0": "negative"}
_MAX_FIELD = 10_000_000


@dataclass(frozen=True)
class PlacedBox:
    """A box on a film.

    Attributes
    ----------
    finding : str
    xyxy_px : tuple of float
        Left, top, right, bottom in pixels of the film as stored.
    phrase : str
        The words of the report that the box stands for; empty where there are none.
    origin : Origin
        Who drew it: a radiologist, a network (proposed), or a person who corrected a network (model_assisted).
    """

    finding: str
    xyxy_px: tuple[float, float, float, float]
    phrase: str = ""
    origin: Origin = "radiologist"


@dataclass(frozen=True)
class ManifestFilm:
    """One film.

    Attributes
    ----------
    film : str
        Path below the manifest's folder of films, with forward slashes.
    patient : str
        Films of one patient share it, and share a split.
    split : Split
    truth : dict
        By finding (the fourteen and "Any abnormality"); one that nobody spoke of is not in it.
    boxes : tuple of PlacedBox
    report : str
        English text of the report, empty where there is none.
    view : str
    age_years : float or None
    sex : str or None
    source, terms : str
        The collection, and what its terms allow.
    size_px : tuple of int or None
        Height and width as stored.
    model_assisted : bool
        Whether people who decided the labels saw a model's answer first: such a film trains, and never measures.
    """

    film: str
    patient: str
    split: Split
    truth: dict[str, Truth]
    boxes: tuple[PlacedBox, ...] = ()
    report: str = ""
    view: str = "unknown"
    age_years: float | None = None
    sex: str | None = None
    source: str = ""
    terms: str = ""
    size_px: tuple[int, int] | None = None
    model_assisted: bool = False


@dataclass(frozen=True)
class Manifest:
    """A prepared collection: its films, and the folder that they lie in."""

    films: tuple[ManifestFilm, ...]
    images: Path

    def of(self, split: Split) -> tuple[ManifestFilm, ...]:
        """Return the films of one split."""
        return tuple(film for film in self.films if film.split == split)

    def path(self, film: ManifestFilm) -> Path:
        """Where a film lies."""
        return self.images / film.film


def read_manifest(path: Path, images: Path | None = None) -> Manifest:
    """Read a manifest.

    Parameters
    ----------
    path : Path
        The prepared folder, or its `manifest.csv` or `manifest.parquet`.
    images : Path, optional
        The folder of films, where they were moved since; `manifest.json` names it otherwise.

    Raises
    ------
    InputError
        There is no manifest, a row of it cannot be read, a film is named twice, or nothing tells where the films lie.
    """
    table = path / "manifest.csv" if path.is_dir() else path
    if not table.is_file():
        raise InputError(f"{table} does not exist: lucidray data prepare writes it")
    films, seen = [], set()
    for number, row in _rows(table):
        film = _film(row, f"{table.name}, row {number}")
        if film.film in seen:
            raise InputError(f"{table.name}, row {number}: {film.film} was named before")
        seen.add(film.film)
        films.append(film)
    if not films:
        raise InputError(f"{table} names no films")
    return Manifest(tuple(films), images or _images(table))


def write_manifest(manifest: Manifest, folder: Path, about: dict[str, Any]) -> None:
    """Write `manifest.csv`, `manifest.parquet` (where pyarrow is there) and `manifest.json` into `folder`.

    Parameters
    ----------
    about : dict
        How the manifest was made; written to `manifest.json` beside the folder of films.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = [_row(film) for film in manifest.films]
    part = folder / "manifest.csv.part"
    with part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    part.replace(folder / "manifest.csv")
    _write_parquet(rows, folder / "manifest.parquet")
    part = folder / "manifest.json.part"
    text = json.dumps({"images": str(manifest.images.resolve()), **about}, indent=2, ensure_ascii=False)
    part.write_text(text + "\n", encoding="utf-8")
    part.replace(folder / "manifest.json")


def _images(table: Path) -> Path:
    about = table.with_name("manifest.json")
    try:
        return Path(json.loads(about.read_text(encoding="utf-8"))["images"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{about} does not tell where the films lie: name their folder with --images") from error


def _rows(table: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        if table.suffix == ".parquet":
            from pyarrow import parquet  # noqa: PLC0415 - an optional part

            columns = parquet.read_table(table).to_pylist()
            yield from ((number, {k: v or "" for k, v in row.items()}) for number, row in enumerate(columns, 1))
            return
        csv.field_size_limit(_MAX_FIELD)
        with table.open(encoding="utf-8-sig", newline="") as file:
            yield from enumerate(csv.DictReader(file), 1)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{table} cannot be read: {error}") from error


def _film(row: dict[str, str], place: str) -> ManifestFilm:
    missing = {"film", "patient", "split"} - {name for name, value in row.items() if name and value}
    if missing:
        raise InputError(f"{place}: {', '.join(sorted(missing))} is missing")
    split = next((name for name in SPLITS if name == row["split"]), None)
    if split is None:
        raise InputError(f"{place}: split is {row['split']!r}, not one of {', '.join(SPLITS)}")
    truth: dict[str, Truth] = {}
    for name in TARGETS:
        said = (row.get(name) or "").strip()
        if said and said not in _TRUTHS:
            raise InputError(f"{place}: {name} is {said!r}, not 1, 0, u or nothing")
        if said:
            truth[name] = _TRUTHS[said]
    try:
        height, width, age = row.get("height_px"), row.get("width_px"), row.get("age_years")
        return ManifestFilm(
            film=row["film"],
            patient=row["patient"],
            split=split,
            truth=truth,
            boxes=tuple(_box(box) for box in json.loads(row.get("boxes") or "[]")),
            report=row.get("report") or "",
            view=row.get("view") or "unknown",
            age_years=float(age) if age else None,
            sex=row.get("sex") or None,
            source=row.get("source") or "",
            terms=row.get("terms") or "",
            size_px=(int(height), int(width)) if height and width else None,
            model_assisted=row.get("model_assisted") == "1",
        )
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{place}: {error}") from error


def _box(box: dict[str, Any]) -> PlacedBox:
    left, top, right, bottom = (float(edge) for edge in box["xyxy_px"])
    if not (left < right and top < bottom):
        raise ValueError(f"box {box['xyxy_px']} has no area")
    origin = next((name for name in ORIGINS if name == box.get("origin", "radiologist")), None)
    if origin is None:
        raise ValueError(f"box of {box['origin']!r}, not one of {', '.join(ORIGINS)}")
    return PlacedBox(box["finding"], (left, top, right, bottom), box.get("phrase", ""), origin)


def _row(film: ManifestFilm) -> dict[str, str]:
    boxes = [
        {"finding": box.finding, "xyxy_px": list(box.xyxy_px), "phrase": box.phrase, "origin": box.origin}
        for box in film.boxes
    ]
    return {
        "film": film.film,
        "patient": film.patient,
        "split": film.split,
        "source": film.source,
        "terms": film.terms,
        "view": film.view,
        "age_years": "" if film.age_years is None else f"{film.age_years:g}",
        "sex": film.sex or "",
        "height_px": str(film.size_px[0]) if film.size_px else "",
        "width_px": str(film.size_px[1]) if film.size_px else "",
        **{name: _SIGNS[film.truth[name]] if name in film.truth else "" for name in TARGETS},
        "boxes": json.dumps(boxes, ensure_ascii=False) if boxes else "",
        "report": film.report,
        "model_assisted": "1" if film.model_assisted else "",
    }


def _write_parquet(rows: Iterable[dict[str, str]], path: Path) -> None:
    try:
        import pyarrow as pa  # noqa: PLC0415 - an optional part
        from pyarrow import parquet  # noqa: PLC0415 - an optional part
    except ModuleNotFoundError:
        return
    part = path.with_name(path.name + ".part")
    parquet.write_table(
        pa.Table.from_pylist(list(rows), schema=pa.schema([(name, pa.string()) for name in COLUMNS])), part
    )
    part.replace(path)
