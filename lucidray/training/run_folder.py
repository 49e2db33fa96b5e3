"""The folder of a training run: what was asked, on which films, how it went, and where it can be taken up again.

`config.json` the exact configuration, `data.json` the manifest's hash and the films of each split, `metrics.jsonl` one
line an epoch, TensorBoard's event files where `tensorboard` is installed, `checkpoint.pt` written in one piece.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from lucidray.datasets.manifest import SPLITS, Manifest
from lucidray.domain.errors import ModelError, UsageError

Report = Callable[[str], None]
# What may differ when a run is taken up again: it changes no number.
_FREE = frozenset({"device", "workers"})


class RunFolder:
    """One run's folder.

    Parameters
    ----------
    path : Path
    config : mapping
        Everything that decides the run; JSON values.
    data : mapping
        What the run learns from; see `describe`.
    resume : bool
        Go on from the checkpoint that is there.
    writes : bool
        False in all processes of a run but the first.

    Raises
    ------
    UsageError
        There is nothing to resume, another run is there, or settings or films have changed.
    """

    def __init__(
        self, path: Path, config: Mapping[str, Any], data: Mapping[str, Any], *, resume: bool, writes: bool = True
    ) -> None:
        self.path, self._writes = path, writes
        self._config, self._data = dict(config), dict(data)
        there = self.checkpoint.exists()
        if resume and not there:
            raise UsageError(f"{self.checkpoint} does not exist: there is nothing to resume")
        if there and not resume:
            raise UsageError(f"{self.checkpoint} exists: resume it or choose another folder")
        if resume:
            self._check_same()
        self._board: Any = None

    def begin(self) -> None:
        """Write configuration and data; called once all processes have looked at what was there."""
        if not self._writes:
            return
        self.path.mkdir(parents=True, exist_ok=True)
        for name, content in (("config.json", self._config), ("data.json", self._data)):
            write_text(self.path / name, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
        self._board = _board(self.path)

    @property
    def checkpoint(self) -> Path:
        """Where the run can be taken up again."""
        return self.path / "checkpoint.pt"

    @property
    def has_board(self) -> bool:
        """Whether event files are written."""
        return self._board is not None

    def save(self, state: Mapping[str, Any]) -> None:
        """Write a checkpoint: whole, or not at all."""
        if self._writes:
            part = self.checkpoint.with_suffix(".part")
            torch.save(dict(state), part)
            part.replace(self.checkpoint)

    def load(self, device: torch.device | str) -> dict[str, Any]:
        """Read the checkpoint; nothing that is pickled is executed.

        Raises
        ------
        ModelError
            It is damaged.
        """
        try:
            return dict(torch.load(self.checkpoint, map_location=device, weights_only=True))
        except Exception as error:  # a damaged file raises whatever its bytes happen to ask for
            raise ModelError(f"{self.checkpoint} cannot be read: {type(error).__name__}") from error

    def forget_after(self, epochs: int) -> None:
        """Drop measures of epochs that the checkpoint does not hold: they are measured again."""
        path = self.path / "metrics.jsonl"
        if self._writes and path.exists():
            lines = path.read_text(encoding="utf-8").splitlines()
            kept = [line for line in lines if json.loads(line)["epoch"] <= epochs]
            write_text(path, "".join(line + "\n" for line in kept))

    def log(self, epoch: int, figures: Mapping[str, float | int | None]) -> None:
        """Add one epoch's measures."""
        if not self._writes:
            return
        with (self.path / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({"epoch": epoch, **figures}) + "\n")
        if self._board is not None:
            for name, value in figures.items():
                if value is not None:
                    self._board.add_scalar(name, value, epoch)
            self._board.flush()

    def close(self) -> None:
        """Close the event files."""
        if self._board is not None:
            self._board.close()

    def _check_same(self) -> None:
        for name, now, free in (("config.json", self._config, _FREE), ("data.json", self._data, frozenset())):
            try:
                before = json.loads((self.path / name).read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                raise UsageError(f"{self.path / name} cannot be read: the run cannot be resumed") from error
            # Written and read once, so that tuples and lists compare alike.
            fresh = json.loads(json.dumps(now))
            keys = (before.keys() | fresh.keys()) - free
            changed = sorted(key for key in keys if before.get(key) != fresh.get(key))
            if changed:
                what = "settings" if name == "config.json" else "films"
                raise UsageError(
                    f"the run was started with other {what} ({', '.join(changed)}); resume it with the same ones"
                )


def describe(manifest: Manifest, path: Path, counts: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
    """Return what a run learns from: the manifest's SHA-256 and how much of what is in each split.

    Parameters
    ----------
    manifest : Manifest
    path : Path
        The prepared folder, or its table.
    counts : mapping
        By split, what was counted beside the films: positives of each finding, boxes.
    """
    table = path / "manifest.csv" if path.is_dir() else path
    with table.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    splits = {
        split: {
            "films": len(manifest.of(split)),
            "patients": len({film.patient for film in manifest.of(split)}),
            **counts.get(split, {}),
        }
        for split in SPLITS
    }
    return {"manifest": table.name, "sha256": sha256, "splits": splits}


def check_splits(manifest: Manifest) -> None:
    """Refuse a manifest whose patients are in two splits, or that lacks one: what is measured would be worth nothing.

    Raises
    ------
    UsageError
        See above.
    """
    split_of: dict[str, str] = {}
    for film in manifest.films:
        if split_of.setdefault(film.patient, film.split) != film.split:
            raise UsageError(f"patient {film.patient} has films in two splits; lucidray data check tells more")
    missing = [split for split in SPLITS if not manifest.of(split)]
    if missing:
        raise UsageError(f"the manifest has no {' and no '.join(missing)} films: training needs all three splits")


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


class Clock:
    """How long a run still takes, from how long its steps took since it was started or resumed."""

    def __init__(self, total: int, done: int = 0) -> None:
        self._total, self._first, self._started = total, done, time.monotonic()

    def left(self, done: int) -> str:
        """Say the time left in words."""
        steps = done - self._first
        if steps <= 0:
            return "time left unknown"
        seconds = (time.monotonic() - self._started) / steps * (self._total - done)
        hours, minutes = int(seconds // 3600), int(seconds % 3600 // 60)
        if hours:
            return f"{hours} h {minutes:02d} min left"
        return f"{minutes} min left" if minutes else f"{int(seconds)} s left"


def _board(path: Path) -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(path / "tensorboard"))
