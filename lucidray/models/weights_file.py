"""Embedded weights: an ONNX file and a JSON card beside it that pins its hash and carries what was fitted with it."""

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
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
    """

    path: Path
    card: dict[str, Any]

    @property
    def sha256(self) -> str:
        """Hash of the ONNX file, as 64 hexadecimal digits."""
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
        # Two networks take turns on the same cores: threads that spin while they wait slow down the other one.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        _share_arena()
        options.add_session_config_entry("session.use_env_allocators", "1")
        options.add_session_config_entry("session.use_device_allocator_for_initializers", "1")
        try:
            return onnxruntime.InferenceSession(self.path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime raises a dozen unrelated classes of its own
            raise ModelError(f"{self.path.name} cannot be run: {error}".splitlines()[0]) from error


@lru_cache(maxsize=1)
def _share_arena() -> None:
    """Let all networks of this process take turns in one memory arena that grows by what is asked for, not by doubling.

    Two arenas of their own cost a sixth more of the whole process's peak.
    """
    memory = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    no_limit, as_requested, default = 0, 1, -1
    onnxruntime.create_and_register_allocator(memory, onnxruntime.OrtArenaCfg(no_limit, as_requested, default, default))


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
