"""`lucidray study second-opinion`: small films that a baseline misread, upscaled and read by others."""

import hashlib
import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lucidray.cli import evaluating, streams
from lucidray.cli.loading import load_engine
from lucidray.cli.progress import Bar
from lucidray.cli.reader_options import ReaderChoice, choose_by_name, parse_reader_options
from lucidray.cli.session import Session, pass_session
from lucidray.domain.errors import OutputError, UsageError

if TYPE_CHECKING:
    from lucidray.api import Lucidray
    from lucidray.domain.vocabulary import Label
    from lucidray.pipeline import Models, Request
    from lucidray.settings import Settings
    from lucidray.study.run import Asker, UpscalerOfStudy
    from lucidray.study.second_opinion import Result
    from lucidray.study.seen import Exposure

_AGE_YEARS = 3.0


@click.command("second-opinion", short_help="Small films that a baseline misread: who reads them right?")
@click.option(
    "--data",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="NPZ",
    help="Small films in MedMNIST's layout, for example pneumoniamnist.npz.",
)
@click.option(
    "--classifier",
    "first",
    default="maxvit_pico_rw_256",
    show_default=True,
    metavar="NAME|SPEC",
    help="The baseline: an architecture of timm, fitted on the training films, or timm:DIR, onnx:DIR, embedded.",
)
@click.option(
    "--readers",
    default="classifier,composer",
    show_default=True,
    metavar="A,B,C",
    help="Names of readers, or NAME=READER to call one otherwise; `classifier` for the embedded networks alone.",
)
@click.option(
    "--reader-option", multiple=True, metavar="READER.NAME=VALUE", help="An option of one reader; repeatable."
)
@click.option(
    "--upscale", default="lanczos", show_default=True, metavar="A,B", help="Upscalers; `lucidray models` lists them."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    metavar="DIR",
    help="Figures, page, films, answers, journals and the baseline's run.",
)
@click.option("--size", type=click.IntRange(32), metavar="PX", help="Side of the fitted baseline's input; 64.")
@click.option("--epochs", type=click.IntRange(1), metavar="N", help="At most so many for the fitted baseline; 5.")
@click.option(
    "--films",
    "films_asked",
    type=click.Choice(["all", "sample"]),
    default="all",
    show_default=True,
    help="All test films, or the misread ones and the matched sample, weighted to all: for slow readers.",
)
@click.option(
    "--matched-ratio",
    type=click.FloatRange(1),
    default=2.0,
    show_default=True,
    help="Films of the matched sample for each misread one of the same class.",
)
@click.option(
    "--age",
    type=click.FloatRange(0, 130),
    default=_AGE_YEARS,
    show_default=True,
    help="Years, told to every model; PneumoniaMNIST is of children of 1 to 5.",
)
@click.option("--finding", default="Pneumonia", show_default=True, metavar="NAME", help="What label 1 stands for.")
@click.option(
    "--source-word",
    "words",
    multiple=True,
    metavar="WORD",
    help="A word by which model cards name these films; repeatable. By default those of PneumoniaMNIST.",
)
@click.option(
    "--leave-out-tainted", is_flag=True, help="Leave out models whose cards name these films, instead of marking them."
)
@click.option(
    "--as-whole/--no-as-whole",
    default=True,
    show_default=True,
    help="Ask the networks a second time, as if the films had always been large.",
)
@click.option(
    "--seen-films",
    multiple=True,
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="DIR",
    help="Films that a model was trained on: those among the test films are counted; repeatable.",
)
@click.option(
    "--resamples", type=click.IntRange(10), default=2000, show_default=True, help="Bootstrap resamples of films."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the fit, the sample and the resamples.")
@click.option("--show", type=click.IntRange(0), default=200, show_default=True, help="Films on the page, at most.")
@click.option("--overwrite", is_flag=True, help="Ask again what an earlier run has asked; the baseline is kept.")
@click.option("--device", type=click.Choice(["auto", "cuda", "mps", "cpu"]), help="What the models run on.")
@click.option("--quiet", is_flag=True, help="Say nothing but errors.")
@pass_session
def command(
    session: Session,
    /,
    *,
    data: Path,
    first: str,
    readers: str,
    reader_option: tuple[str, ...],
    upscale: str,
    out: Path,
    size: int | None,
    epochs: int | None,
    finding: str,
    words: tuple[str, ...],
    leave_out_tainted: bool,
    as_whole: bool,
    show: int,
    overwrite: bool,
    device: str | None,
    quiet: bool,
    **asked: Any,
) -> None:
    """Ask who reads small films right that a baseline misread.

    A baseline looks at the test films as they are. All films that it misread, a matched random sample of the others,
    and by default every test film are upscaled and read by each reader; what a reader claims counts, not its words.
    The gate's refusals are counted, and the readers are asked all the same, so that both can be told. Writes
    second_opinion.json, second_opinion.html, films.json and answers.csv into DIR. A stopped study goes on where it
    ended. Research use only, not for clinical diagnosis.
    """
    evaluating.need_extra()
    from lucidray.models.weights_file import EMBEDDED_FOLDER
    from lucidray.readers.registry import DEFAULT
    from lucidray.study.answers import AS_WHOLE
    from lucidray.study.run import Plan, study
    from lucidray.study.seen import PNEUMONIAMNIST, data_of_card, data_of_spec, exposure
    from lucidray.study.small_films import read_collection

    settings = session.settings(device=device)
    label = _finding(finding)
    names = _names(readers)
    options = parse_reader_options(reader_option, list(names))
    choices = {
        name: ReaderChoice() if reader == "classifier" else choose_by_name(reader, options[name])
        for name, reader in names.items()
    }
    say: Callable[[str], None] = (lambda _: None) if quiet else streams.say
    films = read_collection(data)
    plan = Plan(
        first=first,
        finding=label,
        words=words or PNEUMONIAMNIST,
        leave_out_tainted=leave_out_tainted,
        command=_command_line(),
        shown=show,
        resume=not overwrite,
        size=size,
        epochs=epochs,
        **asked,
    )
    try:
        (out / "answers").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{out} cannot be made: {error.strerror}") from error
    engine = load_engine(settings)
    weights = settings.weights or EMBEDDED_FOLDER
    networks = exposure(data_of_spec(settings.classifier, weights), plan.words)
    askers = [_asker(name, choices[name], engine, networks, plan.words, settings) for name in names]
    if as_whole:
        own = [one for one in askers if choices[one.name].name == DEFAULT]
        askers += [
            replace(one, name=one.name + AS_WHOLE, as_whole=True, options={"upscaled_card": None}) for one in own
        ]

    def progress(total: int) -> Bar:
        return Bar(total, shown=sys.stderr.isatty() and not quiet, color=settings.color, time_left=True)

    result = study(
        films,
        plan,
        out,
        askers,
        _upscalers(upscale, settings, weights, plan.words),
        exposure(data_of_card(weights / "anatomy.json"), plan.words),
        weights=weights,
        device=settings.device,
        threads=settings.threads,
        say=say,
        progress=progress,
    )
    if not quiet:
        _show(result, settings.color)
    streams.say(f"wrote {out / 'second_opinion.html'}, second_opinion.json, films.json and answers.csv")


def _asker(
    name: str,
    choice: ReaderChoice,
    engine: "Lucidray",
    networks: "Exposure",
    words: tuple[str, ...],
    settings: "Settings",
) -> "Asker":
    """Return a reader of the study; its weights are loaded when its turn comes."""
    from lucidray.models.upscaled_card import FILE as UPSCALED_CARD
    from lucidray.models.weights_file import EMBEDDED_FOLDER
    from lucidray.readers.registry import DEFAULT, open_reader
    from lucidray.study.run import Asker
    from lucidray.study.seen import data_of_card, exposure

    options = dict(choice.loading.get("reader_options", {}))

    def opened() -> "tuple[Models, Request]":
        if choice.name == DEFAULT:
            return engine.models, engine.defaults
        reader = open_reader(choice.name, options, settings.device)
        writing = {key: choice.loading[key] for key in ("strategy", "generation") if key in choice.loading}
        chosen = engine.with_reader(reader, **writing)
        return chosen.models, chosen.defaults

    if choice.name == DEFAULT:
        # It writes from what the networks found; what they are worth on upscaled films is in a card of its own.
        card = (settings.weights or EMBEDDED_FOLDER) / UPSCALED_CARD
        known = hashlib.sha256(card.read_bytes()).hexdigest() if card.is_file() else None
        return Asker(name, opened, networks, {"upscaled_card": known})
    folder = options.get("adapter") or options.get("model")
    data = data_of_card(Path(folder).expanduser() / "card.json") if folder else None
    return Asker(name, opened, exposure(data, words), {"reader": choice.name, **choice.loading, **options})


def _upscalers(given: str, settings: "Settings", weights: Path, words: tuple[str, ...]) -> "list[UpscalerOfStudy]":
    from lucidray.models.upscale_lanczos import LANCZOS
    from lucidray.models.upscalers import load_upscaler
    from lucidray.study.run import UpscalerOfStudy
    from lucidray.study.seen import data_of_hash, exposure

    names = [name for name in (part.strip() for part in given.split(",")) if name]
    if not names or len(set(names)) < len(names):
        raise UsageError("--upscale: name at least one upscaler, and each once")
    found = []
    for name in names:
        upscaler = load_upscaler(name, settings.device, settings.threads, weights)
        seen: Exposure = (
            "untrained" if name == LANCZOS else exposure(data_of_hash(upscaler.used.sha256, weights), words)
        )
        found.append(UpscalerOfStudy(name, upscaler, seen))
    return found


def _names(readers: str) -> dict[str, str]:
    """Return the reader of every name that was given."""
    from lucidray.reporting.folder import safe_stem

    names: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in readers.split(","))):
        name, equals, reader = part.partition("=")
        if name in names or safe_stem(name) != name:
            raise UsageError(f"--readers: {name!r} comes twice, or cannot name a file")
        if (name == "classifier") != ((reader or name) == "classifier"):
            raise UsageError("--readers: `classifier` stands for the networks alone and cannot be renamed")
        names[name] = reader if equals else name
    if not names:
        raise UsageError("--readers: name at least one")
    return names


def _finding(name: str) -> "Label":
    from lucidray.domain.vocabulary import LABELS
    from lucidray.evaluation.columns import label_of

    found = label_of(name)
    if found is None:
        raise UsageError(f"--finding {name!r} is none of {', '.join(LABELS)}")
    return found


def _command_line() -> str:
    """Write down what was asked, without the folders of this machine."""
    return "lucidray " + " ".join(
        shlex.quote(Path(word).name if "/" in word or "\\" in word else word) for word in sys.argv[1:]
    )


def _show(result: "Result", color: str) -> None:
    """Print who was right."""
    from rich.table import Table

    from lucidray.study.figures import EVERY, MATCHED, MISREAD
    from lucidray.study.second_opinion import told

    console = streams.console(color)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("right on")
    for name in (MISREAD, MATCHED, EVERY):
        table.add_column(f"{name} ({result.counts[name]['films']})", justify="right")
    for one in result.opinions:
        cells = [told(one.groups[name].accuracy) if name in one.groups else "-" for name in (MISREAD, MATCHED, EVERY)]
        table.add_row(streams.one_line(f"{one.reader}, {one.upscaling}, {one.mode}"), *cells)
    for control in result.controls:
        cells = [f"{control.accuracy[name]:.2f}" if name in control.accuracy else "-" for name in result.counts]
        table.add_row(control.name, *cells)
    console.print(table)
    for note in result.notes:
        console.print(streams.one_line(note))
    console.print(result.notice, style="dim")
