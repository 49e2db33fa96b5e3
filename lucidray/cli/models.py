"""`lucidray models`: which models are here, which could be, why not, and what is known of them."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lucidray.cli import streams
from lucidray.cli.session import Session, pass_session
from lucidray.domain.errors import ModelError

if TYPE_CHECKING:
    from rich.console import Console

    from lucidray.domain.backend import Backend


@dataclass(frozen=True)
class Row:
    """One model with what holds on this machine.

    Attributes
    ----------
    role : str
        "classifier", "segmenter", "upscaler" or "reader".
    backend : Backend
    missing : str
        What is missing before it can be used, with the cure; empty where nothing is.
    """

    role: str
    backend: "Backend"
    missing: str

    def as_json(self) -> dict[str, Any]:
        """Return the row for JSON."""
        return {"role": self.role, "usable": not self.missing, "missing": self.missing, **asdict(self.backend)}


@click.command("models", short_help="List the models that are here and that could be: terms, size, what is missing.")
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout, with the whole cards of the embedded networks.")
@pass_session
def command(session: Session, as_json: bool) -> None:
    """List the models that are here and that could be: terms, size, what is missing.

    A classifier's name goes to --classifier, a reader's to --reader, an upscaler's to --upscale. "real" tells whether
    this project ever ran a model with its real weights; where it did not, its code is tested with random ones.
    """
    settings = session.settings()
    cards = read_cards(settings.weights)
    rows = list(list_models())
    if as_json:
        listed = {"cards": cards, "models": [row.as_json() for row in rows]}
        streams.write(json.dumps(listed, indent=2, ensure_ascii=False))
        return
    _show(rows, cards, streams.console(settings.color))


def list_models() -> Iterator[Row]:
    """Yield every model that this installation knows."""
    from lucidray.models import upscalers
    from lucidray.models.registry import CLASSIFIERS, SEGMENTERS, missing_part
    from lucidray.models.upscalers import UPSCALERS

    for role, backends in (("classifier", CLASSIFIERS), ("segmenter", SEGMENTERS)):
        for backend in backends:
            yield Row(role, backend, missing_part(backend))
    for backend in UPSCALERS:
        yield Row("upscaler", backend, upscalers.missing_part(backend))
    yield from _list_readers()


def _list_readers() -> Iterator[Row]:
    """Yield the readers that people can choose."""
    from lucidray.domain.backend import Backend
    from lucidray.readers.registry import FOR_TESTS, READERS, missing_part

    for name, entry in READERS.items():
        if name == FOR_TESTS:
            continue
        backend = Backend(
            name=name,
            module=entry.module,
            extra=entry.extra,
            licence=entry.licence,
            gated=entry.gated,
            sends_data_away=entry.sends_data != "never",
            weights="",
            size="",
            ran_real_weights=entry.ran_on_real_weights,
            note=entry.what if entry.sends_data == "never" else f"{entry.what}; sends the film: {entry.sends_data}",
        )
        yield Row("reader", backend, missing_part(entry))


def _show(rows: list[Row], cards: dict[str, dict[str, Any]], console: "Console") -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("name", overflow="fold")
    for heading in ("usable", "licence", "size", "film", "real"):
        table.add_column(heading)
    role = ""
    for row in rows:
        if row.role != role:
            role = row.role
            table.add_row(Text(f"{role}s", "bold"))
        backend = row.backend
        table.add_row(
            f"  {backend.name}",
            "no" if row.missing else "yes",
            backend.licence + (" (gated)" if backend.gated else ""),
            backend.size or "-",
            "is sent away" if backend.sends_data_away else "stays here",
            {True: "yes", False: "never", None: "no weights"}[backend.ran_real_weights],
        )
    console.print(table)
    console.print(Text("\nwhat is missing", "bold"))
    reasons: dict[str, list[str]] = {}
    for row in rows:
        if row.missing:
            reasons.setdefault(row.missing, []).append(row.backend.name)
    for reason, names in reasons.items():
        console.print(f"  {', '.join(names)}: {reason}", markup=False, highlight=False)
    console.print(Text("\nembedded networks", "bold"))
    for path, card in cards.items():
        words = f"  {card.get('name')} {card.get('version')}, SHA-256 {str(card.get('onnx_sha256'))[:12]}, {path}"
        console.print(words, markup=False, highlight=False)


def read_cards(weights: Path | None) -> dict[str, dict[str, Any]]:
    """Return the card of each network by the path of its ONNX file.

    Parameters
    ----------
    weights : path or None
        A folder with weights; None stands for the embedded ones.

    Raises
    ------
    ModelError
        There is no network, or a card is damaged.
    """
    from lucidray.models.weights_file import EMBEDDED_FOLDER

    folder = EMBEDDED_FOLDER if weights is None else weights
    cards = {}
    for path in sorted(folder.glob("*.onnx")):
        try:
            cards[str(path)] = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ModelError(f"{path.with_suffix('.json')} cannot be read: {type(error).__name__}") from error
    if not cards:
        raise ModelError(f"weights are missing: no network in {folder}")
    return cards
