"""`lucidray models`: which networks are here, and what is known of them."""

import json
from pathlib import Path
from typing import Any

import click

from lucidray.cli import streams
from lucidray.cli.session import Session, pass_session
from lucidray.domain.errors import ModelError


@click.command("models", short_help="List the networks that are here, with their cards.")
@click.option("--json", "as_json", is_flag=True, help="The whole cards as JSON on stdout.")
@pass_session
def command(session: Session, as_json: bool) -> None:
    """List the networks that are here, with their cards."""
    settings = session.settings()
    cards = read_cards(settings.weights)
    if as_json:
        streams.write(json.dumps(cards, indent=2, ensure_ascii=False))
        return
    from rich.table import Table

    table = Table("network", "version", "sha256", "file", box=None, pad_edge=False, header_style="bold")
    for path, card in cards.items():
        table.add_row(str(card.get("name")), str(card.get("version")), str(card.get("onnx_sha256"))[:12], path)
    streams.console(settings.color).print(table)


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
