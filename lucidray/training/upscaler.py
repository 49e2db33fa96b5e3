"""The run that makes the upscaling network: by 4, on radiographs, against Lanczos."""

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lucidray.domain.errors import UsageError
from lucidray.imaging.upscaling import lanczos
from lucidray.training.export import write_onnx
from lucidray.training.upscaler_card import finish
from lucidray.training.upscaler_films import Pair, UpscalerFilms, at_side, draw_pair, gather, reduce, trainable
from lucidray.training.upscaler_network import FACTOR, UpscalerNetwork
from lucidray.training.upscaler_record import Record

Report = Callable[[str], None]
_VALIDATION_SIDES_PX = (112, 224, 448)
_VALIDATION_FILMS = 16


@dataclass(frozen=True)
class Config:
    """Everything that decides a run; written to `config.json`."""

    steps: int = 7000
    batch: int = 8
    patch: int = 28
    channels: int = 32
    blocks: int = 8
    learning_rate: float = 1e-3
    warmup: float = 0.02
    ema: float = 0.998
    mixed: bool = True
    seed: int = 0
    limit: int | None = None


def train(
    data_dir: Path,
    run_dir: Path,
    config: Config = Config(),
    *,
    resume: bool = False,
    device: str = "cpu",
    cache_dir: Path | None = None,
    small_films: Path | None = None,
    report: Report | None = None,
) -> Path:
    """Train, export and measure the network that upscales films.

    Parameters
    ----------
    data_dir : Path
        The training films.
    run_dir : Path
        Receives `config.json`, `data.json`, `metrics.jsonl`, `checkpoint.pt`, a plot, `upscaler.onnx`, card and page.
    config : Config
    resume : bool
        Go on from the checkpoint; `steps` may be changed.
    device : str
        As PyTorch names it.
    cache_dir : Path, optional
        Where decoded films are kept; inside `run_dir` where not given.
    small_films : Path, optional
        A `.npz` of small films in MedMNIST's layout: the gate is shown its test films.
    report : callable, optional
        Receives one line of progress at a time.

    Returns
    -------
    Path of the exported network.

    Raises
    ------
    InputError
        A folder of films is missing.
    UsageError
        `run_dir` holds another run, or nothing to resume; no film is large enough.
    """
    say = report or (lambda _: None)
    say("reading films")
    films = gather(data_dir, cache_dir or run_dir / "cache", config.limit)
    network = fit(films, run_dir, config, resume=resume, device=device, report=report)
    say("exporting and measuring")
    path = run_dir / "upscaler.onnx"
    sha256 = write_onnx(network, config.patch, path, ("added",), any_size=True)
    finish(path, sha256, films, run_dir, small_films, say)
    return path


def fit(
    films: UpscalerFilms,
    run_dir: Path,
    config: Config,
    *,
    resume: bool = False,
    device: str = "cpu",
    every: int = 250,
    report: Report | None = None,
) -> UpscalerNetwork:
    """Run the training loop and return the averaged network.

    Raises
    ------
    UsageError
        `run_dir` holds another run, or nothing to resume.
    """
    say = report or (lambda _: None)
    checkpoint = run_dir / "checkpoint.pt"
    if resume != checkpoint.exists():
        raise UsageError(f"{checkpoint} {'does not exist' if resume else 'exists: resume it or choose another folder'}")
    run_dir.mkdir(parents=True, exist_ok=True)
    run = _Run(films, config, device)
    if resume:
        saved = torch.load(checkpoint, map_location=device, weights_only=True)
        settings = _resumed(run_dir, config, int(saved["step"]))
        run.load(saved)
        _write_config(run_dir, settings)
    else:
        _write_config(run_dir, asdict(config))
        (run_dir / "data.json").write_text(json.dumps(films.manifest(), indent=2) + "\n", encoding="utf-8")
    started, first = time.monotonic(), run.step
    with Record(run_dir, run.step) as record:
        while run.step < config.steps:
            loss = run.learn()
            if run.step % every and run.step != config.steps:
                continue
            figures = {"step": run.step, "loss": loss, **run.validate()}
            record.add(figures)
            run.save(checkpoint)
            left = (time.monotonic() - started) / (run.step - first) * (config.steps - run.step)
            shown = ", ".join(f"{name} {value:.3f}" for name, value in figures.items() if name.startswith("gain"))
            say(f"step {run.step} of {config.steps}, loss {loss:.5f}, {shown} dB, {left / 60:.0f} min left")
    return run.average


def _resumed(run_dir: Path, config: Config, step: int) -> dict[str, Any]:
    """Return the settings of a run that goes on: its own, but for the number of steps, which may be changed.

    A run that is made longer or shorter follows the new schedule from the step that it is at; `resized` tells so.
    """
    before: dict[str, Any] = json.loads((run_dir / "config.json").read_text(encoding="utf-8"))
    now = asdict(config)
    changed = sorted(name for name in now if name != "steps" and before.get(name) != now[name])
    if changed:
        raise UsageError(f"the run was started with other settings ({', '.join(changed)}): resume it with the same")
    resized = before.get("resized", [])
    if before["steps"] != config.steps:
        resized = [*resized, {"at_step": step, "from_steps": before["steps"], "to_steps": config.steps}]
    return {**now, "resized": resized} if resized else now


def _write_config(run_dir: Path, settings: dict[str, Any]) -> None:
    (run_dir / "config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


class _Run:
    """The state of a run: everything that a checkpoint holds, and what follows from the films."""

    def __init__(self, films: UpscalerFilms, config: Config, device: str) -> None:
        self.films, self.config, self.device = films, config, torch.device(device)
        self.rows = trainable(films, films.of("train"), config.patch)
        if not self.rows:
            raise UsageError(f"no training film is large enough for patches of {FACTOR * config.patch} pixels")
        torch.manual_seed(config.seed)
        self.network = UpscalerNetwork(config.channels, config.blocks).to(self.device)
        self.average = UpscalerNetwork(config.channels, config.blocks).to(self.device)
        self.average.load_state_dict(self.network.state_dict())
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=config.learning_rate)
        self.step, self.loss = 0, math.nan
        self._held_out = _validation_pairs(films)

    def load(self, saved: dict[str, Any]) -> None:
        self.network.load_state_dict(saved["network"])
        self.average.load_state_dict(saved["average"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.step, self.loss = saved["step"], saved["loss"]

    def save(self, path: Path) -> None:
        state = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "loss": self.loss,
        }
        part = path.with_suffix(".part")
        torch.save(state, part)
        part.replace(path)

    def learn(self) -> float:
        """Take one step; returns the running loss, the mean absolute error in grey values of [0, 1]."""
        config = self.config
        # What is drawn follows from the step, so that a resumed run sees what the uninterrupted one would have.
        rng = np.random.default_rng([config.seed, self.step])
        rows = rng.choice(self.rows, config.batch)
        small, smooth, large = self._tensors([draw_pair(self.films.cache[int(row)], config.patch, rng) for row in rows])
        for group in self.optimizer.param_groups:
            group["lr"] = config.learning_rate * _rate(self.step / config.steps, config.warmup)
        # Activations in bfloat16 halve a step's time; weights, differences and the loss stay in single precision.
        with torch.autocast(self.device.type, torch.bfloat16, enabled=config.mixed):
            added = self.network(small)
        loss = (smooth + added.float() - large).abs().mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 0.5)
        self.optimizer.step()
        self.step += 1
        keep = min(config.ema, self.step / (self.step + 9))
        with torch.no_grad():
            for slow, fast in zip(self.average.parameters(), self.network.parameters(), strict=True):
                slow.lerp_(fast, 1 - keep)
        value = float(loss.detach())
        self.loss = value if math.isnan(self.loss) else 0.98 * self.loss + 0.02 * value
        return self.loss

    def _tensors(self, pairs: list[Pair]) -> list[torch.Tensor]:
        parts = ([pair.small for pair in pairs], [pair.smooth for pair in pairs], [pair.large for pair in pairs])
        return [torch.from_numpy(np.stack(part))[:, None].to(self.device) for part in parts]

    def validate(self) -> dict[str, float]:
        """Mean gain in PSNR over Lanczos, in dB, on validation films, one figure a size."""
        figures = {}
        with torch.inference_mode():
            for side, pairs in self._held_out.items():
                gains = []
                for pair in pairs:
                    small, smooth, large = self._tensors([pair])
                    made = (smooth + self.average(small)).clamp(0, 1)
                    before, after = (float(((film - large) ** 2).mean()) for film in (smooth, made))
                    gains.append(10 * math.log10(max(before, 1e-10) / max(after, 1e-10)))
                figures[f"gain_{side}"] = float(np.mean(gains))
        return figures


def _validation_pairs(films: UpscalerFilms) -> dict[int, list[Pair]]:
    pairs: dict[int, list[Pair]] = {}
    for side in _VALIDATION_SIDES_PX:
        rows = [row for row in films.of("validation", "nih") if min(films.cache.shapes[row]) >= side]
        for row in rows[:_VALIDATION_FILMS]:
            large = at_side(films.cache[row], side)
            small = reduce(large, side // FACTOR)
            pairs.setdefault(side, []).append(Pair(small, lanczos(small, side, side), large))
    return pairs


def _rate(place: float, warmup: float) -> float:
    """Share of the peak learning rate at `place` in [0, 1) of the run."""
    if place < warmup:
        return (place + 1e-3) / (warmup + 1e-3)
    return 0.5 + 0.5 * math.cos(math.pi * (place - warmup) / (1 - warmup))
