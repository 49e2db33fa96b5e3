"""`lucidray evaluate claims`: how far claims from reports agree with their coders."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lucidray.cli import streams
from lucidray.domain.errors import InputError, OutputError

if TYPE_CHECKING:
    from lucidray.evaluation.claims import Agreement, Interval


@click.command("claims", short_help="What is understood of reports, against their coders' terms.")
@click.option(
    "--reports",
    "archive",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    metavar="TGZ",
    help="Open-i reports with MeSH terms: NLMCXR_reports.tgz, part of the torchxrayvision package.",
)
@click.option(
    "--half",
    type=click.Choice(["development", "held-out", "all"]),
    default="held-out",
    show_default=True,
    help="Which reports, by a hash of their id; the rules were made on the development half.",
)
@click.option("--draws", type=click.IntRange(100), default=1000, show_default=True, help="Of the bootstrap.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Also write the JSON here."
)
def command(archive: Path, half: str, draws: int, seed: int, *, as_json: bool, out: Path | None) -> None:
    """Compare claims from reports with what coders marked in them.

    Per finding: precision, recall and F1 of "present" with 95 % intervals over reports, beside a control that takes
    every word for a finding. Coding is incomplete, so that agreement is a lower bound: see docs/claims.md.
    """
    from lucidray.evaluation.claims import measure_agreement
    from lucidray.evaluation.openi import half_of, read_reports

    reports = [each for each in read_reports(archive) if half == "all" or half_of(each.id) == half]
    if not reports:
        raise InputError(f"{archive.name} holds no coded reports")
    result = measure_agreement(reports, half, draws=draws, seed=seed, report=streams.say)
    content = result.model_dump_json(indent=1)
    if out is not None:
        try:
            out.write_text(content + "\n", encoding="utf-8")
        except OSError as error:
            raise OutputError(f"{out} cannot be written: {error.strerror}") from error
    streams.write(content if as_json else _table(result))


def _table(result: "Agreement") -> str:
    lines = [
        f"Claims of `present` against MeSH codes: {result.reports} reports of Open-i ({result.split}).",
        "",
        f"{'finding':<20}{'coded':>7}{'claimed':>9}{'both':>6}  {'precision':<20}{'recall':<20}{'F1':<20}"
        f"{'F1, doubt as present':<22}F1 of keywords",
    ]
    lines += [
        f"{each.label:<20}{each.coded:>7}{each.claimed:>9}{each.both:>6}  "
        f"{_words(each.precision):<20}{_words(each.recall):<20}{_words(each.f1):<20}"
        f"{_words(each.f1_with_uncertain):<22}{_words(each.keyword_f1)}"
        for each in result.labels
    ]
    lines += [
        "",
        f"Macro over the {len(result.macro_labels)} findings with {result.min_coded} or more coded reports:",
        f"  precision {_words(result.macro_precision)}   recall {_words(result.macro_recall)}   "
        f"F1 {_words(result.macro_f1)}",
        f"  F1 with doubt taken for present {_words(result.macro_f1_with_uncertain)}",
        f"  controls: keywords without negation F1 {_words(result.macro_f1_keyword)}, "
        f"always absent F1 {_words(result.macro_f1_always_absent)}",
        "",
        f"{'finding':<20}{'claimed absent':>15}{'coded though':>14}{'uncertain':>11}{'coded':>7}",
    ]
    lines += [
        f"{each.label:<20}{each.claimed_absent:>15}{each.coded_though_absent:>14}{each.uncertain:>11}{each.coded_and_uncertain:>7}"
        for each in result.labels
    ]
    return "\n".join(lines)


def _words(figure: "Interval") -> str:
    if figure.value is None or figure.low is None or figure.high is None:
        return "none"
    return f"{figure.value:.2f} ({figure.low:.2f} to {figure.high:.2f})"
