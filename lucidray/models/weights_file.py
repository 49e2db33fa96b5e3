"""Embedded weights: an ONNX file and a JSON card beside it that pins its hash and carries what was fitted with it."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnxruntime

from lucidray.domain.errors import ModelError

EMBEDDED_FOLDER = Path(__file__).parent / "weights"


@dataclass(frozen=True)
class WeightsFile:
    """An ONNX file whose hash is the one that its card names.

    Attributes
    ----------
    path : Path
    card : dict
        The JSON beside the file.
    content : bytes
        The ONNX model; read once, so that what was hashed is what runs.
    """

    path: Path
    card: dict[str, Any]
    content: bytes

    @property
    def sha256(self) -> str:
        """Hash of the content, as 64 hexadecimal digits."""
        return str(self.card["onnx_sha256"])

    def session(self, threads: int) -> onnxruntime.InferenceSession:
        """Start the network on the CPU.

        Parameters
        ----------
        threads : int
            Number of threads; 0 takes one a core.

        Raises
        ------
        ModelError
            The file is no network that ONNX Runtime can run.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        # An arena keeps the peak of the largest layer for ever; without it a film costs no more time and less memory.
        options.enable_cpu_mem_arena = False
        try:
            return onnxruntime.InferenceSession(self.content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime raises a dozen unrelated classes of its own
            raise ModelError(f"{self.path.name} cannot be run: {error}".splitlines()[0]) from error


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
        content = path.read_bytes()
        expected = card["onnx_sha256"]
    except FileNotFoundError as error:
        raise ModelError(
            f"weights are missing: {Path(str(error.filename)).name} is not in {folder}; install lucidray again, or "
            "point LUCIDRAY_WEIGHTS to a folder that has them"
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"weights in {folder} cannot be read: {type(error).__name__} in {name}") from error
    if hashlib.sha256(content).hexdigest() != expected:
        raise ModelError(
            f"{path.name} is not the file that {card_path.name} describes (its SHA-256 differs): install again"
        )
    return WeightsFile(path, card, content)
