"""Embedded weights: an ONNX file and a JSON card beside it that pins its hash and carries what was fitted with it."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnxruntime

from lucidray.domain.errors import ModelError
from lucidray.models.onnx_session import start

EMBEDDED_FOLDER = Path(__file__).parent / "weights"


@dataclass(frozen=True)
class WeightsFile:
    """An ONNX file whose hash is the one that its card names.

    Attributes
    ----------
    path : Path
    card : dict
        The JSON beside the file.
    """

    path: Path
    card: dict[str, Any]

    @property
    def sha256(self) -> str:
        """Hash of the ONNX file, as 64 hexadecimal digits."""
        return str(self.card["onnx_sha256"])

    def session(self, threads: int, device: str = "cpu") -> onnxruntime.InferenceSession:
        """Start the network; see `onnx_session.start`."""
        return start(self.path, threads, device)


def open_weights(folder: Path, name: str) -> WeightsFile:
    """Open `name`.onnx with its card `name`.json, and check the hash.

    Raises
    ------
    ModelError
        A file is missing or damaged, or the hash differs from the card's.
    """
    path, card_path = folder / f"{name}.onnx", folder / f"{name}.json"
    try:
        card = json.loads(card_path.read_text(encoding="utf-8"))
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        expected = card["onnx_sha256"]
    except FileNotFoundError as error:
        raise ModelError(
            f"weights are missing: {Path(str(error.filename)).name} is not in {folder}; install lucidray again, or "
            "point LUCIDRAY_WEIGHTS to a folder that has them"
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"weights in {folder} cannot be read: {type(error).__name__} in {name}") from error
    if found != expected:
        raise ModelError(
            f"{path.name} is not the file that {card_path.name} describes (its SHA-256 differs): install again"
        )
    return WeightsFile(path, card)
