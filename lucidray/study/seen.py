"""Whether a model may have seen the films of a study when it was trained: what its own card says, and nothing else."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from lucidray.domain.errors import ModelError
from lucidray.models.model_card import CARD_NAME

Exposure = Literal["saw", "apart", "unknown", "untrained"]
"""`saw`: its card names the collection, so that these very films cannot be excluded. `apart`: its card names its films,
and the collection is not among them. `unknown`: no card says what it was trained on. `untrained`: nothing was."""

WORDS: dict[Exposure, str] = {
    "saw": "saw these children in training, or cannot exclude it",
    "apart": "trained on other films",
    "unknown": "nobody says what it was trained on",
    "untrained": "not trained",
}
# What cards call PneumoniaMNIST and the films that it was made of (Kermany et al. 2018, Guangzhou).
PNEUMONIAMNIST = ("Kermany", "PneumoniaMNIST", "Guangzhou", "paediatric")
_ORDER: tuple[Exposure, ...] = ("untrained", "apart", "unknown", "saw")


def exposure(data: Sequence[str] | None, words: Sequence[str]) -> Exposure:
    """Judge by the names of a model's training films.

    Parameters
    ----------
    data : sequence of str or None
        As its card has them; None where it has none.
    words : sequence of str
        Any of which names the collection; upper and lower case are one.
    """
    if data is None:
        return "unknown"
    told = " ".join(data).lower()
    return "saw" if any(word.lower() in told for word in words) else "apart"


def worst(found: Iterable[Exposure]) -> Exposure:
    """Return what holds of several models that work together."""
    return max(found, key=_ORDER.index, default="untrained")


def named_data(card: Mapping[str, Any]) -> list[str] | None:
    """Return the names of training films in a card: `training.data`, `data`, or the keys of `films`; None without them.

    An empty list names nothing, and so says nothing.
    """
    training = card.get("training")
    data = training.get("data") if isinstance(training, Mapping) else card.get("data")
    if data is None and isinstance(card.get("films"), Mapping):
        data = list(card["films"])
    if isinstance(data, str):
        data = [data]
    return [str(name) for name in data] if data else None


def data_of_card(path: Path) -> list[str] | None:
    """Read what a card file names; None where there is no such file.

    Raises
    ------
    ModelError
        It is there and cannot be read.
    """
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read: {type(error).__name__}") from error
    return named_data(card) if isinstance(card, Mapping) else None


def data_of_spec(spec: str, weights: Path) -> list[str] | None:
    """Return the training films of a classifier by its name: the embedded card, or that of a folder.

    Parameters
    ----------
    spec : str
        As `lucidray models` names it.
    weights : Path
        The folder of the embedded weights.
    """
    if spec == "embedded":
        return data_of_card(weights / "findings.json")
    _, colon, folder = spec.rpartition(":")
    return data_of_card(Path(folder).expanduser() / CARD_NAME) if colon else None


def data_of_hash(sha256: str | None, folder: Path) -> list[str] | None:
    """Return the training films of embedded weights by their hash; None where no card in the folder is of them."""
    if sha256 is None or not folder.is_dir():
        return None
    for path in sorted(folder.glob("*.json")):
        try:
            card = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ModelError(f"{path} cannot be read: {type(error).__name__}") from error
        if isinstance(card, Mapping) and sha256 in (card.get("onnx_sha256"), card.get("sha256")):
            return named_data(card)
    return None
