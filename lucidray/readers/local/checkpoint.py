"""Where a model's files are: a folder, the hub's cache on this machine, or the hub itself, in this order.

What is on the machine already is taken without a word to the hub. `HF_HUB_OFFLINE=1` forbids asking it at all.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from lucidray.domain.errors import WeightsError

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SMALL_FILES = ["*.json", "*.txt", "*.model", "*.jinja", "*.py"]
_SAFE_WEIGHTS, _OLD_WEIGHTS = ["*.safetensors"], ["pytorch_model*.bin"]


@dataclass(frozen=True)
class Checkpoint:
    """A model's files.

    Attributes
    ----------
    folder : Path
    name : str
        As on the hub, or the folder's name.
    version : str
        The commit on the hub, or "local".
    """

    folder: Path
    name: str
    version: str

    @property
    def weight_bytes(self) -> int:
        """Size of the files with weights, in bytes."""
        return sum(path.stat().st_size for path in _weight_files(self.folder))


def fetch(model: str, revision: str | None = None) -> Checkpoint:
    """Find a model's files, and download them where they are not on this machine.

    Parameters
    ----------
    model : str
        A folder, or a name on the hub (``owner/name``).
    revision : str, optional
        Branch, tag or commit on the hub.

    Raises
    ------
    WeightsError
        There is no such model, it is gated, it is not here and the hub cannot be reached, or files of it are missing.
    """
    folder = Path(model).expanduser()
    if folder.is_dir():
        gap = _gap(folder)
        if gap:
            raise WeightsError(f"the folder {model} holds no whole model: {gap}")
        return Checkpoint(folder, folder.resolve().name, "local")
    if not _HUB_ID.fullmatch(model):
        raise WeightsError(f"no model {model!r}: it is no folder here, and names on the hub look like owner/name")
    cached = _cached(model, revision)
    if cached is not None:
        return cached
    try:
        found = Path(snapshot_download(model, revision=revision, allow_patterns=[*_SMALL_FILES, *_SAFE_WEIGHTS]))
        if not _weight_files(found):
            found = Path(snapshot_download(model, revision=revision, allow_patterns=_OLD_WEIGHTS))
    except Exception as error:
        raise _explained(error, model, revision) from error
    gap = _gap(found)
    if gap:
        # Where the hub cannot be reached, its library gives what an earlier download left.
        raise WeightsError(
            f"{model} is not whole on this machine ({gap}), and the rest cannot be fetched: the hub cannot be reached, "
            "or does not have it"
        )
    return Checkpoint(found, model, found.name)


def is_pinned(revision: str | None) -> bool:
    """Whether a revision is a whole commit, which nobody can move."""
    return revision is not None and _COMMIT.fullmatch(revision) is not None


def _cached(model: str, revision: str | None) -> Checkpoint | None:
    try:
        folder = Path(snapshot_download(model, revision=revision, local_files_only=True))
    except (OSError, HFValidationError):
        return None
    # A download that was stopped leaves a snapshot with holes: it is taken up again.
    return None if _gap(folder) else Checkpoint(folder, model, folder.name)


def _weight_files(folder: Path) -> list[Path]:
    safe = sorted(folder.glob("*.safetensors"))
    return safe or sorted(folder.glob("pytorch_model*.bin"))


def _gap(folder: Path) -> str:
    """Say what is missing from a folder with a model; nothing where it is whole."""
    if not (folder / "config.json").is_file():
        return "no config.json"
    for index in (*folder.glob("*.safetensors.index.json"), *folder.glob("pytorch_model*.bin.index.json")):
        try:
            shards = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        except (OSError, ValueError, KeyError, AttributeError) as error:
            return f"{index.name} cannot be read ({type(error).__name__})"
        missing = [shard for shard in shards if not (folder / shard).is_file()]
        return f"no {missing[0]}" if missing else ""
    return "" if _weight_files(folder) else "no weights"


def _explained(error: Exception, model: str, revision: str | None) -> WeightsError:
    if isinstance(error, GatedRepoError):
        return WeightsError(
            f"the weights of {model} are gated: accept the terms on https://huggingface.co/{model}, then run "
            "`hf auth login` with a token of the same account, and try again"
        )
    if isinstance(error, RevisionNotFoundError):
        return WeightsError(f"{model} has no revision {revision!r} on the hub")
    if isinstance(error, RepositoryNotFoundError):
        return WeightsError(
            f"the hub knows no model {model}; if it is private or gated, run `hf auth login` first, otherwise look at "
            "its name"
        )
    if isinstance(error, OfflineModeIsEnabled):
        return WeightsError(f"the weights of {model} are not on this machine, and HF_HUB_OFFLINE forbids to fetch them")
    if isinstance(error, HfHubHTTPError):
        status = getattr(error.response, "status_code", "unknown")
        return WeightsError(
            f"the hub refuses {model} with status {status}: if it is gated, accept its terms on its page"
        )
    if isinstance(error, LocalEntryNotFoundError | OSError) or "connect" in str(error).lower():
        return WeightsError(
            f"the weights of {model} are not on this machine, and the hub cannot be reached: fetch them elsewhere with "
            f"`hf download {model}` and copy the cache, or name a folder with --model"
        )
    return WeightsError(f"{model} cannot be fetched: {type(error).__name__}: {error}")
