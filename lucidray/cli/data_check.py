"""`lucidray data check`: what would make a prepared collection's figures worthless."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lucidray.cli import streams
from lucidray.cli.data_progress import Counting
from lucidray.cli.session import Session, pass_session
from lucidray.version import VERSION

if TYPE_CHECKING:
    from lucidray.datasets.check import Problem
    from lucidray.domain.radiograph import Radiograph
    from lucidray.settings import Settings

SERIOUS_EXIT = 3


@click.command(
    "check", short_help="Copies and patients across splits, class counts, image problems, a page of samples."
)
@click.argument("prepared", type=click.Path(path_type=Path), metavar="PREPARED")
@click.option(
    "--images", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="The films, if they were moved."
)
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="DIR", help="For check.json and check.html; by default PREPARED."
)
@click.option("--gate", is_flag=True, help="Ask the embedded network, too: inverted, turned, lateral, no chest.")
@click.option("--samples", type=click.IntRange(0, 50), default=5, show_default=True, help="Pictures a finding.")
@click.option("--json", "as_json", is_flag=True, help="The result as JSON on stdout.")
@click.option("--workers", type=click.IntRange(1, 64), default=2, show_default=True, help="Films read at a time.")
@pass_session
def command(
    session: Session,
    /,
    prepared: Path,
    images: Path | None,
    out: Path | None,
    gate: bool,
    samples: int,
    as_json: bool,
    workers: int,
) -> int:
    """Check what `lucidray data prepare` wrote, films and all.

    Exit code 3 where something serious was found: unreadable films, a patient or copies of a film in two splits,
    films that may not measure outside of the training split, boxes that do not fit. Mirrored or cropped copies are not
    found.
    """
    from lucidray.datasets.check import check, result_of
    from lucidray.datasets.check_page import render
    from lucidray.datasets.manifest import read_manifest
    from lucidray.domain.reading import NOTICE
    from lucidray.evaluation.predictions import write_atomically
    from lucidray.imaging.limits import Limits

    settings = session.settings()
    manifest = read_manifest(prepared, images)
    judge = _gate(settings) if gate else None
    counter = Counting("films looked at")
    counter.begin(len(manifest.films))
    try:
        checked = check(
            manifest,
            workers=workers,
            limits=Limits(max_pixels=settings.max_pixels, max_bytes=settings.max_bytes),
            gate=judge,
            advance=counter.advance,
        )
    finally:
        counter.end()
    folder = prepared if prepared.is_dir() else prepared.parent
    head = {
        "lucidray": VERSION,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "notice": NOTICE,
        "gate": gate,
    }
    result = result_of(checked, folder, head)
    out = out or folder
    write_atomically(out / "check.json", json.dumps(result, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    write_atomically(out / "check.html", render(checked, result, samples))
    if as_json:
        streams.write(json.dumps(result, ensure_ascii=False, allow_nan=False))
    else:
        _print(result, checked.problems)
    streams.say(f"wrote {out / 'check.json'} and {out / 'check.html'}")
    return SERIOUS_EXIT if checked.serious else 0


def _gate(settings: "Settings") -> "Callable[[Radiograph], list[tuple[str, str]]]":
    from lucidray.imaging import gate
    from lucidray.models.anatomy import EmbeddedSegmenter
    from lucidray.models.weights_file import EMBEDDED_FOLDER

    segmenter = EmbeddedSegmenter(settings.weights or EMBEDDED_FOLDER, 1, settings.device)

    def judge(film: "Radiograph") -> list[tuple[str, str]]:
        anatomy, appearance = segmenter.segment(film.pixels)
        verdict = gate.judge(film, appearance, anatomy, segmenter.thresholds)
        warned = [note for note in verdict.warnings if note.code == "mirrored"]
        return [(note.code, note.message) for note in (*verdict.refusal, *warned)]

    return judge


def _print(result: dict[str, Any], problems: "list[Problem]") -> None:
    for split, found in result["splits"].items():
        streams.write(
            f"{split}: {found['films']:,} films of {found['patients']:,} patients, {found['boxes']:,} boxes,"
            f" {found['reports']:,} reports"
        )
    width = max(len(name) for name in result["classes"])
    streams.write(f"{'positive films'.ljust(width)}  {'train':>8} {'validation':>10} {'test':>8}")
    for name, found in result["classes"].items():
        there = [found[split].get("positive", 0) for split in ("train", "validation", "test")]
        streams.write(f"{name.ljust(width)}  {there[0]:>8,} {there[1]:>10,} {there[2]:>8,}")
    for problem in problems:
        first = f"; the first: {problem.examples[0]}" if problem.examples else ""
        mark = "SERIOUS: " if problem.serious else "warning: "
        streams.write(streams.one_line(f"{mark}{problem}{first}"))
    streams.write("something serious was found" if result["serious"] else "nothing serious was found")
