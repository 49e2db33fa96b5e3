"""Models in the layout of the Hugging Face hub: from a folder or the hub's cache here, never from the hub."""

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import huggingface_hub
import transformers
from huggingface_hub import constants

from lucidray.domain.errors import ModelError

_CHUNK = 1 << 20


@contextlib.contextmanager
def offline() -> Iterator[None]:
    """Keep every library that asks the hub within its cache and quiet; what is missing there fails at once."""
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    bars = transformers.utils.logging.is_progress_bar_enabled()
    transformers.utils.logging.disable_progress_bar()
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before
        if bars:
            transformers.utils.logging.enable_progress_bar()


def local_folder(where: str) -> Path:
    """Return the folder of a model.

    Parameters
    ----------
    where : str
        A folder, or the name of a model on the hub (``owner/name``) that was downloaded before.

    Raises
    ------
    ModelError
        There is no such folder, and no such model in the cache.
    """
    folder = Path(where).expanduser()
    if folder.is_dir():
        return folder
    parts = where.split("/")
    if len(parts) != 2 or not all(parts) or where.startswith((".", "~")):
        raise ModelError(f"weights are missing: no folder {where}")
    try:
        return Path(huggingface_hub.snapshot_download(where, local_files_only=True))
    except Exception as error:  # the hub's library tells a miss by half a dozen classes
        raise ModelError(
            f"weights are missing: no folder {where}, and no such model in the hub's cache; "
            f"get it once, on a machine that is connected, with: hf download {where}"
        ) from error


def weight_files(folder: Path, names: Sequence[str]) -> list[Path]:
    """Return the weights of a folder: all files of the first pattern that fits any.

    Raises
    ------
    ModelError
        There are none.
    """
    for name in names:
        found = sorted(folder.glob(name))
        if found:
            return found
    raise ModelError(f"weights are missing: none of {', '.join(names)} is in {folder}")


def joint_hash(paths: Sequence[Path]) -> str:
    """Return the SHA-256 of all files, one after the other, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    return digest.hexdigest()
