"""The folder that `data prepare` writes: manifest, boxes, what was left out, and how it was made."""

import csv
import hashlib
import shutil
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lucidray.datasets.catalogue import about
from lucidray.datasets.entry import Inputs
from lucidray.datasets.manifest import SPLITS, Manifest, write_manifest
from lucidray.datasets.prepare import Options, Prepared
from lucidray.datasets.spatial import write_spatial
from lucidray.domain.errors import OutputError
from lucidray.evaluation.label_files.table import TARGETS
from lucidray.version import VERSION


def write(prepared: Prepared, out: Path, told: dict[str, Any], *, overwrite: bool = False) -> bool:
    """Write the folder: manifest, spatial manifest, the films left out, and how it was made; whole or not at all.

    Returns
    -------
    bool
        Whether Parquet was written, too.

    Raises
    ------
    OutputError
        `out` exists and may not be replaced, or cannot be written.
    """
    check_out(out, overwrite=overwrite)
    hidden = out.with_name(f".{out.name}.partial")
    try:
        shutil.rmtree(hidden, ignore_errors=True)
        write_manifest(prepared.manifest, hidden, told)
        write_spatial(prepared.manifest, hidden / "spatial.csv")
        with (hidden / "left_out.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("film", "kind", "reason"))
            writer.writerows(prepared.dropped)
        parquet = (hidden / "manifest.parquet").is_file()
        if out.exists():
            old = out.with_name(f".{out.name}.old")
            shutil.rmtree(old, ignore_errors=True)
            out.rename(old)
            try:
                hidden.rename(out)
            except OSError:
                old.rename(out)
                raise
            shutil.rmtree(old, ignore_errors=True)
        else:
            hidden.rename(out)
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
    return parquet


def check_out(out: Path, *, overwrite: bool) -> None:
    """Say early that a folder may not be written: hours may lie between the start and the writing.

    Raises
    ------
    OutputError
        It exists, or what exists was not written by `data prepare`, or its parent is no folder.
    """
    if out.exists() and not overwrite:
        raise OutputError(f"{out} exists already: name a new folder, or allow --overwrite")
    if out.exists() and not (out / "manifest.json").is_file() and (out.is_file() or any(out.iterdir())):
        raise OutputError(f"{out} was not written by lucidray data prepare, and is not overwritten")
    try:
        out.resolve().parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error.strerror or error}") from error


def describe(source: str, inputs: Inputs, options: Options, prepared: Prepared) -> dict[str, Any]:
    """Say how a manifest was made: `manifest.json`."""
    known = about(source)
    return {
        "kind": "prepared collection",
        "lucidray": VERSION,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "source": options.name or source,
        "title": known.title,
        "terms": options.terms or known.terms,
        "cite": known.cite,
        "page": known.page,
        "files": [
            {"name": path.name, "sha256": _sha256(path)} for path in (*inputs.labels, *inputs.boxes) if path.is_file()
        ],
        "read_as": [{"file": name, "format": kind} for name, kind in prepared.gathered.formats],
        "options": {name: value for name, value in asdict(options).items() if name != "limits"},
        "counts": counts(prepared.manifest),
        "left_out": dict(prepared.reasons().most_common()),
        "rows_not_read": len(prepared.gathered.faults),
        "faults": [
            {"file": name, "row": fault.row, "reason": fault.reason} for name, fault in prepared.gathered.faults[:50]
        ],
        "unmapped": dict(prepared.gathered.unmapped.most_common()),
        "notes": prepared.notes,
    }


def counts(manifest: Manifest) -> dict[str, Any]:
    """Count films, patients, boxes, reports and labels of each split."""
    found: dict[str, Any] = {}
    for split in SPLITS:
        films = manifest.of(split)
        said = {target: Counter(film.truth[target] for film in films if target in film.truth) for target in TARGETS}
        found[split] = {
            "films": len(films),
            "patients": len({film.patient for film in films}),
            "with_boxes": sum(bool(film.boxes) for film in films),
            "boxes": sum(len(film.boxes) for film in films),
            "with_report": sum(bool(film.report) for film in films),
            "labels": {target: dict(sorted(counter.items())) for target, counter in said.items() if counter},
        }
    return found


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
