"""What a run writes as it goes: `metrics.jsonl`, and the same figures for TensorBoard where it is installed."""

import json
from pathlib import Path
from types import TracebackType
from typing import Any, Self


class Record:
    """The figures of a run, one line a measurement.

    Parameters
    ----------
    run_dir : Path
    step : int
        From which the run goes on; lines beyond it were written after the last checkpoint and are dropped.
    """

    def __init__(self, run_dir: Path, step: int = 0) -> None:
        self._path = run_dir / "metrics.jsonl"
        kept = [figures for figures in read(self._path) if figures["step"] <= step]
        self._path.write_text("".join(json.dumps(figures) + "\n" for figures in kept), encoding="utf-8")
        self._board: Any = _board(run_dir, step)

    def add(self, figures: dict[str, float]) -> None:
        """Write one measurement; `figures` names its step."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(figures) + "\n")
        if self._board is not None:
            for name, value in figures.items():
                if name != "step":
                    self._board.add_scalar(name, value, figures["step"])
            self._board.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._board is not None:
            self._board.close()


def read(path: Path) -> list[dict[str, float]]:
    """Return the measurements of a run, none where there is no file."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def _board(run_dir: Path, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ModuleNotFoundError:
        return None  # TensorBoard is a way of looking at metrics.jsonl, not a part of the run
    return SummaryWriter(run_dir / "tensorboard", purge_step=step + 1)
