"""`lucidray data prepare`: a collection's own files to one manifest."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lucidray.cli import streams
from lucidray.cli.data_progress import Counting
from lucidray.cli.session import Session, pass_session
from lucidray.domain.errors import UsageError

if TYPE_CHECKING:
    from lucidray.datasets.prepare import Options, Prepared
    from lucidray.domain.radiograph import Radiograph
    from lucidray.settings import Settings

SOURCES = ("padchest", "nih", "chexpert", "mimic-cxr", "openi", "vinbig", "rsna", "paediatric", "folder")
_SHOWN = 12


@click.command("prepare", short_help="A collection's label files and films to one manifest, split by patient.")
@click.argument("source", type=click.Choice(SOURCES))
@click.option(
    "--labels", multiple=True, type=click.Path(path_type=Path), metavar="FILE", help="Label file; may be repeated."
)
@click.option(
    "--images",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where the films lie; by default images/ beside the labels, or their folder.",
)
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), metavar="DIR", help="A folder that is not there."
)
@click.option(
    "--boxes",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Box file, where it does not lie beside the labels; for padchest grounded_reports_*.json of PadChest-GR.",
)
@click.option(
    "--box-side",
    type=click.IntRange(1),
    metavar="PX",
    help="Side of the square images that the boxes were drawn on, where the films have another size.",
)
@click.option(
    "--reports", type=click.Path(path_type=Path), metavar="DIR|CSV", help="Reports of mimic-cxr: files/ or one table."
)
@click.option("--split", type=click.Choice(["hash", "official"]), default="hash", show_default=True)
@click.option("--test", type=click.FloatRange(0, 0.9), metavar="SHARE", help="Patients to test on.  [default: 0.2]")
@click.option(
    "--validation", type=click.FloatRange(0, 0.9), metavar="SHARE", help="Patients to validate on.  [default: 0.12]"
)
@click.option(
    "--unknown-view",
    type=click.Choice(["keep", "drop", "look"]),
    default="keep",
    show_default=True,
    help="Films whose view nobody says; `look` asks the embedded network whether they are frontal.",
)
@click.option("--propose-boxes", is_flag=True, help="Boxes where a report and the embedded networks agree on the side.")
@click.option("--terms", metavar="TEXT", help="What the terms allow; written into every row.")
@click.option("--name", metavar="NAME", help="Of the collection, written into every row.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="So many films only, evenly spread.")
@click.option("--workers", type=click.IntRange(1, 64), default=2, show_default=True, help="Films read at a time.")
@click.option("--overwrite", is_flag=True, help="Replace what an earlier run wrote.")
@pass_session
def command(
    session: Session,
    /,
    source: str,
    labels: tuple[Path, ...],
    images: Path | None,
    out: Path,
    boxes: tuple[Path, ...],
    box_side: int | None,
    reports: Path | None,
    split: str,
    test: float | None,
    validation: float | None,
    unknown_view: str,
    propose_boxes: bool,
    terms: str | None,
    name: str | None,
    limit: int | None,
    workers: int,
    overwrite: bool,
) -> None:
    """Read a collection's label files and films, and write one manifest.

    Unreadable films and lateral views are left out and counted; every patient is in one split; uncertain labels stay
    uncertain. The folder holds manifest.csv (and .parquet), manifest.json, spatial.csv with the boxes, and left_out.csv
    with what was left out and why. The films stay where they are. With the shares left as they are, NIH's patients (and
    those of rsna with its list of NIH's names) are split as they were for the shipped weights: none that these were
    trained on is in a test split.
    """
    from lucidray.datasets.catalogue import about
    from lucidray.datasets.entry import Inputs
    from lucidray.datasets.prepare import Options, prepare
    from lucidray.datasets.prepared_folder import check_out, describe, write
    from lucidray.datasets.split import TEST_SHARE, VALIDATION_SHARE
    from lucidray.imaging.limits import Limits

    if not labels and about(source).needs_labels:
        raise UsageError(f"{source} needs --labels: see docs/datasets.md for the names of its files")
    if not labels and images is None:
        raise UsageError(f"{source} needs --images, or --labels")
    if split == "official" and (test is not None or validation is not None):
        raise UsageError("--test and --validation are shares of the hash's split, not of the official one")
    shares = (TEST_SHARE if test is None else test, VALIDATION_SHARE if validation is None else validation)
    if sum(shares) >= 1:
        raise UsageError(f"--test {shares[0]:g} and --validation {shares[1]:g} leave nothing to train on")
    settings = session.settings()
    check_out(out, overwrite=overwrite)
    inputs = Inputs(labels, images or _images(labels[0]), boxes, reports, box_side)
    options = Options(
        official=split == "official",
        test=shares[0],
        validation=shares[1],
        unknown_view=unknown_view,  # type: ignore[arg-type]
        limit=limit,
        workers=workers,
        terms=terms,
        name=name,
        limits=Limits(max_pixels=settings.max_pixels, max_bytes=settings.max_bytes),
    )
    counter = Counting("films read")

    try:
        prepared = prepare(
            source,
            inputs,
            options,
            look=_look(settings) if unknown_view == "look" else None,
            begin=counter.begin,
            advance=counter.advance,
        )
    finally:
        counter.end()
    told: dict[str, object] = {}
    if propose_boxes:
        prepared, outcome = _propose(prepared, settings)
        told["proposed_boxes"] = dict(outcome.most_common())
    parquet = write(prepared, out, describe(source, inputs, options, prepared) | told, overwrite=overwrite)
    _say(prepared, options, out, parquet=parquet)


def _images(labels: Path) -> Path:
    base = labels if labels.is_dir() else labels.parent
    return next((base / name for name in ("images", "films", "files") if (base / name).is_dir()), base)


def _look(settings: "Settings") -> "Callable[[Radiograph], str]":
    """Have the gate look at a film: what is not frontal, or no chest, is left out with its words."""
    from lucidray.imaging import gate
    from lucidray.models.anatomy import EmbeddedSegmenter
    from lucidray.models.weights_file import EMBEDDED_FOLDER

    segmenter = EmbeddedSegmenter(settings.weights or EMBEDDED_FOLDER, 1, settings.device)

    def look(film: "Radiograph") -> str:
        anatomy, appearance = segmenter.segment(film.pixels)
        refusal = gate.judge(film, appearance, anatomy, segmenter.thresholds).refusal
        return next((note.message for note in refusal if note.code in ("lateral", "oblique", "not_chest")), "")

    return look


def _propose(prepared: "Prepared", settings: "Settings") -> "tuple[Prepared, Counter[str]]":
    from lucidray.cli.loading import load_engine
    from lucidray.datasets.manifest import ManifestFilm
    from lucidray.datasets.propose import propose
    from lucidray.domain.reading import Reading

    engine = load_engine(settings, threads=1)
    asked = [film for film in prepared.manifest.films if film.report and not film.boxes]

    def read(film: ManifestFilm) -> Reading:
        return engine.read(prepared.manifest.path(film))

    counter = Counting("films asked about")
    counter.begin(len(asked))
    try:
        done = propose(prepared.manifest, read, counter.advance)
    finally:
        counter.end()
    count = done.outcome["box proposed"]
    for became, claims in done.outcome.most_common():
        streams.say(f"  {claims:,} claims: {became}")
    note = (
        f"boxes were proposed by lucidray's networks for {count:,} claims of reports: marked proposed, drawn by nobody"
    )
    return replace(prepared, manifest=done.manifest, notes=[*prepared.notes, note]), done.outcome


def _say(prepared: "Prepared", options: "Options", out: Path, *, parquet: bool) -> None:
    from lucidray.datasets.prepared_folder import counts

    for name, kind in prepared.gathered.formats:
        streams.say(f"{name}: {kind}")
    faults = prepared.gathered.faults
    if faults:
        file, fault = faults[0]
        streams.warn(f"{len(faults):,} rows not read; {file}, line {fault.row}: {fault.reason}")
    for kind, count in prepared.reasons().most_common():
        first = next((f"; the first: {film}: {reason}" for film, why, reason in prepared.dropped if why == kind), "")
        streams.warn(f"left out, {kind}: {count:,}{first}")
    unmapped = prepared.gathered.unmapped
    if unmapped:
        most = ", ".join(f"{name} ({count:,})" if count else name for name, count in unmapped.most_common(_SHOWN))
        more = f" and {len(unmapped) - _SHOWN} more" if len(unmapped) > _SHOWN else ""
        streams.say(f"none of the fourteen findings: {most}{more}")
    for note in prepared.notes:
        streams.say(f"note: {note}")
    for name, found in counts(prepared.manifest).items():
        streams.say(
            f"{name}: {found['films']:,} films of {found['patients']:,} patients, {found['boxes']:,} boxes on"
            f" {found['with_boxes']:,}, reports with {found['with_report']:,}"
        )
        if not found["films"]:
            streams.warn(f"the {name} split is empty" + (": the official split has none" if options.official else ""))
    streams.say(f"terms: {options.terms or prepared.manifest.films[0].terms}")
    if not parquet:
        streams.say("manifest.parquet was not written: pip install 'lucidray[parquet]'")
    streams.say(f"wrote {out}; look at it with: lucidray data check {out}")
